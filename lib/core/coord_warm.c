/* SPDX-License-Identifier: Apache-2.0 */
/* Slots that a donor held not long ago: what it had is still set aside in its
 * RAM, and a copy there costs only what was written since. A donor that comes
 * back after silence, and those that stood in for it when it goes again, are
 * given these slots rather than others. A hint: nothing relies on it. */
#include "core/coord_internal.h"

#include <stdlib.h>
#include <string.h>

#define WARM_MS 600000u /* as long as donors set it aside */

static void forget(struct coord_device *v)
{
	free(v->warm);
	v->warm = NULL;
}

static void note(struct lr_coord *c, struct coord_device *v, uint64_t inc,
		 unsigned slot, uint64_t now_ms)
{
	if (v->warm && v->warm_inc != inc)
		forget(v);
	if (!v->warm)
		v->warm = calloc((c->p.nslots + 7) / 8, 1);
	if (!v->warm)
		return;
	v->warm_inc = inc;
	v->warm_ms = now_ms;
	v->warm[slot / 8] |= (uint8_t)(1u << slot % 8);
}

void coord_warm_left(struct lr_coord *c, unsigned slot,
		     const struct lr_cfg *next, uint64_t now_ms)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (r && r->device && r->state != ROW_GONE &&
		    lr_cfg_index(next, cfg->mem[i]) < 0)
			note(c, r->device, cfg->mem[i], slot, now_ms);
	}
}

static bool is_warm(const struct coord_row *r, unsigned slot, uint64_t now_ms)
{
	const struct coord_device *v = r->device;

	return v && v->warm && v->warm_inc == r->d.member.inc &&
	       now_ms < v->warm_ms + WARM_MS &&
	       v->warm[slot / 8] >> slot % 8 & 1;
}

/* Copies that a donor has, against what its weight asks for. */
static bool is_low(const struct coord_row *r, uint64_t refs, uint64_t weights)
{
	return weights && (double)r->refs * 4 <
				  3 * (double)refs * (double)r->d.lent /
					  (double)weights;
}

/* As placement sees the slot: donors in whom it is warm are in it already,
 * where copies are missing, or where they are far below their share; who is
 * too many is left out by need, and that is not they. */
static void add_to(const struct lr_coord *c, unsigned slot, struct lr_cfg *cfg,
		   const struct coord_row *r, bool low)
{
	unsigned there = 0;

	if (cfg->n == LR_MEM_MAX || lr_cfg_index(cfg, r->d.member.inc) >= 0)
		return;
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *m = coord_row(c, cfg->mem[i]);

		there += m && m->state == ROW_UP;
	}
	if (low || there < coord_copies(c, slot))
		cfg->mem[cfg->n++] = r->d.member.inc;
}

bool coord_warm_any(const struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->device && c->rows[i]->device->warm)
			return true;
	return false;
}

void coord_warm_plan(const struct lr_coord *c, struct lr_cfg *cfg,
		     uint64_t now_ms)
{
	uint64_t refs = 0, weights = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		if (c->rows[i]->state != ROW_UP)
			continue;
		refs += c->rows[i]->refs;
		weights += c->rows[i]->d.lent;
	}
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coord_row *r = c->rows[i];
		bool low = is_low(r, refs, weights);

		if (!r->device || !r->device->warm || !coord_row_usable(r))
			continue;
		for (unsigned s = 0; s < c->p.nslots; s++)
			if (cfg[s].ce && is_warm(r, s, now_ms))
				add_to(c, s, &cfg[s], r, low);
	}
}
