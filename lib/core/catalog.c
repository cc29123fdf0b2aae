/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are kept twice over: an array a slot, sorted by ID, for listing and
 * for prefixes; and chains by name. A row is one allocation that ends in its
 * name; owners are kept once. With the array's and the buckets' share and what
 * malloc adds that makes about 80 bytes an object. */
#include "core/catalog_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MIN 4
#define MAX_48	 ((UINT64_C(1) << 48) - 1)

struct lr_catalog *lr_catalog_new(unsigned nslots)
{
	struct lr_catalog *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->slot = calloc(nslots + 1u, sizeof *k->slot);
	k->nslots = nslots;
	if (!k->slot || !lr_names_init(&k->names)) {
		free(k->slot);
		free(k);
		return NULL;
	}
	return k;
}

void lr_catalog_free(struct lr_catalog *k)
{
	if (!k)
		return;
	for (unsigned s = 0; s < k->nslots; s++) {
		for (uint32_t i = 0; i < k->slot[s].n; i++)
			free(k->slot[s].row[i]);
		free(k->slot[s].row);
	}
	lr_names_done(&k->names);
	lr_owners_done(&k->owners);
	free(k->slot);
	free(k);
}

/* Milliseconds since 1970 in 48 bits last until the year 10889, bytes are 256
 * TiB; so a row is 56 bytes, and what malloc makes of it 64. */
static void put_48(uint8_t to[6], uint64_t n)
{
	if (n > MAX_48)
		n = MAX_48;
	memcpy(to, &(uint32_t){(uint32_t)n}, 4);
	memcpy(to + 4, &(uint16_t){(uint16_t)(n >> 32)}, 2);
}

static uint64_t get_48(const uint8_t from[6])
{
	uint32_t low;
	uint16_t high;

	memcpy(&low, from, sizeof low);
	memcpy(&high, from + 4, sizeof high);
	return (uint64_t)high << 32 | low;
}

void lr_row_show(const struct lr_catalog *k, const struct row *r,
		 struct lr_object *ret)
{
	const struct owner *o = &k->owners.owner[r->owner];

	*ret = (struct lr_object){
		.id = r->id,
		.size = get_48(r->size),
		.created_ms = get_48(r->created_ms),
		.expires_ms = get_48(r->expires_ms),
		.owner = o->dev,
		.uid = o->uid,
		.flags = (uint8_t)((r->public ? LR_OBJECT_PUBLIC : 0) |
				   (r->closed ? LR_OBJECT_CLOSED : 0)),
		.state = r->lost ? LR_OBJECT_LOST : LR_OBJECT_THERE,
		.name = r->name,
	};
}

uint64_t lr_row_created(const struct row *r)
{
	return get_48(r->created_ms);
}

uint32_t lr_rows_find(const struct rows *s, const struct lr_id *id, bool *found)
{
	uint32_t lo = 0, hi = s->n;

	*found = false;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = lr_id_cmp(&s->row[mid]->id, id);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* An eighth of slack: arrays are most of what a row costs besides itself. */
static bool rows_resize(struct rows *s, uint32_t cap)
{
	struct row **row = realloc(s->row, cap * sizeof(struct row *));

	if (!row)
		return false;
	s->row = row;
	s->cap = cap;
	return true;
}

static bool rows_insert(struct rows *s, uint32_t at, struct row *r)
{
	if (s->n == s->cap && !rows_resize(s, s->n + s->n / 8 + ROWS_MIN))
		return false;
	memmove(&s->row[at + 1], &s->row[at],
		(s->n - at) * sizeof(struct row *));
	s->row[at] = r;
	s->n++;
	return true;
}

static void rows_shrink(struct rows *s)
{
	if (s->n == 0) {
		free(s->row);
		s->row = NULL;
		s->cap = 0;
	} else if (s->cap > 2 * s->n + ROWS_MIN) {
		(void)rows_resize(s, s->n + ROWS_MIN); /* or stays as it is */
	}
}

static struct rows *rows_of(const struct lr_catalog *k, const struct lr_id *id)
{
	unsigned slot = lr_id_slot(id);

	return slot < k->nslots ? &k->slot[slot] : NULL;
}

static void count_in(struct lr_catalog *k, const struct row *r)
{
	if (r->lost)
		return;
	k->count++;
	k->bytes += get_48(r->size);
}

static void count_out(struct lr_catalog *k, const struct row *r)
{
	if (r->lost)
		return;
	k->count--;
	k->bytes -= get_48(r->size);
}

/* Forgets a row that its slot's array does not hold any more. */
static void drop_row(struct lr_catalog *k, struct row *r)
{
	count_out(k, r);
	lr_names_remove(&k->names, r);
	free(r);
}

static struct row *row_new(struct lr_catalog *k, const struct lr_object *o)
{
	size_t len = strlen(o->name);
	struct row *r = calloc(1, offsetof(struct row, name) + len + 1);

	if (!r)
		return NULL;
	if (!lr_owners_find(&k->owners, &o->owner, o->uid, &r->owner)) {
		free(r);
		return NULL;
	}
	r->id = o->id;
	put_48(r->size, o->size);
	put_48(r->created_ms, o->created_ms);
	put_48(r->expires_ms, o->expires_ms);
	r->public = (o->flags & LR_OBJECT_PUBLIC) != 0;
	r->closed = (o->flags & LR_OBJECT_CLOSED) != 0;
	r->lost = o->state == LR_OBJECT_LOST;
	r->marked = true;
	memcpy(r->name, o->name, len + 1);
	return r;
}

bool lr_catalog_put(struct lr_catalog *k, const struct lr_object *o)
{
	struct rows *s = rows_of(k, &o->id);
	struct row *r;
	uint32_t at;
	bool there;

	if (!s)
		return true; /* no slot of this pool: nobody can ask for it */
	r = row_new(k, o);
	if (!r)
		return false;
	if (!lr_names_add(&k->names, r)) {
		free(r);
		return false;
	}
	at = lr_rows_find(s, &o->id, &there);
	if (!there && !rows_insert(s, at, r)) {
		lr_names_remove(&k->names, r);
		free(r);
		return false;
	}
	if (there) {
		drop_row(k, s->row[at]);
		s->row[at] = r;
	}
	count_in(k, r);
	return true;
}

void lr_catalog_remove(struct lr_catalog *k, const struct lr_id *id)
{
	struct rows *s = rows_of(k, id);
	bool there;
	uint32_t at;

	if (!s)
		return;
	at = lr_rows_find(s, id, &there);
	if (!there)
		return;
	drop_row(k, s->row[at]);
	s->n--;
	memmove(&s->row[at], &s->row[at + 1],
		(s->n - at) * sizeof(struct row *));
	rows_shrink(s);
}

bool lr_catalog_get(const struct lr_catalog *k, const struct lr_id *id,
		    struct lr_object *ret)
{
	const struct rows *s = rows_of(k, id);
	bool there = false;
	uint32_t at;

	if (!s)
		return false;
	at = lr_rows_find(s, id, &there);
	if (there)
		lr_row_show(k, s->row[at], ret);
	return there;
}

void lr_catalog_begin(struct lr_catalog *k, unsigned slot)
{
	struct rows *s;

	assert(slot < k->nslots);
	s = &k->slot[slot];
	s->complete = false;
	for (uint32_t i = 0; i < s->n; i++)
		s->row[i]->marked = false;
}

static void lose_row(struct lr_catalog *k, struct row *r)
{
	count_out(k, r);
	r->lost = true;
}

void lr_catalog_end(struct lr_catalog *k, unsigned slot, bool lost)
{
	struct rows *s;
	uint32_t kept = 0;

	assert(slot < k->nslots);
	s = &k->slot[slot];
	for (uint32_t i = 0; i < s->n; i++) {
		struct row *r = s->row[i];

		if (!r->marked && !r->lost && !lost) {
			drop_row(k, r);
			continue;
		}
		if (!r->marked)
			lose_row(k, r);
		s->row[kept++] = r;
	}
	s->n = kept;
	rows_shrink(s);
	s->complete = true;
}

uint64_t lr_catalog_count(const struct lr_catalog *k)
{
	return k->count;
}

uint64_t lr_catalog_bytes(const struct lr_catalog *k)
{
	return k->bytes;
}

bool lr_catalog_slot_complete(const struct lr_catalog *k, unsigned slot)
{
	return slot < k->nslots && k->slot[slot].complete;
}
