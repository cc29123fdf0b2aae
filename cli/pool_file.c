/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pool_file.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "wire/cursor.h"

#define MAGIC 0x314c4f4f504d4152u /* "RAMPOOL1" */

const char *const pool_files[POOL_FILES] = {"state", "prepared", "pool.key"};

uint8_t *pool_file_make(const struct pool_part parts[POOL_FILES],
			struct pool_part *ret)
{
	size_t cap = 64;
	struct lr_writer w;

	for (size_t i = 0; i < POOL_FILES; i++)
		cap += parts[i].len + 32;
	w = lr_writer(malloc(cap), cap);
	if (!w.p)
		return NULL;
	lr_w_u64(&w, MAGIC);
	for (size_t i = 0; i < POOL_FILES; i++) {
		if (!parts[i].p)
			continue;
		lr_w_str(&w, lr_str(pool_files[i]));
		lr_w_u32(&w, (uint32_t)parts[i].len);
		lr_w_bytes(&w, parts[i].p, parts[i].len);
	}
	lr_w_u64(&w, XXH3_64bits(w.p, w.len));
	*ret = (struct pool_part){w.p, w.len};
	return w.p;
}

static bool is_whole(const struct pool_part *all)
{
	struct lr_reader sum;

	if (all->len < 16)
		return false;
	sum = lr_reader(all->p + all->len - 8, 8);
	return lr_r_u64(&sum) == XXH3_64bits(all->p, all->len - 8);
}

bool pool_file_parse(const struct pool_part *all,
		     struct pool_part parts[POOL_FILES])
{
	struct lr_reader r;
	char name[16];

	if (!is_whole(all))
		return false;
	r = lr_reader(all->p, all->len - 8);
	if (lr_r_u64(&r) != MAGIC)
		return false;
	while (r.left && !r.bad) {
		struct lr_str s = lr_r_str(&r);
		uint32_t len = lr_r_u32(&r);
		const uint8_t *at = lr_r_bytes(&r, len);

		for (size_t i = 0; at && i < POOL_FILES; i++)
			if (lr_str_copy(s, name, sizeof name) &&
			    !strcmp(name, pool_files[i]))
				parts[i] =
					(struct pool_part){(uint8_t *)at, len};
	}
	return !r.bad && parts[0].p && parts[2].p;
}
