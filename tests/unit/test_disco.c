/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "discovery/merge.h"

#define FOUND_MAX 4

static struct lr_found found[FOUND_MAX];

static struct lr_seen service(unsigned ifindex, int pool, const char *host)
{
	struct lr_seen s;

	memset(&s, 0, sizeof(s));
	s.ifindex = ifindex;
	s.port = 7450;
	memset(s.txt.pool.b, pool, sizeof(s.txt.pool.b));
	strcpy(s.txt.pool_name, "home");
	strcpy(s.service, "home");
	strcpy(s.host, host);
	return s;
}

static void add(struct lr_seen *s, const char *text, bool on_link)
{
	uint8_t b[16];
	bool v6 = strchr(text, ':') != NULL;

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, text, b), 1);
	assert_true(lr_seen_add(s, v6, b));
	s->addr[s->n_addr - 1].on_link = on_link;
}

static size_t merge2(const struct lr_seen *a, const struct lr_seen *b)
{
	const struct lr_seen *seen[2] = { a, b };

	return lr_merge(seen, b ? 2 : 1, found, FOUND_MAX);
}

static void txt(struct lr_txt *t, const char *key, const char *value)
{
	lr_txt_read(t, key, value, strlen(value));
}

/* The keys of the record fill the row, whatever the case of their names, and
 * keys of later versions are passed over. */
static void test_txt_keys(void **state)
{
	struct lr_txt t = { 0 };
	struct lr_dev id;
	char text[LR_DEV_TEXT + 1];

	(void)state;
	memset(&id, 0x5a, sizeof(id));
	txt(&t, "txtvers", "1");
	txt(&t, "POOL", "home");
	txt(&t, "id", lr_dev_format(&id, text));
	txt(&t, "version", "1.2");
	txt(&t, "colour", "blue");
	assert_string_equal(t.pool_name, "home");
	assert_string_equal(t.version, "1.2");
	assert_true(lr_dev_eq(&t.pool, &id));
}

/* A pool ID that is too short, too long or of wrong characters is none. */
static void test_txt_bad_id(void **state)
{
	static const char *const bad[] = { "", "abc", "not an id",
		"00000000000000000000000000000000000000000000000000000",
		"!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!" };
	struct lr_txt t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&t, 0x11, sizeof(t));
		txt(&t, "id", bad[i]);
		assert_true(lr_dev_is_zero(&t.pool));
	}
}

/* Control characters and broken UTF-8 from the LAN never reach a terminal. */
static void test_text_is_printable(void **state)
{
	char out[64];

	(void)state;
	lr_text_copy(out, sizeof(out), "a\x1b[31m\n\0z", 9);
	assert_string_equal(out, "a?[31m??z");
	lr_text_copy(out, sizeof(out), "\xc3\xa9 \xff \xc2\x9b \xed\xa0\x80",
		     11);
	assert_string_equal(out, "\xc3\xa9 ? ?? ???");
	lr_text_copy(out, sizeof(out), "\xf0\x9f", 2);
	assert_string_equal(out, "??");
}

/* Text that is too long is cut, and never inside a character. */
static void test_text_is_bounded(void **state)
{
	char out[6];

	(void)state;
	lr_text_copy(out, sizeof(out), "abcdefgh", 8);
	assert_string_equal(out, "abcde");
	lr_text_copy(out, sizeof(out), "abcd\xc3\xa9", 6);
	assert_string_equal(out, "abcd");
}

/* One pool on two interfaces, over IPv4 and IPv6, is one row. */
static void test_one_row_a_pool(void **state)
{
	struct lr_seen a = service(2, 1, "anvil.local");
	struct lr_seen b = service(3, 1, "anvil.local");

	(void)state;
	add(&a, "10.0.0.2", true);
	add(&b, "fd00::2", true);
	assert_int_equal(merge2(&a, &b), 1);
	assert_string_equal(found[0].pool_name, "home");
	assert_string_equal(found[0].host, "anvil.local");
	assert_string_equal(found[0].addrs, "10.0.0.2:7450,[fd00::2]:7450");
}

/* Two pools of one name are two rows: the ID tells them apart. */
static void test_two_pools_of_a_name(void **state)
{
	struct lr_seen a = service(2, 2, "anvil.local");
	struct lr_seen b = service(2, 1, "birch.local");

	(void)state;
	add(&a, "10.0.0.2", true);
	add(&b, "10.0.0.3", true);
	assert_int_equal(merge2(&a, &b), 2);
	assert_string_equal(found[0].host, "birch.local");
	assert_string_equal(found[1].host, "anvil.local");
}

/* Services without an ID are told apart by name and host, and named by their
 * service where the record has no pool name. */
static void test_no_id(void **state)
{
	struct lr_seen a = service(2, 0, "anvil.local");
	struct lr_seen b = service(3, 0, "birch.local");

	(void)state;
	a.txt.pool_name[0] = '\0';
	add(&a, "10.0.0.2", true);
	add(&b, "10.0.1.2", true);
	assert_int_equal(merge2(&a, &b), 2);
	assert_true(lr_dev_is_zero(&found[0].pool));
	assert_string_equal(found[0].pool_name, "home");
}

/* Tried in this order: IPv4 of our subnet, other IPv4, IPv6, link-local. */
static void test_order(void **state)
{
	struct lr_seen a = service(7, 1, "anvil.local");

	(void)state;
	add(&a, "fe80::1", true);
	add(&a, "169.254.3.4", true);
	add(&a, "fd00::2", true);
	add(&a, "192.0.2.1", false);
	add(&a, "10.0.0.2", true);
	assert_int_equal(merge2(&a, NULL), 1);
	assert_string_equal(found[0].addrs,
			    "10.0.0.2:7450,192.0.2.1:7450,[fd00::2]:7450,"
			    "169.254.3.4:7450,[fe80::1%7]:7450");
}

/* The same link-local address on two interfaces is two ways to go. */
static void test_scope(void **state)
{
	struct lr_seen a = service(2, 1, "anvil.local");
	struct lr_seen b = service(3, 1, "anvil.local");

	(void)state;
	add(&a, "fe80::1", true);
	add(&b, "fe80::1", true);
	assert_int_equal(merge2(&a, &b), 1);
	assert_string_equal(found[0].addrs,
			    "[fe80::1%2]:7450,[fe80::1%3]:7450");
}

/* What docker0 and its like show comes after everything real. */
static void test_virtual_last(void **state)
{
	struct lr_seen a = service(2, 1, "anvil.local");
	struct lr_seen b = service(3, 1, "anvil.local");

	(void)state;
	a.virtual_if = true;
	add(&a, "172.17.0.1", true);
	add(&b, "fe80::5", true);
	assert_int_equal(merge2(&a, &b), 1);
	assert_string_equal(found[0].addrs,
			    "[fe80::5%3]:7450,172.17.0.1:7450");
	assert_true(lr_if_is_virtual("docker0"));
	assert_true(lr_if_is_virtual("br-12ab"));
	assert_true(lr_if_is_virtual("vethx"));
	assert_true(lr_if_is_virtual("virbr0"));
	assert_false(lr_if_is_virtual("br0"));
	assert_false(lr_if_is_virtual("eth0"));
}

/* Loopback is shown only where there is nothing else; what cannot be connected
 * to is never shown. */
static void test_loopback_and_unusable(void **state)
{
	struct lr_seen a = service(1, 1, "anvil.local");
	struct lr_seen b = service(2, 1, "anvil.local");

	(void)state;
	add(&a, "::1", true);
	add(&a, "127.0.0.1", true);
	assert_int_equal(merge2(&a, NULL), 1);
	assert_string_equal(found[0].addrs, "127.0.0.1:7450,[::1]:7450");
	add(&b, "10.0.0.2", true);
	add(&b, "0.0.0.0", true);
	add(&b, "224.0.0.1", true);
	add(&b, "ff02::1", true);
	add(&b, "::", true);
	assert_int_equal(merge2(&a, &b), 1);
	assert_string_equal(found[0].addrs, "10.0.0.2:7450");
}

/* An address seen twice is listed once; a removed one is gone; a service left
 * without any is no row. */
static void test_add_remove(void **state)
{
	struct lr_seen a = service(2, 1, "anvil.local");
	struct lr_seen b = service(3, 1, "anvil.local");
	uint8_t addr[4] = { 10, 0, 0, 2 };

	(void)state;
	add(&a, "10.0.0.2", true);
	add(&b, "10.0.0.2", false);
	assert_false(lr_seen_add(&a, false, addr));
	assert_int_equal(merge2(&a, &b), 1);
	assert_string_equal(found[0].addrs, "10.0.0.2:7450");
	assert_true(lr_seen_remove(&a, false, addr));
	assert_false(lr_seen_remove(&a, false, addr));
	assert_true(lr_seen_remove(&b, false, addr));
	assert_int_equal(merge2(&a, &b), 0);
}

/* A stranger's flood of addresses and services stays within the bounds: whole
 * addresses only, and no more rows than asked for. */
static void test_bounds(void **state)
{
	static struct lr_seen s[8];
	const struct lr_seen *seen[8];
	uint8_t a[16] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	size_t len;

	(void)state;
	for (int i = 0; i < 8; i++) {
		s[i] = service((unsigned)i + 1, 1, "anvil.local");
		seen[i] = &s[i];
		for (uint8_t j = 0; j < LR_SEEN_ADDRS_MAX; j++) {
			a[14] = (uint8_t)(0x10 + i);
			a[15] = (uint8_t)(0x10 + j);
			assert_true(lr_seen_add(&s[i], true, a));
		}
		a[15] = 0xff;
		assert_false(lr_seen_add(&s[i], true, a));
	}
	assert_int_equal(lr_merge(seen, 8, found, FOUND_MAX), 1);
	len = strlen(found[0].addrs);
	assert_in_range(len, 900, sizeof(found[0].addrs) - 1);
	assert_string_equal(found[0].addrs + len - 6, "]:7450");
	for (int i = 0; i < 8; i++)
		memset(&s[i].txt.pool, i + 1, sizeof(s[i].txt.pool));
	assert_int_equal(lr_merge(seen, 8, found, FOUND_MAX), FOUND_MAX);
	assert_int_equal(lr_merge(seen, 0, found, FOUND_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_txt_keys),
		cmocka_unit_test(test_txt_bad_id),
		cmocka_unit_test(test_text_is_printable),
		cmocka_unit_test(test_text_is_bounded),
		cmocka_unit_test(test_one_row_a_pool),
		cmocka_unit_test(test_two_pools_of_a_name),
		cmocka_unit_test(test_no_id),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_virtual_last),
		cmocka_unit_test(test_loopback_and_unusable),
		cmocka_unit_test(test_add_remove),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
