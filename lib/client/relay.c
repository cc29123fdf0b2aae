/* SPDX-License-Identifier: Apache-2.0 */
/* Whole operations through a daemon's socket:
 *
 *   1 connect, HELLO (LOCAL), WELCOME
 *   2 what waits is sent, what comes is sent at once; replies end it
 *   3 the link breaks: outstanding operations wait (PUTs keep their tags, so
 *     that doing them twice is doing them once); connect again after 50 ms to
 *     1 s; step 2
 *
 * Nobody has ever listened: all that waits ends with NO_DAEMON at once. It
 * speaks no version of ours: with VERSION, and which side to start again. The
 * deadline of an operation: UNKNOWN for a PUT that was sent, NO_DAEMON if the
 * link is still away, else TIMEOUT. */
#include "client/relay_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/spin.h"
#include "wire/version.h"

#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 1000u
#define HELLO_MS       5000u

void lr_relay_drop(struct lr_relay *r)
{
	if (--r->alive == 0)
		free(r);
}

/* The machine may have been suspended since: what is late is not sent again. */
static void send_all(struct lr_relay *r)
{
	struct lr_relay_op *o, *next;
	uint64_t now = lr_now_ms();

	for (o = r->ops; o; o = next) {
		next = o->next;
		if (!o->out && o->due_ms > now + LR_RELAY_GRACE_MS)
			lr_relay_op_send(o);
		else if (!o->out)
			lr_relay_op_late(o);
	}
	lr_relay_arm(r, 0);
}

static void redial_cb(uv_timer_t *timer);

/* Its own words, or ours of a daemon that did not ask. */
static void note_apart(struct lr_relay *r, const struct lr_frame *f)
{
	struct lr_msg_error m;

	if (f->h.type != LR_M_ERROR || !lr_dec_error(f->meta, f->h.meta, &m) ||
	    !lr_str_copy(m.text, r->apart, sizeof r->apart) || !r->apart[0])
		snprintf(r->apart, sizeof r->apart,
			 "the daemon at %s speaks another protocol than this "
			 "program (lanram %s): restart the older one after an "
			 "upgrade",
			 r->addr.sun_path, PACKAGE_VERSION);
}

static bool is_apart(enum lr_err err, const struct lr_frame *f)
{
	if (err || f->h.type != LR_M_WELCOME)
		return err == LR_E_VERSION && f;
	return !lr_version_chosen(f->meta, f->h.meta);
}

static void welcome_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct lr_relay *r = arg;

	if (r->closing || r->link != link)
		return;
	if (is_apart(err, f)) {
		note_apart(r, f);
		lr_link_close(link, LR_E_VERSION);
		return;
	}
	if (err || f->h.type != LR_M_WELCOME) {
		lr_link_close(link, err ? err : LR_E_PROTOCOL);
		return;
	}
	r->phase = LR_RELAY_OPEN;
	r->was_open = true;
	r->backoff_ms = BACKOFF_MIN_MS;
	send_all(r);
}

static void open_cb(struct lr_link *link, void *arg)
{
	struct lr_relay *r = arg;
	struct lr_msg_hello m = {
		.proto_min = lr_proto_min,
		.proto_max = lr_proto_max,
		.role = LR_LINK_LOCAL,
		.name = lr_str(""),
		.version = lr_str(PACKAGE_VERSION),
		.site = lr_str(""),
		.addrs = lr_str(""),
	};

	if (r->closing)
		return;
	r->phase = LR_RELAY_GREETING;
	LR_REQUEST(link, HELLO, hello, &m, NULL, HELLO_MS, welcome_cb, r);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	(void)arg;
	if (f->h.req)
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL, "");
}

/* Who has never been there is not waited for. */
static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_relay *r = arg;

	(void)link;
	r->link = NULL;
	if (!r->closing && r->apart[0])
		lr_relay_fail(r, LR_E_VERSION);
	else if (!r->closing && !r->was_open)
		lr_relay_fail(r, why == LR_E_PERMISSION ? why : LR_E_NO_DAEMON);
	if (!r->closing) {
		r->phase = LR_RELAY_WAITING;
		uv_timer_start(&r->redial, redial_cb, r->backoff_ms, 0);
		r->backoff_ms = r->backoff_ms * 2 > BACKOFF_MAX_MS
					? BACKOFF_MAX_MS
					: r->backoff_ms * 2;
	}
	lr_relay_drain(r);
	lr_relay_drop(r);
}

static const struct lr_link_ops link_ops = {open_cb, frame_cb, close_cb, NULL};

void lr_relay_dial(struct lr_relay *r)
{
	struct lr_link_options opt = {0};

	r->phase = LR_RELAY_CONNECTING;
	r->apart[0] = '\0';
	r->link = lr_link_connect(r->loop, (struct sockaddr *)&r->addr, &opt,
				  &link_ops, r);
	if (r->link) {
		r->alive++;
		lr_link_set_spin(r->link, r->spin);
	} else {
		uv_timer_start(&r->redial, redial_cb, BACKOFF_MAX_MS, 0);
	}
}

/* An idle handle does not keep knocking. */
static void redial_cb(uv_timer_t *timer)
{
	struct lr_relay *r = timer->data;

	if (!r->closing && !r->link && r->ops)
		lr_relay_dial(r);
}

static void closed_cb(uv_handle_t *h)
{
	struct lr_relay *r = h->data;

	lr_relay_drain(r);
	lr_relay_drop(r);
}

void lr_relay_close(struct lr_entries *e)
{
	struct lr_relay *r = (struct lr_relay *)e;

	if (r->closing)
		return;
	r->closing = true;
	lr_relay_fail(r, LR_E_CLOSED);
	if (r->link)
		lr_link_close(r->link, LR_E_OK);
	uv_close((uv_handle_t *)&r->redial, closed_cb);
	uv_close((uv_handle_t *)&r->timer, closed_cb);
}

struct lr_entries *lr_relay_new(uv_loop_t *loop, const char *path,
				struct lr_spin *spin)
{
	struct lr_relay *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	if (strlen(path) >= sizeof r->addr.sun_path) {
		free(r);
		return NULL;
	}
	r->entries.ops = &lr_relay_entries_ops;
	r->loop = loop;
	r->spin = spin;
	r->addr.sun_family = AF_UNIX;
	strcpy(r->addr.sun_path, path);
	r->backoff_ms = BACKOFF_MIN_MS;
	r->timer_at = UINT64_MAX;
	uv_timer_init(loop, &r->redial);
	uv_timer_init(loop, &r->timer);
	r->redial.data = r;
	r->timer.data = r;
	r->alive = 2;
	lr_relay_dial(r);
	return &r->entries;
}
