/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 in pieces, on its own thread. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "client/hash.h"

#define PIECES 300u
#define MOST   40000u

static uint8_t bytes[PIECES * MOST];

static size_t size_of(unsigned i)
{
	return i * 131u % MOST;
}

/* Pieces of any size, more than it keeps, give the hash of the whole; a buffer
 * that is waited for may be written again at once. */
static void in_pieces(void **state)
{
	uint8_t want[32], got[32], buf[2][MOST];
	struct lr_hash *h = lr_hash_new();
	uint64_t in_buf[2] = {0};
	size_t at = 0;

	(void)state;
	assert_non_null(h);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	for (unsigned i = 0; i < PIECES; at += size_of(i++)) {
		if (i < PIECES / 2) {
			lr_hash_add(h, bytes + at, size_of(i));
			continue;
		}
		lr_hash_wait(h, in_buf[i % 2]);
		memcpy(buf[i % 2], bytes + at, size_of(i));
		in_buf[i % 2] = lr_hash_add(h, buf[i % 2], size_of(i));
	}
	lr_hash_end(h, got);
	lr_hash_once(bytes, at, want);
	assert_memory_equal(got, want, sizeof want);
}

/* Given up with pieces left, it reads nothing of them after that. */
static void given_up(void **state)
{
	uint8_t *p;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct lr_hash *h = lr_hash_new();

		p = calloc(64, MOST);
		assert_true(h && p);
		for (unsigned i = 0; i < 3 * round; i++)
			lr_hash_add(h, p + i * MOST, MOST);
		lr_hash_free(h);
		free(p);
	}
	lr_hash_free(NULL);
	lr_hash_wait(NULL, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
