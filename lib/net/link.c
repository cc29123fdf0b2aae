/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a link: see link_i.h for its states. */
#include "net/link_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_MS   1000u
#define SLOW_MS	   10000u
#define SLOW_BYTES 1024u /* a second */
#define STRANGER_MS 30000u

static void kick_cb(uv_idle_t *handle);

struct lr_link *lr_link_new(uv_loop_t *loop, const struct lr_link_ops *ops,
			    void *arg)
{
	struct lr_link *link = calloc(1, sizeof *link);

	if (!link)
		return NULL;
	link->magic = LR_LINK_MAGIC;
	link->loop = loop;
	link->fd = -1;
	link->uid = UINT32_MAX;
	link->bulk_limit = LR_BULK_MAX;
	link->slow_ms = SLOW_MS;
	link->dead_ms = LR_LINK_DEAD_MS;
	link->tx.last = &link->tx.first;
	link->rq.failed_last = &link->rq.failed;
	if (ops)
		link->ops = *ops;
	link->arg = arg;
	uv_idle_init(loop, &link->kick);
	uv_timer_init(loop, &link->timer);
	uv_timer_init(loop, &link->request_timer);
	link->kick.data = link->timer.data = link->request_timer.data = link;
	link->handles = 3;
	return link;
}

static void poll_cb(uv_poll_t *handle, int status, int events);

/* The link owns fd from here on, also after a failure. */
enum lr_err lr_link_attach(struct lr_link *link, int fd)
{
	int r;

	link->fd = fd;
	r = uv_poll_init(link->loop, &link->poll, fd);
	if (r < 0)
		return lr_err_of_errno(-r);
	link->poll.data = link;
	link->has_poll = true;
	link->handles++;
	return LR_E_OK;
}

void lr_link_kick(struct lr_link *link)
{
	if (link->state == LINK_DEAD)
		return;
	uv_idle_start(&link->kick, kick_cb);
	if (link->spin && link->state == LINK_OPEN)
		lr_spin_heat(link, false);
}

static int wanted_events(const struct lr_link *link)
{
	int events = lr_link_reads(link) ? UV_READABLE : 0;

	switch (link->state) {
	case LINK_CONNECTING:
		return UV_WRITABLE;
	case LINK_HANDSHAKE:
		return link->tls_wants_write ? UV_WRITABLE : UV_READABLE;
	case LINK_OPEN:
	case LINK_FLUSHING:
		return link->tx.stuck ? events | UV_WRITABLE : events;
	case LINK_LINGER:
		return UV_READABLE;
	default:
		return 0;
	}
}

/* Every change costs two system calls, so only changes are made. */
void lr_link_poll(struct lr_link *link)
{
	int events = wanted_events(link);

	if (!(events & UV_READABLE))
		link->stale.armed_since_tick = false;
	if (!link->has_poll || events == link->events)
		return;
	link->events = events;
	if (events)
		uv_poll_start(&link->poll, events, poll_cb);
	else
		uv_poll_stop(&link->poll);
}

/* Gives the link up; close_cb comes from the loop. The first reason stays. */
void lr_link_fail(struct lr_link *link, enum lr_err why)
{
	if (link->state >= LINK_CLOSING)
		return;
	if (link->state < LINK_FLUSHING)
		link->why = why;
	link->state = LINK_CLOSING;
	lr_link_poll(link);
	lr_link_kick(link);
}

static void flush_late_cb(uv_timer_t *timer)
{
	struct lr_link *link = timer->data;

	lr_link_fail(link, link->why);
}

/* Closes after what is queued was sent. */
void lr_link_end(struct lr_link *link, enum lr_err why)
{
	if (link->state >= LINK_FLUSHING)
		return;
	if (link->state < LINK_OPEN) {
		lr_link_fail(link, why);
		return;
	}
	link->why = why;
	link->state = LINK_FLUSHING;
	link->ticking = false;
	uv_update_time(link->loop);
	uv_timer_start(&link->timer, flush_late_cb, FLUSH_MS, 0);
	lr_link_poll(link);
	lr_link_kick(link);
}

void lr_link_close(struct lr_link *link, enum lr_err why)
{
	if (why == LR_E_OK)
		lr_link_end(link, why);
	else
		lr_link_fail(link, why);
}

static void handle_closed_cb(uv_handle_t *handle)
{
	struct lr_link *link = handle->data;

	if (--link->handles)
		return;
	link->magic = 0;
	free(link);
}

static void close_handles(struct lr_link *link)
{
	uv_close((uv_handle_t *)&link->kick, handle_closed_cb);
	uv_close((uv_handle_t *)&link->timer, handle_closed_cb);
	uv_close((uv_handle_t *)&link->request_timer, handle_closed_cb);
}

/* The poll goes first: libuv would otherwise take a new descriptor of the same
 * number out of epoll. */
static void shut_socket(struct lr_link *link)
{
	uv_timer_stop(&link->timer);
	if (link->has_poll)
		uv_close((uv_handle_t *)&link->poll, handle_closed_cb);
	link->has_poll = false;
	lr_link_tls_done(link);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

/* May take several turns: a reply callback may ask again, and is told. */
static void tear_down(struct lr_link *link)
{
	lr_spin_forget(link);
	lr_line_leave(link);
	shut_socket(link);
	lr_link_tx_done(link);
	lr_link_requests_fail(link);
	if (!lr_link_requests_report(link)) {
		lr_link_kick(link);
		return;
	}
	link->state = LINK_DEAD;
	lr_guest_gone(link);
	if (link->ops.close_cb)
		link->ops.close_cb(link, link->why, link->arg);
	lr_link_requests_done(link);
	lr_link_rx_done(link);
	lr_budget_leave(link);
	free(link->asked);
	link->asked = NULL;
	close_handles(link);
}

static void kick_cb(uv_idle_t *handle)
{
	struct lr_link *link = handle->data;

	uv_idle_stop(handle);
	if (link->state == LINK_CLOSING) {
		tear_down(link);
		return;
	}
	if (link->state > LINK_OPEN)
		lr_link_requests_fail(link);
	if (!lr_link_requests_report(link))
		lr_link_kick(link);
	if (lr_line_turn(link) && link->want_read && lr_link_reads(link))
		lr_link_read(link);
	else
		lr_link_flush(link);
}

bool lr_link_look(struct lr_link *link)
{
	if (link->state != LINK_OPEN)
		return false;
	if (uv_is_active((uv_handle_t *)&link->kick))
		kick_cb(&link->kick);
	/* Who connected is told nothing but answers. */
	if (!link->server && !link->rq.count)
		return false;
	return lr_link_reads(link) && !link->rx.in_big &&
	       lr_link_read_ahead(link);
}

/* libuv reports a socket's error as EBADF and stops polling. */
static void poll_failed(struct lr_link *link)
{
	socklen_t len = sizeof(int);
	int error = 0;

	link->events = 0;
	if (lr_link_reads(link)) /* the peer's last words may be there */
		lr_link_read(link);
	if (link->state == LINK_HANDSHAKE)
		lr_link_tls_handshake(link);
	if (link->state >= LINK_CLOSING)
		return;
	getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	lr_link_fail(link, lr_err_of_errno(error));
}

static void poll_cb(uv_poll_t *handle, int status, int events)
{
	struct lr_link *link = handle->data;

	if (link->state >= LINK_CLOSING)
		return;
	if (status < 0) {
		poll_failed(link);
		return;
	}
	if (link->state == LINK_CONNECTING) {
		lr_link_connected(link);
	} else if (link->state == LINK_HANDSHAKE) {
		lr_link_tls_handshake(link);
	} else if (link->state == LINK_LINGER) {
		lr_link_linger(link);
	} else {
		if (events & UV_WRITABLE) {
			link->tx.stuck = false;
			lr_link_flush(link);
		}
		if ((events & UV_READABLE) && !link->line.stands &&
		    lr_link_reads(link))
			lr_link_read(link);
	}
}

/* --- time --- */

static void connect_late_cb(uv_timer_t *timer)
{
	lr_link_fail(timer->data, LR_E_TIMEOUT);
}

void lr_link_deadline(struct lr_link *link, unsigned ms)
{
	uv_update_time(link->loop);
	uv_timer_start(&link->timer, connect_late_cb, ms ? ms : 5000, 0);
}

/* True: the peer took next to nothing for SLOW_MS while data waited. */
static bool is_slow(struct lr_link *link)
{
	uint64_t now = uv_now(link->loop);

	if (link->tx.stuck && now - link->slow_since_ms < link->slow_ms)
		return false;
	if (link->tx.stuck && (link->sent_bytes - link->slow_mark) * 1000 <
				      (uint64_t)link->slow_ms * SLOW_BYTES)
		return true;
	link->slow_since_ms = now;
	link->slow_mark = link->sent_bytes;
	return false;
}

/* True: a large bulk comes in by drops. Not while we ourselves do not read. */
static bool trickles(struct lr_link *link)
{
	struct link_rx *rx = &link->rx;
	uint64_t now = uv_now(link->loop);

	if (rx->in_big && lr_link_reads(link) &&
	    now - rx->slow_since_ms < link->slow_ms)
		return false;
	if (rx->in_big && lr_link_reads(link) &&
	    (rx->big_have - rx->slow_mark) * 1000 <
		    (uint64_t)link->slow_ms * SLOW_BYTES)
		return true;
	rx->slow_since_ms = now;
	rx->slow_mark = rx->big_have;
	return false;
}

static bool is_silent_stranger(const struct lr_link *link)
{
	return link->guest &&
	       uv_now(link->loop) - link->heard_ms > STRANGER_MS;
}

static void tick_cb(uv_timer_t *timer)
{
	struct lr_link *link = timer->data;

	if (link->state != LINK_OPEN)
		return;
	if (is_slow(link) || trickles(link) || is_silent_stranger(link)) {
		lr_link_fail(link, LR_E_TIMEOUT);
		return;
	}
	lr_link_set_patient(link, link->tx.stuck);
	lr_link_stale_tick(link);
	lr_link_rx_idle(link);
	if (link->tx.stuck || link->rx.big || link->out.held || link->patient ||
	    link->ahead.buf || link->stale.limit_ms || link->guest)
		return;
	link->ticking = false;
	uv_timer_stop(timer);
}

/* The tick runs only while there is something for it to watch. */
void lr_link_need_tick(struct lr_link *link)
{
	uint64_t ms = LR_LINK_TICK_MS;

	if (link->ticking || link->state != LINK_OPEN)
		return;
	if (link->stale.limit_ms && link->stale.limit_ms / 8 < ms)
		ms = link->stale.limit_ms / 8 + 1;
	link->ticking = true;
	link->slow_since_ms = uv_now(link->loop);
	link->slow_mark = link->sent_bytes;
	link->stale.tick_ms = lr_now_ms();
	link->stale.armed_since_tick = false;
	uv_timer_start(&link->timer, tick_cb, ms, ms);
}

/* --- open --- */

static void note_local_end(struct lr_link *link)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;

	if (getsockname(link->fd, (struct sockaddr *)&ss, &len) == 0)
		lr_addr_format((struct sockaddr *)&ss, false,
			       link->local_address, sizeof link->local_address);
}

static void note_uid(struct lr_link *link)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		link->uid = cred.uid;
}

void lr_link_opened(struct lr_link *link)
{
	uv_timer_stop(&link->timer);
	link->state = LINK_OPEN;
	lr_budget_join(link);
	note_local_end(link);
	if (link->local)
		note_uid(link);
	link->want_read = true; /* TLS may hold bytes already */
	if (link->stale.limit_ms)
		lr_link_set_stale_ms(link, (unsigned)link->stale.limit_ms);
	lr_link_kick(link);
	lr_link_poll(link);
	if (link->ops.open_cb)
		link->ops.open_cb(link, link->arg);
}

/* --- what the owner asks --- */

void lr_link_set_ops(struct lr_link *link, const struct lr_link_ops *ops,
		     void *arg)
{
	link->ops = *ops;
	link->arg = arg;
}

void *lr_link_arg(const struct lr_link *link)
{
	return link->arg;
}

bool lr_link_is_open(const struct lr_link *link)
{
	return link->state == LINK_OPEN;
}

const struct lr_dev *lr_link_peer(const struct lr_link *link)
{
	return &link->peer;
}

uint32_t lr_link_uid(const struct lr_link *link)
{
	return link->uid;
}

bool lr_link_is_local(const struct lr_link *link)
{
	return link->local;
}

const char *lr_link_address(const struct lr_link *link)
{
	return link->address;
}

const char *lr_link_local_address(const struct lr_link *link)
{
	return link->local_address;
}

size_t lr_link_queued(const struct lr_link *link)
{
	return link->tx.bytes + link->out.len - link->out.off;
}

void lr_link_pause(struct lr_link *link, bool paused)
{
	if (link->paused == paused)
		return;
	link->paused = paused;
	if (!paused) {
		link->want_read = true;
		lr_link_kick(link);
	}
	lr_link_poll(link);
}

void lr_link_set_pace(struct lr_link *link, uint64_t bytes_per_s)
{
	unsigned long rate = bytes_per_s;

	(void)setsockopt(link->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate,
			 sizeof rate);
}

void lr_link_set_bulk_max(struct lr_link *link, uint32_t bytes)
{
	link->bulk_limit = bytes < LR_BULK_MAX ? bytes : LR_BULK_MAX;
}

void lr_link_set_stale_ms(struct lr_link *link, unsigned ms)
{
	uint64_t now = lr_now_ms();

	link->stale = (struct link_stale){.limit_ms = ms,
					  .chance_ms = now,
					  .mark_ms = now,
					  .read_ms = now};
	if (link->ticking)
		uv_timer_stop(&link->timer);
	link->ticking = false;
	if (ms)
		lr_link_need_tick(link);
}
