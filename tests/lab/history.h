/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the nemesis did, as lines:
 *
 *   START END CLIENT KIND KEY VALUE WANT RESULT TAG
 *
 * START, END: ns of CLOCK_MONOTONIC, which all namespaces of a machine share.
 * KIND: rr rw rx (a register read, written, removed), ng ns nx (a name got,
 * set, removed), os og ox (an object stored, got, removed). VALUE: the number
 * of what was written or read; every write has one of its own, 0 is nothing.
 * WANT: what a name had to be ("any", "none", or the number), an object's
 * size. RESULT: ok, absent, conflict, failed (certainly not done), unknown,
 * lost, wrong (bytes that nobody wrote). TAG: "-" where there is none. */
#ifndef LR_TESTS_LAB_HISTORY_H
#define LR_TESTS_LAB_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_LINE 256

/* A value tells its number and size; the rest follows from these. */
#define VALUE_MIN 12

static inline uint64_t history_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

#endif
