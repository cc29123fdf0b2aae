/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong with the coordinator. */
#include "tests/sim/sim.h"

static void coord_back_cb(struct sim *s, void *arg, uint64_t x)
{
	(void)arg;
	(void)x;
	if (!s->coord)
		coord_start(s);
}

void nemesis_crash(struct sim *s)
{
	if (!s->coord)
		return;
	coord_kill(s, sim_chance(s, 500));
	sim_at(s,
	       s->now + nemesis_span(s, 10,
				     sim_chance(s, 200) ? 12000 : 2000),
	       coord_back_cb, NULL, 0);
}

void nemesis_coord_crash(struct sim *s, void *arg, uint64_t gen)
{
	(void)arg;
	if (gen == s->coord_gen && !s->healing)
		nemesis_crash(s);
}

