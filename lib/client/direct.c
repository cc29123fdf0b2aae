/* SPDX-License-Identifier: Apache-2.0 */
/* Standing in the pool and the view:
 *
 *   1 the attach finds the coordinator and is welcomed
 *   2 VIEW_GET part by part gives the whole view; donors are dialled
 *   3 VIEW_DELTA pushes keep it; a gap: step 2 again
 *   4 the coordinator away: links and view stay; a donor that answers STALE
 *     under a newer cfg is asked for the whole view
 *
 * A part that does not come is asked for again after a second. */
#include "client/direct_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/identity.h"

#define VIEW_GET_MS 10000u
#define VIEW_AGAIN_MS 1000u

static void ask_view(struct lr_direct *d, struct lr_link *link, unsigned part);

/* --- life -------------------------------------------------------------------- */

void lr_direct_hold(struct lr_direct *d)
{
	d->alive++;
}

void lr_direct_drop(struct lr_direct *d)
{
	if (--d->alive)
		return;
	lr_view_rx_done(&d->rx);
	free(d);
}

static void timer_cb(uv_timer_t *timer)
{
	struct lr_direct *d = timer->data;
	uint64_t now = lr_now_ms(), at = d->timer_at, ops, asks;

	if (d->closing)
		return;
	d->timer_at = UINT64_MAX;
	if (now < at) { /* the loop's clock had not been read for a while */
		lr_direct_arm(d, at);
		return;
	}
	if (d->want_view) {
		ask_view(d, lr_attach_link(d->attach), 0);
		lr_direct_arm(d, now + VIEW_AGAIN_MS);
	}
	ops = lr_ops_tick(d, now);
	asks = lr_asks_tick(d, now);
	lr_direct_arm(d, ops < asks ? ops : asks);
	lr_ops_drain(d);
}

void lr_direct_arm(struct lr_direct *d, uint64_t at_ms)
{
	uint64_t now = lr_now_ms();

	if (d->closing || at_ms >= d->timer_at)
		return;
	d->timer_at = at_ms;
	uv_timer_start(&d->timer, timer_cb, at_ms > now ? at_ms - now : 0, 0);
}

/* --- why not ------------------------------------------------------------------- */

bool lr_direct_is_hopeless(const struct lr_direct *d)
{
	enum lr_here_state state = lr_attach_state(d->attach);

	if (state == LR_HERE_PENDING || state == LR_HERE_REFUSED)
		return true; /* with a view: revoked */
	if (d->rx.view.rev)
		return false;
	if (state == LR_HERE_SEARCHING || state == LR_HERE_AWAY)
		return lr_now_ms() >= d->born_ms + LR_SEARCH_MS;
	return state != LR_HERE_READY;
}

enum lr_err lr_direct_why(const struct lr_direct *d, char *out, size_t cap)
{
	const char *at = lr_attach_address(d->attach);

	switch (lr_attach_state(d->attach)) {
	case LR_HERE_PENDING:
		snprintf(out, cap,
			 "not admitted yet: pool \"%s\" on %s has this "
			 "machine's request, code %s. On its coordinator: "
			 "lanram admit %s",
			 d->pool_name, at, lr_attach_code(d->attach),
			 lr_attach_code(d->attach));
		return LR_E_NOT_ADMITTED;
	case LR_HERE_REFUSED:
		snprintf(out, cap,
			 "not admitted: pool \"%s\" on %s refused this "
			 "machine. Ask its admin",
			 d->pool_name, at);
		return LR_E_NOT_ADMITTED;
	case LR_HERE_WRONG_POOL:
		if (*lr_attach_text(d->attach))
			snprintf(out, cap, "%s", lr_attach_text(d->attach));
		else
			snprintf(out, cap,
				 "another pool goes by the name \"%s\" now: "
				 "its key is "
				 "not the one this machine knows. If it was "
				 "made anew, "
				 "remove the pool.* file in state_dir and "
				 "restart",
				 d->pool_name);
		return LR_E_WRONG_PEER;
	case LR_HERE_SEARCHING:
		snprintf(out, cap,
			 "no pool \"%s\" on this LAN. Start one: sudo systemctl "
			 "enable --now lanram-coordinator. There is one? Set "
			 "`coordinator` in lanram.conf to its host:port",
			 d->pool_name);
		return LR_E_NO_POOL;
	default:
		snprintf(out, cap,
			 "the coordinator of pool \"%s\" (%s) does not answer. "
			 "What is asked for by its whole ID can be read all the "
			 "same, and data stored",
			 d->pool_name, at[0] ? at : "address not known");
		return LR_E_UNREACHABLE;
	}
}

/* --- the view -------------------------------------------------------------------- */

const struct lr_dev *lr_direct_pool(const struct lr_direct *d)
{
	return d->attach ? lr_attach_pool(d->attach) : &d->pool;
}

static void view_changed(struct lr_direct *d)
{
	lr_donors_follow(d);
	lr_ops_view(d);
	lr_asks_state(d);
	lr_ops_drain(d);
}

static void took(struct lr_direct *d, struct lr_link *link,
		 enum lr_view_took what, unsigned next)
{
	switch (what) {
	case LR_VIEW_APPLIED:
		d->want_view = false;
		view_changed(d);
		break;
	case LR_VIEW_NEED_WHOLE:
		ask_view(d, link, 0);
		break;
	case LR_VIEW_MORE:
		if (next)
			ask_view(d, link, next);
		break;
	case LR_VIEW_BAD:
	case LR_VIEW_NO_MEMORY:
		lr_link_close(link, LR_E_PROTOCOL);
		break;
	case LR_VIEW_OLD:
		break;
	}
}

static void view_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct lr_direct *d = arg;
	struct lr_msg_view m;

	d->fetching = false;
	if (!d->closing && !err && f->h.type == LR_M_VIEW &&
	    lr_dec_view(f->meta, f->h.meta, &m))
		took(d, link,
		     lr_view_rx_whole(&d->rx, &m, f->bulk, f->h.bulk),
		     m.part + 1u);
	lr_direct_drop(d);
}

/* One at a time, until the whole has come: the timer asks again. */
static void ask_view(struct lr_direct *d, struct lr_link *link, unsigned part)
{
	struct lr_msg_view_get m = { .part = (uint16_t)part };

	d->want_view = true;
	lr_direct_arm(d, lr_now_ms() + VIEW_AGAIN_MS);
	if (d->fetching || !link)
		return;
	d->fetching = true;
	lr_direct_hold(d);
	LR_REQUEST(link, VIEW_GET, view_get, &m, NULL, VIEW_GET_MS, view_cb, d);
}

void lr_direct_lagging(struct lr_direct *d, struct lr_link *link)
{
	if (d->attach && !lr_attach_link(d->attach))
		ask_view(d, link, 0);
}

static void got_delta(struct lr_direct *d, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_msg_view_delta m;

	if (!lr_dec_view_delta(f->meta, f->h.meta, &m))
		lr_link_close(link, LR_E_PROTOCOL);
	else
		took(d, link,
		     lr_view_rx_delta(&d->rx, &m, f->bulk, f->h.bulk), 0);
}

/* --- with or without TLS --- */

void lr_direct_set_clear(struct lr_direct *d, bool clear)
{
	if (d->clear == clear || d->closing)
		return;
	d->clear = clear;
	lr_donors_redial(d);
}

static void got_policy(struct lr_direct *d, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_msg_policy m;

	if (!lr_dec_policy(f->meta, f->h.meta, &m))
		lr_link_close(link, LR_E_PROTOCOL);
	else
		lr_direct_set_clear(d, m.clear);
}

/* --- the attach -------------------------------------------------------------------- */

/* Deltas may have been missed, or another run numbers them: the whole view. */
static void ready_cb(void *arg, struct lr_link *link,
		     const struct lr_msg_welcome *w)
{
	struct lr_direct *d = arg;

	(void)w;
	if (d->closing)
		return;
	d->fetching = false; /* from another link */
	ask_view(d, link, 0);
	lr_asks_state(d);
	lr_ops_drain(d);
}

static void frame_cb(void *arg, struct lr_link *link, const struct lr_frame *f)
{
	struct lr_direct *d = arg;

	if (d->closing)
		return;
	if (f->h.type == LR_M_VIEW_DELTA)
		got_delta(d, link, f);
	else if (f->h.type == LR_M_POLICY)
		got_policy(d, link, f);
	else if (!f->h.req && d->push_cb)
		d->push_cb(d->push_arg, f);
	else if (f->h.req)
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "a requester does not answer that");
}

static void state_cb(void *arg, enum lr_here_state state)
{
	struct lr_direct *d = arg;

	if (d->closing)
		return;
	lr_ops_state(d);
	lr_asks_state(d);
	lr_ops_drain(d);
	if (d->state_cb && !d->closing)
		d->state_cb(d->state_arg, state);
}

static const struct lr_attach_ops attach_ops = { NULL, ready_cb, frame_cb,
						 state_cb };

/* --- the owner's side ------------------------------------------------------------ */

static void close_entries(struct lr_entries *e)
{
	lr_direct_close((struct lr_direct *)e);
}

static const struct lr_entries_ops entries_ops = {
	lr_ops_put, lr_ops_get, lr_ops_update, lr_asks_ask, close_entries
};

static struct lr_direct *make(const struct lr_attach_options *o)
{
	struct lr_direct *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	if (!lr_view_rx_init(&d->rx, LR_SLOTS)) {
		free(d);
		return NULL;
	}
	d->entries.ops = &entries_ops;
	d->loop = o->loop;
	d->tls = o->tls;
	d->spin = o->spin;
	d->self = o->self;
	snprintf(d->name, sizeof d->name, "%s", o->name);
	snprintf(d->pool_name, sizeof d->pool_name, "%s", o->pool_name);
	d->pool = o->pool;
	lr_random(&d->rng, sizeof d->rng);
	uv_timer_init(d->loop, &d->timer);
	d->timer.data = d;
	d->timer_at = UINT64_MAX;
	d->born_ms = lr_now_ms();
	lr_direct_hold(d);
	return d;
}

struct lr_direct *lr_direct_new(const struct lr_attach_options *o)
{
	struct lr_attach_options mine = *o;
	struct lr_direct *d = make(o);

	if (!d)
		return NULL;
	mine.role = LR_LINK_REQUESTER;
	d->attach = lr_attach_start(&mine, &attach_ops, d);
	if (!d->attach) {
		lr_direct_close(d);
		return NULL;
	}
	lr_direct_arm(d, d->born_ms + LR_SEARCH_MS);
	return d;
}

/* --- a view that the owner brings ------------------------------------------------ */

struct lr_direct *lr_direct_fed(const struct lr_attach_options *o)
{
	return make(o);
}

struct lr_view_rx *lr_direct_rx(struct lr_direct *d)
{
	return &d->rx;
}

void lr_direct_changed(struct lr_direct *d)
{
	if (!d->closing)
		view_changed(d);
}

struct lr_entries *lr_direct_entries(struct lr_direct *d)
{
	return &d->entries;
}

struct lr_attach *lr_direct_attach(struct lr_direct *d)
{
	return d->attach;
}

const struct lr_view *lr_direct_view(const struct lr_direct *d)
{
	return &d->rx.view;
}

void lr_direct_on_state(struct lr_direct *d,
			void (*cb)(void *arg, enum lr_here_state state),
			void *arg)
{
	d->state_cb = cb;
	d->state_arg = arg;
}

void lr_direct_on_push(struct lr_direct *d,
		       void (*cb)(void *arg, const struct lr_frame *f),
		       void *arg)
{
	d->push_cb = cb;
	d->push_arg = arg;
}

static void timer_closed_cb(uv_handle_t *h)
{
	struct lr_direct *d = h->data;

	lr_ops_drain(d);
	lr_direct_drop(d);
}

void lr_direct_close(struct lr_direct *d)
{
	if (d->closing)
		return;
	d->closing = true;
	if (d->attach)
		lr_attach_stop(d->attach);
	lr_donors_close(d);
	lr_asks_close(d);
	lr_ops_close(d);
	uv_close((uv_handle_t *)&d->timer, timer_closed_cb);
}
