/* SPDX-License-Identifier: Apache-2.0 */
/* Which slots need a change, and who shall hold what.
 *
 * A slot cannot wait when a member is down or gone, or its promise is above the
 * committed epoch. The rest (joins, moves, leaving) is done when it is calm: in
 * steps of at least 250 ms, after joins were gathered. A move is two changes:
 * add the successor; once it is synced, remove the member. */
#include "core/coord_internal.h"

#include <stdlib.h>
#include <string.h>

void coord_count_donors(struct lr_coord *c)
{
	c->n_donors = 0;
	for (size_t i = 0; i < c->n_rows; i++)
		if (coord_row_usable(c->rows[i]))
			c->n_donors++;
}

bool coord_damped(const struct coord_row *r, uint64_t now_ms)
{
	return r->device && now_ms < r->device->damp_until_ms;
}

/* --- who shall hold what --- */

struct plan {
	struct lr_place_donor *donors;
	size_t n, n_damped;
	struct lr_cfg
		*cfg; /* NULL: the view's; without unsynced full members,
			 with those that were members not long ago */
	struct lr_want *without; /* damped donors left out */
};

static uint32_t site_of(const struct lr_coord *c, size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (!strcmp(c->rows[i]->d.site, c->rows[row]->d.site))
			return (uint32_t)i;
	return (uint32_t)row;
}

static bool machine_known(const struct coord_row *r)
{
	return !lr_dev_is_zero(&r->d.member.machine);
}

void coord_place_donor(const struct lr_coord *c, size_t row,
		       struct lr_place_donor *ret)
{
	const struct coord_row *r = c->rows[row];

	*ret = (struct lr_place_donor){
		.inc = r->d.member.inc,
		.weight = r->d.lent,
		.machine = machine_known(r) ? r->d.member.machine
					    : r->d.member.dev,
		.site = site_of(c, row),
	};
}

/* Without the damped ones first, so that they can be cut off. */
static void list_donors(struct lr_coord *c, struct plan *p, bool damped,
			uint64_t now_ms)
{
	for (size_t i = 0; i < c->n_rows; i++) {
		struct coord_row *r = c->rows[i];

		if (r->state != ROW_UP || r->leaving || coord_draining(r) ||
		    r->full || !r->d.lent || r->pressure ||
		    coord_damped(r, now_ms) != damped)
			continue;
		coord_place_donor(c, i, &p->donors[p->n++]);
		p->n_damped += damped;
	}
}

static bool any_full(const struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->full && c->rows[i]->state == ROW_UP)
			return true;
	return false;
}

static bool copy_table(const struct lr_coord *c, struct plan *p)
{
	p->cfg = malloc(c->p.nslots * sizeof *p->cfg);
	if (p->cfg)
		memcpy(p->cfg, c->view.cfg, c->p.nslots * sizeof *p->cfg);
	return p->cfg != NULL;
}

/* Who is full and not synced in a slot is not there as placement sees it. */
static void hide_full(struct lr_coord *c, struct plan *p)
{
	for (unsigned s = 0; s < c->p.nslots; s++) {
		struct lr_cfg *cfg = &p->cfg[s];
		uint8_t synced = coord_cfg_synced_bits(cfg);
		unsigned n = 0;

		for (unsigned i = 0; i < cfg->n; i++) {
			const struct coord_row *r = coord_row(c, cfg->mem[i]);

			if (r && r->full && !coord_has(synced, i))
				continue;
			cfg->mem[n++] = cfg->mem[i];
		}
		cfg->n = (uint8_t)n;
		cfg->src = cfg->synced = 0;
	}
}

/* The last one of `w` that would be a new copy, or -1. */
static int last_fresh(const struct lr_want *w, const struct lr_cfg *cfg)
{
	for (int i = w->n - 1; i >= 0; i--)
		if (lr_cfg_index(cfg, w->mem[i]) < 0)
			return i;
	return -1;
}

/* A full donor takes no new copy, so it was not planned with; what it has in
 * full stays where a copy would have to be made instead. */
static void spare_full(struct lr_coord *c, unsigned slot)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t synced = coord_cfg_synced_bits(cfg);
	struct lr_want *w = &c->want[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);
		int at = w->n;

		if (!r || !r->full || r->state != ROW_UP || r->leaving ||
		    coord_draining(r) || !coord_has(synced, i))
			continue;
		if (w->n == coord_copies(c, slot))
			at = last_fresh(w, cfg);
		else
			w->n++;
		if (at >= 0)
			w->mem[at] = cfg->mem[i];
	}
}

static bool place(struct lr_coord *c, struct plan *p, size_t n,
		  struct lr_want *want)
{
	return lr_place(p->cfg ? p->cfg : c->view.cfg, c->p.nslots, p->donors,
			n, want);
}

/* Damping holds where R + 1 donors are left without those that flap. */
static bool place_damped(struct lr_coord *c, struct plan *p)
{
	size_t calm = p->n - p->n_damped;
	unsigned per_class = c->p.nslots / LR_CLASSES;

	p->without = malloc(c->p.nslots * sizeof *p->without);
	if (!p->without || !place(c, p, calm, p->without))
		return false;
	for (unsigned k = 0; k < LR_CLASSES; k++)
		if (calm >= lr_class_copies(k) + 1)
			memcpy(&c->want[k * per_class],
			       &p->without[k * per_class],
			       per_class * sizeof *c->want);
	return true;
}

static bool make_plan(struct lr_coord *c, struct plan *p, uint64_t now_ms)
{
	bool full = any_full(c), warm = coord_warm_any(c);

	list_donors(c, p, false, now_ms);
	list_donors(c, p, true, now_ms);
	if ((full || warm) && !copy_table(c, p))
		return false;
	if (full)
		hide_full(c, p);
	if (warm)
		coord_warm_plan(c, p->cfg, now_ms);
	if (!place(c, p, p->n, c->want))
		return false;
	if (p->n_damped && !place_damped(c, p))
		return false;
	for (unsigned s = 0; full && s < c->p.nslots; s++)
		spare_full(c, s);
	return true;
}

bool coord_plan_try(struct lr_coord *c, struct lr_want *want, uint64_t now_ms)
{
	struct plan p = {.donors = calloc(c->n_rows + 1, sizeof *p.donors)};
	struct lr_want *planned = c->want;
	bool ok;

	c->want = want;
	ok = p.donors && make_plan(c, &p, now_ms);
	c->want = planned;
	free(p.donors);
	free(p.cfg);
	free(p.without);
	return ok;
}

bool coord_plan(struct lr_coord *c, uint64_t now_ms)
{
	if (!coord_plan_try(c, c->want, now_ms))
		return false;
	for (size_t i = 0; i < c->n_rows; i++)
		c->rows[i]->weight = c->rows[i]->d.lent;
	for (unsigned s = 0; s < c->p.nslots; s++)
		if (c->slots[s].flags & SLOT_NO_DONOR)
			coord_slot_again(c, s);
	c->planned = true;
	c->replan = false;
	c->scan = true;
	return true;
}

/* --- which slots need a change --- */

/* What is known of a slot's members without asking. */
struct sight {
	uint8_t there;	 /* up */
	uint8_t syncing; /* up, wanted to stay, not synced */
	bool waiting;	 /* somebody is awaited: decide nothing yet */
	bool broken;	 /* a member is down or gone */
};

static void look(const struct lr_coord *c, unsigned slot, struct sight *ret)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned there = 0;

	*ret = (struct sight){0};
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (!r || r->state == ROW_DOWN || r->state == ROW_GONE)
			ret->broken = true;
		else if (r->state == ROW_AWAITED ||
			 (!r->linked && r->watch.state == LR_WATCH_OK))
			ret->waiting = true;
		else
			there |= 1u << i;
	}
	ret->there = (uint8_t)there;
	ret->syncing = (uint8_t)(there & ~(unsigned)coord_cfg_synced_bits(cfg));
}

/* One step of a move, or copies to add. Whoever still fills is let finish. */
static bool wants_step(struct lr_coord *c, unsigned slot,
		       const struct sight *see, uint64_t now_ms)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t synced = coord_cfg_synced_bits(cfg) & see->there;
	struct coord_shape shape;
	bool sole;

	coord_shape(c, slot, see->there, synced, now_ms, &shape);
	if (shape.held && !c->paused && c->slots[slot].hold_ms < c->wake_ms)
		c->wake_ms = c->slots[slot].hold_ms;
	if (see->syncing & shape.keep)
		return false;
	if (shape.keep != see->there)
		return true;
	sole = coord_bits(synced) == 1;
	return shape.n_fresh && (sole || !c->sole_left);
}

static bool can_start(const struct lr_coord *c, unsigned slot)
{
	for (unsigned i = 0; i < c->want[slot].n; i++)
		if (coord_row_usable(coord_row(c, c->want[slot].mem[i])))
			return true;
	return false;
}

static bool needs_change(struct lr_coord *c, unsigned slot, bool calm,
			 bool *put_off, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	struct sight see;

	if (!cfg->ce)
		return sl->flags & SLOT_AGAIN ||
		       (calm && c->planned && can_start(c, slot));
	look(c, slot, &see);
	if (see.waiting) {
		*put_off |= see.broken || sl->shed || sl->flags & SLOT_AGAIN;
		return false;
	}
	if (sl->flags & SLOT_AGAIN)
		return !LR_MUTANT("slot-left-sealed");
	/* Lost for sure, but there was nobody to take it. */
	if (sl->flags & SLOT_UNAVAIL)
		return sl->flags & SLOT_NO_DONOR && c->planned &&
		       can_start(c, slot);
	if (see.broken || sl->shed)
		return true;
	return calm && c->planned && wants_step(c, slot, &see, now_ms);
}

static bool goes(const struct coord_row *r)
{
	return r->leaving || coord_gives_back(r);
}

/* Slots whose only synced copy is on a donor that is leaving, or whose host is
 * short of RAM, go first. */
static void count_sole(struct lr_coord *c)
{
	bool leaving = false;

	c->sole_left = 0;
	for (size_t i = 0; i < c->n_rows; i++)
		leaving |= goes(c->rows[i]) && c->rows[i]->refs;
	for (unsigned s = 0; leaving && s < c->p.nslots; s++) {
		const struct lr_cfg *cfg = &c->view.cfg[s];
		uint8_t synced = coord_cfg_synced_bits(cfg);
		const struct coord_row *r;

		if (coord_bits(synced) != 1 || c->slots[s].flags & SLOT_UNAVAIL)
			continue;
		r = coord_row(c, cfg->mem[__builtin_ctz(synced)]);
		if (r && goes(r) && c->want[s].n)
			c->sole_left++;
	}
}

static void tell_healed(struct lr_coord *c, uint64_t now_ms)
{
	if (!c->hurt_ms || c->n_syncing || c->wake_ms != UINT64_MAX)
		return;
	for (unsigned s = 0; s < c->p.nslots; s++) {
		unsigned want = coord_copies(c, s);

		/* Of slots that hold nothing, nothing is missing. */
		if (c->slots[s].flags & SLOT_KNOWN && !c->slots[s].entries)
			continue;
		if (c->slots[s].flags & SLOT_UNAVAIL)
			return;
		if (want > c->hurt_donors)
			want = c->hurt_donors;
		if (coord_bits(coord_cfg_synced_bits(&c->view.cfg[s])) < want)
			return;
	}
	coord_event(c, LR_EVENT_HEALED, NULL, 0, now_ms - c->hurt_ms);
	c->hurt_ms = 0;
}

void coord_collect(struct lr_coord *c, bool calm, uint64_t now_ms)
{
	bool put_off = false;

	if (c->replan && !c->n_awaited && !coord_plan(c, now_ms))
		return; /* the next tick */
	coord_count_donors(c);
	count_sole(c);
	if (calm)
		c->wake_ms = UINT64_MAX;
	c->n_change = 0;
	for (unsigned s = 0; s < c->p.nslots; s++)
		if (needs_change(c, s, calm, &put_off, now_ms))
			c->change[c->n_change++] = s;
	for (size_t i = 0; i < c->n_change; i++) {
		struct coord_slot *sl = &c->slots[c->change[i]];

		sl->flags |= SLOT_BUSY;
		sl->flags &= (uint16_t)~SLOT_AGAIN;
	}
	c->force = put_off;
	if (!calm)
		return;
	c->scan = false;
	if (!c->n_change && !put_off)
		tell_healed(c, now_ms);
}
