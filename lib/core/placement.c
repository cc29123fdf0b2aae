/* SPDX-License-Identifier: Apache-2.0 */
/* Assign by deficit, a class at a time, from the table as it is:
 *
 *   load   members that are gone or take nothing are dropped
 *   trim   slots with too many copies (a move on its way) lose some
 *   fill   slots with the fewest copies first get the neediest donor, on
 *          another machine, then site, where there is one
 *   part   copies that share a machine or site without need are moved apart
 *   level  single copies go from donors above target to donors below
 *
 * Levelling starts only where one side is a whole copy off: rounding and small
 * changes of weights move nothing, and a plan made of its own result is the
 * same plan. */
#include <stdlib.h>
#include <string.h>

#include "core/placement_i.h"

static void set_load(struct place_donor *d, unsigned load)
{
	d->load = load;
	d->need = (d->node.target - load) / d->node.target;
}

bool lr_place_holds(const struct place_row *r, unsigned donor)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->mem[i] == donor)
			return true;
	return false;
}

/* 2: its site is new to the row (without its member `skip`), 1: its machine
 * is, 0: neither. */
static unsigned novelty(const struct place *p, const struct place_row *r,
			unsigned skip, const struct place_donor *d)
{
	unsigned rank = 2;

	for (unsigned i = 0; i < r->n; i++) {
		const struct place_donor *m = &p->t.donors[r->mem[i]];

		if (i == skip)
			continue;
		if (m->machine == d->machine)
			return 0;
		if (m->site == d->site)
			rank = 1;
	}
	return rank;
}

unsigned lr_place_spread(const struct place *p, const struct place_row *r)
{
	unsigned machines = 0, sites = 0;

	for (unsigned i = 0; i < r->n; i++) {
		const struct place_donor *d = &p->t.donors[r->mem[i]];
		bool machine = true, site = true;

		for (unsigned k = 0; k < i; k++) {
			const struct place_donor *e = &p->t.donors[r->mem[k]];

			machine = machine && d->machine != e->machine;
			site = site && d->site != e->site;
		}
		machines += machine;
		sites += site;
	}
	return machines * LR_MEM_MAX + sites;
}

/* No donor can be more novel to the row than this; with a member to skip, one
 * may be less. */
static unsigned top_novelty(const struct place *p, const struct place_row *r,
			    unsigned skip)
{
	unsigned now = lr_place_spread(p, r);

	if (skip != PLACE_NONE || now % LR_MEM_MAX < p->t.n_sites)
		return 2;
	return now / LR_MEM_MAX < p->t.n_machines;
}

/* Chance, the same in every run: it comes from who is there. */
static uint64_t scatter(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

/* The neediest donor for a row, of the highest novelty that there is (at least
 * `least`), or PLACE_NONE. Ties go to the first from a place that differs from
 * slot to slot: the copies of one donor are paired with those of many. */
static uint32_t neediest(const struct place *p, unsigned slot, unsigned skip,
			 unsigned least)
{
	const struct place_row *r = &p->row[slot];
	uint64_t at = scatter(p->chance + slot * LR_MEM_MAX + r->n);
	unsigned start = (unsigned)(at % p->t.n);
	uint32_t best = PLACE_NONE;
	unsigned best_rank = least, top = top_novelty(p, r, skip);
	double best_need = 0;

	for (unsigned k = 0, i = start; k < p->t.n; k++, i++) {
		const struct place_donor *d;
		unsigned rank;

		if (i == p->t.n)
			i = 0;
		d = &p->t.donors[i];
		if (best != PLACE_NONE && best_rank == top &&
		    d->need <= best_need)
			continue;
		rank = novelty(p, r, skip, d);
		if (rank < best_rank || lr_place_holds(r, i))
			continue;
		if (best != PLACE_NONE && rank == best_rank &&
		    d->need <= best_need)
			continue;
		best = i;
		best_rank = rank;
		best_need = d->need;
	}
	return best;
}

static void load_rows(struct place *p)
{
	for (unsigned i = 0; i < p->t.n; i++)
		p->t.donors[i].load = 0;
	for (unsigned s = 0; s < p->slots; s++) {
		const struct lr_cfg *c = &p->cfg[s];
		struct place_row *r = &p->row[s];

		r->n = 0;
		for (unsigned i = 0; i < c->n && i < LR_MEM_MAX; i++) {
			int d = lr_place_tree_find(&p->t, c->mem[i]);

			if (d < 0 || lr_place_holds(r, (unsigned)d))
				continue;
			r->mem[r->n++] = (uint32_t)d;
			p->t.donors[d].load++;
		}
	}
	for (unsigned i = 0; i < p->t.n; i++)
		set_load(&p->t.donors[i], p->t.donors[i].load);
}

/* Whom the row misses least: one whose machine or site it has twice, then the
 * least needy, then the last. */
static unsigned spare_member(const struct place *p, const struct place_row *r)
{
	unsigned worst = 0, worst_rank = 3;

	for (unsigned i = 0; i < r->n; i++) {
		const struct place_donor *d = &p->t.donors[r->mem[i]];
		unsigned rank = novelty(p, r, i, d);

		if (rank > worst_rank ||
		    (rank == worst_rank &&
		     d->need > p->t.donors[r->mem[worst]].need))
			continue;
		worst = i;
		worst_rank = rank;
	}
	return worst;
}

static void add_load(struct place *p, unsigned donor, int by)
{
	struct place_donor *d = &p->t.donors[donor];

	set_load(d, (unsigned)((int)d->load + by));
}

static void trim(struct place *p)
{
	for (unsigned s = 0; s < p->slots; s++) {
		struct place_row *r = &p->row[s];

		while (r->n > p->copies) {
			unsigned i = spare_member(p, r);

			add_load(p, r->mem[i], -1);
			r->n--;
			memmove(&r->mem[i], &r->mem[i + 1],
				(r->n - i) * sizeof r->mem[0]);
		}
	}
}

static void fill(struct place *p)
{
	for (unsigned have = 0; have < p->copies; have++) {
		for (unsigned s = 0; s < p->slots; s++) {
			struct place_row *r = &p->row[s];
			uint32_t d;

			if (r->n != have)
				continue;
			d = neediest(p, s, PLACE_NONE, 0);
			r->mem[r->n++] = d;
			add_load(p, d, 1);
		}
	}
}

void lr_place_replace(struct place *p, struct place_row *r, unsigned i,
		      uint32_t donor)
{
	add_load(p, r->mem[i], -1);
	add_load(p, donor, 1);
	r->mem[i] = donor;
}

static unsigned at_most(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void part(struct place *p)
{
	unsigned best = at_most(p->copies, p->t.n_machines) * LR_MEM_MAX +
			at_most(p->copies, p->t.n_sites);

	for (unsigned s = 0; s < p->slots; s++) {
		struct place_row *r = &p->row[s];

		for (unsigned k = 0; k < r->n && lr_place_spread(p, r) < best;
		     k++) {
			unsigned i = spare_member(p, r);
			unsigned now =
				novelty(p, r, i, &p->t.donors[r->mem[i]]);
			uint32_t d = now < 2 ? neediest(p, s, i, now + 1)
					     : PLACE_NONE;

			if (d == PLACE_NONE)
				break;
			lr_place_replace(p, r, i, d);
		}
	}
}

static void tell(const struct place *p, struct lr_want *want)
{
	for (unsigned s = 0; s < p->slots; s++) {
		const struct place_row *r = &p->row[s];

		want[s] = (struct lr_want){0};
		for (int fresh = 0; fresh < 2; fresh++)
			for (unsigned i = 0; i < r->n; i++) {
				uint64_t inc = p->t.donors[r->mem[i]].inc;

				if ((lr_cfg_index(&p->cfg[s], inc) < 0) ==
				    fresh)
					want[s].mem[want[s].n++] = inc;
			}
	}
}

/* Were copies given away in the order of the slots, those who joined one after
 * the other would share most slots, and one's leaving would hit the other. */
static void shuffle(struct place *p)
{
	for (unsigned i = 0; i < p->t.n; i++)
		p->chance += scatter(p->t.donors[i].inc);
	for (unsigned s = 0; s < p->slots; s++) {
		unsigned k = (unsigned)(scatter(p->chance ^ s) % (s + 1));

		p->order[s] = p->order[k];
		p->order[k] = s;
	}
}

static void place_class(struct place *p, unsigned copies, struct lr_want *want)
{
	shuffle(p);
	p->copies = at_most(copies, p->t.n);
	lr_place_tree_aim(&p->t, p->copies, p->slots);
	load_rows(p);
	trim(p);
	fill(p);
	part(p);
	lr_place_level(p);
	tell(p, want);
}

static bool place_init(struct place *p, unsigned slots,
		       const struct lr_place_donor *donors, size_t n)
{
	*p = (struct place){.slots = slots};
	if (!lr_place_tree_init(&p->t, donors, n))
		return false;
	p->row = calloc(slots + 1u, sizeof *p->row);
	p->next = calloc((slots + 1u) * PLACE_COPIES, sizeof *p->next);
	p->order = calloc(slots + 1u, sizeof *p->order);
	p->chain = calloc(p->t.n + 1u, sizeof *p->chain);
	p->fed = calloc(p->t.n + 1u, sizeof *p->fed);
	return p->row && p->next && p->order && p->chain && p->fed;
}

static void place_done(struct place *p)
{
	lr_place_tree_done(&p->t);
	free(p->row);
	free(p->next);
	free(p->order);
	free(p->chain);
	free(p->fed);
}

bool lr_place(const struct lr_cfg *cfg, unsigned nslots,
	      const struct lr_place_donor *donors, size_t n,
	      struct lr_want *want)
{
	unsigned slots = nslots / LR_CLASSES;
	struct place p;
	bool ok = place_init(&p, slots, donors, n);

	for (unsigned c = 0; ok && c < LR_CLASSES; c++) {
		p.cfg = cfg + c * slots;
		place_class(&p, lr_class_copies(c), want + c * slots);
	}
	place_done(&p);
	return ok;
}

/* Whoever is full first ends it: with slots filled evenly, the donor whose
 * share of the copies is the largest next to what it offers. That is what
 * (1/R) * sum min(w_i, cap) tells, where each donor is a machine of its own. */
uint64_t lr_place_usable(const struct lr_place_donor *donors, size_t n,
			 unsigned copies)
{
	struct place_tree t;
	double least = 0;

	if (!lr_place_tree_init(&t, donors, n))
		return 0;
	lr_place_tree_aim(&t, at_most(copies, t.n), 1);
	for (unsigned i = 0; i < t.n; i++) {
		const struct place_node *d = &t.donors[i].node;

		if (!i || d->weight < least * d->target)
			least = d->weight / d->target;
	}
	lr_place_tree_done(&t);
	return (uint64_t)(least * (1 + 1e-12)); /* 15, not 14.999... */
}
