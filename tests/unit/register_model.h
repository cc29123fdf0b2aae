/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names in a small world (small_world.h): updates that stand in
 * line at their donors, late and lost messages, some that arrive long after
 * they were given up, clients with old views. register_model.c is the world,
 * register_clients.c those that use it. */
#ifndef LR_TESTS_REGISTER_MODEL_H
#define LR_TESTS_REGISTER_MODEL_H

#include "core/update.h"
#include "small_world.h"
#include "tests/sim/cas.h"

#define REGISTER_CLIENTS  4
#define REGISTER_JOBS	  8
#define REGISTER_MESSAGES 512
#define REGISTER_HISTORY  4096
#define REGISTER_STEPS	  2500

struct job { /* an update at a donor; the first of the queue runs */
	uint64_t ce;
	struct lr_update_request q;
	struct lr_update m;
	bool running, done;
	unsigned client, client_life;
	unsigned life;
};

struct donor {
	struct small_donor b; /* first */
	uint64_t deaf_until;  /* what comes waits in broken links */
	struct job jobs[REGISTER_JOBS];
	unsigned n_jobs;
};

struct message {
	uint64_t at, member, ce;
	unsigned from, life; /* who asked: a client, or a donor's job */
	bool reply, lost, putting;
	enum lr_op_ask ask;
	unsigned flags;
	uint64_t bar;
	struct lr_tag tag;
	struct lr_update_request q;
	struct lr_op_reply r;
	struct lr_cfg cfg;
};

enum register_step { READING, TAGGING, PUTTING, UPDATING };

struct client {
	bool busy;
	unsigned life;
	enum register_step step;
	struct lr_op op;
	struct lr_update_request q;
	struct cas_op h;
	struct lr_tag last; /* read last: expected next */
};

extern struct world {
	struct small_world s;
	uint64_t lives;
	bool names, wrong;
	struct donor d[SMALL_DONORS];
	struct client c[REGISTER_CLIENTS];
	struct message m[REGISTER_MESSAGES];
	unsigned n, done, conflicts, unknown;
	struct cas_op h[REGISTER_HISTORY];
	size_t n_h;
} w;

/* register_model.c */
void register_post(const struct message *m);
/* A life; false: what the clients saw is not linearizable, or worse. `told`
 * are its first numbers, a fuzzer's. */
bool register_run(uint64_t seed, unsigned steps, const uint8_t *told,
		  size_t n_told);

/* register_clients.c */
void register_drive(struct client *c, unsigned place);
/* What nobody heard the end of may have happened. */
void register_close_history(void);

#endif
