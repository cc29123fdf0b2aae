/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of the pure parts share. */
#ifndef LR_TESTS_UNIT_H
#define LR_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The same numbers in every run: a failure can be run again by its seed. */
static inline uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % below;
}

#define countof(a) (sizeof(a) / sizeof *(a))

#endif
