/* SPDX-License-Identifier: Apache-2.0 */
#include "core/op.h"

#include "unit.h"

#define A 11u
#define B 22u
#define C 33u

static const struct lr_id object = {{0x40, 1, 2}};
static const struct lr_tag mine = {5, 77, 1};
static const struct lr_tag higher = {6, 1, 1};

static struct lr_cfg cfg(uint64_t ce, unsigned n, unsigned src)
{
	static const uint64_t mem[] = {A, B, C};
	struct lr_cfg c = {.ce = ce, .n = (uint8_t)n, .src = (uint8_t)src};

	memcpy(c.mem, mem, n * sizeof *mem);
	return c;
}

static struct lr_op start(enum lr_op_kind kind, unsigned flags,
			  const struct lr_cfg *c)
{
	struct lr_op op;

	lr_op_init(&op, kind, &object, &mine, flags, 1000, 0, 42);
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

static void expect_send(struct lr_op *op, uint64_t now, uint64_t member,
			uint64_t ce)
{
	struct lr_op_act a = lr_op_next(op, now, near, NULL);

	assert_int_equal(a.what, LR_OP_SEND);
	assert_int_equal(a.member, member);
	assert_int_equal(a.ce, ce);
}

static void expect_wait(struct lr_op *op, uint64_t now)
{
	assert_int_equal(lr_op_next(op, now, near, NULL).what, LR_OP_WAIT);
	assert_true(op->wake_ms > now);
}

static void expect_done(struct lr_op *op, uint64_t now, enum lr_err result)
{
	assert_int_equal(lr_op_next(op, now, near, NULL).what, LR_OP_DONE);
	assert_int_equal(op->result, result);
}

static void stored(struct lr_op *op, uint64_t m, uint64_t ce,
		   const struct lr_tag *tag)
{
	struct lr_op_reply r = {.tag = *tag};

	lr_op_reply(op, m, ce, &r, 1001);
}

static void found(struct lr_op *op, uint64_t m, uint64_t ce, uint8_t what,
		  bool synced)
{
	struct lr_op_reply r = {.found = what, .synced = synced};

	if (what != LR_FOUND_NONE)
		r.tag = mine;
	lr_op_reply(op, m, ce, &r, 1001);
}

static void failed(struct lr_op *op, uint64_t m, uint64_t ce, enum lr_err err,
		   const struct lr_cfg *c)
{
	struct lr_op_reply r = {.err = err, .cfg = c};

	lr_op_reply(op, m, ce, &r, 1001);
}

/* --- PUT ---------------------------------------------------------------- */

/* A PUT is done when all members, and not before, hold it under one ce. */
static void put_all(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_PUT, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	expect_wait(&op, 1000);
	stored(&op, A, 3, &mine);
	expect_wait(&op, 1001);
	stored(&op, A, 3, &mine); /* the same again is no second copy */
	stored(&op, C, 3, &mine); /* and a stranger's is none */
	stored(&op, B, 2, &mine); /* nor what was stored under another ce */
	expect_wait(&op, 1001);
	stored(&op, B, 3, &mine);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(op.copies, 2);
}

/* STALE with a newer cfg: at once to all of it, those that stored it under the
 * older one included, with the same tag. */
static void put_newer_cfg(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3), newer = cfg(4, 3, 3);
	struct lr_op op = start(LR_OP_PUT, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	stored(&op, A, 3, &mine);
	failed(&op, B, 3, LR_E_STALE, &newer);
	expect_send(&op, 1001, B, 4);
	expect_send(&op, 1001, A, 4);
	expect_send(&op, 1001, C, 4);
	stored(&op, B, 4, &mine);
	stored(&op, C, 4, &mine);
	expect_wait(&op, 1001);
	stored(&op, A, 3, &mine);
	expect_wait(&op, 1001);
	stored(&op, A, 4, &mine);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &mine), 0);
}

/* STALE without one, or no link: the same members again, 5 to 100 ms later;
 * those that stored it are left alone. */
static void put_retries(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3), older = cfg(2, 2, 3);
	struct lr_op op = start(LR_OP_PUT, 0, &c);
	uint64_t now = 1001;

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	stored(&op, A, 3, &mine);
	failed(&op, B, 3, LR_E_STALE, &older);
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
	struct lr_cfg c = cfg(3, 2, 3), older = cfg(2, 1, 1),
		      bad = cfg(9, 1, 1);
	struct lr_op op = start(LR_OP_PUT, 0, &c);

	(void)state;
	lr_op_view(&op, &older, 1000);
	bad.src = 0;
	lr_op_view(&op, &bad, 1000);
	expect_send(&op, 1000, B, 3);
	failed(&op, B, 3, LR_E_STALE, &bad);
	expect_send(&op, 1001, A, 3);
	assert_int_equal(op.cfg.ce, 3);
}

/* A higher tag: SUPERSEDED, once all hold that much. */
static void put_superseded(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_PUT, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	stored(&op, B, 3, &higher);
	expect_wait(&op, 1001);
	stored(&op, A, 3, &mine);
	expect_done(&op, 1001, LR_E_SUPERSEDED);
	assert_int_equal(lr_tag_cmp(&op.tag, &higher), 0);
	assert_int_equal(op.copies, 1);
}

/* A conditional TOMB that meets a closed manifest is told at once; for any
 * other PUT a lower tag is no answer. */
static void put_lower_tag(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_PUT, LR_PUT_TOMB | LR_PUT_IF_OPEN, &c);
	struct lr_tag closed = {LR_TS_CLOSED, 1, 1};

	(void)state;
	expect_send(&op, 1000, B, 3);
	stored(&op, B, 3, &closed);
	expect_done(&op, 1001, LR_E_SUPERSEDED);
	op = start(LR_OP_PUT, 0, &c);
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	stored(&op, A, 3, &mine);
	stored(&op, B, 3, &closed);
	expect_wait(&op, 1001);
	expect_done(&op, 99000, LR_E_UNKNOWN);
}

/* No room, or not allowed: told at once. */
static void put_refused(void **state)
{
	static const enum lr_err errs[] = {LR_E_FULL, LR_E_PERMISSION};
	struct lr_cfg c = cfg(3, 2, 3);

	(void)state;
	for (size_t i = 0; i < countof(errs); i++) {
		struct lr_op op = start(LR_OP_PUT, 0, &c);

		expect_send(&op, 1000, B, 3);
		failed(&op, B, 3, errs[i], NULL);
		expect_done(&op, 1001, errs[i]);
		assert_int_equal(op.from, B);
	}
}

/* The deadline before the first PUT left: TIMEOUT; after it: UNKNOWN, even if
 * all but one have stored it. */
static void put_deadline(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_PUT, 0, NULL);

	(void)state;
	expect_wait(&op, 1000);
	expect_wait(&op, 10999);
	expect_done(&op, 11000, LR_E_TIMEOUT);
	op = start(LR_OP_PUT, 0, &c);
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	stored(&op, A, 3, &mine);
	expect_done(&op, 11000, LR_E_UNKNOWN);
	assert_int_equal(op.from, B);
	stored(&op, B, 3, &mine);
	expect_done(&op, 11000, LR_E_UNKNOWN);
	lr_op_init(&op, LR_OP_PUT, &object, &mine, 0, 0, 99999999, 1);
	assert_int_equal(op.deadline_ms, LR_OP_DEADLINE_MAX_MS);
}

/* --- GET ---------------------------------------------------------------- */

/* One copy is asked, the nearest; its value is the answer. */
static void get_nearest(void **state)
{
	struct lr_cfg c = cfg(3, 3, 7);
	struct lr_op op = start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_wait(&op, 1000);
	found(&op, B, 3, LR_FOUND_VALUE, true);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(op.from, B);
	assert_int_equal(op.found, LR_FOUND_VALUE);
}

/* Copies that have all entries are asked before nearer ones that do not. */
static void get_synced_first(void **state)
{
	struct lr_cfg c = cfg(3, 3, 4);
	struct lr_op op = start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, C, 3);
	lr_op_unreached(&op, C, 3, 1000);
	expect_send(&op, 1000, B, 3);
	found(&op, B, 3, LR_FOUND_VALUE, false);
	expect_done(&op, 1001, LR_E_OK);
}

/* A slow copy: one more is asked, and then one more. */
static void get_hedges(void **state)
{
	struct lr_cfg c = cfg(3, 3, 7);
	struct lr_op op = start(LR_OP_GET, 0, &c);
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
	found(&op, A, 3, LR_FOUND_VALUE, true);
	expect_done(&op, now, LR_E_OK);
	assert_int_equal(op.from, A);
}

/* A failed or corrupt copy: the next at once. BAD at all: LOST. */
static void get_bad(void **state)
{
	struct lr_cfg c = cfg(3, 3, 7);
	struct lr_op op = start(LR_OP_GET, 0, &c), one;

	(void)state;
	expect_send(&op, 1000, B, 3);
	failed(&op, B, 3, LR_E_CORRUPT, NULL);
	expect_send(&op, 1001, A, 3);
	found(&op, A, 3, LR_FOUND_BAD, true);
	expect_send(&op, 1001, C, 3);
	one = op;
	found(&one, C, 3, LR_FOUND_VALUE, true);
	expect_done(&one, 1001, LR_E_OK);
	lr_op_unreached(&op, C, 3, 1001);
	expect_wait(&op, 1001);
	expect_send(&op, op.wake_ms, C, 3);
	found(&op, C, 3, LR_FOUND_BAD, true);
	expect_done(&op, 1500, LR_E_LOST);
}

/* "No such ID" takes the word of all, one of them SYNCED; as soon as one says
 * so, all others are asked. */
static void get_absent(void **state)
{
	struct lr_cfg c = cfg(3, 3, 7);
	struct lr_op op = start(LR_OP_GET, 0, &c), tomb;

	(void)state;
	expect_send(&op, 1000, B, 3);
	found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 3);
	expect_send(&op, 1001, C, 3);
	found(&op, A, 3, LR_FOUND_NONE, true);
	expect_wait(&op, 1001);
	tomb = op;
	found(&op, C, 3, LR_FOUND_NONE, true);
	expect_done(&op, 1001, LR_E_ABSENT);
	assert_int_equal(op.found, LR_FOUND_NONE);
	found(&tomb, C, 3, LR_FOUND_TOMB, true);
	expect_done(&tomb, 1001, LR_E_ABSENT);
	assert_int_equal(tomb.found, LR_FOUND_TOMB);
}

/* The answers of two configurations are not put together. */
static void get_absent_one_cfg(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3), newer = cfg(4, 2, 3);
	struct lr_op op = start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 3);
	failed(&op, A, 3, LR_E_STALE, &newer);
	expect_send(&op, 1001, B, 4);
	found(&op, A, 3, LR_FOUND_NONE, true);
	found(&op, B, 4, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 4);
	expect_wait(&op, 1001);
	found(&op, A, 4, LR_FOUND_VALUE, true);
	expect_done(&op, 1001, LR_E_OK);
}

/* Nobody SYNCED said so: all are asked again. */
static void get_absent_needs_synced(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	found(&op, B, 3, LR_FOUND_NONE, false);
	expect_send(&op, 1001, A, 3);
	found(&op, A, 3, LR_FOUND_NONE, false);
	expect_wait(&op, 1001);
	expect_send(&op, op.wake_ms, B, 3);
	found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, op.wake_ms, A, 3);
	found(&op, A, 3, LR_FOUND_NONE, false);
	expect_done(&op, 1500, LR_E_ABSENT);
}

/* In a slot that lost entries "no entry" means LOST, a TOMB means removed. */
static void get_lost_slot(void **state)
{
	struct lr_cfg c = cfg(3, 1, 1);
	struct lr_op op;

	(void)state;
	c.lost = LR_LOST_MARK;
	op = start(LR_OP_GET, 0, &c);
	expect_send(&op, 1000, A, 3);
	found(&op, A, 3, LR_FOUND_NONE, true);
	expect_done(&op, 1001, LR_E_LOST);
	op = start(LR_OP_GET, 0, &c);
	expect_send(&op, 1000, A, 3);
	found(&op, A, 3, LR_FOUND_TOMB, true);
	expect_done(&op, 1001, LR_E_ABSENT);
}

/* One copy is silent, the others have nothing: not reachable, and who is
 * waited for; never absent. */
static void get_unreachable(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_GET, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	found(&op, B, 3, LR_FOUND_NONE, true);
	expect_send(&op, 1001, A, 3);
	lr_op_unreached(&op, A, 3, 1001);
	expect_done(&op, 11000, LR_E_UNREACHABLE);
	assert_int_equal(op.from, A);
	op = start(LR_OP_GET, 0, NULL);
	expect_done(&op, 11000, LR_E_UNREACHABLE);
	assert_int_equal(op.from, 0);
}

/* --- TAGS --------------------------------------------------------------- */

/* The highest tag over all members, and how many have it. */
static void tags(void **state)
{
	struct lr_cfg c = cfg(3, 3, 7);
	struct lr_op op = start(LR_OP_TAGS, 0, &c);
	struct lr_op_reply r = {.found = LR_FOUND_BAD, .tag = higher};

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	expect_send(&op, 1000, C, 3);
	found(&op, A, 3, LR_FOUND_VALUE, true);
	lr_op_reply(&op, B, 3, &r, 1001);
	expect_wait(&op, 1001);
	r.found = LR_FOUND_VALUE;
	lr_op_reply(&op, C, 3, &r, 1001);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &higher), 0);
	assert_int_equal(op.found, LR_FOUND_VALUE);
	assert_int_equal(op.from, C);
	assert_int_equal(op.copies, 2);
}

/* Nothing anywhere: no tag, found NONE. */
static void tags_none(void **state)
{
	struct lr_cfg c = cfg(3, 2, 3);
	struct lr_op op = start(LR_OP_TAGS, 0, &c);

	(void)state;
	expect_send(&op, 1000, B, 3);
	expect_send(&op, 1000, A, 3);
	found(&op, A, 3, LR_FOUND_NONE, true);
	found(&op, B, 3, LR_FOUND_NONE, true);
	expect_done(&op, 1001, LR_E_OK);
	assert_int_equal(op.found, LR_FOUND_NONE);
	assert_int_equal(op.tag.ts, 0);
	assert_int_equal(op.copies, 2);
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
