/* SPDX-License-Identifier: Apache-2.0 */
/* sim --runs N --seed0 S    many lives; the first that goes wrong ends it
 * sim --seed N [--verbose]  that one again, told step by step */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef LR_MUTATIONS
const char *lr_mutation;
#endif

static struct sim sim;

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void tell(const struct sim *s, uint64_t runs, double t)
{
	printf("%" PRIu64 " runs without a violation in %.1f s: %.0f runs/s, "
	       "%.0f steps/s\n",
	       runs, t, (double)runs / t, (double)s->steps / t);
	printf("  %" PRIu64 " commits, %" PRIu64 " installs, %" PRIu64
	       " syncs (%" PRIu64 " entries were still there), %" PRIu64
	       " deaths, %" PRIu64 " slots lost\n",
	       s->changes, s->installs, s->syncs, s->warm, s->deaths, s->cfgs_lost);
	printf("  %" PRIu64 " stores and writes, %" PRIu64 " reads, %" PRIu64
	       " absent, %" PRIu64 " lost, %" PRIu64 " unknown, %" PRIu64
	       " full\n",
	       s->acks, s->reads, s->absents, s->losts, s->unknowns, s->fulls);
	printf("  %" PRIu64 " uploads, %" PRIu64 " removals, %" PRIu64
	       " swept, %" PRIu64 " TOMBs collected, %" PRIu64
	       " operations judged linearizable\n",
	       s->uploads, s->removed, s->sweeps, s->collected,
	       s->lin_ops + s->cas_ops);
	printf("  %" PRIu64 " names updated, %" PRIu64 " conflicts, %" PRIu64
	       " lists, %" PRIu64 " refused, %" PRIu64 " looked for, %" PRIu64
	       " passed on, %" PRIu64 " of them for clients\n",
	       s->updates, s->conflicts, s->lists, s->lists_refused, s->finds,
	       s->passed + s->vias, s->vias);
}

struct options {
	uint64_t runs, seed0, seed;
	bool one, verbose;
	enum theme theme;
	double seconds;
};

static bool parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){ .runs = 1000, .seed0 = 1, .seconds = 1e9 };
	for (int i = 1; i < argc; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(argv[i], "--verbose")) {
			o->verbose = true;
			continue;
		}
		if (!v)
			return false;
		if (!strcmp(argv[i], "--runs"))
			o->runs = strtoull(v, NULL, 10);
		else if (!strcmp(argv[i], "--seed0"))
			o->seed0 = strtoull(v, NULL, 10);
		else if (!strcmp(argv[i], "--seconds"))
			o->seconds = strtod(v, NULL);
		else if (!strcmp(argv[i], "--theme"))
			o->theme = (enum theme)atoi(v);
		else if (!strcmp(argv[i], "--seed"))
			o->seed = strtoull(v, NULL, 10), o->one = true;
#ifdef LR_MUTATIONS
		else if (!strcmp(argv[i], "--mutation"))
			lr_mutation = v;
#endif
		else
			return false;
		i++;
	}
	return true;
}

static int run_many(const struct options *o)
{
	double start = seconds();
	uint64_t n = 0;

	for (; n < o->runs && (n & 15 || seconds() - start < o->seconds); n++) {
		if (sim_run(&sim, o->seed0 + n, false))
			continue;
		printf("seed %" PRIu64 ": %s\n"
		       "again, told: sim --seed %" PRIu64 " --verbose\n",
		       sim.seed, sim.wrong, sim.seed);
		return 1;
	}
	tell(&sim, n, seconds() - start);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o;

	if (!parse(argc, argv, &o)) {
		fprintf(stderr, "usage: sim [--runs N] [--seed0 S] "
				"[--seconds T] | --seed N [--verbose]\n");
		return 2;
	}
	sim.conn = calloc(SIM_CONNS, sizeof *sim.conn);
	sim.free_conn = calloc(SIM_CONNS, sizeof *sim.free_conn);
	if (!sim.conn || !sim.free_conn)
		return 1;
	sim.theme = o.theme;
	if (!o.one)
		return run_many(&o);
	if (sim_run(&sim, o.seed, o.verbose))
		tell(&sim, 1, 1);
	else
		printf("seed %" PRIu64 ": %s\n", o.seed, sim.wrong);
	return sim.wrong[0] != '\0';
}
