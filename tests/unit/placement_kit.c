/* SPDX-License-Identifier: Apache-2.0 */
/* A pool that is planned, and what must hold of every plan. */
#include "placement_kit.h"

#include <math.h>
#include <time.h>

static uint64_t seed = 1;

uint64_t place_rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

void place_init(struct pool *p, unsigned nslots)
{
	*p = (struct pool){.nslots = nslots};
	p->cfg = calloc(nslots, sizeof *p->cfg);
	p->want = calloc(nslots, sizeof *p->want);
	assert_non_null(p->cfg);
	assert_non_null(p->want);
}

void place_done(struct pool *p)
{
	free(p->cfg);
	free(p->want);
}

struct lr_place_donor *place_join(struct pool *p, uint64_t weight)
{
	struct lr_place_donor *d = &p->d[p->n++];
	uint64_t machine = place_rnd(UINT64_MAX);

	*d = (struct lr_place_donor){.inc = place_rnd(UINT64_MAX) + 1,
				     .weight = weight};
	memcpy(d->machine.b, &machine, sizeof machine);
	return d;
}

void place_leave(struct pool *p, size_t i)
{
	p->d[i] = p->d[--p->n];
}

void place_plan(struct pool *p)
{
	assert_true(lr_place(p->cfg, p->nslots, p->d, p->n, p->want));
}

void place_adopt(struct pool *p)
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

unsigned place_moved(const struct pool *p)
{
	unsigned n = 0;

	for (unsigned s = 0; s < p->nslots; s++)
		for (unsigned i = 0; i < p->want[s].n; i++)
			n += lr_cfg_index(&p->cfg[s], p->want[s].mem[i]) < 0;
	return n;
}

unsigned place_load_of(const struct pool *p, uint64_t inc, unsigned cls,
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

void place_assert_balanced(const struct pool *p)
{
	for (unsigned c = 0; c < LR_CLASSES; c++)
		for (size_t i = 0; i < p->n; i++) {
			double t = target_of(p, i, lr_class_copies(c));
			double l = place_load_of(p, p->d[i].inc, c, true);

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
						 place_load_of(p, p->d[i].inc,
							       c, false));
		sum += fmax(holes, wants);
	}
	return sum;
}

void place_assert_least_movement(const struct pool *p)
{
	double m = place_moved(p), l = least(p);

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

void place_assert_sound(const struct pool *p)
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

void place_assert_settled(struct pool *p)
{
	place_adopt(p);
	place_plan(p);
	assert_int_equal(place_moved(p), 0);
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

void place_say_time(struct pool *p, const char *what)
{
	struct timespec t0;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	place_plan(p);
	print_message("%s: %.2f ms\n", what, ms_since(&t0));
}
