/* SPDX-License-Identifier: Apache-2.0 */
/* Memory made ahead of a large value. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client/room.h"

#define MIB   ((size_t)1 << 20)
#define PAGES 4096u

static uint8_t *map(size_t n)
{
	uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

/* Bytes of [p, p + n), which begin a page, that are in RAM. */
static size_t resident(uint8_t *p, size_t n)
{
	unsigned char in[256];
	size_t count = 0, part = sizeof in * PAGES;

	for (size_t at = 0; at < n; at += part) {
		if (part > n - at)
			part = n - at;
		assert_int_equal(mincore(p + at, part, in), 0);
		for (size_t i = 0; i < part / PAGES; i++)
			count += in[i] & 1;
	}
	return count * PAGES;
}

/* Nothing beyond the page of `to` is made, and what was written stays. */
static void no_further(void **state)
{
	const size_t n = 40 * MIB, step = MIB / 4;
	uint8_t *p = map(n);
	struct lr_room r;

	(void)state;
	lr_room_init(&r, p + 100, n - 200);
	for (size_t at = 100; at + step <= n - 100; at += step) {
		lr_room_make(&r, p + at + step);
		memset(p + at, (int)(at / step), step);
		assert_true(resident(p, n) <= at + step + 2 * 2 * MIB);
	}
	for (size_t at = 100; at + step <= n - 100; at += step)
		for (size_t i = 0; i < step; i += 1000)
			assert_int_equal(p[at + i], (at / step) & 0xff);
	munmap(p, n);
}

/* The first page is there before it is written to, where the kernel can. */
static void ahead(void **state)
{
	const size_t n = 40 * MIB;
	uint8_t *p = map(n), *first;
	struct lr_room r;

	(void)state;
	lr_room_init(&r, p, n);
	first = r.at;
	if (madvise(p + n - PAGES, PAGES, 23 /* MADV_POPULATE_WRITE */))
		skip();
	lr_room_make(&r, first + 1);
	assert_int_equal(resident(first, 2 * MIB), 2 * MIB);
	munmap(p, n);
}

/* Small values, which malloc may take from where others are, are left alone;
 * and a room that was never begun. */
static void left_alone(void **state)
{
	const size_t n = 31 * MIB;
	uint8_t *p = map(n);
	struct lr_room r, none = {0};

	(void)state;
	lr_room_init(&r, p, n);
	lr_room_make(&r, p + n);
	lr_room_make(&none, p + n);
	assert_int_equal(resident(p, n), 0);
	munmap(p, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_further),
		cmocka_unit_test(ahead),
		cmocka_unit_test(left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
