/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names in a small world (register_model.h): one slot, four
 * donors with the rules of core/slot.h and core/update.h, a coordinator that
 * changes the configuration at once, donors that it cannot reach but clients
 * can, donors that come back empty, late and lost messages. What the clients
 * saw must be linearizable. Then rules are taken away, one by one: that must
 * show. */
#include "core/mutate.h"
#include "register_model.h"

#define RUNS 2000

const char *lr_mutation;

static bool run_world(uint64_t seed)
{
	return register_run(seed, REGISTER_STEPS, NULL, 0);
}

/* All rules in force: every history is linearizable, and much gets done. */
static void holds(void **state)
{
	unsigned done = 0, conflicts = 0, unknown = 0;
	const char *more = getenv("LANRAM_SOAK");
	uint64_t runs = more ? 50 * RUNS : RUNS;

	(void)state;
	lr_mutation = NULL;
	for (uint64_t seed = 1; seed <= runs; seed++) {
		if (!run_world(seed))
			fail_msg("seed %llu", (unsigned long long)seed);
		done += w.done;
		conflicts += w.conflicts;
		unknown += w.unknown;
	}
	print_message("%u writes done, %u conflicts, %u unknown\n", done,
		      conflicts, unknown);
	assert_true(done > 5 * RUNS);
	assert_true(conflicts > RUNS / 2);
	assert_true(unknown > RUNS);
}

/* Each of these rules taken away is noticed. */
static void mutants_die(void **state)
{
	static const struct {
		const char *name;
		uint64_t before; /* seeds that are passed by: it is rare */
	} mutants[] = {
		{"no-write-back", 0},
		{"register-read-from-one-copy", 0},
		{"update-by-any-copy", 0},
		{"update-without-read", 0},
		{"retry-takes-a-new-tag", 0},
		{"no-seal-no-epoch-check", 0},
		{"update-ties-with-a-late-one", 0},
		{"update-without-bar", 29000},
	};

	(void)state;
	for (size_t i = 0; i < countof(mutants); i++) {
		uint64_t run = 1;

		lr_mutation = mutants[i].name;
		while (run <= 4 * RUNS && run_world(mutants[i].before + run))
			run++;
		lr_mutation = NULL;
		print_message("%s: seen in run %llu\n", mutants[i].name,
			      (unsigned long long)run);
		assert_true(run <= 4 * RUNS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds),
		cmocka_unit_test(mutants_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
