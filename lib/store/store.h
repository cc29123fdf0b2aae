/* SPDX-License-Identifier: Apache-2.0 */
/* A donor's RAM: log-structured segments of 8 MiB and a per-slot index.
 *
 * Entries are immutable and checksummed; a newer one replaces the older by
 * moving the index. The cleaner moves survivors out of sparse segments so that
 * RAM really returns to the host (munmap). One store belongs to one shard
 * thread: no call may come from another. The store knows nothing of views: the
 * caller decides what may be stored (core/slot.h). */
#ifndef LR_STORE_STORE_H
#define LR_STORE_STORE_H

#include "core/err.h"
#include "core/id.h"
#include "core/tag.h"

#define LR_SEGMENT_BYTES (8u << 20)

struct lr_store;
struct lr_pin; /* keeps the segment of one value where it is */

struct lr_entry {
	struct lr_id id;
	struct lr_tag tag;
	uint8_t kind;	     /* LR_KIND_* */
	uint8_t state;	     /* LR_FOUND_VALUE, _TOMB or _BAD */
	uint32_t bytes;	     /* of the value; 0 for TOMB and BAD */
	uint64_t expires_ms; /* Unix time; 0 = never */
	uint64_t sum;	     /* XXH3, 64 bits, of the value */
	uint64_t stored_ms;  /* CLOCK_BOOTTIME, when stored or touched here,
			      * or up to 63 ms later */
	const void *value;   /* valid until the next call, unless pinned */
};

struct lr_store_usage {
	uint64_t limit;	  /* lent */
	uint64_t mapped;  /* segments, index, overhead: what the host misses */
	uint64_t live;	  /* headers and values that the index points at */
	uint64_t entries; /* VALUEs and BADs */
	uint64_t tombs;
};

struct lr_slot_usage {
	uint64_t entries, tombs;
	uint64_t bytes; /* headers and values: its share of `live` */
};

/* `limit`: bytes of host RAM, all included. NULL: out of memory. */
struct lr_store *lr_store_new(unsigned nslots, uint64_t limit);
void lr_store_free(struct lr_store *s); /* no pins may be left */

/* Copies the value in and points the index at it (e->stored_ms is taken from
 * `now_ms`). FULL: no room; the reserve is open to TOMBs and where
 * `use_reserve`, and what is no larger than the entry it replaces goes in
 * always. The entry that was there is replaced only on success. e->value may
 * lie in the store only where it is pinned. */
enum lr_err lr_store_put(struct lr_store *s, unsigned slot,
			 const struct lr_entry *e, bool use_reserve,
			 uint64_t now_ms);
/* stored_ms becomes now where that very tag is stored. An entry found corrupt
 * is replaced: put BAD with its tag, from the reserve. */
void lr_store_touch(struct lr_store *s, unsigned slot, const struct lr_id *id,
		    const struct lr_tag *tag, uint64_t now_ms);

/* False: no entry. */
bool lr_store_get(struct lr_store *s, unsigned slot, const struct lr_id *id,
		  struct lr_entry *ret);
/* Recomputes the checksum; false: the value is corrupt. */
bool lr_store_verify(const struct lr_entry *e);
/* Pins the value of an entry that lr_store_get gave just now. Unpinning is
 * cheap; a dropped or cleaned segment returns to the host at the last unpin.
 * NULL: a small one, that was put together for this call; copy it. */
struct lr_pin *lr_store_pin(struct lr_store *s, const struct lr_entry *e);
void lr_store_unpin(void *pin);

/* Up to `max` entries with IDs above `after` (NULL: from the start), ordered
 * by ID; returns how many. Values are not pinned: use at once. Those of small
 * objects are NULL: lr_store_get. */
size_t lr_store_scan(struct lr_store *s, unsigned slot,
		     const struct lr_id *after, struct lr_entry *ret,
		     size_t max);
void lr_store_drop(struct lr_store *s, unsigned slot, const struct lr_id *id);
void lr_store_drop_slot(struct lr_store *s, unsigned slot);
/* Empties the slot and sets its values aside, with those set aside before: the
 * newer one where an ID is there twice. They are in no listing and no count of
 * entries, and go when their room is needed. */
void lr_store_shelve(struct lr_store *s, unsigned slot);
bool lr_store_shelved(struct lr_store *s, unsigned slot,
		      const struct lr_id *id, struct lr_entry *ret);
/* Back into the slot, in place of what is there. False: no memory. */
bool lr_store_unshelve(struct lr_store *s, unsigned slot,
		       const struct lr_id *id, uint64_t now_ms);
void lr_store_drop_shelf(struct lr_store *s, unsigned slot);
bool lr_store_drop_shelves(struct lr_store *s); /* false: there are none */
uint64_t lr_store_shelved_bytes(const struct lr_store *s);
struct lr_slot_usage lr_store_slot(const struct lr_store *s, unsigned slot);

struct lr_store_usage lr_store_usage(const struct lr_store *s);
/* A lower limit than what is used takes effect as the cleaner and the caller
 * make room: no entry is dropped. */
void lr_store_set_limit(struct lr_store *s, uint64_t limit);

/* What is worth its cleaning. */
enum lr_clean {
	LR_CLEAN_BUSY, /* segments half empty; more of them near the limit */
	LR_CLEAN_IDLE, /* nobody is kept waiting: a quarter empty, too */
	LR_CLEAN_ALL,  /* down to the least RAM */
};

/* Does up to `budget_us` of cleaning and releasing; true: there is more worth
 * doing now. */
bool lr_store_clean(struct lr_store *s, unsigned budget_us, enum lr_clean how);

#endif
