/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is to be copied: slots with the fewest copies left first,
 * among these each in its turn. Pure. */
#ifndef LR_CORE_TURNS_H
#define LR_CORE_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/view.h"

struct lr_turns { /* all zero: nobody waits */
	uint8_t level[LR_SLOTS]; /* 0: does not wait; else copies + 1 */
	unsigned n[LR_MEM_MAX + 2];
	unsigned waiting, cursor;
};

void lr_turns_put(struct lr_turns *t, unsigned slot, unsigned copies);
void lr_turns_drop(struct lr_turns *t, unsigned slot);
bool lr_turns_take(struct lr_turns *t, unsigned *ret_slot, unsigned *ret_copies);
static inline bool lr_turns_waits(const struct lr_turns *t, unsigned slot)
{
	return t->level[slot] != 0;
}

#endif
