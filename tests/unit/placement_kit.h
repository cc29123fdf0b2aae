/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of placement share: a pool that is planned, and what must hold of
 * every plan. */
#ifndef LR_TESTS_PLACEMENT_KIT_H
#define LR_TESTS_PLACEMENT_KIT_H

#include "unit.h"

#include "core/placement.h"

#define DONORS_MAX 1024

struct pool {
	unsigned nslots;
	struct lr_cfg *cfg;
	struct lr_want *want;
	struct lr_place_donor d[DONORS_MAX];
	size_t n;
};

/* placement_kit.c */
uint64_t place_rnd(uint64_t below);
void place_init(struct pool *p, unsigned nslots);
void place_done(struct pool *p);
/* A donor of its own machine, unless the test says otherwise after. */
struct lr_place_donor *place_join(struct pool *p, uint64_t weight);
void place_leave(struct pool *p, size_t i);
void place_plan(struct pool *p);
void place_adopt(struct pool *p);
/* Copies that have to be made: members that the slot did not have. */
unsigned place_moved(const struct pool *p);
unsigned place_load_of(const struct pool *p, uint64_t inc, unsigned cls,
		       bool after);
void place_assert_balanced(const struct pool *p);
void place_assert_least_movement(const struct pool *p);
/* What holds for every plan: copies, no donor twice, kept ones first, spread
 * over as many machines and sites as there are. */
void place_assert_sound(const struct pool *p);
void place_assert_settled(struct pool *p);
void place_say_time(struct pool *p, const char *what);

#endif
