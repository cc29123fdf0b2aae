/* SPDX-License-Identifier: Apache-2.0 */
/* Whether looking at a few links before sleeping is worth it: it is while it
 * finds something now and then, and those few are all that speak. Where it is
 * not, it is tried now and then. */
#ifndef LR_CORE_WORTH_H
#define LR_CORE_WORTH_H

#include <stdbool.h>

struct lr_worth {
	int n; /* above 0: it is */
	unsigned skipped;
};

void lr_worth_init(struct lr_worth *w);
void lr_worth_hit(struct lr_worth *w);	/* looking found something */
void lr_worth_miss(struct lr_worth *w); /* it looked in vain */
/* Something came on a link that was not looked at. */
void lr_worth_other(struct lr_worth *w);
bool lr_worth_try(struct lr_worth *w); /* now */

#endif
