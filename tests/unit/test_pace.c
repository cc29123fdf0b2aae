/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pace.h"
#include "core/turns.h"

static uint64_t seed = 7;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

/* A path of so many bytes a second, whose queue is what users and copies put
 * into it; a question waits behind that. Played in steps of 5 ms. */
struct path {
	uint64_t bytes_per_s;
	unsigned quick_us; /* an answer when nothing stands in the way */
	uint64_t queue, copied, copied_at;
	uint64_t in_flight;
	uint64_t now;
};

static uint64_t delay_us(const struct path *w)
{
	return w->queue * 1000000 / w->bytes_per_s;
}

static void play(struct path *w, struct lr_pace *p, uint64_t ms, bool users)
{
	for (uint64_t end = w->now + ms; w->now < end; w->now += 5) {
		uint64_t room = w->bytes_per_s / 200;
		uint64_t out = w->queue < room ? w->queue : room;

		w->queue -= out;
		w->copied += out;
		w->in_flight -= out < w->in_flight ? out : w->in_flight;
		if (w->now % 20)
			continue;
		if (users)
			lr_pace_users(p, w->now);
		lr_pace_sample(p, w->quick_us + rnd(w->quick_us / 4) +
					  delay_us(w),
			       w->now);
		lr_pace_tick(p, w->now);
		while (lr_pace_may(p, w->in_flight)) {
			lr_pace_spend(p, 256 << 10);
			w->queue += 256 << 10;
			w->in_flight += 256 << 10;
		}
	}
}

static uint64_t rate_over(struct path *w, struct lr_pace *p, uint64_t ms,
			  bool users)
{
	uint64_t before = w->copied;

	play(w, p, ms, users);
	return (w->copied - before) * 1000 / ms;
}

/* With nobody about, whatever the path, most of it is used, and the queue stays
 * below what heartbeats can stand. */
static void test_alone(void **state)
{
	static const uint64_t paths[] = { 12500000, 125000000, 1250000000 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct path w = { .bytes_per_s = paths[i], .quick_us = 200 };
		struct lr_pace p;
		uint64_t got;

		lr_pace_init(&p, 0);
		play(&w, &p, 5000, false);
		got = rate_over(&w, &p, 20000, false);
		assert_true(got > paths[i] / 2);
		assert_true(delay_us(&w) < 250000);
	}
}

/* Users appear: the rate is at once one that they did not feel; it comes down
 * while they are late, but never below the floor; and it comes back when they
 * have gone. */
static void test_yields(void **state)
{
	struct path w = { .bytes_per_s = 125000000, .quick_us = 200 };
	struct lr_pace p;

	(void)state;
	lr_pace_init(&p, 0);
	play(&w, &p, 5000, false);
	assert_true(p.rate > LR_PACE_START);
	lr_pace_users(&p, w.now);
	assert_true(p.rate <= LR_PACE_START);
	for (int i = 0; i < 600; i++, w.now += 20) {
		lr_pace_users(&p, w.now);
		lr_pace_sample(&p, 20000, w.now); /* whatever it does */
		lr_pace_tick(&p, w.now);
		assert_true(p.rate >= LR_PACE_FLOOR);
	}
	assert_int_equal(p.rate, LR_PACE_FLOOR);
	w.queue = w.in_flight = 0;
	play(&w, &p, 10000, false);
	assert_true(p.rate > LR_PACE_START);
}

/* Where a path is shared with users, the queue that copies make is short most
 * of the time, though the copying gets on. */
static void test_shared(void **state)
{
	struct path w = { .bytes_per_s = 125000000, .quick_us = 300 };
	struct lr_pace p;
	unsigned long_ = 0, n = 1000;
	uint64_t before;

	(void)state;
	lr_pace_init(&p, 0);
	play(&w, &p, 10000, true);
	before = w.copied;
	for (unsigned i = 0; i < n; i++) {
		play(&w, &p, 20, true);
		long_ += delay_us(&w) > 4000;
	}
	assert_true(long_ < n / 4);
	assert_true(w.copied - before > 20 * LR_PACE_FLOOR / 2);
}

/* An admin's limit is kept, users or not, late or not. */
static void test_limit(void **state)
{
	struct path w = { .bytes_per_s = 1250000000, .quick_us = 200 };
	struct lr_pace p;
	uint64_t got;

	(void)state;
	lr_pace_init(&p, 0);
	lr_pace_limit(&p, 10000000);
	play(&w, &p, 1000, false);
	got = rate_over(&w, &p, 10000, true);
	assert_true(got > 8000000 && got <= 10600000);
}

/* Whatever comes, and whenever: the rate stays between floor and top, and
 * time that jumps gives no more tokens than a burst. */
static void test_any(void **state)
{
	struct lr_pace p;
	uint64_t now = 5;

	(void)state;
	lr_pace_init(&p, now);
	for (int i = 0; i < 200000; i++) {
		switch (rnd(6)) {
		case 0:
			lr_pace_users(&p, now);
			break;
		case 1:
		case 2:
			lr_pace_sample(&p, rnd(rnd(2) ? 500 : 5000000), now);
			break;
		case 3:
			lr_pace_tick(&p, now);
			break;
		case 4:
			while (lr_pace_may(&p, rnd(8u << 20)))
				lr_pace_spend(&p, rnd(256 << 10));
			break;
		default:
			now += rnd(rnd(50) ? 40 : 200000);
		}
		assert_true(p.rate >= LR_PACE_FLOOR && p.rate <= LR_PACE_TOP);
		assert_true(p.tokens <= (int64_t)(LR_PACE_TOP / 10));
		assert_true(p.tokens > -(int64_t)(1u << 20));
	}
}

/* Slots with one copy left come first, whoever waited before them; one that is
 * put again has its new place; each comes out once. */
static void test_turns(void **state)
{
	struct lr_turns t = { 0 };
	unsigned left;
	unsigned slot, last = 0, n = 0;
	uint8_t copies[LR_SLOTS] = { 0 };

	(void)state;
	assert_false(lr_turns_take(&t, &slot, &left));
	for (unsigned i = 0; i < 3000; i++) {
		slot = (unsigned)rnd(LR_SLOTS);
		copies[slot] = (uint8_t)(1 + rnd(3));
		lr_turns_put(&t, slot, copies[slot]);
	}
	for (unsigned i = 0; i < 500; i++) {
		slot = (unsigned)rnd(LR_SLOTS);
		copies[slot] = 0;
		lr_turns_drop(&t, slot);
	}
	for (unsigned i = 0; i < LR_SLOTS; i++)
		n += copies[i] > 0;
	assert_int_equal(t.waiting, n);
	while (lr_turns_take(&t, &slot, &left)) {
		assert_true(copies[slot] >= last && copies[slot] > 0);
		assert_int_equal(left, copies[slot]);
		last = copies[slot];
		copies[slot] = 0;
		n--;
	}
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),  cmocka_unit_test(test_yields),
		cmocka_unit_test(test_shared), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_any),    cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
