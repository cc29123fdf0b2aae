/* SPDX-License-Identifier: Apache-2.0 */
/* Is the history of one register linearizable? Every write writes a value of
 * its own (never 0, which is what was there at first); times are all different.
 *
 * The operations of one value are a cluster. Its zone lies between its first
 * response and its last invocation: forward if the response comes first. Gibbons
 * and Korach: linearizable if and only if no value is read before it was
 * written, no two forward zones overlap, and no backward zone lies within a
 * forward one. O(n log n). */
#ifndef LR_TESTS_SIM_LIN_H
#define LR_TESTS_SIM_LIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIN_NEVER UINT64_MAX

struct lin_op {
	uint64_t inv, res; /* res LIN_NEVER: a write that may or may not be */
	uint64_t val;
	bool is_write;
	bool ignore; /* a read that told nothing */
};

/* `why` takes a sentence where it is not. */
bool lin_check(const struct lin_op *h, size_t n, char *why, size_t cap);

#endif
