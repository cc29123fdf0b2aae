/* SPDX-License-Identifier: Apache-2.0 */
/* Donors of the small pool: their lives, and what they do with mail. */
#include "tests/unit/coord_kit_i.h"

static void wipe(struct kit *k, struct kit_donor *d)
{
	memset(d->slot, 0, k->nslots * sizeof *d->slot);
	memset(d->held, 0, k->nslots * sizeof *d->held);
}

void kit_start(struct kit *k, unsigned donor)
{
	struct kit_donor *d = &k->d[donor];

	if (d->alive)
		return;
	wipe(k, d);
	k->next_inc += KIT_DONORS;
	d->inc = k->next_inc + donor;
	d->alive = true;
	d->silent = d->leaving = d->may_leave = false;
	kit_unlink_donor(k, d);
}

void kit_kill(struct kit *k, unsigned donor, bool silent)
{
	struct kit_donor *d = &k->d[donor];

	if (!d->alive)
		return;
	d->alive = false;
	d->silent = silent;
	d->lost_at = d->linked ? k->now + 5 : 0;
	if (silent || d->cut || !d->linked || !k->c) {
		d->gen++;
		d->linked = false;
		return;
	}
	kit_unlink_donor(k, d);
	lr_coord_link_lost(k->c, d->inc, k->now);
	kit_acts(k);
}

void kit_cut(struct kit *k, unsigned donor, bool cut)
{
	struct kit_donor *d = &k->d[donor];

	if (d->cut == cut)
		return;
	d->cut = cut;
	d->cut_at = k->now;
	if (cut || !d->linked)
		return;
	/* What was under way is lost, so the link is. */
	kit_unlink_donor(k, d);
	if (k->c)
		lr_coord_link_lost(k->c, d->inc, k->now);
	kit_acts(k);
}

void kit_forget(struct kit *k, unsigned donor)
{
	struct kit_donor *d = &k->d[donor];

	if (!k->c || d->alive ||
	    lr_coord_forget(k->c, &d->dev, k->now) != LR_E_OK)
		return;
	d->forgot = d->inc;
	kit_acts(k);
}

void kit_leave(struct kit *k, unsigned donor)
{
	struct kit_donor *d = &k->d[donor];

	if (!d->alive || d->leaving)
		return;
	d->leaving = true;
	d->leave_at = k->now + 20000;
	if (d->linked)
		kit_post(k, KIT_LEAVE, d, 0);
}

static void exit_clean(struct kit *k, struct kit_donor *d)
{
	d->alive = d->linked = false;
	d->gen++;
	if (k->c && !d->cut)
		lr_coord_gone(k->c, d->inc, k->now);
	kit_acts(k);
}

static bool can_pull(struct kit *k, const struct lr_cfg *cfg, unsigned i,
		     unsigned s)
{
	struct kit_donor *o = kit_by_inc(k, cfg->mem[i]);

	return o && o->alive && !lr_slot_admit(&o->slot[s], cfg->ce);
}

/* One of the sources, or of a slot that merges, every other one. */
static bool pull(struct kit *k, struct kit_donor *d, unsigned s)
{
	const struct lr_cfg *cfg = &d->slot[s].inst;
	bool merge = cfg->lost & LR_LOST_MERGE;
	bool got = false;

	for (unsigned i = 0; i < cfg->n; i++) {
		if (!(cfg->src >> i & 1) || cfg->mem[i] == d->inc)
			continue;
		if (!can_pull(k, cfg, i, s)) {
			if (merge)
				return false;
			continue;
		}
		d->held[s] |= kit_by_inc(k, cfg->mem[i])->held[s];
		got = true;
		if (!merge)
			return true;
	}
	return got;
}

static void sync_slots(struct kit *k, struct kit_donor *d)
{
	struct lr_slot_ce done[64], full[64];
	size_t n = 0, m = 0;

	for (unsigned s = 0; s < k->nslots; s++) {
		uint64_t ce = d->slot[s].inst.ce;

		if (d->slot[s].status != LR_SLOT_SYNCING || n == 64 || m == 64)
			continue;
		if (k->sync_ms > 10 && draw(&k->seed, k->sync_ms / 10))
			continue;
		if (d->full)
			full[m++] = (struct lr_slot_ce){s, ce};
		else if (pull(k, d, s) && lr_slot_synced(&d->slot[s], ce))
			done[n++] = (struct lr_slot_ce){s, ce};
	}
	if (n && d->linked) {
		struct kit_msg *msg = kit_post(k, KIT_SYNCED, d, n);

		for (size_t i = 0; i < n; i++) {
			msg->slots[i] = done[i].slot;
			msg->cfgs[i].ce = done[i].ce;
		}
	}
	if (m && d->linked && k->c) {
		lr_coord_sync_full(k->c, d->inc, full, m, k->now);
		kit_acts(k);
	}
}

static void beat(struct kit *k, struct kit_donor *d)
{
	struct lr_beat b = {.ticks = {++d->tick},
			    .shards = 1,
			    .lent = d->lent,
			    .used = d->used,
			    .pressure = d->pressure};

	d->beat_at = k->now + 100;
	for (unsigned s = 0; s < k->nslots; s++) {
		if (d->slot[s].prom > b.max_prom)
			b.max_prom = d->slot[s].prom;
		b.sealed += d->slot[s].prom > d->slot[s].inst.ce;
	}
	lr_coord_beat(k->c, d->inc, &b, k->now);
	kit_acts(k);
}

/* Links of a donor that is cut off or dead are noticed after a while. */
static void watch_link(struct kit *k, struct kit_donor *d)
{
	if (d->cut && d->linked && k->now >= d->cut_at + 1000) {
		kit_unlink_donor(k, d);
		lr_coord_link_lost(k->c, d->inc, k->now);
	}
	if (!d->alive && d->lost_at && k->now >= d->lost_at) {
		d->lost_at = 0;
		if (!d->silent && !d->cut)
			lr_coord_refused(k->c, d->inc, k->now);
	}
	kit_acts(k);
}

void kit_live(struct kit *k, struct kit_donor *d)
{
	if (k->c)
		watch_link(k, d);
	if (!d->alive)
		return;
	if (d->leaving && (d->may_leave || k->now >= d->leave_at)) {
		exit_clean(k, d);
		return;
	}
	sync_slots(k, d);
	if (!k->c || d->cut)
		return;
	if (d->wants_link && !d->linked && k->now >= d->at) {
		d->linked = true;
		d->wants_link = false;
		kit_post_all(k, KIT_HELLO, d);
		if (d->leaving)
			kit_post(k, KIT_LEAVE, d, 0);
	}
	if (d->linked && k->now >= d->beat_at)
		beat(k, d);
}

void kit_donor_view(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	(void)k;
	for (size_t i = 0; i < m->n; i++)
		if (lr_slot_left(&d->slot[m->slots[i]], d->inc, &m->cfgs[i]))
			d->held[m->slots[i]] = 0;
}

void kit_donor_seal(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	struct kit_msg *r = kit_post(k, KIT_SEALED, d, m->n);

	r->epoch = m->epoch;
	for (size_t i = 0; i < m->n; i++) {
		unsigned s = m->slots[i];
		enum lr_err err = lr_slot_seal(&d->slot[s], m->epoch, m->run);

		r->reports[i] = kit_report(d, s);
		r->reports[i].result = err;
		if (err == LR_E_OK)
			d->ack[s] = (struct kit_ack){
				d->inc, m->epoch, d->slot[s].inst.ce,
				d->slot[s].status == LR_SLOT_SYNCED};
	}
}

void kit_donor_install(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	struct kit_msg *r = kit_post(k, KIT_INSTALLED, d, m->n);

	for (size_t i = 0; i < m->n; i++) {
		unsigned s = m->slots[i];
		enum lr_install did = lr_slot_install(&d->slot[s], d->inc,
						      &m->cfgs[i], m->run);

		if (did == LR_INSTALL_EMPTIED)
			d->held[s] = 0;
		r->reports[i] = kit_report(d, s);
		if (did == LR_INSTALL_REFUSED)
			r->reports[i].result = LR_E_STALE;
	}
}
