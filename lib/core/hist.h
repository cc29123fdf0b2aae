/* SPDX-License-Identifier: Apache-2.0 */
/* Latency histograms in microseconds, log-linear: exact below 16, then 16
 * buckets an octave, so that a value is known within 1/16. The last bucket
 * takes all from 2^36 us (19 hours) on. 4 KiB each. */
#ifndef LR_CORE_HIST_H
#define LR_CORE_HIST_H

#include <stdint.h>

#define LR_HIST_SUB	16u /* buckets an octave */
#define LR_HIST_OCTAVES 32u /* from 2^4 to 2^36 */
#define LR_HIST_BUCKETS (LR_HIST_SUB * (LR_HIST_OCTAVES + 1))

struct lr_hist {    /* all zero: empty */
	uint64_t n; /* values: the sum of count[] */
	uint64_t count[LR_HIST_BUCKETS];
};

void lr_hist_add(struct lr_hist *h, uint64_t us);
void lr_hist_merge(struct lr_hist *to, const struct lr_hist *from);
/* What came since `before`, an earlier copy of `now`; all of `now` if it is
 * not (the counters began anew). `ret` may be either. */
void lr_hist_delta(const struct lr_hist *now, const struct lr_hist *before,
		   struct lr_hist *ret);
/* The value that `percent` (0 to 100) of all do not exceed: the highest of its
 * bucket, so never less than the truth. Empty: 0. */
uint64_t lr_hist_percentile(const struct lr_hist *h, double percent);

/* The bucket of a value, and the highest value of a bucket. */
unsigned lr_hist_bucket(uint64_t us);
uint64_t lr_hist_highest(unsigned bucket);

#endif
