/* SPDX-License-Identifier: Apache-2.0 */
/* The linearizable read of a register or name, under one ce:
 *
 *   LOOKING   a value from the nearest, tags from the others
 *   FETCHING  the value of the highest tag, from who has it, when the nearest
 *             has not
 *   BACK      PUT to those that lag; when all hold it, it is the answer
 *
 * What the value's holder answers may be newer yet: then that counts. It has
 * nothing any more: LOOKING again. Another cfg: LOOKING again, by op.c. */
#include <string.h>

#include "core/mutate.h"
#include "core/op_i.h"

enum { LOOKING, FETCHING, BACK };

/* One value is enough; the others only tell their tags. */
enum lr_op_ask lr_op_read_ask(const struct lr_op *op,
			      const struct lr_op_peer *p)
{
	if (op->phase != LOOKING)
		return op->phase == FETCHING ? LR_ASK_GET : LR_ASK_PUT;
	for (unsigned i = 0; i < op->cfg.n; i++) {
		const struct lr_op_peer *q = &op->peer[i];

		if (q != p && q->ask == LR_ASK_GET &&
		    (q->state == ASKED || q->state == ANSWERED))
			return LR_ASK_TAG;
	}
	return LR_ASK_GET;
}

/* An answer to what was asked in an earlier phase is none to this. */
bool lr_op_read_wants(const struct lr_op *op, const struct lr_op_reply *r)
{
	switch (op->phase) {
	case LOOKING:
		return r->ask != LR_ASK_PUT;
	case FETCHING:
		return r->ask == LR_ASK_GET;
	default:
		return r->ask == LR_ASK_PUT;
	}
}

/* A slot's collected TOMBs: new tags stay above theirs. */
void lr_op_floor(struct lr_op *op, const struct lr_op_reply *r)
{
	if (r->found == LR_FOUND_NONE && r->tag.ts > op->floor)
		op->floor = r->tag.ts;
}

static void look_again(struct lr_op *op)
{
	op->phase = LOOKING;
	for (unsigned i = 0; i < op->cfg.n; i++)
		op->peer[i].state = IDLE;
}

static void end(struct lr_op *op)
{
	lr_op_finish(op, op->found == LR_FOUND_VALUE ? LR_E_OK : LR_E_ABSENT);
}

static bool lags(const struct lr_op *op, const struct lr_op_peer *p)
{
	if (p->found == LR_FOUND_NONE || lr_tag_cmp(&p->tag, &op->tag) < 0)
		return true;
	return p->found == LR_FOUND_BAD && op->found == LR_FOUND_VALUE &&
	       lr_tag_cmp(&p->tag, &op->tag) == 0;
}

static void write_back(struct lr_op *op)
{
	op->phase = BACK;
	for (unsigned i = 0; i < op->cfg.n; i++)
		if (lags(op, &op->peer[i]) && !LR_MUTANT("no-write-back"))
			op->peer[i].state = IDLE;
	if (lr_op_count(op, ANSWERED) == op->cfg.n)
		end(op);
}

static bool has_it(const struct lr_op *op)
{
	return op->has && lr_tag_cmp(&op->have, &op->tag) == 0;
}

static void fetch(struct lr_op *op)
{
	op->phase = FETCHING;
	for (unsigned i = 0; i < op->cfg.n; i++)
		if (op->peer[i].inc == op->from)
			op->peer[i].state = IDLE;
}

/* The highest tag; a value is worth more than a broken copy of it. */
static unsigned find_highest(struct lr_op *op)
{
	unsigned synced = 0;

	op->tag = (struct lr_tag){0};
	op->found = LR_FOUND_NONE;
	op->copies = 0;
	for (unsigned i = 0; i < op->cfg.n; i++) {
		const struct lr_op_peer *p = &op->peer[i];
		int cmp = lr_tag_cmp(&p->tag, &op->tag);

		synced += p->synced;
		if (p->state != ANSWERED || p->found == LR_FOUND_NONE)
			continue;
		if (cmp < 0 || (cmp == 0 && op->found == LR_FOUND_VALUE))
			continue;
		op->tag = p->tag;
		op->found = p->found;
		op->from = p->inc;
	}
	return synced;
}

static void looked(struct lr_op *op, uint64_t now_ms)
{
	unsigned synced = find_highest(op);

	if (op->found == LR_FOUND_BAD ||
	    (op->found == LR_FOUND_NONE && op->cfg.lost & LR_LOST_MARK)) {
		lr_op_finish(op, LR_E_LOST);
	} else if (op->found == LR_FOUND_NONE && synced) {
		lr_op_finish(op, LR_E_ABSENT);
	} else if (op->found == LR_FOUND_NONE) {
		/* nobody knows yet */
		for (unsigned i = 0; i < op->cfg.n; i++)
			lr_op_fail_peer(op, &op->peer[i], now_ms);
	} else if (op->found == LR_FOUND_VALUE && !has_it(op)) {
		fetch(op);
	} else {
		write_back(op);
	}
}

void lr_op_read_settle(struct lr_op *op, uint64_t now_ms)
{
	if (op->phase == LOOKING)
		looked(op, now_ms);
	else if (op->phase == BACK)
		end(op);
}

static void keep(struct lr_op *op, const struct lr_op_reply *r)
{
	if (r->ask != LR_ASK_GET || r->err || r->found != LR_FOUND_VALUE ||
	    (op->has && lr_tag_cmp(&r->tag, &op->have) <= 0))
		return;
	op->has = true;
	op->have = r->tag;
}

static void fetched(struct lr_op *op)
{
	find_highest(op);
	if (op->found == LR_FOUND_TOMB ||
	    (op->found == LR_FOUND_VALUE && has_it(op)))
		write_back(op);
	else
		look_again(op);
}

/* The write-back arrived, or a newer write had been there before it. */
static void put_back(struct lr_op *op, struct lr_op_peer *p,
		     const struct lr_op_reply *r, uint64_t now_ms)
{
	if (lr_tag_cmp(&r->tag, &op->tag) >= 0)
		p->state = ANSWERED;
	else if (p->state == ASKED)
		lr_op_fail_peer(op, p, now_ms);
}

void lr_op_read_got(struct lr_op *op, struct lr_op_peer *p,
		    const struct lr_op_reply *r, uint64_t now_ms)
{
	if (op->phase == BACK) {
		put_back(op, p, r, now_ms);
		return;
	}
	p->state = ANSWERED;
	p->found = r->err == LR_E_CORRUPT ? LR_FOUND_BAD : r->found;
	p->synced = r->synced;
	p->tag = p->found == LR_FOUND_NONE ? (struct lr_tag){0} : r->tag;
	lr_op_floor(op, r);
	keep(op, r);
	if (LR_MUTANT("register-read-from-one-copy") &&
	    r->ask == LR_ASK_GET) {
		find_highest(op);
		end(op);
	} else if (op->phase == FETCHING) {
		fetched(op);
	}
}
