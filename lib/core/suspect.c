/* SPDX-License-Identifier: Apache-2.0 */
/* A donor is watched through its heartbeats:
 *
 *   OK -> SUSPECT  silent, a shard frozen, or accused: CONFIRM is asked for
 *   SUSPECT -> OK  it beats (ticks) again, or somebody reached it: CLEARED
 *   SUSPECT -> DEAD  silent or frozen for dead_ms and not confirmed: EVICT
 *   any -> DEAD    its port refuses: EVICT, at once
 *
 * What we slept through ourselves is taken off every silence, and when many
 * fall silent together it is probably us: then silence evicts nobody for a
 * while. A refusal is proof and waits for nothing. */
#include "core/suspect.h"

#include <string.h>

#define TICK_MS 50 /* the longest that the caller's tick should take */
#define SLOW_MS                                                    \
	5000 /* how long a donor is called slow; the same accusers \
	      * are not listened to for as long */
#define FLAP_MS	       5000
#define FLAP_WINDOW_MS (10u * 60 * 1000)
#define FLAPS_MAX      (sizeof((struct lr_flaps *)0)->at_ms / sizeof(uint64_t))

const struct lr_suspect_params lr_suspect_defaults = {
	.suspect_ms = 350,
	.frozen_ms = 500,
	.confirm_ms = 150,
	.dead_ms = 600,
	.late_max_ms = 1000,
	.self_hold_ms = 3000,
};

void lr_suspect_init(struct lr_suspect *s, const struct lr_suspect_params *p,
		     uint64_t now_ms)
{
	*s = (struct lr_suspect){.p = *p, .last_tick_ms = now_ms};
}

void lr_watch_start(struct lr_watch *w, uint64_t now_ms)
{
	*w = (struct lr_watch){.heard_ms = now_ms, .tick_ms = now_ms};
}

void lr_watch_beat(struct lr_watch *w, const uint64_t *ticks, unsigned n,
		   uint64_t now_ms)
{
	w->heard_ms = w->tick_ms = now_ms;
	for (unsigned i = 0; i < n && i < LR_SHARDS_MAX; i++) {
		if (i >= w->shards || ticks[i] != w->shard[i].tick) {
			w->shard[i].tick = ticks[i];
			w->shard[i].moved_ms = now_ms;
		}
		if (w->shard[i].moved_ms < w->tick_ms)
			w->tick_ms = w->shard[i].moved_ms;
	}
	w->shards = n < LR_SHARDS_MAX ? n : LR_SHARDS_MAX;
}

void lr_watch_heard(struct lr_watch *w, uint64_t now_ms)
{
	if (now_ms <= w->heard_ms)
		return;
	w->tick_ms += now_ms - w->heard_ms; /* not counted: nothing is known */
	w->heard_ms = now_ms;
}

void lr_watch_refused(struct lr_watch *w)
{
	w->refused = true;
}

bool lr_watch_accused(struct lr_watch *w, uint64_t now_ms)
{
	if (w->slow && now_ms < w->slow_until_ms)
		return false;
	w->accused = true;
	return true;
}

void lr_watch_alive(struct lr_watch *w, uint64_t now_ms)
{
	if (w->state == LR_WATCH_DEAD)
		return;
	w->state = LR_WATCH_OK;
	w->heard_ms = now_ms;
	w->tick_ms = now_ms;
	for (unsigned i = 0; i < w->shards; i++)
		w->shard[i].moved_ms = now_ms;
	w->refused = false;
	w->accused = false;
	w->slow = true;
	w->slow_until_ms = now_ms + SLOW_MS;
}

static uint64_t since(uint64_t then_ms, uint64_t now_ms)
{
	return now_ms > then_ms ? now_ms - then_ms : 0;
}

/* Time since `then`, without what we were late by meanwhile. */
static uint64_t quiet(const struct lr_suspect *s, uint64_t then_ms,
		      uint64_t now_ms)
{
	uint64_t all = since(then_ms, now_ms), late = 0;

	for (unsigned i = 0; i < s->n_late && i < LR_LATE_MAX; i++)
		if (s->late[i].at_ms > then_ms)
			late += s->late[i].by_ms;
	if (late > s->p.late_max_ms)
		late = s->p.late_max_ms;
	return all > late ? all - late : 0;
}

static void note_lateness(struct lr_suspect *s, uint64_t now_ms)
{
	uint64_t gap = since(s->last_tick_ms, now_ms);

	s->last_tick_ms = now_ms;
	if (gap < 2 * TICK_MS)
		return;
	s->late[s->n_late % LR_LATE_MAX] =
		(struct lr_late){now_ms, gap - TICK_MS};
	if (++s->n_late == 2 * LR_LATE_MAX)
		s->n_late = LR_LATE_MAX; /* the same place, still full */
}

void lr_suspect_tick(struct lr_suspect *s, struct lr_watch *const *all,
		     size_t n, uint64_t now_ms)
{
	size_t silent = 0, there = 0, many;

	note_lateness(s, now_ms);
	for (size_t i = 0; i < n; i++) {
		const struct lr_watch *w = all[i];

		if (w->state == LR_WATCH_DEAD)
			continue;
		there++;
		if (!w->refused &&
		    quiet(s, w->heard_ms, now_ms) >= s->p.suspect_ms)
			silent++;
	}
	many = there < 4 ? 2 : (there + 1) / 2;
	if (silent < many) {
		s->silence = false;
	} else if (!s->silence) {
		s->silence = true;
		s->hold_until_ms = now_ms + s->p.self_hold_ms;
	}
}

static bool suspicious(const struct lr_suspect *s, const struct lr_watch *w,
		       uint64_t now_ms)
{
	return w->accused || quiet(s, w->heard_ms, now_ms) >= s->p.suspect_ms ||
	       quiet(s, w->tick_ms, now_ms) >= s->p.frozen_ms;
}

/* Where only an accusation stands against it, the time since then counts. */
static bool overdue(const struct lr_suspect *s, const struct lr_watch *w,
		    uint64_t now_ms)
{
	uint64_t unconfirmed = quiet(s, w->suspect_ms, now_ms);

	if (unconfirmed < s->p.confirm_ms || now_ms < s->hold_until_ms)
		return false;
	return quiet(s, w->heard_ms, now_ms) >= s->p.dead_ms ||
	       quiet(s, w->tick_ms, now_ms) >= s->p.dead_ms ||
	       (w->accused && unconfirmed >= s->p.dead_ms);
}

static enum lr_verdict clear(struct lr_watch *w)
{
	bool asked = w->asked;

	w->state = LR_WATCH_OK;
	w->asked = false;
	return asked ? LR_VERDICT_CLEARED : LR_VERDICT_NONE;
}

static enum lr_verdict evict(struct lr_watch *w)
{
	w->state = LR_WATCH_DEAD;
	w->asked = false;
	return LR_VERDICT_EVICT;
}

enum lr_verdict lr_watch_tick(struct lr_suspect *s, struct lr_watch *w,
			      uint64_t now_ms)
{
	if (w->state == LR_WATCH_DEAD)
		return LR_VERDICT_NONE;
	if (w->refused)
		return evict(w);
	if (w->slow && now_ms >= w->slow_until_ms)
		w->slow = false;
	if (!suspicious(s, w, now_ms))
		return clear(w);
	if (w->state == LR_WATCH_OK) {
		w->state = LR_WATCH_SUSPECT;
		w->suspect_ms = now_ms;
		w->asked = true;
		return LR_VERDICT_CONFIRM;
	}
	return overdue(s, w, now_ms) ? evict(w) : LR_VERDICT_NONE;
}

void lr_flaps_add(struct lr_flaps *f, uint64_t now_ms)
{
	if (f->n == FLAPS_MAX) {
		memmove(f->at_ms, f->at_ms + 1,
			(FLAPS_MAX - 1) * sizeof f->at_ms[0]);
		f->n--;
	}
	f->at_ms[f->n++] = now_ms;
}

uint64_t lr_flaps_until(const struct lr_flaps *f, uint64_t now_ms)
{
	unsigned k = 0;

	for (unsigned i = 0; i < f->n; i++)
		if (since(f->at_ms[i], now_ms) < FLAP_WINDOW_MS)
			k++;
	return k ? f->at_ms[f->n - 1] + ((uint64_t)FLAP_MS << k) : 0;
}
