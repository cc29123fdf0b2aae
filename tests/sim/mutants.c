/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule of the protocol taken away, one at a time (core/mutate.h): the
 * simulation must notice within the rule's budget of runs. A rule that nobody
 * misses fails: then it is not tested, or not needed.
 *
 * mutants [NAME...]    all, or these; --times N: N times the budget */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lr_mutation;

static struct sim sim;

/* The rules that need sleeping writers or collected TOMBs are looked for where
 * there are any. */
static const struct mutant {
	const char *name;
	enum theme theme;
	unsigned budget;
} mutants[] = {
	{ "absent-from-one-copy", THEME_SHORT, 200 },
	{ "close-after-60s", THEME_SWEEP, 400 },
	{ "dropped-not-listed", THEME_SHORT, 200 },
	{ "epoch-before-persisted", THEME_SHORT, 50 },
	{ "find-from-one-copy", THEME_SHORT, 4000 },
	{ "incarnation-ignored", THEME_SHORT, 200 },
	{ "late-link-read", THEME_SWEEP, 400 },
	{ "lost-slot-emptied", THEME_SHORT, 4000 },
	{ "no-seal-no-epoch-check", THEME_SHORT, 100 },
	{ "no-write-back", THEME_SHORT, 500 },
	{ "old-entries-kept-at-install", THEME_SHORT, 500 },
	{ "proof-of-known-synced", THEME_SHORT, 1000 },
	{ "register-read-from-one-copy", THEME_SHORT, 500 },
	{ "removed-before-synced", THEME_SHORT, 1000 },
	{ "retry-takes-a-new-tag", THEME_SHORT, 100 },
	{ "seal-before-applied", THEME_SLOW, 2000 },
	{ "slot-left-sealed", THEME_SHORT, 200 },
	{ "slot-unsealed", THEME_SHORT, 1000 },
	{ "sweep-under-another-cfg", THEME_SWEEP, 600 },
	{ "sweep-without-if-open", THEME_SWEEP, 400 },
	{ "tomb-collected-early", THEME_SHORT, 500 },
	{ "tomb-with-ordinary-ts", THEME_SWEEP, 1000 },
	{ "two-handles-one-writer", THEME_SHORT, 200 },
	{ "unsynced-source", THEME_SHORT, 100 },
	{ "update-by-any-copy", THEME_SHORT, 2000 },
	{ "update-without-read", THEME_SHORT, 2000 },
};

#define N_MUTANTS (sizeof mutants / sizeof *mutants)

static bool is_found(const struct mutant *m, unsigned times)
{
	lr_mutation = m->name;
	sim.theme = m->theme;
	for (unsigned i = 1; i <= m->budget * times; i++) {
		if (sim_run(&sim, i, false))
			continue;
		printf("%-28s run %u: %s\n", m->name, i, sim.wrong);
		fflush(stdout);
		return true;
	}
	printf("%-28s SURVIVED %u runs\n", m->name, m->budget * times);
	fflush(stdout);
	return false;
}

static bool is_wanted(const struct mutant *m, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], m->name))
			return true;
	return argc <= 1;
}

int main(int argc, char **argv)
{
	unsigned survived = 0, times = 1;

	if (argc > 2 && !strcmp(argv[1], "--times")) {
		times = (unsigned)atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	sim.conn = calloc(SIM_CONNS, sizeof *sim.conn);
	sim.free_conn = calloc(SIM_CONNS, sizeof *sim.free_conn);
	if (!sim.conn || !sim.free_conn)
		return 1;
	for (size_t i = 0; i < N_MUTANTS; i++)
		if (is_wanted(&mutants[i], argc, argv))
			survived += !is_found(&mutants[i], times);
	if (survived)
		printf("%u mutations survived\n", survived);
	return survived ? 1 : 0;
}
