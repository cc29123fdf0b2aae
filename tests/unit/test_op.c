/* SPDX-License-Identifier: Apache-2.0 */
/* PUT, at each step. */
#include "op_kit.h"

/* A PUT is done when all members, and not before, hold it under one ce. */
static void put_all(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_PUT, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	expect_wait(&op, 1000);
	op_stored(&op, A, 3, &op_mine);
	expect_wait(&op, 1001);
	op_stored(&op, A, 3, &op_mine); /* the same again is no second copy */
	op_stored(&op, C, 3, &op_mine); /* and a stranger's is none */
	op_stored(&op, B, 2,
		  &op_mine); /* nor what was stored under another ce */
	expect_wait(&op, 1001);
	op_stored(&op, B, 3, &op_mine);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(op.copies, 2);
}

/* STALE with a newer cfg: at once to all of it, those that stored it under the
 * older one included, with the same tag. */
static void put_newer_cfg(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3), newer = op_cfg(4, 3, 3);
	struct lr_op op = op_start(LR_OP_PUT, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	op_stored(&op, A, 3, &op_mine);
	op_failed(&op, B, 3, LR_E_STALE, &newer);
	expect_send(&op, 1001, B, 4);
	expect_send(&op, 1001, A, 4);
	expect_send(&op, 1001, C, 4);
	op_stored(&op, B, 4, &op_mine);
	op_stored(&op, C, 4, &op_mine);
	expect_wait(&op, 1001);
	op_stored(&op, A, 3, &op_mine);
	expect_wait(&op, 1001);
	op_stored(&op, A, 4, &op_mine);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &op_mine), 0);
}

/* STALE without one, or no link: the same members again, 5 to 100 ms later;
 * those that stored it are left alone. */
static void put_retries(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3), older = op_cfg(2, 2, 3);
	struct lr_op op = op_start(LR_OP_PUT, 0, &c);
	uint64_t now = 1001;

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	op_stored(&op, A, 3, &op_mine);
	op_failed(&op, B, 3, LR_E_STALE, &older);
	for (int i = 0; i < 20; i++) {
		expect_wait(&op, now);
		assert_in_range(op.wake_ms, now + 5, now + 100);
		now = op.wake_ms;
		expect_send(&op, now, B, 3);
		lr_op_unreached(&op, B, 3, now);
	}
	expect_wait(&op, now);
	c.ce = 9;
	lr_op_view(&op, &c, now);
	expect_send(&op, now, B, 9);
	expect_send(&op, now, A, 9);
}

/* An older view, and a STALE that brings what cannot be, change nothing. */
static void ignores_older(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3), older = op_cfg(2, 1, 1),
		      bad = op_cfg(9, 1, 1);
	struct lr_op op = op_start(LR_OP_PUT, 0, &c);

	(void)state;
	lr_op_view(&op, &older, 1000);
	bad.src = 0;
	lr_op_view(&op, &bad, 1000);
	expect_send(&op, 1000, B, 3);
	op_failed(&op, B, 3, LR_E_STALE, &bad);
	expect_send(&op, 1001, A, 3);
	assert_int_equal(op.cfg.ce, 3);
}

/* A higher tag: SUPERSEDED, once all hold that much. */
static void put_superseded(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_PUT, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	op_stored(&op, B, 3, &op_higher);
	expect_wait(&op, 1001);
	op_stored(&op, A, 3, &op_mine);
	expect_done(&op, 1001, LR_E_SUPERSEDED);
	assert_int_equal(lr_tag_cmp(&op.tag, &op_higher), 0);
	assert_int_equal(op.copies, 1);
}

/* A conditional TOMB that meets a closed manifest is told at once; for any
 * other PUT a lower tag is no answer. */
static void put_lower_tag(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_PUT, LR_PUT_TOMB | LR_PUT_IF_OPEN, &c);
	struct lr_tag closed = {LR_TS_CLOSED, 1, 1};

	(void)state;
	expect_send(&op, 1000, B, 3);
	op_stored(&op, B, 3, &closed);
	expect_done(&op, 1001, LR_E_SUPERSEDED);
	op = op_start(LR_OP_PUT, 0, &c);
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	op_stored(&op, A, 3, &op_mine);
	op_stored(&op, B, 3, &closed);
	expect_wait(&op, 1001);
	expect_done(&op, 99000, LR_E_UNKNOWN);
}

/* No room, or not allowed: told at once. */
static void put_refused(void **state)
{
	static const enum lr_err errs[] = {LR_E_FULL, LR_E_PERMISSION};
	struct lr_cfg c = op_cfg(3, 2, 3);

	(void)state;
	for (size_t i = 0; i < countof(errs); i++) {
		struct lr_op op = op_start(LR_OP_PUT, 0, &c);

		expect_send(&op, 1000, B, 3);
		op_failed(&op, B, 3, errs[i], NULL);
		expect_done(&op, 1001, errs[i]);
		assert_int_equal(op.from, B);
	}
}

/* The deadline before the first PUT left: TIMEOUT; after it: UNKNOWN, even if
 * all but one have stored it. */
static void put_deadline(void **state)
{
	struct lr_cfg c = op_cfg(3, 2, 3);
	struct lr_op op = op_start(LR_OP_PUT, 0, NULL);

	(void)state;
	expect_wait(&op, 1000);
	expect_wait(&op, 10999);
	expect_done(&op, 11000, LR_E_TIMEOUT);
	op = op_start(LR_OP_PUT, 0, &c);
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	op_stored(&op, A, 3, &op_mine);
	expect_done(&op, 11000, LR_E_UNKNOWN);
	assert_int_equal(op.from, B);
	op_stored(&op, B, 3, &op_mine);
	expect_done(&op, 11000, LR_E_UNKNOWN);
	lr_op_init(&op, LR_OP_PUT, &op_object, &op_mine, 0, 0, 99999999, 1);
	assert_int_equal(op.deadline_ms, LR_OP_DEADLINE_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_all),
		cmocka_unit_test(put_newer_cfg),
		cmocka_unit_test(put_retries),
		cmocka_unit_test(ignores_older),
		cmocka_unit_test(put_superseded),
		cmocka_unit_test(put_lower_tag),
		cmocka_unit_test(put_refused),
		cmocka_unit_test(put_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
