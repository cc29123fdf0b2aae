/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
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

/* A path of so many bytes a second. What was asked for leaves its sender spread
 * evenly at a tenth above the rate, in bursts of what the kernel sends at once;
 * questions and users' frames stand behind what is queued. In steps of 1 ms. */
struct path {
	uint64_t bytes_per_s;
	unsigned quick_us; /* an answer when nothing stands in the way */
	unsigned noise_us; /* and what else there is */
	uint64_t backlog, credit, queue;
	uint64_t copied, now;
	uint64_t wait_us; /* of one that comes now */
	bool was_calm;
};

static uint64_t noise(uint64_t mean)
{
	uint64_t us = 0;

	while (rnd(4)) /* three times on average */
		us += rnd(mean * 2 / 3 + 1);
	return us;
}

static void send_paced(struct path *w, uint64_t rate)
{
	uint64_t pace = rate + rate / 10, burst = pace / 1000;

	burst = burst < 1500 ? 1500 : burst > 65536 ? 65536 : burst;
	w->credit += pace / 1000;
	while (w->credit >= burst && w->backlog) {
		uint64_t n = burst < w->backlog ? burst : w->backlog;

		w->credit -= burst;
		w->backlog -= n;
		w->queue += n;
	}
	if (w->credit > burst)
		w->credit = burst;
}

static void drain(struct path *w)
{
	uint64_t room = w->bytes_per_s / 1000;
	uint64_t out = w->queue < room ? w->queue : room;
	uint64_t ahead = rnd(room + 1);

	w->wait_us = w->queue > ahead ?
			     (w->queue - ahead) * 1000000 / w->bytes_per_s :
			     0;
	w->queue -= out;
	w->copied += out;
}

static uint64_t in_flight(const struct path *w)
{
	return w->backlog + w->queue;
}

static void ask_more(struct path *w, struct lr_pace *p)
{
	while (lr_pace_may(p, in_flight(w), w->now)) {
		lr_pace_spend(p, 256 << 10);
		w->backlog += 256 << 10;
	}
}

static void tick(struct path *w, struct lr_pace *p, bool users)
{
	bool calm = !in_flight(w);

	if (users)
		lr_pace_users(p, w->now);
	for (int i = 0; i < 2; i++)
		lr_pace_sample(p, w->quick_us + noise(w->noise_us) + w->wait_us,
			       calm && w->was_calm);
	w->was_calm = calm;
	lr_pace_tick(p, w->now);
}

/* What a user's 2 KiB took. */
static uint64_t play(struct path *w, struct lr_pace *p, bool users)
{
	send_paced(w, p->limit ? p->limit : p->rate);
	drain(w);
	if (++w->now % 25 == 0)
		tick(w, p, users);
	ask_more(w, p);
	return w->quick_us + noise(w->noise_us) + w->wait_us +
	       2048 * UINT64_C(1000000) / w->bytes_per_s;
}

static void play_for(struct path *w, struct lr_pace *p, uint64_t ms, bool users)
{
	while (ms--)
		play(w, p, users);
}

static uint64_t rate_over(struct path *w, struct lr_pace *p, uint64_t ms,
			  bool users)
{
	uint64_t before = w->copied;

	play_for(w, p, ms, users);
	return (w->copied - before) * 1000 / ms;
}

static const uint64_t speeds[] = {
	500000, 1250000, 12500000, 125000000, 312500000, 1250000000, 5000000000,
};
#define N_SPEEDS (sizeof speeds / sizeof speeds[0])

/* With nobody about, whatever the path, most of it is used, and the queue stays
 * below what heartbeats can stand. */
static void test_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_SPEEDS; i++) {
		struct path w = { .bytes_per_s = speeds[i],
				  .quick_us = 200,
				  .noise_us = 50 };
		struct lr_pace p;
		uint64_t begun;

		lr_pace_init(&p, 0);
		play_for(&w, &p, 4000, false);
		begun = w.copied;
		for (unsigned ms = 0; ms < 20000; ms++) {
			play(&w, &p, false);
			assert_true(w.wait_us < 250000);
		}
		assert_true((w.copied - begun) / 20 > speeds[i] / 2);
	}
}

/* A fast network is used as soon as there is something to copy. */
static void test_begin(void **state)
{
	struct path w = { .bytes_per_s = 1250000000, .quick_us = 100 };
	struct lr_pace p;

	(void)state;
	lr_pace_init(&p, 0);
	play_for(&w, &p, 500, false);
	assert_true(p.rate > 500000000);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define USERS 40000
static uint64_t p99(struct path *w, struct lr_pace *p)
{
	static uint64_t us[USERS];

	for (unsigned i = 0; i < USERS; i++)
		us[i] = play(w, p, true);
	qsort(us, USERS, sizeof us[0], by_size);
	return us[USERS / 100 * 99];
}

static void share(uint64_t bytes_per_s, unsigned quick_us, unsigned noise_us)
{
	struct path idle = { .bytes_per_s = bytes_per_s,
			     .quick_us = quick_us,
			     .noise_us = noise_us };
	struct path w = idle;
	struct lr_pace p, none;
	uint64_t before, after, used;

	lr_pace_init(&none, 0);
	lr_pace_limit(&none, 1);
	before = p99(&idle, &none);
	lr_pace_init(&p, 0);
	play_for(&w, &p, 20000, true);
	used = w.copied;
	after = p99(&w, &p);
	used = (w.copied - used) * 1000 / USERS;
	print_message("%" PRIu64 " B/s, %u+%u us: p99 %" PRIu64 ", %" PRIu64
		      " beside copies at %" PRIu64 " B/s\n",
		      bytes_per_s, quick_us, noise_us, before, after, used);
	assert_true(after <= (bytes_per_s > LR_PACE_FLOOR ? 3 * before :
							    60000));
	assert_true(used >= bytes_per_s / 2);
}

/* Beside users, from 4 Mbit to 40 Gbit, quick machines and slow ones, quiet and
 * busy: half of the path and more is used, and their p99 is at most three times
 * what it is without. Where the floor is more than the link carries, it is what
 * heartbeats can stand. */
static void test_shared(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_SPEEDS; i++) {
		share(speeds[i], 200, 50);
		share(speeds[i], 300, 2000);
		share(speeds[i], 2000, 300);
	}
}

/* Users appear: the rate is at once one that they did not feel; it comes down
 * while they are late, to the floor, and further only where heartbeats might
 * wait; and it comes back when they have gone. */
static void test_yields(void **state)
{
	struct path w = { .bytes_per_s = 125000000, .quick_us = 200 };
	struct lr_pace p;

	(void)state;
	lr_pace_init(&p, 0);
	play_for(&w, &p, 5000, false);
	assert_true(p.rate > LR_PACE_START);
	lr_pace_users(&p, w.now);
	assert_true(p.rate <= LR_PACE_START);
	for (int i = 0; i < 4000; i++, w.now += 20) {
		lr_pace_users(&p, w.now);
		lr_pace_sample(&p, p.rests  ? 200 :
				   i < 2000 ? 20000 :
					      2000000,
			       p.rests); /* whatever it does */
		if (i == 1999)
			assert_int_equal(p.rate, LR_PACE_FLOOR);
		lr_pace_tick(&p, w.now);
		assert_true(p.rate >= LR_PACE_LEAST);
	}
	assert_int_equal(p.rate, LR_PACE_LEAST);
	w.backlog = w.queue = 0;
	play_for(&w, &p, 10000, false);
	assert_true(p.rate > LR_PACE_START);
}

/* Donors that rest at different times hear of the same view: from then on they
 * rest together. */
static void test_together(void **state)
{
	struct lr_pace p[3];
	bool rested = false;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		lr_pace_init(&p[i], 0);
	for (uint64_t now = 0; now < 20000; now += 25) {
		for (unsigned i = 0; i < 3; i++) {
			if (now < 700 * i)
				continue;
			lr_pace_users(&p[i], now);
			lr_pace_sample(&p[i], 200, true);
			if (now == 5000)
				lr_pace_heard(&p[i], now);
			lr_pace_tick(&p[i], now);
		}
		if (now < 5500)
			continue;
		assert_int_equal(p[0].rests, p[1].rests);
		assert_int_equal(p[0].rests, p[2].rests);
		rested |= p[0].rests;
	}
	assert_true(rested);
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
	play_for(&w, &p, 1000, false);
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
		switch (rnd(7)) {
		case 0:
			lr_pace_users(&p, now);
			break;
		case 1:
		case 2:
			lr_pace_sample(&p, rnd(rnd(2) ? 500 : 5000000),
				       rnd(2));
			break;
		case 3:
			lr_pace_tick(&p, now);
			break;
		case 4:
			while (lr_pace_may(&p, rnd(8u << 20), now))
				lr_pace_spend(&p, rnd(256 << 10));
			break;
		case 5:
			lr_pace_heard(&p, now);
			break;
		default:
			now += rnd(rnd(50) ? 40 : 200000);
		}
		assert_true(p.rate >= LR_PACE_LEAST && p.rate <= LR_PACE_TOP);
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
		cmocka_unit_test(test_alone),	 cmocka_unit_test(test_begin),
		cmocka_unit_test(test_shared),	 cmocka_unit_test(test_yields),
		cmocka_unit_test(test_together), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_any),	 cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
