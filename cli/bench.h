/* SPDX-License-Identifier: Apache-2.0 */
/* `lanram bench`: how this pool compares with the RAM and the disks of the
 * machine where it is run. */
#ifndef LR_CLI_BENCH_H
#define LR_CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_kind { BENCH_RAM, BENCH_POOL, BENCH_DISK };

/* One medium. Figures that were not measured are 0. */
struct bench_row {
	enum bench_kind kind;
	char name[96];
	double p50_us, p99_us;	      /* of one random read of a value */
	double read_mib_s, write_mib_s; /* of something large */
};

#define BENCH_ROWS 12

struct bench {
	size_t size;	 /* of a value, bytes */
	unsigned values; /* strings stored, and random reads of a medium */
	uint64_t large;	 /* bytes of the large object; 0: none */
	struct bench_row row[BENCH_ROWS];
	size_t n;
	double store_p50_us, store_p99_us; /* of a value, to the pool */
	int copies;			   /* that a value has in the pool */
};

/* --- bench_media.c -------------------------------------------------------- */

/* A clock that runs evenly. */
double bench_now_us(void);
/* Sorts `us`. */
void bench_times(double *us, size_t n, struct bench_row *ret);
/* Random reads of b->size bytes, the RAM of this process. */
void bench_ram(struct bench *b);
/* O_DIRECT reads of `path`: a folder (a temporary file in it), a file or a
 * block device. An exit code; not 0: said. */
int bench_disk(struct bench *b, const char *path);
/* Every disk that may be read; if none, the one of /var/tmp. Disks that cannot
 * be measured are left out, with a sentence. */
int bench_disks(struct bench *b);

/* --- bench_show.c --------------------------------------------------------- */

int bench_print(const struct bench *b);
int bench_json(const struct bench *b);
int bench_svg(const struct bench *b, const char *path);

#endif
