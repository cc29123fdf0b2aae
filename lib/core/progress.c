/* SPDX-License-Identifier: Apache-2.0 */
/* The share done is taken from the most that was ever left, not from a sum of
 * what went: counts that swing (a donor's report is late) do not inflate it.
 * More work on the way holds the percentage where it is; bytes_left tells. */
#include "core/progress.h"

#define SAMPLE_MS 100	 /* shorter ones are noise */
#define TAU_MS	  5000.0 /* the rate forgets in this time */
#define TRUST_MS  1000	 /* an ETA needs to have seen so much */
#define STALL_MS  10000	 /* and that something still moves */
#define ETA_MAX_S (7u * 24 * 3600)

static uint64_t since(uint64_t then_ms, uint64_t now_ms)
{
	return now_ms > then_ms ? now_ms - then_ms : 0;
}

static void start(struct lr_progress *p, uint64_t left, uint64_t now_ms)
{
	*p = (struct lr_progress){
		.left = left,
		.most = left,
		.at_ms = now_ms,
		.at_left = left,
		.moved_ms = now_ms,
	};
}

/* Where more came than went, the sample says nothing of the rate. */
static void sample(struct lr_progress *p, uint64_t now_ms)
{
	double ms = (double)since(p->at_ms, now_ms), share;

	if (ms < SAMPLE_MS)
		return;
	if (p->left <= p->at_left) {
		share = ms / (ms + TAU_MS);
		p->rate +=
			share * ((double)(p->at_left - p->left) / ms - p->rate);
		p->weight += share * (1 - p->weight);
		if (p->left < p->at_left)
			p->moved_ms = now_ms;
	}
	p->at_ms = now_ms;
	p->at_left = p->left;
}

static unsigned percent_of(const struct lr_progress *p)
{
	double done = (double)(p->most - p->left) / (double)p->most;
	unsigned percent = (unsigned)(done * 100);

	return percent > 99 ? 99 : percent;
}

void lr_progress_feed(struct lr_progress *p, uint64_t left, uint64_t now_ms)
{
	unsigned percent;

	if (!left || !p->left) {
		start(p, left, now_ms);
		return;
	}
	p->left = left;
	if (left > p->most)
		p->most = left;
	sample(p, now_ms);
	percent = percent_of(p);
	if (percent > p->percent)
		p->percent = percent;
}

void lr_progress_show(const struct lr_progress *p, uint64_t now_ms,
		      struct lr_progress_now *ret)
{
	/* The average starts at 0: without its weight it would be low. */
	double rate = p->weight > 0 ? p->rate / p->weight : 0, eta;
	double trust = TRUST_MS / (TRUST_MS + TAU_MS);

	*ret = (struct lr_progress_now){.eta_s = LR_ETA_NONE};
	if (!p->left)
		return;
	ret->active = true;
	ret->percent = p->percent;
	ret->bytes_left = p->left;
	if (since(p->moved_ms, now_ms) >= STALL_MS)
		return;
	ret->bytes_per_s = (uint64_t)(rate * 1000);
	if (!ret->bytes_per_s || p->weight < trust * 0.9)
		return;
	eta = (double)p->left / (rate * 1000);
	if (eta <= ETA_MAX_S)
		ret->eta_s = (uint64_t)eta + 1;
}
