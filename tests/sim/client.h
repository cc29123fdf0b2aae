/* SPDX-License-Identifier: Apache-2.0 */
/* Clients and their works. */
#ifndef LR_TESTS_SIM_CLIENT_H
#define LR_TESTS_SIM_CLIENT_H

#include "tests/sim/agent.h"

#define SIM_WORKS 4

enum work_kind {
	WORK_NONE,
	WORK_STORE,	/* one entry */
	WORK_UPLOAD,	/* open manifest, chunks, close */
	WORK_FETCH,
	WORK_REMOVE,
	WORK_READ,	/* registers */
	WORK_WRITE,
	WORK_NAME_GET,
	WORK_NAME_SET, /* or remove */
	WORK_LIST,
	WORK_FIND,
	WORKS
};

#define SIM_NAMES 4

enum upload_phase { UP_OPENING, UP_STREAMING, UP_CLOSING, UP_UNDOING };

struct work {
	enum work_kind kind;
	struct client *c;
	uint32_t life, key;
	uint64_t val, deadline_ms, started_ms;
	bool removal, final;
	unsigned hist, handle; /* its place in the register's history */
	/* uploads */
	enum upload_phase phase;
	unsigned next, in_flight, patience_ms;
	bool failed, touching;
	bool looked; /* a fetch whose chunk was not there */
	uint64_t touched_ms, touch_sent_ms;
	struct lr_tag tag;
	/* FIND */
	uint64_t find_ce;
	uint8_t find_said; /* members that have nothing */
	unsigned find_tries;
};

struct seen { /* of a name, last */
	struct lr_tag tag; /* ts 0: nothing there */
	uint64_t val;
};

struct client {
	struct agent ag;
	unsigned node;
	bool dialling;
	uint64_t writer[2]; /* two handles */
	uint32_t seq[2];
	struct work work[SIM_WORKS];
	struct seen seen[SIM_NAMES];
};

/* work.c, object.c, name.c, list.c, find.c */
void client_start(struct sim *s, unsigned i);
void client_recv(struct sim *s, struct client *c, struct conn *conn,
		 struct msg *m);
void client_kill(struct sim *s, struct client *c); /* and it is back, anew */
struct work *work_of(struct cop *o); /* NULL: it is over */
void work_over(struct sim *s, struct work *w);
void object_begin(struct sim *s, struct work *w);
void register_begin(struct sim *s, struct work *w);
void name_begin(struct sim *s, struct work *w);
void name_judge(struct sim *s, uint32_t key);
void list_begin(struct sim *s, struct work *w);
void list_reply(struct sim *s, struct client *c, const struct msg *m);
void find_begin(struct sim *s, struct work *w, uint32_t key);
void find_reply(struct sim *s, struct client *c, struct conn *conn,
		const struct msg *m);
void object_fetch(struct sim *s, struct work *w, uint32_t key);
void client_final(struct sim *s);
struct lr_tag object_tomb_tag(uint64_t writer, uint64_t there_ts);

#endif
