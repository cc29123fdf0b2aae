/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the donors: which are reached, and who is awaited. */
#include "client/direct_i.h"

#include <stdio.h>

/* Since when neither we nor the coordinator hear it; 0: somebody does. */
static uint64_t silent_since(const struct lr_donor *n)
{
	uint64_t down = n->state == LR_DONOR_OPEN ? 0 : n->down_ms;

	if (!down || (n->silent_ms && n->silent_ms < down))
		return n->silent_ms;
	return down;
}

/* Whichever of a member's shards is not reached. */
static const struct lr_donor *weakest(const struct lr_donor *n)
{
	for (unsigned i = 1; i < n->shards && n->state == LR_DONOR_OPEN; i++)
		if (n->shard[i] && n->shard[i]->state != LR_DONOR_OPEN)
			return n->shard[i];
	return n;
}

void lr_direct_reach(const struct lr_direct *d, struct lr_writer *w)
{
	struct lr_donor *each, *next;

	HASH_ITER(hh, d->donors, each, next) {
		const struct lr_donor *n = weakest(each);
		bool open = n->state == LR_DONOR_OPEN;
		struct lr_rec_reach r = {
			.dev = n->dev,
			.inc = n->inc,
			.name = lr_str(n->name),
			.addrs = lr_str(open ? lr_link_address(n->link)
					     : n->addrs),
			.up = n->up,
			.open = open,
			.why = (uint16_t)n->why,
			.near_us = n->near_us,
		};

		if (silent_since(n))
			r.silent_ms = lr_now_ms() - silent_since(n);
		if (w->cap - w->len > LR_ADDRS_MAX + 256)
			lr_enc_rec_reach(w, &r);
	}
}

unsigned lr_direct_links(const struct lr_direct *d)
{
	const struct lr_donor *n;
	unsigned open = 0;

	for (n = d->links; n; n = n->next)
		open += n->state == LR_DONOR_OPEN;
	return open;
}

/* --- who is awaited ------------------------------------------------------- */

static void say_since(uint64_t ms, char *out, size_t cap)
{
	uint64_t s = ms / 1000;

	if (s < 120)
		snprintf(out, cap, "%llu s", (unsigned long long)s);
	else if (s < 7200)
		snprintf(out, cap, "%llu min", (unsigned long long)(s / 60));
	else
		snprintf(out, cap, "%llu h", (unsigned long long)(s / 3600));
}

static size_t add_silent(const struct lr_donor *n, char *out, size_t cap)
{
	char since[32];
	int len;

	say_since(lr_now_ms() - silent_since(n), since, sizeof since);
	len = snprintf(out, cap, "%s, silent for %s", n->name, since);
	return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}

void lr_direct_awaited(const struct lr_direct *d, unsigned slot, char *out,
		       size_t cap)
{
	const struct lr_view *v = &d->rx.view;
	size_t at = 0;

	out[0] = '\0';
	if (!v->rev || slot >= v->nslots)
		return;
	for (unsigned i = 0; i < v->cfg[slot].n; i++) {
		const struct lr_donor *n =
			lr_donors_find(d, v->cfg[slot].mem[i], slot);

		if (!n || !silent_since(n) || at + 16 > cap)
			continue;
		if (at)
			at += (size_t)snprintf(out + at, cap - at, " and ");
		at += add_silent(n, out + at, cap - at);
		out[at] = '\0';
	}
	if (!v->cfg[slot].n)
		snprintf(out, cap, "no donor lends RAM yet");
}
