/* SPDX-License-Identifier: Apache-2.0 */
/* The happy path: lr_op_view brings the cfg, lr_op_next sends to its members,
 * lr_op_reply gathers answers until settle() can tell the outcome (those of
 * PUT: op_put.c, of READ: op_read.c). And else:
 *   a newer cfg (view or STALE): everything again under it, with the same tag
 *   STALE without one, no link, or busy: those members again after a pause
 *   the deadline: UNKNOWN, TIMEOUT or UNREACHABLE */
#include "core/op_i.h"

#include <string.h>

#include "core/mutate.h"
#include "core/update.h"

#define RETRY_MIN_MS 5u
#define RETRY_MAX_MS 100u

void lr_op_init(struct lr_op *op, enum lr_op_kind kind, const struct lr_id *id,
		const struct lr_tag *tag, unsigned put_flags, uint64_t now_ms,
		unsigned deadline_ms, uint32_t seed)
{
	if (deadline_ms == 0)
		deadline_ms = LR_OP_DEADLINE_MS;
	if (deadline_ms > LR_OP_DEADLINE_MAX_MS)
		deadline_ms = LR_OP_DEADLINE_MAX_MS;
	memset(op, 0, sizeof *op);
	op->kind = kind;
	op->slot = lr_id_slot(id);
	op->put_flags = put_flags;
	op->id = *id;
	if (tag)
		op->tag = *tag;
	op->start_ms = now_ms;
	op->deadline_ms = now_ms + deadline_ms;
	op->wake_ms = op->deadline_ms;
	op->rng = seed ? seed : 1;
}

static uint32_t draw(struct lr_op *op, uint32_t below)
{
	op->rng ^= op->rng << 13;
	op->rng ^= op->rng >> 17;
	op->rng ^= op->rng << 5;
	return op->rng % below;
}

static struct lr_op_peer *find_peer(struct lr_op *op, uint64_t member)
{
	int i = lr_cfg_index(&op->cfg, member);

	return i < 0 ? NULL : &op->peer[i];
}

unsigned lr_op_count(const struct lr_op *op, enum lr_op_peer_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < op->cfg.n; i++)
		n += op->peer[i].state == state;
	return n;
}

void lr_op_finish(struct lr_op *op, enum lr_err result)
{
	op->done = true;
	op->result = result;
}

/* --- the configuration -------------------------------------------------- */

/* Answers under an older ce count for nothing; the tag stays. */
static void adopt(struct lr_op *op, const struct lr_cfg *cfg, uint64_t now_ms)
{
	/* Who sweeps judged by its copy, which need not be one of the new cfg;
	 * and a member that still syncs would take the TOMB. */
	if (op->put_flags & LR_PUT_IF_OPEN && op->cfg.ce &&
	    !LR_MUTANT("sweep-without-if-open") &&
	    !LR_MUTANT("sweep-under-another-cfg")) {
		lr_op_finish(op, LR_E_STALE);
		return;
	}
	if (LR_MUTANT("retry-takes-a-new-tag") && op->sent)
		op->tag.ts++;
	if (op->kind == LR_OP_PUT && op->sent)
		op->doubt = true;
	if (lr_op_count(op, ASKED))
		op->doubt = true;
	op->phase = 0;
	op->has = false;
	op->cfg = *cfg;
	memset(op->peer, 0, sizeof op->peer);
	for (unsigned i = 0; i < cfg->n; i++)
		op->peer[i].inc = cfg->mem[i];
	op->asked_ms = 0;
	op->retry_ms = 0;
	op->retries = 0;
	op->forwarded = false;
	op->wake_ms = now_ms;
}

void lr_op_view(struct lr_op *op, const struct lr_cfg *cfg, uint64_t now_ms)
{
	if (op->done || cfg->ce < op->cfg.ce || !lr_cfg_valid(cfg))
		return;
	if (cfg->ce > op->cfg.ce)
		adopt(op, cfg, now_ms);
	else
		op->cfg.synced |= cfg->synced;
}

/* --- what the answers amount to ----------------------------------------- */

/* A value is worth more than a broken copy of the same write. */
static void settle_tags(struct lr_op *op)
{
	op->tag = (struct lr_tag){0};
	op->found = LR_FOUND_NONE;
	op->copies = 0;
	for (unsigned i = 0; i < op->cfg.n; i++) {
		const struct lr_op_peer *p = &op->peer[i];
		int cmp;

		if (p->state != ANSWERED)
			continue; /* by a mutation only */
		cmp = lr_tag_cmp(&p->tag, &op->tag);
		if (cmp < 0)
			continue;
		op->copies = (uint8_t)(cmp == 0 ? op->copies + 1 : 1);
		if (cmp > 0 || op->found == LR_FOUND_NONE ||
		    p->found == LR_FOUND_VALUE) {
			op->found = p->found;
			op->from = p->inc;
		}
		op->tag = p->tag;
	}
	if (op->floor > op->tag.ts)
		op->tag = (struct lr_tag){.ts = op->floor};
	lr_op_finish(op, LR_E_OK);
}

void lr_op_fail_peer(struct lr_op *op, struct lr_op_peer *p, uint64_t now_ms)
{
	unsigned most = 2 * RETRY_MIN_MS << (op->retries < 4 ? op->retries : 4);

	p->state = FAILED;
	if (p->fails < UINT8_MAX)
		p->fails++;
	if (op->retry_ms)
		return;
	if (most > RETRY_MAX_MS)
		most = RETRY_MAX_MS;
	op->retry_ms =
		now_ms + RETRY_MIN_MS + draw(op, most - RETRY_MIN_MS + 1);
	op->retries++;
}

/* All answered and none has the value, at best an open manifest. Nobody synced
 * (a lost slot that still merges): it is too early to say, all are asked
 * again. */
static void settle_get(struct lr_op *op, uint64_t now_ms)
{
	unsigned bad = 0, open = 0, tombs = 0, synced = 0;

	for (unsigned i = 0; i < op->cfg.n; i++) {
		bad += op->peer[i].found == LR_FOUND_BAD;
		open += op->peer[i].found == LR_FOUND_VALUE;
		tombs += op->peer[i].found == LR_FOUND_TOMB;
		synced += op->peer[i].synced;
	}
	if (bad) {
		op->found = LR_FOUND_BAD;
		lr_op_finish(op, LR_E_LOST);
	} else if (!tombs && !open && op->cfg.lost & LR_LOST_MARK) {
		op->found = LR_FOUND_NONE;
		lr_op_finish(op, LR_E_LOST);
	} else if (synced) {
		op->found = open  ? LR_FOUND_VALUE :
			    tombs ? LR_FOUND_TOMB :
				    LR_FOUND_NONE;
		lr_op_finish(op, LR_E_ABSENT);
	} else {
		for (unsigned i = 0; i < op->cfg.n; i++)
			lr_op_fail_peer(op, &op->peer[i], now_ms);
	}
}

static void settle(struct lr_op *op, uint64_t now_ms)
{
	if (lr_op_count(op, ANSWERED) < op->cfg.n)
		return;
	if (op->kind == LR_OP_PUT)
		lr_op_settle_put(op);
	else if (op->kind == LR_OP_TAGS)
		settle_tags(op);
	else if (op->kind == LR_OP_READ)
		lr_op_read_settle(op, now_ms);
	else
		settle_get(op, now_ms);
}

/* --- replies ------------------------------------------------------------ */

static void got(struct lr_op *op, struct lr_op_peer *p,
		const struct lr_op_reply *r)
{
	p->state = ANSWERED;
	p->found = r->err == LR_E_CORRUPT ? LR_FOUND_BAD : r->found;
	p->synced = r->synced;
	p->tag = p->found == LR_FOUND_NONE ? (struct lr_tag){0} : r->tag;
	lr_op_floor(op, r);
	if (op->kind == LR_OP_TAGS) {
		if (LR_MUTANT("register-read-from-one-copy"))
			settle_tags(op);
		return;
	}
	/* A copy that was left behind may hold a manifest open still. */
	if (p->found == LR_FOUND_VALUE && p->tag.ts != LR_TS_OPEN) {
		op->found = LR_FOUND_VALUE;
		op->tag = p->tag;
		op->from = p->inc;
		lr_op_finish(op, LR_E_OK);
	} else if (p->found != LR_FOUND_BAD &&
		   LR_MUTANT("absent-from-one-copy")) {
		op->found = p->found;
		lr_op_finish(op, LR_E_ABSENT);
	}
}

static bool counts(const struct lr_op *op, const struct lr_op_reply *r)
{
	if (r->err == LR_E_OK)
		return op->kind == LR_OP_PUT || r->found <= LR_FOUND_BAD;
	return r->err == LR_E_CORRUPT &&
	       (op->kind == LR_OP_GET ||
		(op->kind == LR_OP_READ && r->ask == LR_ASK_GET));
}

/* src[1] has spoken. What it says of one that it was asked about again may
 * not be what came of the first. */
static void updated(struct lr_op *op, struct lr_op_peer *p,
		    const struct lr_op_reply *r, uint64_t now_ms)
{
	p->state = FAILED;
	switch (r->err) {
	case LR_E_UNKNOWN:
		op->doubt = true;
		/* fall through */
	case LR_E_STALE:
	case LR_E_BUSY:
	case LR_E_CLOSED:
	case LR_E_TIMEOUT:
	case LR_E_UNREACHABLE:
	case LR_E_NO_MEMORY:
		lr_op_fail_peer(op, p, now_ms);
		return;
	default:
		break;
	}
	op->tag = r->tag;
	op->found = r->found;
	op->from = p->inc;
	lr_op_finish(op, r->err && op->doubt ? LR_E_UNKNOWN : r->err);
}

static void refused(struct lr_op *op, struct lr_op_peer *p,
		    const struct lr_op_reply *r, uint64_t now_ms)
{
	if (r->err == LR_E_STALE && r->cfg && r->cfg->ce > op->cfg.ce &&
	    lr_cfg_valid(r->cfg)) {
		p->state = FAILED;
		adopt(op, r->cfg, now_ms);
		return;
	}
	if (op->kind == LR_OP_UPDATE) {
		updated(op, p, r, now_ms);
		return;
	}
	if (r->err == LR_E_CONFLICT && op->put_flags & LR_PUT_IF_OPEN) {
		op->tag = r->tag;
		lr_op_finish(op, LR_E_SUPERSEDED);
		return;
	}
	if ((r->err == LR_E_FULL && op->kind == LR_OP_PUT) ||
	    r->err == LR_E_PERMISSION || r->err == LR_E_NOT_ADMITTED) {
		if (op->certain) {
			p->state = ANSWERED;
			p->refused = (uint8_t)r->err;
			settle(op, now_ms);
			return;
		}
		op->from = p->inc;
		lr_op_finish(op, r->err);
		return;
	}
	if (p->state == ASKED)
		lr_op_fail_peer(op, p, now_ms);
}

/* What a member said under this ce stays true, so an answer is welcome even
 * when it was given up for failed meanwhile. */
void lr_op_reply(struct lr_op *op, uint64_t member, uint64_t ce,
		 const struct lr_op_reply *r, uint64_t now_ms)
{
	struct lr_op_peer *p = find_peer(op, member);

	if (op->done || !p || ce != op->cfg.ce)
		return;
	lr_op_unforward(op, member);
	if (p->state == ANSWERED ||
	    (op->kind == LR_OP_READ && !lr_op_read_wants(op, r)))
		return;
	if (!counts(op, r)) {
		refused(op, p, r, now_ms);
		return;
	}
	if (op->kind == LR_OP_PUT)
		lr_op_stored(op, p, r, now_ms);
	else if (op->kind == LR_OP_READ)
		lr_op_read_got(op, p, r, now_ms);
	else if (op->kind == LR_OP_UPDATE)
		updated(op, p, r, now_ms);
	else
		got(op, p, r);
	if (!op->done)
		settle(op, now_ms);
}

void lr_op_unreached(struct lr_op *op, uint64_t member, uint64_t ce,
		     uint64_t now_ms)
{
	struct lr_op_peer *p = find_peer(op, member);

	if (op->done || !p || ce != op->cfg.ce || p->state != ASKED)
		return;
	op->doubt = true;
	lr_op_unforward(op, member);
	lr_op_fail_peer(op, p, now_ms);
}

void lr_op_unsent(struct lr_op *op, uint64_t member, uint64_t ce,
		  uint64_t now_ms)
{
	struct lr_op_peer *p = find_peer(op, member);

	if (op->done || !p || ce != op->cfg.ce || p->state != ASKED)
		return;
	op->sends--;
	op->sent = op->sends != 0;
	if (lr_op_unforward(op, member))
		op->forwarded = false;
	lr_op_fail_peer(op, p, now_ms);
}

/* --- what to do next ---------------------------------------------------- */

static void give_up(struct lr_op *op)
{
	static const enum lr_op_peer_state blame[] = {ASKED, FAILED, IDLE};
	enum lr_err err = LR_E_UNREACHABLE;
	bool unknown = op->kind == LR_OP_PUT ? op->sent : op->doubt;

	if (op->kind == LR_OP_UPDATE && lr_op_count(op, ASKED))
		unknown = true;

	op->from = 0;
	for (unsigned k = 0; k < 3 && !op->from; k++)
		for (unsigned i = 0; i < op->cfg.n && !op->from; i++)
			if (op->peer[i].state == blame[k])
				op->from = op->peer[i].inc;
	if (op->kind == LR_OP_PUT || op->kind == LR_OP_UPDATE)
		err = unknown ? LR_E_UNKNOWN : LR_E_TIMEOUT;
	lr_op_finish(op, err);
}

/* Less is nearer: those that failed last, then those without all entries. */
static uint64_t distance(const struct lr_op *op, unsigned i, lr_op_near near,
			 void *arg)
{
	const struct lr_op_peer *p = &op->peer[i];
	uint32_t us = near ? near(arg, p->inc) : 0;
	uint64_t d = us ? us : UINT32_MAX;

	if (!lr_cfg_synced(&op->cfg, p->inc))
		d |= UINT64_C(1) << 32;
	return d | (uint64_t)p->fails << 33;
}

static struct lr_op_peer *nearest_idle(struct lr_op *op, lr_op_near near,
				       void *arg)
{
	struct lr_op_peer *best = NULL;
	uint64_t best_d = 0;

	if (op->kind == LR_OP_UPDATE) {
		best = find_peer(op, lr_update_server(&op->cfg, op->rng));
		return best && best->state == IDLE ? best : NULL;
	}
	for (unsigned i = 0; i < op->cfg.n; i++) {
		uint64_t d;

		if (op->peer[i].state != IDLE)
			continue;
		d = distance(op, i, near, arg);
		if (!best || d < best_d) {
			best = &op->peer[i];
			best_d = d;
		}
	}
	return best;
}

/* A reader asks one copy, a second when that is slow, and all as soon as one
 * said that there is nothing: that takes everybody's word. */
static bool may_ask(const struct lr_op *op, uint64_t now_ms)
{
	if (op->kind != LR_OP_GET || lr_op_count(op, ASKED) == 0)
		return true;
	for (unsigned i = 0; i < op->cfg.n; i++)
		if (op->peer[i].state == ANSWERED &&
		    op->peer[i].found != LR_FOUND_BAD)
			return true;
	return now_ms >= op->asked_ms + LR_OP_HEDGE_MS;
}

static void retry_failed(struct lr_op *op, uint64_t now_ms)
{
	if (!op->retry_ms || now_ms < op->retry_ms)
		return;
	op->retry_ms = 0;
	for (unsigned i = 0; i < op->cfg.n; i++)
		if (op->peer[i].state == FAILED)
			op->peer[i].state = IDLE;
}

static enum lr_op_ask what_to_ask(const struct lr_op *op,
				  const struct lr_op_peer *p)
{
	switch (op->kind) {
	case LR_OP_PUT:
		return LR_ASK_PUT;
	case LR_OP_TAGS:
		return LR_ASK_TAG;
	case LR_OP_READ:
		return lr_op_read_ask(op, p);
	case LR_OP_UPDATE:
		return LR_ASK_UPDATE;
	case LR_OP_GET:
		break;
	}
	return LR_ASK_GET;
}

static struct lr_op_act hold(struct lr_op *op, uint64_t now_ms)
{
	uint64_t hedge = op->asked_ms + LR_OP_HEDGE_MS;
	uint64_t half = lr_op_half_ms(op);

	op->wake_ms = op->deadline_ms;
	if (op->retry_ms && op->retry_ms < op->wake_ms)
		op->wake_ms = op->retry_ms;
	if (op->forwarded && now_ms < half && half < op->wake_ms)
		op->wake_ms = half;
	if (op->kind == LR_OP_GET && lr_op_count(op, IDLE) && hedge < op->wake_ms)
		op->wake_ms = hedge;
	return (struct lr_op_act){.what = LR_OP_WAIT};
}

struct lr_op_act lr_op_next(struct lr_op *op, uint64_t now_ms, lr_op_near near,
			    void *arg)
{
	struct lr_op_act act = {.what = LR_OP_SEND};
	struct lr_op_peer *p;

	if (!op->done && now_ms >= op->deadline_ms)
		give_up(op);
	if (op->done)
		return (struct lr_op_act){.what = LR_OP_DONE};
	retry_failed(op, now_ms);
	if (op->forwarded && now_ms >= lr_op_half_ms(op))
		lr_op_unforward(op, 0);
	p = lr_op_forward(op, &act, arg, now_ms);
	if (!p)
		p = nearest_idle(op, near, arg);
	if (!p || !may_ask(op, now_ms))
		return hold(op, now_ms);
	act.ask = what_to_ask(op, p);
	act.member = p->inc;
	act.ce = op->cfg.ce;
	p->ask = (uint8_t)act.ask;
	p->state = ASKED;
	p->via = 0;
	op->asked_ms = now_ms;
	op->sends++;
	op->sent = true;
	return act;
}
