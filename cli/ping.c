/* SPDX-License-Identifier: Apache-2.0 */
/* ping: round trips that we make (to the local daemon, and through it to the
 * coordinator), and what the donors say of themselves in their heartbeats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/pool_donors.h"
#include "cli/progress.h"

#define ROUNDS 9

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median of some rounds; a first one warms up. Exit code; not 0: said. */
static int time_rounds(struct cli *c, int (*round)(struct cli *c),
		       uint64_t *ret_us)
{
	uint64_t us[ROUNDS], begin;
	int code = round(c);

	for (int i = 0; i < ROUNDS && !code; i++) {
		begin = progress_now_us();
		code = round(c);
		us[i] = progress_now_us() - begin;
	}
	if (code)
		return code;
	qsort(us, ROUNDS, sizeof *us, compare);
	*ret_us = us[ROUNDS / 2];
	return 0;
}

static int ask_here(struct cli *c)
{
	struct cli_here here;

	return cli_here(c, &here);
}

static int ask_status(struct cli *c)
{
	struct lr_msg_status m = {.uid = (uint32_t)geteuid()};
	struct lr_answer a;
	int code = CLI_ASK(c, STATUS, status, &m, STATUS_R, &a);

	if (!code)
		lr_answer_done(&a);
	return code;
}

struct times {
	uint64_t daemon_us, coordinator_us;
};

static bool is_asked(const struct lr_rec_donor *d, const char *ref)
{
	return !ref ||
	       (d->name.n == strlen(ref) &&
		!memcmp(d->name.p, ref, d->name.n)) ||
	       lr_dev_matches(ref, &d->dev);
}

/* --- showing
 * ---------------------------------------------------------------------- */

static json_t *us_or_null(const struct lr_rec_donor *d, uint32_t us)
{
	return d->p99_us ? json_integer(us) : json_null();
}

static int print_json(const struct times *t, const struct donors *d,
		      const char *ref)
{
	json_t *rows = out_must(json_array());

	for (size_t i = 0; i < d->n; i++) {
		const struct lr_rec_donor *r = &d->rec[i];

		if (is_asked(r, ref))
			json_array_append_new(
				rows,
				json_pack("{so ss s{so so}}", "name",
					  out_json_str(r->name), "state",
					  donors_state(r->state), "latency_us",
					  "p50", us_or_null(r, r->p50_us), "p99",
					  us_or_null(r, r->p99_us)));
	}
	return out_json(json_pack("{so so so}", "daemon_us",
				  out_json_u64(t->daemon_us), "coordinator_us",
				  out_json_u64(t->coordinator_us), "donors",
				  rows),
			0);
}

static void print_donor(const struct lr_rec_donor *d)
{
	char *name = out_escape_str(d->name);

	printf("%-12s  %s", name, donors_state(d->state));
	if (d->p99_us)
		printf(", serves in %u us (p50), %u us (p99) by its own count",
		       d->p50_us, d->p99_us);
	else
		printf(", has served nothing lately");
	putchar('\n');
	free(name);
}

static int print_text(const struct times *t, const struct donors *d,
		      const char *ref)
{
	printf("%-12s  %llu us\n%-12s  %llu us, through it\n", "requester",
	       (unsigned long long)t->daemon_us, "coordinator",
	       (unsigned long long)t->coordinator_us);
	for (size_t i = 0; i < d->n; i++)
		if (is_asked(&d->rec[i], ref))
			print_donor(&d->rec[i]);
	return out_finish(0);
}

static int show(const struct cli *c, const struct times *t,
		const struct donors *d, const char *ref, int code)
{
	int full = c->json ? print_json(t, d, ref) : print_text(t, d, ref);

	return full ? full : code;
}

/* 4 if the one that was asked for does not answer. */
static int look_for(const struct donors *d, const char *ref)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct lr_rec_donor *r = &d->rec[i];

		if (is_asked(r, ref))
			return r->state == LR_DONOR_DOWN ||
					       r->state == LR_DONOR_PENDING
				       ? 4
				       : 0;
	}
	return out_say(3, "no donor \"%s\". `lanram donors` shows them", ref);
}

int cli_ping(struct cli *c, int argc, char **argv)
{
	const char *ref = argc ? argv[0] : NULL;
	struct donors d = {0};
	struct times t;
	int code = cli_open_data(c);

	if (!code)
		code = time_rounds(c, ask_here, &t.daemon_us);
	if (!code)
		code = time_rounds(c, ask_status, &t.coordinator_us);
	if (!code)
		code = donors_ask(c, &d);
	if (!code) {
		code = ref ? look_for(&d, ref) : 0;
		if (code != 3)
			code = show(c, &t, &d, ref, code);
	}
	donors_done(&d);
	return code;
}
