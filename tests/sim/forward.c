/* SPDX-License-Identifier: Apache-2.0 */
/* PUTs that a donor passes on to other copies, as daemon/donor/forward.c does
 * it. Some wait for long before they leave: too old ones must not. */
#include "tests/sim/sim.h"

#include <stdlib.h>

#define HOP_MS 5000

static struct forward *find(struct donor *d, const void *who, uint32_t life)
{
	for (struct forward *f = d->forwards; f; f = f->next)
		if (f == who && f->life == life)
			return f;
	return NULL;
}

static void drop(struct donor *d, struct forward *f)
{
	struct forward **at = &d->forwards;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	blob_drop(f->said);
	free(f);
}

static void answer(struct sim *s, struct donor *d, struct forward *f)
{
	struct msg *r;

	if (net_alive(&f->link, 1)) {
		r = net_reply(s, MSG_PUT_R, &f->m);
		r->err = f->err;
		r->tag = f->tag;
		r->blob = f->said;
		r->blob->refs++;
		net_send(s, f->link.c, 0, r);
	}
	drop(d, f);
}

static bool is_complete(const struct forward *f)
{
	for (unsigned i = 0; i < f->said->n; i++)
		if (f->hop[i].state != HOP_SAID)
			return false;
	return true;
}

static void said(struct forward *f, unsigned i, enum lr_err err,
		 const struct lr_tag *tag)
{
	f->hop[i].state = HOP_SAID;
	f->said->passed[i].err = err;
	f->said->passed[i].tag = *tag;
}

/* --- what leaves ------------------------------------------------------------ */

static void send_hop(struct sim *s, struct donor *d, struct forward *f,
		     unsigned i)
{
	static const struct lr_tag none;
	uint64_t inc = f->said->passed[i].inc;
	struct conn *c = agent_link(s, &d->ag, inc);
	struct msg *m;

	if (!c || (s->now > f->begun_ms + HOP_MS &&
		   !LR_MUTANT("passed-on-late"))) {
		said(f, i, LR_E_UNREACHABLE, &none);
		return;
	}
	s->passed++;
	f->hop[i].state = HOP_SENT;
	f->hop[i].link = (struct link){ c, c->gen };
	m = net_msg(s, MSG_PUT);
	*m = f->m;
	m->next = NULL;
	m->blob = NULL;
	m->due = m->arrived = 0;
	m->asker = ASKER_FORWARD;
	m->who = f;
	m->life = f->life;
	m->place = i;
	m->inc = inc;
	net_send(s, c, 1, m);
	if (LR_MUTANT("answered-for-others"))
		said(f, i, LR_E_OK, &f->m.tag);
}

static void leave_cb(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;

	if (donor_is_awake(s, d, life, leave_cb))
		forward_tick(s, d);
}

/* Queues of seconds are rare. */
static uint64_t draw_wait(struct sim *s)
{
	if (sim_chance(s, 900) || s->healing)
		return 0;
	return sim_draw(s, sim_chance(s, 500) ? 500 : 90000);
}

void forward_begin(struct sim *s, struct donor *d, struct conn *c,
		   const struct msg *m, enum lr_err err,
		   const struct lr_tag *tag)
{
	struct forward *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->life = ++s->n_orders;
	f->m = *m;
	f->m.blob = NULL;
	f->link = (struct link){ c, c->gen };
	f->err = err;
	f->tag = *tag;
	f->begun_ms = s->now;
	f->said = m->blob;
	f->said->refs++;
	f->next = d->forwards;
	d->forwards = f;
	if (err || lr_tag_cmp(tag, &m->tag) != 0)
		f->said->n = 0; /* what is here is something else */
	for (unsigned i = 0; i < f->said->n; i++) {
		f->hop[i].at = s->now + draw_wait(s);
		sim_at(s, f->hop[i].at, leave_cb, d, d->life);
	}
	if (!f->said->n)
		answer(s, d, f);
	else
		forward_tick(s, d);
}

/* --- what comes back -------------------------------------------------------- */

void forward_reply(struct sim *s, struct donor *d, struct msg *m)
{
	struct forward *f = find(d, m->who, m->life);

	if (!f || f->hop[m->place].state != HOP_SENT)
		return;
	said(f, m->place, m->err, &m->tag);
	if (is_complete(f))
		answer(s, d, f);
}

void forward_lost(struct sim *s, struct donor *d, struct conn *c)
{
	static const struct lr_tag none;
	struct forward *f, *next;

	for (f = d->forwards; f; f = next) {
		next = f->next;
		for (unsigned i = 0; i < f->said->n; i++)
			if (f->hop[i].state == HOP_SENT &&
			    f->hop[i].link.c == c &&
			    f->hop[i].link.gen == c->gen)
				said(f, i, LR_E_CLOSED, &none);
		if (is_complete(f))
			answer(s, d, f);
	}
}

/* A slot that was sealed ends what waits here, unsent or unanswered. */
static void give_up(const struct sim *s, struct donor *d, struct forward *f)
{
	static const struct lr_tag none;
	bool sealed = lr_slot_admit(&d->slot[f->m.slot].st, f->m.ce) != LR_E_OK;

	for (unsigned i = 0; i < f->said->n; i++)
		if ((sealed && f->hop[i].state != HOP_SAID) ||
		    (f->hop[i].state == HOP_SENT &&
		     s->now > f->begun_ms + HOP_MS))
			said(f, i, LR_E_TIMEOUT, &none);
}

void forward_tick(struct sim *s, struct donor *d)
{
	struct forward *f, *next;

	for (f = d->forwards; f; f = next) {
		next = f->next;
		if (!LR_MUTANT("passed-on-late"))
			give_up(s, d, f);
		for (unsigned i = 0; i < f->said->n; i++)
			if (f->hop[i].state == HOP_WAITS &&
			    f->hop[i].at <= s->now)
				send_hop(s, d, f, i);
		if (is_complete(f))
			answer(s, d, f);
	}
}

void forward_stop(struct donor *d)
{
	while (d->forwards)
		drop(d, d->forwards);
}
