/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a fault meets, how long it lasts; and nodes that are slow or stand still
 * for a time. */
#include "tests/sim/sim.h"

struct donor *nemesis_donor(struct sim *s)
{
	return &s->donor[sim_draw(s, s->n_devs)];
}

struct client *nemesis_client(struct sim *s)
{
	return &s->client[sim_draw(s, s->p.clients)];
}

uint64_t nemesis_span(struct sim *s, unsigned from, unsigned to)
{
	return from + sim_draw(s, to - from + 1);
}

uint64_t nemesis_time(struct sim *s)
{
	switch (sim_draw(s, 4)) {
	case 0:
		return nemesis_span(s, 50, 400);
	case 1:
		return nemesis_span(s, 300, 1500);
	case 2:
		return nemesis_span(s, 1000, 5000);
	default:
		return nemesis_span(s, 2000, 15000);
	}
}

/* --- slow
 * ----------------------------------------------------------------------------
 */

static void fast_cb(struct sim *s, void *arg, uint64_t x)
{
	struct donor *d = arg;

	(void)s;
	(void)x;
	d->slow_permille = 0;
}

void nemesis_slow(struct sim *s)
{
	struct donor *d = nemesis_donor(s);

	d->slow_permille = 100 + sim_draw(s, 900);
	d->slow_ms = sim_chance(s, 500) ? 300 : 8000;
	sim_at(s,
	       s->now + (s->p.theme == THEME_SWEEP
				 ? nemesis_span(s, 10000, 90000)
				 : nemesis_time(s)),
	       fast_cb, d, 0);
}

static void unlag_cb(struct sim *s, void *arg, uint64_t x)
{
	(void)arg;
	s->node[x].slow_ms = 0;
}

void nemesis_lag(struct sim *s)
{
	unsigned node = nemesis_client(s)->node;

	s->node[node].slow_ms = nemesis_span(s, 500, 20000);
	sim_at(s, s->now + nemesis_span(s, 1000, 20000), unlag_cb, NULL, node);
}

/* --- standing still
 * ------------------------------------------------------------------- */

static void pause_any(struct sim *s)
{
	unsigned node = sim_chance(s, 700) ? nemesis_client(s)->node
					   : nemesis_donor(s)->node;
	bool longer = s->p.theme == THEME_SWEEP && sim_chance(s, 300);

	net_pause(s, node,
		  s->now + (longer ? nemesis_span(s, 122000, 160000)
				   : nemesis_span(s, 48000, 72000)));
}

static struct work *find_closing(struct sim *s)
{
	for (unsigned i = 0; i < s->p.clients; i++)
		for (unsigned k = 0; k < SIM_WORKS; k++) {
			struct work *w = &s->client[i].work[k];

			if (w->kind == WORK_UPLOAD &&
			    w->phase == UP_STREAMING && !w->in_flight &&
			    w->next == s->key[w->key].n_chunks)
				return w;
		}
	return NULL;
}

/* It wakes just in time to close, and its close takes long. */
static bool sleeper(struct sim *s)
{
	struct work *w = find_closing(s);
	const struct lr_cfg *cfg;

	if (!w)
		return false;
	net_pause(s, w->c->node, w->touched_ms + 59990 - sim_draw(s, 2500));
	cfg = &s->committed[s->key[w->key].slot];
	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = donor_of(s, cfg->mem[i]);

		if (!d)
			continue;
		d->slow_permille = 800;
		d->slow_ms = 8000;
		sim_at(s, s->now + 70000, fast_cb, d, 0);
	}
	return true;
}

void nemesis_pause_long(struct sim *s)
{
	if (s->p.theme == THEME_SWEEP && sim_chance(s, 600) && sleeper(s))
		return;
	pause_any(s);
}

void nemesis_starve(struct sim *s)
{
	uint64_t until = s->now + nemesis_span(s, 5000, 150000);

	for (size_t i = 0; i < s->n_conn; i++) {
		struct conn *c = &s->conn[i];

		if (c->used && c->kind == CONN_DATA && sim_chance(s, 150))
			c->starved_ms = until;
	}
}
