/* SPDX-License-Identifier: Apache-2.0 */
/* What a donor tells the coordinator of objects, as daemon/donor/report.c does
 * it: of the slots whose first SYNCED copy it is, the whole list at each new ce
 * and to each new coordinator, then changes. */
#include "tests/sim/sim.h"

#include <stdlib.h>

#define PAGE 3 /* a list takes several messages */

static bool is_mine(const struct donor *d, unsigned slot)
{
	return lr_slot_is_first(&d->slot[slot].st, &d->ag.rx.view.cfg[slot],
				d->inc);
}

/* What stands in the store now. False: nothing to tell of it. */
static bool row_of(const struct sim *s, const struct entry *e, uint32_t key,
		   struct row *ret)
{
	if (s->key[key].kind != KEY_OBJECT)
		return false;
	*ret = (struct row){ key, LR_OBJECT_THERE };
	if (!e || e->state == LR_FOUND_TOMB)
		ret->state = LR_OBJECT_GONE;
	return ret->state == LR_OBJECT_GONE ||
	       (e->state == LR_FOUND_VALUE && e->tag.ts != LR_TS_OPEN);
}

static struct msg *report(struct sim *s, const struct donor *d, unsigned slot,
			  size_t cap)
{
	struct msg *m = net_msg(s, MSG_REPORT);

	m->slot = slot;
	m->ce = d->slot[slot].st.inst.ce;
	m->val = d->slot[slot].n;
	m->blob = blob_new(cap, sizeof(struct row));
	m->blob->n = 0;
	return m;
}

static void send_list(struct sim *s, struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];
	unsigned at = 0;
	bool first = true;

	ds->listed_ce = ds->st.inst.ce;
	do {
		struct msg *m = report(s, d, slot, PAGE);
		struct blob *b = m->blob;

		for (unsigned i = 0; at < ds->n && i < PAGE; i++, at++) {
			const struct entry *e = &ds->e[at];
			struct row r;

			if (e->state != LR_FOUND_TOMB &&
			    row_of(s, e, e->key, &r))
				b->rows[b->n++] = r;
		}
		m->first = first;
		m->more = at < ds->n;
		first = false;
		net_send(s, d->control.c, 1, m);
	} while (at < ds->n);
}

void report_changed(struct sim *s, struct donor *d, unsigned slot, uint32_t key)
{
	if (!d->slot[slot].listed_ce || s->key[key].kind != KEY_OBJECT)
		return; /* the whole list will say it */
	if (d->n_changes == d->cap_changes) {
		d->cap_changes = d->cap_changes * 2 + 16;
		d->changes = realloc(d->changes,
				     d->cap_changes * sizeof *d->changes);
		if (!d->changes)
			abort();
	}
	d->changes[d->n_changes++] = (struct change){ slot, key };
}

static void send_change(struct sim *s, struct donor *d, const struct change *c)
{
	struct msg *m;
	struct row r;

	if (!is_mine(d, c->slot) || !d->slot[c->slot].listed_ce ||
	    !row_of(s, serve_find(d, c->slot, c->key), c->key, &r))
		return;
	m = report(s, d, c->slot, 1);
	m->blob->rows[m->blob->n++] = r;
	m->more = true; /* it ends no list */
	net_send(s, d->control.c, 1, m);
}

void report_slot(struct donor *d, unsigned slot)
{
	if (!is_mine(d, slot))
		d->slot[slot].listed_ce = 0;
}

void report_attached(struct sim *s, struct donor *d)
{
	d->n_changes = 0;
	for (unsigned i = 0; i < s->p.nslots; i++)
		d->slot[i].listed_ce = 0;
}

void report_tick(struct sim *s, struct donor *d)
{
	if (!net_alive(&d->control, 0) || !d->slots_told)
		return;
	for (unsigned i = 0; i < s->p.nslots; i++) {
		struct dslot *ds = &d->slot[i];

		if (!is_mine(d, i))
			ds->listed_ce = 0;
		else if (ds->listed_ce != ds->st.inst.ce)
			send_list(s, d, i);
	}
	for (unsigned i = 0; i < d->n_changes; i++)
		send_change(s, d, &d->changes[i]);
	d->n_changes = 0;
}

void report_stop(struct donor *d)
{
	free(d->changes);
	d->changes = NULL;
	d->n_changes = d->cap_changes = 0;
}
