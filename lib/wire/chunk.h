/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a chunk entry's value: whose chunk it is. Chunk IDs are hashes,
 * so that nobody who holds one could tell its object otherwise, and a sweep
 * must ask for the parent before it drops anything. Pure. */
#ifndef LR_WIRE_CHUNK_H
#define LR_WIRE_CHUNK_H

#include "wire/cursor.h"

#define LR_CHUNK_HEAD 24u /* object (16 bytes), number (u64) */

static inline void lr_enc_chunk_head(uint8_t out[LR_CHUNK_HEAD],
				     const struct lr_id *object, uint64_t n)
{
	struct lr_writer w = lr_writer(out, LR_CHUNK_HEAD);

	lr_w_id(&w, *object);
	lr_w_u64(&w, n);
}

/* False: too short for a chunk. The data follows the head. */
static inline bool lr_dec_chunk_head(const void *value, size_t len,
				     struct lr_id *ret_object, uint64_t *ret_n)
{
	struct lr_reader r = lr_reader(value, len);

	*ret_object = lr_r_id(&r);
	*ret_n = lr_r_u64(&r);
	return !r.bad;
}

#endif
