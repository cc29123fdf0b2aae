/* SPDX-License-Identifier: Apache-2.0 */
/* What if donors went, and the pause of the rebuild. */
#include "tests/unit/coord_kit.h"

#define SLOTS 24u /* 8 of each class */

const char *lr_mutation;

static void pool(struct kit *k, unsigned n)
{
	kit_init(k, SLOTS, 4, 1);
	for (unsigned i = 0; i < n; i++)
		kit_start(k, i);
	assert_true(kit_until(k, kit_healed, 20000));
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k->c, s, 1, 1000);
}

static void end(struct kit *k)
{
	if (k->wrong[0])
		fail_msg("%s", k->wrong);
	kit_done(k);
}

static struct lr_whatif whatif(struct kit *k, unsigned gone)
{
	uint64_t incs[KIT_DONORS];
	struct lr_whatif w;

	for (unsigned i = 0; i < gone; i++)
		incs[i] = k->d[i].inc;
	lr_coord_whatif(k->c, incs, gone, &w);
	assert_int_equal(w.full + w.short_ + w.lost + w.unavailable, SLOTS);
	assert_int_equal(w.readable, w.full + w.short_);
	return w;
}

/* Nobody gone, nothing missing; all gone, all lost; between them what the rows
 * of the donors say. */
static void counts(void **state)
{
	struct lr_coord_row rows[KIT_DONORS];
	struct lr_whatif w;
	struct kit k;

	(void)state;
	pool(&k, 3);
	w = whatif(&k, 0);
	assert_int_equal(w.full, SLOTS);
	assert_int_equal(w.copy_bytes, 0);
	assert_int_equal(w.donors_left, 3);
	w = whatif(&k, 1);
	assert_int_equal(lr_coord_rows(k.c, rows, KIT_DONORS), 3);
	for (unsigned i = 0; i < 3; i++) {
		if (rows[i].d.member.inc != k.d[0].inc)
			continue;
		assert_int_equal(w.lost, rows[i].slots_lost);
		assert_int_equal(w.short_, rows[i].slots_short);
	}
	assert_int_equal(w.lost_bytes, w.lost * 1000);
	w = whatif(&k, 3);
	assert_int_equal(w.lost, SLOTS);
	assert_int_equal(w.donors_left, 0);
	end(&k);
}

/* It comes true: what was foretold to be lost or short is, after the kill. */
static void comes_true(void **state)
{
	struct lr_coord_summary s;
	struct lr_whatif w;
	struct kit k;

	(void)state;
	pool(&k, 3);
	w = whatif(&k, 1);
	lr_coord_pause(k.c, true);
	kit_kill(&k, 0, false);
	kit_run(&k, 3000);
	lr_coord_summarize(k.c, &s);
	assert_int_equal(s.unavailable, w.lost);
	assert_int_equal(s.short_, w.short_);
	end(&k);
}

/* Paused, a dead donor's copies stay missing, and a clean leave still moves
 * what would be lost; resumed, all is made whole. */
static void pause_holds(void **state)
{
	struct lr_coord_summary s;
	struct kit k;

	(void)state;
	pool(&k, 4);
	lr_coord_pause(k.c, true);
	assert_true(lr_coord_is_paused(k.c) && lr_coord_may_rest(k.c));
	kit_kill(&k, 0, false);
	kit_run(&k, 10000);
	lr_coord_summarize(k.c, &s);
	assert_true(s.short_ > 0);
	assert_true(lr_coord_recovery_left(k.c) > 0);
	assert_int_equal(k.events[LR_EVENT_HEALED], 0);
	kit_start(&k, 0); /* empty: what was on it alone is proven lost */
	lr_coord_pause(k.c, false);
	assert_true(kit_until(&k, kit_healed, 30000));
	assert_int_equal(lr_coord_recovery_left(k.c), 0);
	assert_int_equal(k.events[LR_EVENT_PAUSED], 1);
	assert_int_equal(k.events[LR_EVENT_RESUMED], 1);
	end(&k);
}

/* A donor that wants to leave is let go though the rebuild is paused. */
static void pause_lets_leave(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 4);
	lr_coord_pause(k.c, true);
	kit_leave(&k, 1);
	kit_run(&k, 20000);
	assert_true(k.d[1].may_leave || !k.d[1].alive);
	assert_int_equal(k.lost, 0);
	end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(comes_true),
		cmocka_unit_test(pause_holds),
		cmocka_unit_test(pause_lets_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
