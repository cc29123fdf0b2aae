/* SPDX-License-Identifier: Apache-2.0 */
/* One data link a shard of each member of the view, kept warm:
 *
 *   1 the view names it: dial its addresses, at the shard's port; its key is
 *     the member's device
 *   2 HELLO (DATA) with its incarnation; WELCOME must say the same one
 *   3 where the pool chose so, and the donor agrees: no TLS from here on
 *   4 OPEN: operations go over it
 *
 * Dial refused, another incarnation, or the link breaks: outstanding requests
 * end as unreached, step 1 again after 50 ms to 1 s. New addresses: at once.
 * It left the view: the link closes. An operation that needs a member which
 * the view calls up, but no dial reaches, is told to the coordinator, at most
 * once a second. */
#include "client/direct_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "net/spin.h"
#include "wire/version.h"

#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 1000u
#define DIAL_MS	       3000u
#define HELLO_MS       3000u
/* The second time so soon that others just reached the donor, if they can. */
#define REPORT_MIN_MS 1500u
#define REPORT_MAX_MS 48000u

static void dial(struct lr_donor *n);

static void freed_cb(uv_handle_t *h)
{
	struct lr_donor *n = h->data;
	struct lr_direct *d = n->d;

	free(n);
	lr_ops_drain(d);
	lr_direct_drop(d);
}

/* The timer closes last: nothing calls back after it. */
static void free_if_over(struct lr_donor *n)
{
	if (n->gone && !n->link && !n->dial &&
	    !uv_is_closing((uv_handle_t *)&n->timer))
		uv_close((uv_handle_t *)&n->timer, freed_cb);
}

static void timer_cb(uv_timer_t *timer)
{
	struct lr_donor *n = timer->data;

	if (n->gone || n->dial || n->link)
		return;
	dial(n);
}

static void again(struct lr_donor *n)
{
	if (n->state == LR_DONOR_OPEN)
		n->backoff_ms = BACKOFF_MIN_MS;
	if (!n->down_ms)
		n->down_ms = lr_now_ms();
	n->state = LR_DONOR_IDLE;
	uv_timer_start(&n->timer, timer_cb, n->backoff_ms, 0);
	n->backoff_ms = n->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
							   : n->backoff_ms * 2;
}

/* --- steps 2 to 4
 * ------------------------------------------------------------ */

/* "10.0.0.2:7451" or "[fe80::1%eth0]:7451", and our end without the port. */
static bool is_far(const struct lr_link *link)
{
	const char *peer = lr_link_address(link);
	const char *own = lr_link_local_address(link);
	size_t len = strlen(own);
	char end = *peer == '[' ? ']' : ':';

	peer += *peer == '[';
	return strncmp(peer, own, len) != 0 || peer[len] != end;
}

static void opened(struct lr_donor *n)
{
	n->state = LR_DONOR_OPEN;
	n->far = is_far(n->link);
	n->failed = false;
	n->report_wait_ms = 0;
	n->report_ms = 0;
	n->down_ms = 0;
	n->backoff_ms = BACKOFF_MIN_MS;
	lr_ops_reach(n->d);
	lr_ops_drain(n->d);
}

/* A donor that refuses was told otherwise, or nothing yet: TLS, then. */
static void clear_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_donor *n = arg;

	if (n->gone || n->link != link)
		return;
	if (!f || (!err && f->h.type != LR_M_CLEAR_R))
		lr_link_close(link, err ? err : LR_E_PROTOCOL);
	else if (err || lr_link_go_clear(link))
		opened(n);
}

static void ask_clear(struct lr_donor *n)
{
	struct lr_msg_clear m = {0};

	LR_REQUEST(n->link, CLEAR, clear, &m, NULL, HELLO_MS, clear_cb, n);
}

static void welcome_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct lr_donor *n = arg;
	struct lr_msg_welcome w;

	if (n->gone || n->link != link)
		return;
	if (err || f->h.type != LR_M_WELCOME ||
	    !lr_dec_welcome(f->meta, f->h.meta, &w) || w.inc != n->inc) {
		lr_link_close(link, err ? err : LR_E_WRONG_PEER);
		return;
	}
	if (n->d->clear)
		ask_clear(n);
	else
		opened(n);
}

static void say_hello(struct lr_donor *n)
{
	struct lr_msg_hello m = {
		.proto_min = lr_proto_min,
		.proto_max = lr_proto_max,
		.role = LR_LINK_DATA,
		.pool = *lr_direct_pool(n->d),
		.dev = n->d->self,
		.inc = n->inc,
		.name = lr_str(n->d->name),
		.version = lr_str(PACKAGE_VERSION),
		.site = lr_str(""),
		.addrs = lr_str(""),
	};

	n->state = LR_DONOR_HELLO;
	LR_REQUEST(n->link, HELLO, hello, &m, NULL, HELLO_MS, welcome_cb, n);
}

/* --- the link
 * ------------------------------------------------------------------ */

/* Dialled links are open already. */
static void open_cb(struct lr_link *link, void *arg)
{
	(void)link, (void)arg;
}

/* Donors push nothing that a client needs. */
static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	(void)arg;
	if (f->h.req)
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "a client does not answer that");
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_donor *n = arg;

	(void)why;
	if (n->link != link)
		return; /* an attempt of the dial that lost */
	n->link = NULL;
	if (n->gone) {
		free_if_over(n);
		return;
	}
	n->failed = n->state != LR_DONOR_OPEN;
	again(n);
}

static const struct lr_link_ops link_ops = {open_cb, frame_cb, close_cb, NULL};

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_donor *n = arg;

	n->dial = NULL;
	n->why = why;
	if (link) {
		n->link = link;
		lr_link_set_spin(link, n->d->spin);
		say_hello(n);
	} else {
		n->failed = true;
		lr_donors_missed(n);
		again(n);
	}
}

static void dial(struct lr_donor *n)
{
	struct lr_link_options opt = {
		.tls = n->d->tls, .peer = &n->key, .connect_ms = DIAL_MS};

	n->state = LR_DONOR_DIAL;
	n->dial = lr_dial_start(n->d->loop, n->addrs, &opt, &link_ops, n,
				dialled_cb, n);
	if (!n->dial)
		again(n);
}

/* --- following the view
 * --------------------------------------------------------- */

/* Stops trying; an open link ends with close_cb. */
static void hang_up(struct lr_donor *n)
{
	uv_timer_stop(&n->timer);
	if (n->dial)
		lr_dial_stop(n->dial);
	n->dial = NULL;
	if (n->link)
		lr_link_close(n->link, LR_E_CLOSED);
}

static void forget(struct lr_donor *n)
{
	LR_LIST_DEL(n);
	n->gone = true;
	hang_up(n);
	free_if_over(n);
}

static void take(struct lr_donor *n, const struct lr_member *m)
{
	char at[LR_ADDRS_MAX];
	bool moved;

	lr_addrs_of_shard(m->addrs, n->nth, at, sizeof at);
	moved = strcmp(n->addrs, at) != 0 ||
		!lr_dev_eq(&n->key, lr_member_key(m));
	if (m->up)
		n->silent_ms = 0;
	else if (!n->silent_ms)
		n->silent_ms = lr_now_ms();
	n->up = m->up;
	n->key = *lr_member_key(m);
	snprintf(n->name, sizeof n->name, "%s", m->name);
	snprintf(n->addrs, sizeof n->addrs, "%s", at);
	if (!moved || n->link)
		return;
	if (n->dial)
		lr_dial_stop(n->dial);
	n->dial = NULL;
	n->backoff_ms = BACKOFF_MIN_MS;
	uv_timer_stop(&n->timer);
	dial(n);
}

static struct lr_donor *meet(struct lr_direct *d, const struct lr_member *m,
			     unsigned nth)
{
	struct lr_donor *n = calloc(1, sizeof *n);

	if (!n)
		return NULL; /* unreached until the next view */
	n->d = d;
	n->nth = nth;
	n->shards = lr_member_shards(m);
	n->inc = m->inc;
	n->dev = m->dev;
	n->backoff_ms = BACKOFF_MIN_MS;
	n->down_ms = lr_now_ms();
	uv_timer_init(d->loop, &n->timer);
	n->timer.data = n;
	lr_direct_hold(d);
	LR_LIST_ADD(d->links, n);
	if (!nth)
		HASH_ADD(hh, d->donors, inc, sizeof n->inc, n);
	take(n, m);
	return n;
}

/* The member's first shard. */
static struct lr_donor *first(const struct lr_direct *d, uint64_t inc)
{
	struct lr_donor *n;

	HASH_FIND(hh, d->donors, &inc, sizeof inc, n);
	return n;
}

struct lr_donor *lr_donors_find(const struct lr_direct *d, uint64_t inc,
				unsigned slot)
{
	struct lr_donor *n = first(d, inc);

	return n && n->shards > 1 ? n->shard[slot % n->shards] : n;
}

static void forget_all(struct lr_donor *n)
{
	HASH_DEL(n->d->donors, n);
	for (unsigned i = 1; i < n->shards; i++)
		if (n->shard[i])
			forget(n->shard[i]);
	forget(n);
}

static void follow(struct lr_direct *d, const struct lr_member *m)
{
	struct lr_donor *n = first(d, m->inc);

	if (n)
		take(n, m);
	else
		n = meet(d, m, 0);
	if (!n)
		return;
	n->shard[0] = n;
	for (unsigned i = 1; i < n->shards; i++) {
		if (n->shard[i])
			take(n->shard[i], m);
		else
			n->shard[i] = meet(d, m, i);
	}
}

void lr_donors_follow(struct lr_direct *d)
{
	struct lr_donor *n, *next;

	HASH_ITER(hh, d->donors, n, next)
		if (!lr_view_member(&d->rx.view, n->inc))
			forget_all(n);
	for (size_t i = 0; i < d->rx.view.n_members; i++)
		follow(d, &d->rx.view.members[i]);
}

void lr_donors_missed(struct lr_donor *n)
{
	struct lr_direct *d = n->d;
	struct lr_link *coordinator = lr_attach_link(d->attach);
	struct lr_msg_unreached m = {.dev = n->dev, .inc = n->inc};
	uint64_t now = lr_now_ms();

	if (!n->failed || !n->up || !coordinator || now < n->report_ms)
		return;
	if (n->report_wait_ms < REPORT_MAX_MS)
		n->report_wait_ms = n->report_wait_ms ? n->report_wait_ms * 2
						      : REPORT_MIN_MS;
	n->report_ms = now + n->report_wait_ms;
	LR_SEND(coordinator, UNREACHED, unreached, 0, &m, NULL);
}

void lr_donors_redial(struct lr_direct *d)
{
	for (struct lr_donor *n = d->links; n; n = n->next)
		if (n->link)
			lr_link_close(n->link, LR_E_CLOSED);
}

void lr_donors_close(struct lr_direct *d)
{
	struct lr_donor *n, *next;

	HASH_ITER(hh, d->donors, n, next)
		forget_all(n);
}

struct lr_link *lr_direct_link(const struct lr_direct *d, uint64_t inc,
			       unsigned slot)
{
	const struct lr_donor *n = lr_donors_find(d, inc, slot);

	return n && n->state == LR_DONOR_OPEN ? n->link : NULL;
}
