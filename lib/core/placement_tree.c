/* SPDX-License-Identifier: Apache-2.0 */
/* How many copies each donor should hold: in proportion to what it offers,
 * water-filled under the caps. No donor holds two copies of a slot, and where
 * there are machines (and sites) enough, no machine (site) does: so a machine
 * is capped as a donor is, and its donors share what it gets. */
#include <stdlib.h>
#include <string.h>

#include "core/placement_i.h"

/* One donor while the tree is made. */
struct leaf {
	const struct lr_place_donor *d;
	uint32_t site; /* its machine's: a machine is in one place */
};

static int cmp_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_machine(const void *a, const void *b)
{
	const struct lr_place_donor *x = ((const struct leaf *)a)->d;
	const struct lr_place_donor *y = ((const struct leaf *)b)->d;
	int c = memcmp(&x->machine, &y->machine, sizeof x->machine);

	return c ? c : cmp_u64(x->inc, y->inc);
}

static int by_site(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	return x->site != y->site ? (x->site > y->site) - (x->site < y->site)
				  : by_machine(a, b);
}

static bool same_machine(const struct leaf *a, const struct leaf *b)
{
	return lr_dev_eq(&a->d->machine, &b->d->machine);
}

static size_t sort_leaves(struct leaf *leaf, const struct lr_place_donor *d,
			  size_t n)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (d[i].weight)
			leaf[m++] = (struct leaf){&d[i], d[i].site};
	qsort(leaf, m, sizeof *leaf, by_machine);
	for (size_t i = 1; i < m; i++)
		if (same_machine(&leaf[i], &leaf[i - 1]))
			leaf[i].site = leaf[i - 1].site;
	qsort(leaf, m, sizeof *leaf, by_site);
	return m;
}

static void add_child(struct place_node *to, const struct place_node *child)
{
	to->weight += child->weight;
	to->donors += child->donors;
}

static void plant_donor(struct place_tree *t, const struct leaf *leaf,
			unsigned i)
{
	bool site = !i || leaf[i].site != leaf[i - 1].site;
	bool machine = !i || !same_machine(&leaf[i], &leaf[i - 1]);
	struct place_donor *d = &t->donors[i];

	if (site)
		t->sites[t->n_sites++].first = t->n_machines;
	if (machine)
		t->machines[t->n_machines++].first = i;
	*d = (struct place_donor){
		.node = {.weight = (double)leaf[i].d->weight, .donors = 1},
		.inc = leaf[i].d->inc,
		.machine = t->n_machines - 1,
		.site = t->n_sites - 1,
	};
	t->machines[d->machine].last = i + 1;
	t->sites[d->site].last = t->n_machines;
	add_child(&t->machines[d->machine], &d->node);
	add_child(&t->sites[d->site], &d->node);
	add_child(&t->pool, &d->node);
}

/* An insertion sort would be quadratic, and qsort cannot see the donors: so
 * the pairs are sorted. */
struct inc_at {
	uint64_t inc;
	unsigned at;
};

static int by_inc(const void *a, const void *b)
{
	return cmp_u64(((const struct inc_at *)a)->inc,
		       ((const struct inc_at *)b)->inc);
}

static bool index_incs(struct place_tree *t)
{
	struct inc_at *pair = calloc(t->n + 1u, sizeof *pair);

	if (!pair)
		return false;
	for (unsigned i = 0; i < t->n; i++)
		pair[i] = (struct inc_at){t->donors[i].inc, i};
	qsort(pair, t->n, sizeof *pair, by_inc);
	for (unsigned i = 0; i < t->n; i++)
		t->by_inc[i] = pair[i].at;
	free(pair);
	return true;
}

bool lr_place_tree_init(struct place_tree *t,
			const struct lr_place_donor *donors, size_t n)
{
	struct leaf *leaf = calloc(n + 1, sizeof *leaf);
	bool ok = false;

	*t = (struct place_tree){0};
	if (!leaf)
		return false;
	t->n = (unsigned)sort_leaves(leaf, donors, n);
	t->donors = calloc(t->n + 1u, sizeof *t->donors);
	t->sites = calloc(t->n + 1u, sizeof *t->sites);
	t->machines = calloc(t->n + 1u, sizeof *t->machines);
	t->by_inc = calloc(t->n + 1u, sizeof *t->by_inc);
	if (t->donors && t->sites && t->machines && t->by_inc) {
		for (unsigned i = 0; i < t->n; i++)
			plant_donor(t, leaf, i);
		t->pool.last = t->n_sites;
		ok = index_incs(t);
	}
	free(leaf);
	if (!ok)
		lr_place_tree_done(t);
	return ok;
}

void lr_place_tree_done(struct place_tree *t)
{
	free(t->donors);
	free(t->sites);
	free(t->machines);
	free(t->by_inc);
	*t = (struct place_tree){0};
}

int lr_place_tree_find(const struct place_tree *t, uint64_t inc)
{
	unsigned lo = 0, hi = t->n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (t->donors[t->by_inc[mid]].inc < inc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == t->n || t->donors[t->by_inc[lo]].inc != inc)
		return -1;
	return (int)t->by_inc[lo];
}

/* Children lie `step` bytes apart: donors are more than their node. */
static struct place_node *child_at(void *base, size_t step, unsigned i)
{
	return (struct place_node *)(void *)((char *)base + step * i);
}

/* Caps what would overflow; true: shares have grown, look again. */
static bool cap_children(const struct place_node *of, void *base, size_t step,
			 double slots, double *left, double *weight)
{
	double share = *weight > 0 ? *left / *weight : 0;
	bool again = false;

	for (unsigned i = of->first; i < of->last; i++) {
		struct place_node *c = child_at(base, step, i);
		double cap = slots * c->most;

		if (c->target >= 0 || c->weight * share <= cap)
			continue;
		c->target = cap;
		*left -= cap;
		*weight -= c->weight;
		again = true;
	}
	return again;
}

static void divide(const struct place_node *of, void *base, size_t step,
		   unsigned slots)
{
	unsigned n = of->last - of->first;
	double left = of->target, weight = of->weight;

	for (unsigned i = of->first; i < of->last; i++) {
		struct place_node *c = child_at(base, step, i);

		c->target = -1;
		c->most = of->most > n ? of->most - n + 1 : 1;
		if (c->most > c->donors)
			c->most = c->donors;
	}
	while (cap_children(of, base, step, slots, &left, &weight))
		;
	for (unsigned i = of->first; i < of->last; i++) {
		struct place_node *c = child_at(base, step, i);

		if (c->target < 0)
			c->target = c->weight * left / weight;
	}
}

void lr_place_tree_aim(struct place_tree *t, unsigned copies, unsigned slots)
{
	t->pool.most = copies;
	t->pool.target = (double)copies * slots;
	divide(&t->pool, t->sites, sizeof *t->sites, slots);
	for (unsigned i = 0; i < t->n_sites; i++)
		divide(&t->sites[i], t->machines, sizeof *t->machines, slots);
	for (unsigned i = 0; i < t->n_machines; i++)
		divide(&t->machines[i], t->donors, sizeof *t->donors, slots);
}
