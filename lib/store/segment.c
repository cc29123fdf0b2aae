/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: 8 MiB mappings, taken from the host and given back.
 *
 * One emptied segment is kept as a spare: mapping and touching RAM anew costs
 * 10 to 24 ms a segment, and under churn at the limit each victim of the
 * cleaner would pay that. LR_CLEAN_ALL gives the spare back too. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "store/internal.h"

#define SEGS_STEP 64u

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static bool is_aligned(const void *p)
{
	return ((uintptr_t)p & (LR_SEGMENT_BYTES - 1)) == 0;
}

/* The kernel puts a mapping below the last one, so mostly the first try fits;
 * otherwise twice as much is mapped and the ends cut off. */
static void *map_aligned(void)
{
	const size_t size = LR_SEGMENT_BYTES;
	uint8_t *p = map(size);
	size_t before;

	if (!p || is_aligned(p))
		return p;
	munmap(p, size);
	p = map(2 * size);
	if (!p)
		return NULL;
	before = (size - ((uintptr_t)p & (size - 1))) & (size - 1);
	if (before)
		munmap(p, before);
	if (before < size)
		munmap(p + before + size, size - before);
	return p + before;
}

/* Advice only: where huge pages are not allowed, small ones do. Other people's
 * data has no business in a core dump. */
static struct lr_segment *map_segment(void)
{
	void *p = map_aligned();

	if (!p)
		return NULL;
	madvise(p, LR_SEGMENT_BYTES, MADV_HUGEPAGE);
	madvise(p, LR_SEGMENT_BYTES, MADV_DONTDUMP);
	return p;
}

/* Numbers start at 1: a reference is never 0. */
static uint32_t free_number(struct lr_store *s)
{
	struct lr_segment **segs;
	uint32_t i, cap = s->segs_cap;

	for (i = 1; i < cap; i++)
		if (!s->segs[i])
			return i;
	if (cap + SEGS_STEP > LR_REF_SEGS)
		return 0;
	segs = realloc(s->segs, (cap + SEGS_STEP) * sizeof(*segs));
	if (!segs)
		return 0;
	memset(segs + cap, 0, SEGS_STEP * sizeof(*segs));
	s->segs = segs;
	s->segs_cap = cap + SEGS_STEP;
	s->fixed_bytes += SEGS_STEP * sizeof(*segs);
	return cap ? cap : 1;
}

static struct lr_segment *segment_new(struct lr_store *s)
{
	uint32_t no = free_number(s);
	struct lr_segment *seg;

	if (!no)
		return NULL;
	seg = map_segment();
	if (!seg)
		return NULL;
	seg->magic = LR_SEGMENT_MAGIC;
	seg->store = s;
	seg->no = no;
	seg->fill = sizeof(*seg);
	s->segs[no] = seg;
	s->nsegs++;
	return seg;
}

struct lr_segment *lr_segment_open(struct lr_store *s, uint8_t role)
{
	struct lr_segment *seg = s->spare;

	if (seg)
		s->spare = NULL;
	else
		seg = segment_new(s);
	if (seg)
		seg->role = role;
	return seg;
}

/* munmap fails only where the kernel runs out of mappings; then at least the
 * RAM goes, and the addresses are lost. */
void lr_segment_unmap(struct lr_segment *seg)
{
	struct lr_store *s = seg->store;

	assert(seg->magic == LR_SEGMENT_MAGIC && seg->pins == 0);
	s->segs[seg->no] = NULL;
	s->nsegs--;
	if (munmap(seg, LR_SEGMENT_BYTES) < 0)
		madvise(seg, LR_SEGMENT_BYTES, MADV_DONTNEED);
}

void lr_segment_release(struct lr_segment *seg)
{
	struct lr_store *s = seg->store;

	assert(seg->live == 0 && seg->pins == 0);
	if (s->spare || s->nsegs > lr_log_allowed(s, 0)) {
		lr_segment_unmap(seg);
		return;
	}
	if (seg->touched < seg->fill)
		seg->touched = seg->fill;
	seg->fill = sizeof(*seg);
	seg->stuck = false;
	seg->role = LR_SEG_SPARE;
	s->spare = seg;
}

void lr_segment_close(struct lr_segment *seg)
{
	seg->role = LR_SEG_CLOSED;
	if (seg->live == 0 && seg->pins == 0)
		lr_segment_release(seg);
}

void lr_segment_drop_spare(struct lr_store *s)
{
	if (s->spare)
		lr_segment_unmap(s->spare);
	s->spare = NULL;
}

/* A value starts right after its header, so the header, unlike an empty value
 * at the very end, is surely inside the segment. */
struct lr_pin *lr_store_pin(struct lr_store *s, const struct lr_entry *e)
{
	uintptr_t at = (uintptr_t)e->value - sizeof(struct lr_record);
	uintptr_t low = at & (LR_SEGMENT_BYTES - 1);
	struct lr_segment *seg = (void *)(at - low);

	if (e->value == s->whole)
		return NULL;
	assert(seg->magic == LR_SEGMENT_MAGIC && seg->store == s);
	seg->pins++;
	return (struct lr_pin *)seg;
}

void lr_store_unpin(void *pin)
{
	struct lr_segment *seg = pin;

	assert(seg->magic == LR_SEGMENT_MAGIC && seg->pins > 0);
	seg->pins--;
	if (seg->pins == 0 && seg->live == 0 && seg->role == LR_SEG_CLOSED)
		lr_segment_release(seg);
}
