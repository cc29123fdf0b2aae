/* SPDX-License-Identifier: Apache-2.0 */
/* Events about donors: hello, beats, what they hold, leaving. */
#include "core/coord.h"

#include "core/coord_internal.h"

#include <stdlib.h>
#include <string.h>

#define FLAP_WINDOW_MS 600000u
#define FULL_REST_MS   30000u /* dropping what it synced in vain frees some */

/* --- a life --- */

static bool restore_member(struct lr_coord *c, const struct lr_member *m,
			   uint64_t now_ms)
{
	struct lr_member *there = lr_view_put_member(&c->view, m);

	if (!there)
		return false;
	there->up = false;
	return coord_row_add(c, m, now_ms) != NULL;
}

/* Named by a configuration, but not by the member table: proven gone. */
static bool restore_gone(struct lr_coord *c, const struct lr_cfg *cfg,
			 uint64_t now_ms)
{
	for (unsigned i = 0; i < cfg->n; i++) {
		struct lr_member m = {.inc = cfg->mem[i]};
		struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (r)
			continue;
		r = coord_row_add(c, &m, now_ms);
		if (!r)
			return false;
		r->state = ROW_GONE;
	}
	return true;
}

static bool restore(struct lr_coord *c, const struct lr_view *from,
		    uint64_t now_ms)
{
	for (size_t i = 0; i < from->n_members; i++)
		if (!restore_member(c, &from->members[i], now_ms))
			return false;
	for (unsigned s = 0; s < c->p.nslots && s < from->nslots; s++) {
		if (!restore_gone(c, &from->cfg[s], now_ms))
			return false;
		if (from->cfg[s].ce)
			coord_cfg_set(c, s, &from->cfg[s]);
	}
	c->view.epoch = from->epoch;
	return true;
}

static bool alloc_slots(struct lr_coord *c)
{
	unsigned n = c->p.nslots ? c->p.nslots : 1;

	c->slots = calloc(n, sizeof *c->slots);
	c->want = calloc(n, sizeof *c->want);
	c->change = calloc(n, sizeof *c->change);
	c->dirty = calloc(n, sizeof *c->dirty);
	return c->slots && c->want && c->change && c->dirty &&
	       lr_view_init(&c->view, c->p.nslots) &&
	       lr_view_init(&c->next, c->p.nslots);
}

struct lr_coord *lr_coord_new(const struct lr_coord_params *p,
			      const struct lr_view *restored, uint64_t prepared,
			      uint64_t now_ms)
{
	struct lr_coord *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->p = *p;
	c->prepared = prepared;
	c->wake_ms = UINT64_MAX;
	c->replan = c->scan = true;
	if (!alloc_slots(c) || (restored && !restore(c, restored, now_ms))) {
		lr_coord_free(c);
		return NULL;
	}
	c->view.run = p->run;
	c->view.rev = c->published = 1;
	for (size_t i = 0; i < c->n_dirty; i++)
		c->slots[c->dirty[i]].flags = 0;
	c->n_dirty = 0;
	for (size_t i = 0; i < c->n_rows; i++)
		c->n_awaited +=
			c->rows[i]->state == ROW_AWAITED && c->rows[i]->refs;
	lr_suspect_init(&c->suspect, &p->suspect, now_ms);
	if (restored && c->view.cfg[p->nslots - 1].ce)
		coord_slot_again(c, p->nslots - 1); /* a start has its epoch */
	return c;
}

void lr_coord_free(struct lr_coord *c)
{
	if (!c)
		return;
	c->publish = false;
	coord_acts_done(c);
	coord_rows_done(c);
	lr_view_done(&c->view);
	lr_view_done(&c->next);
	free(c->slots);
	free(c->want);
	free(c->change);
	free(c->dirty);
	free(c->foreign);
	free(c);
}

const struct lr_view *lr_coord_view(const struct lr_coord *c)
{
	return c->show_next ? &c->next : &c->view;
}

/* --- what donors hold --- */

static void mark_synced(struct lr_coord *c, unsigned slot, unsigned bit)
{
	struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned before = coord_bits(coord_cfg_synced_bits(cfg));

	c->slots[slot].installed |= (uint8_t)(1u << bit);
	if (coord_has(cfg->synced, bit))
		return;
	cfg->synced |= (uint8_t)(1u << bit);
	if (coord_bits(coord_cfg_synced_bits(cfg)) == before)
		return; /* a source: nothing new */
	c->n_syncing--;
	c->scan = true;
	coord_slot_dirty(c, slot);
}

/* It has a newer configuration than I: seen is better than named. */
static void take_newer(struct lr_coord *c, struct coord_row *r,
		       const struct lr_slot_report *a, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[a->slot];

	coord_slot_again(c, a->slot);
	if (sl->flags & SLOT_BUSY)
		sl->flags |= SLOT_STALE; /* the change leaves it alone */
	else if (lr_cfg_valid(&a->inst) &&
		 coord_cfg_adopt(c, a->slot, &a->inst, now_ms))
		return;
	(void)coord_foreign_add(c, a->slot, r->d.member.inc);
}

void coord_report(struct lr_coord *c, struct coord_row *r,
		  const struct lr_slot_report *a, bool heard, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[a->slot];
	const struct lr_cfg *cfg = &c->view.cfg[a->slot];
	int i = lr_cfg_index(cfg, r->d.member.inc);
	bool mine = sl->flags & SLOT_BUSY && a->prom <= c->epoch;

	coord_epoch_seen(c, a->prom);
	coord_epoch_seen(c, a->inst.ce);
	coord_newer_seen(c, a);
	if (a->inst.ce > cfg->ce) {
		take_newer(c, r, a, now_ms);
	} else if (i >= 0 && cfg->ce && a->inst.ce == cfg->ce) {
		sl->installed |= (uint8_t)(1u << i);
		if (a->status == LR_SLOT_SYNCED)
			mark_synced(c, a->slot, (unsigned)i);
	}
	/* Rule 6. Of an unavailable slot it is known, unless it is news. */
	if (a->prom > cfg->ce && !mine &&
	    (heard || a->prom > sl->prom || !(sl->flags & SLOT_UNAVAIL)))
		coord_slot_again(c, a->slot);
	if (a->prom > sl->prom && a->prom <= COORD_EPOCH_MAX)
		sl->prom = a->prom;
}

static void take_reports(struct lr_coord *c, struct coord_row *r,
			 const struct lr_slot_report *a, size_t n, bool heard,
			 uint64_t now_ms)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].slot < c->p.nslots)
			coord_report(c, r, &a[i], heard, now_ms);
}

void lr_coord_slots(struct lr_coord *c, uint64_t inc,
		    const struct lr_slot_report *a, size_t n, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (r && r->state == ROW_UP)
		take_reports(c, r, a, n, false, now_ms);
}

void lr_coord_installed(struct lr_coord *c, uint64_t inc, uint64_t epoch,
			const struct lr_slot_report *a, size_t n,
			uint64_t now_ms)
{
	(void)epoch; /* each report names the cfg that it means */
	lr_coord_slots(c, inc, a, n, now_ms);
}

void lr_coord_synced(struct lr_coord *c, uint64_t inc,
		     const struct lr_slot_ce *s, size_t n, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	(void)now_ms;
	for (size_t i = 0; r && r->state == ROW_UP && i < n; i++) {
		const struct lr_cfg *cfg;
		int k;

		if (s[i].slot >= c->p.nslots)
			continue;
		cfg = &c->view.cfg[s[i].slot];
		k = lr_cfg_index(cfg, inc);
		if (k >= 0 && cfg->ce == s[i].ce)
			mark_synced(c, s[i].slot, (unsigned)k);
	}
}

void lr_coord_sync_full(struct lr_coord *c, uint64_t inc,
			const struct lr_slot_ce *s, size_t n, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);
	bool now = false;

	for (size_t i = 0; r && r->state == ROW_UP && i < n; i++)
		if (s[i].slot < c->p.nslots &&
		    c->view.cfg[s[i].slot].ce == s[i].ce &&
		    lr_cfg_index(&c->view.cfg[s[i].slot], inc) >= 0)
			now = true;
	if (!now)
		return;
	if (!r->full)
		coord_event(c, LR_EVENT_FULL, r, n, 0);
	r->full = true;
	r->full_ms = now_ms;
	r->full_used = r->d.used;
	r->full_lent = r->d.lent;
	c->replan = c->scan = true;
}

/* --- hello --- */

/* The device speaks as another incarnation: the old one's RAM is gone. */
static bool replace_others(struct lr_coord *c, struct coord_row *r,
			   uint64_t now_ms)
{
	bool replaced = false;

	for (size_t i = 0; i < c->n_rows; i++) {
		struct coord_row *o = c->rows[i];

		if (o == r || o->device != r->device || o->state == ROW_GONE)
			continue;
		coord_event(c, LR_EVENT_RETURNED_EMPTY, o, o->refs, 0);
		coord_evict(c, o, COORD_REPLACED, now_ms);
		coord_row_gone(c, o);
		replaced = true;
	}
	return replaced;
}

static unsigned recent_flaps(const struct lr_flaps *f, uint64_t now_ms)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n && i < 8; i++)
		n += f->at_ms[i] + FLAP_WINDOW_MS > now_ms;
	return n;
}

/* One crash is no flapping; silence that comes back is. */
static void damp(struct coord_row *r, bool same, uint64_t now_ms)
{
	struct coord_device *v = r->device;

	if (same || recent_flaps(&v->flaps, now_ms) > 1)
		v->damp_until_ms = lr_flaps_until(&v->flaps, now_ms);
}

static void settle(struct lr_coord *c, uint64_t now_ms)
{
	c->replan = c->scan = true;
	if (now_ms >= c->settle_ms)
		c->settle_ms = now_ms + c->p.settle_ms;
}

static void now_up(struct lr_coord *c, struct coord_row *r, uint64_t now_ms)
{
	enum coord_row_state was = r->state;
	bool known = r->device->cur == r->d.member.inc;
	bool replaced = replace_others(c, r, now_ms);

	r->state = ROW_UP;
	r->device->cur = r->d.member.inc;
	r->linked = r->said_hello = true;
	r->may_leave = r->excused = false;
	lr_watch_start(&r->watch, now_ms);
	if (was == ROW_UP)
		return;
	if (was == ROW_AWAITED)
		c->returned_ms = now_ms;
	r->since_ms = now_ms;
	r->leaving = false;
	r->pressure = LR_PRESSURE_CALM;
	damp(r, was == ROW_DOWN && known, now_ms);
	settle(c, now_ms);
	if (!replaced)
		coord_event(c, LR_EVENT_JOINED, r, r->refs, 0);
}

/* Members heard again: their unavailable slots are tried, their share of a
 * running change is sealed, and what they lack is installed. */
static void catch_up(struct lr_coord *c, struct coord_row *r)
{
	for (unsigned s = 0; r->refs && c->n_unavail && s < c->p.nslots; s++)
		if (c->slots[s].flags & SLOT_UNAVAIL &&
		    lr_cfg_index(&c->view.cfg[s], r->d.member.inc) >= 0)
			coord_slot_again(c, s);
	if (!r->refs)
		return;
	coord_change_joined(c, r);
	coord_install_send(c, r);
}

static struct coord_row *admit(struct lr_coord *c, const struct lr_member *m,
			       enum lr_err *err, uint64_t now_ms)
{
	struct coord_device *v;
	struct coord_row *r;

	*err = LR_E_PERMISSION;
	if (!m->inc || lr_dev_is_zero(&m->dev))
		return NULL;
	*err = LR_E_NO_MEMORY;
	v = coord_device(c, &m->dev, true);
	if (!v)
		return NULL;
	r = coord_row(c, m->inc);
	*err = LR_E_PERMISSION;
	if (coord_device_gone(v, m->inc) ||
	    (r && (r->state == ROW_GONE || (r->device && r->device != v))))
		return NULL;
	*err = LR_E_NO_MEMORY;
	if (!r)
		r = coord_row_add(c, m, now_ms);
	if (r)
		r->device = v;
	return r;
}

enum lr_err lr_coord_hello(struct lr_coord *c, const struct lr_coord_donor *d,
			   const struct lr_slot_report *a, size_t n,
			   uint64_t now_ms)
{
	enum lr_err err;
	struct coord_row *r = admit(c, &d->member, &err, now_ms);
	struct lr_member m = d->member;

	if (!r)
		return err;
	m.up = true;
	if (!lr_view_put_member(&c->view, &m))
		return LR_E_NO_MEMORY;
	r->d = *d;
	r->beat.lent = d->lent; /* until the first heartbeat tells */
	r->beat.used = d->used;
	now_up(c, r, now_ms);
	coord_row_dirty(c, r);
	c->publish = c->scan = true;
	take_reports(c, r, a, n, true, now_ms);
	catch_up(c, r);
	return LR_E_OK;
}

/* --- beats --- */

static bool differs(uint64_t a, uint64_t b)
{
	uint64_t d = a > b ? a - b : b - a;

	return d > (a > b ? a : b) / 10;
}

static void weigh(struct lr_coord *c, struct coord_row *r,
		  const struct lr_beat *b, uint64_t now_ms)
{
	r->d.lent = b->lent;
	r->d.used = b->used;
	if (c->planned && differs(b->lent, r->weight))
		c->replan = c->scan = true;
	if (!r->full)
		return;
	if (b->lent > r->full_lent + r->full_lent / 20 ||
	    (now_ms >= r->full_ms + FULL_REST_MS &&
	     b->used < r->full_used - r->full_used / 10)) {
		r->full = false;
		c->replan = c->scan = true;
	}
}

/* Promises that no change of mine stands behind: ask which. */
static void check_sealed(struct lr_coord *c, struct coord_row *r,
			 const struct lr_beat *b, uint64_t now_ms)
{
	bool news = b->sealed != r->seen_sealed || b->max_prom != r->seen_prom;

	coord_epoch_seen(c, b->max_prom);
	if (c->phase != COORD_IDLE || r->installs_due || c->force ||
	    !r->linked || (!b->sealed && b->max_prom <= c->view.epoch))
		return;
	if (now_ms <
	    r->slots_get_ms + (news ? COORD_RETRY_MS : COORD_RECHECK_MS))
		return;
	if (!coord_act_simple(c, LR_DO_SLOTS_GET, r->d.member.inc))
		return;
	r->slots_get_ms = now_ms;
	r->seen_sealed = b->sealed;
	r->seen_prom = b->max_prom;
}

void lr_coord_beat(struct lr_coord *c, uint64_t inc, const struct lr_beat *b,
		   uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (!r || r->state != ROW_UP)
		return;
	lr_watch_beat(&r->watch, b->ticks, b->shards, now_ms);
	r->beat = *b;
	weigh(c, r, b, now_ms);
	coord_pressed(c, r, b->pressure, now_ms);
	check_sealed(c, r, b, now_ms);
}

/* --- links --- */

void lr_coord_link_lost(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (!r || r->state != ROW_UP || !r->linked)
		return;
	r->linked = false;
	r->unlinked_ms = now_ms;
	coord_change_lost(c, r);
	if (r->may_leave)
		coord_evict(c, r, COORD_LEFT, now_ms);
}

void lr_coord_refused(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (!r || r->state != ROW_UP || r->linked)
		return;
	lr_watch_refused(&r->watch);
	coord_verdict(c, r, now_ms);
}

void lr_coord_reached(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (r && r->state == ROW_UP)
		lr_watch_alive(&r->watch, now_ms);
}

bool lr_coord_accused(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	return !r || r->state != ROW_UP || lr_watch_accused(&r->watch, now_ms);
}

void lr_coord_slot_usage(struct lr_coord *c, unsigned slot, uint64_t entries,
			 uint64_t bytes)
{
	if (slot >= c->p.nslots)
		return;
	c->slots[slot].entries = entries;
	c->slots[slot].bytes = bytes;
	c->slots[slot].flags |= SLOT_KNOWN;
}
