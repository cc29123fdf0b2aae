/* SPDX-License-Identifier: Apache-2.0 */
/* args: LIMIT_MIB; a donor's store alone. What is more than fits in one entry
 * is cut, as clients cut it; entries go to slots by chance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/churn.h"
#include "core/terms.h"
#include "store/store.h"
#include "wire/messages.h"

#define CLEAN_US    2000
#define CLEAN_BYTES (4u << 20) /* about what a donor stores between its ticks */

static struct lr_store *store;
static uint64_t next, since;

static struct lr_id id_of(uint64_t number)
{
	struct lr_id id;
	uint64_t a = number * UINT64_C(0x9e3779b97f4a7c15);

	a ^= a >> 29;
	a *= UINT64_C(0xbf58476d1ce4e5b9);
	memcpy(id.b, &a, 8);
	memcpy(id.b + 8, &number, 8);
	return id;
}

static unsigned slot_of(const struct lr_id *id)
{
	return (id->b[0] | (unsigned)id->b[1] << 8) % LR_SLOTS;
}

static void open_store(char **args)
{
	store = lr_store_new(LR_SLOTS, strtoull(args[0], NULL, 10) << 20);
	if (!store)
		churn_die("memory");
}

static void drop_first(uint64_t number, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct lr_id id = id_of(number + i);

		lr_store_drop(store, slot_of(&id), &id);
	}
}

static uint64_t entries_of(uint32_t bytes)
{
	return (bytes + LR_VALUE_MAX - 1) / LR_VALUE_MAX;
}

static void drop(const struct churn_value *v)
{
	drop_first(v->id.number, entries_of(v->bytes));
}

static bool put_one(uint64_t number, const void *value, uint32_t bytes)
{
	struct lr_entry e = {.id = id_of(number),
			     .tag = {.ts = 1, .writer = 1},
			     .kind = LR_KIND_CHUNK,
			     .state = LR_FOUND_VALUE,
			     .bytes = bytes,
			     .value = value};
	enum lr_err err = lr_store_put(store, slot_of(&e.id), &e, false, 1);

	if (err && err != LR_E_FULL)
		churn_die(lr_err_name(err));
	return err == LR_E_OK;
}

static void clean(uint32_t bytes)
{
	since += bytes;
	if (since < CLEAN_BYTES)
		return;
	since = 0;
	lr_store_clean(store, CLEAN_US, LR_CLEAN_BUSY);
}

static bool put(struct churn_value *v, const void *bytes)
{
	uint64_t n = entries_of(v->bytes), first = next;
	uint32_t left = v->bytes;

	v->id.number = first;
	next += n;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t part = left < LR_VALUE_MAX ? left : LR_VALUE_MAX;

		left -= part;
		if (put_one(first + i, bytes, part))
			continue;
		drop_first(first, i);
		return false;
	}
	clean(v->bytes);
	return true;
}

static void tell(uint64_t value_bytes)
{
	struct lr_store_usage u = lr_store_usage(store);

	printf("  values / limit %.3f, values / RAM held %.3f, entries with "
	       "headers / RAM held %.3f; %.1f B of RAM an entry\n",
	       (double)value_bytes / (double)u.limit,
	       (double)value_bytes / (double)u.mapped,
	       (double)u.live / (double)u.mapped,
	       (double)u.mapped / (double)u.entries);
}

static void close_store(void)
{
	lr_store_free(store);
}

const struct churn_ops churn_store = {
	.open = open_store,
	.put = put,
	.drop = drop,
	.close = close_store,
	.tell = tell,
};
