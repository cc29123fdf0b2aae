/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling, as daemon/donor/pull.c does it: core/sync.h says what to ask of whom.
 * One struct preq a request that is out. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_MS 3000
#define FETCH_MS 5000
#define PREQS 16384
#define REPAIR_EVERY 10
#define FULL_AGAIN_MS 10000

struct preq {
	bool used;
	uint32_t life, d_life, sync_life;
	struct donor *d;
	unsigned slot;
	uint32_t key;
	uint64_t member;
	bool repair;
};

static struct preq preqs[PREQS];
static unsigned hint;

static struct preq *take_preq(void)
{
	for (unsigned i = 0; i < PREQS; i++) {
		struct preq *q = &preqs[(hint + i) % PREQS];
		uint32_t life = q->life + 1;

		if (q->used)
			continue;
		hint = (unsigned)(q - preqs) + 1;
		*q = (struct preq){ .used = true, .life = life };
		return q;
	}
	abort();
}

static void stop_sync(struct dslot *ds)
{
	lr_sync_free(ds->sync);
	ds->sync = NULL;
	ds->sync_life++;
	free(ds->listed);
	ds->listed = NULL;
}

void pull_stop(struct sim *s, struct donor *d)
{
	for (unsigned i = 0; i < PREQS; i++)
		if (preqs[i].used && preqs[i].d == d)
			preqs[i].used = false;
	for (unsigned i = 0; d->slot && i < s->p.nslots; i++)
		stop_sync(&d->slot[i]);
}

static struct entry *by_id(struct donor *d, unsigned slot,
			   const struct lr_id *id, uint32_t *ret_key)
{
	uint32_t key = (uint32_t)id->b[12] << 24 | (uint32_t)id->b[13] << 16 |
		       (uint32_t)id->b[14] << 8 | id->b[15];

	*ret_key = key;
	return serve_find(d, slot, key);
}

struct have_arg {
	struct donor *d;
	unsigned slot;
};

static void have_cb(void *arg, const struct lr_id *id, struct lr_stored *ret)
{
	struct have_arg *h = arg;
	uint32_t key;

	serve_stored(by_id(h->d, h->slot, id, &key), ret);
}

/* --- asking ---------------------------------------------------------------------- */

static void timeout_cb(struct sim *s, void *arg, uint64_t life)
{
	struct preq *q = arg;
	struct donor *d = q->d;
	struct dslot *ds;

	if (!q->used || q->life != life)
		return;
	if (s->node[d->node].paused_ms) {
		sim_at(s, s->node[d->node].paused_ms + 2, timeout_cb, q, life);
		return;
	}
	q->used = false;
	if (d->life != q->d_life || q->repair || !d->slot)
		return;
	ds = &d->slot[q->slot];
	if (!ds->sync || ds->sync_life != q->sync_life)
		return;
	lr_sync_failed(ds->sync, q->member, s->now);
	pull_pump(s, d, q->slot);
}

static void ask(struct sim *s, struct donor *d, struct conn *c, unsigned slot,
		const struct lr_sync_act *a, uint64_t ce)
{
	bool scan = a->what == LR_SYNC_SCAN;
	struct msg *m = net_msg(s, scan ? MSG_SCAN : MSG_GET);
	struct preq *q = take_preq();

	q->d = d;
	q->d_life = d->life;
	q->slot = slot;
	q->sync_life = d->slot[slot].sync_life;
	q->member = c->inc;
	(void)by_id(d, slot, &a->entry.id, &q->key);
	m->who = q;
	m->life = q->life;
	m->slot = slot;
	m->ce = ce;
	m->inc = c->inc;
	m->key = q->key;
	m->first = a->first;
	m->asker = ASKER_PULL;
	m->flags = LR_GET_SYNC;
	net_send(s, c, 1, m);
	sim_at(s, s->now + (scan ? SCAN_MS : FETCH_MS), timeout_cb, q,
	       q->life);
}

static bool take_shelved(struct sim *s, struct donor *d, unsigned slot,
			 const struct lr_sync_act *a)
{
	uint32_t key;

	(void)by_id(d, slot, &a->entry.id, &key);
	if (!shelf_give(s, d, slot, &a->entry, key))
		return false;
	lr_sync_fetched(d->slot[slot].sync, &a->entry.id);
	return true;
}

static void mark(struct sim *s, struct donor *d, unsigned slot,
		 const struct lr_sync_act *a)
{
	struct entry e = { .tag = a->entry.tag,
			   .kind = a->entry.kind,
			   .state = a->what == LR_SYNC_TOMB ? LR_FOUND_TOMB :
							      LR_FOUND_BAD };

	(void)by_id(d, slot, &a->entry.id, &e.key);
	if (serve_store(s, d, slot, &e, true))
		lr_sync_full(d->slot[slot].sync);
}

/* By a mutation: what the source did not list goes. */
static void drop_unlisted(struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];

	if (!ds->listed)
		return;
	for (unsigned i = ds->n; i-- > 0;)
		if (!ds->listed[ds->e[i].key])
			serve_drop(d, slot, ds->e[i].key);
}

static void ended(struct sim *s, struct donor *d, unsigned slot, bool synced)
{
	struct dslot *ds = &d->slot[slot];
	uint64_t ce = lr_sync_ce(ds->sync);

	if (synced && LR_MUTANT("dropped-not-listed"))
		drop_unlisted(d, slot);
	ds->tell_ce = ce;
	if (synced && lr_slot_synced(&ds->st, ce)) {
		shelf_drop(ds);
		ds->tell_synced = true;
		s->syncs++;
		SAY(s, "dev %u is synced in slot %u ce %llu, %u entries",
		    d->dev, slot, (unsigned long long)ce, ds->n);
		oracle_donor_slot(s, d, slot);
		report_slot(d, slot);
	} else if (!synced) {
		SAY(s, "dev %u has no room for slot %u", d->dev, slot);
		ds->tell_full = true;
	}
	stop_sync(ds);
}

static void wake_cb(struct sim *s, void *arg, uint64_t x)
{
	struct donor *d = arg;
	unsigned slot = x & 0xff;
	struct dslot *ds;

	if (d->life != x >> 8 || !d->slot)
		return;
	ds = &d->slot[slot];
	if (!ds->sync_armed || ds->sync_armed > s->now)
		return;
	ds->sync_armed = 0;
	if (s->node[d->node].paused_ms) {
		ds->sync_armed = s->node[d->node].paused_ms + 1;
		sim_at(s, ds->sync_armed, wake_cb, d, x);
		return;
	}
	if (ds->sync)
		pull_pump(s, d, slot);
}

static void wait_until(struct sim *s, struct donor *d, unsigned slot,
		       uint64_t at)
{
	struct dslot *ds = &d->slot[slot];

	if (!at || (ds->sync_armed && ds->sync_armed <= at))
		return;
	ds->sync_armed = at > s->now ? at : s->now + 1;
	sim_at(s, ds->sync_armed, wake_cb, d,
	       (uint64_t)d->life << 8 | slot);
}

void pull_pump(struct sim *s, struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];
	struct have_arg h = { d, slot };

	while (ds->sync) {
		struct lr_sync_act a = lr_sync_next(ds->sync, s->now, have_cb,
						    &h);
		struct conn *c;

		switch (a.what) {
		case LR_SYNC_WAIT:
			wait_until(s, d, slot, a.at_ms);
			return;
		case LR_SYNC_FETCH:
			if (take_shelved(s, d, slot, &a))
				break;
			/* fall through */
		case LR_SYNC_SCAN:
			c = agent_link(s, &d->ag, a.member);
			if (c)
				ask(s, d, c, slot, &a, lr_sync_ce(ds->sync));
			else
				lr_sync_failed(ds->sync, a.member, s->now);
			break;
		case LR_SYNC_TOMB:
		case LR_SYNC_BAD:
			mark(s, d, slot, &a);
			break;
		case LR_SYNC_DONE:
		case LR_SYNC_FULL:
			ended(s, d, slot, a.what == LR_SYNC_DONE);
			return;
		}
	}
}

void pull_slot(struct sim *s, struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];

	stop_sync(ds);
	ds->tell_synced = ds->tell_full = false;
	if (ds->st.status != LR_SLOT_SYNCING)
		return;
	ds->sync = lr_sync_new(slot, &ds->st.inst, d->inc, s->now);
	if (!ds->sync)
		abort();
	if (LR_MUTANT("dropped-not-listed"))
		ds->listed = calloc(SIM_KEYS, 1);
	pull_pump(s, d, slot);
}

/* --- answers --------------------------------------------------------------------- */

/* OK: stored, or no longer needed. */
static enum lr_err store_fetched(struct sim *s, struct donor *d, unsigned slot,
				 const struct msg *m)
{
	struct entry e = { .key = m->key,
			   .tag = m->tag,
			   .kind = m->kind,
			   .state = m->found,
			   .val = m->val,
			   .expires = m->expires };
	struct lr_stored there;

	serve_stored(serve_find(d, slot, m->key), &there);
	if (lr_slot_put(&there, &e.tag, LR_PUT_REPAIR) != LR_PUT_STORE)
		return LR_E_OK;
	return serve_store(s, d, slot, &e, true);
}

static void take_page(struct sim *s, struct dslot *ds, uint64_t member,
		      struct msg *m)
{
	if (m->err) {
		lr_sync_failed(ds->sync, member, s->now);
		return;
	}
	lr_slot_raise_floor(&ds->st, m->floor);
	for (size_t i = 0; ds->listed && i < m->blob->n; i++) {
		const struct lr_id *id = &m->blob->page[i].id;

		ds->listed[id->b[14] << 8 | id->b[15]] = 1;
	}
	if (!lr_sync_page(ds->sync, m->blob->page, m->blob->n, m->more))
		abort();
}

static void take_entry(struct sim *s, struct donor *d, unsigned slot,
		       uint64_t member, struct msg *m)
{
	struct dslot *ds = &d->slot[slot];
	const struct lr_id *id = &s->key[m->key].id;
	enum lr_err err = LR_E_OK;

	if (m->err) {
		lr_sync_failed(ds->sync, member, s->now);
		return;
	}
	if (m->found == LR_FOUND_BAD)
		err = LR_E_CORRUPT;
	else if (m->found != LR_FOUND_NONE)
		err = store_fetched(s, d, slot, m);
	if (err == LR_E_CORRUPT)
		lr_sync_bad(ds->sync, id);
	else if (err)
		lr_sync_full(ds->sync);
	else
		lr_sync_fetched(ds->sync, id);
}

void pull_recv(struct sim *s, struct donor *d, struct msg *m)
{
	struct preq *q = m->who;
	struct dslot *ds;
	uint64_t member = q->member;

	if (!q->used || q->life != m->life || q->d != d ||
	    q->d_life != d->life)
		return;
	q->used = false;
	ds = &d->slot[q->slot];
	if (q->repair) {
		if (!m->err && m->found == LR_FOUND_VALUE)
			(void)store_fetched(s, d, q->slot, m);
		return;
	}
	if (!ds->sync || ds->sync_life != q->sync_life)
		return;
	if (m->type == MSG_SCAN_R)
		take_page(s, ds, member, m);
	else
		take_entry(s, d, q->slot, member, m);
	pull_pump(s, d, q->slot);
}

/* Its link closed: what was asked over it has failed. */
void pull_lost(struct sim *s, struct donor *d, uint64_t member)
{
	for (unsigned i = 0; i < PREQS; i++) {
		struct preq *q = &preqs[i];
		struct dslot *ds;

		if (!q->used || q->d != d || q->member != member ||
		    q->d_life != d->life)
			continue;
		q->used = false;
		ds = &d->slot[q->slot];
		if (q->repair || !ds->sync || ds->sync_life != q->sync_life)
			continue;
		lr_sync_failed(ds->sync, member, s->now);
		pull_pump(s, d, q->slot);
	}
}

/* --- repairs --------------------------------------------------------------------- */

void pull_repair(struct sim *s, struct donor *d, uint32_t key)
{
	(void)s;
	if (d->n_repair < 16)
		d->repair[d->n_repair++] = (struct repair){ key, 0 };
}

static void repair_one(struct sim *s, struct donor *d, uint32_t key)
{
	unsigned slot = s->key[key].slot;
	const struct lr_cfg *cfg = &d->slot[slot].st.inst;

	for (unsigned i = 0; i < cfg->n; i++) {
		struct lr_sync_act a = { .what = LR_SYNC_FETCH };
		struct conn *c = cfg->mem[i] == d->inc ?
					 NULL :
					 agent_link(s, &d->ag, cfg->mem[i]);

		if (!c)
			continue;
		a.entry.id = s->key[key].id;
		ask(s, d, c, slot, &a, cfg->ce);
		preqs[(hint + PREQS - 1) % PREQS].repair = true;
	}
}

/* A slot that had no room is tried again: the coordinator may not have heard of
 * it, or there is room by now. */
static void try_full(struct sim *s, struct donor *d)
{
	if (s->now < d->full_ms)
		return;
	d->full_ms = s->now + FULL_AGAIN_MS;
	for (unsigned i = 0; i < s->p.nslots; i++)
		if (d->slot[i].st.status == LR_SLOT_SYNCING &&
		    !d->slot[i].sync)
			pull_slot(s, d, i);
}

void pull_tick(struct sim *s, struct donor *d)
{
	try_full(s, d);
	for (unsigned i = 0; i < d->n_repair;) {
		struct repair *r = &d->repair[i];
		struct entry *e = serve_find(d, s->key[r->key].slot, r->key);

		if (!e || e->state != LR_FOUND_BAD || r->tries++ > 100) {
			*r = d->repair[--d->n_repair];
			continue;
		}
		if (r->tries % REPAIR_EVERY == 1)
			repair_one(s, d, r->key);
		i++;
	}
}
