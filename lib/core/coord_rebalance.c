/* SPDX-License-Identifier: Apache-2.0 */
/* What would move, if the rules placed all copies now; and what is remembered
 * of donors that flap, to be kept over a restart. Nothing here starts a move. */
#include "core/coord_internal.h"

#include <stdlib.h>

static struct lr_coord_move *move_of(const struct lr_coord *c, uint64_t inc,
				     struct lr_coord_move *all, size_t n)
{
	const struct coord_row *r = coord_row(c, inc);

	return r && r->state == ROW_UP && r->shown_at < n ? &all[r->shown_at]
							   : NULL;
}

static bool wanted(const struct lr_want *w, uint64_t inc)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->mem[i] == inc)
			return true;
	return false;
}

/* True: something of the slot would move. */
static bool take_slot(const struct lr_coord *c, unsigned slot,
		      const struct lr_want *w, struct lr_coord_move *all,
		      size_t n)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint64_t bytes = c->slots[slot].bytes;
	struct lr_coord_move *m;
	bool moves = false;

	for (unsigned i = 0; i < cfg->n; i++) {
		m = move_of(c, cfg->mem[i], all, n);
		if (!m)
			continue;
		m->slots++;
		if (wanted(w, cfg->mem[i]))
			continue;
		m->gives++;
		m->give_bytes += bytes;
	}
	for (unsigned i = 0; i < w->n; i++) {
		m = lr_cfg_index(cfg, w->mem[i]) < 0
			    ? move_of(c, w->mem[i], all, n)
			    : NULL;
		if (!m)
			continue;
		m->gets++;
		m->get_bytes += bytes;
		moves = true;
	}
	return moves;
}

static size_t list_up(const struct lr_coord *c, struct lr_coord_move *ret,
		      size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		struct coord_row *r = c->rows[i];

		if (r->state != ROW_UP)
			continue;
		r->shown_at = n;
		if (n++ < cap)
			ret[n - 1] = (struct lr_coord_move){
				.dev = r->d.member.dev};
	}
	return n;
}

bool lr_coord_rebalance(struct lr_coord *c, struct lr_coord_move *ret,
			size_t cap, size_t *ret_n, unsigned *ret_slots,
			uint64_t now_ms)
{
	struct lr_want *want = calloc(c->p.nslots + 1u, sizeof *want);
	bool ok = want && coord_plan_try(c, want, now_ms);

	*ret_slots = 0;
	*ret_n = list_up(c, ret, cap);
	for (unsigned s = 0; ok && s < c->p.nslots; s++)
		if (c->view.cfg[s].ce)
			*ret_slots += take_slot(c, s, &want[s], ret,
						*ret_n < cap ? *ret_n : cap);
	free(want);
	return ok;
}

/* --- flapping --------------------------------------------------------------- */

size_t lr_coord_flapping(const struct lr_coord *c, size_t from,
			 struct lr_dev *ret_dev, struct lr_flaps *ret)
{
	for (size_t i = from; i < c->n_devices; i++) {
		if (!c->devices[i]->flaps.n)
			continue;
		*ret_dev = c->devices[i]->dev;
		*ret = c->devices[i]->flaps;
		return i + 1;
	}
	return 0;
}

void lr_coord_flapped(struct lr_coord *c, const struct lr_dev *dev,
		      const struct lr_flaps *f)
{
	struct coord_device *v = coord_device(c, dev, true);

	if (v)
		v->flaps = *f;
}
