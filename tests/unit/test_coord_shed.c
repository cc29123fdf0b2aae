/* SPDX-License-Identifier: Apache-2.0 */
/* Donors whose hosts are short of RAM: what the coordinator's rules do. */
#include "tests/unit/coord_kit.h"

#define SLOTS 24u /* 8 of each class */
#define GIB   (UINT64_C(1) << 30)

const char *lr_mutation;

/* A healed pool, each slot of which holds 1 GiB. */
static void pool(struct kit *k, unsigned n)
{
	kit_init(k, SLOTS, n, 1);
	for (unsigned i = 0; i < n; i++) {
		k->d[i].lent = 1000 * GIB;
		kit_start(k, i);
	}
	assert_true(kit_until(k, kit_healed, 20000));
	for (unsigned i = 0; i < 3 * SLOTS; i++) {
		kit_put(k, i % SLOTS);
		kit_run(k, 100);
	}
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k->c, s, 3, GIB);
}

static void end(struct kit *k)
{
	if (k->wrong[0])
		fail_msg("%s", k->wrong);
	assert_int_equal(k->lost + k->events[LR_EVENT_LOST], 0);
	kit_done(k);
}

static void press(struct kit *k, unsigned donor, enum lr_pressure pressure,
		  uint64_t lent)
{
	k->d[donor].pressure = pressure;
	k->d[donor].lent = lent;
}

static unsigned copies(const struct kit *k, unsigned slot)
{
	return lr_coord_view(k->c)->cfg[slot].n;
}

static bool gone_0(struct kit *k)
{
	return kit_holding(k, 0) == 0;
}

/* Of how many slots of a class with copies elsewhere it is a member. */
static unsigned shared(const struct kit *k, unsigned donor)
{
	const struct lr_view *v = lr_coord_view(k->c);
	unsigned n = 0;

	for (unsigned s = SLOTS / 3; s < SLOTS; s++)
		n += lr_cfg_index(&v->cfg[s], k->d[donor].inc) >= 0;
	return n;
}

/* Soft: its slots move away, and at no moment is a copy missing. */
static void soft(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 4);
	k.sync_ms = 300;
	press(&k, 0, LR_PRESSURE_SOFT, 10 * GIB);
	for (unsigned i = 0; i < 2000 && !gone_0(&k); i++) {
		kit_step(&k);
		for (unsigned s = 0; s < SLOTS; s++)
			assert_int_equal(lr_coord_slot_health(k.c, s),
					 LR_SLOTS_FULL);
	}
	assert_int_equal(kit_holding(&k, 0), 0);
	assert_int_equal(k.events[LR_EVENT_SHED], 0);
	end(&k);
}

/* Soft, and nobody else could take the second copy: it stays. */
static void soft_of_two(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 2);
	press(&k, 0, LR_PRESSURE_SOFT, 10 * GIB);
	kit_run(&k, 5000);
	assert_int_equal(shared(&k, 0), 2 * SLOTS / 3);
	for (unsigned s = 0; s < SLOTS; s++)
		assert_true(copies(&k, s) >= 1);
	end(&k);
}

/* Hard: what exceeds its offer goes at once, though nobody has copied it yet;
 * what fits stays. */
static void hard(void **state)
{
	struct kit k;
	unsigned before;

	(void)state;
	pool(&k, 4);
	k.sync_ms = 60000; /* nothing gets copied meanwhile */
	before = kit_holding(&k, 0);
	assert_in_range(before, 9, 15);
	press(&k, 0, LR_PRESSURE_HARD, 5 * GIB);
	kit_run(&k, 400);
	assert_in_range(kit_holding(&k, 0), 3, 5);
	assert_int_equal(k.events[LR_EVENT_SHED], 1);
	end(&k);
}

/* Asked again and again, it does not shed more than is asked for. */
static void hard_once(void **state)
{
	struct kit k;
	unsigned after;

	(void)state;
	pool(&k, 4);
	k.sync_ms = 60000;
	press(&k, 0, LR_PRESSURE_HARD, 6 * GIB);
	kit_run(&k, 400);
	after = kit_holding(&k, 0);
	kit_run(&k, 3000);
	assert_int_equal(kit_holding(&k, 0), after);
	end(&k);
}

/* The last resort: all that has another synced copy goes in one change; sole
 * copies stay until they are synced elsewhere, and go then. */
static void last(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 4);
	k.sync_ms = 1500;
	press(&k, 0, LR_PRESSURE_LAST, 0);
	kit_run(&k, 300);
	assert_int_equal(shared(&k, 0), 0);
	assert_true(kit_holding(&k, 0) > 0);
	assert_true(kit_until(&k, gone_0, 20000));
	assert_true(kit_until(&k, kit_healed, 20000));
	end(&k);
}

/* The only donor: nothing is dropped, whatever its host says. */
static void last_alone(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 1);
	press(&k, 0, LR_PRESSURE_LAST, 0);
	kit_run(&k, 3000);
	assert_int_equal(kit_holding(&k, 0), SLOTS);
	end(&k);
}

/* All of them at once: one copy of everything stays somewhere. */
static void last_all(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 3);
	for (unsigned i = 0; i < 3; i++)
		press(&k, i, LR_PRESSURE_LAST, 0);
	kit_run(&k, 3000);
	for (unsigned s = 0; s < SLOTS; s++)
		assert_int_equal(copies(&k, s), 1);
	end(&k);
}

/* A copy that still fills is no other copy. */
static void unsynced(void **state)
{
	struct kit k;
	unsigned before;

	(void)state;
	pool(&k, 3);
	k.sync_ms = 60000;
	kit_kill(&k, 2, false);
	kit_run(&k, 3000);
	before = kit_unavailable(&k); /* of one copy, on the dead one */
	press(&k, 0, LR_PRESSURE_LAST, 0);
	press(&k, 1, LR_PRESSURE_LAST, 0);
	kit_run(&k, 3000);
	assert_int_equal(kit_unavailable(&k), before);
	end(&k);
}

/* Calm again: it gets its share back. */
static void calm_again(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 4);
	press(&k, 0, LR_PRESSURE_LAST, 0);
	assert_true(kit_until(&k, gone_0, 20000));
	press(&k, 0, LR_PRESSURE_CALM, 1000 * GIB);
	kit_run(&k, 1000);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_in_range(kit_holding(&k, 0), 9, 15);
	end(&k);
}

/* A pause of the rebuild does not keep sole copies on a host that is short. */
static void paused(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 3);
	lr_coord_pause(k.c, true);
	press(&k, 0, LR_PRESSURE_LAST, 0);
	assert_true(kit_until(&k, gone_0, 20000));
	end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(soft),	      cmocka_unit_test(soft_of_two),
		cmocka_unit_test(hard),	      cmocka_unit_test(hard_once),
		cmocka_unit_test(last),	      cmocka_unit_test(last_alone),
		cmocka_unit_test(last_all),   cmocka_unit_test(unsynced),
		cmocka_unit_test(calm_again), cmocka_unit_test(paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
