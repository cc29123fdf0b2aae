/* SPDX-License-Identifier: Apache-2.0 */
/* Operations and updates with members and views that say anything. Whatever
 * they hear:
 *
 *   they end by their deadline, once, and ask members of the cfg in use only
 *   I4  a PUT is done only if ALL members of one cfg stored it under its ce
 *   I5  its tag is the same in every request
 *   ABSENT needs an answer of ALL members of one cfg
 *   an update's PUT has a tag above what its READ found */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "core/update.h"

#define MEMBERS 5
#define ASKS	512

struct ask {
	uint64_t member, ce;
	enum lr_op_ask ask;
	bool putting;
};

static struct world {
	struct lr_op op;
	struct lr_update u;
	struct lr_slot s;
	bool updating;
	uint64_t now, end;
	struct lr_cfg cfg; /* the latest told */
	struct ask ask[ASKS];
	unsigned n;
	/* by member: the last ce under which it said that it has the PUT */
	uint64_t stored[MEMBERS + 1];
	uint64_t answered[MEMBERS + 1];
	struct lr_tag tag;
	bool put_sent;
} w;

static bool is_over(void)
{
	return w.updating ? w.u.done : w.op.done;
}

static bool all_of_cfg(const struct lr_cfg *c, const uint64_t *said)
{
	for (unsigned i = 0; i < c->n; i++)
		if (said[c->mem[i]] != c->ce)
			return false;
	return c->n != 0;
}

static void check_end(void)
{
	const struct lr_op *op = &w.op;

	if (w.updating) {
		if (w.u.result == LR_E_OK && w.u.putting)
			FUZZ_CHECK(all_of_cfg(&w.u.cfg, w.stored));
		return;
	}
	if (op->kind == LR_OP_PUT && op->result == LR_E_OK)
		FUZZ_CHECK(all_of_cfg(&op->cfg, w.stored));
	if (op->kind != LR_OP_PUT && op->kind != LR_OP_UPDATE &&
	    op->result == LR_E_ABSENT)
		FUZZ_CHECK(all_of_cfg(&op->cfg, w.answered));
}

static void check_put(const struct lr_tag *tag)
{
	if (w.put_sent)
		FUZZ_CHECK(!lr_tag_cmp(&w.tag, tag));
	w.tag = *tag;
	w.put_sent = true;
}

static void check_send(const struct lr_op_act *a)
{
	const struct lr_cfg *c = w.updating ? &w.u.cfg : &w.op.cfg;
	bool putting = w.updating && w.u.putting;

	FUZZ_CHECK(lr_cfg_index(c, a->member) >= 0);
	FUZZ_CHECK(w.updating || a->ce == c->ce);
	if (!w.updating && w.op.kind == LR_OP_PUT)
		check_put(&w.op.tag);
	if (putting) {
		check_put(&w.u.op.tag);
		FUZZ_CHECK(w.tag.ts > w.u.tag.ts);
	}
	if (w.n < ASKS)
		w.ask[w.n++] = (struct ask){a->member, c->ce, a->ask, putting};
}

static void pump(void)
{
	struct lr_op_act a;
	unsigned n = 0;

	while (!is_over()) {
		FUZZ_CHECK(n++ < 10000);
		a = w.updating ? lr_update_next(&w.u, &w.s, w.now)
			       : lr_op_next(&w.op, w.now, NULL, NULL);
		if (a.what == LR_OP_SEND)
			check_send(&a);
		if (a.what == LR_OP_WAIT)
			break;
	}
	if (is_over())
		check_end();
	FUZZ_CHECK(is_over() || w.now < w.end);
}

/* --- what they hear --- */

static bool a_cfg(struct fuzz_in *in, struct lr_cfg *c)
{
	memset(c, 0, sizeof *c);
	c->ce = w.cfg.ce + fuzz_below(in, 3);
	c->n = (uint8_t)fuzz_below(in, 4);
	for (unsigned i = 0; i < c->n; i++)
		c->mem[i] = 1 + fuzz_below(in, MEMBERS);
	c->src = (uint8_t)fuzz_below(in, 8);
	c->synced = (uint8_t)fuzz_below(in, 8);
	c->lost = (uint8_t)fuzz_below(in, 4);
	if (c->ce == w.cfg.ce || !lr_cfg_valid(c)) /* I1 */
		*c = w.cfg;
	return c->ce != 0;
}

static struct lr_tag a_tag(struct fuzz_in *in)
{
	struct lr_tag t = {fuzz_below(in, 6), fuzz_below(in, 3), 1};

	if (fuzz_below(in, 4) == 0)
		return w.updating ? w.u.op.tag : w.op.tag;
	if (fuzz_below(in, 32) == 0)
		t.ts = UINT64_MAX - fuzz_below(in, 2);
	return t;
}

static void note(const struct ask *a, const struct lr_op_reply *r)
{
	bool put = w.updating ? a->putting : w.op.kind == LR_OP_PUT;
	const struct lr_tag *tag = w.updating ? &w.u.op.tag : &w.op.tag;

	if (is_over() || (r->err && r->err != LR_E_CORRUPT))
		return;
	if (a->ce > w.answered[a->member])
		w.answered[a->member] = a->ce;
	if (!r->err && put && lr_tag_cmp(&r->tag, tag) == 0 &&
	    a->ce > w.stored[a->member])
		w.stored[a->member] = a->ce;
}

static void reply(struct fuzz_in *in)
{
	static const uint8_t errs[] = {LR_E_OK,	     LR_E_OK,	   LR_E_OK,
				       LR_E_STALE,   LR_E_FULL,	   LR_E_BUSY,
				       LR_E_CORRUPT, LR_E_FAILED,
				       LR_E_PERMISSION, LR_E_CONFLICT,
				       LR_E_UNKNOWN, LR_E_SUPERSEDED};
	unsigned i = fuzz_below(in, w.n);
	struct ask a = w.ask[i];
	struct lr_op_reply r = {.found = (uint8_t)fuzz_below(in, 4),
				.synced = fuzz_below(in, 2),
				.ask = (uint8_t)a.ask};
	struct lr_cfg cfg;

	r.err = errs[fuzz_below(in, sizeof errs)];
	r.tag = a_tag(in);
	if (r.err == LR_E_STALE && fuzz_below(in, 2) && a_cfg(in, &cfg))
		r.cfg = &cfg;
	if (fuzz_below(in, 8)) /* else it comes twice */
		w.ask[i] = w.ask[--w.n];
	note(&a, &r);
	if (w.updating)
		lr_update_reply(&w.u, a.member, a.putting, &r, w.now);
	else
		lr_op_reply(&w.op, a.member, a.ce, &r, w.now);
}

static void unreached(struct fuzz_in *in)
{
	unsigned i = fuzz_below(in, w.n);
	struct ask a = w.ask[i];

	w.ask[i] = w.ask[--w.n];
	if (w.updating)
		lr_update_unreached(&w.u, a.member, a.putting,
				    fuzz_below(in, 2), w.now);
	else
		lr_op_unreached(&w.op, a.member, a.ce, w.now);
}

static void step(struct fuzz_in *in)
{
	struct lr_cfg cfg;

	switch (fuzz_below(in, 8)) {
	case 0:
		if (!w.updating && a_cfg(in, &cfg)) {
			lr_op_view(&w.op, &cfg, w.now);
			w.cfg = cfg;
		}
		break;
	case 1:
		w.now += 1u << fuzz_below(in, 12);
		break;
	case 2:
		if (w.n)
			unreached(in);
		break;
	default:
		if (w.n)
			reply(in);
		break;
	}
	pump();
}

static void start(struct fuzz_in *in)
{
	const struct lr_id id = {{1}};
	struct lr_tag tag = {1 + fuzz_below(in, 4), 2, 9};
	enum lr_op_kind kind = fuzz_below(in, LR_OP_UPDATE + 1);
	unsigned ms = 1 + (unsigned)fuzz_int(in, 2);
	struct lr_update_request q = {.id = id, .writer = 2, .seq = 9};

	w.cfg = (struct lr_cfg){.ce = 5, .n = 3, .src = 7, .mem = {1, 2, 3}};
	w.end = w.now + 40000;
	if (!w.updating) {
		lr_op_init(&w.op, kind, &id, kind == LR_OP_PUT ? &tag : NULL,
			   fuzz_below(in, 4), w.now, ms, 1);
		return;
	}
	q.expect = (uint8_t)fuzz_below(in, 3);
	q.flags = (uint8_t)fuzz_below(in, 4);
	q.want = a_tag(in);
	w.s = (struct lr_slot){.prom = 5, .inst = w.cfg,
			       .status = LR_SLOT_SYNCED,
			       .floor = fuzz_below(in, 5)};
	lr_update_init(&w.u, &q, &w.s, 1, w.now, ms, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};

	memset(&w, 0, sizeof w);
	w.now = 1;
	w.updating = fuzz_below(&in, 2);
	start(&in);
	pump();
	while (in.left && !is_over())
		step(&in);
	if (!is_over()) { /* nobody answers any more */
		w.now = w.end;
		pump();
	}
	FUZZ_CHECK(is_over());
	return 0;
}
