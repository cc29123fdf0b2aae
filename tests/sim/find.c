/* SPDX-License-Identifier: Apache-2.0 */
/* FIND, as lib/client asks it without a coordinator: what one member of the slot
 * has counts, that there is nothing only when ALL said so under one ce, one of
 * them SYNCED. */
#include "tests/sim/sim.h"

#define DEADLINE_MS 6000
#define AGAIN_MS 100
#define SILENT_MS 1500

/* --- the donor ---------------------------------------------------------------- */

void find_serve(struct sim *s, struct donor *d, struct conn *c, struct msg *r)
{
	const struct entry *e = serve_find(d, r->slot, r->key);

	r->found = e && e->state == LR_FOUND_VALUE &&
				   e->tag.ts != LR_TS_OPEN ?
			   LR_FOUND_VALUE :
			   LR_FOUND_NONE;
	r->ce = d->slot[r->slot].st.inst.ce;
	net_send(s, c, 0, r);
}

/* --- the client ---------------------------------------------------------------- */

static void again_cb(struct sim *s, void *arg, uint64_t x);

static void again(struct sim *s, struct work *w, unsigned ms)
{
	w->find_tries++;
	sim_at(s, s->now + ms, again_cb, w,
	       (uint64_t)w->life << 16 | (w->find_tries & 0xffff));
}

/* The next member that was not asked, SYNCED ones first; -1: all were. */
static int next_member(const struct work *w, const struct lr_cfg *cfg)
{
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < cfg->n; i++)
			if (!(w->find_said >> i & 1) &&
			    (pass || lr_cfg_synced(cfg, cfg->mem[i])))
				return (int)i;
	return -1;
}

static bool all_said(const struct work *w, const struct lr_cfg *cfg)
{
	unsigned synced = 0;

	for (unsigned i = 0; i < cfg->n; i++)
		synced += lr_cfg_synced(cfg, cfg->mem[i]);
	return synced && (next_member(w, cfg) < 0 ||
			  (w->find_said && LR_MUTANT("find-from-one-copy")));
}

static void ask(struct sim *s, struct work *w)
{
	const struct lr_cfg *cfg =
		&w->c->ag.rx.view.cfg[s->key[w->key].slot];
	int i;
	struct conn *c;
	struct msg *m;

	if (s->now >= w->deadline_ms) {
		work_over(s, w);
		return;
	}
	if (cfg->ce != w->find_ce) {
		w->find_ce = cfg->ce;
		w->find_said = 0;
	}
	if (w->find_said && all_said(w, cfg)) {
		oracle_found(s, w, w->find_ce, false);
		work_over(s, w);
		return;
	}
	i = next_member(w, cfg);
	c = i < 0 ? NULL : agent_link(s, &w->c->ag, cfg->mem[i]);
	again(s, w, c ? SILENT_MS : AGAIN_MS);
	if (!c)
		return;
	m = net_msg(s, MSG_FIND);
	m->asker = ASKER_FIND;
	m->who = w;
	m->life = w->life;
	m->place = (uint32_t)i;
	m->slot = s->key[w->key].slot;
	m->ce = cfg->ce;
	m->inc = cfg->mem[i];
	m->key = w->key;
	net_send(s, c, 1, m);
}

static void again_cb(struct sim *s, void *arg, uint64_t x)
{
	struct work *w = arg;
	uint64_t asleep;

	if (w->life != x >> 16 || w->kind != WORK_FIND ||
	    (w->find_tries & 0xffff) != (x & 0xffff))
		return;
	asleep = s->node[w->c->node].paused_ms;
	if (asleep)
		sim_at(s, asleep + 1, again_cb, w, x);
	else
		ask(s, w);
}

void find_reply(struct sim *s, struct client *c, struct conn *conn,
		const struct msg *m)
{
	struct work *w = m->who;

	if (w->life != m->life || w->kind != WORK_FIND || w->c != c)
		return;
	if (m->err) {
		if (!net_alive(&c->ag.control, 0))
			net_send(s, conn, 1, net_msg(s, MSG_VIEW_GET));
		again(s, w, AGAIN_MS);
	} else if (m->found == LR_FOUND_VALUE) {
		oracle_found(s, w, m->ce, true);
		work_over(s, w);
	} else {
		if (m->ce == w->find_ce)
			w->find_said |= (uint8_t)(1u << m->place);
		ask(s, w);
	}
}

void find_begin(struct sim *s, struct work *w, uint32_t key)
{
	w->key = key;
	w->deadline_ms = s->now + DEADLINE_MS;
	w->find_ce = w->find_said = 0;
	ask(s, w);
}
