/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers share. Each defines LLVMFuzzerTestOneInput(); linked with
 * libFuzzer (--enable-fuzz) it searches, linked with replay.c it runs the
 * inputs that are kept. */
#ifndef LR_TESTS_FUZZ_H
#define LR_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever comes in. */
#define FUZZ_CHECK(cond)                                                \
	do {                                                            \
		if (!(cond)) {                                          \
			fprintf(stderr, "%s:%d: does not hold: %s\n",   \
				__FILE__, __LINE__, #cond);             \
			abort();                                        \
		}                                                       \
	} while (0)

/* The input, taken in pieces; zeros when it is used up. */
struct fuzz_in {
	const uint8_t *p;
	size_t left;
};

static inline uint64_t fuzz_int(struct fuzz_in *in, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes && in->left; i++, in->left--)
		v |= (uint64_t)*in->p++ << (8 * i);
	return v;
}

static inline uint32_t fuzz_below(struct fuzz_in *in, uint32_t below)
{
	return (uint32_t)(fuzz_int(in, below <= 256 ? 1 : 4) % below);
}

/* Up to `max` bytes: one that says how many, then they. */
static inline const uint8_t *fuzz_piece(struct fuzz_in *in, unsigned max,
					size_t *ret_len)
{
	const uint8_t *at;
	size_t n = fuzz_below(in, max + 1);

	if (n > in->left)
		n = in->left;
	at = in->p;
	in->p += n;
	in->left -= n;
	*ret_len = n;
	return at;
}

#endif
