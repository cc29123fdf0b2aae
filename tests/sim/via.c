/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that a donor passes on to another member for a client that does not
 * reach it, as daemon/donor/via.c does it. Some wait for long before they leave:
 * too old ones must not. */
#include "tests/sim/sim.h"

#include <stdlib.h>

#define HOP_MS 5000

static void drop(struct donor *d, struct via *v)
{
	struct via **at = &d->vias;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	free(v);
}

/* To the client, as an answer to what it asked. */
static void give(struct sim *s, struct donor *d, struct via *v, struct msg *r)
{
	r->asker = v->m.asker;
	r->who = v->m.who;
	r->life = v->m.life;
	r->place = v->m.place;
	r->no = v->m.no;
	net_send(s, v->link.c, 0, r);
	drop(d, v);
}

static void fail(struct sim *s, struct donor *d, struct via *v, enum lr_err err)
{
	enum msg_type type = v->m.type == MSG_PUT    ? MSG_PUT_R :
			     v->m.type == MSG_UPDATE ? MSG_UPDATE_R :
						       MSG_GET_R;
	struct msg *r;

	if (!net_alive(&v->link, 1)) {
		drop(d, v);
		return;
	}
	r = net_reply(s, type, &v->m);
	r->err = err;
	give(s, d, v, r);
}

static void send_on(struct sim *s, struct donor *d, struct via *v)
{
	struct conn *c = agent_link(s, &d->ag, v->m.inc);
	struct msg *m;

	if (!c || (s->now > v->begun_ms + HOP_MS &&
		   !LR_MUTANT("passed-on-late"))) {
		fail(s, d, v, LR_E_BUSY);
		return;
	}
	s->vias++;
	v->hop = (struct link){ c, c->gen };
	m = net_msg(s, v->m.type);
	*m = v->m;
	m->next = NULL;
	m->due = m->arrived = 0;
	m->asker = ASKER_VIA;
	m->who = v;
	m->life = v->life;
	m->via = false;
	net_send(s, c, 1, m);
}

static void leave_cb(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;

	if (donor_is_awake(s, d, life, leave_cb))
		via_tick(s, d);
}

void via_begin(struct sim *s, struct donor *d, struct conn *c,
	       const struct msg *m)
{
	struct via *v = calloc(1, sizeof *v);

	if (!v)
		abort();
	v->life = ++s->n_orders;
	v->m = *m;
	v->link = (struct link){ c, c->gen };
	v->begun_ms = v->at = s->now;
	v->next = d->vias;
	d->vias = v;
	/* Queues of seconds are rare. */
	if (!s->healing && sim_chance(s, 100))
		v->at += sim_draw(s, sim_chance(s, 500) ? 500 : 90000);
	if (v->at > s->now)
		sim_at(s, v->at, leave_cb, d, d->life);
	else
		send_on(s, d, v);
}

void via_reply(struct sim *s, struct donor *d, struct msg *m)
{
	struct via *v = d->vias;
	struct msg *r;

	while (v && (v != m->who || v->life != m->life))
		v = v->next;
	if (!v)
		return;
	if (!net_alive(&v->link, 1)) {
		drop(d, v);
		return;
	}
	r = net_msg(s, m->type);
	*r = *m;
	r->next = NULL;
	r->due = r->arrived = 0;
	r->blob = NULL;
	give(s, d, v, r);
}

void via_lost(struct sim *s, struct donor *d, struct conn *c)
{
	struct via *v, *next;

	for (v = d->vias; v; v = next) {
		next = v->next;
		if (v->hop.c == c && v->hop.gen == c->gen)
			fail(s, d, v, LR_E_UNKNOWN);
	}
}

void via_tick(struct sim *s, struct donor *d)
{
	struct via *v, *next;

	for (v = d->vias; v; v = next) {
		next = v->next;
		if (!v->hop.c && v->at <= s->now)
			send_on(s, d, v);
		else if (v->hop.c && s->now > v->begun_ms + HOP_MS)
			fail(s, d, v, LR_E_UNKNOWN);
	}
}

void via_stop(struct donor *d)
{
	while (d->vias)
		drop(d, d->vias);
}
