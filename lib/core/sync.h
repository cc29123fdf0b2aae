/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling one slot into a SYNCING member (protocol: SYNC). Pure: events in,
 * one action at a time out.
 *
 *   1 list from one src that has installed ce, a page at a time
 *   2 of each page fetch what is missing or older here (TOMBs need no fetch)
 *   3 a value the source cannot verify is asked of the other srcs; nobody can:
 *     it is stored as BAD(id, tag)
 *     (what was here before the slot was emptied and is that very write is
 *     taken instead)
 *   4 gone at the source meanwhile: skipped
 *   5 a failed source: the next one, and the list from the start
 *   6 merging (a lost slot with several srcs): 1 to 5 with every other src
 *   7 the last page done: DONE; no room: FULL, until the cfg changes
 */
#ifndef LR_CORE_SYNC_H
#define LR_CORE_SYNC_H

#include "core/slot.h"

#define LR_SYNC_PAGE 1024 /* entries listed at a time */
#define LR_SYNC_WINDOW 8  /* fetches in flight a slot */

struct lr_sync_entry {
	struct lr_id id;
	struct lr_tag tag;
	uint8_t kind, state; /* LR_KIND_*, LR_FOUND_* */
	uint32_t bytes;
};

enum lr_sync_do {
	LR_SYNC_WAIT,	/* nothing now: replies are outstanding, or until `at` */
	LR_SYNC_SCAN,	/* ask `member` for entries after `id` (first: none) */
	LR_SYNC_FETCH,	/* ask `member` for `id` */
	LR_SYNC_TOMB,	/* store entry as a TOMB here */
	LR_SYNC_BAD,	/* store entry as BAD here */
	LR_SYNC_DONE,	/* all pulled */
	LR_SYNC_FULL,	/* no room: report */
};

struct lr_sync_act {
	enum lr_sync_do what;
	uint64_t member; /* incarnation */
	struct lr_sync_entry entry;
	bool first;
	uint64_t at_ms; /* WAIT: when to ask again, 0 = only after an event */
};

struct lr_sync; /* one slot's pull; heap */

struct lr_sync *lr_sync_new(unsigned slot, const struct lr_cfg *cfg,
			    uint64_t me, uint64_t now_ms);
void lr_sync_free(struct lr_sync *y);
/* What to do next; call again after each act until WAIT. For entries of a page
 * it asks `have`: the tag and state stored here. */
typedef void (*lr_sync_have)(void *arg, const struct lr_id *id,
			     struct lr_stored *ret);
struct lr_sync_act lr_sync_next(struct lr_sync *y, uint64_t now_ms,
				lr_sync_have have, void *arg);
/* A page came: all its entries, and whether more follow. False: no memory. */
bool lr_sync_page(struct lr_sync *y, const struct lr_sync_entry *e, size_t n,
		  bool more);
/* What this donor had of an emptied slot may serve a FETCH: it is the very
 * write that the source listed, and intact (the caller verified it). */
bool lr_sync_may_take(const struct lr_sync_entry *want,
		      const struct lr_stored *cached);
/* One entry's part of its slot's digest, which is the sum of them. */
uint64_t lr_sync_digest(const struct lr_sync_entry *e);
/* The entry of a FETCH was stored (or skipped, being gone there). */
void lr_sync_fetched(struct lr_sync *y, const struct lr_id *id);
/* The member could not verify it. */
void lr_sync_bad(struct lr_sync *y, const struct lr_id *id);
/* The member did not answer, or refused (another ce, not synced). */
void lr_sync_failed(struct lr_sync *y, uint64_t member, uint64_t now_ms);
void lr_sync_full(struct lr_sync *y);
uint64_t lr_sync_ce(const struct lr_sync *y);
unsigned lr_sync_slot(const struct lr_sync *y);

#endif
