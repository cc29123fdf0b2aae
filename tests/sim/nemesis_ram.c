/* SPDX-License-Identifier: Apache-2.0 */
/* Donors whose hosts are short of RAM: they say so with their heartbeats, and
 * how much may stay. */
#include "tests/sim/sim.h"

static void calm_cb(struct sim *s, void *arg, uint64_t x)
{
	struct donor *d = arg;

	(void)x;
	SAY(s, "dev %u has RAM again", d->dev);
	d->pressure = LR_PRESSURE_CALM;
}

/* Again and again, one donor or several. */
void nemesis_press(struct sim *s, void *arg, uint64_t x)
{
	struct donor *d = &s->donor[sim_draw(s, s->n_devs)];

	(void)arg;
	(void)x;
	if (s->healing)
		return;
	sim_at(s, s->now + nemesis_span(s, 200, 3000), nemesis_press, NULL, 0);
	if (!s->node[d->node].up || d->pressure)
		return;
	d->pressure = LR_PRESSURE_SOFT + sim_draw(s, 3);
	d->stays = (uint64_t)sim_draw(s, 60) << 20;
	SAY(s, "dev %u is short of RAM: %u, %llu bytes may stay", d->dev,
	    d->pressure, (unsigned long long)d->stays);
	sim_at(s, s->now + nemesis_span(s, 300, 6000), calm_cb, d, 0);
}
