/* SPDX-License-Identifier: Apache-2.0 */
/* One donor: how it is suspected, asked after, evicted and cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "suspect_kit.h"

/* Donors that beat are left alone for ever. */
static void test_quiet_pool(void **state)
{
	struct pool p;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 60000);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.d[i].confirms, 0);
		assert_int_equal(p.d[i].w.state, LR_WATCH_OK);
	}
}

/* A silent donor is asked after from 350 ms on and evicted from 600 ms on,
 * once; beats that come after that revive nobody. */
static void test_silent(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	t0 = p.now; /* the last beat */
	p.d[2].mute = true;
	suspect_run(&p, 3000);
	assert_int_equal(p.d[2].confirm_ms, t0 + 350);
	assert_int_equal(p.d[2].evict_ms, t0 + 600);
	p.d[2].mute = false;
	suspect_run(&p, 1000);
	assert_int_equal(p.d[2].w.state, LR_WATCH_DEAD);
	assert_int_equal(p.d[2].evicts, 1);
	lr_watch_start(&p.d[2].w, p.now);
	suspect_run(&p, 1000);
	assert_int_equal(p.d[2].w.state, LR_WATCH_OK);
	assert_int_equal(p.d[0].confirms, 0);
}

/* What comes on its control link keeps a donor whose heartbeats stand behind
 * that; from the last of it on the same times count. */
static void test_large_answer(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	p.d[2].mute = true;
	for (int i = 0; i < 20; i++) {
		suspect_run(&p, 300);
		lr_watch_heard(&p.d[2].w, p.now);
	}
	t0 = p.now;
	assert_int_equal(p.d[2].confirms, 0);
	lr_watch_heard(&p.d[2].w, t0 - 200); /* told late: nothing new */
	suspect_run(&p, 3000);
	assert_int_equal(p.d[2].confirm_ms, t0 + 350);
	assert_int_equal(p.d[2].evict_ms, t0 + 600);
}

/* A shard that stands still is noticed though its donor says much else. */
static void test_frozen_talks(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 5);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[2].frozen = true;
	while (!p.d[2].evict_ms && p.now < t0 + 5000) {
		suspect_run(&p, 20);
		lr_watch_heard(&p.d[2].w, p.now);
	}
	assert_in_range(p.d[2].confirm_ms, t0 + 400, t0 + 700);
	assert_in_range(p.d[2].evict_ms, t0 + 550, t0 + 900);
}

/* A shard that does not move while heartbeats go on is suspect after 500 ms
 * and evicted when nobody could confirm it. */
static void test_frozen_shard(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 3);
	suspect_run(&p, 1000);
	t0 = p.now;
	p.d[0].frozen = true;
	suspect_run(&p, 450);
	assert_int_equal(p.d[0].confirms, 0);
	suspect_run(&p, 1000);
	assert_int_equal(p.d[0].confirm_ms, t0 + 500);
	assert_int_equal(p.d[0].evict_ms, t0 + 650);
}

/* Any one that stands still counts, whichever it is; one that a donor has no
 * more does not. */
static void test_second_shard(void **state)
{
	const uint64_t now = 1000;
	struct lr_watch w;

	(void)state;
	lr_watch_start(&w, now);
	lr_watch_beat(&w, (uint64_t[]){1, 5, 9}, 3, now);
	lr_watch_beat(&w, (uint64_t[]){2, 5, 10}, 3, now + 100);
	assert_int_equal(w.heard_ms, now + 100);
	assert_int_equal(w.tick_ms, now);
	lr_watch_beat(&w, (uint64_t[]){2, 6, 11}, 3, now + 200);
	assert_int_equal(w.tick_ms, now + 100);
	lr_watch_alive(&w, now + 300);
	assert_int_equal(w.tick_ms, now + 300);
	lr_watch_beat(&w, (uint64_t[]){3, 6, 12}, 3, now + 400);
	assert_int_equal(w.tick_ms, now + 300);
	lr_watch_beat(&w, (uint64_t[]){4}, 1, now + 500);
	assert_int_equal(w.tick_ms, now + 500);
}

/* A frozen shard that moves again in time is cleared. */
static void test_frozen_thaws(void **state)
{
	struct pool p;

	(void)state;
	suspect_init(&p, 3);
	suspect_run(&p, 1000);
	p.d[0].frozen = true;
	suspect_run(&p, 550);
	assert_int_equal(p.d[0].w.state, LR_WATCH_SUSPECT);
	p.d[0].frozen = false;
	suspect_run(&p, 1000);
	assert_true(p.d[0].cleared_ms);
	assert_int_equal(p.d[0].evicts, 0);
}

/* A beat in time clears a suspect; it is not called slow for that. */
static void test_cleared_by_beat(void **state)
{
	struct pool p;

	(void)state;
	suspect_init(&p, 3);
	suspect_run(&p, 1000);
	p.d[1].mute = true;
	suspect_run(&p, 400);
	assert_int_equal(p.d[1].w.state, LR_WATCH_SUSPECT);
	p.d[1].mute = false;
	suspect_run(&p, 1000);
	assert_true(p.d[1].cleared_ms);
	assert_false(p.d[1].w.slow);
	assert_int_equal(p.d[1].evicts, 0);
}

/* Somebody reached it: it stays, marked slow; while that goes on it is asked
 * after again and again but not evicted, and when it really dies it is. */
static void test_marked_slow(void **state)
{
	struct pool p;
	uint64_t last = 0;

	(void)state;
	suspect_init(&p, 4);
	suspect_run(&p, 1000);
	p.d[3].mute = true;
	for (int i = 0; i < 400; i++) {
		suspect_run(&p, 10);
		if (p.d[3].w.state == LR_WATCH_SUSPECT) {
			lr_watch_alive(&p.d[3].w, p.now);
			last = p.now;
		}
	}
	assert_true(p.d[3].confirms >= 8);
	assert_true(p.d[3].cleared_ms);
	assert_true(p.d[3].w.slow);
	assert_int_equal(p.d[3].evicts, 0);
	suspect_run(&p, 1000);
	assert_in_range(p.d[3].evict_ms, last + 600, last + 650);
}

/* The mark goes away when it has beaten for a while. */
static void test_slow_ends(void **state)
{
	struct pool p;

	(void)state;
	suspect_init(&p, 4);
	suspect_run(&p, 1000);
	lr_watch_alive(&p.d[0].w, p.now);
	assert_true(p.d[0].w.slow);
	suspect_run(&p, 10000);
	assert_false(p.d[0].w.slow);
}

/* A refusal evicts at the next tick, however fresh its beats are. */
static void test_refused(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 2);
	suspect_run(&p, 1000);
	t0 = p.now;
	lr_watch_refused(&p.d[1].w);
	suspect_run(&p, 500);
	assert_int_equal(p.d[1].evict_ms, t0 + SUSPECT_TICK_MS);
	assert_int_equal(p.d[1].confirms, 0);
	assert_int_equal(p.d[0].confirms, 0);
}

/* One that somebody cannot reach is asked after at once; nobody reaches it:
 * evicted though it beats. The accuser alone is not enough. */
static void test_accused(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	suspect_init(&p, 3);
	suspect_run(&p, 1000);
	t0 = p.now;
	lr_watch_accused(&p.d[0].w, p.now);
	lr_watch_accused(&p.d[1].w, p.now);
	suspect_run(&p, 100);
	assert_int_equal(p.d[0].confirm_ms, t0 + SUSPECT_TICK_MS);
	lr_watch_alive(&p.d[0].w, p.now);
	suspect_run(&p, 2000);
	assert_int_equal(p.d[0].evicts, 0);
	assert_true(p.d[0].w.slow);
	assert_int_equal(p.d[1].evict_ms, t0 + SUSPECT_TICK_MS + 600);
}

/* A client that keeps accusing a donor which others reach costs one round of
 * pings in a while, not one each time, and is told apart from one that is
 * right. */
static void test_accuser_is_damped(void **state)
{
	struct pool p;
	int refuted = 0;

	(void)state;
	suspect_init(&p, 3);
	for (int i = 0; i < 300; i++) {
		suspect_run(&p, 50);
		refuted += !lr_watch_accused(&p.d[0].w, p.now);
		if (p.d[0].w.state == LR_WATCH_SUSPECT)
			lr_watch_alive(&p.d[0].w, p.now);
	}
	assert_in_range(refuted, 280, 298);
	assert_in_range(p.d[0].confirms, 2, 5); /* in 15 s */
	assert_int_equal(p.d[0].evicts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet_pool),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_large_answer),
		cmocka_unit_test(test_frozen_talks),
		cmocka_unit_test(test_frozen_shard),
		cmocka_unit_test(test_second_shard),
		cmocka_unit_test(test_frozen_thaws),
		cmocka_unit_test(test_cleared_by_beat),
		cmocka_unit_test(test_marked_slow),
		cmocka_unit_test(test_slow_ends),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accused),
		cmocka_unit_test(test_accuser_is_damped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
