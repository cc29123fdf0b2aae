/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the members of a slot, as lib/client does them: the rules decide
 * (core/op.h), here their requests are sent and replies told. A member without a
 * link is unreached at once and dialled. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 1000u

void agent_init(struct sim *s, struct agent *a, unsigned node)
{
	uint32_t life = a->life + 1;

	if (a->rx.view.cfg)
		lr_view_rx_done(&a->rx);
	memset(a, 0, sizeof *a);
	a->node = node;
	a->life = life;
	a->writer = sim_random(s) | 1;
	if (!lr_view_rx_init(&a->rx, s->p.nslots))
		abort();
}

/* The process is gone: its operations end without a word. */
void agent_stop(struct sim *s, struct agent *a)
{
	for (unsigned i = 0; i < s->n_ops; i++)
		if (s->op[i].used && s->op[i].ag == a) {
			s->op[i].used = false;
			s->op[i].life++;
		}
	if (a->rx.view.cfg)
		lr_view_rx_done(&a->rx);
	a->life++;
}

/* --- links ----------------------------------------------------------------- */

static void dial_cb(struct sim *s, void *arg, uint64_t x);

static void dial_later(struct sim *s, struct agent *a, unsigned dev,
		       unsigned ms)
{
	a->dialling[dev] = true;
	sim_at(s, s->now + ms, dial_cb, a, (uint64_t)a->life << 16 | dev);
}

/* Who waits to try again need not wait longer. */
static void reached(struct sim *s, struct agent *a)
{
	for (unsigned i = 0; i < s->n_ops; i++) {
		struct cop *o = &s->op[i];

		if (!o->used || o->ag != a || !o->op.retry_ms)
			continue;
		o->op.retry_ms = s->now;
		agent_go(s, o);
	}
}

static unsigned backoff(struct agent *a, unsigned dev)
{
	unsigned ms = BACKOFF_MIN_MS << a->backoff[dev];

	if (ms >= BACKOFF_MAX_MS)
		return BACKOFF_MAX_MS;
	a->backoff[dev]++;
	return ms;
}

/* The incarnation that is there must be one that the view names. */
static void dial_cb(struct sim *s, void *arg, uint64_t x)
{
	struct agent *a = arg;
	unsigned dev = x & 0xffff;
	struct donor *d = &s->donor[dev];
	struct conn *c;

	if (a->life != x >> 16 || !s->node[a->node].up)
		return;
	if (s->node[a->node].paused_ms) {
		sim_at(s, s->node[a->node].paused_ms + 1, dial_cb, a, x);
		return;
	}
	a->dialling[dev] = false;
	if (net_alive(&a->data[dev], 0))
		return;
	c = lr_view_member(&a->rx.view, d->inc) ?
		    net_connect(s, a->node, d->node, CONN_DATA) :
		    NULL;
	if (!c) {
		dial_later(s, a, dev, backoff(a, dev));
		return;
	}
	c->inc = d->inc;
	a->data[dev] = (struct link){ c, c->gen };
	a->backoff[dev] = 0;
	reached(s, a);
}

struct conn *agent_link(struct sim *s, struct agent *a, uint64_t member)
{
	unsigned dev = donor_dev(member);
	struct link *l = &a->data[dev];

	if (net_alive(l, 0) && l->c->inc == member)
		return l->c;
	if (net_alive(l, 0))
		net_close(s, l->c, 0); /* of an earlier life of that device */
	if (!a->dialling[dev] && lr_view_member(&a->rx.view, member))
		dial_later(s, a, dev, 1 + 2 * s->p.delay_ms);
	return NULL;
}

/* --- sending ------------------------------------------------------------------ */

static struct ask *free_ask(struct cop *o)
{
	for (unsigned i = 0; i < LR_MEM_MAX; i++)
		if (!o->ask[i].out)
			return &o->ask[i];
	return NULL;
}

/* A READ puts back what it read. */
static void fill_put(const struct cop *o, struct msg *m)
{
	bool back = o->op.kind == LR_OP_READ;

	m->tag = o->op.tag;
	m->kind = o->kind;
	m->flags = (uint8_t)o->op.put_flags;
	m->val = o->val;
	m->expires = o->expires;
	m->born = o->op.start_ms;
	if (!back)
		return;
	m->val = o->got;
	m->flags = LR_PUT_REPAIR;
	if (o->op.found != LR_FOUND_VALUE)
		m->flags |= LR_PUT_TOMB;
}

/* To be passed on to these. */
static void fill_rest(const struct lr_op_act *act, struct msg *m)
{
	if (!act->n_rest)
		return;
	m->blob = blob_new(act->n_rest, sizeof(struct passed));
	for (unsigned i = 0; i < act->n_rest; i++)
		m->blob->passed[i].inc = act->rest[i];
}

static void fill_update(const struct sim *s, const struct cop *o,
			struct msg *m)
{
	m->q = o->q;
	if (o->op.doubt)
		m->q.flags |= LR_UPDATE_AGAIN;
	m->val = o->val;
	m->ms = (unsigned)(o->op.deadline_ms - s->now);
}

/* In lives that do so, a client sends much through another member, and not
 * only what has no other way. */
static struct conn *find_via(struct sim *s, const struct cop *o,
			     const struct lr_op_act *act, const struct conn *c)
{
	const struct lr_cfg *cfg = &o->op.cfg;
	unsigned at = sim_draw(s, cfg->n);

	if (act->n_rest || o->ag->node < SIM_CLIENT0 ||
	    s->now >= lr_op_half_ms(&o->op) || (c && sim_chance(s, 700)) ||
	    cfg->mem[at] == act->member)
		return NULL;
	return agent_link(s, o->ag, cfg->mem[at]);
}

static bool send_to(struct sim *s, struct cop *o, const struct lr_op_act *act)
{
	struct conn *c = agent_link(s, o->ag, act->member);
	struct conn *via = s->p.via ? find_via(s, o, act, c) : NULL;
	struct ask *a = c || via ? free_ask(o) : NULL;
	struct msg *m;

	if (!a)
		return false;
	if (via)
		c = via;
	*a = (struct ask){ true, { c, c->gen }, act->member, act->ce,
			   act->ask, ++o->n_asks };
	m = net_msg(s, act->ask == LR_ASK_PUT	 ? MSG_PUT :
		       act->ask == LR_ASK_UPDATE ? MSG_UPDATE :
						   MSG_GET);
	m->who = o;
	m->life = o->life;
	m->place = (uint32_t)(a - o->ask);
	m->no = a->no;
	m->slot = o->op.slot;
	m->ce = act->ce;
	m->inc = act->member;
	m->key = o->key;
	m->via = via != NULL;
	fill_rest(act, m);
	if (act->ask == LR_ASK_PUT)
		fill_put(o, m);
	else if (act->ask == LR_ASK_UPDATE)
		fill_update(s, o, m);
	else
		m->flags = act->ask == LR_ASK_TAG ? LR_GET_TAG_ONLY : 0;
	net_send(s, c, 1, m);
	return true;
}

static void forget_asks(struct cop *o, uint64_t but_ce)
{
	for (unsigned i = 0; i < LR_MEM_MAX; i++)
		if (o->ask[i].ce != but_ce)
			o->ask[i].out = false;
}

static void wake_cb(struct sim *s, void *arg, uint64_t x)
{
	struct cop *o = arg;
	uint64_t asleep;

	if (!o->used || o->life != x)
		return;
	o->armed = 0;
	asleep = s->node[o->ag->node].paused_ms;
	if (asleep) {
		o->armed = asleep + 1;
		sim_at(s, o->armed, wake_cb, o, x);
		return;
	}
	agent_go(s, o);
}

static void finish(struct sim *s, struct cop *o)
{
	s->steps++;
	o->used = false;
	o->life++;
	o->done(s, o);
}

void agent_go(struct sim *s, struct cop *o)
{
	struct lr_op_act act;

	if (!o->used)
		return;
	for (;;) {
		act = lr_op_next(&o->op, s->now, NULL, NULL);
		if (act.what != LR_OP_SEND)
			break;
		forget_asks(o, act.ce);
		if (!send_to(s, o, &act))
			lr_op_unsent(&o->op, act.member, act.ce, s->now);
	}
	if (act.what == LR_OP_DONE) {
		finish(s, o);
		return;
	}
	if (o->armed && o->armed <= o->op.wake_ms)
		return;
	o->armed = o->op.wake_ms > s->now ? o->op.wake_ms : s->now + 1;
	sim_at(s, o->armed, wake_cb, o, o->life);
}

/* --- replies -------------------------------------------------------------------- */

static void lagging(struct sim *s, struct agent *a, struct conn *c)
{
	struct msg *m;

	if (net_alive(&a->control, 0) || a->node < SIM_CLIENT0)
		return;
	m = net_msg(s, MSG_VIEW_GET);
	net_send(s, c, 1, m);
}

/* What a reader holds in hand. */
static void keep(struct cop *o, const struct msg *m)
{
	if (o->op.kind == LR_OP_READ &&
	    (!o->op.has || lr_tag_cmp(&o->op.have, &m->tag) != 0))
		return;
	o->seen = m->tag;
	o->got = m->val;
	o->got_expires = m->expires;
}

/* Of the others, before what the one that passed it on says for itself. */
static void tell_passed(struct sim *s, struct cop *o, const struct ask *q,
			const struct msg *m)
{
	for (size_t i = 0; m->blob && i < m->blob->n; i++) {
		const struct passed *p = &m->blob->passed[i];
		struct lr_op_reply r = { .err = p->err, .tag = p->tag };

		lr_op_passed(&o->op, p->inc, q->ce, &r, s->now);
	}
}

void agent_reply(struct sim *s, struct agent *a, struct msg *m)
{
	struct cop *o = m->who;
	struct ask *q = &o->ask[m->place];
	struct lr_op_reply r = { .err = m->err,
				 .found = m->found,
				 .synced = m->synced,
				 .tag = m->tag };
	bool value = q->ask == LR_ASK_GET && m->err == LR_E_OK &&
		     m->found == LR_FOUND_VALUE && !o->op.done;

	if (!o->used || o->life != m->life || !q->out || q->no != m->no ||
	    o->ag != a)
		return;
	q->out = false;
	r.ask = (uint8_t)q->ask;
	if (m->err == LR_E_STALE && m->cfg.ce) {
		r.cfg = &m->cfg;
		oracle_cfg(s, m->slot, &m->cfg);
		if (m->cfg.ce > a->rx.view.cfg[m->slot].ce &&
		    net_alive(&q->link, 0))
			lagging(s, a, q->link.c);
	}
	tell_passed(s, o, q, m);
	lr_op_reply(&o->op, q->member, q->ce, &r, s->now);
	if (value)
		keep(o, m);
	agent_go(s, o);
}

void agent_lost(struct sim *s, struct agent *a, struct conn *c)
{
	for (unsigned i = 0; i < s->n_ops; i++) {
		struct cop *o = &s->op[i];
		bool any = false;

		if (!o->used || o->ag != a)
			continue;
		for (unsigned k = 0; k < LR_MEM_MAX; k++) {
			struct ask *q = &o->ask[k];

			if (!q->out || q->link.c != c || q->link.gen != c->gen)
				continue;
			q->out = false;
			any = true;
			lr_op_unreached(&o->op, q->member, q->ce, s->now);
		}
		if (any)
			agent_go(s, o);
	}
	for (unsigned dev = 0; dev < s->n_devs; dev++)
		if (a->data[dev].c == c && a->data[dev].gen == c->gen)
			a->data[dev].c = NULL;
}

/* --- the view ----------------------------------------------------------------------- */

void agent_view(struct sim *s, struct agent *a)
{
	for (unsigned i = 0; i < s->n_ops; i++) {
		struct cop *o = &s->op[i];

		if (!o->used || o->ag != a)
			continue;
		lr_op_view(&o->op, &a->rx.view.cfg[o->op.slot], s->now);
		agent_go(s, o);
	}
}

bool agent_take_view(struct sim *s, struct agent *a, struct msg *m,
		     bool *ret_need_whole)
{
	struct lr_msg_view whole = { m->run, m->to, m->epoch, 0, 1 };
	struct lr_msg_view_delta delta = { .run = m->run,
					   .from = m->from,
					   .to = m->to,
					   .epoch = m->epoch,
					   .part = 0,
					   .parts = 1 };
	enum lr_view_took took;

	took = m->type == MSG_VIEW ?
		       lr_view_rx_whole(&a->rx, &whole, m->blob->bytes,
					m->blob->n) :
		       lr_view_rx_delta(&a->rx, &delta, m->blob->bytes,
					m->blob->n);
	*ret_need_whole = took == LR_VIEW_NEED_WHOLE;
	if (took == LR_VIEW_BAD)
		sim_wrong(s, "node %u was sent a view that cannot be", a->node);
	return took == LR_VIEW_APPLIED || took == LR_VIEW_OLD;
}

/* --- beginning --------------------------------------------------------------------- */

struct cop *agent_op(struct sim *s, struct agent *a, enum lr_op_kind kind,
		     uint32_t key, const struct lr_tag *tag, unsigned flags,
		     unsigned deadline_ms, cop_cb done, void *arg,
		     uint32_t arg_life)
{
	struct key *k = &s->key[key];
	struct cop *o = NULL;
	uint32_t life;

	for (unsigned i = 0; i < s->n_ops && !o; i++)
		if (!s->op[i].used)
			o = &s->op[i];
	if (!o && s->n_ops < SIM_OPS)
		o = &s->op[s->n_ops++];
	if (!o)
		abort();
	life = o->life + 1;
	memset(o, 0, sizeof *o);
	o->used = true;
	o->life = life;
	o->ag = a;
	o->key = key;
	o->done = done;
	o->arg = arg;
	o->arg_life = arg_life;
	lr_op_init(&o->op, kind, &k->id, tag, flags, s->now, deadline_ms,
		   (uint32_t)sim_random(s));
	o->op.certain = kind == LR_OP_PUT && k->kind == KEY_REGISTER;
	o->op.slot = k->slot;
	lr_op_view(&o->op, &a->rx.view.cfg[k->slot], s->now);
	return o;
}
