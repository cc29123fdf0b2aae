/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/elastic.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define CALM_MS 300000u

/* A machine of 100 GiB: percents are GiB, 20 of them the owner's reserve. */
static struct lr_elastic_in machine(uint64_t available, uint64_t want,
				    uint64_t used)
{
	return (struct lr_elastic_in){
		.ram = {{.total = 100 * GIB,
			 .available = available,
			 .reserve = 20 * GIB}},
		.n = 1,
		.want = want,
		.used = used,
	};
}

/* Steps each 250 ms for so long; the time after. */
static uint64_t stay(struct lr_elastic *e, const struct lr_elastic_in *in,
		     uint64_t now, uint64_t ms)
{
	for (uint64_t end = now + ms; now < end; now += 250)
		lr_elastic_step(e, in, now);
	return now;
}

/* While nothing is short, all that the owner allows is offered, at once when he
 * changes his mind. */
static void test_calm(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in = machine(90 * GIB, 10 * GIB, 0);

	(void)state;
	lr_elastic_step(&e, &in, 1000);
	assert_int_equal(e.offer, 10 * GIB);
	assert_int_equal(e.level, LR_PRESSURE_CALM);
	in.want = 30 * GIB;
	lr_elastic_step(&e, &in, 1250);
	assert_int_equal(e.offer, 30 * GIB);
	in.want = 0;
	lr_elastic_step(&e, &in, 1500);
	assert_int_equal(e.offer, 0);
}

/* Each threshold of the specification: just not, and just. */
static void test_thresholds(void **state)
{
	static const struct {
		uint64_t available;
		uint32_t some, full;
		enum lr_pressure level;
	} rows[] = {
		{20 * GIB, 0, 0, LR_PRESSURE_CALM},
		{20 * GIB - 1, 0, 0, LR_PRESSURE_SOFT},
		{90 * GIB, 500, 0, LR_PRESSURE_CALM},
		{90 * GIB, 501, 0, LR_PRESSURE_SOFT},
		{90 * GIB, 2000, 500, LR_PRESSURE_SOFT},
		{90 * GIB, 2001, 0, LR_PRESSURE_HARD},
		{90 * GIB, 0, 501, LR_PRESSURE_HARD},
		{6 * GIB, 0, 0, LR_PRESSURE_SOFT},
		{6 * GIB - MIB, 0, 0, LR_PRESSURE_HARD},
		{3 * GIB, 0, 0, LR_PRESSURE_HARD},
		{3 * GIB - MIB, 0, 0, LR_PRESSURE_LAST},
		{0, 9000, 9000, LR_PRESSURE_LAST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct lr_elastic e = {0};
		struct lr_elastic_in in =
			machine(rows[i].available, 50 * GIB, 8 * GIB);

		in.ram[0].some = rows[i].some;
		in.ram[0].full = rows[i].full;
		lr_elastic_step(&e, &in, 1000);
		assert_int_equal(e.level, rows[i].level);
	}
}

/* Small machines keep a whole GiB, whatever the reserve says. */
static void test_floor(void **state)
{
	struct lr_ram ram = {.total = 2 * GIB, .reserve = 100 * MIB};

	(void)state;
	assert_int_equal(lr_elastic_floor(&ram), GIB);
	ram.reserve = 3 * GIB;
	assert_int_equal(lr_elastic_floor(&ram), 3 * GIB);
}

/* Soft: nothing is given back, nothing added, and what goes is not refilled. */
static void test_soft(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in = machine(10 * GIB, 50 * GIB, 8 * GIB);

	(void)state;
	lr_elastic_step(&e, &in, 1000);
	assert_int_equal(e.offer, 8 * GIB);
	in.used = 5 * GIB;
	lr_elastic_step(&e, &in, 1250);
	assert_int_equal(e.offer, 5 * GIB);
	in.used = 6 * GIB;
	lr_elastic_step(&e, &in, 1500);
	assert_int_equal(e.offer, 5 * GIB);
}

/* Hard: so much goes that the reserve is there again; asking again while that
 * is under way asks for no more. */
static void test_hard(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in = machine(5 * GIB, 50 * GIB, 40 * GIB);

	(void)state;
	lr_elastic_step(&e, &in, 1000);
	assert_int_equal(e.level, LR_PRESSURE_HARD);
	assert_int_equal(e.offer, 25 * GIB);
	for (unsigned i = 1; i <= 15; i++) {
		in.used -= GIB;
		in.ram[0].available += GIB;
		lr_elastic_step(&e, &in, 1000 + 250 * i);
		assert_int_equal(e.offer, 25 * GIB);
	}
	assert_int_equal(e.level, LR_PRESSURE_SOFT);
}

/* The last resort: all of it, at once. */
static void test_last(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in = machine(2 * GIB, 50 * GIB, 40 * GIB);

	(void)state;
	lr_elastic_step(&e, &in, 1000);
	assert_int_equal(e.level, LR_PRESSURE_LAST);
	assert_int_equal(e.offer, 0);
}

/* Programs that stall although RAM is available: a tenth of the loan a second,
 * as the average is slow to tell that it helped. */
static void test_stalls(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in = machine(90 * GIB, 50 * GIB, 40 * GIB);

	(void)state;
	in.ram[0].some = 3000;
	stay(&e, &in, 1000, 1000);
	assert_int_equal(e.offer, 35 * GIB);
	in.used = 35 * GIB;
	stay(&e, &in, 2000, 1000);
	assert_int_equal(e.offer, 30 * GIB);
}

/* RAM that goes at 20 GiB a second is given back before it is short. */
static void test_fall(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in = machine(21 * GIB, 50 * GIB, 40 * GIB);

	(void)state;
	lr_elastic_step(&e, &in, 1000);
	assert_int_equal(e.level, LR_PRESSURE_CALM);
	in.ram[0].available = 16 * GIB;
	lr_elastic_step(&e, &in, 1250);
	assert_int_equal(e.level, LR_PRESSURE_HARD);
	assert_true(e.offer <= 21 * GIB); /* so much as if none was left */
	/* It has stopped: nothing more is asked for. */
	in.used = e.offer;
	in.ram[0].available = 35 * GIB;
	lr_elastic_step(&e, &in, 1500);
	assert_int_equal(e.level, LR_PRESSURE_SOFT);
	assert_int_equal(e.offer, in.used);
}

/* The owner took all of it, and then left 80 GiB alone. */
static uint64_t all_given_back(struct lr_elastic *e, struct lr_elastic_in *in)
{
	*in = machine(2 * GIB, 50 * GIB, 40 * GIB);
	lr_elastic_step(e, in, 1000);
	*in = machine(80 * GIB, 50 * GIB, 0);
	return 1250;
}

/* Five calm minutes, then a tenth of what the owner allows a minute, until all
 * of it is lent again. Others hear of calm only from then on. */
static void test_grow(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in;
	uint64_t now = all_given_back(&e, &in);

	(void)state;
	now = stay(&e, &in, now, CALM_MS - 500);
	assert_int_equal(e.offer, 0);
	assert_int_equal(e.level, LR_PRESSURE_SOFT);
	now = stay(&e, &in, now, 60250);
	assert_in_range(e.offer, 5 * GIB - 50 * MIB, 5 * GIB);
	assert_int_equal(e.level, LR_PRESSURE_CALM);
	now = stay(&e, &in, now, 4 * 60000);
	assert_in_range(e.offer, 25 * GIB - 50 * MIB, 25 * GIB);
	stay(&e, &in, now, 5 * 60000 + 1000);
	assert_int_equal(e.offer, 50 * GIB);
	assert_false(e.cut);
}

/* Short again while it grows: it waits all over again. */
static void test_again(void **state)
{
	struct lr_elastic e = {0};
	struct lr_elastic_in in;
	uint64_t now = all_given_back(&e, &in);

	(void)state;
	now = stay(&e, &in, now, CALM_MS + 120000);
	assert_true(e.offer > 9 * GIB);
	in = machine(20 * GIB, 50 * GIB, 3 * GIB);
	lr_elastic_step(&e, &in, now);
	in.ram[0].available -= MIB;
	lr_elastic_step(&e, &in, now += 250);
	assert_int_equal(e.offer, 3 * GIB);
	in.ram[0].available = 80 * GIB;
	stay(&e, &in, now + 250, CALM_MS - 500);
	assert_int_equal(e.offer, 3 * GIB);
}

/* Of host and cgroup the worse one counts, whichever it is. */
static void test_worst(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct lr_elastic e = {0};
		struct lr_elastic_in in = machine(90 * GIB, 8 * GIB, 6 * GIB);

		in.n = 2;
		in.ram[1 - i] = in.ram[0];
		in.ram[i] = (struct lr_ram){.total = 10 * GIB,
					    .available = 500 * MIB,
					    .reserve = 2 * GIB};
		lr_elastic_step(&e, &in, 1000);
		assert_int_equal(e.level, LR_PRESSURE_HARD);
		assert_int_equal(e.offer, 4 * GIB + 500 * MIB);
	}
}

static uint64_t seed = 5;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

/* A machine whose programs come and go; the donor gives back as fast as it
 * likes, and fills what it offers. */
static void wander(struct lr_elastic_in *in, uint64_t *programs,
		   const struct lr_elastic *e)
{
	uint64_t total = in->ram[0].total, used;

	if (!rnd(40))
		*programs = rnd(total);
	if (in->used > e->offer)
		in->used -= rnd(in->used - e->offer + 1);
	else if (rnd(2))
		in->used += rnd(e->offer - in->used + 1) / 8;
	used = *programs + in->used;
	in->ram[0].available = used < total ? total - used : 0;
	in->ram[0].some = rnd(20) ? 0 : (uint32_t)rnd(4000);
}

static void check_step(const struct lr_elastic *was, const struct lr_elastic *e,
		       const struct lr_elastic_in *in, uint64_t short_ms,
		       uint64_t now)
{
	const struct lr_ram *ram = &in->ram[0];
	bool low = ram->available < lr_elastic_floor(ram);

	assert_true(e->offer <= in->want);
	if (low)
		assert_true(e->offer <= in->used);
	if (ram->available < ram->total / 100 * 3 && low)
		assert_int_equal(e->offer, 0);
	else if (ram->available < ram->total / 100 * 6 && low)
		assert_true(e->offer + lr_elastic_floor(ram) <=
				    in->used + ram->available ||
			    e->offer == 0);
	if (was->cut && e->offer > was->offer) {
		assert_true(now >= short_ms + CALM_MS);
		assert_true(e->offer - was->offer <=
			    in->want / 10 * (now - was->at_ms) / 60000 + 1);
	}
}

/* Whatever the machine does: never more than allowed, never growing while RAM
 * is short or before five calm minutes, never faster than a tenth a minute. */
static void test_any(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 200; run++) {
		struct lr_elastic e = {0}, was;
		struct lr_elastic_in in = machine(90 * GIB, 0, 0);
		uint64_t now = 1000, programs = 0, short_ms = 0;

		in.want = (1 + rnd(100)) * GIB;
		lr_elastic_step(&e, &in, now);
		for (unsigned i = 0; i < 4000; i++) {
			was = e;
			now += 25 + rnd(400);
			wander(&in, &programs, &e);
			lr_elastic_step(&e, &in, now);
			if (in.ram[0].available < 20 * GIB ||
			    in.ram[0].some > 500)
				short_ms = now;
			check_step(&was, &e, &in, short_ms, now);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_soft),
		cmocka_unit_test(test_hard),
		cmocka_unit_test(test_last),
		cmocka_unit_test(test_stalls),
		cmocka_unit_test(test_fall),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_worst),
		cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
