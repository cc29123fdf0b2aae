/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of objects, piece by piece, with the algorithm looked up once. */
#ifndef LR_CLIENT_HASH_H
#define LR_CLIENT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_hash; /* running */

struct lr_hash *lr_hash_new(void); /* NULL: out of memory */
void lr_hash_add(struct lr_hash *h, const void *p, size_t n);
void lr_hash_end(struct lr_hash *h, uint8_t ret[32]); /* frees it */
void lr_hash_free(struct lr_hash *h); /* given up; NULL is fine */
void lr_hash_once(const void *p, size_t n, uint8_t ret[32]);

#endif
