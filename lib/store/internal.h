/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the store share.
 *
 * A record (record.h) is in a segment, and the index of its slot holds an
 * 8-byte reference to it. It is dead when no index points at it: there is
 * nothing else to keep up to date.
 *
 * Room: with N segments allowed by the limit, puts stop at N - 1, so that the
 * cleaner can always open one more, move a victim's survivors into it and give
 * the victim back. */
#ifndef LR_STORE_INTERNAL_H
#define LR_STORE_INTERNAL_H

#include <assert.h>

#include <openssl/types.h>

#include "store/record.h"
#include "wire/messages.h"

#define LR_SEGMENT_MAGIC 0x6c72736567u
#define LR_SEGMENT_HEAD	 64u /* sizeof(struct lr_segment) */
#define LR_SEGMENT_ROOM	 (LR_SEGMENT_BYTES - LR_SEGMENT_HEAD)

enum lr_segment_role {
	LR_SEG_CLOSED, /* full, or given up: the cleaner may take it */
	LR_SEG_HEAD,   /* puts append here */
	LR_SEG_COLD,   /* the cleaner appends here */
	LR_SEG_VICTIM, /* the cleaner is moving its survivors */
	LR_SEG_SPARE,  /* empty, its RAM touched, or the next puts' part */
};

/* Stands at the start of its 8 MiB, which are aligned to 8 MiB: found from any
 * value by masking, and no allocation of its own. */
struct lr_segment {
	uint64_t magic;
	struct lr_store *store;
	uint32_t no;   /* in store->segs, never 0 */
	uint32_t fill; /* where the next record goes, from the start */
	uint32_t live; /* bytes of records that an index points at */
	uint32_t pins;
	uint32_t touched; /* RAM is there up to this, or to `fill` */
	uint8_t role;	  /* LR_SEG_* */
	bool stuck;	  /* a record in it is damaged: not to be moved */
	uint8_t pad[22];
};

_Static_assert(sizeof(struct lr_segment) == LR_SEGMENT_HEAD,
	       "records stay aligned");

/* One slot: open addressing, 2^log2 references; 0 is an empty place. */
struct lr_index {
	uint64_t *refs; /* NULL: nothing stored */
	uint32_t used;
	uint32_t tombs;
	uint64_t bytes; /* of the records */
	uint32_t log2;
};

struct lr_store {
	uint64_t limit;
	uint64_t fixed_bytes; /* this struct, slots, the table of segments */
	uint64_t index_bytes;
	uint64_t live, entries, tombs;
	uint64_t seed; /* of lr_index_hash: nobody can aim at one place */
	uint64_t shelved; /* bytes of records, of `live` */
	unsigned nslots;
	struct lr_index *slots; /* then as many shelves (shelf.c) */
	struct lr_segment **segs; /* by number; NULL: free number */
	uint32_t segs_cap;
	uint32_t nsegs; /* mapped, the spare included */
	struct lr_segment *head, *cold, *victim, *spare; /* or NULL */
	uint64_t appended;  /* bytes, since RAM was touched ahead of them */
	uint32_t victim_at; /* its records before this were seen to */
	EVP_MD_CTX *sha256;
	struct lr_owners owners;
	uint8_t whole[LR_WHOLE_MAX]; /* the value that was unpacked last */
};

/* --- references: hash (24 bits), segment (20), offset / 8 (20) ----------- */

#define LR_HASH_BITS 24
#define LR_REF_SEGS  (1u << 20)

static inline uint64_t lr_ref(uint32_t hash, uint32_t seg, uint32_t at)
{
	return (uint64_t)hash << 40 | (uint64_t)seg << 20 | at >> 3;
}
static inline uint32_t lr_ref_hash(uint64_t ref)
{
	return (uint32_t)(ref >> 40);
}
static inline struct lr_segment *lr_ref_segment(const struct lr_store *s,
						uint64_t ref)
{
	return s->segs[ref >> 20 & (LR_REF_SEGS - 1)];
}
static inline struct lr_record *lr_segment_at(struct lr_segment *seg,
					      uint32_t at)
{
	return (void *)((uint8_t *)seg + at);
}
static inline struct lr_record *lr_ref_record(const struct lr_store *s,
					      uint64_t ref)
{
	return lr_segment_at(lr_ref_segment(s, ref),
			     (uint32_t)(ref << 3) & (LR_SEGMENT_BYTES - 1));
}

/* --- segment.c ---------------------------------------------------------- */

/* The spare, or a new mapping. NULL: out of memory. */
struct lr_segment *lr_segment_open(struct lr_store *s, uint8_t role);
/* Nothing lives in it and nobody pins it: becomes the spare, or goes. */
void lr_segment_release(struct lr_segment *seg);
/* No longer a head; goes at once when nothing in it lives. */
void lr_segment_close(struct lr_segment *seg);
void lr_segment_unmap(struct lr_segment *seg);
void lr_segment_drop_spare(struct lr_store *s);
static inline uint32_t lr_segment_left(const struct lr_segment *seg)
{
	return LR_SEGMENT_BYTES - seg->fill;
}

/* --- index.c ------------------------------------------------------------ */

uint32_t lr_index_hash(const struct lr_store *s, const struct lr_id *id);
uint64_t *lr_index_find(const struct lr_store *s, const struct lr_index *ix,
			uint32_t hash, const struct lr_id *id);
uint64_t *lr_index_find_ref(const struct lr_index *ix, uint64_t ref);
/* It will be looked for soon: memory is slow. */
void lr_index_prefetch(const struct lr_index *ix, uint32_t hash);
/* One more would fill it beyond 7/8; cannot be put in at all. */
bool lr_index_wants_growth(const struct lr_index *ix);
bool lr_index_needs_growth(const struct lr_index *ix);
uint64_t lr_index_growth_bytes(const struct lr_index *ix);
bool lr_index_grow(struct lr_store *s, struct lr_index *ix);
void lr_index_insert(struct lr_index *ix, uint64_t ref);
/* Shrinks the table when that is worth it, frees it when it is empty. */
void lr_index_remove(struct lr_store *s, struct lr_index *ix, uint64_t *place);
void lr_index_free(struct lr_store *s, struct lr_index *ix);

/* --- log.c -------------------------------------------------------------- */

/* Segments that the limit allows beside `extra` more bytes of index. */
uint64_t lr_log_allowed(const struct lr_store *s, uint64_t extra);
/* A put may open a segment and leave one for the cleaner. */
bool lr_log_may_open(const struct lr_store *s);
/* `extra` bytes of index leave the cleaner its segment. */
bool lr_log_may_index(const struct lr_store *s, uint64_t extra);
/* Bytes of records that puts may fill; `reserve`: those that may use it. */
uint64_t lr_log_cap(const struct lr_store *s, uint64_t extra, bool reserve);
/* Makes s->head take `need` bytes, cleaning when it must. `over`: a TOMB that
 * makes room; it may take the cleaner's own segment. */
enum lr_err lr_log_room(struct lr_store *s, uint32_t need, bool over);
/* Into s->head, which has the room; the reference. */
uint64_t lr_log_append(struct lr_store *s, unsigned slot, uint32_t hash,
		       const struct lr_entry *e, const struct lr_form *f,
		       uint64_t now_ms);
/* No index points at it any more. */
void lr_log_kill(struct lr_store *s, struct lr_index *ix, uint64_t ref);
void lr_log_count(struct lr_store *s, struct lr_index *ix,
		  const struct lr_record *r, bool add);

/* --- cleaner.c ---------------------------------------------------------- */

/* Cleans the one segment that gives most, at least `need` bytes, whole.
 * FULL: there is none. */
enum lr_err lr_cleaner_force(struct lr_store *s, uint32_t need);
/* Finishes the victim begun. False: out of memory. */
bool lr_cleaner_finish(struct lr_store *s);
/* Gives segments back until `extra` bytes of index have room. */
bool lr_cleaner_make_room(struct lr_store *s, uint64_t extra);

#endif
