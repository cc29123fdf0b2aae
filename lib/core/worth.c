/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worth.h"

#define MOST 32
#define STEP 8
#define TRY_EACH 32u /* while it is not worth it */

static void move(struct lr_worth *w, int by)
{
	w->n += by;
	if (w->n > MOST)
		w->n = MOST;
	if (w->n < 0)
		w->n = 0;
}

void lr_worth_init(struct lr_worth *w)
{
	*w = (struct lr_worth){.n = MOST};
}

void lr_worth_hit(struct lr_worth *w)
{
	move(w, STEP);
}

void lr_worth_miss(struct lr_worth *w)
{
	move(w, -1);
}

void lr_worth_other(struct lr_worth *w)
{
	move(w, -STEP);
}

bool lr_worth_try(struct lr_worth *w)
{
	if (!w->n && ++w->skipped < TRY_EACH)
		return false;
	w->skipped = 0;
	return true;
}
