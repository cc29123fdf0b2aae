/* SPDX-License-Identifier: Apache-2.0 */
/* Links for copies alone, one to each donor's shard that is copied from, and
 * how fast they may be. What users wait for never stands behind a copy in one
 * stream.
 *
 *   1 the first entry wanted of a donor: a link of role COPY is made (peer.h);
 *     until it stands, and when it fails, the link for operations does
 *   2 every PROBE_MS, PACE asks the donor over the link for operations: it
 *     spaces what it sends (SO_MAX_PACING_RATE), and answers at once. How long
 *     that took, and whether it has users, is what core/pace.h lives on
 *   3 unused for IDLE_MS, or no member any more: the link closes
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/base.h"
#include "daemon/donor/peer.h"
#include "daemon/donor/pull_i.h"

#define PROBE_MS 20
#define PROBE_MAX_MS 2000
#define BUSY_MS 200 /* used within it: shares the rate */
#define IDLE_MS 10000

struct pull_link {
	struct lr_pull *p;
	struct pull_link *next;
	uint64_t inc;
	unsigned shard;
	struct lr_peer *peer;
	uint64_t used_ms, ops;
	struct lr_link *asked; /* carries the PACE that is out */
	uint64_t handle, asked_us, asked_ms;
	uint64_t asked_n; /* entries that had been asked for until then */
	bool calm;	  /* and all had come */
};

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

/* --- step 1 ----------------------------------------------------------------- */

static struct pull_link *find(struct lr_pull *p, uint64_t member, unsigned slot)
{
	unsigned shard = lr_peer_shard(p->s, member, slot);
	struct pull_link *l = p->links;

	while (l && (l->inc != member || l->shard != shard))
		l = l->next;
	return l;
}

static struct pull_link *meet(struct lr_pull *p, uint64_t member, unsigned slot)
{
	struct lr_peer *peer = lr_peer_new(p->s, member, slot, LR_LINK_COPY);
	struct pull_link *l = peer ? calloc(1, sizeof *l) : NULL;

	if (!l) {
		if (peer)
			lr_peer_free(peer);
		return NULL;
	}
	l->p = p;
	l->inc = member;
	l->shard = lr_peer_shard(p->s, member, slot);
	l->peer = peer;
	l->next = p->links;
	p->links = l;
	return l;
}

struct lr_link *pull_link(struct lr_pull *p, uint64_t member, unsigned slot)
{
	struct pull_link *l = find(p, member, slot);
	struct lr_link *link = NULL;

	if (!l)
		l = meet(p, member, slot);
	if (l) {
		l->used_ms = lr_now_ms();
		link = lr_peer_link(l->peer);
	}
	return link ? link : lr_direct_link(p->s->net, member, slot);
}

/* --- step 2 ----------------------------------------------------------------- */

/* Nothing was copied from when it was asked until now. */
static bool is_calm(const struct pull_link *l)
{
	return l->calm && l->asked_n == l->p->asked;
}

static void pace_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct pull_link *l = arg;
	struct lr_pull *p = l->p;
	uint64_t now = lr_now_ms();
	struct lr_msg_pace_r m;

	(void)link;
	l->asked = NULL;
	if (err || f->h.type != LR_M_PACE_R ||
	    !lr_dec_pace_r(f->meta, f->h.meta, &m))
		return;
	if (l->ops && m.ops > l->ops)
		lr_pace_users(&p->pace, now);
	l->ops = m.ops ? m.ops : 1;
	lr_pace_sample(&p->pace, now_us() - l->asked_us, is_calm(l));
}

static void probe(struct pull_link *l, uint64_t rate, uint64_t now_ms)
{
	/* the slot of a shard's own number is its first one */
	struct lr_link *link = lr_direct_link(l->p->s->net, l->inc, l->shard);
	struct lr_msg_pace m = { .bytes_per_s = rate };

	if (l->asked) { /* not answered so far: that says something, too */
		lr_pace_sample(&l->p->pace, now_us() - l->asked_us, false);
		return;
	}
	if (!link || now_ms < l->asked_ms + PROBE_MS)
		return;
	l->asked = link;
	l->asked_ms = now_ms;
	l->asked_us = now_us();
	l->calm = !l->p->out_bytes;
	l->asked_n = l->p->asked;
	l->handle = LR_REQUEST(link, PACE, pace, &m, NULL, PROBE_MAX_MS,
			       pace_cb, l);
	if (!l->handle)
		l->asked = NULL;
}

/* A tenth above its share: what stands behind is caught up with. */
static uint64_t share_of(const struct lr_pull *p, unsigned busy)
{
	uint64_t rate = p->pace.limit ? p->pace.limit : p->pace.rate;

	return (rate + rate / 10) / (busy ? busy : 1);
}

/* --- step 3 ----------------------------------------------------------------- */

static void drop(struct pull_link *l)
{
	if (l->asked)
		lr_link_forget(l->asked, l->handle);
	lr_peer_free(l->peer);
	free(l);
}

static bool is_over(const struct pull_link *l, uint64_t now_ms)
{
	return now_ms >= l->used_ms + IDLE_MS ||
	       !lr_view_member(&l->p->s->rx->view, l->inc);
}

static void note_users(struct lr_pull *p, uint64_t now_ms)
{
	uint64_t ops = p->s->stats.gets + p->s->stats.puts;

	if (ops != p->seen_ops)
		lr_pace_users(&p->pace, now_ms);
	p->seen_ops = ops;
}

void pull_links_tick(struct lr_pull *p, uint64_t now_ms)
{
	struct pull_link **at = &p->links, *l;
	unsigned busy = 0;

	note_users(p, now_ms);
	if (p->seen_epoch != p->s->rx->view.epoch)
		lr_pace_heard(&p->pace, now_ms);
	p->seen_epoch = p->s->rx->view.epoch;
	lr_pace_limit(&p->pace, p->s->stats.copy_limit);
	lr_pace_tick(&p->pace, now_ms);
	for (l = p->links; l; l = l->next)
		busy += now_ms < l->used_ms + BUSY_MS;
	while ((l = *at) != NULL) {
		if (is_over(l, now_ms)) {
			*at = l->next;
			drop(l);
			continue;
		}
		probe(l, share_of(p, busy), now_ms);
		at = &l->next;
	}
}

void pull_links_close(struct lr_pull *p)
{
	struct pull_link *l;

	while ((l = p->links) != NULL) {
		p->links = l->next;
		drop(l);
	}
}

/* --- at the other end --------------------------------------------------------- */

void lr_pull_serve_pace(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_shard *s = l->s;
	struct lr_msg_pace m;
	struct lr_msg_pace_r r = { .ops = s->stats.gets + s->stats.puts };

	if (!lr_dec_pace(f->meta, f->h.meta, &m)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	for (struct lr_shard_link *o = s->links; o; o = o->next)
		if (o->copies &&
		    lr_dev_eq(lr_link_peer(o->link), lr_link_peer(l->link)))
			lr_link_set_pace(o->link, m.bytes_per_s);
	LR_SEND(l->link, PACE_R, pace_r, f->h.req, &r, NULL);
}
