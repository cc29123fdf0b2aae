/* SPDX-License-Identifier: Apache-2.0 */
/* Placement's own insides: who may hold copies, and how many each should. */
#ifndef LR_CORE_PLACEMENT_I_H
#define LR_CORE_PLACEMENT_I_H

#include "core/placement.h"

/* The pool, a site, a machine or a donor. Children are a range of the next
 * kind: sites[], machines[], donors[] are sorted so. */
struct place_node {
	double weight, target;
	unsigned first, last; /* children [first, last) */
	unsigned donors;
	unsigned most; /* copies of one slot that it may have to take */
};

struct place_donor {
	struct place_node node;
	uint64_t inc;
	unsigned machine, site; /* indices */
	unsigned load;		/* copies that it holds now */
	double need;		/* (target - load) / target */
};

struct place_tree {
	struct place_donor *donors; /* by site, machine, incarnation */
	struct place_node *sites, *machines;
	unsigned n, n_sites, n_machines;
	unsigned *by_inc; /* indices into donors */
	struct place_node pool;
};

/* Donors of weight 0 are left out. False: out of memory. */
bool lr_place_tree_init(struct place_tree *t,
			const struct lr_place_donor *donors, size_t n);
void lr_place_tree_done(struct place_tree *t);
/* Sets all targets for `copies` (at most t->n) of each of `slots` slots. */
void lr_place_tree_aim(struct place_tree *t, unsigned copies, unsigned slots);
/* Index of a donor, or -1. */
int lr_place_tree_find(const struct place_tree *t, uint64_t inc);

#endif
