/* SPDX-License-Identifier: Apache-2.0 */
/* Put before the sources of a test's own copy of the core: one allocation in
 * `flaky_every` fails, by chance (0: none). */
#ifndef LR_TESTS_FLAKY_H
#define LR_TESTS_FLAKY_H

#include <stdlib.h>

extern unsigned flaky_every;
void *flaky_malloc(size_t bytes);
void *flaky_calloc(size_t n, size_t bytes);
void *flaky_realloc(void *old, size_t bytes);

#ifdef LR_FLAKY
#define malloc	flaky_malloc
#define calloc	flaky_calloc
#define realloc flaky_realloc
#endif

#endif
