/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog's own insides. */
#ifndef LR_CORE_CATALOG_I_H
#define LR_CORE_CATALOG_I_H

#include "core/catalog.h"

/* 57 bytes and the name: packed by hand, see put_time(). */
struct row {
	struct lr_id id;
	struct row *next, *prev; /* of the same bucket; the first has no prev */
	uint32_t owner;
	uint8_t size[6], created_ms[6], expires_ms[6];
	bool public : 1, closed : 1, lost : 1, marked : 1;
	char name[];
};

struct rows { /* of one slot, by ID */
	struct row **row;
	uint32_t n, cap;
	bool complete;
};

/* Linear hashing: a bucket is split (merged) when a row comes (goes), so that
 * no insert among ten millions waits for all of them to be hashed again. */
struct names {
	struct row **bucket;
	size_t n, cap;
};

struct owner {
	struct lr_dev dev;
	uint32_t uid;
};

struct owners { /* by order of arrival, and hashed with open addressing */
	struct owner *owner;
	uint32_t n, cap;
	uint32_t *at; /* index + 1 */
	uint32_t ats; /* a power of two, or 0 */
};

struct lr_catalog {
	struct rows *slot;
	unsigned nslots;
	uint64_t count, bytes;
	struct names names;
	struct owners owners;
};

bool lr_names_init(struct names *h);
void lr_names_done(struct names *h);
bool lr_names_add(struct names *h, struct row *r);
void lr_names_remove(struct names *h, struct row *r);
/* The first of its chain; others' names are in it too. */
const struct row *lr_names_chain(const struct names *h, const char *name);

bool lr_owners_find(struct owners *o, const struct lr_dev *dev, uint32_t uid,
		    uint32_t *ret);
void lr_owners_done(struct owners *o);

/* Index of the row, or where it would be. */
uint32_t lr_rows_find(const struct rows *s, const struct lr_id *id,
		      bool *found);
void lr_row_show(const struct lr_catalog *k, const struct row *r,
		 struct lr_object *ret);
uint64_t lr_row_created(const struct row *r);

#endif
