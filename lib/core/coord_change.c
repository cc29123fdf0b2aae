/* SPDX-License-Identifier: Apache-2.0 */
/* One change (protocol section 5), for all slots that need one now:
 *
 *   1 PREPARE(epoch) is persisted, before any SEAL leaves
 *   2 SEAL to all members with a link; answered by all that are not suspected,
 *     or 200 ms passed
 *   3 each slot is decided for itself (coord_decide.c); no synced member
 *     answered: it is unavailable until one is heard or the loss is proven
 *   4 COMMIT is persisted; the view changes; INSTALL and PUBLISH
 *
 * A refused SEAL or a newer cfg in an answer: that slot leaves the change and
 * runs again, with a higher epoch. Nothing is ever unsealed: a slot that was
 * sealed ends in a committed cfg, or waits as unavailable. */
#include "core/coord_internal.h"

#include <stdlib.h>
#include <string.h>

static uint64_t next_epoch(const struct lr_coord *c)
{
	uint64_t e = c->prepared;

	if (c->view.epoch > e)
		e = c->view.epoch;
	if (c->prom_seen > e)
		e = c->prom_seen;
	return e + 1;
}

/* Copies the view into `next`, whose slots are already allocated. */
static bool copy_view(struct lr_coord *c)
{
	struct lr_view *to = &c->next;
	const struct lr_view *from = &c->view;

	if (to->cap_members < from->n_members) {
		struct lr_member *m =
			realloc(to->members, from->cap_members * sizeof *m);

		if (!m)
			return false;
		to->members = m;
		to->cap_members = from->cap_members;
	}
	if (from->n_members)
		memcpy(to->members, from->members,
		       from->n_members * sizeof *to->members);
	to->n_members = from->n_members;
	memcpy(to->cfg, from->cfg, from->nslots * sizeof *to->cfg);
	to->run = from->run;
	to->rev = from->rev;
	to->epoch = from->epoch;
	return true;
}

static void end_change(struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_change; i++) {
		struct coord_slot *sl = &c->slots[c->change[i]];

		sl->flags &= (uint16_t) ~(SLOT_BUSY | SLOT_STALE);
		sl->shed = 0;
	}
	for (size_t i = 0; i < c->n_rows; i++) {
		c->rows[i]->seal_left = 0;
		c->rows[i]->seal_wait = false;
	}
	c->n_wait = 0;
	c->n_change = 0;
	c->phase = COORD_IDLE;
	c->unsent = false;
	c->scan = true;
}

/* Somebody above my epochs exists: whatever was not committed runs again. */
static void abort_change(struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_change; i++)
		coord_slot_again(c, c->change[i]);
	end_change(c);
}

static void send_prepare(struct lr_coord *c)
{
	c->unsent =
		!coord_act_push(c, &(struct lr_coord_act){.what = LR_DO_PREPARE,
							  .epoch = c->epoch});
}

static void send_commit(struct lr_coord *c)
{
	c->unsent = !coord_act_push(
		c, &(struct lr_coord_act){.what = LR_DO_COMMIT,
					  .epoch = c->next.epoch});
}

static void save(struct lr_coord *c)
{
	if (!copy_view(c))
		return;
	c->save = false;
	c->phase = COORD_SAVING;
	send_commit(c);
}

static bool due(const struct lr_coord *c, bool calm, uint64_t now_ms)
{
	return c->force || c->save ||
	       (calm && (c->scan || c->replan || now_ms >= c->wake_ms));
}

void coord_change_begin(struct lr_coord *c, uint64_t now_ms)
{
	bool calm = !c->n_awaited && now_ms >= c->settle_ms &&
		    (now_ms >= c->calm_ms || !c->n_syncing);

	if (c->phase != COORD_IDLE || c->frozen || !due(c, calm, now_ms))
		return;
	coord_collect(c, calm, now_ms);
	if (!c->n_change) {
		if (c->save)
			save(c);
		return;
	}
	if (calm)
		c->calm_ms = now_ms + COORD_CALM_MS;
	c->epoch = next_epoch(c);
	c->begun_ms = now_ms;
	c->phase = COORD_PREPARING;
	send_prepare(c);
	if (LR_MUTANT("epoch-before-persisted"))
		coord_seal_start(c, now_ms);
}

/* --- deciding --- */

static void set_unavailable(struct lr_coord *c, unsigned slot)
{
	struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];

	if (!(sl->flags & SLOT_UNAVAIL)) {
		sl->flags |= SLOT_UNAVAIL;
		c->n_unavail++;
		c->n_unavail_new += lr_coord_slot_holds(c, slot);
	}
	sl->flags &= (uint16_t)~SLOT_RETRY;
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (r && r->state == ROW_UP && r->linked &&
		    !coord_has(sl->acked, i))
			sl->flags |= SLOT_RETRY;
	}
}

/* True: `next` holds a new configuration of the slot. */
static bool decide_one(struct lr_coord *c, unsigned slot, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[slot];
	struct lr_cfg cfg;

	if (sl->flags & SLOT_STALE)
		return false;
	switch (coord_decide(c, slot, &cfg, now_ms)) {
	case COORD_MADE:
		c->next.cfg[slot] = cfg;
		return true;
	case COORD_UNAVAILABLE:
		set_unavailable(c, slot);
		return false;
	case COORD_NOTHING:
		break;
	}
	return false;
}

static void tell_unavailable(struct lr_coord *c)
{
	if (c->n_unavail_new)
		coord_event(c, LR_EVENT_UNAVAILABLE, NULL, c->n_unavail_new, 0);
	c->n_unavail_new = 0;
}

static void decide_all(struct lr_coord *c, uint64_t now_ms)
{
	bool made = false;

	if (c->frozen) {
		abort_change(c);
		return;
	}
	if (!copy_view(c))
		return; /* the next tick */
	coord_count_donors(c);
	c->n_lost = c->n_lost_held = 0;
	for (size_t i = 0; i < c->n_change; i++)
		made |= decide_one(c, c->change[i], now_ms);
	tell_unavailable(c);
	if (!made) {
		end_change(c);
		return;
	}
	c->next.epoch = c->epoch;
	c->phase = COORD_COMMITTING;
	send_commit(c);
}

void coord_change_go_on(struct lr_coord *c, uint64_t now_ms)
{
	bool late = now_ms >= c->seal_until_ms;

	if (c->phase != COORD_SEALING)
		return;
	if (late || (!c->n_wait && !c->unsent))
		decide_all(c, now_ms);
}

/* --- committed --- */

static void apply_one(struct lr_coord *c, unsigned slot, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[slot];

	if (c->next.cfg[slot].ce != c->epoch)
		return;
	coord_warm_left(c, slot, &c->next.cfg[slot], now_ms);
	coord_cfg_set(c, slot, &c->next.cfg[slot]);
	if (sl->flags & SLOT_UNAVAIL)
		c->n_unavail--;
	sl->flags &= (uint16_t) ~(SLOT_UNAVAIL | SLOT_RETRY | SLOT_NO_DONOR);
	sl->newest = 0;
	coord_doubt_over(c, slot);
}

static bool gather_installs(struct lr_coord *c, unsigned slot,
			    const struct coord_row *only)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct coord_row *r;

		if (coord_has(c->slots[slot].installed, i))
			continue;
		r = coord_row(c, cfg->mem[i]);
		if (!r || r->state != ROW_UP || (only && r != only))
			continue;
		r->installs_due = true;
		if (r->linked && !coord_batch_add(r, slot))
			return false;
	}
	return true;
}

void coord_install_send(struct lr_coord *c, struct coord_row *only)
{
	if (c->frozen)
		return;
	for (size_t i = 0; i < c->n_rows; i++)
		if (!only || c->rows[i] == only)
			c->rows[i]->installs_due = false;
	for (unsigned s = 0; s < c->p.nslots; s++) {
		uint8_t all = coord_all_bits(&c->view.cfg[s]);

		if (c->slots[s].installed == all)
			continue;
		if (gather_installs(c, s, only))
			continue;
		coord_batch_drop(c);
		for (size_t i = 0; i < c->n_rows; i++)
			c->rows[i]->installs_due = true;
		return;
	}
	(void)coord_batch_send(c, LR_DO_INSTALL, c->view.epoch);
}

static void apply(struct lr_coord *c, uint64_t now_ms)
{
	c->view.epoch = c->epoch;
	for (size_t i = 0; i < c->n_change; i++)
		apply_one(c, c->change[i], now_ms);
	coord_rows_drop(c);
	c->save = false;
	end_change(c);
	coord_install_send(c, NULL);
	c->retry_ms = now_ms + COORD_RETRY_MS;
	c->publish = true;
	if (c->n_lost)
		coord_event(c, LR_EVENT_LOST, NULL, c->n_lost, c->n_lost_held);
}

void lr_coord_persisted(struct lr_coord *c, uint64_t now_ms)
{
	if (c->unsent)
		return; /* nothing was asked for */
	switch (c->phase) {
	case COORD_PREPARING:
		coord_seal_start(c, now_ms);
		break;
	case COORD_COMMITTING:
		apply(c, now_ms);
		break;
	case COORD_SAVING:
		c->phase = COORD_IDLE;
		break;
	case COORD_IDLE:
	case COORD_SEALING:
		break;
	}
}

void coord_change_tick(struct lr_coord *c, uint64_t now_ms)
{
	if (c->unsent && c->phase == COORD_PREPARING)
		send_prepare(c);
	else if (c->unsent && c->phase == COORD_SEALING)
		coord_seal_send(c, NULL);
	else if (c->unsent)
		send_commit(c);
	coord_change_go_on(c, now_ms);
	coord_change_begin(c, now_ms);
}
