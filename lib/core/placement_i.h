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

/* One class at work. */
#define PLACE_COPIES LR_CLASSES /* at most, of one slot */
#define PLACE_NONE   UINT32_MAX

struct place_row {
	uint32_t mem[LR_MEM_MAX]; /* indices into the tree's donors */
	uint32_t n;
};

/* Copies of one donor are chained through next[], so that levelling finds
 * them; a copy is its slot * PLACE_COPIES + its place in the row. */
struct place_chain {
	uint32_t head;
	uint32_t at, before; /* where levelling has come to */
	bool spent;	     /* nothing here for the donor that is being fed */
};

struct place {
	struct place_tree t;
	const struct lr_cfg *cfg; /* of this class */
	struct place_row *row;
	unsigned slots, copies;
	struct place_chain *chain;
	uint32_t *next;
	uint32_t *order; /* slots, shuffled */
	uint64_t chance;
	bool *fed;
};

bool lr_place_holds(const struct place_row *r, unsigned donor);
/* Machines, and below them sites, that a row is spread over. */
unsigned lr_place_spread(const struct place *p, const struct place_row *r);
/* Gives the copy at r->mem[i] to another donor. */
void lr_place_replace(struct place *p, struct place_row *r, unsigned i,
		      uint32_t donor);
/* Single copies go from donors above target to donors below. */
void lr_place_level(struct place *p);

#endif
