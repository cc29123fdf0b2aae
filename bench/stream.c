/* SPDX-License-Identifier: Apache-2.0 */
/* One large value, directly to the donors: store (2 copies) and retrieve.
 *
 *   stream COORDINATOR STATE_DIR MIB
 *
 * Prints: store,MiB/s and retrieve,MiB/s */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/lanram.h"

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Not compressible, and different in every chunk. */
static void fill(unsigned char *p, size_t n)
{
	unsigned x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (unsigned char)(x >> 24);
	}
}

int main(int argc, char **argv)
{
	struct lanram_options o = { 0 };
	struct lanram *pool;
	struct lanram_stored stored;
	size_t n, got;
	void *value, *back;
	double start, store_s, retrieve_s;

	if (argc != 4)
		return 2;
	o.coordinator = argv[1];
	o.state_dir = argv[2];
	n = strtoul(argv[3], NULL, 10) << 20;
	value = malloc(n);
	if (!value || lanram_open(&o, &pool))
		return 1;
	fill(value, n);
	start = now_s();
	if (lanram_store(pool, value, n, NULL, &stored))
		goto failed;
	store_s = now_s() - start;
	start = now_s();
	if (lanram_retrieve(pool, stored.id, &back, &got))
		goto failed;
	retrieve_s = now_s() - start;
	if (got != n || memcmp(back, value, n) != 0) {
		fprintf(stderr, "stream: wrong bytes came back\n");
		return 1;
	}
	printf("store,%.0f\nretrieve,%.0f\n", (double)(n >> 20) / store_s,
	       (double)(n >> 20) / retrieve_s);
	if (lanram_remove(pool, stored.id))
		goto failed;
	lanram_close(pool);
	free(back);
	free(value);
	return 0;
failed:
	fprintf(stderr, "stream: %s\n", lanram_error(pool));
	return 1;
}
