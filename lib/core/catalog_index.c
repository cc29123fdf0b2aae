/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog's hashes: rows by name, owners by (device, uid). */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "core/catalog_i.h"

#define NAMES_MIN  64u
#define OWNERS_MIN 16u

/* The bucket of a hash among n: its low bits, one fewer where that bucket is
 * not there yet. */
static size_t bucket_of(const char *name, size_t n)
{
	uint64_t hash = XXH3_64bits(name, strlen(name));
	size_t all = NAMES_MIN;

	while (all < n)
		all *= 2;
	if ((hash & (all - 1)) < n)
		return (size_t)(hash & (all - 1));
	return (size_t)(hash & (all / 2 - 1));
}

bool lr_names_init(struct names *h)
{
	*h = (struct names){.n = NAMES_MIN, .cap = NAMES_MIN};
	h->bucket = calloc(h->cap, sizeof(struct row *));
	return h->bucket;
}

void lr_names_done(struct names *h)
{
	free(h->bucket);
}

static void link_row(struct names *h, size_t bucket, struct row *r)
{
	r->prev = NULL;
	r->next = h->bucket[bucket];
	if (r->next)
		r->next->prev = r;
	h->bucket[bucket] = r;
}

static bool names_resize(struct names *h, size_t cap)
{
	struct row **b = realloc(h->bucket, cap * sizeof(struct row *));

	if (!b)
		return false;
	h->bucket = b;
	h->cap = cap;
	return true;
}

/* The one whose rows go to the bucket behind the last, or come from it. */
static size_t split_from(size_t n)
{
	size_t all = NAMES_MIN;

	while (all * 2 <= n)
		all *= 2;
	return n - all;
}

static bool split(struct names *h)
{
	size_t from = split_from(h->n);
	struct row *r, *next;

	if (h->n == h->cap && !names_resize(h, h->cap + h->cap / 8))
		return false;
	r = h->bucket[from];
	h->bucket[from] = NULL;
	h->bucket[h->n++] = NULL;
	for (; r; r = next) {
		next = r->next;
		link_row(h, bucket_of(r->name, h->n), r);
	}
	return true;
}

static void merge(struct names *h)
{
	struct row *r, *next;
	size_t to;

	if (h->n == NAMES_MIN)
		return;
	h->n--;
	to = split_from(h->n);
	for (r = h->bucket[h->n]; r; r = next) {
		next = r->next;
		link_row(h, to, r);
	}
	if (h->cap > 2 * h->n)
		(void)names_resize(h, h->n); /* or stays as it is */
}

bool lr_names_add(struct names *h, struct row *r)
{
	if (!split(h))
		return false;
	link_row(h, bucket_of(r->name, h->n), r);
	return true;
}

void lr_names_remove(struct names *h, struct row *r)
{
	if (r->next)
		r->next->prev = r->prev;
	if (r->prev)
		r->prev->next = r->next;
	else
		h->bucket[bucket_of(r->name, h->n)] = r->next;
	merge(h);
}

const struct row *lr_names_chain(const struct names *h, const char *name)
{
	return h->bucket[bucket_of(name, h->n)];
}

static uint32_t owner_hash(const struct lr_dev *dev, uint32_t uid)
{
	return (uint32_t)XXH3_64bits_withSeed(dev, sizeof *dev, uid);
}

static uint32_t *owner_place(const struct owners *o, const struct lr_dev *dev,
			     uint32_t uid)
{
	uint32_t i = owner_hash(dev, uid) & (o->ats - 1);

	for (; o->at[i]; i = (i + 1) & (o->ats - 1)) {
		const struct owner *w = &o->owner[o->at[i] - 1];

		if (w->uid == uid && lr_dev_eq(&w->dev, dev))
			break;
	}
	return &o->at[i];
}

static bool owners_grow(struct owners *o)
{
	uint32_t cap = o->cap ? o->cap * 2 : OWNERS_MIN;
	struct owner *w = realloc(o->owner, cap * sizeof *w);
	uint32_t *at;

	if (!w)
		return false;
	o->owner = w;
	at = calloc(2 * (size_t)cap, sizeof *at);
	if (!at)
		return false;
	free(o->at);
	o->at = at;
	o->ats = 2 * cap;
	o->cap = cap;
	for (uint32_t i = 0; i < o->n; i++)
		*owner_place(o, &w[i].dev, w[i].uid) = i + 1;
	return true;
}

bool lr_owners_find(struct owners *o, const struct lr_dev *dev, uint32_t uid,
		    uint32_t *ret)
{
	uint32_t *at;

	if (o->n == o->cap && !owners_grow(o))
		return false;
	at = owner_place(o, dev, uid);
	if (!*at) {
		o->owner[o->n] = (struct owner){*dev, uid};
		*at = ++o->n;
	}
	*ret = *at - 1;
	return true;
}

void lr_owners_done(struct owners *o)
{
	free(o->owner);
	free(o->at);
}
