/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules when it or its donors come back with less than they
 * had: restarts, wrong hellos. For restored states see test_coord_restored. */
#include "tests/unit/coord_kit.h"

#define SLOTS KIT_POOL_SLOTS

const char *lr_mutation;

/* The coordinator dies after each of its persisted steps: the donors' promises
 * make the next one run the change again. */
static void restart_with_promises_above(void **state)
{
	(void)state;
	for (unsigned step = 1; step < 40; step++) {
		struct kit k;

		kit_pool(&k, 3, 3);
		k.delay_ms = 30;
		kit_kill(&k, 1, false);
		for (unsigned i = 0; i < step; i++)
			kit_step(&k);
		kit_coord_crash(&k, step % 2);
		kit_run(&k, 500);
		kit_coord_start(&k);
		kit_start(&k, 1);
		if (!kit_until(&k, kit_healed, 30000))
			fail_msg("step %u: %s", step, k.wrong);
		for (unsigned s = SLOTS / 3; s < SLOTS; s++)
			assert_false(lr_coord_view(k.c)->cfg[s].lost);
		kit_end(&k);
	}
}

/* After a restart nobody is evicted before all had time to say hello, and if
 * all do, one slot is sealed: the start has an epoch of its own. */
static void restart_is_quiet(void **state)
{
	struct kit k;
	uint64_t epoch;
	unsigned seals;

	(void)state;
	kit_pool(&k, 4, 4);
	epoch = lr_coord_view(k.c)->epoch;
	seals = k.seals;
	kit_coord_crash(&k, true);
	kit_run(&k, 2000);
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(kit_healed(&k));
	assert_int_equal(lr_coord_view(k.c)->epoch, epoch + 1);
	assert_true(k.seals - seals <= 3); /* a SEAL each to its members */
	assert_int_equal(k.events[LR_EVENT_DOWN], 0);
	kit_end(&k);
}

/* Donors that come back one after the other take longer than one alone has:
 * none is evicted while others come; who does not come is, in the end. */
static void restart_waits_while_they_come(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 6, 6);
	kit_coord_crash(&k, true);
	for (unsigned i = 0; i < 6; i++)
		kit_cut(&k, i, true);
	kit_coord_start(&k);
	for (unsigned i = 0; i < 5; i++) {
		kit_cut(&k, i, false);
		kit_run(&k, 2000);
	}
	assert_int_equal(k.events[LR_EVENT_DOWN], 0);
	kit_run(&k, 5000);
	assert_int_equal(k.events[LR_EVENT_DOWN], 1);
	assert_true(kit_until(&k, kit_healed, 30000));
	kit_end(&k);
}

/* SYNCED reports that were never persisted are told again at hello. */
static void restart_knows_who_is_synced(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 1, 2);
	kit_start(&k, 1);
	assert_true(kit_until(&k, kit_healed, 10000));
	kit_coord_crash(&k, false);
	kit_coord_start(&k);
	assert_true(kit_until(&k, kit_healed, 5000));
	kit_end(&k);
}

/* What a donor falls silent for is not forgiven because the coordinator starts
 * anew: it is given nothing until its time is over. */
static void flaps_outlive_a_restart(void **state)
{
	struct kit k;
	struct lr_flaps f;
	struct lr_dev dev;

	(void)state;
	kit_pool(&k, 6, 6);
	for (unsigned i = 0; i < 3; i++) {
		kit_cut(&k, 0, true);
		kit_run(&k, 6000);
		kit_cut(&k, 0, false);
		kit_run(&k, 1000);
	}
	assert_int_equal(lr_coord_flapping(k.c, 0, &dev, &f), 1);
	assert_int_equal(f.n, 3);
	assert_true(lr_dev_eq(&dev, &k.d[0].dev));
	kit_coord_crash(&k, true);
	kit_coord_start(&k);
	lr_coord_flapped(k.c, &dev, &f);
	kit_run(&k, 15000);
	assert_true(k.d[0].linked);
	assert_int_equal(kit_holding(&k, 0), 0);
	kit_run(&k, 60000);
	assert_true(kit_holding(&k, 0) > 0);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_end(&k);
}

/* A donor that tells of an epoch near the last (its memory rots, say) does not
 * take the pool there: the next epoch would be 0. */
static void epochs_cannot_run_out(void **state)
{
	struct kit k;
	struct lr_slot_report r = {.status = LR_SLOT_SYNCED};
	uint64_t inc;

	(void)state;
	kit_pool(&k, 2, 3);
	r.inst = lr_coord_view(k.c)->cfg[0];
	inc = r.inst.mem[0];
	r.inst.ce = r.prom = UINT64_MAX;
	lr_coord_slots(k.c, inc, &r, 1, k.now);
	kit_run(&k, 5000);
	assert_true(lr_coord_view(k.c)->epoch < 1000);
	assert_true(kit_healed(&k));
	kit_end(&k);
}

/* A donor that restarts says hello as another: the old one is out at once. */
static void returned_empty(void **state)
{
	struct kit k;
	uint64_t old;

	(void)state;
	kit_pool(&k, 3, 3);
	old = k.d[1].inc;
	kit_kill(&k, 1, true);
	kit_start(&k, 1);
	kit_run(&k, 250);
	for (unsigned s = SLOTS / 3; s < SLOTS; s++)
		assert_int_equal(lr_cfg_index(&lr_coord_view(k.c)->cfg[s], old),
				 -1);
	assert_true(k.events[LR_EVENT_RETURNED_EMPTY] > 0);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_end(&k);
}

/* What its incarnation or device says is not believed of another's. */
static void hello_is_refused(void **state)
{
	struct kit k;
	struct lr_coord_donor d = {.member = {.inc = 0}};

	(void)state;
	kit_pool(&k, 1, 1);
	d.member.dev = k.d[0].dev;
	assert_int_equal(lr_coord_hello(k.c, &d, NULL, 0, k.now),
			 LR_E_PERMISSION);
	d.member.inc = k.d[0].inc;
	d.member.dev.b[0] = 77;
	assert_int_equal(lr_coord_hello(k.c, &d, NULL, 0, k.now),
			 LR_E_PERMISSION);
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restart_with_promises_above),
		cmocka_unit_test(restart_is_quiet),
		cmocka_unit_test(restart_waits_while_they_come),
		cmocka_unit_test(restart_knows_who_is_synced),
		cmocka_unit_test(flaps_outlive_a_restart),
		cmocka_unit_test(epochs_cannot_run_out),
		cmocka_unit_test(returned_empty),
		cmocka_unit_test(hello_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
