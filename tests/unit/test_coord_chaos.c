/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules under chance: donors die, stop, are cut off, leave
 * and come back, the coordinator dies between any two of its steps, messages
 * take their time, writers write. After each run everything heals. Then each
 * rule is taken away, and that must be noticed. */
#include "tests/unit/coord_kit.h"

#include <stdlib.h>

#define SLOTS	     24u
#define SEEDS	     150u
#define MUTANT_SEEDS 400u

const char *lr_mutation;

static unsigned count_alive(const struct kit *k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k->n; i++)
		n += k->d[i].alive;
	return n;
}

/* The coordinator's links come and go with it, the donors' data stays. */
static void disturb_coord(struct kit *k)
{
	if (k->c)
		kit_coord_crash(k, draw(&k->seed, 2));
	else
		kit_coord_start(k);
}

static void disturb_donor(struct kit *k, unsigned d)
{
	switch (draw(&k->seed, 8)) {
	case 0:
		kit_kill(k, d, false);
		break;
	case 1:
		kit_kill(k, d, true);
		break;
	case 2:
	case 3:
		kit_start(k, d);
		break;
	case 4:
		kit_cut(k, d, true);
		break;
	case 5:
		kit_cut(k, d, false);
		break;
	case 6:
		kit_leave(k, d);
		break;
	case 7:
		if (k->c)
			(void)lr_coord_drain(k->c, &k->d[d].dev,
					     draw(&k->seed, 2), k->now);
		break;
	}
}

static void disturb(struct kit *k)
{
	unsigned d = draw(&k->seed, k->n);

	if (draw(&k->seed, 6) == 0)
		disturb_coord(k);
	else if (draw(&k->seed, 12) == 0)
		kit_forget(k, d);
	else if (count_alive(k) > 2 || draw(&k->seed, 4) == 0)
		disturb_donor(k, d);
	else
		kit_start(k, d);
}

static void mend(struct kit *k)
{
	if (!k->c)
		kit_coord_start(k);
	for (unsigned i = 0; i < k->n; i++) {
		kit_cut(k, i, false);
		kit_start(k, i);
	}
	/* Those that leave finish it, and come back. */
	kit_run(k, 25000);
	for (unsigned i = 0; i < k->n; i++) {
		kit_start(k, i);
		(void)lr_coord_drain(k->c, &k->d[i].dev, true, k->now);
	}
}

/* One life of a pool; `wrong` says what was violated. */
static void live_once(struct kit *k, uint64_t seed)
{
	unsigned pace;

	kit_init(k, SLOTS, 3 + (unsigned)(seed % 4), seed);
	k->delay_ms = draw(&k->seed, 4) * 20;
	k->sync_ms = 10 + draw(&k->seed, 4) * 300;
	pace = 100 + draw(&k->seed, 30) * 100;
	for (unsigned i = 0; i < k->n; i++)
		kit_start(k, i);
	kit_run(k, 2000);
	for (unsigned i = 0; i < 60 && !k->wrong[0]; i++) {
		for (unsigned w = 0; w < 12; w++)
			kit_put(k, draw(&k->seed, SLOTS));
		kit_run(k, 10 + draw(&k->seed, pace));
		disturb(k);
	}
	if (!k->wrong[0])
		mend(k);
	if (!k->wrong[0] && !kit_until(k, kit_healed, 240000) && !k->wrong[0])
		snprintf(k->wrong, sizeof k->wrong, "did not heal");
}

/* Invariants hold, nothing acknowledged is lost without proof, no slot stays
 * sealed, and every slot is full in the end. */
static void all_rules_hold(void **state)
{
	unsigned acks = 0, lost = 0, unavailable = 0;
	const char *more = getenv("COORD_SEEDS");
	unsigned seeds = more ? (unsigned)strtoul(more, NULL, 10) : SEEDS;

	(void)state;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct kit k;

		live_once(&k, seed);
		if (k.wrong[0])
			fail_msg("seed %u: %s", (unsigned)seed, k.wrong);
		acks += k.acks;
		lost += k.lost;
		unavailable += k.events[LR_EVENT_UNAVAILABLE];
		kit_done(&k);
	}
	printf("%u writes acknowledged, %u slots lost by proof, %u times "
	       "unavailable\n",
	       acks, lost, unavailable);
	assert_true(acks > 10 * seeds && lost > 0 && unavailable > 0);
}

/* Each rule taken away is noticed within the seeds' budget. */
static void each_rule_is_needed(void **state)
{
	static const char *const mutants[] = {
		"incarnation-ignored",	  "unsynced-source",
		"epoch-before-persisted", "slot-unsealed",
		"slot-left-sealed",	  "lost-slot-emptied",
		"removed-before-synced",  "proof-of-known-synced",
		"no-seal-no-epoch-check",
	};

	(void)state;
	for (size_t i = 0; i < countof(mutants); i++) {
		unsigned seed = 1;
		bool caught = false;

		lr_mutation = mutants[i];
		for (; seed <= MUTANT_SEEDS && !caught; seed++) {
			struct kit k;

			live_once(&k, seed);
			caught = k.wrong[0] != '\0';
			if (caught)
				printf("%s: seed %u: %s\n", mutants[i], seed,
				       k.wrong);
			kit_done(&k);
		}
		lr_mutation = NULL;
		if (!caught)
			fail_msg("%s was not noticed", mutants[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_rules_hold),
		cmocka_unit_test(each_rule_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
