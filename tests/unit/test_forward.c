/* SPDX-License-Identifier: Apache-2.0 */
/* The client's rules of forwarding (core/op_put.c), with one of them taken
 * away at the end. */
#include "core/mutate.h"
#include "core/op.h"

#include "unit.h"

#define A 11u
#define B 22u
#define C 33u

const char *lr_mutation;

static const struct lr_id object = {{0x80, 1, 2}}; /* last byte 0: the first */
static const struct lr_tag mine = {5, 77, 1};
static uint64_t near_one; /* on this very machine */

static struct lr_cfg cfg(uint64_t ce, unsigned n)
{
	return (struct lr_cfg){
		.ce = ce, .mem = {A, B, C}, .n = (uint8_t)n, .src = 1};
}

static bool is_far(void *arg, uint64_t member)
{
	assert_ptr_equal(arg, &near_one);
	return member != near_one;
}

static struct lr_op start(const struct lr_cfg *c)
{
	struct lr_op op;

	lr_op_init(&op, LR_OP_PUT, &object, &mine, 0, 1000, 20000, 42);
	op.far = is_far;
	lr_op_view(&op, c, 1000);
	return op;
}

static struct lr_op_act next(struct lr_op *op, uint64_t now)
{
	return lr_op_next(op, now, NULL, &near_one);
}

/* To `member`, to be passed on to these (0: nobody). */
static void expect_send(struct lr_op *op, uint64_t now, uint64_t member,
			uint64_t r1, uint64_t r2)
{
	struct lr_op_act a = next(op, now);

	assert_int_equal(a.what, LR_OP_SEND);
	assert_int_equal(a.member, member);
	assert_int_equal(a.n_rest, (r1 != 0) + (r2 != 0));
	assert_int_equal(a.rest[0], r1);
	assert_int_equal(a.rest[1], r2);
}

static void expect_wait(struct lr_op *op, uint64_t now)
{
	assert_int_equal(next(op, now).what, LR_OP_WAIT);
	assert_true(op->wake_ms > now);
}

static void expect_done(struct lr_op *op, enum lr_err result)
{
	assert_int_equal(next(op, 1001).what, LR_OP_DONE);
	assert_int_equal(op->result, result);
}

static void says(struct lr_op *op, uint64_t m, uint64_t ce, enum lr_err err)
{
	struct lr_op_reply r = {.err = err, .tag = mine};

	lr_op_reply(op, m, ce, &r, 1001);
}

static void passed(struct lr_op *op, uint64_t m, uint64_t ce, enum lr_err err)
{
	struct lr_op_reply r = {.err = err, .tag = mine};

	lr_op_passed(op, m, ce, &r, 1001);
}

/* One is sent to for all; it is done when each has answered for itself. */
static void one_for_all(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, C);
	expect_wait(&op, 1000);
	passed(&op, B, 3, LR_E_OK);
	passed(&op, C, 3, LR_E_OK);
	expect_wait(&op, 1001);
	says(&op, A, 3, LR_E_OK);
	expect_done(&op, LR_E_OK);
	assert_int_equal(op.copies, 3);
	assert_int_equal(op.sends, 1);
}

/* The forwarder's answer is its own alone: who is missing in it, or has not
 * stored, is sent to directly at once. */
static void answers_for_itself(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, C);
	passed(&op, C, 3, LR_E_STALE);
	says(&op, A, 3, LR_E_OK);
	expect_send(&op, 1001, B, 0, 0);
	expect_send(&op, 1001, C, 0, 0);
	says(&op, B, 3, LR_E_OK);
	expect_wait(&op, 1001);
	says(&op, C, 3, LR_E_OK);
	expect_done(&op, LR_E_OK);
}

/* A forwarder that dies: the others directly and at once, itself after a
 * pause; nothing is forwarded a second time. */
static void forwarder_dies(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, C);
	lr_op_unreached(&op, A, 3, 1000);
	expect_send(&op, 1000, B, 0, 0);
	expect_send(&op, 1000, C, 0, 0);
	expect_wait(&op, 1000);
	says(&op, B, 3, LR_E_OK);
	says(&op, C, 3, LR_E_OK);
	expect_send(&op, op.wake_ms, A, 0, 0);
	says(&op, A, 3, LR_E_OK);
	expect_done(&op, LR_E_OK);
}

/* One that neither answers nor dies: after half of the time the others are
 * sent to directly. Its late word still counts. */
static void forwarder_is_silent(void **state)
{
	struct lr_cfg c = cfg(3, 2);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, 0);
	expect_wait(&op, 1000);
	assert_int_equal(op.wake_ms, 11000);
	expect_wait(&op, 10999);
	expect_send(&op, 11000, B, 0, 0);
	expect_wait(&op, 11000);
	passed(&op, B, 3, LR_E_OK);
	says(&op, A, 3, LR_E_OK);
	expect_done(&op, LR_E_OK);
}

/* No link to the first: another one passes on, to whom there is one. */
static void forwarder_without_link(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, C);
	lr_op_unsent(&op, A, 3, 1000);
	expect_send(&op, 1000, B, C, 0);
	lr_op_unsent(&op, B, 3, 1000);
	expect_send(&op, 1000, C, 0, 0);
	expect_wait(&op, 1000);
	assert_int_equal(op.sends, 1);
}

/* A newer configuration: all of it again, the same tag, one for all; what was
 * said under the older one counts for nothing. */
static void newer_cfg(void **state)
{
	struct lr_cfg c = cfg(3, 3), newer = cfg(4, 3);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, C);
	passed(&op, B, 3, LR_E_OK);
	lr_op_view(&op, &newer, 1000);
	expect_send(&op, 1000, A, B, C);
	passed(&op, C, 3, LR_E_OK);
	says(&op, A, 3, LR_E_OK);
	expect_wait(&op, 1001);
	assert_int_equal(lr_op_next(&op, 1001, NULL, &near_one).what,
			 LR_OP_WAIT);
	passed(&op, B, 4, LR_E_OK);
	passed(&op, C, 4, LR_E_OK);
	says(&op, A, 4, LR_E_OK);
	expect_done(&op, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &mine), 0);
}

/* A member on this machine is sent to directly, it costs the link nothing; one
 * far member alone is, too. */
static void only_far_ones(void **state)
{
	struct lr_cfg c = cfg(3, 3), two = cfg(3, 2);
	struct lr_op op;

	(void)state;
	near_one = A;
	op = start(&c);
	expect_send(&op, 1000, B, C, 0);
	expect_send(&op, 1000, A, 0, 0);
	expect_wait(&op, 1000);
	op = start(&two);
	expect_send(&op, 1000, A, 0, 0);
	expect_send(&op, 1000, B, 0, 0);
	near_one = 0;
}

/* One that has no room says so through another: FULL, at once. */
static void full(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	struct lr_op op = start(&c);

	(void)state;
	expect_send(&op, 1000, A, B, C);
	passed(&op, C, 3, LR_E_FULL);
	expect_done(&op, LR_E_FULL);
}

/* Which one goes first depends on the ID: chunks spread over all copies. */
static void spreads(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	unsigned n[3] = {0};

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		struct lr_op op = start(&c);

		op.id.b[15] = (uint8_t)i;
		n[next(&op, 1000).member / 11 - 1]++;
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(n[i], 80, 90);
}

/* Taken away: whom a dead forwarder left out is never sent to, and that
 * shows. */
static void mutant_dies(void **state)
{
	struct lr_cfg c = cfg(3, 3);
	struct lr_op op = start(&c);

	(void)state;
	lr_mutation = "never-asked-directly";
	expect_send(&op, 1000, A, B, C);
	lr_op_unreached(&op, A, 3, 1000);
	expect_wait(&op, 1000);
	lr_mutation = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_for_all),
		cmocka_unit_test(answers_for_itself),
		cmocka_unit_test(forwarder_dies),
		cmocka_unit_test(forwarder_is_silent),
		cmocka_unit_test(forwarder_without_link),
		cmocka_unit_test(newer_cfg),
		cmocka_unit_test(only_far_ones),
		cmocka_unit_test(full),
		cmocka_unit_test(spreads),
		cmocka_unit_test(mutant_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
