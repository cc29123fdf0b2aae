/* SPDX-License-Identifier: Apache-2.0 */
/* How far a rebuild is, honestly. Fed with the bytes that are left, as they
 * are counted; a rebuild lasts from the first count above 0 to the next 0. */
#ifndef LR_CORE_PROGRESS_H
#define LR_CORE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define LR_ETA_NONE UINT64_MAX

struct lr_progress {		 /* all zero: nothing to do */
	uint64_t left;		 /* as counted last */
	uint64_t most;		 /* the most that was left in this rebuild */
	uint64_t at_ms, at_left; /* of the last sample of the rate */
	uint64_t moved_ms;	 /* when the rate was last above 0 */
	double rate, weight;	 /* EWMA in bytes a ms, and what it stands on */
	unsigned percent;
};

/* Often (each heartbeat, say) or rarely, as it comes. */
void lr_progress_feed(struct lr_progress *p, uint64_t left, uint64_t now_ms);

struct lr_progress_now {
	bool active;	  /* false: nothing is left, the rest is 0 */
	unsigned percent; /* 0 to 99; never goes back within one rebuild */
	uint64_t bytes_left, bytes_per_s;
	uint64_t eta_s; /* LR_ETA_NONE: it stands still, or nobody can tell */
};
void lr_progress_show(const struct lr_progress *p, uint64_t now_ms,
		      struct lr_progress_now *ret);

#endif
