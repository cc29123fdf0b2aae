/* SPDX-License-Identifier: Apache-2.0 */
/* Listing a slot in the order of IDs, a page at a time.
 *
 * The index has no order, so each page looks at the whole slot and keeps the
 * smallest IDs in a heap that has its largest at the top. The heap lives in the
 * caller's array; until the end only `id` and `value` (here: the record) of its
 * entries mean anything. */
#include <string.h>

#include "store/internal.h"

static bool is_above(const struct lr_entry *a, const struct lr_entry *b)
{
	return memcmp(a->id.b, b->id.b, sizeof(a->id.b)) > 0;
}

static void hold(struct lr_entry *e, const struct lr_record *r)
{
	e->id = r->id;
	e->value = r;
}

/* `e` takes the place `at`, which is free, or one below it. */
static void sift_down(struct lr_entry *heap, size_t n, size_t at,
		      struct lr_entry e)
{
	size_t child;

	for (; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && is_above(&heap[child + 1], &heap[child]))
			child++;
		if (!is_above(&heap[child], &e))
			break;
		heap[at].id = heap[child].id;
		heap[at].value = heap[child].value;
	}
	heap[at].id = e.id;
	heap[at].value = e.value;
}

static void heapify(struct lr_entry *heap, size_t n)
{
	size_t i;

	for (i = n / 2; i-- > 0;)
		sift_down(heap, n, i, heap[i]);
}

static void sort(struct lr_entry *heap, size_t n)
{
	while (n > 1) {
		struct lr_entry last = heap[--n];

		heap[n].id = heap[0].id;
		heap[n].value = heap[0].value;
		sift_down(heap, n, 0, last);
	}
}

/* The smallest IDs above `after`, as a heap once there are `max` of them. */
static size_t collect(const struct lr_store *s, const struct lr_index *ix,
		      const struct lr_id *after, struct lr_entry *ret,
		      size_t max)
{
	struct lr_entry e;
	size_t n = 0;
	uint64_t i;

	memset(&e, 0, sizeof(e));
	for (i = 0; i < 1ull << ix->log2; i++) {
		if (!ix->refs[i])
			continue;
		hold(&e, lr_ref_record(s, ix->refs[i]));
		if (after && memcmp(e.id.b, after->b, sizeof(e.id.b)) <= 0)
			continue;
		if (n < max) {
			ret[n++] = e;
			if (n == max)
				heapify(ret, n);
		} else if (is_above(&ret[0], &e)) {
			sift_down(ret, n, 0, e);
		}
	}
	if (n < max)
		heapify(ret, n);
	return n;
}

size_t lr_store_scan(struct lr_store *s, unsigned slot,
		     const struct lr_id *after, struct lr_entry *ret,
		     size_t max)
{
	const struct lr_index *ix = &s->slots[slot];
	size_t i, n;

	assert(slot < s->nslots);
	if (!ix->refs || max == 0)
		return 0;
	n = collect(s, ix, after, ret, max);
	sort(ret, n);
	for (i = 0; i < n; i++)
		lr_record_read(ret[i].value, &ret[i]);
	return n;
}
