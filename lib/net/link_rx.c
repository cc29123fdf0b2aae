/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in. Bytes land in a fixed buffer; a bulk that is large goes straight
 * to a buffer of its own, made after its header was checked. */
#include "net/link_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* More than a socket holds unread (tcp_rmem's largest is 6 MiB). */
#define SOCKET_HOLDS (8u << 20)

/* --- lateness --- */

/* The loop has polled after the previous tick, with this link in it; so what
 * is unread now came after that tick. */
void lr_link_stale_tick(struct lr_link *link)
{
	struct link_stale *s = &link->stale;
	uint64_t now;

	if (!s->limit_ms)
		return;
	now = lr_now_ms();
	if (s->armed_since_tick && s->tick_ms > s->chance_ms)
		s->chance_ms = s->tick_ms;
	s->tick_ms = now;
	s->armed_since_tick = lr_link_reads(link);
}

static bool is_stale(struct lr_link *link)
{
	const struct link_stale *s = &link->stale;

	return s->limit_ms && lr_now_ms() - s->chance_ms > s->limit_ms;
}

static void note_read(struct lr_link *link, size_t n, bool drained)
{
	struct link_stale *s = &link->stale;

	if (!s->limit_ms)
		return;
	s->read_ms = lr_now_ms();
	s->bytes += n;
	if (drained) {
		s->chance_ms = s->mark_ms = s->read_ms;
		s->bytes = 0;
	} else if (s->bytes > SOCKET_HOLDS) {
		s->chance_ms = s->mark_ms;
		s->mark_ms = s->read_ms;
		s->bytes = 0;
	}
}

/* --- buffers --- */

static void free_big(struct lr_link *link)
{
	if (link->rx.big)
		lr_budget_give(link, link->rx.big_cap);
	free(link->rx.big);
	link->rx.big = NULL;
}

void lr_link_rx_done(struct lr_link *link)
{
	lr_budget_unwait(link);
	free(link->rx.buf);
	free_big(link);
	free(link->ahead.buf);
	link->ahead = (struct link_ahead){0};
	link->rx = (struct link_rx){0};
}

/* Called at every tick: gives back what was not used since the last one. */
void lr_link_rx_idle(struct lr_link *link)
{
	struct link_rx *rx = &link->rx;

	if (rx->big && !rx->in_big && !rx->big_used)
		free_big(link);
	rx->big_used = false;
	if (link->ssl)
		lr_link_tls_idle(link);
	if (link->ahead.buf && !link->ahead.len && !link->ahead.used) {
		free(link->ahead.buf);
		link->ahead.buf = NULL;
	}
	link->ahead.used = false;
}

static bool grow(struct link_rx *rx, size_t cap)
{
	uint8_t *buf;

	if (rx->cap >= cap)
		return true;
	buf = realloc(rx->buf, cap);
	if (!buf)
		return false;
	rx->buf = buf;
	rx->cap = cap;
	return true;
}

/* Room for a header, meta and a bulk that stays in buf. */
static bool make_room(struct lr_link *link)
{
	struct link_rx *rx = &link->rx;
	bool small = link->bulk_limit <= LR_LINK_RX_SMALL;

	if (!grow(rx, small ? LR_LINK_RX_SMALL : LR_LINK_RX))
		return false;
	if (rx->in_big)
		return true;
	if (rx->start == rx->end) {
		rx->start = rx->end = 0;
	} else if (rx->cap - rx->start < rx->cap / 2 + 4096) {
		memmove(rx->buf, rx->buf + rx->start, rx->end - rx->start);
		rx->end -= rx->start;
		rx->start = 0;
	}
	return true;
}

/* --- frames --- */

/* Moves what is there of a large bulk to its own buffer. */
static void begin_big(struct lr_link *link, const struct lr_header *h)
{
	struct link_rx *rx = &link->rx;
	size_t head = LR_HEADER_BYTES + (size_t)h->meta;
	size_t have = rx->end - rx->start - head;

	if (rx->big && rx->big_cap < h->bulk)
		free_big(link);
	if (!rx->big) {
		if (!lr_budget_take(link, link->bulk_limit))
			return;
		rx->big_cap = link->bulk_limit;
		rx->big = malloc(rx->big_cap);
	}
	if (!rx->big) {
		lr_budget_give(link, rx->big_cap);
		lr_link_fail(link, LR_E_NO_MEMORY);
		return;
	}
	memcpy(rx->big, rx->buf + rx->start + head, have);
	rx->end -= have;
	rx->big_len = h->bulk;
	rx->big_have = have;
	rx->in_big = rx->big_used = true;
	rx->slow_mark = have;
	rx->slow_since_ms = uv_now(link->loop);
	lr_link_need_tick(link);
}

static bool bad_frame(struct lr_link *link)
{
	lr_link_send_error(link, 0, LR_E_PROTOCOL, NULL);
	lr_link_end(link, LR_E_PROTOCOL);
	return false;
}

/* True: a whole frame is there. */
static bool next_frame(struct lr_link *link, struct lr_frame *f)
{
	struct link_rx *rx = &link->rx;
	const uint8_t *at = rx->buf + rx->start;
	size_t have = rx->end - rx->start, head;

	if (have < LR_HEADER_BYTES)
		return false;
	if (!lr_dec_header(at, &f->h) || f->h.bulk > link->bulk_limit)
		return bad_frame(link);
	head = LR_HEADER_BYTES + (size_t)f->h.meta;
	if (have < head)
		return false;
	f->meta = at + LR_HEADER_BYTES;
	f->bulk = rx->in_big ? rx->big : at + head;
	if (rx->in_big)
		return rx->big_have == rx->big_len;
	if (have - head >= f->h.bulk)
		return true;
	if (f->h.bulk > rx->cap / 2)
		begin_big(link, &f->h);
	return false;
}

static void consume(struct link_rx *rx, const struct lr_header *h)
{
	rx->start += LR_HEADER_BYTES + (size_t)h->meta;
	if (!rx->in_big)
		rx->start += h->bulk;
	rx->in_big = false;
}

/* A newer version's message: who asks is told, what is pushed can be done
 * without. Of strangers we take none. */
static void take_unknown(struct lr_link *link, const struct lr_frame *f)
{
	char text[128];

	if (link->guest) {
		bad_frame(link);
	} else if (f->h.req) {
		snprintf(text, sizeof text,
			 "lanram %s %sdoes not know message %u: %s",
			 PACKAGE_VERSION, link->local ? "runs here and " : "",
			 f->h.type, link->local ? "restart its daemons after an "
					    "upgrade" : "upgrade it");
		lr_link_send_error(link, f->h.req, LR_E_VERSION, text);
	}
}

static void hand_over(struct lr_link *link, const struct lr_frame *f)
{
	link->heard_ms = uv_now(link->loop);
	if (lr_link_is_reply(link, f->h.req)) {
		lr_link_reply(link, f);
		return;
	}
	lr_link_asked(link, &f->h);
	if (!lr_msg_known(f->h.type))
		take_unknown(link, f);
	else if (link->ops.frame_cb)
		link->ops.frame_cb(link, f, link->arg);
}

/* Frames that lay in our own buffer too long count as unread. */
static bool buffer_is_stale(const struct lr_link *link)
{
	const struct link_stale *s = &link->stale;

	return s->limit_ms && lr_now_ms() - s->read_ms > s->limit_ms;
}

static void hand_over_all(struct lr_link *link)
{
	struct lr_frame f;

	while (lr_link_reads(link) && next_frame(link, &f)) {
		if (buffer_is_stale(link)) {
			lr_link_fail(link, LR_E_TIMEOUT);
			return;
		}
		hand_over(link, &f);
		consume(&link->rx, &f.h);
		if (link->rx.over) /* the next one's turn */
			free_big(link);
	}
}

/* --- reading --- */

ssize_t lr_link_recv(struct lr_link *link, void *p, size_t n)
{
	struct link_ahead *a = &link->ahead;

	if (!a->len) {
		a->full = false;
		return recv(link->fd, p, n, 0);
	}
	if (n > a->len)
		n = a->len;
	memcpy(p, a->buf + a->off, n);
	a->off += n;
	a->len -= n;
	return (ssize_t)n;
}

/* A failure is left to be found by lr_link_read. */
bool lr_link_read_ahead(struct lr_link *link)
{
	struct link_ahead *a = &link->ahead;
	ssize_t n;

	if (!a->buf)
		a->buf = malloc(LR_LINK_AHEAD);
	if (!a->buf || a->len)
		return false;
	n = recv(link->fd, a->buf, LR_LINK_AHEAD, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	a->off = 0;
	a->len = n > 0 ? (size_t)n : 0;
	a->full = a->len == LR_LINK_AHEAD;
	a->used = true;
	lr_link_need_tick(link);
	lr_link_read(link);
	return true;
}

uint64_t lr_link_read_bytes(const struct lr_link *link)
{
	return link->read_bytes;
}

void lr_link_set_turn(struct lr_link *link, size_t bytes)
{
	link->turn = bytes;
}

static void landed(struct link_rx *rx, size_t n)
{
	size_t to_big = 0;

	if (rx->in_big) {
		to_big = rx->big_len - rx->big_have;
		if (to_big > n)
			to_big = n;
		rx->big_have += to_big;
	}
	rx->end += n - to_big;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One read, of a large bulk no more than `most`; *asked is what would have
 * fitted. */
static ssize_t fill(struct lr_link *link, size_t most, size_t *asked)
{
	struct link_rx *rx = &link->rx;
	struct iovec iov[2];
	int pieces = 0;
	ssize_t n;

	*asked = 0;
	if (!link->ssl && !link->ahead.len)
		link->ahead.full = false;
	if (rx->in_big && rx->big_have < rx->big_len)
		iov[pieces++] = (struct iovec){
			rx->big + rx->big_have,
			least(rx->big_len - rx->big_have, most)};
	if (rx->end < rx->cap && (!pieces || iov[0].iov_len < most))
		iov[pieces++] =
			(struct iovec){rx->buf + rx->end, rx->cap - rx->end};
	for (int i = 0; i < pieces; i++)
		*asked += iov[i].iov_len;
	if (link->ssl)
		n = lr_link_tls_read(link, iov[0].iov_base, iov[0].iov_len);
	else if (link->ahead.len)
		n = lr_link_recv(link, iov[0].iov_base, iov[0].iov_len);
	else
		n = readv(link->fd, iov, pieces);
	if (n > 0) {
		landed(rx, (size_t)n);
		link->read_bytes += (uint64_t)n;
	}
	return n;
}

static void read_failed(struct lr_link *link, ssize_t n)
{
	if (n == 0)
		lr_link_fail(link, LR_E_CLOSED);
	else if (errno == ENOMEM)
		lr_link_fail(link, LR_E_NO_MEMORY);
	else if (errno == ETIMEDOUT)
		lr_link_fail(link, LR_E_TIMEOUT);
	else if (errno == EPROTO)
		lr_link_fail(link, LR_E_PROTOCOL);
	else
		lr_link_fail(link, LR_E_CLOSED);
}

/* Whether the socket (or TLS) is likely to have more than the n of `asked`
 * bytes just read; if not, the poll tells when there is. */
static bool likely_more(struct lr_link *link, size_t n, size_t asked)
{
	if (link->ahead.len || link->ahead.full)
		return true;
	return link->ssl ? lr_link_tls_more(link) || n >= LR_LINK_RECORD / 2
			 : n == asked;
}

/* Returns when nothing more is there, when the owner does not want more, or,
 * with want_read set, when this turn has read enough. */
static void read_turn(struct lr_link *link)
{
	size_t most = link->turn ? link->turn : LR_LINK_TURN;
	size_t turn = 0, asked;
	ssize_t n;

	while (lr_link_reads(link)) {
		if (turn >= most) {
			link->want_read = true;
			break;
		}
		if (!make_room(link)) {
			lr_link_fail(link, LR_E_NO_MEMORY);
			break;
		}
		n = fill(link, most - turn, &asked);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			note_read(link, 0, true);
			break;
		}
		if (n <= 0) {
			read_failed(link, n);
			break;
		}
		turn += (size_t)n;
		note_read(link, (size_t)n, false);
		hand_over_all(link);
		if (!likely_more(link, (size_t)n, asked)) {
			note_read(link, 0, true);
			break;
		}
	}
}

void lr_link_read(struct lr_link *link)
{
	if (is_stale(link)) {
		lr_link_fail(link, LR_E_TIMEOUT);
		return;
	}
	if (link->spin)
		lr_spin_heat(link, true);
	link->want_read = false;
	link->in_read = true;
	if (link->rx.buf)
		hand_over_all(link);
	read_turn(link);
	link->in_read = false;
	if (link->want_read && lr_link_reads(link))
		lr_line_join(link);
	lr_link_flush(link);
}

/* Our side is shut: throw away what comes until the peer shuts its own. */
void lr_link_linger(struct lr_link *link)
{
	uint8_t trash[16384];
	size_t turn = 0;
	ssize_t n;

	do {
		n = read(link->fd, trash, sizeof trash);
		turn += n > 0 ? (size_t)n : 0;
	} while (n > 0 && turn < LR_LINK_TURN);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		lr_link_fail(link, link->why);
}
