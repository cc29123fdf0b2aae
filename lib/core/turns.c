/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turns.h"

void lr_turns_drop(struct lr_turns *t, unsigned slot)
{
	if (!t->level[slot])
		return;
	t->n[t->level[slot]]--;
	t->waiting--;
	t->level[slot] = 0;
}

void lr_turns_put(struct lr_turns *t, unsigned slot, unsigned copies)
{
	lr_turns_drop(t, slot);
	t->level[slot] = (uint8_t)(1 + (copies < LR_MEM_MAX ? copies
							     : LR_MEM_MAX));
	t->n[t->level[slot]]++;
	t->waiting++;
}

static unsigned fewest(const struct lr_turns *t)
{
	unsigned level = 1;

	while (!t->n[level])
		level++;
	return level;
}

bool lr_turns_take(struct lr_turns *t, unsigned *ret_slot, unsigned *ret_copies)
{
	unsigned level, slot = t->cursor;

	if (!t->waiting)
		return false;
	level = fewest(t);
	while (t->level[slot] != level)
		slot = (slot + 1) % LR_SLOTS;
	t->cursor = (slot + 1) % LR_SLOTS;
	lr_turns_drop(t, slot);
	*ret_slot = slot;
	*ret_copies = level - 1;
	return true;
}
