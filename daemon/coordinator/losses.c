/* SPDX-License-Identifier: Apache-2.0 */
/* "Slots have lost data" is a reason as long as an object is listed that misses
 * some of it:
 *
 *   1 slots were lost a while ago, and the catalog is whole: a pass begins
 *   2 a piece of it with each tick, so that nobody waits for it
 *   3 at its end, what no object misses is over, unless the slot was lost again
 *     meanwhile, and what one does was held, though nobody may have told so in
 *     time; the next pass comes AGAIN_MS later */
#include "daemon/coordinator/coordinator.h"

#define WHILE_MS 5000 /* a lost slot's objects are listed anew by then */
#define AGAIN_MS 1000
#define A_TICK	 2000 /* entries looked at */

static bool begin(struct lr_coordinator *k, uint64_t now_ms)
{
	uint64_t unix_ms = lr_unix_ms(), ms;
	bool any = false;

	lr_losses_begin(&k->losses);
	k->losses_begun_ms = now_ms;
	for (unsigned n = 0; n < LR_SLOTS; n++) {
		if (!lr_coord_lost(k->rules, n, &ms) || now_ms < ms + WHILE_MS)
			continue;
		k->losses.before_ms[n] = unix_ms - (now_ms - ms);
		any = true;
	}
	return any && lr_objects_are_told(k);
}

static void end(struct lr_coordinator *k)
{
	uint64_t ms;

	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (k->losses.before_ms[n] &&
		    lr_coord_lost(k->rules, n, &ms) && ms < k->losses_begun_ms)
			lr_coord_lost_missed(k->rules, n,
					     k->losses.missed[n]);
	lr_watchers_changed(k);
}

void lr_losses_tick(struct lr_coordinator *k, uint64_t now_ms)
{
	if (k->looks_for_losses) {
		if (!lr_losses_look(&k->losses, k->catalog, LR_VALUE_MAX,
				    A_TICK))
			return;
		end(k);
		k->looks_for_losses = false;
		k->losses_ms = now_ms + AGAIN_MS;
	} else if (now_ms >= k->losses_ms) {
		k->looks_for_losses = begin(k, now_ms);
		k->losses_ms = now_ms + AGAIN_MS;
	}
}
