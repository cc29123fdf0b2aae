/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of objects, piece by piece, with the algorithm looked up once. Pieces
 * are hashed on a thread of its own, so that the loop goes on meanwhile. All
 * calls belong on one thread. */
#ifndef LR_CLIENT_HASH_H
#define LR_CLIENT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_hash; /* running */

struct lr_hash *lr_hash_new(void); /* NULL: out of memory */
/* The bytes stay where they are until lr_hash_wait for what this returns, or
 * the end. Waits itself when it is 64 pieces behind. */
uint64_t lr_hash_add(struct lr_hash *h, const void *p, size_t n);
void lr_hash_wait(struct lr_hash *h, uint64_t piece); /* NULL is fine */
void lr_hash_end(struct lr_hash *h, uint8_t ret[32]); /* waits; frees it */
void lr_hash_free(struct lr_hash *h); /* given up; NULL is fine */
void lr_hash_once(const void *p, size_t n, uint8_t ret[32]);

#endif
