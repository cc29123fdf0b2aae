/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ull << 20)

static enum lr_err put(struct lr_store *s, uint64_t key, uint32_t bytes)
{
	struct lr_entry e = kit_entry(key, 1, bytes);

	return lr_store_put(s, 0, &e, false, 1);
}

static void drop(struct lr_store *s, uint64_t key)
{
	struct lr_id id = kit_id(key);

	lr_store_drop(s, 0, &id);
}

static void check(struct lr_store *s, uint64_t key, uint32_t bytes)
{
	struct lr_id id = kit_id(key);
	struct lr_entry e;

	assert_true(lr_store_get(s, 0, &id, &e));
	assert_int_equal(e.state, LR_FOUND_VALUE);
	kit_assert(&e, key, 1, bytes);
}

/* Puts key after key from `key` on until the store is full; the next key. */
static uint64_t fill(struct lr_store *s, uint64_t key, uint32_t bytes)
{
	enum lr_err err;

	while ((err = put(s, key, bytes)) == LR_E_OK)
		key++;
	assert_int_equal(err, LR_E_FULL);
	return key;
}

/* A put is there with all its fields; a newer one takes its place; touching
 * moves the time only under the tag that is stored. */
static void test_put_get(void **state)
{
	struct lr_store *s = lr_store_new(4, 32 * MIB);
	struct lr_entry e = kit_entry(1, 1, 100), got;

	(void)state;
	assert_false(lr_store_get(s, 3, &e.id, &got));
	assert_int_equal(lr_store_put(s, 3, &e, false, 1000), LR_E_OK);
	assert_false(lr_store_get(s, 2, &e.id, &got));
	assert_true(lr_store_get(s, 3, &e.id, &got));
	kit_assert(&got, 1, 1, 100);
	assert_in_range(got.stored_ms, 1000, 1063);
	e = kit_entry(1, 2, 50);
	assert_int_equal(lr_store_put(s, 3, &e, false, 2000), LR_E_OK);
	assert_true(lr_store_get(s, 3, &e.id, &got));
	kit_assert(&got, 1, 2, 50);
	e.tag.seq++;
	lr_store_touch(s, 3, &e.id, &e.tag, 3000);
	assert_true(lr_store_get(s, 3, &e.id, &got));
	assert_in_range(got.stored_ms, 2000, 2063);
	lr_store_touch(s, 3, &e.id, &got.tag, 3000);
	assert_true(lr_store_get(s, 3, &e.id, &got));
	assert_in_range(got.stored_ms, 3000, 3063);
	assert_int_equal(lr_store_slot(s, 3).bytes, kit_cost(50));
	lr_store_free(s);
}

/* A ts comes back, whether it is kept short or as a word. */
static void test_ts(void **state)
{
	static const uint64_t all[] = {0, 1, LR_TS_CLOSED, UINT16_MAX - 1,
				       UINT16_MAX, UINT16_MAX + 1, 1ull << 48,
				       LR_TS_GONE - 1, LR_TS_GONE};
	struct lr_store *s = lr_store_new(1, 32 * MIB);

	(void)state;
	for (unsigned i = 0; i < 9 * 2; i++) {
		struct lr_entry e = kit_entry(1, 1, 64), got;
		bool wide = i / 2 >= 4 && i / 2 < 8;

		e.tag.ts = all[i / 2];
		e.expires_ms = i % 2 ? UINT64_MAX : 0;
		assert_int_equal(lr_store_put(s, 0, &e, false, 1), LR_E_OK);
		assert_true(lr_store_get(s, 0, &e.id, &got));
		assert_int_equal(got.tag.ts, e.tag.ts);
		assert_int_equal(got.expires_ms, e.expires_ms);
		assert_memory_equal(got.value, e.value, 64);
		assert_int_equal(lr_store_usage(s).live,
				 48 + 64 + 8 * (wide + i % 2));
	}
	lr_store_free(s);
}

/* A TOMB has no value and is counted apart; BAD counts as an entry. */
static void test_tomb_and_bad(void **state)
{
	struct lr_store *s = lr_store_new(1, 32 * MIB);
	struct lr_entry e = kit_entry(1, 1, 1000), got;

	(void)state;
	assert_int_equal(lr_store_put(s, 0, &e, false, 1), LR_E_OK);
	e.state = LR_FOUND_BAD;
	assert_int_equal(lr_store_put(s, 0, &e, true, 1), LR_E_OK);
	assert_int_equal(lr_store_usage(s).entries, 1);
	assert_int_equal(lr_store_usage(s).live, KIT_HEADER);
	e.state = LR_FOUND_TOMB;
	assert_int_equal(lr_store_put(s, 0, &e, false, 1), LR_E_OK);
	assert_true(lr_store_get(s, 0, &e.id, &got));
	assert_int_equal(got.state, LR_FOUND_TOMB);
	kit_assert(&got, 1, 1, 0);
	assert_int_equal(lr_store_usage(s).entries, 0);
	assert_int_equal(lr_store_usage(s).tombs, 1);
	assert_int_equal(lr_store_slot(s, 0).tombs, 1);
	drop(s, 1);
	assert_int_equal(lr_store_usage(s).tombs, 0);
	lr_store_free(s);
}

/* A flipped bit is noticed; an intact copy of the same tag heals the entry. */
static void test_corrupt(void **state)
{
	struct lr_store *s = lr_store_new(1, 32 * MIB);
	struct lr_id id = kit_id(9);
	struct lr_entry e;
	uint8_t *value;

	(void)state;
	assert_int_equal(put(s, 9, 4096), LR_E_OK);
	assert_true(lr_store_get(s, 0, &id, &e));
	assert_true(lr_store_verify(&e));
	value = (uint8_t *)(uintptr_t)e.value;
	value[4095] ^= 1;
	assert_false(lr_store_verify(&e));
	assert_int_equal(put(s, 9, 4096), LR_E_OK);
	check(s, 9, 4096);
	lr_store_free(s);
}

/* At the cap normal puts are refused, but nothing is lost, what does not grow
 * is replaced, and TOMBs and repairs go on; room made is room used. */
static void test_full(void **state)
{
	const uint32_t sizes[] = {2048, LR_VALUE_MAX, LR_BULK_MAX};
	struct lr_store *s = lr_store_new(1, 49 * MIB);
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		uint32_t size = sizes[i];
		uint64_t k, n = fill(s, 0, size);
		struct lr_entry e = kit_entry(n + 1, 1, 64);

		assert_true(lr_store_usage(s).live + kit_cost(size) >
			    kit_cap(s));
		assert_true(lr_store_usage(s).mapped <= 49 * MIB);
		assert_int_equal(lr_store_put(s, 0, &e, true, 1), LR_E_OK);
		for (k = 0; k < n; k++)
			check(s, k, size);
		for (k = 0; k < n; k++)
			assert_int_equal(put(s, k, size), LR_E_OK);
		for (k = 0; k < n; k += 2) {
			e = kit_entry(k, 2, 0);
			e.state = LR_FOUND_TOMB;
			assert_int_equal(lr_store_put(s, 0, &e, false, 1),
					 LR_E_OK);
		}
		assert_true(fill(s, 2 * n, size) > 2 * n + n / 3);
		assert_true(lr_store_usage(s).mapped <= 49 * MIB);
		lr_store_drop_slot(s, 0);
	}
	lr_store_free(s);
}

/* Too little to lend: full, not broken. Lowered below what lives, a store
 * loses nothing and still takes TOMBs. */
static void test_tiny(void **state)
{
	struct lr_store *s = lr_store_new(1, 12 * MIB);
	struct lr_entry e;
	uint64_t k;

	(void)state;
	assert_int_equal(put(s, 1, 64), LR_E_FULL);
	lr_store_set_limit(s, 24 * MIB);
	assert_true(fill(s, 0, 1024) > 6 * MIB / 1100);
	lr_store_set_limit(s, 0);
	for (k = 0; k < 5000; k++) {
		check(s, k, 1024);
		e = kit_entry(k, 2, 0);
		e.state = LR_FOUND_TOMB;
		assert_int_equal(lr_store_put(s, 0, &e, false, 1), LR_E_OK);
	}
	assert_int_equal(put(s, 1, 64), LR_E_FULL);
	lr_store_free(s);
}

/* The host has its RAM back after a drop and eager cleaning, quickly, and the
 * same where the survivors stand thinly everywhere. */
static void test_ram_returns(void **state)
{
	uint64_t size = KIT_SMALL ? 32 * MIB : 160 * MIB, before, full, n, k;
	struct lr_store *s = lr_store_new(2, size);
	double start;

	(void)state;
	before = kit_rss();
	n = fill(s, 0, LR_VALUE_MAX);
	full = kit_rss();
	assert_true(full - before > size / 2);
	start = kit_seconds();
	lr_store_drop_slot(s, 0);
	kit_clean(s, true);
	print_message("%llu MiB given back in %.1f ms\n",
		      (unsigned long long)((full - kit_rss()) >> 20),
		      (kit_seconds() - start) * 1e3);
	assert_true(kit_rss() < before + 3 * MIB);
	assert_true(lr_store_usage(s).mapped < MIB / 16);

	n = fill(s, 0, 4096);
	for (k = 0; k < n; k++)
		if (k % 8)
			drop(s, k);
	kit_clean(s, true);
	assert_true(lr_store_usage(s).mapped <=
		    lr_store_usage(s).live * 105 / 100 + 9 * MIB);
	for (k = 0; k < n; k += 8)
		check(s, k, 4096);
	lr_store_free(s);
	assert_true(kit_rss() < before + 3 * MIB);
}

/* Without hurry too, a store mostly empty gives RAM back, and then rests. */
static void test_lazy_return(void **state)
{
	struct lr_store *s = lr_store_new(1, 64 * MIB);
	uint64_t k, n = fill(s, 0, 10000);

	(void)state;
	for (k = 0; k < n; k++)
		if (k % 8)
			drop(s, k);
	kit_clean(s, false);
	assert_false(lr_store_clean(s, 1000, LR_CLEAN_BUSY));
	assert_true(lr_store_usage(s).mapped <= 33 * MIB);
	lr_store_free(s);
}

/* Removed here and there: it stays as long as somebody would wait for the
 * cleaning of it, and goes in an idle moment. */
static void test_idle_return(void **state)
{
	struct lr_store *s = lr_store_new(1, 128 * MIB);
	uint64_t k, n = 8000, before; /* below where all is cleaned anyway */

	(void)state;
	for (k = 0; k < n; k++)
		assert_int_equal(put(s, k, 10000), LR_E_OK);
	for (k = 0; k < n; k++)
		if (k % 5 < 2)
			drop(s, k);
	before = lr_store_usage(s).mapped;
	kit_clean(s, false);
	assert_int_equal(lr_store_usage(s).mapped, before);
	while (lr_store_clean(s, 500, LR_CLEAN_IDLE))
		;
	assert_true(lr_store_usage(s).mapped <=
		    lr_store_usage(s).live * 105 / 100 + 25 * MIB);
	for (k = 0; k < n; k++)
		if (k % 5 >= 2)
			check(s, k, 10000);
	lr_store_free(s);
}

/* A pinned value stays where it is through replacing, dropping and cleaning;
 * its segment goes at the last unpin. */
static void test_pins(void **state)
{
	struct lr_store *s = lr_store_new(1, 64 * MIB);
	struct lr_entry a, b;
	struct lr_pin *pin[3];
	struct lr_id id;
	uint64_t k, n = fill(s, 0, 100000);

	(void)state;
	id = kit_id(0);
	assert_true(lr_store_get(s, 0, &id, &a));
	pin[0] = lr_store_pin(s, &a);
	pin[1] = lr_store_pin(s, &a);
	id = kit_id(n / 2);
	assert_true(lr_store_get(s, 0, &id, &b));
	pin[2] = lr_store_pin(s, &b);
	for (k = 0; k < n; k++)
		if (k % 16 != 5)
			drop(s, k);
	kit_clean(s, true);
	kit_assert(&a, 0, 1, 100000);
	kit_assert(&b, n / 2, 1, 100000);
	lr_store_drop_slot(s, 0);
	kit_clean(s, true);
	kit_assert(&a, 0, 1, 100000);
	kit_assert(&b, n / 2, 1, 100000);
	assert_true(lr_store_usage(s).mapped > 16 * MIB);
	lr_store_unpin(pin[0]);
	lr_store_unpin(pin[2]);
	kit_assert(&a, 0, 1, 100000);
	lr_store_unpin(pin[1]);
	assert_true(lr_store_usage(s).mapped < 9 * MIB); /* one is spare */
	kit_clean(s, true);
	assert_true(lr_store_usage(s).mapped < MIB);
	lr_store_free(s);
}

/* Pages of a big slot are in order and complete, while other entries come and
 * go in between. */
static void test_scan(void **state)
{
	const uint64_t n = KIT_SMALL ? 20000 : 200000;
	struct lr_store *s = lr_store_new(1, 128 * MIB);
	struct lr_entry *page = calloc(4096, sizeof(*page));
	uint8_t *seen = calloc(1, n);
	struct lr_id after;
	uint64_t k, all = 0;
	size_t i, got;

	(void)state;
	for (k = 0; k < n; k++)
		assert_int_equal(put(s, k, 8), LR_E_OK);
	while ((got = lr_store_scan(s, 0, all ? &after : NULL, page, 4096))) {
		for (i = 0; i < got; i++) {
			if (all + i)
				assert_true(memcmp(&page[i].id, &after,
						   sizeof(after)) > 0);
			after = page[i].id;
			k = page[i].tag.writer;
			kit_assert(&page[i], k, 1, 8);
			if (k < n)
				seen[k] = 1;
		}
		for (k = 0; k < 100; k++)
			assert_int_equal(put(s, n + all + k, 8), LR_E_OK);
		for (k = 0; k < 50; k++)
			drop(s, n + all + k);
		all += got;
	}
	for (k = 0; k < n; k++)
		assert_true(seen[k]);
	free(seen);
	free(page);
	lr_store_free(s);
}

/* Random drops and puts at the cap, until much of it was replaced: most of
 * the RAM mapped is entries, and every put still finds room. */
static void churn(uint32_t bytes, unsigned least)
{
	const uint64_t limit = (KIT_SMALL ? 48 : 256) * MIB;
	struct lr_store *s = lr_store_new(1, limit);
	uint64_t next = fill(s, 0, bytes), n = next, left, rng = 5, i;
	uint64_t steps = bytes < 1024 ? n : 3 * n;
	uint64_t *keys = calloc(n, sizeof(*keys));
	struct lr_store_usage u;
	double start = kit_seconds();

	for (i = 0; i < n; i++)
		keys[i] = i;
	for (left = steps; left; left--) {
		i = kit_random(&rng) % n;
		drop(s, keys[i]);
		keys[i] = next++;
		assert_int_equal(put(s, keys[i], bytes), LR_E_OK);
	}
	for (i = 0; i < n; i += 7)
		check(s, keys[i], bytes);
	u = lr_store_usage(s);
	print_message("%u B: %.1f B mapped each, values %.3f and live %.3f "
		      "of what is mapped, %.0f ns a step\n",
		      bytes, (double)u.mapped / (double)n,
		      (double)(n * bytes) / (double)u.mapped,
		      (double)u.live / (double)u.mapped,
		      (kit_seconds() - start) * 1e9 / (double)steps);
	assert_true(u.mapped <= limit);
	if (!KIT_SMALL)
		assert_true(u.live * 100 >= u.mapped * least);
	free(keys);
	lr_store_free(s);
}

static void test_churn(void **state)
{
	(void)state;
	if (!KIT_SMALL)
		churn(64, 80);
	churn(1024, 88);
	churn(2048, 88);
	churn(65536, 88);
	churn(LR_VALUE_MAX, 88);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get),
		cmocka_unit_test(test_ts),
		cmocka_unit_test(test_tomb_and_bad),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_ram_returns),
		cmocka_unit_test(test_lazy_return),
		cmocka_unit_test(test_idle_return),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
