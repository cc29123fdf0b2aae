/* SPDX-License-Identifier: Apache-2.0 */
/* What the state file says. After the fixed part (devices, view, holds) come
 * records (tag u8, length u32, bytes), one for each part of the coordinator
 * that has something to keep. A record of an unknown tag is kept as it is, so
 * that going back to a newer version loses nothing; a file that ends before
 * the records is an older version's. */
#ifndef LR_STATE_CODEC_H
#define LR_STATE_CODEC_H

#include "daemon/coordinator/coordinator.h"

#define LR_STATE_MAGIC 0x314d41524e414cu /* "LANRAM1" */

struct lr_bytes {
	uint8_t *p;
	size_t len;
};

/* One part's record. To add one: a tag here, three functions there, a row in
 * the table of state.c, and lr_state_changed() whenever it changed. */
enum lr_state_tag { /* numbers are for ever */
	LR_STATE_END = 0,
	LR_STATE_INVITES = 1,
	LR_STATE_DRAINED = 2, /* device IDs */
	LR_STATE_FLAPS = 3,
	LR_STATE_PAUSED = 4,
};

struct lr_state_record {
	uint8_t tag;
	/* The most bytes that save writes now. */
	size_t (*room)(const struct lr_coordinator *k);
	/* Nothing written: no record. */
	void (*save)(const struct lr_coordinator *k, struct lr_writer *w);
	/* Before there are rules. Must read all; false: damaged. */
	bool (*load)(struct lr_coordinator *k, struct lr_reader *r);
};

extern const struct lr_state_record lr_state_records[]; /* state.c */

/* `records` ends with tag 0. False: no memory. */
bool lr_state_encode(const struct lr_coordinator *k,
		     const struct lr_state_record *records,
		     const struct lr_bytes *kept,
		     const uint8_t holds[LR_SLOTS / 8], struct lr_bytes *ret);
/* The checksum was right; false: another version's, or no state at all. */
bool lr_state_is_ours(const struct lr_bytes *b);
/* Into k's devices and used slots, and *ret_view. `ret_kept`: records of
 * unknown tags, to be freed. */
bool lr_state_decode(struct lr_coordinator *k,
		     const struct lr_state_record *records,
		     const struct lr_bytes *b, struct lr_view *ret_view,
		     struct lr_bytes *ret_kept);

#endif
