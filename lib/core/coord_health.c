/* SPDX-License-Identifier: Apache-2.0 */
/* Looking: health of slots, donors and the pool. Nothing here changes state. */
#include "core/coord_internal.h"

#include <stdlib.h>

/* Synced members that are up. */
static uint8_t serving(const struct lr_coord *c, unsigned slot)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t synced = coord_cfg_synced_bits(cfg);
	unsigned bits = 0;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r;

		if (!coord_has(synced, i))
			continue;
		r = coord_row(c, cfg->mem[i]);
		if (r && r->state == ROW_UP)
			bits |= 1u << i;
	}
	return (uint8_t)bits;
}

enum lr_slot_health lr_coord_slot_health(const struct lr_coord *c,
					 unsigned slot)
{
	unsigned n;

	if (slot >= c->p.nslots || c->slots[slot].flags & SLOT_UNAVAIL)
		return LR_SLOTS_UNAVAILABLE;
	n = coord_bits(serving(c, slot));
	if (n >= coord_copies(c, slot))
		return LR_SLOTS_FULL;
	return n ? LR_SLOTS_SHORT : LR_SLOTS_UNAVAILABLE;
}

/* Of a slot that nobody reported in this run, the worst is assumed. */
bool lr_coord_slot_holds(const struct lr_coord *c, unsigned slot)
{
	if (slot >= c->p.nslots || !c->view.cfg[slot].ce)
		return false;
	if (c->slots[slot].flags & SLOT_KNOWN)
		return c->slots[slot].entries > 0;
	return !serving(c, slot) || c->slots[slot].flags & SLOT_UNAVAIL;
}

static bool same_machine(const struct coord_row *a, const struct coord_row *b)
{
	const struct lr_dev *m = &a->d.member.machine;

	if (lr_dev_is_zero(m))
		return lr_dev_eq(&a->d.member.dev, &b->d.member.dev);
	return lr_dev_eq(m, &b->d.member.machine);
}

static bool on_two_machines(const struct lr_coord *c, const struct lr_cfg *cfg,
			    uint8_t bits)
{
	const struct coord_row *first = NULL;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r;

		if (!coord_has(bits, i))
			continue;
		r = coord_row(c, cfg->mem[i]);
		if (!first)
			first = r;
		else if (!same_machine(first, r))
			return true;
	}
	return false;
}

static void count_slot(const struct lr_coord *c, unsigned slot,
		       struct lr_coord_summary *ret)
{
	uint8_t bits = serving(c, slot);

	switch (lr_coord_slot_health(c, slot)) {
	case LR_SLOTS_FULL:
		ret->full++;
		break;
	case LR_SLOTS_SHORT:
		ret->short_++;
		break;
	case LR_SLOTS_UNAVAILABLE:
		ret->unavailable++;
		break;
	}
	if (coord_bits(bits) < 2)
		ret->survives_donor = false;
	if (!on_two_machines(c, &c->view.cfg[slot], bits))
		ret->survives_machine = false;
}

/* Who is going takes nothing, and what it holds has to go elsewhere. */
static uint64_t usable(const struct lr_coord *c)
{
	struct lr_place_donor *d = calloc(c->n_rows + 1, sizeof *d);
	uint64_t bytes;
	size_t n = 0;

	if (!d)
		return 0;
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coord_row *r = c->rows[i];

		if (r->state == ROW_UP && !r->leaving && !coord_draining(r))
			coord_place_donor(c, i, &d[n++]);
	}
	bytes = lr_place_usable(d, n, 2);
	free(d);
	return bytes;
}

static bool shown(const struct coord_row *r)
{
	return r->state == ROW_UP || (r->state != ROW_GONE && r->refs);
}

static void count_donors(const struct lr_coord *c, struct lr_coord_summary *ret)
{
	const struct coord_row *first = NULL;

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coord_row *r = c->rows[i];

		ret->known += shown(r);
		ret->unheard += shown(r) && !r->said_hello;
		if (r->state != ROW_UP)
			continue;
		if (!ret->up++)
			first = r;
		else if (!same_machine(first, r))
			ret->survives_machine = true;
	}
	ret->survives_donor = ret->up > 1;
}

void lr_coord_summarize(const struct lr_coord *c, struct lr_coord_summary *ret)
{
	uint64_t ms;

	*ret = (struct lr_coord_summary){0};
	count_donors(c, ret);
	for (unsigned s = 0; s < c->p.nslots; s++) {
		bool holds = lr_coord_slot_holds(c, s);

		if (holds)
			count_slot(c, s, ret);
		ret->lost += lr_coord_lost(c, s, &ms) &&
			     c->slots[s].flags & SLOT_LOST_HELD;
	}
	ret->usable = usable(c);
}

/* --- one donor --- */

static enum lr_donor_state state_of(const struct coord_row *r)
{
	if (r->state != ROW_UP)
		return LR_DONOR_DOWN;
	if (r->watch.state != LR_WATCH_OK)
		return LR_DONOR_SUSPECT;
	if (r->leaving || coord_gives_back(r))
		return LR_DONOR_GIVING;
	return coord_draining(r) ? LR_DONOR_DRAINING : LR_DONOR_UP;
}

static void fill_row(const struct coord_row *r, struct lr_coord_row *ret)
{
	*ret = (struct lr_coord_row){.d = r->d,
				     .beat = r->beat,
				     .state = state_of(r),
				     .since_ms = r->since_ms};
	ret->d.member.up = r->state == ROW_UP;
}

/* What would be missing of this slot if one of its members went now. */
static void blame(const struct lr_coord *c, unsigned slot,
		  struct lr_coord_row *rows, size_t n)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t bits = serving(c, slot);
	unsigned have = coord_bits(bits);
	bool holds = lr_coord_slot_holds(c, slot);

	for (unsigned i = 0; i < cfg->n; i++) {
		struct lr_coord_row *r;
		size_t at;

		if (!coord_has(bits, i))
			continue;
		at = coord_row(c, cfg->mem[i])->shown_at;
		if (at >= n)
			continue;
		r = &rows[at];
		r->slots_sole += have == 1;
		r->slots_lost += holds && have == 1;
		r->slots_short +=
			holds && have > 1 && have <= coord_copies(c, slot);
	}
}

size_t lr_coord_rows(const struct lr_coord *c, struct lr_coord_row *ret,
		     size_t cap)
{
	size_t n = 0, all = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		if (!shown(c->rows[i]))
			continue;
		c->rows[i]->shown_at = all++;
		if (n < cap)
			fill_row(c->rows[i], &ret[n++]);
	}
	for (unsigned s = 0; n && s < c->p.nslots; s++)
		blame(c, s, ret, n);
	return all;
}

size_t lr_coord_awaited(const struct lr_coord *c, unsigned slot,
			struct lr_dev ret[LR_MEM_MAX])
{
	const struct lr_cfg *cfg;
	size_t n = 0;

	if (slot >= c->p.nslots ||
	    lr_coord_slot_health(c, slot) != LR_SLOTS_UNAVAILABLE)
		return 0;
	cfg = &c->view.cfg[slot];
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);
		bool answered = c->slots[slot].flags & SLOT_UNAVAIL &&
				coord_has(c->slots[slot].acked, i);

		if (!r || r->state == ROW_GONE ||
		    (r->state == ROW_UP && answered))
			continue;
		ret[n++] = r->d.member.dev;
	}
	return n;
}
