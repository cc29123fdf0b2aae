/* SPDX-License-Identifier: Apache-2.0 */
/* Who held a slot when it was lost, for those who ask what became of their
 * data. Slots share their members, so there are few sets. Kept in memory. */
#include <string.h>

#include "core/coord_internal.h"

static void fill(struct lr_coord *c, const struct lr_cfg *cfg,
		 struct lr_coord_loss *ret)
{
	*ret = (struct lr_coord_loss){0};
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]), *now;

		if (!r)
			continue;
		ret->dev[ret->n] = r->d.member.dev;
		now = r->device ? coord_row(c, r->device->cur) : NULL;
		if (now && now != r)
			ret->back_ms[ret->n] = now->since_ms;
		ret->n++;
	}
}

static bool same(const struct lr_coord_loss *a, const struct lr_coord_loss *b)
{
	return !memcmp(a, b, sizeof *a);
}

void coord_loss_note(struct lr_coord *c, unsigned slot)
{
	struct lr_coord_loss loss;
	unsigned i = 0;

	fill(c, &c->view.cfg[slot], &loss);
	while (i < c->n_losses && !same(&c->losses[i], &loss))
		i++;
	if (i == COORD_LOSSES_MAX)
		return;
	if (i == c->n_losses)
		c->losses[c->n_losses++] = loss;
	c->slots[slot].loss = (uint8_t)(i + 1);
}

bool lr_coord_lost(const struct lr_coord *c, unsigned slot, uint64_t *ret_ms)
{
	if (slot >= c->p.nslots || !(c->view.cfg[slot].lost & LR_LOST_MARK) ||
	    !(c->slots[slot].flags & SLOT_LOST))
		return false;
	*ret_ms = c->slots[slot].lost_ms;
	return true;
}

void lr_coord_lost_missed(struct lr_coord *c, unsigned slot, bool missed)
{
	uint64_t ms;

	if (!lr_coord_lost(c, slot, &ms))
		return;
	c->slots[slot].flags &= (uint16_t)~(SLOT_LOST | SLOT_LOST_HELD);
	if (missed)
		c->slots[slot].flags |= SLOT_LOST | SLOT_LOST_HELD;
}

const struct lr_coord_loss *lr_coord_loss(const struct lr_coord *c,
					  unsigned slot)
{
	unsigned i = slot < c->p.nslots ? c->slots[slot].loss : 0;

	return i ? &c->losses[i - 1] : NULL;
}
