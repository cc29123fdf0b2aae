/* SPDX-License-Identifier: Apache-2.0 */
/* Many donors, and a coordinator that may be at fault itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "suspect_kit.h"

/* What the coordinator slept through is no silence of the donors. */
static void test_own_lateness(void **state)
{
	struct pool p;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	p.now += 900; /* its loop stood still, the beats wait in sockets */
	suspect_tick(&p);
	suspect_run(&p, 2000);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.d[i].confirms, 0);
		assert_int_equal(p.d[i].evicts, 0);
	}
	assert_int_equal(p.s.hold_until_ms, 0);
}

/* The forgiveness ends: one that stays silent is evicted when 600 ms of it were
 * listened to; and no more than one second is forgiven. */
static void test_lateness_is_bounded(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.now += 700;
	suspect_tick(&p);
	suspect_run(&p, 2000);
	assert_in_range(p.d[0].evict_ms, t0 + 1250, t0 + 1300);

	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.now += 1500;
	suspect_beat(&p); /* the others' beats were read before the tick */
	suspect_tick(&p);
	suspect_run(&p, 1000);
	assert_in_range(p.d[0].evict_ms, t0 + 1600, t0 + 1700);
	for (size_t i = 1; i < p.n; i++)
		assert_int_equal(p.d[i].evicts, 0);
}

/* Many short stalls are forgiven like one long one. */
static void test_many_stalls(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 5);
	for (int i = 0; i < 100; i++) { /* the ring of stalls turns over */
		p.now += 150;
		suspect_tick(&p);
		suspect_beat(&p);
	}
	t0 = p.now;
	p.d[0].mute = true;
	while (!p.d[0].evict_ms && p.now < t0 + 5000) {
		p.now += 150;
		suspect_tick(&p);
		suspect_beat(&p);
	}
	/* Each tick of 150 ms counts as 50, until a second is forgiven. */
	assert_in_range(p.d[0].evict_ms, t0 + 1600, t0 + 1750);
	assert_int_equal(p.d[1].evicts, 0);
}

/* Half the donors (and never fewer than two) silent in one window: it is
 * probably us. Nobody is evicted for 3 s; whoever beats again by then stays. */
static void test_self_suspicion(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 6);
	suspect_run(&p, 1000);
	t0 = p.now;
	for (int i = 0; i < 3; i++)
		p.d[i].mute = true;
	suspect_run(&p, 2500);
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.d[i].evicts, 0);
	p.d[0].mute = false;
	p.d[1].mute = false;
	suspect_run(&p, 3000);
	assert_int_equal(p.d[0].evicts, 0);
	assert_int_equal(p.d[1].evicts, 0);
	assert_int_equal(p.d[2].evict_ms, t0 + 350 + 3000);
}

/* Really dead ones are not waited for longer than once. */
static void test_hold_ends(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 2);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.d[1].mute = true;
	suspect_run(&p, 10000);
	assert_int_equal(p.d[0].evict_ms, t0 + 350 + 3000);
	assert_int_equal(p.d[1].evict_ms, t0 + 350 + 3000);
}

/* Fewer than half are evicted as usual, and two of five are fewer; the only
 * donor there is, too. */
static void test_minority(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.d[1].mute = true;
	suspect_run(&p, 1000);
	assert_int_equal(p.d[0].evict_ms, t0 + 600);
	assert_int_equal(p.d[1].evict_ms, t0 + 600);

	suspect_init(&p, 1);
	suspect_run(&p, 1000);
	p.d[0].mute = true;
	suspect_run(&p, 1000);
	assert_int_equal(p.d[0].evicts, 1);
}

/* A refusal is not silence: it holds nothing, and it is not held. */
static void test_refusal_is_no_silence(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 4);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.d[1].mute = true;
	lr_watch_refused(&p.d[1].w);
	suspect_run(&p, 1000);
	assert_int_equal(p.d[1].evict_ms, t0 + SUSPECT_TICK_MS);
	assert_int_equal(p.d[0].evict_ms, t0 + 600);

	suspect_init(&p, 4);
	suspect_run(&p, 1000);
	for (int i = 0; i < 3; i++)
		p.d[i].mute = true;
	suspect_run(&p, 700);
	lr_watch_refused(&p.d[0].w);
	suspect_run(&p, 100);
	assert_int_equal(p.d[0].evicts, 1);
	assert_int_equal(p.d[1].evicts, 0);
}

/* 2^k x 5 s after the last eviction, k = evictions in ten minutes. */
static void test_flapping(void **state)
{
	struct lr_flaps f = {0};
	uint64_t t = 1000000;

	(void)state;
	assert_int_equal(lr_flaps_until(&f, t), 0);
	lr_flaps_add(&f, t);
	assert_int_equal(lr_flaps_until(&f, t), t + 10000);
	lr_flaps_add(&f, t + 1000);
	assert_int_equal(lr_flaps_until(&f, t + 1000), t + 1000 + 20000);
	lr_flaps_add(&f, t + 2000);
	assert_int_equal(lr_flaps_until(&f, t + 2000), t + 2000 + 40000);
	assert_int_equal(lr_flaps_until(&f, t + 600500), t + 2000 + 20000);
	assert_int_equal(lr_flaps_until(&f, t + 602000), 0);
	for (unsigned i = 0; i < 50; i++)
		lr_flaps_add(&f, t + 700000 + i);
	assert_int_equal(lr_flaps_until(&f, t + 700049),
			 t + 700049 + (5000 << 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_lateness),
		cmocka_unit_test(test_lateness_is_bounded),
		cmocka_unit_test(test_many_stalls),
		cmocka_unit_test(test_self_suspicion),
		cmocka_unit_test(test_hold_ends),
		cmocka_unit_test(test_minority),
		cmocka_unit_test(test_refusal_is_no_silence),
		cmocka_unit_test(test_flapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
