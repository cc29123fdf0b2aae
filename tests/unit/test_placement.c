/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/placement.h"

#define DONORS_MAX 1024

struct pool {
	unsigned nslots;
	struct lr_cfg *cfg;
	struct lr_want *want;
	struct lr_place_donor d[DONORS_MAX];
	size_t n;
};

static uint64_t seed = 1;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

static void pool_init(struct pool *p, unsigned nslots)
{
	*p = (struct pool){.nslots = nslots};
	p->cfg = calloc(nslots, sizeof *p->cfg);
	p->want = calloc(nslots, sizeof *p->want);
	assert_non_null(p->cfg);
	assert_non_null(p->want);
}

static void pool_done(struct pool *p)
{
	free(p->cfg);
	free(p->want);
}

/* A donor of its own machine, unless the test says otherwise after. */
static struct lr_place_donor *join(struct pool *p, uint64_t weight)
{
	struct lr_place_donor *d = &p->d[p->n++];
	uint64_t machine = rnd(UINT64_MAX);

	*d = (struct lr_place_donor){.inc = rnd(UINT64_MAX) + 1,
				     .weight = weight};
	memcpy(d->machine.b, &machine, sizeof machine);
	return d;
}

static void leave(struct pool *p, size_t i)
{
	p->d[i] = p->d[--p->n];
}

static void plan(struct pool *p)
{
	assert_true(lr_place(p->cfg, p->nslots, p->d, p->n, p->want));
}

static void adopt(struct pool *p)
{
	for (unsigned s = 0; s < p->nslots; s++) {
		struct lr_cfg *c = &p->cfg[s];

		c->ce++;
		c->n = p->want[s].n;
		memcpy(c->mem, p->want[s].mem, sizeof p->want[s].mem);
	}
}

static const struct lr_place_donor *find(const struct pool *p, uint64_t inc)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->d[i].inc == inc)
			return &p->d[i];
	return NULL;
}

static unsigned copies_of(const struct pool *p, unsigned slot)
{
	return lr_class_copies(slot / (p->nslots / LR_CLASSES));
}

/* Copies that have to be made: members that the slot did not have. */
static unsigned moved(const struct pool *p)
{
	unsigned n = 0;

	for (unsigned s = 0; s < p->nslots; s++)
		for (unsigned i = 0; i < p->want[s].n; i++)
			n += lr_cfg_index(&p->cfg[s], p->want[s].mem[i]) < 0;
	return n;
}

static unsigned load_of(const struct pool *p, uint64_t inc, unsigned cls,
			bool after)
{
	unsigned per = p->nslots / LR_CLASSES, n = 0;

	for (unsigned s = cls * per; s < (cls + 1) * per; s++) {
		const uint64_t *m = after ? p->want[s].mem : p->cfg[s].mem;
		unsigned k = after ? p->want[s].n : p->cfg[s].n;

		for (unsigned i = 0; i < k; i++)
			n += m[i] == inc;
	}
	return n;
}

/* The target by the plain rule, one donor a machine, found by bisection. */
static double target_of(const struct pool *p, size_t of, unsigned copies)
{
	double per = p->nslots / LR_CLASSES, lo = 0, hi = 1e9, up = 0;

	for (size_t i = 0; i < p->n; i++)
		up += p->d[i].weight != 0;
	if (copies > up)
		copies = (unsigned)up;
	for (int k = 0; k < 200; k++) {
		double mid = (lo + hi) / 2, sum = 0;

		for (size_t i = 0; i < p->n; i++)
			sum += fmin((double)p->d[i].weight * mid, per);
		if (sum < copies * per)
			lo = mid;
		else
			hi = mid;
	}
	return fmin((double)p->d[of].weight * hi, per);
}

static void assert_balanced(const struct pool *p)
{
	for (unsigned c = 0; c < LR_CLASSES; c++)
		for (size_t i = 0; i < p->n; i++) {
			double t = target_of(p, i, lr_class_copies(c));
			double l = load_of(p, p->d[i].inc, c, true);

			if (l > fmax(1.08 * t, t + 1) + 1e-3 ||
			    l < fmin(0.92 * t, t - 1) - 1e-3)
				fail_msg("class %u donor %zu: %g of %g", c, i,
					 l, t);
		}
}

/* The least that any plan with these targets must copy. */
static double least(const struct pool *p)
{
	double sum = 0;

	for (unsigned c = 0; c < LR_CLASSES; c++) {
		double holes = 0, wants = 0;
		unsigned per = p->nslots / LR_CLASSES;

		for (unsigned s = c * per; s < (c + 1) * per; s++) {
			holes += fmin(copies_of(p, s), (double)p->n);
			for (unsigned i = 0; i < p->cfg[s].n; i++)
				holes -= find(p, p->cfg[s].mem[i]) != NULL;
		}
		for (size_t i = 0; i < p->n; i++)
			wants += fmax(0, target_of(p, i, c + 1) -
						 load_of(p, p->d[i].inc, c,
							 false));
		sum += fmax(holes, wants);
	}
	return sum;
}

static void assert_least_movement(const struct pool *p)
{
	double m = moved(p), l = least(p);

	if (m > 1.02 * l + LR_CLASSES)
		fail_msg("moved %g, least %g, %zu donors", m, l, p->n);
}

static unsigned distinct(const struct pool *p, const struct lr_want *w,
			 bool sites)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++) {
		const struct lr_place_donor *d = find(p, w->mem[i]);
		bool new = true;

		for (unsigned k = 0; k < i; k++) {
			const struct lr_place_donor *e = find(p, w->mem[k]);

			if (sites ? d->site == e->site
				  : lr_dev_eq(&d->machine, &e->machine))
				new = false;
		}
		n += new;
	}
	return n;
}

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* What holds for every plan: copies, no donor twice, kept ones first, spread
 * over as many machines and sites as there are. */
static void assert_sound(const struct pool *p)
{
	unsigned up = 0, machines = 0, sites = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct lr_place_donor *d = &p->d[i];
		bool machine = d->weight, site = d->weight;

		for (size_t k = 0; k < i; k++) {
			const struct lr_place_donor *e = &p->d[k];

			if (!e->weight)
				continue;
			machine &= !lr_dev_eq(&d->machine, &e->machine);
			site &= d->site != e->site;
		}
		up += d->weight != 0;
		machines += machine;
		sites += site;
	}
	for (unsigned s = 0; s < p->nslots; s++) {
		const struct lr_want *w = &p->want[s];
		unsigned r = min2(copies_of(p, s), up);
		bool fresh = false;

		assert_int_equal(w->n, r);
		for (unsigned i = 0; i < w->n; i++) {
			bool new = lr_cfg_index(&p->cfg[s], w->mem[i]) < 0;

			assert_non_null(find(p, w->mem[i]));
			assert_true(find(p, w->mem[i])->weight);
			assert_false(fresh && !new);
			fresh = new;
			for (unsigned k = 0; k < i; k++)
				assert_true(w->mem[i] != w->mem[k]);
		}
		assert_int_equal(distinct(p, w, false), min2(r, machines));
		assert_int_equal(distinct(p, w, true), min2(r, sites));
	}
}

static void assert_settled(struct pool *p)
{
	adopt(p);
	plan(p);
	assert_int_equal(moved(p), 0);
	for (unsigned s = 0; s < p->nslots; s++) {
		assert_int_equal(p->want[s].n, p->cfg[s].n);
		assert_memory_equal(p->want[s].mem, p->cfg[s].mem,
				    sizeof p->want[s].mem);
	}
}

static double ms_since(const struct timespec *t0)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)(t.tv_sec - t0->tv_sec) * 1e3 +
	       (double)(t.tv_nsec - t0->tv_nsec) / 1e6;
}

static void say_time(struct pool *p, const char *what)
{
	struct timespec t0;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	plan(p);
	print_message("%s: %.2f ms\n", what, ms_since(&t0));
}

/* Without donors there is nobody to want; one donor holds one copy of all. */
static void test_few_donors(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 48);
	plan(&p);
	for (unsigned s = 0; s < p.nslots; s++)
		assert_int_equal(p.want[s].n, 0);
	for (unsigned n = 1; n <= 4; n++) {
		join(&p, 100 * n);
		plan(&p);
		assert_sound(&p);
		assert_settled(&p);
	}
	pool_done(&p);
}

/* A full-size pool of equal donors, grown and shrunk one by one, stays within
 * the promised balance and moves no more than it must. */
static void test_join_and_leave(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, LR_SLOTS);
	for (int i = 0; i < 8; i++) {
		join(&p, 1000);
		plan(&p);
		assert_sound(&p);
		assert_balanced(&p);
		assert_least_movement(&p);
		adopt(&p);
	}
	while (p.n > 1) {
		leave(&p, rnd(p.n));
		plan(&p);
		assert_sound(&p);
		assert_balanced(&p);
		assert_least_movement(&p);
		adopt(&p);
	}
	pool_done(&p);
}

/* Offers that differ by a factor of hundreds, one so large that it is capped,
 * changed at random: still balanced, still the least movement. */
static void test_weights(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, LR_SLOTS);
	for (int i = 0; i < 12; i++)
		join(&p, 50 + rnd(1000));
	p.d[3].weight = 20000;
	for (int round = 0; round < 12; round++) {
		plan(&p);
		assert_sound(&p);
		assert_balanced(&p);
		assert_least_movement(&p);
		assert_settled(&p);
		p.d[rnd(p.n)].weight = 50 + rnd(2000);
	}
	pool_done(&p);
}

/* A donor that is to leave (weight 0) keeps nothing; the others keep all that
 * they have. */
static void test_weightless(void **state)
{
	struct pool p;
	unsigned had = 0;

	(void)state;
	pool_init(&p, LR_SLOTS);
	for (int i = 0; i < 5; i++)
		join(&p, 1000);
	plan(&p);
	adopt(&p);
	p.d[2].weight = 0;
	for (unsigned c = 0; c < LR_CLASSES; c++)
		had += load_of(&p, p.d[2].inc, c, false);
	plan(&p);
	assert_sound(&p);
	assert_balanced(&p);
	assert_true(had > 0);
	assert_in_range(moved(&p), had, had + had / 50);
	for (size_t i = 0; i < p.n; i++)
		p.d[i].weight = 0;
	plan(&p);
	for (unsigned s = 0; s < p.nslots; s++)
		assert_int_equal(p.want[s].n, 0);
	pool_done(&p);
}

/* Half-way through a join, with new copies added and old ones not yet taken
 * out, the plan goes on with the same move: it makes no further copies but
 * those that are still missing. */
static void test_half_way(void **state)
{
	struct pool p;
	unsigned total, half = 0;

	(void)state;
	pool_init(&p, LR_SLOTS);
	for (int i = 0; i < 4; i++)
		join(&p, 1000);
	plan(&p);
	adopt(&p);
	join(&p, 1000);
	plan(&p);
	total = moved(&p);
	for (unsigned s = 0; s < p.nslots; s += 2)
		for (unsigned i = 0; i < p.want[s].n; i++) {
			struct lr_cfg *c = &p.cfg[s];

			if (lr_cfg_index(c, p.want[s].mem[i]) >= 0)
				continue;
			c->mem[c->n++] = p.want[s].mem[i];
			half++;
		}
	plan(&p);
	assert_sound(&p);
	assert_balanced(&p);
	assert_in_range(moved(&p), total - half, total - half + total / 50);
	pool_done(&p);
}

/* Copies that share a machine are moved apart as soon as there is another. */
static void test_machines_part(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 3 * 256);
	for (int i = 0; i < 3; i++)
		join(&p, 1000)->machine = p.d[0].machine;
	plan(&p);
	assert_sound(&p);
	adopt(&p);
	join(&p, 1000);
	plan(&p);
	assert_sound(&p);
	adopt(&p);
	join(&p, 1000)->site = 7;
	plan(&p);
	assert_sound(&p);
	assert_settled(&p);
	pool_done(&p);
}

/* The order in which donors are named changes nothing. */
static void test_order_of_donors(void **state)
{
	struct pool p;
	struct lr_want *first;

	(void)state;
	pool_init(&p, 3 * 512);
	first = calloc(p.nslots, sizeof *first);
	assert_non_null(first);
	for (int i = 0; i < 9; i++)
		join(&p, 100 + rnd(900))->site = (uint32_t)rnd(3);
	plan(&p);
	memcpy(first, p.want, p.nslots * sizeof *first);
	for (size_t i = 0; i < p.n / 2; i++) {
		struct lr_place_donor d = p.d[i];

		p.d[i] = p.d[p.n - 1 - i];
		p.d[p.n - 1 - i] = d;
	}
	plan(&p);
	assert_memory_equal(first, p.want, p.nslots * sizeof *first);
	free(first);
	pool_done(&p);
}

static void churn(struct pool *p)
{
	uint64_t what = rnd(6);

	if (what <= 1 && p->n < 12) {
		struct lr_place_donor *d = join(p, 1 + rnd(1000));

		if (p->n > 1 && !rnd(3))
			d->machine = p->d[rnd(p->n)].machine;
		d->site = rnd(2) ? 0 : (uint32_t)rnd(4);
		for (size_t i = 0; i + 1 < p->n; i++)
			if (lr_dev_eq(&d->machine, &p->d[i].machine))
				d->site = p->d[i].site;
	} else if (what == 2 && p->n) {
		leave(p, rnd(p->n));
	} else if (what == 3 && p->n) {
		p->d[rnd(p->n)].weight = rnd(4) ? 1 + rnd(1000) : 0;
	} else if (what == 4) {
		struct lr_cfg *c = &p->cfg[rnd(p->nslots)];

		if (c->n)
			c->n--;
	} else if (p->n) {
		struct lr_cfg *c = &p->cfg[rnd(p->nslots)];
		uint64_t inc = p->d[rnd(p->n)].inc;

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

		pool_init(&p, 3 * (1 + (unsigned)rnd(48)));
		for (unsigned step = 0; step < 40; step++) {
			for (uint64_t k = rnd(4); k < 4; k++)
				churn(&p);
			plan(&p);
			assert_sound(&p);
			assert_settled(&p);
		}
		pool_done(&p);
	}
}

/* Every donor's copies are paired with those of many others, so that what it
 * held is copied again from many sources. */
static void test_partners(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, LR_SLOTS);
	for (int i = 0; i < 10; i++)
		join(&p, 1000);
	plan(&p);
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
	pool_done(&p);
}

/* A thousand donors: balanced to the copy; a joiner gets its share although
 * nobody is a whole copy above target. Times are printed, not judged. */
static void test_thousand(void **state)
{
	struct pool p;
	uint64_t inc;

	(void)state;
	pool_init(&p, LR_SLOTS);
	for (int i = 0; i < 3; i++)
		join(&p, 1000);
	say_time(&p, "3 donors, from nothing");
	adopt(&p);
	say_time(&p, "3 donors, nothing to do");
	join(&p, 1000);
	say_time(&p, "a 4th donor");
	adopt(&p);
	while (p.n < 1000)
		join(&p, 1000);
	say_time(&p, "996 more donors");
	memset(p.cfg, 0, p.nslots * sizeof *p.cfg);
	say_time(&p, "1,000 donors, from nothing");
	adopt(&p);
	inc = join(&p, 1000)->inc;
	say_time(&p, "a 1,001st donor");
	assert_true(load_of(&p, inc, 2, true) >= 11);
	assert_in_range(moved(&p), 20, 30);
	adopt(&p);
	leave(&p, 17);
	say_time(&p, "one leaves");
	assert_in_range(moved(&p), 20, 32);
	pool_done(&p);
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
		cmocka_unit_test(test_few_donors),
		cmocka_unit_test(test_join_and_leave),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_weightless),
		cmocka_unit_test(test_half_way),
		cmocka_unit_test(test_machines_part),
		cmocka_unit_test(test_order_of_donors),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_partners),
		cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
