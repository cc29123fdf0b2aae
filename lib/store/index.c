/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a slot: open addressing with linear probing. A reference holds
 * 24 bits of the ID's hash, so that a probe reads a record only when they
 * agree, and so that a table grows without reading any record.
 *
 * Tables of a page and more are mappings of their own: what a dropped slot
 * used goes back to the host at once, whatever malloc's heap looks like. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "store/internal.h"

#define LOG2_MIN	3u
#define MAP_BYTES	4096u
#define MALLOC_OVERHEAD 16u

static size_t table_bytes(uint32_t log2)
{
	return sizeof(uint64_t) << log2;
}

/* What the host misses for it; no table costs nothing. */
static uint64_t table_cost(uint32_t log2)
{
	size_t bytes = log2 ? table_bytes(log2) : 0;

	return bytes && bytes < MAP_BYTES ? bytes + MALLOC_OVERHEAD : bytes;
}

static uint64_t *table_new(uint32_t log2)
{
	size_t bytes = table_bytes(log2);
	void *p;

	if (bytes < MAP_BYTES)
		return calloc(1, bytes);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void table_free(uint64_t *refs, uint32_t log2)
{
	size_t bytes = table_bytes(log2);

	if (bytes < MAP_BYTES)
		free(refs);
	else if (refs && munmap(refs, bytes) < 0)
		madvise(refs, bytes, MADV_DONTNEED);
}

uint32_t lr_index_hash(const struct lr_store *s, const struct lr_id *id)
{
	uint64_t h = XXH3_64bits_withSeed(id->b, sizeof(id->b), s->seed);

	return (uint32_t)(h >> (64 - LR_HASH_BITS));
}

static uint32_t home(const struct lr_index *ix, uint32_t hash)
{
	return hash >> (LR_HASH_BITS - ix->log2);
}

static uint32_t mask(const struct lr_index *ix)
{
	return (1u << ix->log2) - 1;
}

uint64_t *lr_index_find(const struct lr_store *s, const struct lr_index *ix,
			uint32_t hash, const struct lr_id *id)
{
	uint32_t i;

	if (!ix->refs)
		return NULL;
	for (i = home(ix, hash); ix->refs[i]; i = (i + 1) & mask(ix)) {
		if (lr_ref_hash(ix->refs[i]) != hash)
			continue;
		if (!memcmp(&lr_ref_record(s, ix->refs[i])->id, id,
			    sizeof(*id)))
			return &ix->refs[i];
	}
	return NULL;
}

void lr_index_prefetch(const struct lr_index *ix, uint32_t hash)
{
	if (ix->refs)
		__builtin_prefetch(&ix->refs[home(ix, hash)]);
}

uint64_t *lr_index_find_ref(const struct lr_index *ix, uint64_t ref)
{
	uint32_t i;

	if (!ix->refs)
		return NULL;
	i = home(ix, lr_ref_hash(ref));
	for (; ix->refs[i]; i = (i + 1) & mask(ix))
		if (ix->refs[i] == ref)
			return &ix->refs[i];
	return NULL;
}

bool lr_index_wants_growth(const struct lr_index *ix)
{
	if (!ix->refs)
		return true;
	return ix->log2 < LR_HASH_BITS && ix->used >= 7u << (ix->log2 - 3);
}

/* 31/32 of the places, and one stays empty: probing ends there. */
bool lr_index_needs_growth(const struct lr_index *ix)
{
	uint32_t size;

	if (!ix->refs)
		return true;
	size = 1u << ix->log2;
	return ix->used + 1 >= size - size / 32;
}

static uint32_t grown(const struct lr_index *ix)
{
	return ix->refs ? ix->log2 + 1 : LOG2_MIN;
}

uint64_t lr_index_growth_bytes(const struct lr_index *ix)
{
	return table_cost(grown(ix));
}

static void place(struct lr_index *ix, uint64_t ref)
{
	uint32_t i = home(ix, lr_ref_hash(ref));

	while (ix->refs[i])
		i = (i + 1) & mask(ix);
	ix->refs[i] = ref;
}

/* The order of the old table keeps the new one's writes close together. */
static bool resize(struct lr_store *s, struct lr_index *ix, uint32_t log2)
{
	struct lr_index old = *ix;
	uint64_t *refs = table_new(log2);
	uint32_t i;

	if (!refs)
		return false;
	ix->refs = refs;
	ix->log2 = log2;
	s->index_bytes += table_cost(log2);
	for (i = 0; old.refs && i <= mask(&old); i++)
		if (old.refs[i])
			place(ix, old.refs[i]);
	s->index_bytes -= table_cost(old.log2);
	table_free(old.refs, old.log2);
	return true;
}

bool lr_index_grow(struct lr_store *s, struct lr_index *ix)
{
	if (grown(ix) > LR_HASH_BITS)
		return false;
	return resize(s, ix, grown(ix));
}

void lr_index_insert(struct lr_index *ix, uint64_t ref)
{
	place(ix, ref);
	ix->used++;
}

void lr_index_free(struct lr_store *s, struct lr_index *ix)
{
	if (!ix->refs)
		return;
	s->index_bytes -= table_cost(ix->log2);
	table_free(ix->refs, ix->log2);
	memset(ix, 0, sizeof(*ix));
}

/* Moves later ones of the run forward, so that no marks are left behind. */
static void close_gap(struct lr_index *ix, uint32_t gap)
{
	uint32_t i = gap, m = mask(ix), at;

	for (;;) {
		i = (i + 1) & m;
		if (!ix->refs[i])
			break;
		at = home(ix, lr_ref_hash(ix->refs[i]));
		if (((i - at) & m) < ((i - gap) & m))
			continue;
		ix->refs[gap] = ix->refs[i];
		gap = i;
	}
	ix->refs[gap] = 0;
}

/* Below 3/8 a table of half the size is 3/4 full. Without memory for the new
 * one the old one stays. */
void lr_index_remove(struct lr_store *s, struct lr_index *ix, uint64_t *place)
{
	close_gap(ix, (uint32_t)(place - ix->refs));
	ix->used--;
	if (ix->used == 0)
		lr_index_free(s, ix);
	else if (ix->log2 > LOG2_MIN && ix->used < 3u << (ix->log2 - 3))
		(void)resize(s, ix, ix->log2 - 1);
}
