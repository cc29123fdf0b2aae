/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong with the coordinator. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

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

/* --- an old copy of its state ------------------------------------------------ */

static void import_cb(struct sim *s, void *arg, uint64_t x)
{
	(void)arg;
	(void)x;
	if (s->coord)
		return;
	SAY(s, "the export of epoch %llu is imported",
	    (unsigned long long)s->exported.epoch);
	lr_view_done(&s->disk);
	if (!lr_view_copy(&s->disk, &s->exported))
		abort();
	s->disk_prepared = s->exported_prepared;
	s->disk_doubt = true;
	memset(s->imported, 1, sizeof s->imported);
	memset(s->disk_holds, 1, sizeof s->disk_holds);
	coord_start(s);
}

static void import(struct sim *s)
{
	if (!s->coord)
		return;
	coord_kill(s, sim_chance(s, 500));
	sim_at(s, s->now + nemesis_span(s, 10, 2000), import_cb, NULL, 0);
}

static void export(struct sim *s)
{
	if (s->has_export)
		lr_view_done(&s->exported);
	if (!lr_view_copy(&s->exported, &s->disk))
		abort();
	s->has_export = true;
	s->exported_prepared = s->disk_prepared;
	SAY(s, "the state is exported");
}

/* Not before all that live are there. */
void nemesis_confirm(struct sim *s)
{
	for (unsigned i = 0; i < s->n_devs; i++) {
		const struct donor *d = &s->donor[i];

		if (s->node[d->node].up && !(net_alive(&s->peer[i], 1) &&
					     s->peer[i].c->inc == d->inc &&
					     s->peer[i].c->hello_done))
			return;
	}
	if (!s->coord || !lr_coord_is_waiting(s->coord))
		return;
	SAY(s, "an admin confirms");
	s->confirmed = true;
	lr_coord_confirm(s->coord);
	coord_acts(s);
}

/* Now the one, now the other. */
void nemesis_export(struct sim *s, void *arg, uint64_t x)
{
	(void)arg;
	(void)x;
	if (s->healing)
		return;
	if (s->on_disk && (!s->has_export || sim_chance(s, 300)))
		export(s);
	else if (s->has_export && sim_chance(s, 700))
		import(s);
	else
		nemesis_confirm(s);
	sim_at(s, s->now + nemesis_span(s, 300, 4000), nemesis_export, NULL, 0);
}
