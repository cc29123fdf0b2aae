/* SPDX-License-Identifier: Apache-2.0 */
/* What links may hold: all of one thread together, and each of what its peer
 * asked for and did not get yet.
 *
 * Under half of LR_LINK_HELD a link's own queue may grow to LR_LINK_HIGH. From
 * there on it has its share of what is left, and always enough for the next
 * answer, so that all go on, a little at a time. Above LR_LINK_HELD a buffer for
 * a large bulk is given to one link at a time, in the order in which they came. */
#include "net/link_i.h"

#include <stdlib.h>

static _Thread_local struct {
	size_t held, most;
	unsigned links;
	bool over; /* somebody has a large bulk above the limit */
	struct lr_link *first, *last; /* in line for it */
} b;

static size_t most(void)
{
	return b.most ? b.most : LR_LINK_HELD;
}

void lr_budget_set(size_t bytes)
{
	b.most = bytes;
}

void lr_budget_share(unsigned n)
{
	lr_budget_set(LR_LINK_HELD / n);
}

size_t lr_budget_held(void)
{
	return b.held;
}

size_t lr_budget_high(void)
{
	size_t left = b.held < most() ? most() - b.held : 0;
	size_t share = left / (b.links ? b.links : 1);

	if (left > most() / 2)
		return LR_LINK_HIGH;
	return share < LR_LINK_SHARE  ? LR_LINK_SHARE
	       : share > LR_LINK_HIGH ? LR_LINK_HIGH
				      : share;
}

void lr_budget_join(struct lr_link *link)
{
	b.links += !link->counted;
	link->counted = true;
}

void lr_budget_leave(struct lr_link *link)
{
	b.links -= link->counted;
	link->counted = false;
}

/* --- large bulks --- */

static void stand_in_line(struct lr_link *link)
{
	link->rx.waiting = true;
	link->rx.behind = NULL;
	if (b.last)
		b.last->rx.behind = link;
	else
		b.first = link;
	b.last = link;
	lr_link_poll(link);
}

void lr_budget_unwait(struct lr_link *link)
{
	struct lr_link **at = &b.first, *before = NULL;

	if (!link->rx.waiting)
		return;
	for (; *at != link; at = &(*at)->rx.behind)
		before = *at;
	*at = link->rx.behind;
	if (b.last == link)
		b.last = before;
	link->rx.waiting = false;
}

/* The first in line tries again. */
static void next_in_line(void)
{
	struct lr_link *link = b.first;

	if (!link || (b.held >= most() && b.over))
		return;
	lr_budget_unwait(link);
	link->want_read = true;
	lr_link_kick(link);
	lr_link_poll(link);
}

bool lr_budget_take(struct lr_link *link, size_t bytes)
{
	if (b.held + bytes > most()) {
		if (b.over) {
			stand_in_line(link);
			return false;
		}
		b.over = link->rx.over = true;
	}
	b.held += bytes;
	return true;
}

void lr_budget_give(struct lr_link *link, size_t bytes)
{
	if (link->rx.over)
		b.over = link->rx.over = false;
	lr_budget_sub(bytes);
}

void lr_budget_add(size_t bytes)
{
	b.held += bytes;
}

void lr_budget_sub(size_t bytes)
{
	b.held -= bytes;
	if (b.first)
		next_in_line();
}

/* --- requests that are not answered yet --- */

enum lr_err lr_link_set_in_flight(struct lr_link *link, unsigned requests,
				  size_t bytes)
{
	if (!link->asked)
		link->asked = calloc(1, sizeof *link->asked);
	if (!link->asked)
		return LR_E_NO_MEMORY;
	link->asked->most = requests < LR_LINK_ASKED ? requests : LR_LINK_ASKED;
	link->asked->most_bytes = bytes;
	return LR_E_OK;
}

void lr_link_asked(struct lr_link *link, const struct lr_header *h)
{
	struct link_asked *q = link->asked;
	size_t bytes = LR_HEADER_BYTES + (size_t)h->meta + h->bulk;

	if (!q || !h->req || q->n == LR_LINK_ASKED)
		return;
	q->a[q->n].req = h->req;
	q->a[q->n++].bytes = bytes;
	q->bytes += bytes;
	if (lr_link_asked_full(link))
		lr_link_poll(link);
}

void lr_link_answered(struct lr_link *link, uint64_t req)
{
	struct link_asked *q = link->asked;
	bool was_full = lr_link_asked_full(link);
	unsigned i;

	for (i = 0; q && i < q->n && q->a[i].req != req; i++)
		;
	if (!q || i == q->n)
		return;
	q->bytes -= q->a[i].bytes;
	q->a[i] = q->a[--q->n];
	if (!was_full || lr_link_asked_full(link))
		return;
	link->want_read = true;
	if (!link->in_read)
		lr_link_kick(link);
	lr_link_poll(link);
}
