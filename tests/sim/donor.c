/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon/donor does around the rules, but for serving and pulling. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS 100
#define LATE_MS 300
#define HOLD_MS 1000
#define LEAVE_WAIT_MS 20000
#define LEAVE_ASK_MS 200

/* Incarnations tell their device, for us alone; their order is that of births. */
unsigned donor_dev(uint64_t inc)
{
	return (unsigned)(inc % 1000) - 1;
}

struct donor *donor_of(struct sim *s, uint64_t inc)
{
	struct donor *d = &s->donor[donor_dev(inc)];

	return s->node[d->node].up && d->inc == inc ? d : NULL;
}

/* --- the view ------------------------------------------------------------------- */

static void view_changed(struct sim *s, struct donor *d)
{
	for (unsigned i = 0; i < s->p.nslots; i++) {
		report_slot(d, i);
		if (!lr_slot_left(&d->slot[i].st, d->inc,
				  &d->ag.rx.view.cfg[i]))
			continue;
		SAY(s, "dev %u is out of slot %u", d->dev, i);
		donor_kill_slow(s, d, i);
		shelf_take_slot(d, i);
		pull_slot(s, d, i);
	}
	agent_view(s, &d->ag);
	if (d->hold_ms) {
		d->hold_ms = 0;
		net_poke(s, d->node);
	}
}

static void want_view(struct sim *s, struct donor *d)
{
	if (net_alive(&d->control, 0))
		net_send(s, d->control.c, 1, net_msg(s, MSG_VIEW_GET));
}

static void take_view(struct sim *s, struct donor *d, struct msg *m)
{
	bool whole;

	if (agent_take_view(s, &d->ag, m, &whole))
		view_changed(s, d);
	else if (whole)
		want_view(s, d);
}

/* --- links ------------------------------------------------------------------------ */

static void hello(struct sim *s, struct donor *d)
{
	struct msg *m = net_msg(s, MSG_HELLO);

	m->inc = d->inc;
	d->slots_told = false;
	report_attached(s, d);
	net_send(s, d->control.c, 1, m);
	want_view(s, d);
}

void donor_attach(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;
	struct conn *c, *b;

	if (d->life != life || !s->node[d->node].up)
		return;
	d->dialling = false;
	if (s->node[d->node].paused_ms) {
		d->dialling = true;
		sim_at(s, s->node[d->node].paused_ms + 1, donor_attach, d,
		       life);
		return;
	}
	if (!net_alive(&d->control, 0)) {
		c = net_connect(s, d->node, SIM_COORD, CONN_CONTROL);
		d->control = (struct link){ c, c ? c->gen : 0 };
		if (c) {
			c->inc = d->inc;
			hello(s, d);
		}
	}
	if (!net_alive(&d->beat, 0)) {
		b = net_connect(s, d->node, SIM_COORD, CONN_BEAT);
		d->beat = (struct link){ b, b ? b->gen : 0 };
	}
	if (!d->control.c || !d->beat.c) {
		d->dialling = true;
		sim_at(s, s->now + 100 + sim_draw(s, 200), donor_attach, d,
		       life);
	}
}

/* An admin restarts what was forgotten though it runs. */
static void refused_cb(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;

	if (d->life == life && s->node[d->node].up &&
	    d->forgotten == d->inc) {
		donor_kill(s, d, false);
		donor_start(s, d);
	}
}

static void take_closed(struct sim *s, struct donor *d, struct conn *c)
{
	if (c->kind == CONN_DATA) {
		uint64_t member = c->inc;

		if (c->node[0] != d->node)
			return;
		agent_lost(s, &d->ag, c);
		order_lost(s, d, c);
		forward_lost(s, d, c);
		via_lost(s, d, c);
		pull_lost(s, d, member);
		return;
	}
	if (d->forgotten == d->inc)
		sim_at(s, s->now + 500, refused_cb, d, d->life);
	if (!d->dialling) {
		d->dialling = true;
		sim_at(s, s->now + 20 + sim_draw(s, 60), donor_attach, d,
		       d->life);
	}
}

static void take_probe(struct sim *s, struct donor *d, struct conn *c,
		       struct msg *m)
{
	struct donor *t = donor_of(s, m->inc);
	struct msg *r;

	if (!t || !net_reaches(s, d->node, t->node))
		return;
	r = net_msg(s, MSG_PROBED);
	r->inc = m->inc;
	net_send(s, c, 1, r);
}

static void take_reply(struct sim *s, struct donor *d, struct msg *m)
{
	if (m->asker == ASKER_PULL)
		pull_recv(s, d, m);
	else if (m->asker == ASKER_ORDER)
		order_reply(s, d, m);
	else if (m->asker == ASKER_FORWARD)
		forward_reply(s, d, m);
	else if (m->asker == ASKER_VIA)
		via_reply(s, d, m);
	else
		agent_reply(s, &d->ag, m);
}

void donor_recv(struct sim *s, struct donor *d, struct conn *c, struct msg *m)
{
	if (!s->node[d->node].up)
		return;
	switch (m->type) {
	case MSG_EOF:
		take_closed(s, d, c);
		break;
	case MSG_SEAL:
		donor_seal(s, d, c, m);
		break;
	case MSG_INSTALL:
		donor_install(s, d, c, m);
		break;
	case MSG_SLOTS_GET:
		donor_tell_slots(s, d, c);
		break;
	case MSG_VIEW:
	case MSG_DELTA:
		take_view(s, d, m);
		break;
	case MSG_PROBE:
		take_probe(s, d, c, m);
		break;
	case MSG_LEAVE_R:
		if (d->leaving && m->err == LR_E_OK) {
			SAY(s, "dev %u may leave", d->dev);
			donor_kill(s, d, false);
		}
		break;
	case MSG_GET_R:
	case MSG_PUT_R:
	case MSG_UPDATE_R:
		take_reply(s, d, m);
		break;
	case MSG_SCAN_R:
		pull_recv(s, d, m);
		break;
	default:
		serve_recv(s, d, c, m);
		break;
	}
}

/* --- the tick ---------------------------------------------------------------------- */

static void beat(struct sim *s, struct donor *d)
{
	struct msg *m;
	struct lr_beat *b;

	d->tick++;
	if (!net_alive(&d->beat, 0))
		return;
	m = net_msg(s, MSG_BEAT);
	b = &m->beat;
	m->inc = d->inc;
	b->ticks[0] = d->tick;
	b->shards = 1;
	b->lent = d->pressure ? d->stays : d->lent;
	b->pressure = (enum lr_pressure)d->pressure;
	b->used = d->entries;
	b->max_prom = d->ag.rx.view.epoch;
	for (unsigned i = 0; i < s->p.nslots; i++) {
		const struct lr_slot *st = &d->slot[i].st;

		if (st->prom > b->max_prom)
			b->max_prom = st->prom;
		b->sealed += st->inst.ce && st->prom > st->inst.ce;
		b->syncing += st->status == LR_SLOT_SYNCING;
	}
	net_send(s, d->beat.c, 1, m);
}

static bool holds_alone(const struct sim *s, const struct donor *d,
			unsigned slot)
{
	const struct lr_cfg *cfg = &d->slot[slot].st.inst;
	const struct lr_cfg *viewed = &d->ag.rx.view.cfg[slot];

	(void)s;
	if (d->slot[slot].st.status != LR_SLOT_SYNCED)
		return false;
	if (viewed->ce == cfg->ce)
		cfg = viewed;
	for (unsigned i = 0; i < cfg->n; i++)
		if (cfg->mem[i] != d->inc && lr_cfg_synced(cfg, cfg->mem[i]))
			return false;
	return d->slot[slot].n > 0;
}

static void leave_tick(struct sim *s, struct donor *d)
{
	bool sole = false;

	if (net_alive(&d->control, 0) && s->now >= d->leave_ask_ms) {
		d->leave_ask_ms = s->now + LEAVE_ASK_MS;
		net_send(s, d->control.c, 1, net_msg(s, MSG_LEAVE));
	}
	if (s->now < d->leave_ms + LEAVE_WAIT_MS)
		return;
	for (unsigned i = 0; i < s->p.nslots; i++)
		sole |= holds_alone(s, d, i);
	if (!sole) {
		SAY(s, "dev %u leaves, nothing is there alone", d->dev);
		donor_kill(s, d, false);
	}
}

static void look_for_lateness(struct sim *s, struct donor *d)
{
	uint64_t late = s->now - d->last_tick_ms;

	d->last_tick_ms = s->now;
	if (late > LATE_MS + TICK_MS && net_alive(&d->control, 0)) {
		d->hold_ms = s->now + HOLD_MS;
		want_view(s, d);
	} else if (d->hold_ms && s->now >= d->hold_ms) {
		d->hold_ms = 0;
		net_poke(s, d->node);
	}
}

static void tick_cb(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;

	if (d->life != life || !s->node[d->node].up)
		return;
	if (s->node[d->node].paused_ms) {
		sim_at(s, s->node[d->node].paused_ms + sim_draw(s, 4), tick_cb,
		       d, life);
		return;
	}
	look_for_lateness(s, d);
	beat(s, d);
	pull_tick(s, d);
	donor_tell(s, d);
	sweep_tick(s, d);
	order_tick(s, d);
	forward_tick(s, d);
	via_tick(s, d);
	report_tick(s, d);
	if (d->leaving)
		leave_tick(s, d);
	if (d->life == life)
		sim_at(s, s->now + TICK_MS, tick_cb, d, life);
}

/* --- life ----------------------------------------------------------------------- */

bool donor_is_awake(struct sim *s, struct donor *d, uint64_t life, sim_fn fn)
{
	uint64_t asleep = s->node[d->node].paused_ms;

	if (d->life != life || !s->node[d->node].up)
		return false;
	if (asleep)
		sim_at(s, asleep + 1, fn, d, life);
	return !asleep;
}

void donor_start(struct sim *s, struct donor *d)
{
	if (s->node[d->node].up || d->gone_for_good)
		return;
	d->life++;
	d->inc = (++s->seq + 1) * 1000 + d->dev + 1;
	s->node[d->node].up = true;
	s->node[d->node].host_dead = false;
	s->node[d->node].paused_ms = 0;
	agent_init(s, &d->ag, d->node);
	d->control = d->beat = (struct link){ 0 };
	d->slots_told = d->leaving = false;
	d->hold_ms = 0;
	d->last_tick_ms = s->now;
	d->entries = d->n_repair = 0;
	d->sweeps_out = 0;
	d->dialling = true;
	d->slot = calloc(s->p.nslots, sizeof *d->slot);
	if (!d->slot)
		abort();
	SAY(s, "dev %u starts as %llu", d->dev, (unsigned long long)d->inc);
	sim_at(s, s->now + sim_draw(s, 50), donor_attach, d, d->life);
	sim_at(s, s->now + sim_draw(s, TICK_MS), tick_cb, d, d->life);
}

void donor_kill(struct sim *s, struct donor *d, bool silent)
{
	if (!s->node[d->node].up)
		return;
	SAY(s, "dev %u dies%s", d->dev, silent ? " without a word" : "");
	s->deaths++;
	d->life++;
	net_node_dies(s, d->node, silent);
	agent_stop(s, &d->ag);
	pull_stop(s, d);
	order_stop(d);
	forward_stop(d);
	via_stop(d);
	report_stop(d);
	while (d->slow) {
		struct slow_put *p = d->slow;

		d->slow = p->next;
		serve_drop_slow(p);
	}
	for (unsigned i = 0; i < s->p.nslots; i++) {
		free(d->slot[i].e);
		shelf_drop(&d->slot[i]);
		free(d->slot[i].listed);
	}
	free(d->slot);
	d->slot = NULL;
	oracle_deaths(s);
}
