/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a linear order of a name's history, against trying all of
 * them. */
#include "tests/sim/cas.h"
#include "unit.h"

#define OPS 6

/* Every order of every part of the history that has all that must be. */
static bool any_order(const struct cas_op *h, size_t n, unsigned done,
		      uint64_t state)
{
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all = all && (done >> i & 1 || h[i].out == CAS_MAYBE);
	if (all)
		return true;
	for (size_t i = 0; i < n; i++) {
		uint64_t next;
		bool first = !(done >> i & 1);

		for (size_t k = 0; k < n; k++)
			if (!(done >> k & 1) && h[k].out != CAS_MAYBE &&
			    h[k].res < h[i].inv)
				first = false;
		if (first && cas_step(&h[i], state, &next) &&
		    any_order(h, n, done | 1u << i, next))
			return true;
	}
	return false;
}

static struct cas_op random_op(uint64_t *seed, uint64_t id)
{
	struct cas_op op = {
		.inv = draw(seed, 30) * 10 + id,
		.kind = (enum cas_kind)draw(seed, 3),
		.expect = (enum cas_expect)draw(seed, 3),
		.out = (enum cas_out)draw(seed, 4),
		.id = id,
		.want = draw(seed, OPS + 1),
		.got = draw(seed, OPS + 1),
		.blind = draw(seed, 4) == 0,
	};

	op.res = op.inv + 5 + draw(seed, 15) * 10;
	if (op.kind == CAS_GET)
		op.out = CAS_DONE;
	if (op.kind == CAS_SET && op.out == CAS_ABSENT)
		op.out = CAS_DONE;
	return op;
}

/* On random small histories both say the same, and both answers come. */
static void same_as_brute_force(void **state)
{
	uint64_t seed = 7;
	unsigned yes = 0, no = 0;

	(void)state;
	for (int run = 0; run < 60000; run++) {
		struct cas_op h[OPS];
		size_t n = 1 + draw(&seed, OPS);
		bool want;

		for (size_t i = 0; i < n; i++)
			h[i] = random_op(&seed, i + 1);
		want = any_order(h, n, 0, 0);
		yes += want;
		no += !want;
		if (cas_check(h, n) != want)
			fail_msg("run %d: should be %d", run, want);
	}
	print_message("%u linearizable, %u not\n", yes, no);
	assert_true(yes > 1000 && no > 1000);
}

/* Thousands of operations one after another, a few at a time: quick. */
static void long_histories(void **state)
{
	static struct cas_op h[60000];
	uint64_t current = 0;

	(void)state;
	for (size_t i = 0; i < countof(h); i++) {
		h[i] = (struct cas_op){ .inv = i * 10,
					.res = i * 10 + 35,
					.kind = i % 3 ? CAS_GET : CAS_SET,
					.expect = CAS_THIS,
					.id = i + 1,
					.want = current,
					.got = current };
		if (i == 0)
			h[i].expect = CAS_NONE;
		if (i % 3 == 0)
			current = i + 1;
	}
	assert_true(cas_check(h, countof(h)));
	h[4000].got = 1; /* long overwritten */
	h[4000].kind = CAS_GET;
	assert_false(cas_check(h, countof(h)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_brute_force),
		cmocka_unit_test(long_histories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
