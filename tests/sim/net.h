/* SPDX-License-Identifier: Apache-2.0 */
/* Links and what is sent over them. */
#ifndef LR_TESTS_SIM_NET_H
#define LR_TESTS_SIM_NET_H

#include "core/coord.h"
#include "core/sync.h"
#include "core/update.h"
#include "tests/sim/base.h"

enum conn_kind { CONN_CONTROL, CONN_BEAT, CONN_CLIENT, CONN_DATA };

enum msg_type {
	MSG_EOF,
	/* donor and coordinator */
	MSG_HELLO, MSG_SLOTS_GET, MSG_SLOTS, MSG_SEAL, MSG_SEALED, MSG_INSTALL,
	MSG_INSTALLED, MSG_SYNCED, MSG_SYNC_FULL, MSG_LEAVE, MSG_LEAVE_R,
	MSG_BEAT, MSG_PROBE, MSG_PROBED, MSG_ACCUSE,
	/* views */
	MSG_VIEW_GET, MSG_VIEW, MSG_DELTA,
	/* entries */
	MSG_GET, MSG_GET_R, MSG_PUT, MSG_PUT_R, MSG_SCAN, MSG_SCAN_R,
	MSG_UPDATE, MSG_UPDATE_R, MSG_FIND, MSG_FIND_R,
	/* the catalogue */
	MSG_REPORT, MSG_LIST, MSG_LIST_R,
};

/* Whose request a reply goes back to. */
enum asker { ASKER_OP, ASKER_PULL, ASKER_ORDER, ASKER_FIND, ASKER_FORWARD,
	     ASKER_VIA };

struct row { /* of the catalogue */
	uint32_t key;
	uint8_t state; /* LR_OBJECT_* */
};

struct passed { /* what a copy answered to what was passed on to it */
	uint64_t inc;
	enum lr_err err;
	struct lr_tag tag;
};

struct blob { /* shared by messages */
	unsigned refs;
	size_t n; /* bytes, or rows */
	union {
		struct lr_slot_report *reports;
		struct lr_slot_ce *ces;
		struct lr_cfg *cfgs;
		struct lr_sync_entry *page;
		struct row *rows;
		struct passed *passed; /* PUT: to whom; PUT_R: what they said */
		uint8_t *bytes;
		void *p;
	};
	unsigned *slots; /* NULL: none */
};

struct msg {
	struct msg *next;
	uint64_t due, arrived; /* 0: under way */
	enum msg_type type;
	/* whose request this answers; echoed */
	enum asker asker;
	void *who;
	uint32_t life, place, no;
	unsigned slot;
	uint64_t ce, inc, epoch, run, from, to, val, expires, floor, bar;
	uint32_t key;
	struct lr_tag tag;
	uint8_t flags, kind, found;
	bool synced, first, more;
	bool via; /* for `inc`, and not for who gets it first */
	uint64_t born; /* PUT: when its operation began; 0: not known */
	unsigned ms; /* the deadline, from now on */
	struct lr_update_request q;
	enum lr_err err;
	struct lr_cfg cfg;
	struct lr_beat beat;
	struct blob *blob;
};

struct pipe {
	struct msg *head, **tail;
	uint64_t fifo, armed; /* when it is pumped next; 0: not */
};

struct conn {
	enum conn_kind kind;
	unsigned node[2]; /* [0] dialled */
	uint32_t gen;	  /* of the use of this place */
	uint64_t no;	  /* later is higher */
	bool used, open[2];
	struct pipe to[2];
	uint64_t inc;	       /* of the donor at one end */
	bool hello_done, may_leave; /* at the coordinator */
	uint64_t starved_ms; /* the donor does not read it before */
};

struct link { /* a conn, as long as it is the same one */
	struct conn *c;
	uint32_t gen;
};

struct node {
	bool up;	      /* the process runs */
	bool host_dead;	      /* nobody refuses */
	uint64_t paused_ms;   /* until then; 0: runs */
	uint64_t slow_ms;     /* added to what is sent to it */
};

/* net.c */
struct conn *net_connect(struct sim *s, unsigned from, unsigned to,
			 enum conn_kind kind); /* NULL: not now */
bool net_refuses(struct sim *s, unsigned from, unsigned to);
bool net_reaches(struct sim *s, unsigned from, unsigned to);
struct msg *net_msg(struct sim *s, enum msg_type type);
/* Of the same request, slot and key as m. */
struct msg *net_reply(struct sim *s, enum msg_type type, const struct msg *m);
void net_send(struct sim *s, struct conn *c, unsigned to_side, struct msg *m);
/* The end at `side` closes: what it sent still arrives, then EOF. */
void net_close(struct sim *s, struct conn *c, unsigned side);
/* The end at `side` gives up: what did not arrive is lost. */
void net_break(struct sim *s, struct conn *c, unsigned side);
void net_cut(struct sim *s, unsigned from, unsigned to, bool cut);
void net_node_dies(struct sim *s, unsigned node, bool silent);
void net_pause(struct sim *s, unsigned node, uint64_t until);
void net_poke(struct sim *s, unsigned node); /* pump what waits for it */
void net_reset(struct sim *s);
static inline bool net_alive(const struct link *l, unsigned side)
{
	return l->c && l->c->gen == l->gen && l->c->open[side];
}
struct blob *blob_new(size_t n, size_t each);
void blob_drop(struct blob *b);

#endif
