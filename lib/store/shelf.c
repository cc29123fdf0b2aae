/* SPDX-License-Identifier: Apache-2.0 */
/* What a slot held when it was emptied, set aside: an index of its own beside
 * the slot's. Nobody is served from it; an entry that turns out to be wanted is
 * moved back by its reference, no byte of it is copied. All of it goes before
 * anything is refused for want of room. */
#include <string.h>

#include "store/internal.h"

static struct lr_index *shelf_of(const struct lr_store *s, unsigned slot)
{
	assert(slot < s->nslots);
	return &s->slots[s->nslots + slot];
}

static void move_to(struct lr_record *r, unsigned slot)
{
	r->slot = slot & ((1u << 15) - 1);
}

static void drop_all(struct lr_store *s, struct lr_index *ix)
{
	for (uint64_t i = 0; ix->refs && i < 1ull << ix->log2; i++)
		if (ix->refs[i])
			lr_log_kill(s, ix, ix->refs[i]);
	lr_index_free(s, ix);
}

static bool is_newer(const struct lr_record *a, const struct lr_record *b)
{
	struct lr_entry x, y;

	lr_record_read(a, &x);
	lr_record_read(b, &y);
	return lr_tag_cmp(&x.tag, &y.tag) > 0;
}

/* One entry of a slot that is being emptied. TOMBs and what is bad cost
 * nothing to fetch; without memory it is fetched, too. */
static void shelve_one(struct lr_store *s, struct lr_index *from,
		       struct lr_index *to, uint64_t ref, unsigned slot)
{
	struct lr_record *r = lr_ref_record(s, ref);
	uint64_t *there = lr_index_find(s, to, lr_ref_hash(ref), &r->id);

	if (r->state != LR_FOUND_VALUE ||
	    (there && !is_newer(r, lr_ref_record(s, *there))) ||
	    (!there && lr_index_needs_growth(to) && !lr_index_grow(s, to))) {
		lr_log_kill(s, from, ref);
		return;
	}
	lr_log_count(s, from, r, false);
	move_to(r, s->nslots + slot);
	lr_log_count(s, to, r, true);
	if (!there) {
		lr_index_insert(to, ref);
		return;
	}
	lr_log_kill(s, to, *there);
	*there = ref;
}

void lr_store_shelve(struct lr_store *s, unsigned slot)
{
	struct lr_index *from = &s->slots[slot], *to = shelf_of(s, slot);

	for (uint64_t i = 0; from->refs && i < 1ull << from->log2; i++)
		if (from->refs[i])
			shelve_one(s, from, to, from->refs[i], slot);
	lr_index_free(s, from);
}

bool lr_store_shelved(struct lr_store *s, unsigned slot,
		      const struct lr_id *id, struct lr_entry *ret)
{
	const uint64_t *place = lr_index_find(s, shelf_of(s, slot),
					      lr_index_hash(s, id), id);

	if (place)
		lr_record_whole(s, lr_ref_record(s, *place), ret);
	return place != NULL;
}

bool lr_store_unshelve(struct lr_store *s, unsigned slot,
		       const struct lr_id *id, uint64_t now_ms)
{
	struct lr_index *from = shelf_of(s, slot), *to = &s->slots[slot];
	uint32_t hash = lr_index_hash(s, id);
	uint64_t *place = lr_index_find(s, from, hash, id), *there, ref;
	struct lr_record *r;

	if (!place)
		return false;
	there = lr_index_find(s, to, hash, id);
	if (!there && lr_index_needs_growth(to) && !lr_index_grow(s, to))
		return false;
	ref = *place;
	r = lr_ref_record(s, ref);
	lr_log_count(s, from, r, false);
	lr_index_remove(s, from, place);
	move_to(r, slot);
	lr_record_set_stored(r, now_ms);
	lr_log_count(s, to, r, true);
	if (there) {
		lr_log_kill(s, to, *there);
		*there = ref;
	} else {
		lr_index_insert(to, ref);
	}
	return true;
}

void lr_store_drop_shelf(struct lr_store *s, unsigned slot)
{
	drop_all(s, shelf_of(s, slot));
}

bool lr_store_drop_shelves(struct lr_store *s)
{
	if (!s->shelved)
		return false;
	for (unsigned i = 0; i < s->nslots; i++)
		drop_all(s, shelf_of(s, i));
	return true;
}

uint64_t lr_store_shelved_bytes(const struct lr_store *s)
{
	return s->shelved;
}
