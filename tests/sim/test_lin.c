/* SPDX-License-Identifier: Apache-2.0 */
/* The checker of registers against all orders, on small random histories. */
#include "tests/sim/lin.h"
#include "tests/unit/unit.h"

#define OPS 7

static bool precedes(const struct lin_op *a, const struct lin_op *b)
{
	return a->res != LIN_NEVER && a->res < b->inv;
}

/* May `i` come next, when those of `done` have come? */
static bool is_minimal(const struct lin_op *h, size_t n, unsigned done,
		       size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (!(done >> k & 1) && k != i && precedes(&h[k], &h[i]))
			return false;
	return true;
}

static bool search(const struct lin_op *h, size_t n, unsigned done,
		   uint64_t value)
{
	bool left = false;

	for (size_t i = 0; i < n; i++) {
		if (done >> i & 1)
			continue;
		left = left || h[i].res != LIN_NEVER;
		if (!is_minimal(h, n, done, i))
			continue;
		if (!h[i].is_write && h[i].val != value)
			continue;
		if (search(h, n, done | 1u << i,
			   h[i].is_write ? h[i].val : value))
			return true;
	}
	return !left; /* writes of unknown outcome need not be */
}

static void random_history(uint64_t *seed, struct lin_op *h, size_t n)
{
	uint64_t times[2 * OPS], next = 1;

	for (size_t i = 0; i < 2 * n; i++)
		times[i] = i + 1;
	for (size_t i = 2 * n; i-- > 1;) {
		size_t k = draw(seed, (uint32_t)i + 1);
		uint64_t t = times[i];

		times[i] = times[k];
		times[k] = t;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t a = times[2 * i], b = times[2 * i + 1];

		h[i] = (struct lin_op){ .inv = a < b ? a : b,
					.res = a < b ? b : a,
					.is_write = draw(seed, 2) };
		if (!h[i].is_write)
			continue;
		h[i].val = next++;
		if (!draw(seed, 4))
			h[i].res = LIN_NEVER;
	}
	for (size_t i = 0; i < n; i++)
		if (!h[i].is_write)
			h[i].val = draw(seed, (uint32_t)next);
}

/* On 300,000 random histories both say the same, and both say yes and no often
 * enough for that to mean something. */
static void agrees_with_brute_force(void **state)
{
	uint64_t seed = 1;
	unsigned yes = 0, no = 0;
	char why[128];

	(void)state;
	for (unsigned run = 0; run < 300000; run++) {
		struct lin_op h[OPS];
		size_t n = 1 + draw(&seed, OPS);
		bool fast, slow;

		random_history(&seed, h, n);
		fast = lin_check(h, n, why, sizeof why);
		slow = search(h, n, 0, 0);
		if (fast != slow)
			fail_msg("run %u: fast %d slow %d", run, fast, slow);
		yes += fast;
		no += !fast;
	}
	assert_true(yes > 20000);
	assert_true(no > 20000);
}

/* A value that is read, replaced, and read again. */
static void stale_read_is_seen(void **state)
{
	const struct lin_op h[] = {
		{ .inv = 1, .res = 2, .val = 1, .is_write = true },
		{ .inv = 3, .res = 4, .val = 2, .is_write = true },
		{ .inv = 5, .res = 6, .val = 1 },
	};
	char why[128];

	(void)state;
	assert_false(lin_check(h, 3, why, sizeof why));
	assert_non_null(strstr(why, "value 1 was read after 2"));
	assert_true(lin_check(h, 2, why, sizeof why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_brute_force),
		cmocka_unit_test(stale_read_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
