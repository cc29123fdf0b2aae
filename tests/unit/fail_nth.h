/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth allocation fails. The linker sends malloc, calloc and realloc of the
 * program to fail_nth.c: link with $(fail_nth_ldflags). */
#ifndef LR_TESTS_FAIL_NTH_H
#define LR_TESTS_FAIL_NTH_H

#include <stdbool.h>

/* From now on; 0: none fails. */
void fail_nth(unsigned n);
/* Whether one has failed since it was asked for; and none will any more. */
bool fail_nth_did(void);

#endif
