/* SPDX-License-Identifier: Apache-2.0 */
/* Judges the histories of the nemesis (history.h), which come on stdin:
 *
 *   registers	linearizable (tests/sim/lin.h; with removals cas.h)
 *   names	linearizable (tests/sim/cas.h)
 *   both	a tag has one value, a value one tag; no tag goes back
 *   objects	what was stored and nobody asked to remove is never absent
 *
 * An operation of unknown outcome happens at any time after its start, or
 * never. One that failed never happens. Prints violations; with --objects, what
 * must be there at the end and what must not, for `history --verify`.
 * Exit: 0 all is right, 1 not, 2 bad lines. */
#include "tests/lab/history.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lanram.h"
#include "tests/sim/cas.h"
#include "tests/sim/lin.h"

struct op {
	uint64_t start, end, value;
	unsigned client;
	char kind[4], key[32], want[24], result[12];
	struct lanram_tag tag;
	bool has_tag;
};

static struct op *ops;
static size_t n_ops;
static unsigned violations;

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void violation(const struct op *o, const char *why)
{
	printf("VIOLATION %s: %s\n", o->key, why);
	violations++;
}

/* --- reading ----------------------------------------------------------------- */

static bool read_op(const char *text, struct op *o)
{
	char tag[LANRAM_TAG_TEXT];

	if (sscanf(text,
		   "%" SCNu64 " %" SCNu64 " %u %3s %31s %" SCNu64
		   " %23s %11s %52s",
		   &o->start, &o->end, &o->client, o->kind, o->key, &o->value,
		   o->want, o->result, tag) != 9)
		return false;
	o->has_tag = !is(tag, "-");
	return !o->has_tag || lanram_tag_parse(tag, &o->tag);
}

static bool read_all(void)
{
	char text[HISTORY_LINE];
	size_t cap = 0;

	while (fgets(text, sizeof text, stdin)) {
		if (n_ops == cap) {
			cap = cap ? cap * 2 : 4096;
			ops = realloc(ops, cap * sizeof *ops);
			if (!ops)
				abort();
		}
		memset(&ops[n_ops], 0, sizeof *ops);
		if (!read_op(text, &ops[n_ops])) {
			fprintf(stderr, "bad line: %s", text);
			return false;
		}
		n_ops++;
	}
	return true;
}

struct moment {
	uint64_t *at;
	bool is_end;
};

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (*x->at != *y->at)
		return *x->at < *y->at ? -1 : 1;
	return x->is_end - y->is_end; /* the same moment: they overlap */
}

/* Times become numbers that are all different. */
static void rank_times(void)
{
	struct moment *m = calloc(2 * n_ops + 1, sizeof *m);

	if (!m)
		abort();
	for (size_t i = 0; i < n_ops; i++) {
		m[2 * i] = (struct moment){ &ops[i].start, false };
		m[2 * i + 1] = (struct moment){ &ops[i].end, true };
	}
	qsort(m, 2 * n_ops, sizeof *m, by_time);
	for (size_t i = 0; i < 2 * n_ops; i++)
		*m[i].at = i + 1;
	free(m);
}

static int by_key(const void *a, const void *b)
{
	const struct op *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c ? c : x->start < y->start ? -1 : x->start > y->start;
}

/* --- registers without removals ---------------------------------------------- */

static void check_register(const struct op *o, size_t n)
{
	struct lin_op *h = calloc(n + 1, sizeof *h);
	char why[256] = "not linearizable";
	size_t m = 0;

	if (!h)
		abort();
	for (size_t i = 0; i < n; i++) {
		bool write = o[i].kind[1] == 'w', ok = is(o[i].result, "ok");

		if (!ok && !is(o[i].result, write ? "unknown" : "absent"))
			continue;
		h[m++] = (struct lin_op){ .inv = o[i].start,
					  .res = write && !ok ? LIN_NEVER :
								o[i].end,
					  .val = o[i].value,
					  .is_write = write };
	}
	if (!lin_check(h, m, why, sizeof why))
		violation(o, why);
	free(h);
}

/* --- names, and registers with removals -------------------------------------- */

static bool to_cas(const struct op *o, struct cas_op *c)
{
	bool ok = is(o->result, "ok"), absent = is(o->result, "absent");

	*c = (struct cas_op){ .inv = o->start,
			      .res = o->end,
			      .blind = o->kind[0] == 'r' };
	if (o->kind[1] == 'g' || o->kind[1] == 'r') {
		c->kind = CAS_GET;
		c->got = o->value;
		return ok || absent;
	}
	c->kind = o->kind[1] == 'x' ? CAS_REMOVE : CAS_SET;
	c->id = o->value;
	c->expect = is(o->want, "none")			      ? CAS_NONE :
		    is(o->want, "any") || is(o->want, "-") ? CAS_ANY :
							     CAS_THIS;
	if (c->expect == CAS_THIS)
		c->want = strtoull(o->want, NULL, 10);
	c->out = ok			    ? CAS_DONE :
		 absent			    ? CAS_ABSENT :
		 is(o->result, "conflict") ? CAS_CONFLICT :
					     CAS_MAYBE;
	return c->out != CAS_MAYBE || is(o->result, "unknown");
}

static void check_cas(const struct op *o, size_t n)
{
	struct cas_op *h = calloc(n + 1, sizeof *h);
	size_t m = 0;

	if (!h)
		abort();
	for (size_t i = 0; i < n; i++)
		m += to_cas(&o[i], &h[m]);
	if (!cas_check(h, m))
		violation(o, "not linearizable");
	free(h);
}

/* --- tags -------------------------------------------------------------------- */

static int cmp_tag(const struct lanram_tag *a, const struct lanram_tag *b)
{
	if (a->ts != b->ts)
		return a->ts < b->ts ? -1 : 1;
	if (a->writer != b->writer)
		return a->writer < b->writer ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static int by_tag(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a;
	const struct op *y = *(const struct op *const *)b;

	return cmp_tag(&x->tag, &y->tag);
}

static int by_end(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a;
	const struct op *y = *(const struct op *const *)b;

	return x->end < y->end ? -1 : x->end > y->end;
}

/* `o` is sorted by start. */
static void check_order(const struct op *o, size_t n, const struct op **t,
			size_t m)
{
	const struct op *max = NULL;
	size_t k = 0;

	qsort(t, m, sizeof *t, by_end);
	for (size_t i = 0; i < n; i++) {
		for (; k < m && t[k]->end < o[i].start; k++)
			if (!max || cmp_tag(&t[k]->tag, &max->tag) > 0)
				max = t[k];
		if (o[i].has_tag && max &&
		    cmp_tag(&o[i].tag, &max->tag) < 0) {
			violation(&o[i], "a tag went back");
			return;
		}
	}
}

static void check_tags(const struct op *o, size_t n)
{
	const struct op **t = calloc(n + 1, sizeof *t);
	size_t m = 0;

	if (!t)
		abort();
	for (size_t i = 0; i < n; i++)
		if (o[i].has_tag)
			t[m++] = &o[i];
	qsort(t, m, sizeof *t, by_tag);
	for (size_t i = 1; i < m; i++)
		if (cmp_tag(&t[i - 1]->tag, &t[i]->tag) == 0 &&
		    t[i - 1]->value != t[i]->value)
			violation(t[i], "one tag, two values");
	check_order(o, n, t, m);
	free(t);
}

/* --- objects ----------------------------------------------------------------- */

/* All operations of one ID, by start. `print`: what must be at the end. */
static void check_object(const struct op *o, size_t n, bool print)
{
	const struct op *stored = NULL, *removed = NULL;

	for (size_t i = 0; i < n; i++) {
		if (is(o[i].kind, "os") && is(o[i].result, "ok"))
			stored = &o[i];
		else if (is(o[i].kind, "ox"))
			removed = &o[i];
	}
	if (!stored)
		return; /* not acknowledged: it may be there or not */
	if (!removed && print)
		printf("%s %" PRIu64 " %s keep\n", o->key, stored->value,
		       stored->want);
	else if (removed && is(removed->result, "ok") && print)
		printf("%s %" PRIu64 " %s gone\n", o->key, stored->value,
		       stored->want);
	for (size_t i = 0; i < n && !print; i++) {
		if (is(o[i].kind, "os") || !is(o[i].result, "absent") ||
		    (removed && removed != &o[i] &&
		     removed->start < o[i].end))
			continue;
		violation(&o[i], "stored, and then absent");
		return;
	}
}

/* --- all --------------------------------------------------------------------- */

static void check_results(const struct op *o, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(o[i].result, "wrong") || is(o[i].result, "lost")) {
			violation(&o[i], is(o[i].result, "lost") ?
						 "told to be lost" :
						 "bytes that nobody wrote");
			return;
		}
}

static void check_key(const struct op *o, size_t n)
{
	check_results(o, n);
	if (o->kind[0] == 'o') {
		check_object(o, n, false);
		return;
	}
	check_tags(o, n);
	if (o->key[0] == 'r')
		check_register(o, n);
	else
		check_cas(o, n);
}

static void *check_all(void *arg)
{
	bool objects = *(bool *)arg;

	for (size_t i = 0, n; i < n_ops; i += n) {
		for (n = 1; i + n < n_ops && is(ops[i].key, ops[i + n].key);)
			n++;
		if (!objects)
			check_key(&ops[i], n);
		else if (ops[i].kind[0] == 'o')
			check_object(&ops[i], n, true);
	}
	return NULL;
}

/* The search goes as deep as a history is long. */
static void run_deep(bool objects)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, (size_t)1 << 30) ||
	    pthread_create(&thread, &attr, check_all, &objects))
		abort();
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static size_t count(const char *result)
{
	size_t n = 0;

	for (size_t i = 0; i < n_ops; i++)
		n += is(ops[i].result, result);
	return n;
}

int main(int argc, char **argv)
{
	bool objects = argc > 1 && is(argv[1], "--objects");

	if (!read_all())
		return 2;
	rank_times();
	qsort(ops, n_ops, sizeof *ops, by_key);
	run_deep(objects);
	if (!objects)
		printf("%zu operations: %zu done, %zu absent, %zu conflicts, "
		       "%zu failed, %zu unknown; %u violations\n",
		       n_ops, count("ok"), count("absent"), count("conflict"),
		       count("failed"), count("unknown"), violations);
	free(ops);
	return violations ? 1 : 0;
}
