/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/suspect.h"

#define MAX  12
#define TICK 50
#define BEAT 100

/* A pool in virtual time: every donor beats each 100 ms, but those told not
 * to; the coordinator ticks each 50 ms and notes the verdicts. */
struct donor {
	struct lr_watch w;
	uint64_t tick;
	bool mute, frozen;
	uint64_t confirm_ms, evict_ms, cleared_ms; /* of the last; 0: none */
	unsigned confirms, evicts;
};

struct pool {
	struct lr_suspect s;
	struct donor d[MAX];
	size_t n;
	uint64_t now;
};

static void pool_init(struct pool *p, size_t n)
{
	*p = (struct pool){.n = n, .now = 100000};
	lr_suspect_init(&p->s, &lr_suspect_defaults, p->now);
	for (size_t i = 0; i < n; i++)
		lr_watch_start(&p->d[i].w, p->now);
}

static void tick_all(struct pool *p)
{
	struct lr_watch *all[MAX];

	for (size_t i = 0; i < p->n; i++)
		all[i] = &p->d[i].w;
	lr_suspect_tick(&p->s, all, p->n, p->now);
	for (size_t i = 0; i < p->n; i++) {
		struct donor *d = &p->d[i];

		switch (lr_watch_tick(&p->s, &d->w, p->now)) {
		case LR_VERDICT_CONFIRM:
			d->confirm_ms = p->now;
			d->confirms++;
			break;
		case LR_VERDICT_EVICT:
			d->evict_ms = p->now;
			d->evicts++;
			break;
		case LR_VERDICT_CLEARED:
			d->cleared_ms = p->now;
			break;
		case LR_VERDICT_NONE:
			break;
		}
	}
}

static void beat_all(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct donor *d = &p->d[i];

		if (d->mute)
			continue;
		d->tick += !d->frozen;
		lr_watch_beat(&d->w, (uint64_t[]){d->tick, p->now / BEAT}, 2,
			      p->now);
	}
}

static void run(struct pool *p, unsigned ms)
{
	for (uint64_t end = p->now + ms; p->now < end;) {
		p->now += 10;
		if (p->now % BEAT == 0)
			beat_all(p);
		if (p->now % TICK == 0)
			tick_all(p);
	}
}

/* Donors that beat are left alone for ever. */
static void test_quiet_pool(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 5);
	run(&p, 60000);
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
	pool_init(&p, 5);
	run(&p, 1000);
	t0 = p.now; /* the last beat */
	p.d[2].mute = true;
	run(&p, 3000);
	assert_int_equal(p.d[2].confirm_ms, t0 + 350);
	assert_int_equal(p.d[2].evict_ms, t0 + 600);
	p.d[2].mute = false;
	run(&p, 1000);
	assert_int_equal(p.d[2].w.state, LR_WATCH_DEAD);
	assert_int_equal(p.d[2].evicts, 1);
	lr_watch_start(&p.d[2].w, p.now);
	run(&p, 1000);
	assert_int_equal(p.d[2].w.state, LR_WATCH_OK);
	assert_int_equal(p.d[0].confirms, 0);
}

/* A shard that does not move while heartbeats go on is suspect after 500 ms
 * and evicted when nobody could confirm it. */
static void test_frozen_shard(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	pool_init(&p, 3);
	run(&p, 1000);
	t0 = p.now;
	p.d[0].frozen = true;
	run(&p, 450);
	assert_int_equal(p.d[0].confirms, 0);
	run(&p, 1000);
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
	pool_init(&p, 3);
	run(&p, 1000);
	p.d[0].frozen = true;
	run(&p, 550);
	assert_int_equal(p.d[0].w.state, LR_WATCH_SUSPECT);
	p.d[0].frozen = false;
	run(&p, 1000);
	assert_true(p.d[0].cleared_ms);
	assert_int_equal(p.d[0].evicts, 0);
}

/* A beat in time clears a suspect; it is not called slow for that. */
static void test_cleared_by_beat(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 3);
	run(&p, 1000);
	p.d[1].mute = true;
	run(&p, 400);
	assert_int_equal(p.d[1].w.state, LR_WATCH_SUSPECT);
	p.d[1].mute = false;
	run(&p, 1000);
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
	pool_init(&p, 4);
	run(&p, 1000);
	p.d[3].mute = true;
	for (int i = 0; i < 400; i++) {
		run(&p, 10);
		if (p.d[3].w.state == LR_WATCH_SUSPECT) {
			lr_watch_alive(&p.d[3].w, p.now);
			last = p.now;
		}
	}
	assert_true(p.d[3].confirms >= 8);
	assert_true(p.d[3].cleared_ms);
	assert_true(p.d[3].w.slow);
	assert_int_equal(p.d[3].evicts, 0);
	run(&p, 1000);
	assert_in_range(p.d[3].evict_ms, last + 600, last + 650);
}

/* The mark goes away when it has beaten for a while. */
static void test_slow_ends(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 4);
	run(&p, 1000);
	lr_watch_alive(&p.d[0].w, p.now);
	assert_true(p.d[0].w.slow);
	run(&p, 10000);
	assert_false(p.d[0].w.slow);
}

/* A refusal evicts at the next tick, however fresh its beats are. */
static void test_refused(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	pool_init(&p, 2);
	run(&p, 1000);
	t0 = p.now;
	lr_watch_refused(&p.d[1].w);
	run(&p, 500);
	assert_int_equal(p.d[1].evict_ms, t0 + TICK);
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
	pool_init(&p, 3);
	run(&p, 1000);
	t0 = p.now;
	lr_watch_accused(&p.d[0].w, p.now);
	lr_watch_accused(&p.d[1].w, p.now);
	run(&p, 100);
	assert_int_equal(p.d[0].confirm_ms, t0 + TICK);
	lr_watch_alive(&p.d[0].w, p.now);
	run(&p, 2000);
	assert_int_equal(p.d[0].evicts, 0);
	assert_true(p.d[0].w.slow);
	assert_int_equal(p.d[1].evict_ms, t0 + TICK + 600);
}

/* A client that keeps accusing a donor which others reach costs one round of
 * pings in a while, not one each time, and is told apart from one that is
 * right. */
static void test_accuser_is_damped(void **state)
{
	struct pool p;
	int refuted = 0;

	(void)state;
	pool_init(&p, 3);
	for (int i = 0; i < 300; i++) {
		run(&p, 50);
		refuted += !lr_watch_accused(&p.d[0].w, p.now);
		if (p.d[0].w.state == LR_WATCH_SUSPECT)
			lr_watch_alive(&p.d[0].w, p.now);
	}
	assert_in_range(refuted, 280, 298);
	assert_in_range(p.d[0].confirms, 2, 5); /* in 15 s */
	assert_int_equal(p.d[0].evicts, 0);
}

/* What the coordinator slept through is no silence of the donors. */
static void test_own_lateness(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 5);
	run(&p, 1000);
	p.now += 900; /* its loop stood still, the beats wait in sockets */
	tick_all(&p);
	run(&p, 2000);
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
	pool_init(&p, 5);
	run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.now += 700;
	tick_all(&p);
	run(&p, 2000);
	assert_in_range(p.d[0].evict_ms, t0 + 1250, t0 + 1300);

	pool_init(&p, 5);
	run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.now += 1500;
	beat_all(&p); /* the others' beats were read before the tick */
	tick_all(&p);
	run(&p, 1000);
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
	pool_init(&p, 5);
	for (int i = 0; i < 100; i++) { /* the ring of stalls turns over */
		p.now += 150;
		tick_all(&p);
		beat_all(&p);
	}
	t0 = p.now;
	p.d[0].mute = true;
	while (!p.d[0].evict_ms && p.now < t0 + 5000) {
		p.now += 150;
		tick_all(&p);
		beat_all(&p);
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
	pool_init(&p, 6);
	run(&p, 1000);
	t0 = p.now;
	for (int i = 0; i < 3; i++)
		p.d[i].mute = true;
	run(&p, 2500);
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.d[i].evicts, 0);
	p.d[0].mute = false;
	p.d[1].mute = false;
	run(&p, 3000);
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
	pool_init(&p, 2);
	run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.d[1].mute = true;
	run(&p, 10000);
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
	pool_init(&p, 5);
	run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.d[1].mute = true;
	run(&p, 1000);
	assert_int_equal(p.d[0].evict_ms, t0 + 600);
	assert_int_equal(p.d[1].evict_ms, t0 + 600);

	pool_init(&p, 1);
	run(&p, 1000);
	p.d[0].mute = true;
	run(&p, 1000);
	assert_int_equal(p.d[0].evicts, 1);
}

/* A refusal is not silence: it holds nothing, and it is not held. */
static void test_refusal_is_no_silence(void **state)
{
	struct pool p;
	uint64_t t0;

	(void)state;
	pool_init(&p, 4);
	run(&p, 1000);
	t0 = p.now;
	p.d[0].mute = true;
	p.d[1].mute = true;
	lr_watch_refused(&p.d[1].w);
	run(&p, 1000);
	assert_int_equal(p.d[1].evict_ms, t0 + TICK);
	assert_int_equal(p.d[0].evict_ms, t0 + 600);

	pool_init(&p, 4);
	run(&p, 1000);
	for (int i = 0; i < 3; i++)
		p.d[i].mute = true;
	run(&p, 700);
	lr_watch_refused(&p.d[0].w);
	run(&p, 100);
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
		cmocka_unit_test(test_quiet_pool),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_frozen_shard),
		cmocka_unit_test(test_second_shard),
		cmocka_unit_test(test_frozen_thaws),
		cmocka_unit_test(test_cleared_by_beat),
		cmocka_unit_test(test_marked_slow),
		cmocka_unit_test(test_slow_ends),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accused),
		cmocka_unit_test(test_accuser_is_damped),
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
