/* SPDX-License-Identifier: Apache-2.0 */
/* Compare-and-set at the donor that orders it, as daemon/donor/update.c does it:
 * core/update.h says what to ask of whom; of one name, one at a time. */
#include "tests/sim/sim.h"

#include <stdlib.h>

static struct order *find(struct donor *d, const void *who, uint32_t life)
{
	for (struct order *o = d->orders; o; o = o->next)
		if (o == who && o->life == life)
			return o;
	return NULL;
}

static struct order *first_of(struct donor *d, uint32_t key)
{
	struct order *o = d->orders;

	while (o && o->m.key != key)
		o = o->next;
	return o;
}

/* --- the end of one --------------------------------------------------------- */

static void reply(struct sim *s, const struct order *o, enum lr_err err)
{
	struct msg *r;

	if (!net_alive(&o->link, 1))
		return;
	r = net_reply(s, MSG_UPDATE_R, &o->m);
	r->err = err;
	r->found = o->u.found;
	r->tag = o->u.tag;
	net_send(s, o->link.c, 0, r);
}

static void drop(struct donor *d, struct order *o)
{
	struct order **at = &d->orders;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o);
}

static void run_next(struct sim *s, struct donor *d, uint32_t key);

static void ended(struct sim *s, struct donor *d, struct order *o)
{
	uint32_t key = o->m.key;

	SAY(s, "dev %u ordered key %u for %llx.%u: %s", d->dev, key,
	    (unsigned long long)o->m.q.writer, o->m.q.seq,
	    lr_err_name(o->u.result));
	reply(s, o, o->u.result);
	drop(d, o);
	run_next(s, d, key);
}

/* --- what it asks ------------------------------------------------------------ */

static struct order_ask *free_ask(struct order *o)
{
	for (unsigned i = 0; i < 2 * LR_MEM_MAX; i++)
		if (!o->ask[i].out)
			return &o->ask[i];
	return NULL;
}

/* The update itself, or the write-back of what was read. */
static void fill_put(struct sim *s, const struct order *o, struct msg *m)
{
	bool tomb = o->u.putting ? o->m.q.flags & LR_UPDATE_REMOVE :
				   o->u.op.found != LR_FOUND_VALUE;

	m->type = MSG_PUT;
	m->tag = o->u.op.tag;
	m->kind = LR_KIND_NAME;
	m->flags = (uint8_t)((o->u.putting ? 0 : LR_PUT_REPAIR) |
			     (tomb ? LR_PUT_TOMB : 0));
	m->val = o->u.putting ? o->m.val : o->has;
	if (o->u.putting)
		oracle_ordered(s, m->key, &m->tag, m->val);
}

static bool send_to(struct sim *s, struct donor *d, struct order *o,
		    const struct lr_op_act *act)
{
	struct conn *c = agent_link(s, &d->ag, act->member);
	struct order_ask *q = c ? free_ask(o) : NULL;
	struct msg *m;

	if (!q)
		return false;
	*q = (struct order_ask){ true, o->u.putting, act->ask, ++o->n_asks,
				 act->member, { c, c->gen } };
	m = net_msg(s, MSG_GET);
	m->asker = ASKER_ORDER;
	m->who = o;
	m->life = o->life;
	m->place = (uint32_t)(q - o->ask);
	m->no = q->no;
	m->slot = o->m.slot;
	m->ce = act->ce;
	m->inc = act->member;
	m->key = o->m.key;
	m->flags = act->ask == LR_ASK_TAG ? LR_GET_TAG_ONLY : 0;
	if (act->ask == LR_ASK_PUT)
		fill_put(s, o, m);
	else /* as a frame of its own, on the same link */
		m->bar = lr_update_bar(&d->slot[o->m.slot].st);
	net_send(s, c, 1, m);
	return true;
}

static void wake_cb(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;

	if (donor_is_awake(s, d, life, wake_cb))
		order_tick(s, d);
}

static void pump(struct sim *s, struct donor *d, struct order *o)
{
	struct lr_slot *st = &d->slot[o->m.slot].st;
	struct lr_op_act act;

	for (;;) {
		act = lr_update_next(&o->u, st, s->now);
		if (act.what != LR_OP_SEND)
			break;
		if (!send_to(s, d, o, &act))
			lr_update_unreached(&o->u, act.member, o->u.putting,
					    false, s->now);
	}
	if (act.what == LR_OP_DONE) {
		ended(s, d, o);
	} else if (!o->armed || o->armed > o->u.op.wake_ms) {
		o->armed = o->u.op.wake_ms > s->now ? o->u.op.wake_ms :
						      s->now + 1;
		sim_at(s, o->armed, wake_cb, d, d->life);
	}
}

/* The first of that name begins. It may have stood in line for long: it is
 * admitted once more. */
static void run_next(struct sim *s, struct donor *d, uint32_t key)
{
	struct order *o;

	while ((o = first_of(d, key)) && !o->running) {
		struct lr_slot *st = &d->slot[o->m.slot].st;

		if (s->now >= o->until_ms ||
		    lr_update_admit(st, o->m.ce, d->inc) != LR_E_OK) {
			reply(s, o, LR_E_BUSY);
			drop(d, o);
			continue;
		}
		lr_update_init(&o->u, &o->m.q, st, d->inc, s->now,
			       (unsigned)(o->until_ms - s->now),
			       (uint32_t)sim_random(s));
		o->u.op.slot = o->m.slot;
		o->running = true;
		pump(s, d, o);
		return;
	}
}

/* --- from outside ------------------------------------------------------------- */

void order_serve(struct sim *s, struct donor *d, struct conn *c, struct msg *m)
{
	struct order *o = calloc(1, sizeof *o), **at = &d->orders;

	if (!o)
		abort();
	o->life = ++s->n_orders;
	o->m = *m;
	o->link = (struct link){ c, c->gen };
	o->until_ms = s->now + m->ms;
	while (*at)
		at = &(*at)->next;
	*at = o;
	run_next(s, d, m->key);
}

void order_reply(struct sim *s, struct donor *d, struct msg *m)
{
	struct order *o = find(d, m->who, m->life);
	struct order_ask *q = o ? &o->ask[m->place] : NULL;
	struct lr_op_reply r = { .err = m->err,
				 .found = m->found,
				 .synced = m->synced,
				 .tag = m->tag };
	struct lr_tag had;
	bool has;

	if (!q || !q->out || q->no != m->no)
		return;
	q->out = false;
	r.ask = (uint8_t)q->ask;
	had = o->u.op.have;
	has = o->u.op.has;
	lr_update_reply(&o->u, q->member, q->putting, &r, s->now);
	if (!q->putting && o->u.op.has &&
	    (!has || lr_tag_cmp(&had, &o->u.op.have) != 0))
		o->has = m->val;
	pump(s, d, o);
}

static bool fail_asks(struct sim *s, struct order *o, const struct conn *c)
{
	bool any = false;

	for (unsigned i = 0; i < 2 * LR_MEM_MAX; i++) {
		struct order_ask *q = &o->ask[i];

		if (!q->out || q->link.c != c || q->link.gen != c->gen)
			continue;
		q->out = false;
		any = true;
		lr_update_unreached(&o->u, q->member, q->putting, true,
				    s->now);
	}
	return any;
}

/* One that ends takes others of its name with it: look anew each time. */
void order_lost(struct sim *s, struct donor *d, struct conn *c)
{
	struct order *o = d->orders;

	while (o) {
		bool any = o->running && fail_asks(s, o, c);

		if (any)
			pump(s, d, o);
		o = any ? d->orders : o->next;
	}
}

static bool is_due(const struct sim *s, const struct donor *d,
		   const struct order *o)
{
	return o->running &&
	       ((o->armed && o->armed <= s->now) ||
		lr_slot_admit(&d->slot[o->m.slot].st, o->m.ce) != LR_E_OK);
}

void order_tick(struct sim *s, struct donor *d)
{
	struct order *o = d->orders;

	while (o) {
		bool due = is_due(s, d, o);

		if (due) {
			o->armed = 0;
			pump(s, d, o);
		}
		o = due ? d->orders : o->next;
	}
}

void order_stop(struct donor *d)
{
	while (d->orders)
		drop(d, d->orders);
}
