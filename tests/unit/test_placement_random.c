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

/* Donors of these weights, each a machine of its own, or those with the same
 * `machine` together. */
static uint64_t usable(const uint64_t *w, const unsigned *machine, size_t n,
		       unsigned copies)
{
	struct lr_place_donor d[8] = {{0}};

	for (size_t i = 0; i < n; i++) {
		d[i].inc = i + 1;
		d[i].weight = w[i];
		d[i].machine.b[0] = (uint8_t)(1 + (machine ? machine[i] : i));
	}
	return lr_place_usable(d, n, copies);
}

/* What users can store: no donor counts for more than the others can pair, and
 * no machine does. */
static void test_usable(void **state)
{
	static const uint64_t even[] = {10, 10, 10}, big[] = {100, 10, 20};
	static const uint64_t one[] = {40}, zero[] = {0, 30, 50};
	static const unsigned two_hosts[] = {0, 0, 1}, one_host[] = {0, 0, 0};

	(void)state;
	assert_int_equal(usable(even, NULL, 3, 1), 30);
	assert_int_equal(usable(even, NULL, 3, 2), 15);
	assert_int_equal(usable(even, NULL, 3, 3), 10);
	assert_int_equal(usable(big, NULL, 3, 1), 130);
	assert_int_equal(usable(big, NULL, 3, 2), 30);
	assert_int_equal(usable(big, NULL, 3, 3), 10);
	assert_int_equal(usable(one, NULL, 1, 2), 40);
	assert_int_equal(usable(zero, NULL, 3, 2), 30);
	assert_int_equal(usable(NULL, NULL, 0, 2), 0);
	assert_int_equal(usable(even, two_hosts, 3, 2), 10);
	assert_int_equal(usable(even, one_host, 3, 2), 15);
}

/* --- usable, against every way of packing ---------------------------------- */

#define PACK_DONORS 4
#define PACK_MOST   5u /* pieces that a donor holds */

struct packing {
	unsigned n, copies, spread; /* machines that a piece must be on */
	unsigned machine[PACK_DONORS];
	int best[6 * 6 * 6 * 6]; /* by what is left, -1: not known yet */
};

static bool may_hold(const struct packing *p, unsigned set, const unsigned *left)
{
	unsigned machines = 0, n = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (!(set >> i & 1))
			continue;
		if (!left[i])
			return false;
		machines |= 1u << p->machine[i];
		n++;
	}
	return n == p->copies &&
	       (unsigned)__builtin_popcount(machines) >= p->spread;
}

/* So many pieces fit, whichever donors each of them is put on. */
static int pack(struct packing *p, unsigned *left)
{
	unsigned at = 0;
	int best = 0;

	for (unsigned i = 0; i < p->n; i++)
		at = at * (PACK_MOST + 1) + left[i];
	if (p->best[at] >= 0)
		return p->best[at];
	for (unsigned set = 1; set < 1u << p->n; set++) {
		int n;

		if (!may_hold(p, set, left))
			continue;
		for (unsigned i = 0; i < p->n; i++)
			left[i] -= set >> i & 1;
		n = 1 + pack(p, left);
		for (unsigned i = 0; i < p->n; i++)
			left[i] += set >> i & 1;
		best = n > best ? n : best;
	}
	return p->best[at] = best;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void compare_packing(void)
{
	static struct packing p;
	uint64_t w[PACK_DONORS];
	unsigned left[PACK_DONORS], up = 0, machines = 0, hosts;

	p.n = 1 + (unsigned)place_rnd(PACK_DONORS);
	hosts = 1 + (unsigned)place_rnd(p.n);
	for (unsigned i = 0; i < p.n; i++) {
		p.machine[i] = (unsigned)place_rnd(hosts);
		w[i] = left[i] = (unsigned)place_rnd(PACK_MOST + 1);
		up += w[i] > 0;
		machines |= w[i] ? 1u << p.machine[i] : 0;
	}
	hosts = (unsigned)__builtin_popcount(machines);
	for (unsigned copies = 1; copies <= 3 && up; copies++) {
		int fits;

		p.copies = least(copies, up);
		p.spread = least(p.copies, hosts);
		if (p.copies == 3 && p.spread == 2)
			continue; /* is not told to anybody */
		memset(p.best, -1, sizeof p.best);
		fits = pack(&p, left);
		assert_int_equal(usable(w, p.machine, p.n, copies), fits);
	}
}

/* What is told to be usable fits, to the piece, and no more does. */
static void test_usable_packing(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 2000; run++)
		compare_packing();
}

/* Slots fill evenly: what fits into a plan until the first donor is full is
 * what was told, but for the rounding of targets to whole slots. */
static void test_usable_planned(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 100; run++) {
		unsigned n = 2 + (unsigned)place_rnd(6), slots = 512;
		double fits = 0, told;
		struct pool p;

		place_init(&p, 3 * slots);
		for (unsigned i = 0; i < n; i++) {
			place_join(&p, 100000 + place_rnd(900000));
			if (i && !place_rnd(4))
				p.d[i].machine = p.d[i - 1].machine;
		}
		place_plan(&p);
		for (unsigned i = 0; i < n; i++) {
			double w = (double)p.d[i].weight * slots /
				   place_load_of(&p, p.d[i].inc, 1, true);

			fits = !i || w < fits ? w : fits;
		}
		told = (double)lr_place_usable(p.d, n, 2);
		assert_true(fits <= told + 1);
		assert_true(fits >= 0.85 * told);
		place_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_partners),
		cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_usable_packing),
		cmocka_unit_test(test_usable_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
