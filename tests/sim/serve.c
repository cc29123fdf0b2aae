/* SPDX-License-Identifier: Apache-2.0 */
/* A donor's answers on data links. Some PUTs are slow: they are admitted, and
 * applied later, unless a SEAL comes first. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define STALE_MS 10000
#define PAGE 8 /* entries a SCAN lists at a time: several pages a slot */
#define RESERVE 4

/* --- entries ----------------------------------------------------------------- */

static unsigned place_of(const struct dslot *ds, uint32_t key)
{
	unsigned lo = 0, hi = ds->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (ds->e[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct entry *serve_find(struct donor *d, unsigned slot, uint32_t key)
{
	struct dslot *ds = &d->slot[slot];
	unsigned at = place_of(ds, key);

	return at < ds->n && ds->e[at].key == key ? &ds->e[at] : NULL;
}

void serve_stored(const struct entry *e, struct lr_stored *ret)
{
	*ret = (struct lr_stored){ 0 };
	if (!e)
		return;
	ret->found = e->state;
	ret->tag = e->tag;
	ret->open = e->state == LR_FOUND_VALUE &&
		    e->kind == LR_KIND_MANIFEST && e->tag.ts == LR_TS_OPEN;
}

static void insert(struct dslot *ds, const struct entry *e)
{
	unsigned at = place_of(ds, e->key);

	if (ds->n == ds->cap) {
		ds->cap = ds->cap ? 2 * ds->cap : 16;
		ds->e = realloc(ds->e, ds->cap * sizeof *ds->e);
		if (!ds->e)
			abort();
	}
	memmove(&ds->e[at + 1], &ds->e[at], (ds->n - at) * sizeof *ds->e);
	ds->e[at] = *e;
	ds->n++;
}

enum lr_err serve_store(struct sim *s, struct donor *d, unsigned slot,
			const struct entry *e, bool reserve)
{
	struct entry *there = serve_find(d, slot, e->key);
	struct entry mine = *e;

	if (!there && d->entries >= d->cap + (reserve ? RESERVE : 0)) {
		s->fulls++;
		return LR_E_FULL;
	}
	mine.stored_ms = s->now;
	if (there) {
		*there = mine;
	} else {
		insert(&d->slot[slot], &mine);
		d->entries++;
	}
	oracle_stored(s, d, slot, &mine);
	report_changed(s, d, slot, mine.key);
	return LR_E_OK;
}

void serve_drop(struct donor *d, unsigned slot, uint32_t key)
{
	struct dslot *ds = &d->slot[slot];
	unsigned at = place_of(ds, key);

	if (at == ds->n || ds->e[at].key != key)
		return;
	ds->n--;
	memmove(&ds->e[at], &ds->e[at + 1], (ds->n - at) * sizeof *ds->e);
	d->entries--;
}

/* --- replies -------------------------------------------------------------------- */

static void refuse(struct sim *s, struct donor *d, struct conn *c,
		   struct msg *m, enum msg_type answer)
{
	struct msg *r = net_reply(s, answer, m);

	r->err = LR_E_STALE;
	r->cfg = d->slot[m->slot].st.inst;
	net_send(s, c, 0, r);
}

static bool admit(struct sim *s, struct donor *d, struct conn *c,
		  struct msg *m, enum msg_type answer)
{
	const struct lr_slot *st = &d->slot[m->slot].st;

	if (m->inc == d->inc && lr_slot_admit(st, m->ce) == LR_E_OK) {
		oracle_admitted(s, d, m->slot, m->ce);
		return true;
	}
	refuse(s, d, c, m, answer);
	return false;
}

/* --- GET -------------------------------------------------------------------------- */

static void serve_get(struct sim *s, struct donor *d, struct conn *c,
		      struct msg *m)
{
	struct entry *e;
	struct msg *r;

	if (!admit(s, d, c, m, MSG_GET_R))
		return;
	lr_slot_bar(&d->slot[m->slot].st, m->bar);
	r = net_reply(s, MSG_GET_R, m);
	r->synced = d->slot[m->slot].st.status == LR_SLOT_SYNCED;
	r->tag.ts = d->slot[m->slot].st.floor;
	e = serve_find(d, m->slot, m->key);
	if (e) {
		/* Tags alone are told without a look at the value. */
		if (e->state == LR_FOUND_VALUE && e->rotten &&
		    !(m->flags & LR_GET_TAG_ONLY)) {
			e->state = LR_FOUND_BAD;
			pull_repair(s, d, m->key);
		}
		r->found = e->state;
		r->kind = e->kind;
		r->tag = e->tag;
		r->expires = e->expires;
		r->val = e->state == LR_FOUND_VALUE && !e->rotten ? e->val : 0;
	}
	net_send(s, c, 0, r);
}

/* --- PUT -------------------------------------------------------------------------- */

static struct entry entry_of(const struct msg *m)
{
	return (struct entry){
		.key = m->key,
		.tag = m->tag,
		.kind = m->kind,
		.state = m->flags & LR_PUT_TOMB ? LR_FOUND_TOMB :
			 m->flags & LR_PUT_BAD	? LR_FOUND_BAD :
						  LR_FOUND_VALUE,
		.val = m->val,
		.expires = m->expires,
	};
}

static enum lr_err apply(struct sim *s, struct donor *d, const struct msg *m,
			 struct lr_tag *ret)
{
	struct entry e = entry_of(m);
	struct entry *there = serve_find(d, m->slot, m->key);
	struct lr_stored st;
	enum lr_err err;

	*ret = m->tag;
	serve_stored(there, &st);
	switch (lr_slot_put(&st, &m->tag, m->flags)) {
	case LR_PUT_STORE:
		if (lr_slot_bars(&d->slot[m->slot].st, m->kind, &m->tag,
				 m->flags)) {
			*ret = st.tag;
			return LR_E_SUPERSEDED;
		}
		err = serve_store(s, d, m->slot, &e,
				  m->flags & (LR_PUT_REPAIR | LR_PUT_TOMB));
		if (err)
			*ret = st.tag;
		return err;
	case LR_PUT_KEEP:
		*ret = st.tag;
		if (lr_tag_cmp(&st.tag, &m->tag) == 0)
			there->stored_ms = s->now; /* touched */
		return LR_E_OK;
	case LR_PUT_REFUSED:
		*ret = st.tag;
		return LR_E_CONFLICT;
	}
	return LR_E_FAILED;
}

static void apply_and_tell(struct sim *s, struct donor *d, struct conn *c,
			   struct msg *m)
{
	struct msg *r;

	if (m->blob) {
		struct lr_tag tag;
		enum lr_err err = apply(s, d, m, &tag);

		forward_begin(s, d, c, m, err, &tag);
		return;
	}
	r = net_reply(s, MSG_PUT_R, m);
	r->err = apply(s, d, m, &r->tag);
	SAY(s, "dev %u PUT key %u ts %llu flags %x: %s", d->dev, m->key,
	    (unsigned long long)m->tag.ts, m->flags, lr_err_name(r->err));
	net_send(s, c, 0, r);
}

void serve_drop_slow(struct slow_put *p)
{
	blob_drop(p->m.blob);
	free(p);
}

/* What waited too long unread may belong to operations that are over. */
static bool too_late(struct sim *s, const struct msg *m)
{
	return s->now - m->arrived > STALE_MS && !LR_MUTANT("late-link-read");
}

/* A donor collects no TOMB between admitting a PUT and applying it, so none is
 * applied after a long sleep; slow ones here only stand for SEALs between. */
static void slow_cb(struct sim *s, void *arg, uint64_t life)
{
	struct donor *d = arg;
	struct slow_put **at = &d->slow, *p;

	if (d->life != life || !s->node[d->node].up)
		return;
	if (s->node[d->node].paused_ms) {
		sim_at(s, s->node[d->node].paused_ms + 1, slow_cb, d, life);
		return;
	}
	while ((p = *at)) {
		struct link l = p->link;
		struct msg m = p->m;

		if (p->at > s->now) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		if (too_late(s, &m)) {
			if (net_alive(&l, 1))
				net_close(s, l.c, 1);
		} else if (net_alive(&l, 1)) {
			apply_and_tell(s, d, l.c, &m);
		} else {
			struct lr_tag tag;

			(void)apply(s, d, &m, &tag);
		}
		serve_drop_slow(p);
		at = &d->slow;
	}
}

static void put_slowly(struct sim *s, struct donor *d, struct conn *c,
		       const struct msg *m)
{
	struct slow_put *p = calloc(1, sizeof *p), **at = &d->slow;

	if (!p)
		abort();
	p->m = *m;
	if (p->m.blob)
		p->m.blob->refs++;
	p->link = (struct link){ c, c->gen };
	p->at = s->now + 1 + sim_draw(s, d->slow_ms);
	while (*at)
		at = &(*at)->next;
	*at = p;
	sim_at(s, p->at, slow_cb, d, d->life);
}

static void serve_put(struct sim *s, struct donor *d, struct conn *c,
		      struct msg *m)
{
	bool passed = m->asker == ASKER_FORWARD || m->asker == ASKER_VIA;

	if (!(passed && LR_MUTANT("passed-on-unadmitted")) &&
	    !admit(s, d, c, m, MSG_PUT_R))
		return;
	oracle_in_time(s, d, m);
	if (d->slow_permille && sim_chance(s, d->slow_permille))
		put_slowly(s, d, c, m);
	else
		apply_and_tell(s, d, c, m);
}

/* --- SCAN ------------------------------------------------------------------------- */

static bool may_list(const struct donor *d, unsigned slot)
{
	const struct lr_slot *st = &d->slot[slot].st;
	int me = lr_cfg_index(&st->inst, d->inc);

	return st->status == LR_SLOT_SYNCED ||
	       LR_MUTANT("unsynced-source") ||
	       (st->inst.lost & LR_LOST_MERGE && me >= 0 &&
		st->inst.src >> me & 1);
}

static void serve_scan(struct sim *s, struct donor *d, struct conn *c,
		       struct msg *m)
{
	struct dslot *ds = &d->slot[m->slot];
	struct msg *r;
	unsigned at;

	if (!admit(s, d, c, m, MSG_SCAN_R))
		return;
	r = net_reply(s, MSG_SCAN_R, m);
	if (!may_list(d, m->slot)) {
		r->err = LR_E_BUSY;
		net_send(s, c, 0, r);
		return;
	}
	at = m->first ? 0 : place_of(ds, m->key + 1);
	r->blob = blob_new(PAGE, sizeof(struct lr_sync_entry));
	r->blob->n = 0;
	for (; at < ds->n && r->blob->n < PAGE; at++) {
		const struct entry *e = &ds->e[at];

		r->blob->page[r->blob->n++] = (struct lr_sync_entry){
			s->key[e->key].id, e->tag, e->kind, e->state, 1
		};
	}
	r->more = r->blob->n == PAGE;
	r->floor = ds->st.floor;
	net_send(s, c, 0, r);
}

static void serve_update(struct sim *s, struct donor *d, struct conn *c,
			 struct msg *m)
{
	const struct lr_slot *st = &d->slot[m->slot].st;

	if (m->inc == d->inc && lr_update_admit(st, m->ce, d->inc) == LR_E_OK)
		order_serve(s, d, c, m);
	else
		refuse(s, d, c, m, MSG_UPDATE_R);
}

static void serve_view(struct sim *s, struct donor *d, struct conn *c)
{
	struct msg *r;

	if (!d->ag.rx.view.run)
		return;
	r = net_msg(s, MSG_VIEW);
	coord_whole_view(&d->ag.rx.view, r);
	net_send(s, c, 0, r);
}

void serve_recv(struct sim *s, struct donor *d, struct conn *c, struct msg *m)
{
	if (too_late(s, m)) {
		net_close(s, c, 1);
		return;
	}
	if (m->via && LR_MUTANT("answered-in-its-place"))
		m->inc = d->inc;
	else if (m->via) {
		via_begin(s, d, c, m);
		return;
	}
	switch (m->type) {
	case MSG_GET:
		serve_get(s, d, c, m);
		break;
	case MSG_PUT:
		serve_put(s, d, c, m);
		break;
	case MSG_SCAN:
		serve_scan(s, d, c, m);
		break;
	case MSG_UPDATE:
		serve_update(s, d, c, m);
		break;
	case MSG_FIND:
		if (admit(s, d, c, m, MSG_FIND_R))
			find_serve(s, d, c, net_reply(s, MSG_FIND_R, m));
		break;
	case MSG_VIEW_GET:
		serve_view(s, d, c);
		break;
	default:
		break;
	}
}
