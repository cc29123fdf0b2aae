/* SPDX-License-Identifier: Apache-2.0 */
/* Donors whose hosts are short of RAM (protocol section 7).
 *
 *   soft  nothing new is put there, slots move away: not planned with
 *   hard  as much as exceeds what it lends is taken off at once, by a view
 *         without it, of slots that have another synced copy
 *   last  all of those
 *
 * What is there alone is copied elsewhere first, before all other copying. */
#include "core/coord_internal.h"

#define SHED_AGAIN_MS 250
#define TELL_MS	      5000
#define SLACK_BYTES   (UINT64_C(16) << 20) /* segments begun, and the spare */

/* Synced members that stay, whatever else goes. */
static unsigned others(const struct lr_coord *c, unsigned slot, unsigned bit)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned bits = coord_cfg_synced_bits(cfg), n = 0;

	bits &= ~(c->slots[slot].shed | 1u << bit);
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		n += coord_has(bits, i) && r && r->state == ROW_UP &&
		     r->linked && !r->leaving && r->watch.state == LR_WATCH_OK;
	}
	return n;
}

static int member(const struct lr_coord *c, unsigned slot,
		  const struct coord_row *r)
{
	int i = lr_cfg_index(&c->view.cfg[slot], r->d.member.inc);

	return i >= 0 && coord_has(c->slots[slot].shed, (unsigned)i) ? -1 : i;
}

static uint64_t held(const struct lr_coord *c, const struct coord_row *r)
{
	uint64_t bytes = 0;

	for (unsigned s = 0; s < c->p.nslots; s++)
		if (member(c, s, r) >= 0)
			bytes += c->slots[s].bytes;
	return bytes + bytes / 16 + SLACK_BYTES; /* as its store holds them */
}

/* Slots in which at least `spare` synced copies stay; returns how many. */
static size_t shed(struct lr_coord *c, const struct coord_row *r,
		   uint64_t *bytes, unsigned spare)
{
	bool all = r->pressure == LR_PRESSURE_LAST;
	size_t n = 0;

	for (unsigned s = 0; s < c->p.nslots; s++) {
		struct coord_slot *sl = &c->slots[s];
		int i = member(c, s, r);

		if (!all && *bytes <= r->d.lent)
			break;
		if (i < 0 || sl->flags & (SLOT_UNAVAIL | SLOT_BUSY) ||
		    (!all && !sl->bytes) || others(c, s, (unsigned)i) < spare)
			continue;
		sl->shed |= (uint8_t)(1u << i);
		*bytes -= *bytes < sl->bytes ? *bytes : sl->bytes;
		n++;
	}
	return n;
}

static void shed_some(struct lr_coord *c, struct coord_row *r, uint64_t now_ms)
{
	uint64_t bytes = held(c, r);
	size_t n = shed(c, r, &bytes, 2);

	n += shed(c, r, &bytes, 1);
	r->shed_ms = now_ms + SHED_AGAIN_MS;
	r->shed_lent = r->d.lent;
	if (!n)
		return;
	c->force = c->scan = true;
	if (now_ms < r->shed_told_ms)
		return;
	r->shed_told_ms = now_ms + TELL_MS;
	coord_event(c, LR_EVENT_SHED, r, n, 0);
}

void coord_pressed(struct lr_coord *c, struct coord_row *r,
		   enum lr_pressure pressure, uint64_t now_ms)
{
	enum lr_pressure was = r->pressure;

	r->pressure = pressure;
	if (pressure != was)
		c->replan = c->scan = true;
	if (pressure < LR_PRESSURE_HARD)
		return;
	if (pressure > was || r->d.lent < r->shed_lent ||
	    now_ms >= r->shed_ms)
		shed_some(c, r, now_ms);
}
