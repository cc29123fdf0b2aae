/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: what is put, lost and gone; against a model; a million of them.
 */
#include "catalog_kit.h"

#include <malloc.h>
#include <time.h>

#define THERE LR_OBJECT_THERE

#define LOST LR_OBJECT_LOST

/* Everything that was put comes back as it was. */
static void test_put_and_get(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_object in = {.id = catalog_id_in(4097),
			       .size = UINT64_C(1) << 45,
			       .created_ms = 1790000000123,
			       .expires_ms = 1790000999456,
			       .owner = catalog_dev_of(9),
			       .uid = 4000000000,
			       .flags = PUBLIC,
			       .state = THERE,
			       .name = "a name"};
	struct lr_object out;

	(void)state;
	assert_non_null(k);
	assert_false(lr_catalog_get(k, &in.id, &out));
	assert_true(lr_catalog_put(k, &in));
	assert_true(lr_catalog_get(k, &in.id, &out));
	assert_true(lr_id_eq(&in.id, &out.id));
	assert_true(lr_dev_eq(&in.owner, &out.owner));
	assert_int_equal(in.size, out.size);
	assert_int_equal(in.created_ms, out.created_ms);
	assert_int_equal(in.expires_ms, out.expires_ms);
	assert_int_equal(in.uid, out.uid);
	assert_int_equal(in.flags, out.flags);
	assert_int_equal(out.state, THERE);
	assert_string_equal(out.name, "a name");
	assert_int_equal(lr_catalog_count(k), 1);
	assert_int_equal(lr_catalog_bytes(k), in.size);
	in.name = "other";
	in.size = 5;
	assert_true(lr_catalog_put(k, &in));
	assert_int_equal(lr_catalog_count(k), 1);
	assert_int_equal(lr_catalog_bytes(k), 5);
	lr_catalog_remove(k, &in.id);
	lr_catalog_remove(k, &in.id);
	assert_int_equal(lr_catalog_count(k), 0);
	assert_int_equal(lr_catalog_bytes(k), 0);
	lr_catalog_free(k);
}

/* A full list drops what it does not name, in its slot only, and the slot is
 * complete when it has ended. */
static void test_full_list(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_id a = catalog_id_in(5), b = catalog_id_in(5),
		     c = catalog_id_in(6);
	struct lr_object o;

	(void)state;
	assert_false(lr_catalog_slot_complete(k, 5));
	lr_catalog_begin(k, 5);
	catalog_put(k, a, "a", 1, 1, CLOSED);
	catalog_put(k, b, "b", 1, 1, CLOSED);
	assert_false(lr_catalog_slot_complete(k, 5));
	lr_catalog_end(k, 5, false);
	catalog_put(k, c, "c", 1, 1, CLOSED);
	assert_true(lr_catalog_slot_complete(k, 5));
	assert_false(lr_catalog_slot_complete(k, 6));
	lr_catalog_begin(k, 5);
	catalog_put(k, b, "b", 1, 1, CLOSED);
	assert_true(lr_catalog_get(k, &a, &o)); /* until the end is known */
	lr_catalog_end(k, 5, false);
	assert_false(lr_catalog_get(k, &a, &o));
	assert_true(lr_catalog_get(k, &b, &o));
	assert_true(lr_catalog_get(k, &c, &o));
	assert_int_equal(lr_catalog_count(k), 2);
	lr_catalog_free(k);
}

/* What was listed and is not there since the slot was lost stays as LOST,
 * through later lists too, until it is removed; found again, it is there. */
static void test_lost(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = catalog_asker(1, 1);
	struct lr_id a = catalog_id_in(5), b = catalog_id_in(5);
	struct lr_object o;

	(void)state;
	catalog_put(k, a, "a", 1, 1, CLOSED);
	catalog_put(k, b, "b", 1, 1, CLOSED);
	lr_catalog_begin(k, 5);
	lr_catalog_end(k, 5, true);
	assert_true(lr_catalog_get(k, &a, &o));
	assert_int_equal(o.state, LOST);
	assert_int_equal(lr_catalog_count(k), 0);
	assert_int_equal(lr_catalog_bytes(k), 0);
	assert_int_equal(lr_catalog_resolve(k, &me, "a", &o, 1), 1);
	assert_int_equal(o.state, LOST);
	lr_catalog_begin(k, 5);
	catalog_put(k, b, "b", 1, 1, CLOSED);
	lr_catalog_end(k, 5, false);
	assert_true(lr_catalog_get(k, &a, &o));
	assert_int_equal(o.state, LOST);
	assert_true(lr_catalog_get(k, &b, &o));
	assert_int_equal(o.state, THERE);
	assert_int_equal(lr_catalog_count(k), 1);
	lr_catalog_remove(k, &a);
	assert_false(lr_catalog_get(k, &a, &o));
	assert_int_equal(lr_catalog_count(k), 1);
	lr_catalog_free(k);
}

/* Random puts, removals and lists against a plain array. */
static void test_model(void **state)
{
	enum { N = 600, SLOTS = 9 };
	static struct {
		struct lr_id id;
		char name[8];
		uint8_t dev;
		bool there, lost, marked;
	} m[N];
	struct lr_catalog *k = lr_catalog_new(SLOTS);
	struct lr_asker root = {.admin = true};

	(void)state;
	for (int i = 0; i < N; i++)
		m[i].id = catalog_id_in((unsigned)catalog_rnd(SLOTS));
	for (int step = 0; step < 30000; step++) {
		size_t i = catalog_rnd(N), there = 0;
		unsigned slot = lr_id_slot(&m[i].id);
		bool lost = !catalog_rnd(8);
		struct lr_object o;

		if (catalog_rnd(200) == 0) {
			lr_catalog_begin(k, slot);
			for (size_t j = 0; j < N; j++) {
				if (lr_id_slot(&m[j].id) != slot)
					continue;
				m[j].marked = m[j].there && catalog_rnd(2);
				if (!m[j].marked)
					continue;
				catalog_put(k, m[j].id, m[j].name, m[j].dev, j,
					    CLOSED);
				m[j].lost = false;
			}
			lr_catalog_end(k, slot, lost);
			for (size_t j = 0; j < N; j++) {
				if (lr_id_slot(&m[j].id) != slot ||
				    !m[j].there || m[j].marked)
					continue;
				m[j].there = lost || m[j].lost;
				m[j].lost = true;
			}
		} else if (catalog_rnd(3)) {
			snprintf(m[i].name, sizeof m[i].name, "n%d",
				 (int)catalog_rnd(200));
			m[i].dev = (uint8_t)catalog_rnd(40);
			m[i].there = true;
			m[i].lost = false;
			catalog_put(k, m[i].id, m[i].name, m[i].dev, i, CLOSED);
		} else {
			lr_catalog_remove(k, &m[i].id);
			m[i].there = false;
		}
		assert_int_equal(lr_catalog_get(k, &m[i].id, &o), m[i].there);
		if (m[i].there) {
			struct lr_dev d = catalog_dev_of(m[i].dev);

			assert_string_equal(o.name, m[i].name);
			assert_true(lr_dev_eq(&o.owner, &d));
			assert_int_equal(o.state, m[i].lost ? LOST : THERE);
			assert_int_equal(
				lr_catalog_resolve(k, &root, o.name, &o, 1), 1);
			assert_string_equal(o.name, m[i].name);
		}
		if (step % 100)
			continue;
		for (size_t j = 0; j < N; j++)
			there += m[j].there && !m[j].lost;
		assert_int_equal(lr_catalog_count(k), there);
		assert_int_equal(lr_catalog_bytes(k), there * 1000);
	}
	lr_catalog_free(k);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool count(void *arg, const struct lr_object *o)
{
	(void)o;
	++*(size_t *)arg;
	return true;
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Many objects stay within 96 bytes each, their names apart; listing finds
 * them all; times are printed, not judged. LR_TEST_OBJECTS sets how many. */
static void test_many(void **state)
{
	const char *env = getenv("LR_TEST_OBJECTS");
	size_t n = env ? strtoul(env, NULL, 10) : 200000, names = 0, seen = 0;
	size_t before = heap(), used;
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = catalog_asker(1, 1);
	double t = now_ms();
	struct lr_object o;
	char name[40];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		int len = snprintf(name, sizeof name, "photo-%zu%.*s.jpg", i,
				   (int)catalog_rnd(16), "abcdefghijklmnop");

		names += (size_t)len + 1;
		catalog_put(k,
			    catalog_id_in(
				    LR_SLOTS_PER_CLASS +
				    (unsigned)catalog_rnd(LR_SLOTS_PER_CLASS)),
			    name, (uint8_t)catalog_rnd(30), i, PUBLIC);
	}
	print_message("%zu puts: %.0f ms\n", n, now_ms() - t);
	used = heap() - before;
	if (before) { /* a sanitizer's malloc tells nothing */
		print_message("%.1f bytes an object, its name apart\n",
			      (double)(used - names) / (double)n);
		assert_true(used - names <= 96 * n);
	}
	static const char *const patterns[] = {
		"",	      "*",	"photo-77*", "*9d*", "*-77[0-9]*.jpg",
		"*-?77*.jpg", "nothing"};
	for (size_t j = 0; j < sizeof patterns / sizeof *patterns; j++) {
		size_t hits = 0;

		t = now_ms();
		assert_true(lr_catalog_list(k, &me, patterns[j], NULL, count,
					    &hits));
		print_message("\"%s\": %zu in %.1f ms\n", patterns[j], hits,
			      now_ms() - t);
		seen = j ? seen : hits;
	}
	assert_int_equal(seen, n);
	t = now_ms();
	for (int i = 0; i < 1000; i++)
		(void)lr_catalog_resolve(k, &me, "nothing", &o, 1);
	print_message("a name: %.2f us\n", now_ms() - t);
	t = now_ms();
	for (unsigned s = 0; s < LR_SLOTS; s++) {
		lr_catalog_begin(k, s);
		lr_catalog_end(k, s, false);
	}
	print_message("all dropped: %.0f ms\n", now_ms() - t);
	assert_int_equal(lr_catalog_count(k), 0);
	if (before)
		assert_true(heap() < before + LR_SLOTS * 64);
	lr_catalog_free(k);
}

/* A name that everybody uses costs no more to put and to drop. */
static void test_one_name(void **state)
{
	enum { N = 100000 };
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_id *id = calloc(N, sizeof *id);
	double t = now_ms();

	(void)state;
	assert_non_null(id);
	for (int i = 0; i < N; i++)
		id[i] = catalog_put(k,
				    catalog_id_in((unsigned)catalog_rnd(4096)),
				    "stdin", 1, 1, CLOSED);
	for (int i = 0; i < N; i++)
		lr_catalog_remove(k, &id[i]);
	print_message("%d of one name, in and out: %.0f ms\n", N, now_ms() - t);
	assert_int_equal(lr_catalog_count(k), 0);
	free(id);
	lr_catalog_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_full_list),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
