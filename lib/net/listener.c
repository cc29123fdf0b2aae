/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting links.
 *
 * A connection is half-open until its handshake is done: it counts against the
 * limits, and is the listener's. Over a limit, it is closed at once. Where
 * strangers are told apart, a link whose owner does not trust it yet goes on
 * being counted, as a guest. When the process is out of descriptors, accepting
 * pauses for a moment. A closed listener closes what is half-open and is freed
 * with the last of it. */
#include "core/list.h"
#include "net/bind.h"
#include "net/link_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 32
#define PAUSE_MS       100

struct half_open {
	struct half_open *next;
	struct lr_listener *listener;
	struct lr_link *link;
	struct in6_addr from;
};

/* A link that is its owner's, and not trusted. */
struct link_guest {
	struct link_guest *next, **prev;
	struct lr_listener *listener; /* NULL: it is closed */
	struct in6_addr from;
};

struct lr_listener {
	uv_loop_t *loop;
	struct lr_bound at;
	uv_poll_t poll;
	uv_timer_t pause;
	unsigned handles;
	bool closing;
	struct lr_tls *tls;
	struct lr_accept_limits limits;
	lr_accept_cb cb;
	void *arg;
	struct half_open *half_open;
	unsigned half_open_count;
	struct link_guest *guests;
	unsigned guest_count;
};

static void free_if_over(struct lr_listener *l)
{
	if (l->closing && !l->handles && !l->half_open)
		free(l);
}

/* --- half-open --- */

static void forget(struct half_open *h)
{
	struct lr_listener *l = h->listener;
	struct half_open **at = &l->half_open;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	l->half_open_count--;
	free(h);
}

static void note(const struct lr_listener *l, const char *cause)
{
	if (l->limits.note)
		l->limits.note(l->limits.note_arg, cause);
}

static void half_closed_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct half_open *h = arg;
	struct lr_listener *l = h->listener;

	(void)link;
	if (!l->closing && why == LR_E_TIMEOUT)
		note(l, "the handshake was not finished in time");
	else if (!l->closing && why == LR_E_PROTOCOL)
		note(l, "what came was no handshake of ours");
	forget(h);
	free_if_over(l);
}

/* --- guests --- */

void lr_guest_gone(struct lr_link *link)
{
	struct link_guest *g = link->guest;

	if (!g)
		return;
	link->guest = NULL;
	if (g->listener) {
		g->listener->guest_count--;
		LR_LIST_DEL(g);
	}
	free(g);
}

void lr_link_trust(struct lr_link *link)
{
	if (!link->guest)
		return;
	lr_guest_gone(link);
	lr_link_set_bulk_max(link, LR_BULK_MAX);
}

static bool too_many_guests(const struct lr_listener *l,
			    const struct in6_addr *from)
{
	unsigned same = 0;

	for (const struct link_guest *g = l->guests; g; g = g->next)
		same += IN6_ARE_ADDR_EQUAL(&g->from, from) != 0;
	return l->guest_count >= l->limits.strangers ||
	       same >= l->limits.strangers_each;
}

/* False: it cannot stay. */
static bool add_guest(struct lr_listener *l, struct lr_link *link,
		      const struct in6_addr *from)
{
	struct link_guest *g;

	if (!l->limits.strangers || l->at.local)
		return true;
	if (too_many_guests(l, from)) {
		note(l, "too many that are not admitted");
		return false;
	}
	g = calloc(1, sizeof *g);
	if (!g)
		return false;
	*g = (struct link_guest){.listener = l, .from = *from};
	LR_LIST_ADD(l->guests, g);
	l->guest_count++;
	link->guest = g;
	link->heard_ms = uv_now(l->loop);
	lr_link_set_bulk_max(link, LR_LINK_STRANGER);
	lr_link_need_tick(link);
	return true;
}

static void half_opened_cb(struct lr_link *link, void *arg)
{
	static const struct lr_link_ops nobody;
	struct half_open *h = arg;
	struct lr_listener *l = h->listener;
	struct in6_addr from = h->from;

	if (l->closing)
		return;
	forget(h);
	if (!add_guest(l, link, &from)) {
		lr_link_set_ops(link, &nobody, NULL);
		lr_link_close(link, LR_E_BUSY);
		return;
	}
	lr_link_set_ops(link, &nobody, NULL);
	l->cb(link, l->arg);
	if (!link->ops.frame_cb && !link->ops.close_cb)
		lr_link_close(link, LR_E_CLOSED); /* nobody took it */
}

static const struct lr_link_ops half_open_ops = {
	.open_cb = half_opened_cb,
	.close_cb = half_closed_cb,
};

static bool over_limit(const struct lr_listener *l, const struct in6_addr *from)
{
	const struct half_open *h;
	unsigned same = 0;

	if (l->half_open_count >= l->limits.half_open) {
		note(l, "too many handshakes at once");
		return true;
	}
	for (h = l->half_open; h; h = h->next)
		same += IN6_ARE_ADDR_EQUAL(&h->from, from) != 0;
	if (l->at.local || same < l->limits.half_open_each)
		return false;
	note(l, "too many handshakes at once from one address");
	return true;
}

static void take(struct lr_listener *l, int fd, const struct sockaddr *sa)
{
	struct lr_link_options opt = {.tls = l->tls,
				      .connect_ms = l->limits.handshake_ms};
	struct in6_addr from = lr_addr_key(sa);
	struct half_open *h;

	h = over_limit(l, &from) ? NULL : calloc(1, sizeof *h);
	if (!h) {
		close(fd);
		return;
	}
	h->listener = l;
	h->from = from;
	h->link = lr_link_accepted(l->loop, fd, sa, &opt, &half_open_ops, h);
	if (!h->link) {
		free(h);
		return;
	}
	h->next = l->half_open;
	l->half_open = h;
	l->half_open_count++;
}

/* --- accepting --- */

static void acceptable_cb(uv_poll_t *poll, int status, int events);

static void resume_cb(uv_timer_t *timer)
{
	struct lr_listener *l = timer->data;

	if (!l->closing)
		uv_poll_start(&l->poll, UV_READABLE, acceptable_cb);
}

static void pause_accepting(struct lr_listener *l)
{
	note(l, "out of descriptors or memory: waiting");
	uv_poll_stop(&l->poll);
	uv_timer_start(&l->pause, resume_cb, PAUSE_MS, 0);
}

static void acceptable_cb(uv_poll_t *poll, int status, int events)
{
	struct lr_listener *l = poll->data;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && !l->closing; i++) {
		ss = (struct sockaddr_storage){0};
		len = sizeof ss;
		fd = accept4(l->at.fd, (struct sockaddr *)&ss, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (l->at.local)
				ss.ss_family = AF_UNIX;
			take(l, fd, (struct sockaddr *)&ss);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(l);
			return;
		} /* else that one connection failed: the next */
	}
}

/* --- opening and closing --- */

static void set_limits(struct lr_accept_limits *to,
		       const struct lr_accept_limits *from)
{
	if (from)
		*to = *from;
	if (!to->half_open)
		to->half_open = 64;
	if (!to->half_open_each)
		to->half_open_each = 8;
	if (!to->handshake_ms)
		to->handshake_ms = 5000;
	if (!to->strangers_each)
		to->strangers_each = 16;
}

static enum lr_err start(struct lr_listener *l)
{
	int r = uv_poll_init(l->loop, &l->poll, l->at.fd);

	if (r < 0)
		return lr_err_of_errno(-r);
	uv_timer_init(l->loop, &l->pause);
	l->poll.data = l->pause.data = l;
	l->handles = 2;
	uv_poll_start(&l->poll, UV_READABLE, acceptable_cb);
	return LR_E_OK;
}

enum lr_err lr_listen(uv_loop_t *loop, const char *where, unsigned mode,
		      struct lr_tls *tls, const struct lr_accept_limits *limits,
		      lr_accept_cb cb, void *arg, struct lr_listener **ret,
		      char *why, size_t why_cap)
{
	struct lr_listener *l = calloc(1, sizeof *l);
	enum lr_err err;

	if (!l)
		return LR_E_NO_MEMORY;
	l->loop = loop;
	l->tls = tls;
	l->cb = cb;
	l->arg = arg;
	set_limits(&l->limits, limits);
	err = lr_bind(&l->at, where, mode, why, why_cap);
	if (err)
		goto free_it;
	err = start(l);
	if (err) {
		snprintf(why, why_cap, "cannot listen on %s: %s", where,
			 lr_err_text(err));
		goto unbind;
	}
	*ret = l;
	return LR_E_OK;
unbind:
	lr_unbind(&l->at);
free_it:
	free(l);
	return err;
}

uint16_t lr_listener_port(const struct lr_listener *l)
{
	return l->at.port;
}

static void handle_closed_cb(uv_handle_t *handle)
{
	struct lr_listener *l = handle->data;

	l->handles--;
	free_if_over(l);
}

void lr_listener_close(struct lr_listener *l)
{
	struct half_open *h;

	if (!l || l->closing)
		return;
	l->closing = true;
	uv_close((uv_handle_t *)&l->poll, handle_closed_cb);
	uv_close((uv_handle_t *)&l->pause, handle_closed_cb);
	lr_unbind(&l->at);
	for (struct link_guest *g = l->guests; g; g = g->next)
		g->listener = NULL;
	l->guests = NULL;
	for (h = l->half_open; h; h = h->next)
		lr_link_close(h->link, LR_E_CLOSED);
}
