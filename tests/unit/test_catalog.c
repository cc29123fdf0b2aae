/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/catalog.h"

#define THERE  LR_OBJECT_THERE
#define LOST   LR_OBJECT_LOST
#define CLOSED LR_OBJECT_CLOSED
#define PUBLIC (LR_OBJECT_CLOSED | LR_OBJECT_PUBLIC)

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

static struct lr_id id_in(unsigned slot)
{
	struct lr_id id;

	for (size_t i = 0; i < sizeof id.b; i++)
		id.b[i] = (uint8_t)rnd(256);
	id.b[0] = (uint8_t)(slot >> 6);
	id.b[1] = (uint8_t)(slot << 2 | (id.b[1] & 3));
	return id;
}

static struct lr_dev dev_of(uint8_t n)
{
	struct lr_dev d = {{n, 7}};

	return d;
}

static struct lr_asker asker(uint8_t dev, uint32_t uid)
{
	return (struct lr_asker){.dev = dev_of(dev), .uid = uid};
}

static struct lr_id put(struct lr_catalog *k, struct lr_id id, const char *name,
			uint8_t dev, uint64_t created, uint8_t flags)
{
	struct lr_object o = {.id = id,
			      .size = 1000,
			      .created_ms = created,
			      .owner = dev_of(dev),
			      .uid = 1,
			      .flags = flags,
			      .name = name};

	assert_true(lr_catalog_put(k, &o));
	return id;
}

struct page {
	struct lr_id id[64];
	char name[64][16];
	size_t n, max;
};

static bool collect(void *arg, const struct lr_object *o)
{
	struct page *p = arg;

	if (p->n == p->max)
		return false;
	p->id[p->n] = o->id;
	snprintf(p->name[p->n++], sizeof p->name[0], "%s", o->name);
	return true;
}

static size_t list_count(struct lr_catalog *k, const struct lr_asker *who,
			 const char *pattern)
{
	struct page p = {.max = 64};

	assert_true(lr_catalog_list(k, who, pattern, NULL, collect, &p));
	return p.n;
}

/* Everything that was put comes back as it was. */
static void test_put_and_get(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_object in = {.id = id_in(4097),
			       .size = UINT64_C(1) << 45,
			       .created_ms = 1790000000123,
			       .expires_ms = 1790000999456,
			       .owner = dev_of(9),
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
	struct lr_id a = id_in(5), b = id_in(5), c = id_in(6);
	struct lr_object o;

	(void)state;
	assert_false(lr_catalog_slot_complete(k, 5));
	lr_catalog_begin(k, 5);
	put(k, a, "a", 1, 1, CLOSED);
	put(k, b, "b", 1, 1, CLOSED);
	assert_false(lr_catalog_slot_complete(k, 5));
	lr_catalog_end(k, 5, false);
	put(k, c, "c", 1, 1, CLOSED);
	assert_true(lr_catalog_slot_complete(k, 5));
	assert_false(lr_catalog_slot_complete(k, 6));
	lr_catalog_begin(k, 5);
	put(k, b, "b", 1, 1, CLOSED);
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
	struct lr_asker me = asker(1, 1);
	struct lr_id a = id_in(5), b = id_in(5);
	struct lr_object o;

	(void)state;
	put(k, a, "a", 1, 1, CLOSED);
	put(k, b, "b", 1, 1, CLOSED);
	lr_catalog_begin(k, 5);
	lr_catalog_end(k, 5, true);
	assert_true(lr_catalog_get(k, &a, &o));
	assert_int_equal(o.state, LOST);
	assert_int_equal(lr_catalog_count(k), 0);
	assert_int_equal(lr_catalog_bytes(k), 0);
	assert_int_equal(lr_catalog_resolve(k, &me, "a", &o, 1), 1);
	assert_int_equal(o.state, LOST);
	lr_catalog_begin(k, 5);
	put(k, b, "b", 1, 1, CLOSED);
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

/* Everybody sees their own and public objects, an admin all; the same user
 * number on another device is somebody else; what is not closed nobody. */
static void test_who_sees(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1), root = asker(3, 0);
	struct lr_asker neighbour = asker(1, 2), elsewhere = asker(2, 1);

	(void)state;
	root.admin = true;
	put(k, id_in(1), "mine", 1, 1, CLOSED);
	put(k, id_in(2), "open", 1, 1, 0);
	put(k, id_in(3), "theirs", 2, 1, CLOSED);
	put(k, id_in(4), "shown", 2, 1, PUBLIC);
	assert_int_equal(list_count(k, &me, ""), 2);
	assert_int_equal(list_count(k, &elsewhere, ""), 2);
	assert_int_equal(list_count(k, &neighbour, ""), 1);
	assert_int_equal(list_count(k, &root, ""), 3);
	assert_int_equal(lr_catalog_resolve(k, &me, "theirs", NULL, 0), 0);
	assert_int_equal(lr_catalog_resolve(k, &me, "shown", NULL, 0), 1);
	assert_int_equal(lr_catalog_resolve(k, &me, "open", NULL, 0), 0);
	assert_int_equal(lr_catalog_resolve(k, &root, "theirs", NULL, 0), 1);
	lr_catalog_free(k);
}

/* Pages follow each other in the order of IDs, across slots, although objects
 * come and go between them. */
static void test_pages(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1);
	struct lr_id last, *after = NULL;
	size_t seen = 0;
	bool end = false;

	(void)state;
	for (int i = 0; i < 1000; i++)
		put(k, id_in((unsigned)rnd(300)), "x", 1, 1, CLOSED);
	while (!end) {
		struct page p = {.max = 7};

		end = lr_catalog_list(k, &me, "", after, collect, &p);
		assert_true(end || p.n == 7);
		for (size_t i = 0; i < p.n; i++) {
			if (after)
				assert_true(lr_id_cmp(after, &p.id[i]) < 0);
			last = p.id[i];
			after = &last;
		}
		seen += p.n;
		lr_catalog_remove(k, &last); /* the page's end may go */
	}
	assert_int_equal(seen, 1000);
	lr_catalog_free(k);
}

/* All rows come once, forwards and backwards, in pieces that end after so many
 * matches or so much work, whatever is filtered out on the way. */
static void test_browse(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1);

	(void)state;
	for (int i = 0; i < 1000; i++)
		put(k, id_in((unsigned)rnd(300)), i % 10 ? "x" : "match-1", 1,
		    1, CLOSED);
	for (int back = 0; back < 2; back++) {
		struct lr_catalog_browse b = {.who = &me,
					      .pattern = "*match*",
					      .find = "*-1",
					      .back = back,
					      .most = 33};
		struct lr_id at = {{0}}, last = {{0}};
		size_t seen = 0, pieces = 0;
		bool end = false;

		for (; !end; pieces++, b.from = &at) {
			struct page p = {.max = 3};

			end = lr_catalog_browse(k, &b, &at, collect, &p);
			for (size_t i = 0; i < p.n; i++, seen++) {
				int c = lr_id_cmp(&last, &p.id[i]);

				assert_true(!seen || (back ? c > 0 : c < 0));
				last = p.id[i];
			}
		}
		assert_int_equal(seen, 100);
		assert_true(pieces > 1000 / 33);
	}
	lr_catalog_free(k);
}

/* A pattern means what fnmatch makes of it. */
static void test_patterns(void **state)
{
	static const char *const names[] = {
		"build.tar", "build.tar.gz", ".hidden", "a/b",	  "a*b",
		"a?b",	     "aab",	     "x",	"abcabc", "ab",
		"Grüße.txt", "[x]",	     "aXbXc",
	};
	static const char *const patterns[] = {
		"*",	 "build*", "*.tar", "*.tar*", "*a*b*",	 "a?b",
		"a\\*b", "a*b",	   "**",    "*b",     "a",	 "x",
		"*x*x*", "[ab]*",  "[!a]*", "*.*",    "abc*abc", "ab*ab*abc",
		"*ü*",	 "?",	   "",	    "\\[x]",  "*bc",
	};
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1);

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		put(k, id_in((unsigned)rnd(LR_SLOTS)), names[i], 1, 1, CLOSED);
	for (size_t j = 0; j < sizeof patterns / sizeof *patterns; j++) {
		size_t n = 0;

		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			n += !*patterns[j] ||
			     fnmatch(patterns[j], names[i], 0) == 0;
		assert_int_equal(list_count(k, &me, patterns[j]), n);
	}
	lr_catalog_free(k);
}

/* Random patterns of asterisks and letters too. */
static void test_random_patterns(void **state)
{
	struct lr_asker me = asker(1, 1);

	(void)state;
	for (int run = 0; run < 20000; run++) {
		struct lr_catalog *k = lr_catalog_new(3);
		char name[12] = "", pattern[12] = "";

		for (uint64_t i = 0, n = 1 + rnd(9); i < n; i++)
			name[i] = "ab"[rnd(2)];
		for (uint64_t i = 0, n = 1 + rnd(8); i < n; i++)
			pattern[i] = "ab*?*"[rnd(5)];
		put(k, id_in(0), name, 1, 1, CLOSED);
		if ((list_count(k, &me, pattern) == 1) !=
		    (fnmatch(pattern, name, 0) == 0))
			fail_msg("%s of %s", pattern, name);
		lr_catalog_free(k);
	}
}

/* A question mark stands for a character, not for a byte. */
static void test_utf8_pattern(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1);

	(void)state;
	put(k, id_in(1), "Grüße", 1, 1, CLOSED);
	assert_int_equal(list_count(k, &me, "Gr??e"), 1);
	assert_int_equal(list_count(k, &me, "*?e"), 1);
	assert_int_equal(list_count(k, &me, "Gr????e"), 0);
	assert_int_equal(list_count(k, &me, "??????"), 0);
	lr_catalog_free(k);
}

/* An ID's prefix lists, and resolves, what begins with it. */
static void test_prefix(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1), other = asker(2, 1);
	struct lr_id a = id_in(4242), b = a;
	struct lr_object got[2];
	char text[LR_ID_TEXT + 1];

	(void)state;
	b.b[15] ^= 1;
	put(k, a, "a", 1, 1, CLOSED);
	put(k, b, "b", 1, 1, CLOSED);
	put(k, id_in(4243), "c", 1, 1, CLOSED);
	lr_id_format(&a, text);
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 1);
	assert_true(lr_id_eq(&got[0].id, &a));
	/* The whole ID is the key; a part of it helps its owner only. */
	assert_int_equal(lr_catalog_resolve(k, &other, text, got, 2), 1);
	text[10] = 0;
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 2);
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 1), 2);
	assert_int_equal(lr_catalog_resolve(k, &other, text, got, 2), 0);
	assert_int_equal(list_count(k, &me, text), 2);
	text[6] = 0;
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 2);
	text[5] = 0;
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 0);
	assert_int_equal(list_count(k, &me, text), 0);
	lr_catalog_free(k);
}

/* A whole ID beats a name, a name beats a prefix. */
static void test_precedence(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1);
	struct lr_id a = id_in(77), b;
	char text[LR_ID_TEXT + 1];
	struct lr_object got;

	(void)state;
	put(k, a, "a", 1, 1, CLOSED);
	lr_id_format(&a, text);
	put(k, id_in(1000), text, 1, 1, CLOSED);
	assert_int_equal(lr_catalog_resolve(k, &me, text, &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &a));
	text[8] = 0;
	b = put(k, id_in(2000), text, 1, 1, CLOSED);
	assert_int_equal(lr_catalog_resolve(k, &me, text, &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &b));
	lr_catalog_remove(k, &b);
	assert_int_equal(lr_catalog_resolve(k, &me, text, &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &a));
	lr_catalog_free(k);
}

/* Of one name: mine, the newest; then public ones, the newest. */
static void test_same_names(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = asker(1, 1), other = asker(2, 1);
	struct lr_object got;
	struct lr_id mine, shown;

	(void)state;
	put(k, id_in(1), "x", 1, 10, CLOSED);
	mine = put(k, id_in(2), "x", 1, 30, CLOSED);
	put(k, id_in(3), "x", 1, 20, PUBLIC);
	put(k, id_in(4), "x", 3, 90, CLOSED);
	shown = put(k, id_in(5), "x", 3, 80, PUBLIC);
	assert_int_equal(lr_catalog_resolve(k, &me, "x", &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &mine));
	assert_int_equal(lr_catalog_resolve(k, &other, "x", &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &shown));
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
		m[i].id = id_in((unsigned)rnd(SLOTS));
	for (int step = 0; step < 30000; step++) {
		size_t i = rnd(N), there = 0;
		unsigned slot = lr_id_slot(&m[i].id);
		bool lost = !rnd(8);
		struct lr_object o;

		if (rnd(200) == 0) {
			lr_catalog_begin(k, slot);
			for (size_t j = 0; j < N; j++) {
				if (lr_id_slot(&m[j].id) != slot)
					continue;
				m[j].marked = m[j].there && rnd(2);
				if (!m[j].marked)
					continue;
				put(k, m[j].id, m[j].name, m[j].dev, j, CLOSED);
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
		} else if (rnd(3)) {
			snprintf(m[i].name, sizeof m[i].name, "n%d",
				 (int)rnd(200));
			m[i].dev = (uint8_t)rnd(40);
			m[i].there = true;
			m[i].lost = false;
			put(k, m[i].id, m[i].name, m[i].dev, i, CLOSED);
		} else {
			lr_catalog_remove(k, &m[i].id);
			m[i].there = false;
		}
		assert_int_equal(lr_catalog_get(k, &m[i].id, &o), m[i].there);
		if (m[i].there) {
			struct lr_dev d = dev_of(m[i].dev);

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
	struct lr_asker me = asker(1, 1);
	double t = now_ms();
	struct lr_object o;
	char name[40];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		int len = snprintf(name, sizeof name, "photo-%zu%.*s.jpg", i,
				   (int)rnd(16), "abcdefghijklmnop");

		names += (size_t)len + 1;
		put(k,
		    id_in(LR_SLOTS_PER_CLASS +
			  (unsigned)rnd(LR_SLOTS_PER_CLASS)),
		    name, (uint8_t)rnd(30), i, PUBLIC);
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
		id[i] = put(k, id_in((unsigned)rnd(4096)), "stdin", 1, 1,
			    CLOSED);
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
		cmocka_unit_test(test_who_sees),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_browse),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_random_patterns),
		cmocka_unit_test(test_utf8_pattern),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_same_names),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
