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
	r->leaving = true;
	c->replan = c->scan = true;
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
