/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/progress.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t seed = 3;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

static struct lr_progress_now show(const struct lr_progress *p, uint64_t now)
{
	struct lr_progress_now n;

	lr_progress_show(p, now, &n);
	return n;
}

/* Nothing to do is not a rebuild at 0 percent. */
static void test_idle(void **state)
{
	struct lr_progress p = {0};

	(void)state;
	assert_false(show(&p, 5).active);
	lr_progress_feed(&p, 0, 10);
	assert_false(show(&p, 10).active);
	lr_progress_feed(&p, MIB, 20);
	assert_true(show(&p, 20).active);
	assert_int_equal(show(&p, 20).eta_s, LR_ETA_NONE);
	lr_progress_feed(&p, 0, 30);
	assert_false(show(&p, 30).active);
	assert_int_equal(show(&p, 30).percent, 0);
}

/* At a steady pace rate and time left are right within a few percent, from the
 * second second on. */
static void test_steady(void **state)
{
	struct lr_progress p = {0};
	uint64_t left = 1000 * MIB, now = 1000;

	(void)state;
	lr_progress_feed(&p, left, now);
	while (left > 10 * MIB) {
		struct lr_progress_now n;

		now += 100;
		left -= 10 * MIB; /* 100 MiB/s */
		lr_progress_feed(&p, left, now);
		n = show(&p, now);
		assert_int_equal(n.bytes_left, left);
		assert_in_range(n.percent, (1000 - left / MIB) / 10 - 1,
				(1000 - left / MIB) / 10);
		if (now < 3000)
			continue;
		assert_in_range(n.bytes_per_s, 98 * MIB, 102 * MIB);
		assert_in_range(n.eta_s, left / (100 * MIB),
				left / (100 * MIB) + 2);
	}
}

/* A rebuild that stands still names no time, rather than two weeks. */
static void test_stall(void **state)
{
	struct lr_progress p = {0};
	uint64_t now = 0;

	(void)state;
	for (uint64_t left = 100; left > 50; left--)
		lr_progress_feed(&p, left * MIB, now += 100);
	assert_true(show(&p, now).eta_s != LR_ETA_NONE);
	for (int i = 0; i < 110; i++)
		lr_progress_feed(&p, 51 * MIB, now += 100);
	assert_int_equal(show(&p, now).eta_s, LR_ETA_NONE);
	assert_int_equal(show(&p, now).bytes_per_s, 0);
	assert_int_equal(show(&p, now).percent, 49);
}

/* More work on the way: what is left says so, the percentage stays, and grows
 * again when it is true again. */
static void test_more_work(void **state)
{
	struct lr_progress p = {0};

	(void)state;
	lr_progress_feed(&p, 100 * MIB, 0);
	lr_progress_feed(&p, 50 * MIB, 1000);
	assert_int_equal(show(&p, 1000).percent, 50);
	lr_progress_feed(&p, 200 * MIB, 2000);
	assert_int_equal(show(&p, 2000).percent, 50);
	assert_int_equal(show(&p, 2000).bytes_left, 200 * MIB);
	lr_progress_feed(&p, 120 * MIB, 3000);
	assert_int_equal(show(&p, 3000).percent, 50);
	lr_progress_feed(&p, 80 * MIB, 4000);
	assert_int_equal(show(&p, 4000).percent, 60);
}

/* Counts that swing without getting anywhere make no progress. */
static void test_swing(void **state)
{
	struct lr_progress p = {0};

	(void)state;
	for (uint64_t now = 0; now < 100000; now += 500)
		lr_progress_feed(&p, now % 1000 ? 90 * MIB : 100 * MIB, now);
	assert_int_equal(show(&p, 100000).percent, 10);
}

/* Whatever is fed, at whatever times (the same, backwards): 0 to 99 percent,
 * never back within a rebuild, what is left is what was counted, the share is
 * not above what the counts can mean, and a time left agrees with the rate. */
static void test_properties(void **state)
{
	(void)state;
	for (int run = 0; run < 2000; run++) {
		struct lr_progress p = {0};
		uint64_t now = rnd(1000000), left = 0, most = 0, least = 0;
		uint64_t unit = UINT64_C(1) << rnd(55);
		unsigned before = 0;

		for (int i = 0; i < 200; i++) {
			struct lr_progress_now n;
			bool was = left != 0;

			now += rnd(3) ? rnd(300) : rnd(20000);
			if (!rnd(50))
				now -= now > 500 ? rnd(500) : 0;
			if (!rnd(40))
				left = 0;
			else if (!left || !rnd(10))
				left += rnd(100) * unit;
			else
				left -= rnd(left / 8 + 2);
			lr_progress_feed(&p, left, now);
			n = show(&p, now);
			assert_int_equal(n.active, left != 0);
			assert_int_equal(n.bytes_left, left);
			if (!left || !was) {
				assert_int_equal(n.percent, 0);
				most = least = left;
				before = 0;
				continue;
			}
			most = left > most ? left : most;
			least = left < least ? left : least;
			assert_in_range(n.percent, before, 99);
			assert_true((double)n.percent <=
				    100 * (1 - (double)least / (double)most) +
					    1e-6);
			before = n.percent;
			if (n.eta_s == LR_ETA_NONE)
				continue;
			assert_in_range(n.eta_s, 1, 7 * 24 * 3600 + 1);
			assert_true((double)(n.eta_s - 1) *
					    (double)n.bytes_per_s <=
				    (double)left * 1.001);
			assert_true((double)n.eta_s *
					    ((double)n.bytes_per_s + 1) >=
				    (double)left * 0.999);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),  cmocka_unit_test(test_steady),
		cmocka_unit_test(test_stall), cmocka_unit_test(test_more_work),
		cmocka_unit_test(test_swing), cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
