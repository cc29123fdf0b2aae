/* SPDX-License-Identifier: Apache-2.0 */
/* What the models of operations share: one slot, four donors with the rules of
 * core/slot.h and one entry each, and a coordinator that changes the
 * configuration at once and cannot always reach them. Chance rules; the same
 * seed lives the same life. */
#ifndef LR_TESTS_SMALL_WORLD_H
#define LR_TESTS_SMALL_WORLD_H

#include "core/slot.h"
#include "unit.h"

#define SMALL_DONORS 4

struct small_donor {
	uint64_t inc;
	bool cut; /* off from the coordinator, still serving clients */
	struct lr_slot s;
	struct lr_stored e;
};

struct small_world {
	uint64_t seed, now, epoch, incs;
	const uint8_t *told; /* a fuzzer tells the first numbers */
	size_t n_told;
	struct lr_cfg cfg, old;
	struct small_donor *d[SMALL_DONORS]; /* the model's, zero at first */
};

static inline uint32_t small_draw(struct small_world *w, uint32_t below)
{
	if (!w->n_told)
		return draw(&w->seed, below);
	w->n_told--;
	return (uint32_t)((uint64_t)*w->told++ * below >> 8);
}

static inline bool small_chance(struct small_world *w, unsigned of)
{
	return small_draw(w, of) == 0;
}

/* `d`, `told`, `n_told` are set. */
void small_start(struct small_world *w, uint64_t seed);
/* NULL: it has started anew since. */
struct small_donor *small_find(struct small_world *w, uint64_t inc);
/* The coordinator changes the configuration. */
void small_change(struct small_world *w);
/* What it and the donor do in a step. */
void small_coordinate(struct small_world *w, struct small_donor *d,
		      unsigned install_in);
/* Starts anew, empty, where another keeps what it held; false: none does. */
bool small_restart(struct small_world *w, struct small_donor *d);

#endif
