/* SPDX-License-Identifier: Apache-2.0 */
/* Entries made from numbers, so that any value can be checked without a copy
 * of it: key and version say what its bytes are. And allocations that fail. */
#ifndef LR_TESTS_STORE_KIT_H
#define LR_TESTS_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/terms.h"
#include "store/store.h"
#include "wire/messages.h"

#ifdef __SANITIZE_ADDRESS__
#define KIT_SMALL true
#elif defined(__SANITIZE_THREAD__)
#define KIT_SMALL true
#else
#define KIT_SMALL false
#endif

#define KIT_HEADER 64u /* of an entry with a late ts that expires */

uint64_t kit_random(uint64_t *state);
struct lr_id kit_id(uint64_t key);
/* The value lies in a buffer that the next call overwrites. */
struct lr_entry kit_entry(uint64_t key, uint64_t version, uint32_t bytes);
void kit_assert(const struct lr_entry *e, uint64_t key, uint64_t version,
		uint32_t bytes);
/* Header and value, padded: what an entry costs in a segment. */
uint32_t kit_cost(uint32_t bytes);
/* What normal puts may fill, from the counted figures alone. */
uint64_t kit_cap(const struct lr_store *s);
/* Cleans until nothing is worth doing; fails after a minute. */
void kit_clean(struct lr_store *s, bool eager);
uint64_t kit_rss(void);
double kit_seconds(void);

/* The nth allocation or mapping of the store from now fails, once; 0: none.
 * kit_failed: it has. */
void kit_fail_at(unsigned n);
bool kit_failed(void);

#endif
