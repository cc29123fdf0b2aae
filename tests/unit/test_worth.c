/* SPDX-License-Identifier: Apache-2.0 */
/* When looking before sleeping is worth it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "core/worth.h"

static unsigned tries(struct lr_worth *w, unsigned of)
{
	unsigned n = 0;

	for (unsigned i = 0; i < of; i++)
		n += lr_worth_try(w);
	return n;
}

/* It looks from the start and as long as a part of its looks finds something;
 * in vain again and again, it tries seldom, and one find brings it back. */
static void in_vain(void **state)
{
	struct lr_worth w;

	(void)state;
	lr_worth_init(&w);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(lr_worth_try(&w));
		if (i % 5 == 0)
			lr_worth_hit(&w);
		else
			lr_worth_miss(&w);
	}
	for (unsigned i = 0; i < 100; i++)
		lr_worth_miss(&w);
	assert_int_equal(tries(&w, 320), 10);
	lr_worth_hit(&w);
	assert_int_equal(tries(&w, 10), 10);
}

/* A peer that comes, and is looked at from then on, changes nothing; where
 * others speak as often as those that are looked at, it rests, whatever it
 * finds, and comes back when they are silent. */
static void others_speak(void **state)
{
	struct lr_worth w;
	unsigned looked = 0;

	(void)state;
	lr_worth_init(&w);
	lr_worth_other(&w);
	assert_int_equal(tries(&w, 10), 10);
	for (unsigned i = 0; i < 1000; i++) {
		if (lr_worth_try(&w)) {
			looked++;
			lr_worth_hit(&w);
		}
		lr_worth_other(&w);
		lr_worth_other(&w);
	}
	assert_true(looked < 50);
	while (!lr_worth_try(&w))
		;
	lr_worth_hit(&w);
	assert_int_equal(tries(&w, 10), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_vain),
		cmocka_unit_test(others_speak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
