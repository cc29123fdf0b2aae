/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules while memory is short: nothing crashes, no rule is
 * broken, and what could not be done is done later. */
#include "tests/unit/coord_kit.h"
#include "tests/unit/flaky.h"

#define SLOTS 24u
#define SEEDS 40u

const char *lr_mutation;
unsigned flaky_every;
static uint64_t luck = 1;
static unsigned failures;

static bool unlucky(void)
{
	bool now = flaky_every && !draw(&luck, flaky_every);

	failures += now;
	return now;
}

void *flaky_malloc(size_t bytes)
{
	return unlucky() ? NULL : malloc(bytes);
}

void *flaky_calloc(size_t n, size_t bytes)
{
	return unlucky() ? NULL : calloc(n, bytes);
}

void *flaky_realloc(void *old, size_t bytes)
{
	return unlucky() ? NULL : realloc(old, bytes);
}

/* Deaths, a full donor, leaving, restarts, with one allocation in `every`
 * failing; healed while it still does. */
static void live_short(struct kit *k, uint64_t seed, unsigned every)
{
	struct lr_coord_summary sum;

	luck = seed;
	flaky_every = every;
	kit_init(k, SLOTS, 5, seed);
	for (unsigned i = 0; i < 4; i++)
		kit_start(k, i);
	for (unsigned i = 0; i < 30; i++) {
		for (unsigned w = 0; w < 8; w++)
			kit_put(k, draw(&k->seed, SLOTS));
		kit_run(k, 200);
		switch (draw(&k->seed, 5)) {
		case 0:
			kit_kill(k, draw(&k->seed, 5), draw(&k->seed, 2));
			break;
		case 1:
			kit_coord_crash(k, true);
			kit_coord_start(k);
			break;
		case 2:
			kit_leave(k, draw(&k->seed, 5));
			break;
		default:
			kit_start(k, draw(&k->seed, 5));
			break;
		}
		lr_coord_summarize(k->c, &sum);
		assert_true(sum.up <= 5);
	}
	kit_run(k, 25000);
	for (unsigned i = 0; i < 5; i++)
		kit_start(k, i);
	if (!kit_until(k, kit_healed, 120000))
		fail_msg("seed %u, 1 in %u: %s", (unsigned)seed, every,
			 k->wrong[0] ? k->wrong : "did not heal");
	flaky_every = 0;
}

/* One in 50 fails, one in 10, one in 3. */
static void memory_is_short(void **state)
{
	static const unsigned every[] = {50, 10, 3};

	(void)state;
	for (size_t i = 0; i < countof(every); i++) {
		failures = 0;
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct kit k;

			live_short(&k, seed, every[i]);
			kit_done(&k);
		}
		assert_true(failures > SEEDS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
