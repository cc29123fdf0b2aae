/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hist.h"

#define SUB_BITS 4u

unsigned lr_hist_bucket(uint64_t us)
{
	unsigned top, bucket;

	if (us < LR_HIST_SUB)
		return (unsigned)us;
	top = 63u - (unsigned)__builtin_clzll(us); /* at least 4 */
	bucket = (top - SUB_BITS + 1) * LR_HIST_SUB +
		 (unsigned)(us >> (top - SUB_BITS) & (LR_HIST_SUB - 1));
	return bucket < LR_HIST_BUCKETS ? bucket : LR_HIST_BUCKETS - 1;
}

uint64_t lr_hist_highest(unsigned bucket)
{
	unsigned shift = bucket / LR_HIST_SUB;
	uint64_t sub = bucket % LR_HIST_SUB;

	if (!shift)
		return bucket;
	shift--;
	return ((LR_HIST_SUB + sub + 1) << shift) - 1;
}

void lr_hist_add(struct lr_hist *h, uint64_t us)
{
	h->count[lr_hist_bucket(us)]++;
	h->n++;
}

void lr_hist_merge(struct lr_hist *to, const struct lr_hist *from)
{
	for (unsigned i = 0; i < LR_HIST_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->n += from->n;
}

void lr_hist_delta(const struct lr_hist *now, const struct lr_hist *before,
		   struct lr_hist *ret)
{
	int anew = 0;

	for (unsigned i = 0; i < LR_HIST_BUCKETS; i++)
		anew |= now->count[i] < before->count[i];
	if (anew) {
		*ret = *now;
		return;
	}
	ret->n = now->n - before->n;
	for (unsigned i = 0; i < LR_HIST_BUCKETS; i++)
		ret->count[i] = now->count[i] - before->count[i];
}

uint64_t lr_hist_percentile(const struct lr_hist *h, double percent)
{
	double rank = percent / 100 * (double)h->n;
	uint64_t seen = 0;
	unsigned last = 0;

	for (unsigned i = 0; i < LR_HIST_BUCKETS; i++) {
		if (!h->count[i])
			continue;
		seen += h->count[i];
		last = i;
		if ((double)seen >= rank)
			break;
	}
	return lr_hist_highest(last);
}
