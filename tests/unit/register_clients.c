/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of registers and names in the small world, and what they saw. */
#include "register_model.h"

#include "core/mutate.h"

static const struct lr_id the_id;

static void start_op(struct client *c, enum lr_op_kind kind,
		     enum register_step step, const struct lr_tag *tag)
{
	unsigned ms = 400 + small_draw(&w.s, 800);
	uint32_t seed = small_draw(&w.s, 1u << 30);

	c->step = step;
	c->life = (unsigned)++w.lives;
	lr_op_init(&c->op, kind, &the_id, tag,
		   c->h.kind == CAS_REMOVE && kind == LR_OP_PUT ? LR_PUT_TOMB
								: 0,
		   w.s.now, ms, seed);
	lr_op_view(&c->op, small_chance(&w.s, 2) ? &w.s.old : &w.s.cfg,
		   w.s.now);
}

/* What was written is told by (writer, seq): the seq is the ID. */
static void begin(struct client *c, unsigned place)
{
	uint32_t id = (uint32_t)++w.lives;

	c->busy = true;
	c->h = (struct cas_op){.inv = w.s.now * 8 + place,
			       .kind = small_draw(&w.s, 5) < 3	  ? CAS_SET
				       : small_draw(&w.s, 5) == 0 ? CAS_REMOVE
								  : CAS_GET,
			       .id = id};
	c->q = (struct lr_update_request){the_id, 100 + place, id, 0, 0, {0}};
	if (c->h.kind == CAS_GET) {
		start_op(c, LR_OP_READ, READING, NULL);
		return;
	}
	if (!w.names) {
		c->h.blind = true;
		start_op(c, LR_OP_TAGS, TAGGING, NULL);
		return;
	}
	if (c->h.kind == CAS_REMOVE)
		c->q.flags = LR_UPDATE_REMOVE;
	if (small_chance(&w.s, 4)) {
		c->h.expect = CAS_NONE;
		c->q.expect = LR_EXPECT_NONE;
	} else if (!small_chance(&w.s, 3)) {
		c->h.expect = CAS_THIS;
		c->q.expect = LR_EXPECT_TAG;
		c->h.want = c->last.seq;
		c->q.want = c->last;
	}
	if (c->q.flags && c->q.expect == LR_EXPECT_NONE) {
		c->h.expect = CAS_ANY;
		c->q.expect = LR_EXPECT_ANY;
	}
	start_op(c, LR_OP_UPDATE, UPDATING, NULL);
}

static void record(struct client *c, unsigned place)
{
	c->busy = false;
	c->h.res = w.s.now * 8 + place;
	if (c->h.res <= c->h.inv)
		c->h.res = c->h.inv + 1;
	if (w.n_h < REGISTER_HISTORY)
		w.h[w.n_h++] = c->h;
}

static void was_read(struct client *c, unsigned place)
{
	const struct lr_op *op = &c->op;

	c->busy = false;
	if (op->result != LR_E_OK && op->result != LR_E_ABSENT)
		return;
	if (op->result == LR_E_OK && !lr_mutation)
		assert_true(op->has && lr_tag_cmp(&op->have, &op->tag) == 0);
	c->last = op->result ? (struct lr_tag){0} : op->tag;
	c->h.got = c->last.seq;
	record(c, place);
}

static void was_updated(struct client *c, unsigned place)
{
	switch (c->op.result) {
	case LR_E_OK:
		w.done++;
		break;
	case LR_E_CONFLICT:
		w.conflicts++;
		c->h.out = CAS_CONFLICT;
		break;
	case LR_E_ABSENT:
		c->h.out = CAS_ABSENT;
		break;
	case LR_E_UNKNOWN:
		w.unknown++;
		c->h.out = CAS_MAYBE;
		break;
	default:
		c->busy = false; /* certainly not done */
		return;
	}
	if (c->op.result == LR_E_OK || c->op.result == LR_E_CONFLICT)
		c->last = c->op.found == LR_FOUND_VALUE ? c->op.tag
							: (struct lr_tag){0};
	record(c, place);
}

static void was_put(struct client *c, unsigned place)
{
	if (c->op.result == LR_E_UNKNOWN)
		c->h.out = CAS_MAYBE;
	else if (c->op.result && c->op.result != LR_E_SUPERSEDED) {
		c->busy = false;
		return;
	}
	w.done += !c->op.result;
	w.unknown += c->op.result == LR_E_UNKNOWN;
	record(c, place);
}

static void go_on(struct client *c, unsigned place)
{
	struct lr_tag tag;

	switch (c->step) {
	case READING:
		was_read(c, place);
		break;
	case TAGGING:
		if (c->op.result) {
			c->busy = false;
			break;
		}
		tag = lr_tag_next(&c->op.tag, c->q.writer, c->q.seq);
		start_op(c, LR_OP_PUT, PUTTING, &tag);
		break;
	case PUTTING:
		was_put(c, place);
		break;
	case UPDATING:
		was_updated(c, place);
		break;
	}
}

void register_drive(struct client *c, unsigned place)
{
	if (!c->busy && small_chance(&w.s, 20))
		begin(c, place);
	if (c->busy && small_chance(&w.s, 50))
		lr_op_view(&c->op, &w.s.cfg, w.s.now);
	while (c->busy) {
		struct lr_op_act a = lr_op_next(&c->op, w.s.now, NULL, NULL);
		struct message m = {.member = a.member,
				    .ce = a.ce,
				    .from = place,
				    .life = c->life,
				    .ask = a.ask,
				    .tag = c->op.tag,
				    .flags = c->op.put_flags,
				    .q = c->q};

		if (a.what == LR_OP_DONE)
			go_on(c, place);
		else if (a.what != LR_OP_SEND)
			return;
		if (a.what != LR_OP_SEND)
			continue;
		if (c->op.kind == LR_OP_READ)
			m.flags = LR_PUT_REPAIR |
				  (c->op.found == LR_FOUND_TOMB ? LR_PUT_TOMB
								: 0);
		if (c->op.kind == LR_OP_UPDATE && c->op.doubt)
			m.q.flags |= LR_UPDATE_AGAIN;
		register_post(&m);
	}
}

void register_close_history(void)
{
	for (unsigned i = 0; i < REGISTER_CLIENTS; i++) {
		struct client *c = &w.c[i];

		if (!c->busy || c->step == READING || c->step == TAGGING)
			continue;
		c->h.out = CAS_MAYBE;
		record(c, i);
	}
}
