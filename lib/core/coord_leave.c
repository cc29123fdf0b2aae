/* SPDX-License-Identifier: Apache-2.0 */
/* Going: a donor that is told to stop, one that is drained, one that an admin
 * gives up. The first two only change what is planned (coord_plan.c); MAY_LEAVE
 * and DRAINED follow when no configuration names them any more. */
#include "core/coord_internal.h"

void lr_coord_leave(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	(void)now_ms;
	if (!r || r->state != ROW_UP)
		return;
	r->may_leave = false; /* asked again: told again */
	if (!r->leaving)
		c->replan = c->scan = true;
	r->leaving = true;
}

void lr_coord_gone(struct lr_coord *c, uint64_t inc, uint64_t now_ms)
{
	struct coord_row *r = coord_row(c, inc);

	if (r && r->state == ROW_UP)
		coord_evict(c, r, COORD_LEFT, now_ms);
}

/* Is there room for what only moves if someone else takes it? */
static bool room_without(const struct lr_coord *c, const struct lr_dev *dev)
{
	struct coord_device *v = NULL;
	uint64_t room = 0, need = 0;
	unsigned others = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coord_row *r = c->rows[i];

		if (lr_dev_eq(&r->d.member.dev, dev)) {
			v = r->device;
			continue;
		}
		if (r->state != ROW_UP || r->leaving || coord_draining(r))
			continue;
		others++;
		if (!r->full && r->d.lent > r->d.used)
			room += r->d.lent - r->d.used;
	}
	for (unsigned s = 0; v && s < c->p.nslots; s++)
		if (lr_cfg_index(&c->view.cfg[s], v->cur) >= 0 &&
		    others >= c->view.cfg[s].n)
			need += c->slots[s].bytes;
	return others && need <= room;
}

enum lr_err lr_coord_drain(struct lr_coord *c, const struct lr_dev *dev,
			   bool undo, uint64_t now_ms)
{
	struct coord_device *v = coord_device(c, dev, false);

	(void)now_ms;
	if (!v)
		return LR_E_ABSENT;
	if (!undo && !v->draining && !room_without(c, dev))
		return LR_E_FULL;
	v->draining = !undo;
	v->drained = false;
	c->replan = c->scan = true;
	return LR_E_OK;
}

bool lr_coord_drain_restore(struct lr_coord *c, const struct lr_dev *dev)
{
	struct coord_device *v = coord_device(c, dev, true);

	if (!v)
		return false;
	v->draining = v->drained = true;
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->device == v && c->rows[i]->refs)
			v->drained = false;
	return true;
}

size_t lr_coord_drained(const struct lr_coord *c, struct lr_dev *ret,
			size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_devices; i++) {
		if (!c->devices[i]->draining)
			continue;
		if (n < cap)
			ret[n] = c->devices[i]->dev;
		n++;
	}
	return n;
}

/* Its copy is being made, or may be begun, or may go now. */
static bool moves(struct lr_coord *c, unsigned slot, unsigned bit,
		  uint64_t now_ms)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t synced = coord_cfg_synced_bits(cfg);
	struct coord_shape shape;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (!coord_has(synced, i) && coord_row_usable(r) && !r->full)
			return true;
	}
	coord_shape(c, slot, coord_all_bits(cfg), synced, now_ms, &shape);
	return shape.n_fresh || shape.held || !coord_has(shape.keep, bit);
}

void lr_coord_left(struct lr_coord *c, const struct lr_dev *dev,
		   uint64_t now_ms, struct lr_coord_left *ret)
{
	const struct coord_device *v = coord_device(c, dev, false);
	bool any = false;

	*ret = (struct lr_coord_left){.draining = v && v->draining};
	coord_count_donors(c);
	for (unsigned s = 0; v && s < c->p.nslots; s++) {
		const struct lr_cfg *cfg = &c->view.cfg[s];
		int i = lr_cfg_index(cfg, v->cur);
		uint8_t synced = coord_cfg_synced_bits(cfg);

		if (i < 0)
			continue;
		ret->slots++;
		ret->bytes += c->slots[s].bytes;
		ret->sole += coord_has(synced, (unsigned)i) &&
			     coord_bits(synced) == 1;
		any = any || moves(c, s, (unsigned)i, now_ms);
	}
	ret->stuck = ret->slots && !any && !c->replan && c->planned &&
		     c->phase == COORD_IDLE;
}

enum lr_err lr_coord_forget(struct lr_coord *c, const struct lr_dev *dev,
			    uint64_t now_ms)
{
	bool known = false;

	for (size_t i = 0; i < c->n_rows; i++)
		if (lr_dev_eq(&c->rows[i]->d.member.dev, dev) &&
		    c->rows[i]->state == ROW_UP && c->rows[i]->linked)
			return LR_E_BUSY;
	for (size_t i = 0; i < c->n_rows; i++) {
		struct coord_row *r = c->rows[i];

		if (r->state == ROW_GONE || !lr_dev_eq(&r->d.member.dev, dev))
			continue;
		coord_evict(c, r, COORD_LEFT, now_ms);
		coord_row_gone(c, r);
		known = true;
	}
	return known || coord_device(c, dev, false) ? LR_E_OK : LR_E_ABSENT;
}

/* --- an admin's pause ------------------------------------------------------ */

void lr_coord_pause(struct lr_coord *c, bool paused)
{
	if (c->paused == paused)
		return;
	c->paused = paused;
	c->scan = true;
	coord_event(c, paused ? LR_EVENT_PAUSED : LR_EVENT_RESUMED, NULL, 0, 0);
}

bool lr_coord_is_paused(const struct lr_coord *c)
{
	return c->paused;
}

bool lr_coord_may_rest(const struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->state == ROW_UP &&
		    (c->rows[i]->leaving || coord_gives_back(c->rows[i])))
			return false;
	return c->paused;
}
