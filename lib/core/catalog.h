/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator knows of objects, from the slots' first SYNCED copies:
 * a full list at each new ce, then changes. Pure. At most 96 bytes of memory
 * an object, its name apart. */
#ifndef LR_CORE_CATALOG_H
#define LR_CORE_CATALOG_H

#include "core/id.h"
#include "core/terms.h"

struct lr_object {
	struct lr_id id;
	uint64_t size, created_ms, expires_ms;
	struct lr_dev owner;
	uint32_t uid;
	uint8_t flags; /* LR_OBJECT_PUBLIC | _CLOSED */
	uint8_t state; /* THERE, or LOST: was listed, the slot was lost since */
	const char *name; /* NUL-terminated */
};

struct lr_catalog;

struct lr_catalog *lr_catalog_new(unsigned nslots);
void lr_catalog_free(struct lr_catalog *k);

/* An ID's slot is lr_id_slot(); objects of slots that are not are ignored.
 *
 * A full list starts and ends: rows of the slot that it did not name are
 * dropped at the end, or kept as LOST where the slot was marked lost. */
void lr_catalog_begin(struct lr_catalog *k, unsigned slot);
void lr_catalog_end(struct lr_catalog *k, unsigned slot, bool lost);
/* False: out of memory. `name` is copied; owners are kept once. */
bool lr_catalog_put(struct lr_catalog *k, const struct lr_object *o);
void lr_catalog_remove(struct lr_catalog *k, const struct lr_id *id);
bool lr_catalog_get(const struct lr_catalog *k, const struct lr_id *id,
		    struct lr_object *ret);
uint64_t lr_catalog_count(const struct lr_catalog *k); /* objects THERE */
uint64_t lr_catalog_bytes(const struct lr_catalog *k); /* that users stored */
bool lr_catalog_slot_complete(const struct lr_catalog *k, unsigned slot);

/* Who asks: sees own and public objects; all with `admin`. */
struct lr_asker {
	struct lr_dev dev;
	uint32_t uid;
	bool admin;
};

/* Objects that are not closed are counted, but neither listed nor resolved.
 *
 * Pages through what matches (fnmatch on names, or an ID prefix of 6 and
 * more; "" = all) in the order of IDs, from above `after` (NULL: start).
 * `each` returns false to stop before that object. True: the end was reached. */
typedef bool (*lr_catalog_each)(void *arg, const struct lr_object *o);
bool lr_catalog_list(const struct lr_catalog *k, const struct lr_asker *who,
		     const char *pattern, const struct lr_id *after,
		     lr_catalog_each each, void *arg);
/* The same from any place, towards either end, for as much work as the caller
 * has time for. An object must match both patterns. True: the end was reached.
 * False: stopped by `each`, or `most` objects were looked at; *ret_at is the
 * last one that was, to go on from (untouched: none was). */
struct lr_catalog_browse {
	const struct lr_asker *who;
	const char *pattern, *find;
	const struct lr_id *from; /* exclusive; NULL: where `back` begins */
	bool back;
	size_t most;
};
bool lr_catalog_browse(const struct lr_catalog *k,
		       const struct lr_catalog_browse *b, struct lr_id *ret_at,
		       lr_catalog_each each, void *arg);
/* REF: ID, prefix, or name (mine newest first, then public newest first).
 * Fills up to cap; returns how many there are of the best kind of match: an
 * exact ID or name gives 1, an ambiguous prefix more. */
size_t lr_catalog_resolve(const struct lr_catalog *k,
			  const struct lr_asker *who, const char *ref,
			  struct lr_object *ret, size_t cap);

#endif
