/* SPDX-License-Identifier: Apache-2.0 */
/* bench: strings and one large object go to the pool, come back, are compared
 * and removed; beside them random reads of this machine's RAM and disks. What
 * a killed run leaves behind expires by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/output.h"

#define VALUES 500
#define VALUE_BYTES 2048
#define LARGE_BYTES (64u << 20)
#define EXPIRE_MS (10u * 60 * 1000)
#define ROUNDS 4 /* reads of each string */

struct load {
	struct cli *c;
	struct bench *b;
	char (*ids)[LANRAM_ID_TEXT];
	unsigned stored;
	char large_id[LANRAM_ID_TEXT];
};

/* --- options -------------------------------------------------------------- */

static int take_options(const struct cli *c, struct bench *b)
{
	uint64_t n = VALUE_BYTES;
	char *end;

	if (c->count) {
		b->values = (unsigned)strtoul(c->count, &end, 10);
		if (*end || b->values < 10 || b->values > 1000000 ||
		    c->count[0] < '0' || c->count[0] > '9')
			return out_say(2, "--count is a number of strings, 10 "
					  "to 1000000");
	}
	if (c->size && (!lr_parse_size(c->size, 0, &n) || n < 1 ||
			n > LANRAM_INLINE_MAX))
		return out_say(2, "--size is that of a string: 1 to 256KiB");
	b->size = (size_t)n;
	if (c->large && !lr_parse_size(c->large, 0, &b->large))
		return out_say(2, "--large is the size of one large object "
				  "(1GiB), or 0 for none");
	if (c->copies && (strlen(c->copies) != 1 || c->copies[0] < '1' ||
			  c->copies[0] > '3'))
		return out_say(2, "--copies is 1, 2 or 3");
	b->copies = c->copies ? c->copies[0] - '0' : 2;
	return 0;
}

/* --- the strings ---------------------------------------------------------- */

/* String `i`: printable, no two alike. */
static void write_string(char *out, size_t size, unsigned i)
{
	uint64_t x = i + 1;

	for (size_t k = 0; k < size; k++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		out[k] = (char)(' ' + (x >> 33) % 95);
	}
}

static enum lanram_err store_strings(struct load *l)
{
	struct lanram_store_options o = {.copies = l->b->copies,
					 .ttl_ms = EXPIRE_MS};
	double *us = out_must(calloc(l->b->values, sizeof *us)), start;
	char *value = out_must(malloc(l->b->size));
	struct lanram_stored st;
	struct bench_row times = {0};
	enum lanram_err err = LANRAM_OK;

	for (unsigned i = 0; i < l->b->values && !err; i++) {
		write_string(value, l->b->size, i);
		start = bench_now_us();
		err = lanram_store(l->c->pool, value, l->b->size, &o, &st);
		us[i] = bench_now_us() - start;
		if (err)
			break;
		memcpy(l->ids[l->stored++], st.id, sizeof st.id);
		if (st.copies < l->b->copies)
			l->b->copies = st.copies;
	}
	bench_times(us, l->stored, &times);
	l->b->store_p50_us = times.p50_us;
	l->b->store_p99_us = times.p99_us;
	free(value);
	free(us);
	return err;
}

/* An exit code; not 0: said. */
static int read_string(struct load *l, unsigned i, char *want, double *ret_us)
{
	double start = bench_now_us();
	enum lanram_err err;
	void *got;
	size_t n;
	bool same;

	err = lanram_retrieve(l->c->pool, l->ids[i], &got, &n);
	*ret_us = bench_now_us() - start;
	if (err)
		return cli_failed(l->c, err);
	write_string(want, l->b->size, i);
	same = n == l->b->size && !memcmp(got, want, n);
	free(got);
	return same ? 0
		    : out_say(1, "string %u came back with wrong bytes: "
				 "please report this", i);
}

/* Every string ROUNDS times, in an order without a pattern. */
static int read_strings(struct load *l, struct bench_row *r)
{
	unsigned n = l->b->values * ROUNDS;
	double *us = out_must(calloc(n, sizeof *us));
	char *want = out_must(malloc(l->b->size));
	uint64_t x = 1;
	int code = 0;

	for (unsigned i = 0; i < n && !code; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		code = read_string(l, (unsigned)(x >> 33) % l->b->values, want,
				   &us[i]);
	}
	if (!code)
		bench_times(us, n, r);
	free(want);
	free(us);
	return code;
}

/* --- the large object ----------------------------------------------------- */

static double mib_s(uint64_t bytes, double us)
{
	return (double)bytes / (1u << 20) / us * 1e6;
}

static int read_large(struct load *l, const char *value, struct bench_row *r)
{
	double start = bench_now_us();
	enum lanram_err err;
	void *got;
	size_t n;
	bool same;

	err = lanram_retrieve(l->c->pool, l->large_id, &got, &n);
	if (err)
		return cli_failed(l->c, err);
	r->read_mib_s = mib_s(n, bench_now_us() - start);
	same = n == l->b->large && !memcmp(got, value, n);
	free(got);
	return same ? 0
		    : out_say(1, "the large object came back with wrong "
				 "bytes: please report this");
}

/* No room for it is no failure of the rest. */
static int move_large(struct load *l, struct bench_row *r)
{
	struct lanram_store_options o = {.copies = l->b->copies,
					 .ttl_ms = EXPIRE_MS};
	struct lanram_stored st;
	enum lanram_err err;
	double start;
	char *value;
	int code;

	if (!l->b->large)
		return 0;
	value = malloc(l->b->large);
	if (!value)
		return out_say(1, "no memory for --large: choose a smaller one");
	write_string(value, l->b->large, 0);
	start = bench_now_us();
	err = lanram_store(l->c->pool, value, l->b->large, &o, &st);
	if (!err) {
		r->write_mib_s = mib_s(l->b->large, bench_now_us() - start);
		memcpy(l->large_id, st.id, sizeof st.id);
		code = read_large(l, value, r);
	} else {
		code = cli_failed(l->c, err);
		code = err == LANRAM_FULL ? 0 : code;
	}
	free(value);
	return code;
}

/* --- all of it ------------------------------------------------------------ */

/* On a handle that no interrupt has ended. */
static void clean_up(struct load *l)
{
	unsigned left = 0;

	if (cli_interrupted()) {
		lanram_close(l->c->pool);
		l->c->pool = NULL;
		if (cli_open_data(l->c))
			return;
	}
	if (l->large_id[0] && lanram_remove(l->c->pool, l->large_id))
		left++;
	for (unsigned i = 0; i < l->stored; i++)
		if (lanram_remove(l->c->pool, l->ids[i]))
			left++;
	if (left)
		out_say(0, "%u objects could not be removed: they expire in "
			   "10 minutes", left);
}

static int run_pool(struct load *l)
{
	struct bench *b = l->b;
	struct bench_row *r = &b->row[b->n];
	enum lanram_err err;
	int code;

	*r = (struct bench_row){.kind = BENCH_POOL};
	snprintf(r->name, sizeof r->name, "this pool (%.64s)", l->c->cfg.pool);
	err = store_strings(l);
	code = err ? cli_failed(l->c, err) : read_strings(l, r);
	if (!code)
		code = move_large(l, r);
	if (!code)
		b->n++;
	clean_up(l);
	return code;
}

static int show(const struct cli *c, const struct bench *b)
{
	int code = c->svg ? bench_svg(b, c->svg) : 0;
	int shown = c->json ? bench_json(b) : bench_print(b);

	return code ? code : shown;
}

int cli_bench(struct cli *c, int argc, char **argv)
{
	struct bench b = {.values = VALUES, .large = LARGE_BYTES};
	struct load l = {.c = c, .b = &b};
	int code = take_options(c, &b);

	(void)argc;
	(void)argv;
	if (!code)
		code = cli_open_data(c);
	if (code)
		return code;
	cli_catch_signals(c);
	l.ids = out_must(calloc(b.values, sizeof *l.ids));
	bench_ram(&b);
	code = run_pool(&l);
	free(l.ids);
	if (!code)
		code = c->disk ? bench_disk(&b, c->disk) : bench_disks(&b);
	if (!code && cli_interrupted())
		code = out_say(130, "interrupted. Nothing was left in the pool");
	return code ? code : show(c, &b);
}
