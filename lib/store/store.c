/* SPDX-License-Identifier: Apache-2.0 */
/* The store's calls: what may be stored, and what replaces what. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

#include "core/sum.h"
#include "store/internal.h"

struct lr_store *lr_store_new(unsigned nslots, uint64_t limit)
{
	struct lr_store *s = calloc(1, sizeof(*s));

	assert(nslots > 0 && nslots <= 1u << 14); /* lr_record.slot */
	if (!s)
		return NULL;
	s->slots = calloc(2 * (size_t)nslots, sizeof(*s->slots));
	s->sha256 = EVP_MD_CTX_new();
	if (!s->slots || !s->sha256 ||
	    !EVP_DigestInit_ex(s->sha256, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(s->sha256);
		free(s->slots);
		free(s);
		return NULL;
	}
	/* Without a seed it only gets easier to aim at one place. */
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) < 0)
		s->seed = (uintptr_t)s;
	s->nslots = nslots;
	s->limit = limit;
	s->fixed_bytes = sizeof(*s) + 2 * (uint64_t)nslots * sizeof(*s->slots);
	return s;
}

void lr_store_free(struct lr_store *s)
{
	uint32_t i;

	if (!s)
		return;
	for (i = 0; i < 2 * s->nslots; i++)
		lr_index_free(s, &s->slots[i]);
	for (i = 1; i < s->segs_cap; i++)
		if (s->segs[i])
			lr_segment_unmap(s->segs[i]);
	EVP_MD_CTX_free(s->sha256);
	free(s->owners.rows);
	free(s->segs);
	free(s->slots);
	free(s);
}

/* A table that is merely crowded grows only where there is room anyway. */
static enum lr_err grow_index(struct lr_store *s, struct lr_index *ix)
{
	uint64_t extra = lr_index_growth_bytes(ix);

	if (!lr_index_wants_growth(ix))
		return LR_E_OK;
	if (lr_log_may_index(s, extra) && lr_index_grow(s, ix))
		return LR_E_OK;
	if (!lr_index_needs_growth(ix))
		return LR_E_OK;
	if (!lr_cleaner_make_room(s, extra))
		return LR_E_FULL;
	return lr_index_grow(s, ix) ? LR_E_OK : LR_E_NO_MEMORY;
}

/* `old`: bytes of the record that is there, 0 for none. What does not grow is
 * always let in: a full or shrunk store must take the TOMBs that empty it. */
static enum lr_err make_room(struct lr_store *s, struct lr_index *ix,
			     uint32_t need, uint32_t old, bool reserve,
			     bool tomb)
{
	uint64_t extra = 0;
	enum lr_err err;

	if (!old && lr_index_needs_growth(ix))
		extra = lr_index_growth_bytes(ix);
	if (need > old &&
	    s->live - old + need > lr_log_cap(s, extra, reserve || tomb))
		return LR_E_FULL;
	err = old ? LR_E_OK : grow_index(s, ix);
	if (err)
		return err;
	return lr_log_room(s, need, tomb && need <= old);
}

static void replace(struct lr_store *s, struct lr_index *ix, uint64_t *place,
		    uint64_t ref)
{
	uint64_t old = place ? *place : 0;

	lr_log_count(s, ix, lr_ref_record(s, ref), true);
	if (!place) {
		lr_index_insert(ix, ref);
		return;
	}
	*place = ref;
	lr_log_kill(s, ix, old);
}

enum lr_err lr_store_put(struct lr_store *s, unsigned slot,
			 const struct lr_entry *e, bool use_reserve,
			 uint64_t now_ms)
{
	struct lr_index *ix = &s->slots[slot];
	uint32_t hash = lr_index_hash(s, &e->id);
	struct lr_form form;
	uint64_t *place;
	enum lr_err err;

	assert(slot < s->nslots && e->bytes <= LR_BULK_MAX);
	assert(e->state != LR_FOUND_NONE && e->state <= LR_FOUND_BAD);
	lr_form_of(s, e, &form);
	place = lr_index_find(s, ix, hash, &e->id);
	do {
		err = make_room(s, ix, lr_form_size(&form),
				place ? lr_record_size(
						lr_ref_record(s, *place)) :
					0,
				use_reserve, e->state == LR_FOUND_TOMB);
	} while (err == LR_E_FULL && lr_store_drop_shelves(s));
	if (err)
		return err;
	/* An entry that was there kept its place, but cleaning may have moved
	 * what the place refers to. */
	replace(s, ix, place, lr_log_append(s, slot, hash, e, &form, now_ms));
	return LR_E_OK;
}

static struct lr_record *find(const struct lr_store *s, unsigned slot,
			      const struct lr_id *id)
{
	const uint64_t *place;

	assert(slot < s->nslots);
	place = lr_index_find(s, &s->slots[slot], lr_index_hash(s, id), id);
	return place ? lr_ref_record(s, *place) : NULL;
}

bool lr_store_get(struct lr_store *s, unsigned slot, const struct lr_id *id,
		  struct lr_entry *ret)
{
	const struct lr_record *r = find(s, slot, id);

	if (r)
		lr_record_whole(s, r, ret);
	return r != NULL;
}

void lr_store_touch(struct lr_store *s, unsigned slot, const struct lr_id *id,
		    const struct lr_tag *tag, uint64_t now_ms)
{
	struct lr_record *r = find(s, slot, id);
	struct lr_entry e;

	if (!r)
		return;
	lr_record_read(r, &e);
	if (lr_tag_cmp(&e.tag, tag) == 0)
		lr_record_set_stored(r, now_ms);
}

bool lr_store_verify(const struct lr_entry *e)
{
	if (e->state != LR_FOUND_VALUE)
		return e->state == LR_FOUND_TOMB;
	return lr_sum(e->value, e->bytes) == e->sum;
}

void lr_store_drop(struct lr_store *s, unsigned slot, const struct lr_id *id)
{
	struct lr_index *ix = &s->slots[slot];
	uint64_t *place, ref;

	assert(slot < s->nslots);
	place = lr_index_find(s, ix, lr_index_hash(s, id), id);
	if (!place)
		return;
	ref = *place;
	lr_log_kill(s, ix, ref);
	lr_index_remove(s, ix, place);
}

void lr_store_drop_slot(struct lr_store *s, unsigned slot)
{
	struct lr_index *ix = &s->slots[slot];
	uint64_t i;

	assert(slot < s->nslots);
	for (i = 0; ix->refs && i < 1ull << ix->log2; i++)
		if (ix->refs[i])
			lr_log_kill(s, ix, ix->refs[i]);
	lr_index_free(s, ix);
}

struct lr_slot_usage lr_store_slot(const struct lr_store *s, unsigned slot)
{
	const struct lr_index *ix = &s->slots[slot];

	assert(slot < s->nslots);
	return (struct lr_slot_usage){
		.entries = ix->used - ix->tombs,
		.tombs = ix->tombs,
		.bytes = ix->bytes,
	};
}

struct lr_store_usage lr_store_usage(const struct lr_store *s)
{
	return (struct lr_store_usage){
		.limit = s->limit,
		.mapped = (uint64_t)s->nsegs * LR_SEGMENT_BYTES +
			  s->index_bytes + s->fixed_bytes,
		.live = s->live,
		.entries = s->entries,
		.tombs = s->tombs,
	};
}

void lr_store_set_limit(struct lr_store *s, uint64_t limit)
{
	if (limit < s->limit)
		lr_store_drop_shelves(s);
	s->limit = limit;
	if (s->nsegs > lr_log_allowed(s, 0))
		lr_segment_drop_spare(s);
}
