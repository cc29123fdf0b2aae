/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations on the store and on a table that says what must be there;
 * every difference is a failure. The seed is printed with it. */
#include "store_kit.h"

#include <stdio.h>
#include <string.h>

#define KEYS  2000u
#define SLOTS 5u
#define PINS  8u
#define MIB   (1ull << 20)

struct held {
	struct lr_pin *pin; /* NULL: free */
	struct lr_entry e;
	uint64_t key;
};

static struct {
	uint8_t state[KEYS]; /* LR_FOUND_*: what the store must hold */
	uint32_t bytes[KEYS];
	uint64_t version[KEYS];
	uint64_t shelf[KEYS]; /* version set aside; 0: none. May be gone */
	uint32_t shelf_bytes[KEYS];
	struct held held[PINS];
	struct lr_store *s;
	uint64_t rng, next_version;
	uint64_t most; /* RAM that may be mapped */
	bool pins;
} m;

static uint64_t roll(uint64_t n)
{
	return kit_random(&m.rng) % n;
}

static unsigned slot_of(uint64_t key)
{
	return (unsigned)(key % SLOTS);
}

static uint32_t any_size(void)
{
	switch (roll(8)) {
	case 0:
		return (uint32_t)roll(100);
	case 1:
		return (uint32_t)roll(LR_BULK_MAX + 1);
	case 2:
		return roll(4) ? LR_VALUE_MAX : LR_BULK_MAX;
	default:
		return (uint32_t)roll(16384);
	}
}

static uint32_t cost_of(uint64_t key)
{
	return m.state[key] ? kit_cost(m.bytes[key]) : 0;
}

static unsigned pins_held(void)
{
	unsigned i, n = 0;

	for (i = 0; i < PINS; i++)
		n += m.held[i].pin != NULL;
	return n;
}

/* Without pins a normal put is refused exactly where the cap says so. */
static bool must_fail(uint64_t key, uint32_t cost)
{
	uint64_t live = lr_store_usage(m.s).live -
			lr_store_shelved_bytes(m.s);

	return cost > cost_of(key) && live - cost_of(key) + cost > kit_cap(m.s);
}

static void put(uint64_t key, uint8_t state)
{
	uint32_t bytes = state == LR_FOUND_VALUE ? any_size() : 0;
	struct lr_entry e = kit_entry(key, ++m.next_version, bytes);
	bool fail = must_fail(key, kit_cost(bytes));
	bool shelves = lr_store_shelved_bytes(m.s) > 0;
	enum lr_err err;

	e.state = state;
	err = lr_store_put(m.s, slot_of(key), &e, false, 5);
	if (state == LR_FOUND_VALUE && pins_held() == 0 && !shelves)
		assert_int_equal(err, fail ? LR_E_FULL : LR_E_OK);
	if (err) {
		assert_int_equal(err, LR_E_FULL);
		return;
	}
	m.state[key] = state;
	m.bytes[key] = bytes;
	m.version[key] = m.next_version;
}

static void check_key(uint64_t key)
{
	struct lr_id id = kit_id(key);
	struct lr_entry e;
	bool found = lr_store_get(m.s, slot_of(key), &id, &e);

	assert_int_equal(found, m.state[key] != 0);
	if (!found)
		return;
	assert_int_equal(e.state, m.state[key]);
	kit_assert(&e, key, m.version[key], m.bytes[key]);
}

static void drop(uint64_t key)
{
	struct lr_id id = kit_id(key);

	lr_store_drop(m.s, slot_of(key), &id);
	m.state[key] = 0;
}

static void drop_slot(unsigned slot)
{
	uint64_t key;

	lr_store_drop_slot(m.s, slot);
	for (key = slot; key < KEYS; key += SLOTS)
		m.state[key] = 0;
}

/* All of a slot is set aside: nobody sees it, no count has it. */
static void shelve(unsigned slot)
{
	lr_store_shelve(m.s, slot);
	for (uint64_t key = slot; key < KEYS; key += SLOTS) {
		if (m.state[key] == LR_FOUND_VALUE) {
			m.shelf[key] = m.version[key];
			m.shelf_bytes[key] = m.bytes[key];
		}
		m.state[key] = 0;
	}
}

/* Back comes what was set aside last, or nothing: its room was needed. */
static void unshelve(uint64_t key)
{
	struct lr_id id = kit_id(key);
	struct lr_entry e;

	if (m.state[key])
		return;
	if (!lr_store_shelved(m.s, slot_of(key), &id, &e)) {
		assert_false(lr_store_unshelve(m.s, slot_of(key), &id, 5));
		return;
	}
	assert_int_equal(e.tag.ts, m.shelf[key] << 16);
	kit_assert(&e, key, m.shelf[key], m.shelf_bytes[key]);
	assert_true(lr_store_unshelve(m.s, slot_of(key), &id, 5));
	m.state[key] = LR_FOUND_VALUE;
	m.version[key] = m.shelf[key];
	m.bytes[key] = m.shelf_bytes[key];
	m.shelf[key] = 0;
}

static void unpin(struct held *h)
{
	kit_assert(&h->e, h->key, h->e.tag.ts >> 16, h->e.bytes);
	lr_store_unpin(h->pin);
	h->pin = NULL;
}

/* Pinned values are compared when they are let go, whatever came between. */
static void pin_or_unpin(uint64_t key)
{
	struct held *h = &m.held[roll(PINS)];
	struct lr_id id = kit_id(key);

	if (h->pin) {
		unpin(h);
		return;
	}
	if (!lr_store_get(m.s, slot_of(key), &id, &h->e))
		return;
	h->pin = lr_store_pin(m.s, &h->e);
	h->key = key;
}

static void unpin_all(void)
{
	unsigned i;

	for (i = 0; i < PINS; i++)
		if (m.held[i].pin)
			unpin(&m.held[i]);
}

static void check_scan(unsigned slot)
{
	struct lr_slot_usage u = lr_store_slot(m.s, slot);
	struct lr_entry page[64];
	struct lr_id after;
	size_t i, n, all = 0;

	memset(&after, 0, sizeof(after));
	do {
		n = lr_store_scan(m.s, slot, all ? &after : NULL, page, 64);
		for (i = 0; i < n; i++) {
			uint64_t key = page[i].tag.writer;

			assert_true(memcmp(&page[i].id, &after, 16) > 0 ||
				    (all == 0 && i == 0));
			assert_int_equal(page[i].state, m.state[key]);
			kit_assert(&page[i], key, m.version[key], m.bytes[key]);
			after = page[i].id;
		}
		all += n;
	} while (n);
	assert_int_equal(all, u.entries + u.tombs);
}

static void check_counts(void)
{
	struct lr_store_usage u = lr_store_usage(m.s);
	uint64_t key, entries = 0, tombs = 0, live = 0, bytes = 0;
	unsigned i;

	for (key = 0; key < KEYS; key++) {
		entries += m.state[key] && m.state[key] != LR_FOUND_TOMB;
		tombs += m.state[key] == LR_FOUND_TOMB;
		live += cost_of(key);
	}
	for (i = 0; i < SLOTS; i++)
		bytes += lr_store_slot(m.s, i).bytes;
	assert_int_equal(u.entries, entries);
	assert_int_equal(u.tombs, tombs);
	assert_int_equal(u.live, live + lr_store_shelved_bytes(m.s));
	assert_int_equal(bytes, live);
	assert_true(u.mapped >= u.live);
}

static void check_all(void)
{
	uint64_t key;
	unsigned i;

	for (key = 0; key < KEYS; key++)
		check_key(key);
	for (i = 0; i < SLOTS; i++)
		check_scan(i);
	check_counts();
}

static void one_step(void)
{
	uint64_t key = roll(KEYS), what = roll(1000);

	if (what < 600)
		put(key, LR_FOUND_VALUE);
	else if (what < 640)
		put(key, LR_FOUND_TOMB);
	else if (what < 650)
		put(key, LR_FOUND_BAD);
	else if (what < 800)
		drop(key);
	else if (what < 801)
		drop_slot(slot_of(key));
	else if (what < 802)
		shelve(slot_of(key));
	else if (what < 840)
		unshelve(key);
	else if (what < 841)
		lr_store_drop_shelf(m.s, slot_of(key));
	else if (what < 900)
		lr_store_clean(m.s, (unsigned)roll(300),
				(enum lr_clean)roll(3));
	else if (what < 960 && m.pins)
		pin_or_unpin(key);
	else if (what < 965)
		unpin_all();
	else
		check_key(key);
	assert_true(lr_store_usage(m.s).mapped <= m.most);
}

static void run(uint64_t seed, unsigned steps)
{
	unsigned i;

	print_message("seed %llu\n", (unsigned long long)seed);
	memset(&m, 0, sizeof(m));
	m.rng = seed;
	m.most = (33 + 8 * (seed % 5)) * MIB;
	m.pins = seed % 2 == 0;
	m.s = lr_store_new(SLOTS, m.most);
	/* Where pins keep all else, a TOMB takes the cleaner's segment. */
	m.most += m.pins ? LR_SEGMENT_BYTES : 0;
	assert_non_null(m.s);
	for (i = 0; i < steps; i++) {
		one_step();
		if (i % 1000 == 0)
			check_all();
	}
	check_all();
	unpin_all();
	kit_clean(m.s, true);
	check_all();
	lr_store_free(m.s);
}

/* Whatever is done in whatever order, the store holds exactly what the table
 * says, within its limit, and is full exactly at its cap. */
static void test_model(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= (KIT_SMALL ? 2 : 4); seed++)
		run(seed, KIT_SMALL ? 4000 : 10000);
}

/* The limit falls and rises in between; nothing is lost, and RAM follows as
 * far as what lives allows. */
static void test_model_limits(void **state)
{
	unsigned i;

	(void)state;
	memset(&m, 0, sizeof(m));
	m.rng = 77;
	m.most = 1024 * MIB;
	m.pins = true;
	m.s = lr_store_new(SLOTS, 65 * MIB);
	assert_non_null(m.s);
	for (i = 0; i < (KIT_SMALL ? 3000 : 10000); i++) {
		one_step();
		if (i % 500 == 0)
			lr_store_set_limit(m.s, (9 + 8 * roll(9)) * MIB);
	}
	unpin_all();
	lr_store_set_limit(m.s, 0);
	kit_clean(m.s, true);
	check_all();
	assert_true(lr_store_usage(m.s).mapped <=
		    lr_store_usage(m.s).live * 110 / 100 + 17 * MIB);
	for (i = 0; i < KEYS; i++)
		drop(i);
	kit_clean(m.s, true);
	assert_true(lr_store_usage(m.s).mapped < MIB);
	lr_store_free(m.s);
}

/* One run in which the nth allocation fails. False: there were not so many. */
static bool run_failing(unsigned n)
{
	bool failed;
	unsigned i;

	memset(&m, 0, sizeof(m));
	m.rng = 3;
	kit_fail_at(n);
	m.s = lr_store_new(SLOTS, 41 * MIB);
	if (!m.s)
		return true;
	for (i = 0; i < 1500; i++) {
		uint64_t key = roll(KEYS), what = roll(10);
		uint32_t bytes = (uint32_t)roll(70000);
		struct lr_entry e = kit_entry(key, i + 1, bytes);
		enum lr_err err;

		if (what < 3) {
			drop(key);
			continue;
		}
		if (what < 4)
			lr_store_clean(m.s, 100, (enum lr_clean)roll(3));
		err = lr_store_put(m.s, slot_of(key), &e, false, 1);
		assert_true(!err || err == LR_E_FULL ||
			    (err == LR_E_NO_MEMORY && kit_failed()));
		if (err)
			continue;
		m.state[key] = LR_FOUND_VALUE;
		m.bytes[key] = bytes;
		m.version[key] = i + 1;
	}
	failed = kit_failed();
	kit_fail_at(0);
	check_all();
	kit_clean(m.s, true);
	check_all();
	lr_store_free(m.s);
	return failed;
}

/* Any allocation may fail, once: the call says so, or does without, and what
 * was stored stays as it was. */
static void test_no_memory(void **state)
{
	unsigned n, most = KIT_SMALL ? 40 : 150;

	(void)state;
	for (n = 1; n <= most && run_failing(n); n++)
		;
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_limits),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
