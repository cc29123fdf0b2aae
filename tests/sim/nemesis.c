/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and when. Each run has some of the faults, not all: what one
 * of them hides, another run shows. */
#include "tests/sim/sim.h"

#include <stdlib.h>

/* --- donors ------------------------------------------------------------------------- */

static void donor_back_cb(struct sim *s, void *arg, uint64_t x)
{
	(void)x;
	donor_start(s, arg);
}

static bool kill_donor(struct sim *s, struct donor *d, bool for_good)
{
	if (!s->node[d->node].up || (s->p.careful && oracle_would_lose(s, d)))
		return false;
	donor_kill(s, d, sim_chance(s, 300));
	if (for_good)
		d->gone_for_good = true;
	else
		sim_at(s, s->now + nemesis_span(s, 20, 8000), donor_back_cb, d,
		       0);
	return true;
}

/* Never so many that the rest cannot hold a class's copies. */
static void kill_for_good(struct sim *s)
{
	unsigned left = 0;

	for (unsigned i = 0; i < s->n_devs; i++)
		left += !s->donor[i].gone_for_good;
	if (left > LR_CLASSES)
		kill_donor(s, nemesis_donor(s), true);
}

static void uncut_cb(struct sim *s, void *arg, uint64_t x)
{
	(void)arg;
	net_cut(s, (unsigned)(x >> 16), x & 0xffff, false);
}

static void cut(struct sim *s, unsigned from, unsigned to, uint64_t ms)
{
	SAY(s, "cut %u -> %u for %llu ms", from, to, (unsigned long long)ms);
	net_cut(s, from, to, true);
	sim_at(s, s->now + ms, uncut_cb, NULL, (uint64_t)from << 16 | to);
}

static unsigned any_node(struct sim *s)
{
	unsigned at = sim_draw(s, s->n_devs + s->p.clients + 1);

	if (at < s->n_devs)
		return s->donor[at].node;
	return at == s->n_devs ? SIM_COORD :
				 SIM_CLIENT0 + at - s->n_devs - 1;
}

static void cut_pair(struct sim *s, bool both)
{
	unsigned a = any_node(s), b = any_node(s);
	uint64_t ms = nemesis_time(s);

	if (a == b)
		return;
	cut(s, a, b, ms);
	if (both)
		cut(s, b, a, ms);
}

static void cut_coord(struct sim *s, struct donor *d, uint64_t ms)
{
	unsigned way = sim_draw(s, 4);

	if (way != 1)
		cut(s, d->node, SIM_COORD, ms);
	if (way != 2)
		cut(s, SIM_COORD, d->node, ms);
}

static void break_some(struct sim *s)
{
	struct conn *c;

	if (!s->n_conn)
		return;
	c = &s->conn[sim_draw(s, (uint32_t)s->n_conn)];
	if (c->used)
		net_break(s, c, sim_draw(s, 2));
}

static void join(struct sim *s)
{
	struct donor *d;

	if (s->n_devs >= s->p.devs + 4 || s->n_devs == SIM_DEVS)
		return;
	d = &s->donor[s->n_devs];
	d->node = SIM_DONOR0 + s->n_devs;
	d->dev = s->n_devs++;
	d->lent = (1 + sim_draw(s, 4)) << 20;
	d->cap = s->donor[0].cap;
	donor_start(s, d);
}

static void leave(struct sim *s)
{
	struct donor *d = nemesis_donor(s);

	if (!s->node[d->node].up || d->leaving)
		return;
	SAY(s, "dev %u wants to leave", d->dev);
	d->leaving = true;
	d->leave_ms = s->now;
	sim_at(s, s->now + nemesis_span(s, 1000, 30000), donor_back_cb, d, 0);
}

static void undrain_cb(struct sim *s, void *arg, uint64_t x)
{
	struct donor *d = arg;
	struct lr_dev dev = { { 0 } };
	uint32_t n = d->dev + 1;

	(void)x;
	dev.b[0] = (uint8_t)n;
	dev.b[31] = 1;
	d->draining = false;
	if (s->coord) {
		lr_coord_drain(s->coord, &dev, true, s->now);
		coord_acts(s);
	}
}

static void drain(struct sim *s)
{
	struct donor *d = nemesis_donor(s);
	struct lr_dev dev = { { 0 } };
	uint32_t n = d->dev + 1;

	dev.b[0] = (uint8_t)n;
	dev.b[31] = 1;
	if (!s->coord ||
	    lr_coord_drain(s->coord, &dev, false, s->now) != LR_E_OK)
		return;
	SAY(s, "dev %u is drained", d->dev);
	d->draining = true;
	coord_acts(s);
	sim_at(s, s->now + nemesis_span(s, 1000, 20000), undrain_cb, d, 0);
}

static void forget(struct sim *s, struct donor *d)
{
	struct lr_dev dev = { { 0 } };

	dev.b[0] = (uint8_t)(d->dev + 1);
	dev.b[31] = 1;
	if (!s->coord || s->node[d->node].up ||
	    lr_coord_forget(s->coord, &dev, s->now) != LR_E_OK)
		return;
	d->forgotten = d->inc;
	coord_acts(s);
}

static void rot(struct sim *s)
{
	struct donor *d = nemesis_donor(s);
	unsigned slot = sim_draw(s, s->p.nslots);
	struct dslot *ds;
	struct entry *e;

	if (!s->node[d->node].up || !d->slot[slot].n)
		return;
	ds = &d->slot[slot];
	e = &ds->e[sim_draw(s, ds->n)];
	if (e->state != LR_FOUND_VALUE || key_is_mutable(s->key[e->key].kind))
		return;
	SAY(s, "dev %u: key %u rots", d->dev, e->key);
	e->rotten = true;
	s->n_corrupted += !s->key[e->key].corrupted;
	s->key[e->key].corrupted = true;
	oracle_deaths(s);
}

static void accuse(struct sim *s)
{
	struct donor *d = nemesis_donor(s);

	if (!s->coord || !s->node[d->node].up)
		return;
	if (sim_chance(s, 500)) {
		/* Its heartbeats are late. */
		cut(s, d->node, SIM_COORD, nemesis_span(s, 300, 1200));
		return;
	}
	lr_coord_accused(s->coord, d->inc, s->now);
	coord_acts(s);
}

/* --- a slot whose members all go ----------------------------------------------------- */

static void roll_cb(struct sim *s, void *arg, uint64_t x)
{
	unsigned slot = x & 0xff, left = (unsigned)(x >> 8);
	const struct lr_cfg *cfg = &s->committed[slot];
	unsigned at = cfg->n ? sim_draw(s, cfg->n) : 0;

	(void)arg;
	if (s->healing || !left)
		return;
	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = donor_of(s, cfg->mem[(at + i) % cfg->n]);

		if (d && kill_donor(s, d, false))
			break;
	}
	sim_at(s, s->now + nemesis_span(s, 700, 4000), roll_cb, NULL,
	       (uint64_t)(left - 1) << 8 | slot);
}

static void roll(struct sim *s)
{
	unsigned slot = sim_draw(s, s->p.nslots);
	const struct lr_cfg *cfg = &s->committed[slot];
	unsigned times = 2 + sim_draw(s, 4);

	SAY(s, "the members of slot %u go", slot);
	if (sim_chance(s, 500)) {
		uint64_t until = s->now + nemesis_span(s, 4000, 15000);

		net_pause(s, nemesis_client(s)->node, until);
	}
	if (cfg->n && sim_chance(s, 500)) {
		struct donor *d = donor_of(s, cfg->mem[sim_draw(s, cfg->n)]);

		if (d)
			cut_coord(s, d, nemesis_span(s, 4000, 15000));
	}
	sim_at(s, s->now + nemesis_span(s, 0, 1500), roll_cb, NULL,
	       (uint64_t)times << 8 | slot);
}

/* One draw an expression: a seed is the same life with any compiler. */
static void strike(struct sim *s, enum fault f)
{
	struct donor *d = nemesis_donor(s);
	uint64_t ms = nemesis_time(s);

	switch (f) {
	case F_COORD_CRASH:
		nemesis_crash(s);
		break;
	case F_COORD_PAUSE:
		net_pause(s, SIM_COORD, s->now + ms);
		break;
	case F_KILL:
		kill_donor(s, d, false);
		break;
	case F_PAUSE_DONOR:
		net_pause(s, d->node, s->now + ms);
		break;
	case F_PAUSE_CLIENT:
		net_pause(s, nemesis_client(s)->node, s->now + ms);
		break;
	case F_PAUSE_LONG:
		nemesis_pause_long(s);
		break;
	case F_CUT:
		cut_pair(s, true);
		break;
	case F_CUT_ONE_WAY:
		cut_pair(s, false);
		break;
	case F_CUT_COORD:
		cut_coord(s, d, ms);
		break;
	case F_BREAK:
		break_some(s);
		break;
	case F_ACCUSE:
		accuse(s);
		break;
	case F_JOIN:
		join(s);
		break;
	case F_LEAVE:
		leave(s);
		break;
	case F_DRAIN:
		drain(s);
		break;
	case F_LEND:
		d->lent = (1 + sim_draw(s, 8)) << 20;
		break;
	case F_CORRUPT:
		rot(s);
		break;
	case F_SLOW:
		nemesis_slow(s);
		break;
	case F_CLIENT_DIES:
		client_kill(s, nemesis_client(s));
		break;
	case F_LAG:
		nemesis_lag(s);
		break;
	case F_ROLL:
		roll(s);
		break;
	case F_KILL_FOR_GOOD:
		kill_for_good(s);
		break;
	case F_CUT_COORD_LONG:
		cut_coord(s, d, nemesis_span(s, 50000, 100000));
		break;
	case F_STARVE:
		nemesis_starve(s);
		break;
	case FAULTS:
		break;
	}
}

void nemesis_next(struct sim *s, void *arg, uint64_t x)
{
	enum fault f;

	(void)arg;
	(void)x;
	if (s->healing)
		return;
	do
		f = (enum fault)sim_draw(s, FAULTS);
	while (!(s->p.faults >> f & 1));
	strike(s, f);
	sim_at(s, s->now + 1 + sim_draw(s, 2 * s->p.fault_ms), nemesis_next,
	       NULL, 0);
}

/* --- and all is well again ----------------------------------------------------------------- */

/* Who wants to leave goes when nothing is there alone, or after a while. */
static void let_leave(struct sim *s, struct donor *d)
{
	if (oracle_would_lose(s, d) && s->now < d->leave_ms + 40000)
		return;
	donor_kill(s, d, false);
	donor_start(s, d);
}

/* Again and again until the pool is whole. */
void nemesis_mend(struct sim *s)
{
	nemesis_confirm(s);
	for (unsigned i = 0; i < s->n_devs; i++) {
		struct donor *d = &s->donor[i];

		if (s->p.full)
			d->lent += d->lent / 10;
		if (d->leaving && s->node[d->node].up)
			let_leave(s, d);
		else if (d->gone_for_good && d->forgotten != d->inc)
			forget(s, d);
		else
			donor_start(s, d);
	}
}

static void heal_donor(struct sim *s, struct donor *d)
{
	if (s->p.full)
		d->lent *= 2; /* that is how more room shows */
	d->cap = UINT32_MAX / 2;
	d->slow_permille = 0;
	d->pressure = LR_PRESSURE_CALM;
	if (d->draining)
		undrain_cb(s, d, 0);
}

void nemesis_heal(struct sim *s)
{
	for (unsigned i = 0; i < SIM_NODES; i++) {
		for (unsigned k = 0; k < SIM_NODES; k++)
			s->cut[i][k] = 0;
		s->node[i].slow_ms = 0;
		if (s->node[i].up && !s->node[i].paused_ms)
			net_poke(s, i);
	}
	if (!s->coord)
		coord_start(s);
	for (unsigned i = 0; i < s->n_devs; i++)
		heal_donor(s, &s->donor[i]);
}

