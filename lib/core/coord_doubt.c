/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 7: the state that I started from may be an old copy, and the pool may
 * have gone on without it. The caller says so (it was imported), or a donor
 * shows it: by an epoch above mine, or by a configuration that I do not know.
 *
 *   - nothing is issued (frozen) until all whom my view names were heard, or an
 *     admin confirmed; what is stored can be reached meanwhile
 *   - then each slot is in doubt until it has a new configuration, far above
 *     all epochs. That takes the seals of ALL its members, where else one is
 *     enough: every later configuration kept one of them, and that one tells
 *   - a newer one that is told is taken over, and in doubt as well. Who tells
 *     only that it was left out knows no more: the slot waits for whoever does,
 *     or for an admin
 *
 * While there is doubt the caller keeps a mark, so that the next start has it
 * from the beginning. */
#include "core/coord_internal.h"

#define LEAP_SINCE 1735689600u /* 2025, Unix */
#define LEAP_BITS  20	       /* more changes than a second can have */

/* Epochs that were used since, and died with their donors, are known to clients
 * still: no start from an old copy comes near them, or near another's. A later
 * start from the same copy comes out above an earlier one: by the clock. */
static void leap(struct lr_coord *c)
{
	uint64_t e = c->prepared > c->view.epoch ? c->prepared : c->view.epoch;
	uint64_t by_clock = 0;

	e += (1ull << 32) + (uint32_t)c->p.run;
	if (c->p.unix_s > LEAP_SINCE)
		by_clock = ((c->p.unix_s - LEAP_SINCE) << LEAP_BITS) +
			   c->p.run % (1u << LEAP_BITS);
	if (e < by_clock)
		e = by_clock;
	if (c->prom_seen < e && e < COORD_EPOCH_MAX)
		c->prom_seen = e;
}

void lr_coord_doubt(struct lr_coord *c)
{
	if (c->doubted)
		return;
	leap(c);
	c->doubted = c->frozen = true;
	c->n_doubt = c->p.nslots;
	for (unsigned s = 0; s < c->p.nslots; s++) {
		c->slots[s].flags |= SLOT_DOUBT;
		if (c->view.cfg[s].ce)
			coord_slot_again(c, s);
	}
}

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
	if (epoch <= mine)
		return;
	lr_coord_doubt(c);
	c->frozen = true;
}

void coord_newer_seen(struct lr_coord *c, const struct lr_slot_report *a)
{
	struct coord_slot *sl = &c->slots[a->slot];
	uint64_t ce = a->left > a->inst.ce ? a->left : a->inst.ce;

	if (ce <= c->view.cfg[a->slot].ce || ce > COORD_EPOCH_MAX)
		return;
	lr_coord_doubt(c);
	if (sl->flags & SLOT_DOUBT && ce > sl->newest)
		sl->newest = ce;
}

bool coord_is_newest(const struct lr_coord *c, unsigned slot)
{
	const struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];

	if (!(sl->flags & SLOT_DOUBT) || LR_MUTANT("doubt-ignored"))
		return true;
	for (unsigned i = 0; i < cfg->n; i++)
		if (!coord_has(sl->acked, i) &&
		    !coord_row(c, cfg->mem[i])->excused)
			return false;
	return cfg->ce && cfg->ce >= sl->newest;
}

void coord_doubt_over(struct lr_coord *c, unsigned slot)
{
	struct coord_slot *sl = &c->slots[slot];

	if (!(sl->flags & SLOT_DOUBT))
		return;
	sl->flags &= (uint16_t)~SLOT_DOUBT;
	c->n_doubt--;
}

static void go_on(struct lr_coord *c)
{
	c->accepted = c->prom_seen;
	c->frozen = c->announced_frozen = false;
	c->force = c->scan = true;
	for (size_t i = 0; i < c->n_rows; i++)
		c->rows[i]->installs_due = c->rows[i]->refs > 0;
}

/* Slots that a donor here knows better: it is asked all the same. */
static void note_known(struct lr_coord *c)
{
	for (unsigned s = 0; s < c->p.nslots; s++)
		c->slots[s].flags &= (uint16_t)~SLOT_KNOWN_BETTER;
	for (size_t i = 0; i < c->n_foreign; i++) {
		const struct coord_row *r = coord_row(c, c->foreign[i].inc);

		if (r && r->state == ROW_UP)
			c->slots[c->foreign[i].slot].flags |=
				SLOT_KNOWN_BETTER;
	}
}

/* Of a member of a configuration that was taken over, and never heard, nobody
 * can say what device it was: no admin could forget it later. */
static void excuse_absent(struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_rows; i++) {
		struct coord_row *r = c->rows[i];

		r->excused = r->state != ROW_UP;
		if (r->excused && !r->device)
			coord_row_gone(c, r);
	}
}

void lr_coord_confirm(struct lr_coord *c)
{
	if (!lr_coord_is_waiting(c))
		return;
	excuse_absent(c);
	note_known(c);
	for (unsigned s = 0; s < c->p.nslots; s++) {
		if (c->slots[s].flags & SLOT_DOUBT && c->view.cfg[s].ce)
			coord_slot_again(c, s);
		if (!(c->slots[s].flags & SLOT_KNOWN_BETTER))
			coord_doubt_over(c, s);
	}
	go_on(c);
}

bool lr_coord_is_waiting(const struct lr_coord *c)
{
	return c->frozen || c->n_doubt;
}

bool lr_coord_slot_in_doubt(const struct lr_coord *c, unsigned slot)
{
	return c->slots[slot].flags & SLOT_DOUBT;
}

/* With a view that names nobody, that all were heard says nothing. */
void coord_doubt_tick(struct lr_coord *c)
{
	size_t known = 0, unheard = 0;

	if (!c->frozen)
		return;
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coord_row *r = c->rows[i];

		known += r->refs > 0;
		unheard +=
			r->refs > 0 && r->state != ROW_GONE && !r->said_hello;
	}
	if (known && !unheard) {
		go_on(c);
		return;
	}
	if (!c->announced_frozen)
		coord_event(c, LR_EVENT_WAITING, NULL, unheard, 0);
	c->announced_frozen = true;
}
