/* SPDX-License-Identifier: Apache-2.0 */
/* What `lanram pool export` writes: the coordinator's files in one, with a
 * checksum at the end. */
#ifndef LR_CLI_POOL_FILE_H
#define LR_CLI_POOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The order in which they are put in their places: with its key, it is a
 * pool. `state` is read before `prepared`, so that no epoch in it is above. */
#define POOL_FILES 3
extern const char *const pool_files[POOL_FILES];

struct pool_part {
	uint8_t *p; /* NULL: no such file */
	size_t len;
};

/* Its bytes, to be freed; NULL: out of memory. */
uint8_t *pool_file_make(const struct pool_part parts[POOL_FILES],
			struct pool_part *ret);
/* The parts point into `all`. False: it is no whole export. */
bool pool_file_parse(const struct pool_part *all,
		     struct pool_part parts[POOL_FILES]);

#endif
