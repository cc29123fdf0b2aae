/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: who sees what, pages, patterns, prefixes, names. */
#include "catalog_kit.h"

#include <fnmatch.h>

/* Everybody sees their own and public objects, an admin all; the same user
 * number on another device is somebody else; what is not closed nobody. */
static void test_who_sees(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = catalog_asker(1, 1), root = catalog_asker(3, 0);
	struct lr_asker neighbour = catalog_asker(1, 2),
			elsewhere = catalog_asker(2, 1);

	(void)state;
	root.admin = true;
	catalog_put(k, catalog_id_in(1), "mine", 1, 1, CLOSED);
	catalog_put(k, catalog_id_in(2), "open", 1, 1, 0);
	catalog_put(k, catalog_id_in(3), "theirs", 2, 1, CLOSED);
	catalog_put(k, catalog_id_in(4), "shown", 2, 1, PUBLIC);
	assert_int_equal(catalog_list_count(k, &me, ""), 2);
	assert_int_equal(catalog_list_count(k, &elsewhere, ""), 2);
	assert_int_equal(catalog_list_count(k, &neighbour, ""), 1);
	assert_int_equal(catalog_list_count(k, &root, ""), 3);
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
	struct lr_asker me = catalog_asker(1, 1);
	struct lr_id last, *after = NULL;
	size_t seen = 0;
	bool end = false;

	(void)state;
	for (int i = 0; i < 1000; i++)
		catalog_put(k, catalog_id_in((unsigned)catalog_rnd(300)), "x",
			    1, 1, CLOSED);
	while (!end) {
		struct page p = {.max = 7};

		end = lr_catalog_list(k, &me, "", after, catalog_collect, &p);
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
	struct lr_asker me = catalog_asker(1, 1);

	(void)state;
	for (int i = 0; i < 1000; i++)
		catalog_put(k, catalog_id_in((unsigned)catalog_rnd(300)),
			    i % 10 ? "x" : "match-1", 1, 1, CLOSED);
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

			end = lr_catalog_browse(k, &b, &at, catalog_collect,
						&p);
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
	struct lr_asker me = catalog_asker(1, 1);

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		catalog_put(k, catalog_id_in((unsigned)catalog_rnd(LR_SLOTS)),
			    names[i], 1, 1, CLOSED);
	for (size_t j = 0; j < sizeof patterns / sizeof *patterns; j++) {
		size_t n = 0;

		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			n += !*patterns[j] ||
			     fnmatch(patterns[j], names[i], 0) == 0;
		assert_int_equal(catalog_list_count(k, &me, patterns[j]), n);
	}
	lr_catalog_free(k);
}

/* Random patterns of asterisks and letters too. */
static void test_random_patterns(void **state)
{
	struct lr_asker me = catalog_asker(1, 1);

	(void)state;
	for (int run = 0; run < 20000; run++) {
		struct lr_catalog *k = lr_catalog_new(3);
		char name[12] = "", pattern[12] = "";

		for (uint64_t i = 0, n = 1 + catalog_rnd(9); i < n; i++)
			name[i] = "ab"[catalog_rnd(2)];
		for (uint64_t i = 0, n = 1 + catalog_rnd(8); i < n; i++)
			pattern[i] = "ab*?*"[catalog_rnd(5)];
		catalog_put(k, catalog_id_in(0), name, 1, 1, CLOSED);
		if ((catalog_list_count(k, &me, pattern) == 1) !=
		    (fnmatch(pattern, name, 0) == 0))
			fail_msg("%s of %s", pattern, name);
		lr_catalog_free(k);
	}
}

/* A question mark stands for a character, not for a byte. */
static void test_utf8_pattern(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = catalog_asker(1, 1);

	(void)state;
	catalog_put(k, catalog_id_in(1), "Grüße", 1, 1, CLOSED);
	assert_int_equal(catalog_list_count(k, &me, "Gr??e"), 1);
	assert_int_equal(catalog_list_count(k, &me, "*?e"), 1);
	assert_int_equal(catalog_list_count(k, &me, "Gr????e"), 0);
	assert_int_equal(catalog_list_count(k, &me, "??????"), 0);
	lr_catalog_free(k);
}

/* An ID's prefix lists, and resolves, what begins with it. */
static void test_prefix(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = catalog_asker(1, 1), other = catalog_asker(2, 1);
	struct lr_id a = catalog_id_in(4242), b = a;
	struct lr_object got[2];
	char text[LR_ID_TEXT + 1];

	(void)state;
	b.b[15] ^= 1;
	catalog_put(k, a, "a", 1, 1, CLOSED);
	catalog_put(k, b, "b", 1, 1, CLOSED);
	catalog_put(k, catalog_id_in(4243), "c", 1, 1, CLOSED);
	lr_id_format(&a, text);
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 1);
	assert_true(lr_id_eq(&got[0].id, &a));
	/* The whole ID is the key; a part of it helps its owner only. */
	assert_int_equal(lr_catalog_resolve(k, &other, text, got, 2), 1);
	text[10] = 0;
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 2);
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 1), 2);
	assert_int_equal(lr_catalog_resolve(k, &other, text, got, 2), 0);
	assert_int_equal(catalog_list_count(k, &me, text), 2);
	text[6] = 0;
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 2);
	text[5] = 0;
	assert_int_equal(lr_catalog_resolve(k, &me, text, got, 2), 0);
	assert_int_equal(catalog_list_count(k, &me, text), 0);
	lr_catalog_free(k);
}

/* A whole ID beats a name, a name beats a prefix. */
static void test_precedence(void **state)
{
	struct lr_catalog *k = lr_catalog_new(LR_SLOTS);
	struct lr_asker me = catalog_asker(1, 1);
	struct lr_id a = catalog_id_in(77), b;
	char text[LR_ID_TEXT + 1];
	struct lr_object got;

	(void)state;
	catalog_put(k, a, "a", 1, 1, CLOSED);
	lr_id_format(&a, text);
	catalog_put(k, catalog_id_in(1000), text, 1, 1, CLOSED);
	assert_int_equal(lr_catalog_resolve(k, &me, text, &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &a));
	text[8] = 0;
	b = catalog_put(k, catalog_id_in(2000), text, 1, 1, CLOSED);
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
	struct lr_asker me = catalog_asker(1, 1), other = catalog_asker(2, 1);
	struct lr_object got;
	struct lr_id mine, shown;

	(void)state;
	catalog_put(k, catalog_id_in(1), "x", 1, 10, CLOSED);
	mine = catalog_put(k, catalog_id_in(2), "x", 1, 30, CLOSED);
	catalog_put(k, catalog_id_in(3), "x", 1, 20, PUBLIC);
	catalog_put(k, catalog_id_in(4), "x", 3, 90, CLOSED);
	shown = catalog_put(k, catalog_id_in(5), "x", 3, 80, PUBLIC);
	assert_int_equal(lr_catalog_resolve(k, &me, "x", &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &mine));
	assert_int_equal(lr_catalog_resolve(k, &other, "x", &got, 1), 1);
	assert_true(lr_id_eq(&got.id, &shown));
	lr_catalog_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_sees),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_browse),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_random_patterns),
		cmocka_unit_test(test_utf8_pattern),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_same_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
