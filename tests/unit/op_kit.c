/* SPDX-License-Identifier: Apache-2.0 */
#include "op_kit.h"

const struct lr_id op_object = {{0x40, 1, 2}};
const struct lr_tag op_mine = {5, 77, 1};
const struct lr_tag op_higher = {6, 1, 1};

struct lr_cfg op_cfg(uint64_t ce, unsigned n, unsigned src)
{
	static const uint64_t mem[] = {A, B, C};
	struct lr_cfg c = {.ce = ce, .n = (uint8_t)n, .src = (uint8_t)src};

	memcpy(c.mem, mem, n * sizeof *mem);
	return c;
}

struct lr_op op_start(enum lr_op_kind kind, unsigned flags,
		      const struct lr_cfg *c)
{
	struct lr_op op;

	lr_op_init(&op, kind, &op_object, &op_mine, flags, 1000, 0, 42);
	if (c)
		lr_op_view(&op, c, 1000);
	return op;
}

/* B is the nearest, of C nothing is known. */
static uint32_t near(void *arg, uint64_t member)
{
	(void)arg;
	return member == A ? 200 : member == B ? 100 : 0;
}

void expect_send(struct lr_op *op, uint64_t now, uint64_t member, uint64_t ce)
{
	struct lr_op_act a = lr_op_next(op, now, near, NULL);

	assert_int_equal(a.what, LR_OP_SEND);
	assert_int_equal(a.member, member);
	assert_int_equal(a.ce, ce);
}

void expect_wait(struct lr_op *op, uint64_t now)
{
	assert_int_equal(lr_op_next(op, now, near, NULL).what, LR_OP_WAIT);
	assert_true(op->wake_ms > now);
}

void expect_done(struct lr_op *op, uint64_t now, enum lr_err result)
{
	assert_int_equal(lr_op_next(op, now, near, NULL).what, LR_OP_DONE);
	assert_int_equal(op->result, result);
}

void op_stored(struct lr_op *op, uint64_t m, uint64_t ce,
	       const struct lr_tag *tag)
{
	struct lr_op_reply r = {.tag = *tag};

	lr_op_reply(op, m, ce, &r, 1001);
}

void op_found(struct lr_op *op, uint64_t m, uint64_t ce, uint8_t what,
	      bool synced)
{
	struct lr_op_reply r = {.found = what, .synced = synced};

	if (what != LR_FOUND_NONE)
		r.tag = op_mine;
	lr_op_reply(op, m, ce, &r, 1001);
}

void op_failed(struct lr_op *op, uint64_t m, uint64_t ce, enum lr_err err,
	       const struct lr_cfg *c)
{
	struct lr_op_reply r = {.err = err, .cfg = c};

	lr_op_reply(op, m, ce, &r, 1001);
}
