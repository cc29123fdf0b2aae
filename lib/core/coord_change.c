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

void coord_epoch_seen(struct lr_coord *c, uint64_t epoch)
{
	uint64_t mine = c->prepared;

	if (epoch > COORD_EPOCH_MAX)
		return;
	if (epoch > c->prom_seen)
		c->prom_seen = epoch;
	if (c->view.epoch > mine)
		mine = c->view.epoch;
	if (c->accepted > mine)
		mine = c->accepted;
	if (epoch > mine)
		c->frozen = true;
}

static uint64_t next_epoch(const struct lr_coord *c)
{
	uint64_t e = c->prepared;

	if (c->view.epoch > e)
		e = c->view.epoch;
	if (c->prom_seen > e)
		e = c->prom_seen;
	return e + 1;
}

bool coord_foreign_add(struct lr_coord *c, unsigned slot, uint64_t inc)
{
	for (size_t i = 0; i < c->n_foreign; i++)
		if (c->foreign[i].slot == slot && c->foreign[i].inc == inc)
			return true;
	if (c->n_foreign == c->cap_foreign) {
		size_t cap = c->cap_foreign ? 2 * c->cap_foreign : 16;
		struct coord_foreign *f =
			realloc(c->foreign, cap * sizeof *f);

		if (!f)
			return false;
		c->foreign = f;
		c->cap_foreign = cap;
	}
	c->foreign[c->n_foreign++] = (struct coord_foreign){ inc, slot };
	return true;
}

static void foreign_drop(struct lr_coord *c, unsigned slot, uint64_t inc)
{
	for (size_t i = 0; i < c->n_foreign; i++)
		if (c->foreign[i].slot == slot && c->foreign[i].inc == inc) {
			c->foreign[i] = c->foreign[--c->n_foreign];
			return;
		}
}

/* Copies the view into `next`, whose slots are already allocated. */
static bool copy_view(struct lr_coord *c)
{
	struct lr_view *to = &c->next;
	const struct lr_view *from = &c->view;

	if (to->cap_members < from->n_members) {
		struct lr_member *m = realloc(
			to->members, from->cap_members * sizeof *m);

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
	for (size_t i = 0; i < c->n_change; i++)
		c->slots[c->change[i]].flags &=
			(uint16_t)~(SLOT_BUSY | SLOT_STALE);
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
	c->unsent = !coord_act_push(
		c, &(struct lr_coord_act){ .what = LR_DO_PREPARE,
					   .epoch = c->epoch });
}

static void send_commit(struct lr_coord *c)
{
	c->unsent = !coord_act_push(
		c, &(struct lr_coord_act){ .what = LR_DO_COMMIT,
					   .epoch = c->next.epoch });
}

static void save(struct lr_coord *c)
{
	if (!copy_view(c))
		return;
	c->save = false;
	c->phase = COORD_SAVING;
	send_commit(c);
}

static void start_sealing(struct lr_coord *c, uint64_t now_ms);

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
		start_sealing(c, now_ms);
}

/* --- sealing ------------------------------------------------------------- */

static bool seal_at(struct lr_coord *c, unsigned slot, uint64_t inc,
		    const struct coord_row *only)
{
	struct coord_row *r = coord_row(c, inc);

	if (!r || r->state != ROW_UP || !r->linked || (only && r != only))
		return true;
	if (!coord_batch_add(r, slot))
		return false;
	r->seal_left++;
	return true;
}

static bool gather_seals(struct lr_coord *c, const struct coord_row *only)
{
	for (size_t i = 0; i < c->n_change; i++) {
		unsigned s = c->change[i];
		const struct lr_cfg *cfg = &c->view.cfg[s];

		if (c->slots[s].flags & SLOT_STALE)
			continue;
		for (unsigned k = 0; k < cfg->n; k++)
			if (!coord_has(c->slots[s].answered, k) &&
			    !seal_at(c, s, cfg->mem[k], only))
				return false;
	}
	for (size_t i = 0; i < c->n_foreign; i++)
		if (c->slots[c->foreign[i].slot].flags & SLOT_BUSY &&
		    !seal_at(c, c->foreign[i].slot, c->foreign[i].inc, only))
			return false;
	return true;
}

/* Nobody waits for a donor that is suspected or has no link. */
static void wait_for(struct lr_coord *c, struct coord_row *r)
{
	if (r->seal_wait || !r->seal_left || r->watch.state != LR_WATCH_OK)
		return;
	r->seal_wait = true;
	c->n_wait++;
}

static void stop_waiting(struct lr_coord *c, struct coord_row *r)
{
	if (!r->seal_wait)
		return;
	r->seal_wait = false;
	c->n_wait--;
}

/* Repeating a SEAL of the same epoch and run does no harm. */
static void send_seals(struct lr_coord *c, struct coord_row *only)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (!only || c->rows[i] == only)
			c->rows[i]->seal_left = 0;
	if (!gather_seals(c, only)) {
		coord_batch_drop(c);
		c->unsent = true;
		return;
	}
	if (!coord_batch_send(c, LR_DO_SEAL, c->epoch))
		c->unsent = true;
	else if (!only)
		c->unsent = false;
	for (size_t i = 0; i < c->n_rows; i++)
		wait_for(c, c->rows[i]);
}

static void decide_all(struct lr_coord *c, uint64_t now_ms);

static void go_on(struct lr_coord *c, uint64_t now_ms)
{
	bool late = now_ms >= c->seal_until_ms;

	if (c->phase != COORD_SEALING)
		return;
	if (late || (!c->n_wait && !c->unsent))
		decide_all(c, now_ms);
}

/* A change of nothing but unavailable slots stalls nobody by waiting longer:
 * a member that is always late would else never be in time. */
static unsigned seal_wait_ms(const struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_change; i++)
		if (!(c->slots[c->change[i]].flags & SLOT_UNAVAIL))
			return c->p.seal_wait_ms;
	return 4 * c->p.seal_wait_ms;
}

static void start_sealing(struct lr_coord *c, uint64_t now_ms)
{
	c->prepared = c->epoch;
	c->phase = COORD_SEALING;
	c->seal_until_ms = now_ms + seal_wait_ms(c);
	for (size_t i = 0; i < c->n_change; i++) {
		struct coord_slot *sl = &c->slots[c->change[i]];

		sl->answered = sl->acked = sl->ack_synced = 0;
		sl->ack_at_ce = sl->ack_none = 0;
		if (sl->prom < c->epoch)
			sl->prom = c->epoch;
	}
	send_seals(c, NULL);
	go_on(c, now_ms);
}

void coord_change_joined(struct lr_coord *c, struct coord_row *r)
{
	if (c->phase == COORD_SEALING)
		send_seals(c, r);
}

void coord_change_lost(struct lr_coord *c, struct coord_row *r)
{
	r->seal_left = 0;
	stop_waiting(c, r);
}

/* A member's first answer: is it with me, and is it synced? */
static void take_ack(struct lr_coord *c, unsigned slot, unsigned bit,
		     const struct lr_slot_report *a)
{
	struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t mask = (uint8_t)(1u << bit);

	sl->answered |= mask;
	if (a->result != LR_E_OK || a->prom > c->epoch) {
		sl->flags |= SLOT_STALE;
		coord_slot_again(c, slot);
		return;
	}
	sl->acked |= mask;
	if (a->inst.ce == 0)
		sl->ack_none |= mask;
	if (a->inst.ce == 0 || a->inst.ce != cfg->ce)
		return;
	sl->ack_at_ce |= mask;
	sl->installed |= mask;
	if (a->status == LR_SLOT_SYNCED)
		sl->ack_synced |= mask;
}

static void take_seal(struct lr_coord *c, struct coord_row *r,
		      const struct lr_slot_report *a, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[a->slot];
	const struct lr_cfg *cfg = &c->view.cfg[a->slot];
	int i = lr_cfg_index(cfg, r->d.member.inc);

	coord_epoch_seen(c, a->prom);
	coord_epoch_seen(c, a->inst.ce);
	if (i >= 0 && coord_has(sl->answered, (unsigned)i) && !(sl->flags & SLOT_STALE))
		return;
	if (r->seal_left)
		r->seal_left--;
	if (sl->flags & SLOT_STALE)
		return;
	foreign_drop(c, a->slot, r->d.member.inc);
	if (a->inst.ce > cfg->ce) {
		if (!lr_cfg_valid(&a->inst) ||
		    !coord_cfg_adopt(c, a->slot, &a->inst, now_ms))
			(void)coord_foreign_add(c, a->slot, r->d.member.inc);
		sl->flags |= SLOT_STALE;
		coord_slot_again(c, a->slot);
	} else if (i >= 0) {
		take_ack(c, a->slot, (unsigned)i, a);
	}
}

void lr_coord_sealed(struct lr_coord *c, uint64_t inc, uint64_t epoch,
		     const struct lr_slot_report *a, size_t n, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);
	bool mine = c->phase == COORD_SEALING && epoch == c->epoch;

	if (!r || r->state != ROW_UP)
		return;
	for (size_t i = 0; i < n; i++) {
		if (a[i].slot >= c->p.nslots)
			continue;
		if (mine && c->slots[a[i].slot].flags & SLOT_BUSY)
			take_seal(c, r, &a[i], now_ms);
		else
			coord_report(c, r, &a[i], true, now_ms);
	}
	if (!r->seal_left)
		stop_waiting(c, r);
	go_on(c, now_ms);
}

/* --- deciding ------------------------------------------------------------ */

static void set_unavailable(struct lr_coord *c, unsigned slot)
{
	struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];

	if (!(sl->flags & SLOT_UNAVAIL)) {
		c->n_unavail++;
		c->n_unavail_new++;
	}
	sl->flags |= SLOT_UNAVAIL;
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

/* --- committed ------------------------------------------------------------ */

static void apply_one(struct lr_coord *c, unsigned slot)
{
	struct coord_slot *sl = &c->slots[slot];

	if (c->next.cfg[slot].ce != c->epoch)
		return;
	coord_cfg_set(c, slot, &c->next.cfg[slot]);
	if (sl->flags & SLOT_UNAVAIL)
		c->n_unavail--;
	sl->flags &= (uint16_t)~(SLOT_UNAVAIL | SLOT_RETRY | SLOT_NO_DONOR);
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
		apply_one(c, c->change[i]);
	coord_rows_drop(c);
	c->save = false;
	end_change(c);
	coord_install_send(c, NULL);
	c->retry_ms = now_ms + COORD_RETRY_MS;
	c->publish = true;
	if (c->n_lost)
		coord_event(c, LR_EVENT_LOST, NULL, c->n_lost,
			    c->n_lost_held);
}

void lr_coord_persisted(struct lr_coord *c, uint64_t now_ms)
{
	if (c->unsent)
		return; /* nothing was asked for */
	switch (c->phase) {
	case COORD_PREPARING:
		start_sealing(c, now_ms);
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
		send_seals(c, NULL);
	else if (c->unsent)
		send_commit(c);
	go_on(c, now_ms);
	coord_change_begin(c, now_ms);
}
