/* SPDX-License-Identifier: Apache-2.0 */
/* Additive increase, multiplicative decrease on the delay of small questions;
 * doubling at first and while nobody is about. What is asked for and has not
 * come is bounded by what the rate brings in WINDOW_MS, so that a slow link
 * holds no more than that. */
#include "core/pace.h"

#define WINDOW_MS   200u
#define BURST_MS    50u
#define LEAST_BYTES (512u << 10) /* two chunks: one comes, one is asked for */
#define STEP	    (1u << 20)
#define BASE_MS	    120000u
#define USERS_MS    1000u /* gone so long: nobody is about */
#define SLACK_US    400u  /* a busy machine's own noise */
#define IDLE_US	    40000u /* heartbeats have 350 ms, and lose packets */

void lr_pace_init(struct lr_pace *p, uint64_t now_ms)
{
	*p = (struct lr_pace){
		.rate = LR_PACE_START,
		.gentle = LR_PACE_START,
		.filled_ms = now_ms,
		.step_ms = now_ms,
		.base_us = {UINT32_MAX, UINT32_MAX},
		.base_ms = now_ms,
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
	p->rate = least(p->rate, p->gentle);
	p->tokens = p->tokens > 0 ? 0 : p->tokens;
	p->n = p->late = 0;
}

static uint32_t base(const struct lr_pace *p)
{
	return p->base_us[0] < p->base_us[1] ? p->base_us[0] : p->base_us[1];
}

uint32_t lr_pace_late_us(const struct lr_pace *p)
{
	uint32_t quick = base(p);
	uint64_t slack = p->users ? SLACK_US : IDLE_US;

	if (quick == UINT32_MAX)
		return UINT32_MAX;
	if (p->users && quick > slack)
		slack = quick;
	return (uint32_t)least(quick + slack, UINT32_MAX);
}

void lr_pace_sample(struct lr_pace *p, uint64_t us, uint64_t now_ms)
{
	uint32_t v = (uint32_t)least(us, UINT32_MAX - 1);

	if (now_ms >= p->base_ms + BASE_MS) {
		p->base_us[1] = p->base_us[0];
		p->base_us[0] = UINT32_MAX;
		p->base_ms = now_ms;
	}
	if (v < p->base_us[0])
		p->base_us[0] = v;
	p->n++;
	p->late += v > lr_pace_late_us(p);
}

static void slow_down(struct lr_pace *p)
{
	p->steady = p->users;
	p->rate -= p->rate / 4;
	if (p->rate < LR_PACE_FLOOR)
		p->rate = LR_PACE_FLOOR;
}

/* A rate that is not used up proves nothing. */
static void speed_up(struct lr_pace *p)
{
	if (!p->short_)
		return;
	if (!p->users || !p->steady)
		p->rate += p->rate / 2;
	else
		p->rate += STEP;
	p->rate = least(p->rate, LR_PACE_TOP);
}

static void step(struct lr_pace *p)
{
	if (p->n) {
		if (p->late * 5 > p->n)
			slow_down(p);
		else
			speed_up(p);
		if (p->users)
			p->gentle = p->rate;
	}
	p->n = p->late = 0;
	p->short_ = false;
}

static void fill(struct lr_pace *p, uint64_t now_ms)
{
	uint64_t ms = now_ms > p->filled_ms ? now_ms - p->filled_ms : 0;
	int64_t most = (int64_t)(rate_of(p) * BURST_MS / 1000);

	p->filled_ms = now_ms;
	p->tokens += (int64_t)(rate_of(p) * least(ms, 1000) / 1000);
	if (p->tokens > most)
		p->tokens = most;
}

void lr_pace_tick(struct lr_pace *p, uint64_t now_ms)
{
	fill(p, now_ms);
	if (p->users && now_ms >= p->users_ms + USERS_MS) {
		p->users = p->steady = false;
		p->n = p->late = 0;
	}
	if (now_ms < p->step_ms + LR_PACE_STEP_MS)
		return;
	p->step_ms = now_ms;
	step(p);
}

bool lr_pace_may(struct lr_pace *p, uint64_t in_flight)
{
	uint64_t window = rate_of(p) * WINDOW_MS / 1000;

	if (window < LEAST_BYTES)
		window = LEAST_BYTES;
	if (p->tokens > 0 && in_flight < window)
		return true;
	p->short_ = true;
	return false;
}

void lr_pace_spend(struct lr_pace *p, uint64_t bytes)
{
	p->tokens -= (int64_t)(bytes + LR_PACE_ENTRY);
}
