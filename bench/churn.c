/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the RAM is of use after churn:
 *
 *   churn [-e] [-k KEEP] [-t TIMES] MIN MAX store LIMIT_MIB
 *   churn [-e] [-k KEEP] [-t TIMES] MIN MAX pool COORDINATOR STATE_DIR
 *
 * Puts values of MIN to MAX bytes until it is full, then goes on, taking out
 * by chance, with KEEP % of that (100) there, until TIMES (10) as much was put
 * as went in first, and fills it again. Sizes: each power of two as often; -e:
 * as many bytes of each. A row each time it is full, and before it is filled
 * again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/churn.h"

static struct churn {
	const struct churn_ops *ops;
	double min, max;
	bool equal; /* bytes of each size class */
	struct churn_value *values;
	size_t n, cap;
	uint64_t there, put, refused; /* bytes, bytes, times */
	unsigned char *bytes;
} c;

void churn_die(const char *what)
{
	fprintf(stderr, "churn: %s\n", what);
	exit(1);
}

static double chance(void)
{
	return (double)random() / ((double)RAND_MAX + 1);
}

static uint32_t draw(void)
{
	double u = chance();

	if (c.equal)
		return (uint32_t)(1 / ((1 - u) / c.min + u / c.max));
	return (uint32_t)(c.min * pow(c.max / c.min, u));
}

static void grow(void)
{
	c.cap = c.cap ? 2 * c.cap : 1024;
	c.values = realloc(c.values, c.cap * sizeof *c.values);
	if (!c.values)
		churn_die("memory");
}

/* Bytes that differ from value to value, so that nobody can fold them. */
static bool put(uint32_t bytes)
{
	struct churn_value v = {.bytes = bytes};

	if (c.n == c.cap)
		grow();
	for (size_t i = 0; i < 8 && i < bytes; i++)
		c.bytes[i] = (unsigned char)random();
	if (!c.ops->put(&v, c.bytes))
		return false;
	c.values[c.n++] = v;
	c.there += bytes;
	c.put += bytes;
	return true;
}

/* Until no more than so much is there. */
static void drop_to(uint64_t bytes)
{
	while (c.n && c.there > bytes) {
		size_t i = (size_t)(chance() * (double)c.n);

		c.ops->drop(&c.values[i]);
		c.there -= c.values[i].bytes;
		c.values[i] = c.values[--c.n];
	}
}

static void tell(const char *what)
{
	printf("%s: %zu values, %llu bytes; %llu bytes put in all, %llu times "
	       "refused\n",
	       what, c.n, (unsigned long long)c.there,
	       (unsigned long long)c.put, (unsigned long long)c.refused);
	c.ops->tell(c.there);
	fflush(stdout);
}

static void fill(const char *what)
{
	while (put(draw()))
		;
	tell(what);
}

static void churn(double keep, double times)
{
	uint64_t most, end;

	fill("full first");
	most = (uint64_t)((double)c.there * keep / 100);
	end = (uint64_t)((double)c.there * times);
	while (c.put < end) {
		uint32_t bytes = draw();

		if (keep < 100)
			drop_to(most > bytes ? most - bytes : 0);
		for (; !put(bytes); c.refused++) {
			if (!c.n)
				churn_die("nothing fits");
			drop_to(c.there > bytes ? c.there - bytes : 0);
		}
	}
	tell("churned");
	fill("full again");
}

static double size_of(const char *text)
{
	double n = strtod(text, NULL);

	if (n < 1 || n > 1u << 30)
		churn_die("MIN and MAX are bytes, 1 to 1 GiB");
	return n;
}

int main(int argc, char **argv)
{
	double keep = 100, times = 10;
	int o;

	while ((o = getopt(argc, argv, "ek:t:")) != -1) {
		if (o == 'e')
			c.equal = true;
		else if (o == 'k')
			keep = strtod(optarg, NULL);
		else if (o == 't')
			times = strtod(optarg, NULL);
		else
			return 2;
	}
	if (argc - optind < 4)
		churn_die("MIN MAX store LIMIT_MIB, or MIN MAX pool "
			  "COORDINATOR STATE_DIR");
	c.min = size_of(argv[optind]);
	c.max = size_of(argv[optind + 1]);
	c.ops = strcmp(argv[optind + 2], "pool") ? &churn_store : &churn_pool;
	c.bytes = calloc(1, (size_t)c.max);
	if (!c.bytes || c.max < c.min)
		churn_die("MIN is at most MAX");
	srandom(1);
	c.ops->open(&argv[optind + 3]);
	churn(keep, times);
	c.ops->close();
	free(c.values);
	free(c.bytes);
	return 0;
}
