/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hist.h"

static uint64_t seed = 7;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Buckets follow each other without gap or overlap, none wider than 1/16. */
static void test_buckets(void **state)
{
	(void)state;
	for (unsigned b = 0; b + 1 < LR_HIST_BUCKETS; b++) {
		uint64_t high = lr_hist_highest(b);
		uint64_t low = b ? lr_hist_highest(b - 1) + 1 : 0;

		assert_int_equal(lr_hist_bucket(high), b);
		assert_int_equal(lr_hist_bucket(low), b);
		assert_int_equal(lr_hist_bucket(high + 1), b + 1);
		assert_true((high - low) * 16 <= low);
	}
}

/* The ends: zero, the last bucket, and all that is beyond it. */
static void test_ends(void **state)
{
	struct lr_hist *h = calloc(1, sizeof *h);

	(void)state;
	assert_non_null(h);
	assert_int_equal(lr_hist_percentile(h, 50), 0);
	assert_int_equal(lr_hist_bucket((UINT64_C(1) << 36) - 1),
			 LR_HIST_BUCKETS - 1);
	assert_int_equal(lr_hist_bucket(UINT64_MAX), LR_HIST_BUCKETS - 1);
	assert_int_equal(lr_hist_highest(LR_HIST_BUCKETS - 1),
			 (UINT64_C(1) << 36) - 1);
	lr_hist_add(h, 0);
	assert_int_equal(lr_hist_percentile(h, 100), 0);
	lr_hist_add(h, UINT64_MAX);
	assert_int_equal(lr_hist_percentile(h, 50), 0);
	assert_int_equal(lr_hist_percentile(h, 100), (UINT64_C(1) << 36) - 1);
	free(h);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Percentiles of random values are those of the sorted values, or up to 1/16
 * more. */
static void test_percentiles(void **state)
{
	static const double percents[] = {0, 1, 50, 90, 99, 99.9, 100};
	enum { N = 5000 };
	static uint64_t v[N];

	(void)state;
	for (unsigned run = 0; run < 20; run++) {
		struct lr_hist *h = calloc(1, sizeof *h);

		assert_non_null(h);
		for (int i = 0; i < N; i++) {
			v[i] = rnd() >> (30 + rnd() % 34);
			lr_hist_add(h, v[i]);
		}
		qsort(v, N, sizeof v[0], by_value);
		assert_int_equal(h->n, N);
		for (size_t k = 0; k < sizeof percents / sizeof *percents;
		     k++) {
			double exact = percents[k] / 100 * N;
			size_t rank = (size_t)exact;
			uint64_t truth, said;

			rank += (double)rank < exact || !rank;
			truth = v[rank - 1];
			said = lr_hist_percentile(h, percents[k]);
			assert_true(said >= truth);
			assert_true(said - truth <= truth / 16);
		}
		free(h);
	}
}

/* Two histograms merged are one of all values, and their difference is what
 * came in between. */
static void test_merge_and_delta(void **state)
{
	struct lr_hist *h = calloc(5, sizeof *h);
	struct lr_hist *first = h, *second = h + 1, *all = h + 2;
	struct lr_hist *before = h + 3, *ret = h + 4;

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < 1000; i++) {
		uint64_t us = rnd() % 100000;

		lr_hist_add(i % 3 ? first : second, us);
		lr_hist_add(all, us);
	}
	*before = *first;
	lr_hist_merge(first, second);
	assert_memory_equal(first, all, sizeof *all);
	lr_hist_delta(first, before, ret);
	assert_memory_equal(ret, second, sizeof *second);
	lr_hist_delta(first, before, before); /* in place */
	assert_memory_equal(before, second, sizeof *second);
	free(h);
}

/* A donor that started anew counts from zero: that is all there is then. */
static void test_delta_after_restart(void **state)
{
	struct lr_hist *h = calloc(3, sizeof *h);

	(void)state;
	assert_non_null(h);
	lr_hist_add(&h[0], 10);
	lr_hist_add(&h[1], 20);
	lr_hist_add(&h[1], 30);
	lr_hist_delta(&h[1], &h[0], &h[2]);
	assert_memory_equal(&h[2], &h[1], sizeof *h);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_merge_and_delta),
		cmocka_unit_test(test_delta_after_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
