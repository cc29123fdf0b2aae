/* SPDX-License-Identifier: Apache-2.0 */
/* Questions, passed on as they are: FIND to the donors of its slot, one after
 * the other until one has something, under the ce that we know, again after
 * STALE; all others to the coordinator. While a pool
 * is still looked for they wait, else they fail at once with the reason, which
 * comes as an ERROR frame like a peer's. */
#include "client/direct_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lr_dask {
	struct lr_dask *next; /* those that have no request out */
	struct lr_direct *d;
	unsigned type;
	uint64_t due_ms;
	/* FIND: */
	uint64_t retry_ms; /* refused as stale: not before */
	uint64_t ce, asked; /* under which, and whom */
	uint8_t empty;	    /* members that have nothing */
	lr_ask_cb cb;
	void *arg;
	size_t len;
	uint8_t meta[];
};

static void finish(struct lr_dask *a, enum lr_err err, const struct lr_frame *f)
{
	struct lr_direct *d = a->d;

	a->cb(a->arg, err, f);
	free(a);
	lr_direct_drop(d);
}

static void fail(struct lr_dask *a, enum lr_err err, const char *text)
{
	struct lr_msg_error m = {.err = (uint16_t)err, .text = lr_str(text)};
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_frame f = {.h.type = LR_M_ERROR};

	lr_enc_error(&w, &m);
	f.h.meta = (uint16_t)w.len;
	f.meta = meta;
	finish(a, err, &f);
}

static void fail_with_reason(struct lr_dask *a)
{
	char text[LR_DIRECT_TEXT];
	enum lr_err err = lr_direct_why(a->d, text, sizeof text);

	fail(a, err, text);
}

static void wait_in_line(struct lr_dask *a)
{
	a->next = a->d->asks;
	a->d->asks = a;
}

/* --- the coordinator's
 * ------------------------------------------------------------ */

static void reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_dask *a = arg;

	(void)link;
	if (a->d->closing)
		finish(a, LR_E_CLOSED, NULL);
	else if (err == LR_E_CLOSED && !f)
		fail(a, LR_E_UNREACHABLE,
		     "the link to the coordinator broke. Try again");
	else if (err && !f)
		fail(a, err, "the coordinator did not answer in time");
	else
		finish(a, err, f);
}

static void send_on(struct lr_dask *a, struct lr_link *link, uint64_t now,
		    lr_reply_cb cb)
{
	unsigned ms = a->due_ms > now ? (unsigned)(a->due_ms - now) : 1;

	lr_link_request(link, a->type, a->meta, a->len, NULL, ms, cb, a);
}

/* --- FIND
 * ----------------------------------------------------------------------------
 */

static const struct lr_cfg *cfg_of(const struct lr_dask *a)
{
	struct lr_msg_find m;

	if (!lr_dec_find(a->meta, a->len, &m) || m.slot >= LR_SLOTS)
		return NULL;
	return &a->d->rx.view.cfg[m.slot];
}

/* One copy never suffices: it may be one that was left behind. "Nothing" is
 * what ALL said under one ce, one of them SYNCED. */
static bool is_settled(struct lr_dask *a, const struct lr_frame *f)
{
	const struct lr_cfg *cfg = cfg_of(a);
	struct lr_msg_find_r r;
	unsigned synced = 0;
	int i = lr_cfg_index(cfg, a->asked);

	if (f->h.type != LR_M_FIND_R || f->h.bulk ||
	    !lr_dec_find_r(f->meta, f->h.meta, &r) || r.err)
		return true;
	if (i < 0 || cfg->ce != a->ce)
		return false;
	a->empty |= (uint8_t)(1u << i);
	for (unsigned k = 0; k < cfg->n; k++)
		synced += lr_cfg_synced(cfg, cfg->mem[k]);
	return synced && a->empty == (1u << cfg->n) - 1;
}

/* A donor said STALE: the view is on its way. */
static void find_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct lr_dask *a = arg;
	struct lr_direct *d = a->d;
	bool told = f && !err && f->h.type != LR_M_STALE;

	if (d->closing) {
		finish(a, LR_E_CLOSED, NULL);
	} else if (told && is_settled(a, f)) {
		finish(a, err, f);
	} else {
		if (f && f->h.type == LR_M_STALE)
			lr_direct_lagging(d, link);
		a->retry_ms = lr_now_ms() + (told ? 0 : 100);
		wait_in_line(a);
		lr_direct_arm(d, a->retry_ms);
	}
}

/* Whoever did not say "nothing" yet, SYNCED ones first. */
static struct lr_donor *donor_to_ask(const struct lr_dask *a,
				     const struct lr_cfg *cfg)
{
	unsigned slot = (unsigned)(cfg - a->d->rx.view.cfg);
	struct lr_donor *last = NULL;

	for (unsigned i = 0; i < cfg->n; i++) {
		struct lr_donor *n = lr_donors_find(a->d, cfg->mem[i], slot);

		if (a->empty >> i & 1 || !n || n->state != LR_DONOR_OPEN)
			continue;
		if (lr_cfg_synced(cfg, n->inc))
			return n;
		last = n;
	}
	return last;
}

/* False: no donor of the slot can be asked now. */
static bool send_find(struct lr_dask *a, uint64_t now)
{
	const struct lr_cfg *cfg = cfg_of(a);
	struct lr_donor *n;
	struct lr_writer w;

	if (!cfg) {
		fail(a, LR_E_USAGE, "");
		return true;
	}
	if (cfg->ce != a->ce)
		a->empty = 0;
	a->ce = cfg->ce;
	n = donor_to_ask(a, cfg);
	if (!n || now < a->retry_ms)
		return false;
	a->asked = n->inc;
	w = lr_writer(a->meta + 2, sizeof a->ce); /* behind the slot */
	lr_w_u64(&w, a->ce);
	send_on(a, n->link, now, find_cb);
	return true;
}

/* --- in line
 * ---------------------------------------------------------------------------
 */

/* True: it is out, or over. */
static bool try_to_send(struct lr_dask *a, uint64_t now)
{
	struct lr_link *link = lr_attach_link(a->d->attach);

	if (a->type == LR_M_FIND)
		return send_find(a, now);
	if (!link)
		return false;
	send_on(a, link, now, reply_cb);
	return true;
}

/* AWAY is no hope for questions to the coordinator, whatever the view. */
static bool is_hopeless(const struct lr_dask *a)
{
	enum lr_here_state state = lr_attach_state(a->d->attach);

	if (lr_direct_is_hopeless(a->d))
		return true;
	return a->type != LR_M_FIND &&
	       (state == LR_HERE_AWAY || state == LR_HERE_REFUSED ||
		state == LR_HERE_PENDING || state == LR_HERE_WRONG_POOL ||
		state == LR_HERE_VERSION);
}

static void go_on(struct lr_dask *a, uint64_t now)
{
	if (try_to_send(a, now))
		return;
	if (is_hopeless(a))
		fail_with_reason(a);
	else if (now >= a->due_ms)
		fail(a, LR_E_UNREACHABLE,
		     a->type == LR_M_FIND ? "no donor that could tell answers"
					  : "no answer in time");
	else
		wait_in_line(a);
}

uint64_t lr_asks_tick(struct lr_direct *d, uint64_t now)
{
	struct lr_dask *a, *list = d->asks;
	uint64_t due = UINT64_MAX, at;

	d->asks = NULL;
	while ((a = list)) {
		list = a->next;
		go_on(a, now);
	}
	for (a = d->asks; a; a = a->next) {
		at = a->retry_ms > now	    ? a->retry_ms
		     : a->type == LR_M_FIND ? now + 100
					    : a->due_ms;
		due = at < due ? at : due;
	}
	return due;
}

void lr_asks_state(struct lr_direct *d)
{
	lr_direct_arm(d, lr_asks_tick(d, lr_now_ms()));
}

/* Callbacks come from the loop: the first try is the timer's when it would
 * fail. */
void lr_asks_ask(struct lr_entries *e, unsigned type, const void *meta,
		 size_t len, unsigned deadline_ms, lr_ask_cb cb, void *arg)
{
	struct lr_direct *d = (struct lr_direct *)e;
	struct lr_dask *a = calloc(1, sizeof *a + len);
	uint64_t now = lr_now_ms();

	if (!a)
		abort(); /* there is no other way to call back */
	a->d = d;
	a->type = type;
	a->due_ms = now + (deadline_ms ? deadline_ms : LR_OP_DEADLINE_MS);
	a->cb = cb;
	a->arg = arg;
	a->len = len;
	memcpy(a->meta, meta, len);
	lr_direct_hold(d);
	if (type != LR_M_FIND && lr_attach_link(d->attach) && !d->closing) {
		try_to_send(a, now);
		return;
	}
	wait_in_line(a);
	lr_direct_arm(d, 0);
}

void lr_asks_close(struct lr_direct *d)
{
	struct lr_dask *a, *list = d->asks;

	d->asks = NULL;
	while ((a = list)) {
		list = a->next;
		finish(a, LR_E_CLOSED, NULL);
	}
}
