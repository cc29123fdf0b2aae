/* SPDX-License-Identifier: Apache-2.0 */
/* Placement: plans of random pools, of many partners, of a thousand donors;
 * and what of a pool is usable. */
#include "placement_kit.h"

static void churn(struct pool *p)
{
	uint64_t what = place_rnd(6);

	if (what <= 1 && p->n < 12) {
		struct lr_place_donor *d = place_join(p, 1 + place_rnd(1000));

		if (p->n > 1 && !place_rnd(3))
			d->machine = p->d[place_rnd(p->n)].machine;
		d->site = place_rnd(2) ? 0 : (uint32_t)place_rnd(4);
		for (size_t i = 0; i + 1 < p->n; i++)
			if (lr_dev_eq(&d->machine, &p->d[i].machine))
				d->site = p->d[i].site;
	} else if (what == 2 && p->n) {
		place_leave(p, place_rnd(p->n));
	} else if (what == 3 && p->n) {
		p->d[place_rnd(p->n)].weight =
			place_rnd(4) ? 1 + place_rnd(1000) : 0;
	} else if (what == 4) {
		struct lr_cfg *c = &p->cfg[place_rnd(p->nslots)];

		if (c->n)
			c->n--;
	} else if (p->n) {
		struct lr_cfg *c = &p->cfg[place_rnd(p->nslots)];
		uint64_t inc = p->d[place_rnd(p->n)].inc;

		if (c->n < LR_MEM_MAX && lr_cfg_index(c, inc) < 0)
			c->mem[c->n++] = inc;
	}
}

/* Random tables, machines, sites and weights: every plan is sound, and a plan
 * made of its own result is the same plan. */
static void test_random(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 60; run++) {
		struct pool p;

		place_init(&p, 3 * (1 + (unsigned)place_rnd(48)));
		for (unsigned step = 0; step < 40; step++) {
			for (uint64_t k = place_rnd(4); k < 4; k++)
				churn(&p);
			place_plan(&p);
			place_assert_sound(&p);
			place_assert_settled(&p);
		}
		place_done(&p);
	}
}

/* Every donor's copies are paired with those of many others, so that what it
 * held is copied again from many sources. */
static void test_partners(void **state)
{
	struct pool p;

	(void)state;
	place_init(&p, LR_SLOTS);
	for (int i = 0; i < 10; i++)
		place_join(&p, 1000);
	place_plan(&p);
	for (size_t a = 0; a < p.n; a++)
		for (size_t b = 0; b < p.n; b++) {
			unsigned both = 0;

			for (unsigned s = LR_SLOTS_PER_CLASS;
			     s < 2 * LR_SLOTS_PER_CLASS; s++) {
				const uint64_t *m = p.want[s].mem;

				both += (m[0] == p.d[a].inc &&
					 m[1] == p.d[b].inc) ||
					(m[1] == p.d[a].inc &&
					 m[0] == p.d[b].inc);
			}
			if (a != b) /* 91 on average */
				assert_in_range(both, 30, 180);
		}
	place_done(&p);
}

/* A thousand donors: balanced to the copy; a joiner gets its share although
 * nobody is a whole copy above target. Times are printed, not judged. */
static void test_thousand(void **state)
{
	struct pool p;
	uint64_t inc;

	(void)state;
	place_init(&p, LR_SLOTS);
	for (int i = 0; i < 3; i++)
		place_join(&p, 1000);
	place_say_time(&p, "3 donors, from nothing");
	place_adopt(&p);
	place_say_time(&p, "3 donors, nothing to do");
	place_join(&p, 1000);
	place_say_time(&p, "a 4th donor");
	place_adopt(&p);
	while (p.n < 1000)
		place_join(&p, 1000);
	place_say_time(&p, "996 more donors");
	memset(p.cfg, 0, p.nslots * sizeof *p.cfg);
	place_say_time(&p, "1,000 donors, from nothing");
	place_adopt(&p);
	inc = place_join(&p, 1000)->inc;
	place_say_time(&p, "a 1,001st donor");
	assert_true(place_load_of(&p, inc, 2, true) >= 11);
	assert_in_range(place_moved(&p), 20, 30);
	place_adopt(&p);
	place_leave(&p, 17);
	place_say_time(&p, "one leaves");
	assert_in_range(place_moved(&p), 20, 32);
	place_done(&p);
}

/* What users can store: no donor counts for more than the others can pair. */
static void test_usable(void **state)
{
	uint64_t even[] = {10, 10, 10}, big[] = {100, 10, 20};
	uint64_t one[] = {40}, zero[] = {0, 30, 50};

	(void)state;
	assert_int_equal(lr_place_usable(even, 3, 1), 30);
	assert_int_equal(lr_place_usable(even, 3, 2), 15);
	assert_int_equal(lr_place_usable(even, 3, 3), 10);
	assert_int_equal(lr_place_usable(big, 3, 1), 130);
	assert_int_equal(lr_place_usable(big, 3, 2), 30);
	assert_int_equal(lr_place_usable(big, 3, 3), 10);
	assert_int_equal(lr_place_usable(one, 1, 2), 40);
	assert_int_equal(lr_place_usable(zero, 3, 2), 30);
	assert_int_equal(lr_place_usable(NULL, 0, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_partners),
		cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
