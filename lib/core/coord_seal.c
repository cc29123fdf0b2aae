/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: who is asked, who is waited for, and what the answers say. */
#include "core/coord_internal.h"

#include <stdlib.h>

bool coord_foreign_add(struct lr_coord *c, unsigned slot, uint64_t inc)
{
	for (size_t i = 0; i < c->n_foreign; i++)
		if (c->foreign[i].slot == slot && c->foreign[i].inc == inc)
			return true;
	if (c->n_foreign == c->cap_foreign) {
		size_t cap = c->cap_foreign ? 2 * c->cap_foreign : 16;
		struct coord_foreign *f = realloc(c->foreign, cap * sizeof *f);

		if (!f)
			return false;
		c->foreign = f;
		c->cap_foreign = cap;
	}
	c->foreign[c->n_foreign++] = (struct coord_foreign){inc, slot};
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
void coord_seal_send(struct lr_coord *c, struct coord_row *only)
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

/* A change of nothing but unavailable slots stalls nobody by waiting longer:
 * a member that is always late would else never be in time. */
static unsigned seal_wait_ms(const struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_change; i++)
		if (!(c->slots[c->change[i]].flags & SLOT_UNAVAIL))
			return c->p.seal_wait_ms;
	return 4 * c->p.seal_wait_ms;
}

void coord_seal_start(struct lr_coord *c, uint64_t now_ms)
{
	c->prepared = c->epoch;
	c->phase = COORD_SEALING;
	c->seal_until_ms = now_ms + seal_wait_ms(c);
	c->seal_last_ms = now_ms + COORD_MOVES_MS;
	for (size_t i = 0; i < c->n_change; i++) {
		struct coord_slot *sl = &c->slots[c->change[i]];

		sl->answered = sl->acked = sl->ack_synced = 0;
		sl->ack_at_ce = sl->ack_none = sl->ack_left = 0;
		if (sl->prom < c->epoch)
			sl->prom = c->epoch;
	}
	coord_seal_send(c, NULL);
	coord_change_go_on(c, now_ms);
}

/* On a slow network what SEALs of thousands of slots and their answers take is
 * no reason to do without a donor: it would be given all its data again. */
void coord_link_moves(struct lr_coord *c, struct coord_row *r,
		      uint64_t now_ms)
{
	uint64_t until = now_ms + COORD_STALL_MS;

	r->moved_ms = now_ms;
	if (c->phase != COORD_SEALING)
		return;
	wait_for(c, r);
	if (!r->seal_wait)
		return;
	if (until > c->seal_last_ms)
		until = c->seal_last_ms;
	if (until > c->seal_until_ms)
		c->seal_until_ms = until;
}

void coord_change_joined(struct lr_coord *c, struct coord_row *r)
{
	if (c->phase == COORD_SEALING)
		coord_seal_send(c, r);
}

void coord_change_lost(struct lr_coord *c, struct coord_row *r)
{
	r->seal_left = 0;
	stop_waiting(c, r);
}

/* Nobody waits for it, unless its link moves again. */
void coord_change_suspect(struct lr_coord *c, struct coord_row *r)
{
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
	if (a->left > cfg->ce)
		sl->ack_left |= mask;
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
	if (i >= 0 && coord_has(sl->answered, (unsigned)i) &&
	    !(sl->flags & SLOT_STALE))
		return;
	if (r->seal_left)
		r->seal_left--;
	if (sl->flags & SLOT_STALE)
		return;
	foreign_drop(c, a->slot, r->d.member.inc);
	coord_newer_seen(c, a);
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
	coord_change_go_on(c, now_ms);
}
