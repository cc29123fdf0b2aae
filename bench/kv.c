/* SPDX-License-Identifier: Apache-2.0 */
/* One client and values of one size: the same loop around lanram (directly to
 * the donors), Redis and memcached. usage() says how. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/kv.h"

#define MAX_DEPTH 256

static int usage(void)
{
	fputs("usage: kv [OPTION...] lanram | register COORDINATOR STATE_DIR "
	      "[POOL]\n"
	      "       kv [OPTION...] redis PORT | memcached PORT\n"
	      "  -n N        values (20000)\n"
	      "  -s BYTES    of a value (2048)\n"
	      "  -o WHAT     store and retrieve (both), retrieve, fill, churn "
	      "or watch\n"
	      "  -d DEPTH    so many requests in flight (1)\n"
	      "  -t SECONDS  watch: so long\n"
	      "  -x TIMES    churn: every value is replaced so often (10)\n"
	      "  -c COPIES   lanram makes (2)\n"
	      "  -w N        Redis waits for N replicas after a SET\n"
	      "  -b          poll the peer's socket instead of sleeping on it\n"
	      "  -B          lanram's calls sleep instead of polling first\n"
	      "  -g          makes its links, says \"ready\" and waits for a line "
	      "on stdin\n"
	      "  -f N        the peers' keys begin at number N (0)\n"
	      "  -P PID,...  the servers, whose CPU seconds are counted\n"
	      "prints: what,operation,p50_us,p99_us,per_s,per_cpu_second\n"
	      "watch prints what its reads took, a line each 100 ms:\n"
	      "  unix_ms,p50_us,p99_us,reads\n"
	      "fill and churn leave the values there and wait for the end of "
	      "stdin.\n",
	      stderr);
	return 2;
}

void kv_die(const char *what)
{
	fprintf(stderr, "kv: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- the servers' CPU time ------------------------------------------------- */

static double cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	errno = clock_getcpuclockid(pid, &clock);
	if (errno || clock_gettime(clock, &t) != 0)
		kv_die("CPU time of a server");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_seconds(const char *pids)
{
	double sum = 0;
	char *end;

	for (; pids && *pids; pids = *end ? end + 1 : end)
		sum += cpu_of((pid_t)strtol(pids, &end, 10));
	return sum;
}

/* --- the loops ------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct loop {
	struct kv *k;
	const char *pids;
	void (*one)(struct kv *k, unsigned i);
	void (*batch)(struct kv *k, const unsigned *i, unsigned n);
};

/* Values at..at + n; each takes as long as its batch. */
static unsigned turn(const struct loop *l, unsigned at, double *us)
{
	unsigned i[MAX_DEPTH], n = l->k->depth;
	double start = now_us();

	if (n == 1) {
		l->one(l->k, at);
	} else {
		n = n > l->k->n - at ? l->k->n - at : n;
		for (unsigned j = 0; j < n; j++)
			i[j] = at + j;
		l->batch(l->k, i, n);
	}
	start = now_us() - start;
	for (unsigned j = 0; j < n; j++)
		us[at + j] = start;
	return n;
}

static void measure(const struct loop *l, const char *what)
{
	unsigned n = l->k->n;
	double *us = calloc(n, sizeof *us), start, cpu, all;

	if (!us)
		kv_die("memory");
	cpu = cpu_seconds(l->pids);
	start = now_us();
	for (unsigned i = 0; i < n;)
		i += turn(l, i, us);
	all = now_us() - start;
	cpu = cpu_seconds(l->pids) - cpu;
	qsort(us, n, sizeof *us, by_value);
	printf("%s,%s,%.1f,%.1f,%.2f,%.0f\n", l->k->name, what, us[n / 2],
	       us[n - 1 - n / 100], n / all * 1e6, cpu > 0 ? n / cpu : 0);
	fflush(stdout);
	free(us);
}

static uint64_t random_of(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 33;
}

/* One random read after the other; a line each 100 ms. */
static void watch(struct kv *k, double seconds)
{
	static double us[200000];
	uint64_t seed = 3;
	double begin = now_us(), window = begin, at, end;
	unsigned n = 0;
	struct timespec t;

	do {
		at = now_us();
		k->ops->retrieve(k, (unsigned)(random_of(&seed) % k->n));
		end = now_us();
		us[n++] = end - at;
		if (end - window < 1e5 && n < 200000)
			continue;
		qsort(us, n, sizeof *us, by_value);
		clock_gettime(CLOCK_REALTIME, &t);
		printf("%lld,%.1f,%.1f,%u\n",
		       (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000,
		       us[n / 2], us[n - 1 - n / 100], n);
		fflush(stdout);
		window = end;
		n = 0;
	} while (end - begin < seconds * 1e6);
}

/* Random values removed and stored again, `times` as many as there are. */
static void churn(struct kv *k, unsigned times)
{
	unsigned i[MAX_DEPTH], n = k->depth / 2 + 1;
	uint64_t seed = 5;

	for (uint64_t left = (uint64_t)k->n * times; left; left -= n) {
		n = n > left ? (unsigned)left : n;
		/* A run of neighbours, so that none comes twice. */
		i[0] = (unsigned)(random_of(&seed) % (k->n - n + 1));
		for (unsigned j = 1; j < n; j++)
			i[j] = i[0] + j;
		for (unsigned j = 0; j < n; j++)
			k->ops->remove(k, i[j]);
		k->ops->store_batch(k, i, n);
	}
}

/* The links to all servers are made with the first values. */
static void make_links(struct kv *k)
{
	for (unsigned i = 0; i < 16 && i < k->n; i++) {
		k->ops->store(k, i);
		k->ops->remove(k, i);
	}
}

static void remove_all(struct kv *k)
{
	for (unsigned i = 0; i < k->n; i++)
		k->ops->remove(k, i);
}

static void until_stdin_ends(void)
{
	char c;

	puts("done");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

static int run(struct kv *k, const char *what, double seconds, unsigned times,
	       const char *pids)
{
	struct loop in = {k, pids, k->ops->store, k->ops->store_batch};
	struct loop out = {k, pids, k->ops->retrieve, k->ops->retrieve_batch};

	measure(&in, "store");
	if (!strcmp(what, "both") || !strcmp(what, "retrieve")) {
		measure(&out, "retrieve");
	} else if (!strcmp(what, "watch")) {
		watch(k, seconds);
	} else if (!strcmp(what, "fill") || !strcmp(what, "churn")) {
		if (what[0] == 'c')
			churn(k, times);
		until_stdin_ends();
	} else {
		return usage();
	}
	remove_all(k);
	return 0;
}

static const struct kv_ops *ops_of(const char *name)
{
	return !strcmp(name, "lanram")	    ? &kv_lanram
	       : !strcmp(name, "register")  ? &kv_register
	       : !strcmp(name, "redis")	    ? &kv_redis
	       : !strcmp(name, "memcached") ? &kv_memcached
					    : NULL;
}

int main(int argc, char **argv)
{
	struct kv k = {.size = 2048, .n = 20000, .depth = 1, .copies = 2,
		       .fd = -1};
	const char *what = "both", *pids = NULL;
	double seconds = 10;
	unsigned times = 10;
	bool wait = false;
	int opt, code;

	while ((opt = getopt(argc, argv, "n:s:o:d:t:x:c:w:bBf:gP:")) != -1) {
		switch (opt) {
		case 'n': k.n = (unsigned)atoi(optarg); break;
		case 's': k.size = (size_t)atol(optarg); break;
		case 'o': what = optarg; break;
		case 'd': k.depth = (unsigned)atoi(optarg); break;
		case 't': seconds = atof(optarg); break;
		case 'x': times = (unsigned)atoi(optarg); break;
		case 'c': k.copies = (unsigned)atoi(optarg); break;
		case 'w': k.replicas = (unsigned)atoi(optarg); break;
		case 'b': k.busy = true; break;
		case 'B': k.busy_poll_us = -1; break;
		case 'f': k.first = (unsigned)atoi(optarg); break;
		case 'g': wait = true; break;
		case 'P': pids = optarg; break;
		default: return usage();
		}
	}
	if (optind + 2 > argc || !k.n || !k.size || !k.depth ||
	    k.depth > MAX_DEPTH || k.depth > k.n)
		return usage();
	k.name = argv[optind];
	k.ops = ops_of(k.name);
	if (!k.ops || ((k.ops == &kv_lanram || k.ops == &kv_register) &&
		       optind + 3 > argc))
		return usage();
	k.value = malloc(k.size);
	if (!k.value)
		kv_die("memory");
	memset(k.value, 'x', k.size);
	k.ops->open(&k, argv + optind + 1);
	if (wait) {
		make_links(&k);
		puts("ready");
		fflush(stdout);
		(void)getchar();
	}
	code = run(&k, what, seconds, times, pids);
	if (k.pool)
		lanram_close(k.pool);
	free(k.ids);
	free(k.buf);
	free(k.value);
	return code;
}
