/* SPDX-License-Identifier: Apache-2.0 */
/* Tags order the writes of one entry: (ts, writer, seq), compared so. */
#ifndef LR_CORE_TAG_H
#define LR_CORE_TAG_H

#include <stdbool.h>
#include <stdint.h>

#define LR_TS_OPEN 1	      /* an open manifest */
#define LR_TS_CLOSED 2	      /* chunks, and a closed manifest */
#define LR_TS_GONE UINT64_MAX /* an object's TOMB: nothing follows it */

struct lr_tag {
	uint64_t ts;
	uint64_t writer; /* random, one a pool handle, never 0 */
	uint32_t seq;
};

static inline int lr_tag_cmp(const struct lr_tag *a, const struct lr_tag *b)
{
	if (a->ts != b->ts)
		return a->ts < b->ts ? -1 : 1;
	if (a->writer != b->writer)
		return a->writer < b->writer ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return 0;
}

/* No write can follow it: of registers and names there is no such tag, and
 * who is told of one gives up rather than begin again at 0. */
static inline bool lr_tag_is_last(const struct lr_tag *tag)
{
	return tag->ts == LR_TS_GONE;
}

/* What a register's write, or a name's, takes: above all that it has seen. */
static inline struct lr_tag lr_tag_next(const struct lr_tag *max,
					uint64_t writer, uint32_t seq)
{
	return (struct lr_tag){max->ts + 1, writer, seq};
}

#endif
