/* SPDX-License-Identifier: Apache-2.0 */
/* GET and TAGS, at each step. */
#include "op_kit.h"

/* One copy is asked, the nearest; its value is the answer. */
static void get_nearest(void **state)
{
	struct lr_cfg c = op_cfg(3, 3, 7);
	struct lr_op op = op_start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_wait(&op, 1000);
	op_found(&op, B, 3, LR_FOUND_VALUE, true);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(op.from, B);
	assert_int_equal(op.found, LR_FOUND_VALUE);
}

/* Copies that have all entries are asked before nearer ones that do not. */
static void get_synced_first(void **state)
{
	struct lr_cfg c = op_cfg(3, 3, 4);
	struct lr_op op = op_start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, C, 3);
	lr_op_unreached(&op, C, 3, 1000);
	expect_send(&op, 1000, B, 3);
	op_found(&op, B, 3, LR_FOUND_VALUE, false);
	expect_done(&op, 1001, LR_E_OK);
}

/* A slow copy: one more is asked, and then one more. */
static void get_hedges(void **state)
{
	struct lr_cfg c = op_cfg(3, 3, 7);
	struct lr_op op = op_start(LR_OP_GET, 0, &c);
	uint64_t now = 1000;

	(void)state;
	expect_send(&op, now, B, 3);
	expect_wait(&op, now);
	assert_int_equal(op.wake_ms, now + LR_OP_HEDGE_MS);
	now = op.wake_ms;
	expect_send(&op, now, A, 3);
	expect_wait(&op, now);
	assert_int_equal(op.wake_ms, now + LR_OP_HEDGE_MS);
	now = op.wake_ms;
	expect_send(&op, now, C, 3);
	expect_wait(&op, now);
	assert_int_equal(op.wake_ms, op.deadline_ms);
	op_found(&op, A, 3, LR_FOUND_VALUE, true);
	expect_done(&op, now, LR_E_OK);
	assert_int_equal(op.from, A);
}

/* A failed or corrupt copy: the next at once. BAD at all: LOST. */
static void get_bad(void **state)
{
	struct lr_cfg c = op_cfg(3, 3, 7);
	struct lr_op op = op_start(LR_OP_GET, 0, &c), one;

	(void)state;
	expect_send(&op, 1000, B, 3);
	op_failed(&op, B, 3, LR_E_CORRUPT, NULL);
	expect_send(&op, 1001, A, 3);
	op_found(&op, A, 3, LR_FOUND_BAD, true);
	expect_send(&op, 1001, C, 3);
	one = op;
	op_found(&one, C, 3, LR_FOUND_VALUE, true);
	expect_done(&one, 1001, LR_E_OK);
	lr_op_unreached(&op, C, 3, 1001);
	expect_wait(&op, 1001);
	expect_send(&op, op.wake_ms, C, 3);
	op_found(&op, C, 3, LR_FOUND_BAD, true);
	expect_done(&op, 1500, LR_E_LOST);
}

/* "No such ID" takes the word of all, one of them SYNCED; as soon as one says
 * so, all others are asked. */
static void get_absent(void **state)
{
	struct lr_cfg c = op_cfg(3, 3, 7);
	struct lr_op op = op_start(LR_OP_GET, 0, &c), tomb;

	(void)state;
	expect_send(&op, 1000, B, 3);
	op_found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 3);
	expect_send(&op, 1001, C, 3);
	op_found(&op, A, 3, LR_FOUND_NONE, true);
	expect_wait(&op, 1001);
	tomb = op;
	op_found(&op, C, 3, LR_FOUND_NONE, true);
	expect_done(&op, 1001, LR_E_ABSENT);
	assert_int_equal(op.found, LR_FOUND_NONE);
	op_found(&tomb, C, 3, LR_FOUND_TOMB, true);
	expect_done(&tomb, 1001, LR_E_ABSENT);
	assert_int_equal(tomb.found, LR_FOUND_TOMB);
}

/* The answers of two configurations are not put together. */
static void get_absent_one_cfg(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3), newer = op_cfg(4, 2, 3);
	struct lr_op op = op_start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	op_found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 3);
	op_failed(&op, A, 3, LR_E_STALE, &newer);
	expect_send(&op, 1001, B, 4);
	op_found(&op, A, 3, LR_FOUND_NONE, true);
	op_found(&op, B, 4, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 4);
	expect_wait(&op, 1001);
	op_found(&op, A, 4, LR_FOUND_VALUE, true);
	expect_done(&op, 1001, LR_E_OK);
}

/* Nobody SYNCED said so: all are asked again. */
static void get_absent_needs_synced(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	op_found(&op, B, 3, LR_FOUND_NONE, false);
	expect_send(&op, 1001, A, 3);
	op_found(&op, A, 3, LR_FOUND_NONE, false);
	expect_wait(&op, 1001);
	expect_send(&op, op.wake_ms, B, 3);
	op_found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, op.wake_ms, A, 3);
	op_found(&op, A, 3, LR_FOUND_NONE, false);
	expect_done(&op, 1500, LR_E_ABSENT);
}

/* In a slot that lost entries "no entry" means LOST, a TOMB means removed. */
static void get_lost_slot(void **state)
{
	struct lr_cfg c = op_cfg(3, 1, 1);
	struct lr_op op;

	(void)state;
	c.lost = LR_LOST_MARK;
	op = op_start(LR_OP_GET, 0, &c);
	expect_send(&op, 1000, A, 3);
	op_found(&op, A, 3, LR_FOUND_NONE, true);
	expect_done(&op, 1001, LR_E_LOST);
	op = op_start(LR_OP_GET, 0, &c);
	expect_send(&op, 1000, A, 3);
	op_found(&op, A, 3, LR_FOUND_TOMB, true);
	expect_done(&op, 1001, LR_E_ABSENT);
}

/* One copy is silent, the others have nothing: not reachable, and who is
 * waited for; never absent. */
static void get_unreachable(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	op_found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 3);
	lr_op_unreached(&op, A, 3, 1001);
	expect_done(&op, 11000, LR_E_UNREACHABLE);
	assert_int_equal(op.from, A);
	op = op_start(LR_OP_GET, 0, NULL);
	expect_done(&op, 11000, LR_E_UNREACHABLE);
	assert_int_equal(op.from, 0);
}

/* --- TAGS --------------------------------------------------------------- */

/* The highest tag over all members, and how many have it. */
static void tags(void **state)
{
	struct lr_cfg c = op_cfg(3, 3, 7);
	struct lr_op op = op_start(LR_OP_TAGS, 0, &c);
	struct lr_op_reply r = {.found = LR_FOUND_BAD, .tag = op_higher};

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	expect_send(&op, 1000, C, 3);
	op_found(&op, A, 3, LR_FOUND_VALUE, true);
	lr_op_reply(&op, B, 3, &r, 1001);
	expect_wait(&op, 1001);
	r.found = LR_FOUND_VALUE;
	lr_op_reply(&op, C, 3, &r, 1001);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &op_higher), 0);
	assert_int_equal(op.found, LR_FOUND_VALUE);
	assert_int_equal(op.from, C);
	assert_int_equal(op.copies, 2);
}

/* Nothing anywhere: no tag, found NONE. */
static void tags_none(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_TAGS, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	op_found(&op, A, 3, LR_FOUND_NONE, true);
	op_found(&op, B, 3, LR_FOUND_NONE, true);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(op.found, LR_FOUND_NONE);
	assert_int_equal(op.tag.ts, 0);
	assert_int_equal(op.copies, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_nearest),
		cmocka_unit_test(get_synced_first),
		cmocka_unit_test(get_hedges),
		cmocka_unit_test(get_bad),
		cmocka_unit_test(get_absent),
		cmocka_unit_test(get_absent_one_cfg),
		cmocka_unit_test(get_absent_needs_synced),
		cmocka_unit_test(get_lost_slot),
		cmocka_unit_test(get_unreachable),
		cmocka_unit_test(tags),
		cmocka_unit_test(tags_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
