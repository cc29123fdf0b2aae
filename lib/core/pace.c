/* SPDX-License-Identifier: Apache-2.0 */
/* The rate follows the share of late answers: it stands still where a part
 * is late, whatever else is the reason of some of them, and moves by a part of
 * itself, so that it finds its place on any link as soon. What is asked for and
 * has not come is bounded by what the rate brings in WINDOW_MS, so that a slow
 * link holds no more than that. */
#include "core/pace.h"

#include <string.h>

#define WINDOW_MS 200u
#define BURST_MS  50u
#define USERS_MS  1000u /* gone so long: nobody is about */
#define EVERY_MS  4000u /* copying rests */
#define REST_MS	  300u	/* or longer, until it was calm */
#define REST_MAX  1500u
#define KNOWN	  4u	 /* calm answers that say something */
#define SLACK_US  200u	 /* a chunk in somebody's loop */
#define PACKET	  1500u	 /* of ours that a user meets, at our rate */
#define HEART_US  40000u /* heartbeats have 350 ms, and lose packets */
void lr_pace_init(struct lr_pace *p, uint64_t now_ms)
{
	*p = (struct lr_pace){
		.rate = LR_PACE_START,
		.gentle = LR_PACE_START,
		.filled_ms = now_ms,
		.step_ms = now_ms,
		.cycle_ms = now_ms,
	};
}

void lr_pace_limit(struct lr_pace *p, uint64_t bytes_per_s)
{
	p->limit = bytes_per_s;
}

static uint64_t rate_of(const struct lr_pace *p)
{
	return p->limit ? p->limit : p->rate;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* They appear: back to what they did not feel, before the first is late. */
void lr_pace_users(struct lr_pace *p, uint64_t now_ms)
{
	p->users_ms = now_ms;
	if (p->users)
		return;
	p->users = true;
	p->steady = p->grew = false;
	p->rate = least(p->rate, p->gentle);
	p->tokens = p->tokens > 0 ? 0 : p->tokens;
	p->n = p->late = p->stuck = 0;
}

/* --- rests ---------------------------------------------------------------- */

void lr_pace_heard(struct lr_pace *p, uint64_t now_ms)
{
	if (now_ms >= p->cycle_ms + EVERY_MS)
		p->cycle_ms = now_ms;
}

/* What was on its way comes first. Where nothing is asked there is nothing to
 * be learnt. */
static void tend_rest(struct lr_pace *p, uint64_t now_ms)
{
	uint64_t at = now_ms > p->cycle_ms ? now_ms - p->cycle_ms : 0;
	uint64_t most = p->n_rest < KNOWN ? REST_MAX : REST_MS;

	at %= EVERY_MS;
	if (p->rests) {
		p->rests = at < most;
	} else if (p->users && p->n && at < REST_MS) {
		p->rests = true;
		p->n_rest = 0;
	}
}

static unsigned known(const struct lr_pace *p)
{
	return (unsigned)least(p->n_calm, LR_PACE_CALM);
}

/* Seven in eight answers of rests were as quick. */
static uint32_t calm(const struct lr_pace *p)
{
	uint32_t a[LR_PACE_CALM], v;
	unsigned n = known(p), j;

	memcpy(a, p->calm_us, sizeof a);
	for (unsigned i = 1; i < n; i++) {
		v = a[i];
		for (j = i; j && a[j - 1] > v; j--)
			a[j] = a[j - 1];
		a[j] = v;
	}
	return a[n * 7 / 8];
}

/* --- answers -------------------------------------------------------------- */

uint32_t lr_pace_late_us(const struct lr_pace *p)
{
	uint64_t us = HEART_US;

	if (p->users && known(p) >= KNOWN)
		us = 2 * (uint64_t)calm(p) + SLACK_US +
		     PACKET * UINT64_C(1000000) / p->rate;
	return (uint32_t)least(us, HEART_US);
}

void lr_pace_sample(struct lr_pace *p, uint64_t us, bool is_calm)
{
	if (p->rests && is_calm) {
		p->calm_us[p->n_calm++ % LR_PACE_CALM] =
			(uint32_t)least(us, UINT32_MAX);
		p->n_rest++;
	}
	p->n++;
	p->late += us > lr_pace_late_us(p);
	p->stuck += us > HEART_US;
}

static void set_rate(struct lr_pace *p, uint64_t rate)
{
	p->rate = least(rate, LR_PACE_TOP);
	if (p->rate < LR_PACE_LEAST)
		p->rate = LR_PACE_LEAST;
}

/* One in `late` answers may be late, and by which part of itself the rate
 * changes in a step: until it grew and was too fast, and from then on. */
static const struct rule {
	unsigned late, part;
} rules[2][2] = {
	{ { 2, 1 }, { 2, 4 } },	  /* nobody is about */
	{ { 2, 16 }, { 7, 32 } }, /* users are */
};

static void slow_down(struct lr_pace *p, uint64_t by)
{
	uint64_t most = p->rate / (p->steady ? 4 : 2);
	uint64_t to = p->rate - least(by, most);

	p->steady |= p->grew;
	if (to < LR_PACE_FLOOR && p->stuck * 2 <= p->n)
		to = least(p->rate, LR_PACE_FLOOR);
	set_rate(p, to);
}

static void speed_up(struct lr_pace *p, uint64_t by)
{
	p->grew |= by > 0;
	set_rate(p, p->rate + by);
}

/* A rate that is not used up proves nothing: it does not grow. */
static void step(struct lr_pace *p)
{
	const struct rule *u = &rules[p->users][p->steady];
	uint64_t late = (uint64_t)p->late * u->late;
	uint64_t by = p->rate / u->part;

	if (late > p->n)
		slow_down(p, by * (late - p->n) / p->n);
	else if (p->short_ && (!p->users || known(p) >= KNOWN))
		speed_up(p, by * (p->n - late) / p->n);
	if (p->users)
		p->gentle = p->rate;
}

static void fill(struct lr_pace *p, uint64_t now_ms)
{
	uint64_t ms = now_ms > p->filled_ms ? now_ms - p->filled_ms : 0;
	int64_t most = (int64_t)(rate_of(p) * BURST_MS / 1000);

	p->filled_ms = now_ms;
	p->tokens += (int64_t)(rate_of(p) * least(ms, 1000) / 1000);
	if (p->tokens > most)
		p->tokens = most;
	if (p->rests && !p->limit && p->tokens > 0)
		p->tokens = 0;
}

void lr_pace_tick(struct lr_pace *p, uint64_t now_ms)
{
	if (p->users && now_ms >= p->users_ms + USERS_MS) {
		p->users = p->rests = p->steady = p->grew = false;
		p->n = p->late = p->stuck = 0;
	}
	tend_rest(p, now_ms);
	if (now_ms < p->step_ms + LR_PACE_STEP_MS)
		return;
	p->step_ms = now_ms;
	if (p->n)
		step(p);
	p->n = p->late = p->stuck = 0;
	p->short_ = false;
}

bool lr_pace_may(struct lr_pace *p, uint64_t in_flight, uint64_t now_ms)
{
	fill(p, now_ms);
	if (p->rests && !p->limit)
		return false;
	if (p->tokens > 0 && in_flight < rate_of(p) * WINDOW_MS / 1000)
		return true;
	p->short_ = true;
	return false;
}

void lr_pace_spend(struct lr_pace *p, uint64_t bytes)
{
	p->tokens -= (int64_t)(bytes + LR_PACE_ENTRY);
}
