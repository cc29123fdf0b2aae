/* SPDX-License-Identifier: Apache-2.0 */
/* Placement: what a plan is for the pools that people have. */
#include "placement_kit.h"

/* Without donors there is nobody to want; one donor holds one copy of all. */
static void test_few_donors(void **state)
{
	struct pool p;

	(void)state;
	place_init(&p, 48);
	place_plan(&p);
	for (unsigned s = 0; s < p.nslots; s++)
		assert_int_equal(p.want[s].n, 0);
	for (unsigned n = 1; n <= 4; n++) {
		place_join(&p, 100 * n);
		place_plan(&p);
		place_assert_sound(&p);
		place_assert_settled(&p);
	}
	place_done(&p);
}

/* A full-size pool of equal donors, grown and shrunk one by one, stays within
 * the promised balance and moves no more than it must. */
static void test_join_and_leave(void **state)
{
	struct pool p;

	(void)state;
	place_init(&p, LR_SLOTS);
	for (int i = 0; i < 8; i++) {
		place_join(&p, 1000);
		place_plan(&p);
		place_assert_sound(&p);
		place_assert_balanced(&p);
		place_assert_least_movement(&p);
		place_adopt(&p);
	}
	while (p.n > 1) {
		place_leave(&p, place_rnd(p.n));
		place_plan(&p);
		place_assert_sound(&p);
		place_assert_balanced(&p);
		place_assert_least_movement(&p);
		place_adopt(&p);
	}
	place_done(&p);
}

/* Offers that differ by a factor of hundreds, one so large that it is capped,
 * changed at random: still balanced, still the least movement. */
static void test_weights(void **state)
{
	struct pool p;

	(void)state;
	place_init(&p, LR_SLOTS);
	for (int i = 0; i < 12; i++)
		place_join(&p, 50 + place_rnd(1000));
	p.d[3].weight = 20000;
	for (int round = 0; round < 12; round++) {
		place_plan(&p);
		place_assert_sound(&p);
		place_assert_balanced(&p);
		place_assert_least_movement(&p);
		place_assert_settled(&p);
		p.d[place_rnd(p.n)].weight = 50 + place_rnd(2000);
	}
	place_done(&p);
}

/* A donor that is to leave (weight 0) keeps nothing; the others keep all that
 * they have. */
static void test_weightless(void **state)
{
	struct pool p;
	unsigned had = 0;

	(void)state;
	place_init(&p, LR_SLOTS);
	for (int i = 0; i < 5; i++)
		place_join(&p, 1000);
	place_plan(&p);
	place_adopt(&p);
	p.d[2].weight = 0;
	for (unsigned c = 0; c < LR_CLASSES; c++)
		had += place_load_of(&p, p.d[2].inc, c, false);
	place_plan(&p);
	place_assert_sound(&p);
	place_assert_balanced(&p);
	assert_true(had > 0);
	assert_in_range(place_moved(&p), had, had + had / 50);
	for (size_t i = 0; i < p.n; i++)
		p.d[i].weight = 0;
	place_plan(&p);
	for (unsigned s = 0; s < p.nslots; s++)
		assert_int_equal(p.want[s].n, 0);
	place_done(&p);
}

/* Half-way through a join, with new copies added and old ones not yet taken
 * out, the plan goes on with the same move: it makes no further copies but
 * those that are still missing. */
static void test_half_way(void **state)
{
	struct pool p;
	unsigned total, half = 0;

	(void)state;
	place_init(&p, LR_SLOTS);
	for (int i = 0; i < 4; i++)
		place_join(&p, 1000);
	place_plan(&p);
	place_adopt(&p);
	place_join(&p, 1000);
	place_plan(&p);
	total = place_moved(&p);
	for (unsigned s = 0; s < p.nslots; s += 2)
		for (unsigned i = 0; i < p.want[s].n; i++) {
			struct lr_cfg *c = &p.cfg[s];

			if (lr_cfg_index(c, p.want[s].mem[i]) >= 0)
				continue;
			c->mem[c->n++] = p.want[s].mem[i];
			half++;
		}
	place_plan(&p);
	place_assert_sound(&p);
	place_assert_balanced(&p);
	assert_in_range(place_moved(&p), total - half,
			total - half + total / 50);
	place_done(&p);
}

/* Copies that share a machine are moved apart as soon as there is another. */
static void test_machines_part(void **state)
{
	struct pool p;

	(void)state;
	place_init(&p, 3 * 256);
	for (int i = 0; i < 3; i++)
		place_join(&p, 1000)->machine = p.d[0].machine;
	place_plan(&p);
	place_assert_sound(&p);
	place_adopt(&p);
	place_join(&p, 1000);
	place_plan(&p);
	place_assert_sound(&p);
	place_adopt(&p);
	place_join(&p, 1000)->site = 7;
	place_plan(&p);
	place_assert_sound(&p);
	place_assert_settled(&p);
	place_done(&p);
}

/* The order in which donors are named changes nothing. */
static void test_order_of_donors(void **state)
{
	struct pool p;
	struct lr_want *first;

	(void)state;
	place_init(&p, 3 * 512);
	first = calloc(p.nslots, sizeof *first);
	assert_non_null(first);
	for (int i = 0; i < 9; i++)
		place_join(&p, 100 + place_rnd(900))->site =
			(uint32_t)place_rnd(3);
	place_plan(&p);
	memcpy(first, p.want, p.nslots * sizeof *first);
	for (size_t i = 0; i < p.n / 2; i++) {
		struct lr_place_donor d = p.d[i];

		p.d[i] = p.d[p.n - 1 - i];
		p.d[p.n - 1 - i] = d;
	}
	place_plan(&p);
	assert_memory_equal(first, p.want, p.nslots * sizeof *first);
	free(first);
	place_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_donors),
		cmocka_unit_test(test_join_and_leave),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_weightless),
		cmocka_unit_test(test_half_way),
		cmocka_unit_test(test_machines_part),
		cmocka_unit_test(test_order_of_donors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
