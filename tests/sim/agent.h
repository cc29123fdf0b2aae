/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on entries, of clients and of donors as clients of others. */
#ifndef LR_TESTS_SIM_AGENT_H
#define LR_TESTS_SIM_AGENT_H

#include "core/op.h"
#include "tests/sim/net.h"
#include "wire/viewcodec.h"

struct cop;
typedef void (*cop_cb)(struct sim *s, struct cop *o);

struct ask {
	bool out;
	struct link link;
	uint64_t member, ce;
	enum lr_op_ask ask;
	uint32_t no;
};

struct agent { /* a client, or a donor as a client of others */
	unsigned node;
	struct lr_view_rx rx;
	struct link data[SIM_DEVS]; /* to donors, by device */
	bool dialling[SIM_DEVS];
	uint8_t backoff[SIM_DEVS];
	struct link control; /* clients */
	bool view_asked;
	uint64_t writer;
	uint32_t seq, life;
};

struct cop {
	bool used;
	uint32_t life;
	struct agent *ag;
	uint32_t ag_life;
	struct lr_op op;
	uint32_t key;
	uint64_t val, expires; /* PUT, UPDATE */
	struct lr_update_request q;
	uint8_t kind;
	uint32_t n_asks;
	struct ask ask[LR_MEM_MAX];
	struct lr_tag seen; /* what these came with: */
	uint64_t got, got_expires;
	uint64_t armed;
	cop_cb done;
	void *arg; /* of whoever asked */
	uint32_t arg_life;
};

/* agent.c */
void agent_init(struct sim *s, struct agent *a, unsigned node);
void agent_stop(struct sim *s, struct agent *a);
struct conn *agent_link(struct sim *s, struct agent *a, uint64_t member);
void agent_reply(struct sim *s, struct agent *a, struct msg *m);
void agent_lost(struct sim *s, struct agent *a, struct conn *c);
void agent_view(struct sim *s, struct agent *a); /* it changed */
/* VIEW and DELTA; true: the view is new, or whole as told. */
bool agent_take_view(struct sim *s, struct agent *a, struct msg *m,
		     bool *ret_need_whole);
struct cop *agent_op(struct sim *s, struct agent *a, enum lr_op_kind kind,
		     uint32_t key, const struct lr_tag *tag, unsigned flags,
		     unsigned deadline_ms, cop_cb done, void *arg,
		     uint32_t arg_life);
void agent_go(struct sim *s, struct cop *o); /* after it was filled */

#endif
