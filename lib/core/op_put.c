/* SPDX-License-Identifier: Apache-2.0 */
/* PUT: what the answers amount to, and forwarding: one member is sent to, with
 * the names of others that are far; it passes the value on to them. Only what
 * each of them answers counts, whoever brought the answer. */
#include "core/mutate.h"
#include "core/op_i.h"

/* All of them hold a tag as high as ours: all ours, or it was overtaken. */
void lr_op_settle_put(struct lr_op *op)
{
	struct lr_tag mine = op->tag;
	unsigned refused = 0;

	op->copies = 0;
	for (unsigned i = 0; i < op->cfg.n; i++) {
		const struct lr_tag *t = &op->peer[i].tag;

		if (op->peer[i].refused) {
			refused++;
			op->from = op->peer[i].inc;
			continue;
		}
		if (lr_tag_cmp(t, &mine) == 0)
			op->copies++;
		if (lr_tag_cmp(t, &op->tag) > 0)
			op->tag = *t;
	}
	if (!refused)
		lr_op_finish(op, op->copies == op->cfg.n ? LR_E_OK :
							   LR_E_SUPERSEDED);
	else if (refused == op->cfg.n && !op->doubt)
		lr_op_finish(op, (enum lr_err)op->peer[0].refused);
	else
		lr_op_finish(op, LR_E_UNKNOWN);
}

/* A tag that is lower and yet was not replaced: only a condition allows that,
 * from anybody else it is no answer. */
void lr_op_stored(struct lr_op *op, struct lr_op_peer *p,
		  const struct lr_op_reply *r, uint64_t now_ms)
{
	p->tag = r->tag;
	if (lr_tag_cmp(&r->tag, &op->tag) >= 0) {
		p->state = ANSWERED;
	} else if (op->put_flags & LR_PUT_IF_OPEN) {
		op->tag = r->tag;
		lr_op_finish(op, LR_E_SUPERSEDED);
	} else if (p->state == ASKED) {
		lr_op_fail_peer(op, p, now_ms);
	}
}

/* --- forwarding --------------------------------------------------------- */

/* The IDs of chunks are hashes: the load spreads over the copies. */
static unsigned draw_first(const struct lr_op *op, unsigned n)
{
	return op->id.b[sizeof op->id.b - 1] % n;
}

struct lr_op_peer *lr_op_forward(struct lr_op *op, struct lr_op_act *act,
				 void *arg, uint64_t now_ms)
{
	struct lr_op_peer *far[LR_MEM_MAX], *first;
	unsigned n = 0;

	if (op->kind != LR_OP_PUT || !op->far || op->forwarded ||
	    now_ms >= lr_op_half_ms(op))
		return NULL;
	for (unsigned i = 0; i < op->cfg.n; i++)
		if (op->peer[i].state == IDLE && op->far(arg, op->peer[i].inc))
			far[n++] = &op->peer[i];
	if (n < 2)
		return NULL;
	first = far[draw_first(op, n)];
	for (unsigned i = 0; i < n; i++) {
		if (far[i] == first)
			continue;
		act->rest[act->n_rest++] = far[i]->inc;
		far[i]->state = ASKED;
		far[i]->via = first->inc;
	}
	op->forwarded = true;
	return first;
}

bool lr_op_unforward(struct lr_op *op, uint64_t via)
{
	bool any = false;

	for (unsigned i = 0; i < op->cfg.n; i++) {
		struct lr_op_peer *p = &op->peer[i];

		if (p->state != ASKED || !p->via || (via && p->via != via) ||
		    LR_MUTANT("never-asked-directly"))
			continue;
		p->state = IDLE;
		op->doubt = any = true;
	}
	return any;
}

/* What it did not store for sure, it is asked about itself: that it is STALE
 * comes with its cfg then. */
void lr_op_passed(struct lr_op *op, uint64_t member, uint64_t ce,
		  const struct lr_op_reply *r, uint64_t now_ms)
{
	if (r->err == LR_E_OK || r->err == LR_E_FULL)
		lr_op_reply(op, member, ce, r, now_ms);
}
