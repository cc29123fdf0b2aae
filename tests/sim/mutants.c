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
 * there are any. Where the first seeds show nothing for long, those are passed
 * by. */
static const struct mutant {
	const char *name;
	enum theme theme;
	unsigned budget;
	unsigned before; /* the first seed looked at, less 1 */
} mutants[] = {
	{ "absent-from-one-copy", THEME_SHORT, 200, 0 },
	{ "answered-for-others", THEME_SHORT, 500, 0 },
	{ "answered-in-its-place", THEME_SHORT, 500, 0 },
	{ "cached-with-another-tag", THEME_SHORT, 1000, 0 },
	{ "close-after-60s", THEME_SWEEP, 400, 0 },
	{ "doubt-ignored", THEME_RESTORED, 1000, 0 },
	{ "dropped-not-listed", THEME_SHORT, 200, 0 },
	{ "epoch-before-persisted", THEME_SHORT, 50, 0 },
	{ "find-from-one-copy", THEME_SHORT, 2000, 1200 },
	{ "incarnation-ignored", THEME_SHORT, 200, 0 },
	{ "late-link-read", THEME_SWEEP, 400, 0 },
	{ "left-not-told", THEME_RESTORED, 1000, 0 },
	{ "lost-slot-emptied", THEME_SHORT, 4000, 0 },
	{ "no-seal-no-epoch-check", THEME_SHORT, 100, 0 },
	{ "no-write-back", THEME_SHORT, 500, 0 },
	{ "old-entries-kept-at-install", THEME_SHORT, 500, 0 },
	{ "passed-on-late", THEME_SWEEP, 400, 0 },
	{ "passed-on-unadmitted", THEME_SHORT, 2000, 1400 },
	{ "proof-of-known-synced", THEME_SHORT, 1000, 0 },
	{ "register-read-from-one-copy", THEME_SHORT, 500, 0 },
	{ "removed-before-synced", THEME_SHORT, 1000, 0 },
	{ "retry-takes-a-new-tag", THEME_SHORT, 100, 0 },
	{ "seal-before-applied", THEME_SLOW, 2000, 0 },
	{ "slot-left-sealed", THEME_SHORT, 200, 0 },
	{ "slot-unsealed", THEME_SHORT, 1000, 0 },
	{ "sweep-under-another-cfg", THEME_ANY, 2000, 1000 },
	{ "sweep-without-if-open", THEME_SWEEP, 400, 0 },
	{ "tomb-collected-early", THEME_SHORT, 500, 0 },
	{ "tomb-with-ordinary-ts", THEME_SWEEP, 1000, 3000 },
	{ "two-handles-one-writer", THEME_SHORT, 200, 0 },
	{ "unsynced-source", THEME_SHORT, 100, 0 },
	{ "update-by-any-copy", THEME_SHORT, 2000, 0 },
	{ "update-without-read", THEME_SHORT, 2000, 0 },
};

#define N_MUTANTS (sizeof mutants / sizeof *mutants)

static bool is_found(const struct mutant *m, unsigned times)
{
	lr_mutation = m->name;
	sim.theme = m->theme;
	for (unsigned i = 1; i <= m->budget * times; i++) {
		if (sim_run(&sim, m->before + i, false))
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
