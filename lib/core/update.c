/* SPDX-License-Identifier: Apache-2.0 */
#include "core/update.h"

#include <string.h>

#include "core/mutate.h"

uint64_t lr_update_server(const struct lr_cfg *cfg, uint32_t seed)
{
	if (LR_MUTANT("update-by-any-copy") && cfg->n)
		return cfg->mem[seed % cfg->n];
	for (unsigned i = 0; i < cfg->n; i++)
		if (cfg->src >> i & 1u)
			return cfg->mem[i];
	return 0;
}

enum lr_err lr_update_admit(const struct lr_slot *s, uint64_t ce, uint64_t me)
{
	enum lr_err err = lr_slot_admit(s, ce);

	if (!err && lr_update_server(&s->inst, 0) != me &&
	    !LR_MUTANT("update-by-any-copy"))
		err = LR_E_STALE;
	return err;
}

void lr_update_init(struct lr_update *u, const struct lr_update_request *q,
		    const struct lr_slot *s, uint64_t me, uint64_t now_ms,
		    unsigned deadline_ms, uint32_t seed)
{
	struct lr_cfg cfg = s->inst;

	memset(u, 0, sizeof *u);
	u->q = *q;
	u->cfg = s->inst;
	u->seed = seed;
	lr_op_init(&u->op, LR_OP_READ, &q->id, NULL, 0, now_ms, deadline_ms,
		   seed);
	u->deadline_ms = u->op.deadline_ms;
	if (LR_MUTANT("update-without-read")) {
		cfg.n = cfg.src = 1;
		cfg.synced = 0;
		cfg.mem[0] = me;
	}
	lr_op_view(&u->op, &cfg, now_ms);
}

static void finish(struct lr_update *u, enum lr_err result)
{
	u->done = true;
	u->result = result;
}

/* A member that refuses knows of another ce, or will. */
static void fail(struct lr_update *u)
{
	finish(u, u->putting && u->op.sent ? LR_E_UNKNOWN : LR_E_BUSY);
}

static bool bears(const struct lr_update *u)
{
	return u->found != LR_FOUND_NONE && u->tag.writer == u->q.writer &&
	       u->tag.seq == u->q.seq;
}

static enum lr_err compare(const struct lr_update *u)
{
	bool there = u->found == LR_FOUND_VALUE;
	bool lost = u->op.result == LR_E_LOST;

	if (u->q.flags & LR_UPDATE_REMOVE && !there && !lost)
		return LR_E_ABSENT;
	if (u->q.expect == LR_EXPECT_ANY)
		return LR_E_OK;
	if (lost)
		return LR_E_LOST;
	if (u->q.expect == LR_EXPECT_NONE)
		return there ? LR_E_CONFLICT : LR_E_OK;
	return there && lr_tag_cmp(&u->tag, &u->q.want) == 0 ? LR_E_OK :
							       LR_E_CONFLICT;
}

static void start_put(struct lr_update *u, struct lr_slot *s, uint64_t now_ms)
{
	struct lr_tag max = u->tag, tag;
	unsigned left = (unsigned)(u->deadline_ms - now_ms);
	unsigned slot = u->op.slot;

	if (u->op.floor > max.ts)
		max.ts = u->op.floor;
	if (s->floor > max.ts && !LR_MUTANT("update-ties-with-a-late-one"))
		max.ts = s->floor;
	if (lr_tag_is_last(&max)) {
		finish(u, LR_E_FAILED);
		return;
	}
	tag = lr_tag_next(&max, u->q.writer, u->q.seq);
	/* A PUT given up may still arrive: none after it may tie with it. */
	lr_slot_raise_floor(s, tag.ts);
	u->put_ts = tag.ts;
	lr_op_init(&u->op, LR_OP_PUT, &u->q.id, &tag,
		   u->q.flags & LR_UPDATE_REMOVE ? LR_PUT_TOMB : 0, now_ms,
		   left, u->seed);
	u->op.slot = slot;
	u->op.certain = true;
	u->putting = true;
	lr_op_view(&u->op, &u->cfg, now_ms);
}

static void was_read(struct lr_update *u, struct lr_slot *s, uint64_t now_ms)
{
	enum lr_err err = u->op.result;

	if ((err && err != LR_E_ABSENT && err != LR_E_LOST) ||
	    now_ms >= u->deadline_ms) {
		finish(u, LR_E_BUSY);
		return;
	}
	u->found = u->op.found;
	u->tag = u->op.tag;
	if (bears(u)) {
		finish(u, LR_E_OK);
		return;
	}
	err = u->q.flags & LR_UPDATE_AGAIN ? LR_E_SUPERSEDED : compare(u);
	if (err)
		finish(u, err);
	else
		start_put(u, s, now_ms);
}

static void was_put(struct lr_update *u)
{
	switch (u->op.result) {
	case LR_E_OK:
		u->tag = u->op.tag;
		u->found = u->q.flags & LR_UPDATE_REMOVE ? LR_FOUND_TOMB :
							   LR_FOUND_VALUE;
		/* fall through */
	case LR_E_FULL:
	case LR_E_PERMISSION:
	case LR_E_NOT_ADMITTED:
		finish(u, u->op.result);
		break;
	case LR_E_TIMEOUT:
		finish(u, LR_E_BUSY);
		break;
	default:
		finish(u, LR_E_UNKNOWN);
	}
}

uint64_t lr_update_bar(const struct lr_slot *s)
{
	return LR_MUTANT("update-without-bar") ? 0 : s->abandoned;
}

/* Never above the floor, so what comes later passes the bar. */
static void abandon(const struct lr_update *u, struct lr_slot *s)
{
	if (u->putting && u->op.sent && u->result &&
	    s->inst.ce == u->cfg.ce && u->put_ts > s->abandoned)
		s->abandoned = u->put_ts;
}

struct lr_op_act lr_update_next(struct lr_update *u, struct lr_slot *s,
				uint64_t now_ms)
{
	struct lr_op_act act = {.what = LR_OP_DONE};

	if (!u->done && lr_slot_admit(s, u->cfg.ce) != LR_E_OK)
		fail(u);
	while (!u->done) {
		act = lr_op_next(&u->op, now_ms, NULL, NULL);
		if (act.what != LR_OP_DONE)
			return act;
		if (u->putting)
			was_put(u);
		else
			was_read(u, s, now_ms);
	}
	abandon(u, s);
	return (struct lr_op_act){.what = LR_OP_DONE};
}

void lr_update_reply(struct lr_update *u, uint64_t member, bool putting,
		     const struct lr_op_reply *r, uint64_t now_ms)
{
	if (u->done || putting != u->putting)
		return;
	/* another cfg; or barred, and to try again is no use */
	if (r->err == LR_E_STALE || r->err == LR_E_SUPERSEDED)
		fail(u);
	else
		lr_op_reply(&u->op, member, u->cfg.ce, r, now_ms);
}

void lr_update_unreached(struct lr_update *u, uint64_t member, bool putting,
			 bool left, uint64_t now_ms)
{
	if (u->done || putting != u->putting)
		return;
	if (left)
		lr_op_unreached(&u->op, member, u->cfg.ce, now_ms);
	else
		lr_op_unsent(&u->op, member, u->cfg.ce, now_ms);
}
