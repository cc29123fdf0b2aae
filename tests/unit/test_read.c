/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names, one operation at a time: what is asked of whom, and
 * what the answers amount to. */
#include "core/update.h"

#include "unit.h"

#define A 11u
#define B 22u

static const struct lr_id id = {{0x40, 1, 2}};
static const struct lr_tag low = {5, 77, 1}, high = {6, 1, 1};

static struct lr_cfg cfg(uint64_t ce)
{
	return (struct lr_cfg){.ce = ce, .n = 2, .src = 3, .mem = {A, B}};
}

static struct lr_op start(enum lr_op_kind kind, const struct lr_tag *tag,
			  const struct lr_cfg *c)
{
	struct lr_op op;

	lr_op_init(&op, kind, &id, tag, 0, 1000, 0, 42);
	lr_op_view(&op, c, 1000);
	return op;
}

static void expect(struct lr_op *op, uint64_t member, enum lr_op_ask ask)
{
	struct lr_op_act a = lr_op_next(op, 1000, NULL, NULL);

	assert_int_equal(a.what, LR_OP_SEND);
	assert_int_equal(a.member, member);
	assert_int_equal(a.ask, ask);
}

static void expect_wait(struct lr_op *op)
{
	assert_int_equal(lr_op_next(op, 1000, NULL, NULL).what, LR_OP_WAIT);
}

static void expect_done(struct lr_op *op, enum lr_err result)
{
	assert_int_equal(lr_op_next(op, 1000, NULL, NULL).what, LR_OP_DONE);
	assert_int_equal(op->result, result);
}

static void tell(struct lr_op *op, uint64_t member, enum lr_op_ask ask,
		 uint8_t found, const struct lr_tag *tag)
{
	struct lr_op_reply r = {.found = found,
				.synced = true,
				.ask = (uint8_t)ask};

	if (tag)
		r.tag = *tag;
	lr_op_reply(op, member, op->cfg.ce, &r, 1000);
}

static void refuse(struct lr_op *op, uint64_t member, enum lr_err err)
{
	struct lr_op_reply r = {.err = err};

	lr_op_reply(op, member, op->cfg.ce, &r, 1000);
}

static struct lr_op reading(void)
{
	struct lr_cfg c = cfg(1);
	struct lr_op op = start(LR_OP_READ, NULL, &c);

	expect(&op, A, LR_ASK_GET);
	expect(&op, B, LR_ASK_TAG);
	expect_wait(&op);
	return op;
}

/* The copies agree: a value, a tag, and that is all. */
static void one_round(void **state)
{
	struct lr_op op = reading();

	(void)state;
	tell(&op, B, LR_ASK_TAG, LR_FOUND_VALUE, &low);
	assert_false(op.done);
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &low);
	expect_done(&op, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &low), 0);
	assert_int_equal(lr_tag_cmp(&op.have, &low), 0);
}

/* The nearest has the newest, another lags: it is put there first. */
static void laggard_first(void **state)
{
	struct lr_op op = reading();

	(void)state;
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &high);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_VALUE, &low);
	expect(&op, B, LR_ASK_PUT);
	expect_wait(&op);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_VALUE, &high); /* of earlier */
	expect_wait(&op);
	tell(&op, B, LR_ASK_PUT, 0, &high);
	expect_done(&op, LR_E_OK);
}

/* Another has the newest: fetched from there, put to the nearest. */
static void fetched_first(void **state)
{
	struct lr_op op = reading();

	(void)state;
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &low);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_VALUE, &high);
	expect(&op, B, LR_ASK_GET);
	tell(&op, B, LR_ASK_GET, LR_FOUND_VALUE, &high);
	assert_int_equal(lr_tag_cmp(&op.have, &high), 0);
	expect(&op, A, LR_ASK_PUT);
	tell(&op, A, LR_ASK_PUT, 0, &high);
	expect_done(&op, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&op.tag, &high), 0);
}

/* A removal that did not reach all is finished before it is told. */
static void removal_is_written_back(void **state)
{
	struct lr_op op = reading();

	(void)state;
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &low);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_TOMB, &high);
	expect(&op, A, LR_ASK_PUT);
	assert_int_equal(op.found, LR_FOUND_TOMB);
	tell(&op, A, LR_ASK_PUT, 0, &high);
	expect_done(&op, LR_E_ABSENT);
}

/* Another configuration: nothing that was answered under the old one counts,
 * a write-back neither. */
static void starts_again(void **state)
{
	struct lr_op op = reading();
	struct lr_cfg c = cfg(2);

	(void)state;
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &high);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_VALUE, &low);
	expect(&op, B, LR_ASK_PUT);
	lr_op_view(&op, &c, 1000);
	assert_false(op.has);
	expect(&op, A, LR_ASK_GET);
	expect(&op, B, LR_ASK_TAG);
	tell(&op, A, LR_ASK_GET, LR_FOUND_NONE, NULL);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_NONE, NULL);
	expect_done(&op, LR_E_ABSENT);
}

/* The holder has rotten since: look again; no intact copy of it: lost. */
static void rotten(void **state)
{
	struct lr_op op = reading();

	(void)state;
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &low);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_VALUE, &high);
	expect(&op, B, LR_ASK_GET);
	tell(&op, B, LR_ASK_GET, LR_FOUND_BAD, &high);
	expect(&op, A, LR_ASK_GET);
	expect(&op, B, LR_ASK_TAG);
	tell(&op, A, LR_ASK_GET, LR_FOUND_VALUE, &low);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_BAD, &high);
	expect_done(&op, LR_E_LOST);
}

/* Nothing there in a slot marked lost is not the same as nothing there. */
static void lost_slot(void **state)
{
	struct lr_cfg c = cfg(1);
	struct lr_op op;

	(void)state;
	c.lost = LR_LOST_MARK;
	op = start(LR_OP_READ, NULL, &c);
	expect(&op, A, LR_ASK_GET);
	expect(&op, B, LR_ASK_TAG);
	tell(&op, A, LR_ASK_GET, LR_FOUND_NONE, NULL);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_NONE, NULL);
	expect_done(&op, LR_E_LOST);
}

/* After a TOMB was collected tags go on above it, in this slot, for ever. */
static void tags_never_begin_anew(void **state)
{
	struct lr_slot s = {0};
	struct lr_cfg c = cfg(1);
	struct lr_op op = start(LR_OP_TAGS, NULL, &c);
	struct lr_tag floor;

	(void)state;
	lr_slot_collected(&s, LR_KIND_REGISTER, &high);
	lr_slot_collected(&s, LR_KIND_NAME, &low);
	lr_slot_collected(&s, LR_KIND_MANIFEST,
			  &(struct lr_tag){LR_TS_GONE, 1, 1});
	assert_int_equal(s.floor, high.ts);
	floor = (struct lr_tag){.ts = s.floor};
	expect(&op, A, LR_ASK_TAG);
	expect(&op, B, LR_ASK_TAG);
	tell(&op, A, LR_ASK_TAG, LR_FOUND_NONE, NULL);
	tell(&op, B, LR_ASK_TAG, LR_FOUND_NONE, &floor);
	expect_done(&op, LR_E_OK);
	assert_int_equal(op.found, LR_FOUND_NONE);
	assert_int_equal(lr_tag_next(&op.tag, 9, 9).ts, high.ts + 1);
}

/* A register's PUT that one copy has no room for: "full" only when no other
 * can have it. */
static void full_or_unknown(void **state)
{
	struct lr_cfg c = cfg(1);
	struct lr_op op = start(LR_OP_PUT, &high, &c);

	(void)state;
	op.certain = true;
	expect(&op, A, LR_ASK_PUT);
	expect(&op, B, LR_ASK_PUT);
	refuse(&op, A, LR_E_FULL);
	assert_false(op.done);
	refuse(&op, B, LR_E_FULL);
	expect_done(&op, LR_E_FULL);
	op = start(LR_OP_PUT, &high, &c);
	op.certain = true;
	expect(&op, A, LR_ASK_PUT);
	expect(&op, B, LR_ASK_PUT);
	refuse(&op, A, LR_E_FULL);
	tell(&op, B, LR_ASK_PUT, 0, &high);
	expect_done(&op, LR_E_UNKNOWN);
}

/* An UPDATE goes to src[1] alone. What certainly was not carried out is asked
 * anew; what may have been is only asked about. */
static void update_of_a_client(void **state)
{
	struct lr_cfg c = cfg(1);
	struct lr_op op;

	(void)state;
	c.src = 2; /* B */
	op = start(LR_OP_UPDATE, NULL, &c);
	expect(&op, B, LR_ASK_UPDATE);
	expect_wait(&op);
	refuse(&op, B, LR_E_BUSY);
	assert_false(op.done || op.doubt);
	refuse(&op, B, LR_E_STALE);
	assert_false(op.done || op.doubt);
	refuse(&op, B, LR_E_UNKNOWN);
	assert_false(op.done);
	assert_true(op.doubt);
	refuse(&op, B, LR_E_SUPERSEDED);
	expect_done(&op, LR_E_UNKNOWN);
	op = start(LR_OP_UPDATE, NULL, &c);
	expect(&op, B, LR_ASK_UPDATE);
	lr_op_unsent(&op, B, 1, 1000);
	assert_false(op.doubt);
	assert_int_equal(lr_op_next(&op, 20000, NULL, NULL).what, LR_OP_DONE);
	assert_int_equal(op.result, LR_E_TIMEOUT);
	op = start(LR_OP_UPDATE, NULL, &c);
	expect(&op, B, LR_ASK_UPDATE);
	tell(&op, B, LR_ASK_UPDATE, LR_FOUND_VALUE, &high);
	expect_done(&op, LR_E_OK);
	op = start(LR_OP_UPDATE, NULL, &c);
	expect(&op, B, LR_ASK_UPDATE);
	assert_int_equal(lr_op_next(&op, 20000, NULL, NULL).what, LR_OP_DONE);
	assert_int_equal(op.result, LR_E_UNKNOWN);
}

/* --- at the donor --------------------------------------------------------- */

static struct lr_slot serving(void)
{
	return (struct lr_slot){
		.prom = 1, .inst = cfg(1), .status = LR_SLOT_SYNCED};
}

static struct lr_update begin(const struct lr_slot *s, uint8_t expects,
			      uint8_t flags, const struct lr_tag *want)
{
	struct lr_update_request q = {id, 9, 4, expects, flags, *want};
	struct lr_update u;

	assert_int_equal(lr_update_admit(s, 1, A), LR_E_OK);
	lr_update_init(&u, &q, s, A, 1000, 0, 1);
	return u;
}

static void answer(struct lr_update *u, uint64_t member, enum lr_op_ask ask,
		   uint8_t found, const struct lr_tag *tag)
{
	struct lr_op_reply r = {.found = found,
				.synced = true,
				.ask = (uint8_t)ask,
				.tag = *tag};

	lr_update_reply(u, member, u->putting, &r, 1000);
}

static unsigned sends(struct lr_update *u, struct lr_slot *s)
{
	unsigned n = 0;

	while (lr_update_next(u, s, 1000).what == LR_OP_SEND)
		n++;
	return n;
}

/* Both copies say that `tag` is current. */
static void read_all(struct lr_update *u, struct lr_slot *s, uint8_t found,
		     const struct lr_tag *tag)
{
	assert_int_equal(sends(u, s), 2);
	answer(u, A, LR_ASK_GET, found, tag);
	answer(u, B, LR_ASK_TAG, found, tag);
}

/* As expected: put to all with the next tag, which bears the op. */
static void compare_and_set(void **state)
{
	struct lr_slot s = serving();
	struct lr_update u = begin(&s, LR_EXPECT_TAG, 0, &high);
	const struct lr_tag next = {7, 9, 4};

	(void)state;
	read_all(&u, &s, LR_FOUND_VALUE, &high);
	assert_int_equal(sends(&u, &s), 2);
	assert_true(u.putting);
	assert_int_equal(lr_tag_cmp(&u.op.tag, &next), 0);
	assert_int_equal(s.floor, 7);
	answer(&u, A, LR_ASK_PUT, 0, &next);
	answer(&u, B, LR_ASK_PUT, 0, &next);
	assert_int_equal(sends(&u, &s), 0);
	assert_true(u.done);
	assert_int_equal(u.result, LR_E_OK);
	assert_int_equal(lr_tag_cmp(&u.tag, &next), 0);
}

static void expect_result(uint8_t expects, uint8_t flags, uint8_t found,
			  const struct lr_tag *current, enum lr_err result)
{
	struct lr_slot s = serving();
	struct lr_update u = begin(&s, expects, flags, &high);

	read_all(&u, &s, found, current);
	assert_int_equal(sends(&u, &s), 0);
	assert_true(u.done);
	assert_int_equal(u.result, result);
}

/* Not as expected: nothing is put. Its own tag is current: it was done. Asked
 * about again and not current: nobody can tell. */
static void not_carried_out(void **state)
{
	const struct lr_tag bears = {9, 9, 4};

	(void)state;
	expect_result(LR_EXPECT_TAG, 0, LR_FOUND_VALUE, &low, LR_E_CONFLICT);
	expect_result(LR_EXPECT_TAG, 0, LR_FOUND_TOMB, &high, LR_E_CONFLICT);
	expect_result(LR_EXPECT_NONE, 0, LR_FOUND_VALUE, &high, LR_E_CONFLICT);
	expect_result(LR_EXPECT_ANY, LR_UPDATE_REMOVE, LR_FOUND_TOMB, &high,
		      LR_E_ABSENT);
	expect_result(LR_EXPECT_ANY, 0, LR_FOUND_VALUE, &bears, LR_E_OK);
	expect_result(LR_EXPECT_ANY, LR_UPDATE_AGAIN, LR_FOUND_VALUE, &bears,
		      LR_E_OK);
	expect_result(LR_EXPECT_ANY, LR_UPDATE_AGAIN, LR_FOUND_VALUE, &high,
		      LR_E_SUPERSEDED);
}

/* Above the last tag there is none: the update fails, and does not begin again
 * at 0. */
static void no_tag_is_left(void **state)
{
	const struct lr_tag last = {UINT64_MAX, 3, 1};

	(void)state;
	expect_result(LR_EXPECT_ANY, 0, LR_FOUND_VALUE, &last, LR_E_FAILED);
}

/* Sealed before the PUT: nothing happened. Refused after it left: unknown. */
static void sealed(void **state)
{
	struct lr_slot s = serving();
	struct lr_update u = begin(&s, LR_EXPECT_ANY, 0, &high);
	struct lr_op_reply r = {.err = LR_E_STALE, .ask = LR_ASK_PUT};

	(void)state;
	assert_int_equal(sends(&u, &s), 2);
	lr_slot_seal(&s, 5, 1);
	assert_int_equal(sends(&u, &s), 0);
	assert_int_equal(u.result, LR_E_BUSY);
	s = serving();
	u = begin(&s, LR_EXPECT_ANY, 0, &high);
	read_all(&u, &s, LR_FOUND_VALUE, &high);
	assert_int_equal(sends(&u, &s), 2);
	lr_update_reply(&u, B, true, &r, 1000);
	assert_true(u.done);
	assert_int_equal(u.result, LR_E_UNKNOWN);
}

/* Given up after its PUT left, it is barred from there on, and what follows
 * goes above it. One whose PUT is barred ends at once, not at its deadline. */
static void given_up(void **state)
{
	struct lr_slot s = serving();
	struct lr_update u = begin(&s, LR_EXPECT_ANY, 0, &high);
	struct lr_op_reply r = {.err = LR_E_SUPERSEDED, .ask = LR_ASK_PUT};

	(void)state;
	read_all(&u, &s, LR_FOUND_VALUE, &high);
	assert_int_equal(sends(&u, &s), 2);
	assert_int_equal(lr_update_bar(&s), 0);
	assert_int_equal(lr_update_next(&u, &s, 40000).what, LR_OP_DONE);
	assert_int_equal(u.result, LR_E_UNKNOWN);
	assert_int_equal(lr_update_bar(&s), 7);
	u = begin(&s, LR_EXPECT_ANY, 0, &high);
	read_all(&u, &s, LR_FOUND_VALUE, &high);
	assert_int_equal(sends(&u, &s), 2);
	assert_int_equal(u.op.tag.ts, 8);
	lr_update_reply(&u, B, true, &r, 1000);
	assert_int_equal(sends(&u, &s), 0);
	assert_int_equal(u.result, LR_E_UNKNOWN);
	assert_int_equal(lr_update_bar(&s), 8);
}

/* None of it left, or it was done: there is nothing to bar. */
static void not_given_up(void **state)
{
	struct lr_slot s = serving();
	struct lr_update u = begin(&s, LR_EXPECT_ANY, 0, &high);
	const struct lr_tag next = {8, 9, 4};
	struct lr_op_act act;

	(void)state;
	read_all(&u, &s, LR_FOUND_VALUE, &high);
	while ((act = lr_update_next(&u, &s, 1000)).what == LR_OP_SEND)
		lr_update_unreached(&u, act.member, true, false, 1000);
	assert_int_equal(lr_update_next(&u, &s, 40000).what, LR_OP_DONE);
	assert_int_equal(u.result, LR_E_BUSY);
	u = begin(&s, LR_EXPECT_ANY, 0, &high);
	read_all(&u, &s, LR_FOUND_VALUE, &high);
	assert_int_equal(sends(&u, &s), 2);
	answer(&u, A, LR_ASK_PUT, 0, &next);
	answer(&u, B, LR_ASK_PUT, 0, &next);
	assert_int_equal(sends(&u, &s), 0);
	assert_int_equal(u.result, LR_E_OK);
	assert_int_equal(lr_update_bar(&s), 0);
}

/* Only src[1] orders updates. */
static void only_one_serves(void **state)
{
	struct lr_slot s = serving();

	(void)state;
	assert_int_equal(lr_update_admit(&s, 1, B), LR_E_STALE);
	assert_int_equal(lr_update_admit(&s, 2, A), LR_E_STALE);
	s.inst.src = 2;
	assert_int_equal(lr_update_admit(&s, 1, B), LR_E_OK);
	assert_int_equal(lr_update_admit(&s, 1, A), LR_E_STALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_round),
		cmocka_unit_test(laggard_first),
		cmocka_unit_test(fetched_first),
		cmocka_unit_test(removal_is_written_back),
		cmocka_unit_test(starts_again),
		cmocka_unit_test(rotten),
		cmocka_unit_test(lost_slot),
		cmocka_unit_test(tags_never_begin_anew),
		cmocka_unit_test(full_or_unknown),
		cmocka_unit_test(update_of_a_client),
		cmocka_unit_test(compare_and_set),
		cmocka_unit_test(not_carried_out),
		cmocka_unit_test(no_tag_is_left),
		cmocka_unit_test(sealed),
		cmocka_unit_test(given_up),
		cmocka_unit_test(not_given_up),
		cmocka_unit_test(only_one_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
