/* SPDX-License-Identifier: Apache-2.0 */
/* Donors that leave, or are drained. */
#include "tests/unit/coord_kit.h"

#define SLOTS KIT_POOL_SLOTS

const char *lr_mutation;

static bool left_0(struct kit *k)
{
	return !k->d[0].alive;
}

/* SIGTERM: sole copies are moved before it may go; nothing is lost. */
static void leave_with_sole_copies(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 3, 3);
	k.sync_ms = 400;
	kit_leave(&k, 0);
	assert_true(kit_until(&k, left_0, 20000));
	assert_true(k.d[0].may_leave);
	assert_int_equal(kit_holding(&k, 0), 0);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_int_equal(k.lost + k.events[LR_EVENT_DOWN], 0);
	assert_int_equal(k.events[LR_EVENT_LEFT], 1);
	kit_end(&k);
}

/* One of two donors leaves: its sole copies move, the second copies are given
 * up, as nobody else could take them. */
static void leave_one_of_two(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 2, 2);
	kit_leave(&k, 0);
	assert_true(kit_until(&k, left_0, 15000));
	assert_true(k.d[0].may_leave);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_int_equal(kit_unavailable(&k), 0);
	kit_end(&k);
}

/* The only donor is never told that it may go. */
static void leave_alone(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 1, 1);
	kit_leave(&k, 0);
	assert_true(kit_until(&k, left_0, 25000));
	assert_false(k.d[0].may_leave);
	assert_int_equal(k.events[LR_EVENT_LOST], 0);
	kit_end(&k);
}

static bool drained_0(struct kit *k)
{
	return k->events[LR_EVENT_DRAINED] > 0;
}

static uint64_t usable(struct kit *k)
{
	struct lr_coord_summary sum;

	lr_coord_summarize(k->c, &sum);
	return sum.usable;
}

/* A drained donor holds nothing and stays; undone, it takes its share again.
 * Meanwhile nothing is promised of its room. */
static void drain_and_undo(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 4, 4);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, false, k.now),
			 LR_E_OK);
	assert_int_equal(usable(&k), 3 * k.d[1].lent / 2);
	assert_true(kit_until(&k, drained_0, 20000));
	assert_int_equal(kit_holding(&k, 0), 0);
	assert_true(k.d[0].alive);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, true, k.now),
			 LR_E_OK);
	kit_run(&k, 500);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_in_range(kit_holding(&k, 0), 9, 15);
	kit_end(&k);
}

/* There is nobody else, or no room: refused before anything moves. */
static void drain_without_room(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 1, 3);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, false, k.now),
			 LR_E_FULL);
	kit_start(&k, 1);
	kit_start(&k, 2);
	kit_run(&k, 3000);
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k.c, s, 1, 1u << 30);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, false, k.now),
			 LR_E_FULL);
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leave_with_sole_copies),
		cmocka_unit_test(leave_one_of_two),
		cmocka_unit_test(leave_alone),
		cmocka_unit_test(drain_and_undo),
		cmocka_unit_test(drain_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
