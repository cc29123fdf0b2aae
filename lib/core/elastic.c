/* SPDX-License-Identifier: Apache-2.0 */
/* The offer while RAM is short is a level, not a step: `used` falls as RAM goes
 * back and `available` rises by the same, so asking again asks for no more. */
#include "core/elastic.h"

#define FLOOR_BYTES   (UINT64_C(1) << 30)
#define HARD_PERCENT  6
#define LAST_PERCENT  3
#define SOFT_SOME     500 /* avg10, 1/100 % */
#define HARD_SOME     2000
#define HARD_FULL     500
#define HARD_AHEAD_MS 1000
#define LAST_AHEAD_MS 250
#define CALM_MS	      (5u * 60 * 1000)
#define GROW_MS	      (10u * 60 * 1000) /* from nothing to all */
#define STALL_MS      1000 /* avg10 is slow to fall: not all at once */
#define SAMPLE_MS     20   /* shorter ones are noise */

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t lr_elastic_floor(const struct lr_ram *ram)
{
	return ram->reserve > FLOOR_BYTES ? ram->reserve : FLOOR_BYTES;
}

/* What will be available if it goes on like this. */
static uint64_t ahead(const struct lr_elastic *e, unsigned i,
		      const struct lr_ram *ram, unsigned ms)
{
	return less(ram->available, e->fall[i] / 1000 * ms);
}

static uint64_t percent(const struct lr_ram *ram, unsigned n)
{
	return ram->total / 100 * n;
}

static enum lr_pressure measure(const struct lr_elastic *e, unsigned i,
				const struct lr_ram *ram)
{
	bool low = ram->available < lr_elastic_floor(ram);

	if (low && ahead(e, i, ram, LAST_AHEAD_MS) < percent(ram, LAST_PERCENT))
		return LR_PRESSURE_LAST;
	if ((low && ahead(e, i, ram, HARD_AHEAD_MS) <
			    percent(ram, HARD_PERCENT)) ||
	    ram->some > HARD_SOME || ram->full > HARD_FULL)
		return LR_PRESSURE_HARD;
	if (low || ram->some > SOFT_SOME)
		return LR_PRESSURE_SOFT;
	return LR_PRESSURE_CALM;
}

static void note_fall(struct lr_elastic *e, const struct lr_elastic_in *in,
		      uint64_t now_ms)
{
	uint64_t ms = less(now_ms, e->at_ms);

	if (e->watched && ms < SAMPLE_MS)
		return;
	for (unsigned i = 0; i < in->n; i++) {
		uint64_t was = e->watched ? e->seen[i] : 0;

		e->fall[i] = less(was, in->ram[i].available) * 1000 /
			     (ms ? ms : 1);
		e->seen[i] = in->ram[i].available;
	}
	e->watched = true;
	e->at_ms = now_ms;
}

/* So much may stay that nothing is short of RAM. */
static void give_back(struct lr_elastic *e, const struct lr_elastic_in *in,
		      uint64_t now_ms)
{
	bool low = false;

	for (unsigned i = 0; i < in->n; i++) {
		const struct lr_ram *ram = &in->ram[i];
		uint64_t left = ahead(e, i, ram, HARD_AHEAD_MS);

		if (ram->available >= lr_elastic_floor(ram))
			continue;
		low = true;
		e->offer = least(e->offer, less(in->used + left,
						lr_elastic_floor(ram)));
	}
	if (low || now_ms < e->stall_ms)
		return;
	e->stall_ms = now_ms + STALL_MS;
	e->offer = least(e->offer, less(in->used, in->want / 10));
}

static void cut(struct lr_elastic *e, const struct lr_elastic_in *in,
		enum lr_pressure level, uint64_t now_ms)
{
	e->cut = true;
	e->calm_ms = e->grown_ms = now_ms;
	e->offer = least(e->offer, in->used);
	if (level == LR_PRESSURE_HARD)
		give_back(e, in, now_ms);
	if (level == LR_PRESSURE_LAST)
		e->offer = 0;
}

/* Calm now; is it for long enough? */
static enum lr_pressure grow(struct lr_elastic *e,
			     const struct lr_elastic_in *in, uint64_t now_ms)
{
	if (now_ms < e->calm_ms + CALM_MS)
		return LR_PRESSURE_SOFT;
	if (e->grown_ms < e->calm_ms + CALM_MS)
		e->grown_ms = e->calm_ms + CALM_MS;
	e->offer += (uint64_t)((double)in->want *
			       (double)(now_ms - e->grown_ms) / GROW_MS);
	e->grown_ms = now_ms;
	e->cut = e->offer < in->want;
	return LR_PRESSURE_CALM;
}

void lr_elastic_step(struct lr_elastic *e, const struct lr_elastic_in *in,
		     uint64_t now_ms)
{
	enum lr_pressure level = LR_PRESSURE_CALM;

	note_fall(e, in, now_ms);
	for (unsigned i = 0; i < in->n; i++) {
		enum lr_pressure one = measure(e, i, &in->ram[i]);

		level = one > level ? one : level;
	}
	if (!e->cut)
		e->offer = in->want;
	if (level > LR_PRESSURE_CALM)
		cut(e, in, level, now_ms);
	else if (e->cut)
		level = grow(e, in, now_ms);
	e->offer = least(e->offer, in->want);
	e->level = level;
}
