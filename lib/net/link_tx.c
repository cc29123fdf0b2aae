/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out: a queue whose items are reused, flushed by gather writes. */
#include "net/link_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* Two sizes of items are kept for reuse; the large one holds any meta. */
#define SMALL_CAP    128u
#define LARGE_CAP    (LR_HEADER_BYTES + LR_META_MAX + 240u)
#define SMALL_SPARES 256u
#define LARGE_SPARES 16u

static struct link_tx *take_spare(struct link_tx **list, unsigned *count)
{
	struct link_tx *tx = *list;

	if (tx) {
		*list = tx->next;
		(*count)--;
	}
	return tx;
}

static struct link_tx *tx_new(struct link_txq *q, size_t len)
{
	struct link_tx *tx = NULL;
	size_t cap = len;

	if (len <= SMALL_CAP) {
		cap = SMALL_CAP;
		tx = take_spare(&q->spare_small, &q->spares_small);
	} else if (len <= LARGE_CAP) {
		cap = LARGE_CAP;
		tx = take_spare(&q->spare_large, &q->spares_large);
	}
	if (!tx)
		tx = malloc(sizeof *tx + cap);
	if (!tx)
		return NULL;
	*tx = (struct link_tx){.head_len = len, .head_cap = cap};
	return tx;
}

static void tx_free(struct link_txq *q, struct link_tx *tx)
{
	if (tx->head_cap == SMALL_CAP && q->spares_small < SMALL_SPARES) {
		tx->next = q->spare_small;
		q->spare_small = tx;
		q->spares_small++;
	} else if (tx->head_cap == LARGE_CAP &&
		   q->spares_large < LARGE_SPARES) {
		tx->next = q->spare_large;
		q->spare_large = tx;
		q->spares_large++;
	} else {
		free(tx);
	}
}

static size_t tx_cost(const struct link_tx *tx)
{
	return sizeof *tx + tx->head_cap + tx->bulk.len;
}

/* May run the owner's code: the item must be out of the queue. */
static void release(struct lr_bulk *bulk)
{
	void (*cb)(void *owner) = bulk->release;

	bulk->release = NULL;
	bulk->p = NULL;
	if (cb)
		cb(bulk->owner);
}

/* --- into the queue --- */

static struct link_tx *make_tx(struct link_txq *q, const struct lr_header *h,
			       const void *meta, const struct lr_bulk *bulk)
{
	bool copy = h->bulk && !bulk->release;
	size_t head = LR_HEADER_BYTES + (size_t)h->meta;
	struct link_tx *tx = tx_new(q, head + (copy ? h->bulk : 0));

	if (!tx)
		return NULL;
	lr_enc_header(tx->head, h);
	if (h->meta)
		memcpy(tx->head + LR_HEADER_BYTES, meta, h->meta);
	if (copy)
		memcpy(tx->head + head, bulk->p, h->bulk);
	else if (h->bulk)
		tx->bulk = *bulk;
	return tx;
}

/* On failure the bulk stays the caller's. */
enum lr_err lr_link_queue(struct lr_link *link, const struct lr_header *h,
			  const void *meta, const struct lr_bulk *bulk,
			  struct link_pending *pending)
{
	struct link_txq *q = &link->tx;
	struct link_tx *tx;

	if (link->state >= LINK_FLUSHING)
		return LR_E_CLOSED;
	tx = make_tx(q, h, meta, bulk);
	if (!tx)
		return LR_E_NO_MEMORY;
	tx->pending = pending;
	if (pending)
		pending->tx = tx;
	*q->last = tx;
	q->last = &tx->next;
	q->bytes += tx_cost(tx);
	lr_budget_add(tx_cost(tx));
	if (h->req)
		lr_link_answered(link, h->req);
	if (lr_link_queued(link) > lr_budget_high() && !link->blocked) {
		link->blocked = true;
		lr_link_poll(link);
	}
	if (!link->in_read && !q->stuck)
		lr_link_kick(link);
	return LR_E_OK;
}

enum lr_err lr_link_send(struct lr_link *link, unsigned type, uint64_t req,
			 const void *meta, size_t meta_len,
			 const struct lr_bulk *bulk)
{
	struct lr_bulk none = {0}, b = bulk ? *bulk : none;
	struct lr_header h = {.bulk = (uint32_t)b.len,
			      .meta = (uint16_t)meta_len,
			      .type = (uint16_t)type,
			      .req = req};
	enum lr_err err = LR_E_USAGE;

	if (meta_len <= LR_META_MAX && b.len <= lr_msg_bulk_max(type))
		err = lr_link_queue(link, &h, meta, &b, NULL);
	if (err != LR_E_OK || !b.len)
		release(&b);
	return err;
}

enum lr_err lr_link_send_enc(struct lr_link *link, unsigned type, uint64_t req,
			     lr_enc_any enc, const void *msg,
			     const struct lr_bulk *bulk)
{
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	enc(&w, msg);
	return lr_link_send(link, type, req, meta,
			    w.bad ? LR_META_MAX + 1u : w.len, bulk);
}

void lr_link_send_error(struct lr_link *link, uint64_t req, enum lr_err err,
			const char *text)
{
	struct lr_msg_error m = {.err = (uint16_t)err,
				 .text = lr_str(text ? text : "")};

	if (m.text.n > 1024)
		m.text.n = 1024;
	LR_SEND(link, ERROR, error, req, &m, NULL);
}

/* --- out of the queue --- */

static void pop(struct lr_link *link)
{
	struct link_txq *q = &link->tx;
	struct link_tx *tx = q->first;
	struct lr_bulk bulk = tx->bulk;

	q->first = tx->next;
	if (!q->first)
		q->last = &q->first;
	q->bytes -= tx_cost(tx);
	lr_budget_sub(tx_cost(tx));
	if (tx->pending)
		tx->pending->tx = NULL;
	tx_free(q, tx);
	release(&bulk);
}

/* The request is over: not worth sending, unless it has begun. */
void lr_link_tx_drop(struct lr_link *link, struct link_tx *tx)
{
	struct lr_bulk bulk = tx->bulk;

	tx->pending = NULL;
	if (tx->sent)
		return;
	link->tx.bytes -= bulk.len;
	lr_budget_sub(bulk.len);
	tx->bulk = (struct lr_bulk){0};
	tx->dropped = true;
	release(&bulk);
}

static unsigned pieces_of(const struct link_tx *tx, struct iovec *iov)
{
	size_t skip = tx->sent;
	unsigned n = 0;

	if (skip < tx->head_len) {
		iov[n++] = (struct iovec){(void *)(tx->head + skip),
					  tx->head_len - skip};
		skip = 0;
	} else {
		skip -= tx->head_len;
	}
	if (skip < tx->bulk.len)
		iov[n++] = (struct iovec){(char *)tx->bulk.p + skip,
					  tx->bulk.len - skip};
	return n;
}

unsigned lr_link_tx_pieces(struct lr_link *link, struct iovec *iov, unsigned n)
{
	const struct link_tx *tx;
	unsigned used = 0;

	while (link->tx.first && link->tx.first->dropped)
		pop(link);
	for (tx = link->tx.first; tx && used + 2 <= n; tx = tx->next)
		if (!tx->dropped)
			used += pieces_of(tx, iov + used);
	return used;
}

/* Counts n bytes, from the first piece on, as sent. */
void lr_link_tx_sent(struct lr_link *link, size_t n)
{
	struct link_tx *tx;
	size_t left;

	while (n && (tx = link->tx.first)) {
		left = tx->head_len + tx->bulk.len - tx->sent;
		if (!tx->dropped && left > n) {
			tx->sent += n;
			return;
		}
		if (!tx->dropped)
			n -= left;
		pop(link);
	}
}

/* As if the socket were full: it goes on when the others had their turn. */
bool lr_link_tx_over(const struct lr_link *link, uint64_t begun)
{
	if (!link->turn || link->sent_bytes - begun < link->turn)
		return false;
	errno = EAGAIN;
	return true;
}

/* False with errno: EAGAIN when the socket is full. */
static bool write_plain(struct lr_link *link)
{
	struct iovec iov[LR_LINK_IOV];
	struct msghdr msg = {.msg_iov = iov};
	unsigned most = link->turn ? 2 : LR_LINK_IOV;
	uint64_t begun = link->sent_bytes;
	ssize_t n;

	while (link->state < LINK_CLOSING && link->tx.first) {
		if (lr_link_tx_over(link, begun))
			return false;
		msg.msg_iovlen = lr_link_tx_pieces(link, iov, most);
		if (!msg.msg_iovlen)
			break;
		n = sendmsg(link->fd, &msg, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EINTR ? write_plain(link) : false;
		link->sent_bytes += (uint64_t)n;
		lr_link_tx_sent(link, (size_t)n);
	}
	return true;
}

static void unblock(struct lr_link *link)
{
	size_t low = lr_budget_high() / 2;

	if (low > LR_LINK_LOW)
		low = LR_LINK_LOW;
	if (!link->blocked || lr_link_queued(link) >= low)
		return;
	link->blocked = false;
	link->want_read = true;
	lr_link_kick(link);
	if (link->ops.drain_cb && link->state == LINK_OPEN)
		link->ops.drain_cb(link, link->arg);
}

/* All is sent: shut our side and wait for the peer to do the same. */
static void begin_linger(struct lr_link *link)
{
	lr_link_tls_bye(link);
	link->state = LINK_LINGER;
	if (shutdown(link->fd, SHUT_WR) < 0)
		lr_link_fail(link, link->why);
}

void lr_link_flush(struct lr_link *link)
{
	bool ok;

	if (link->state != LINK_OPEN && link->state != LINK_FLUSHING)
		return;
	if (!link->tx.stuck) {
		ok = link->ssl ? lr_link_tls_write(link) : write_plain(link);
		if (!ok && errno == EAGAIN) {
			link->tx.stuck = true;
			lr_link_need_tick(link);
		} else if (!ok) {
			lr_link_fail(link, errno == ETIMEDOUT ? LR_E_TIMEOUT
							      : LR_E_CLOSED);
			return;
		}
		unblock(link);
	}
	if (link->state == LINK_FLUSHING && !link->tx.stuck)
		begin_linger(link);
	lr_link_poll(link);
}

void lr_link_tx_done(struct lr_link *link)
{
	struct link_txq *q = &link->tx;
	struct link_tx *tx;

	while (q->first)
		pop(link);
	while ((tx = take_spare(&q->spare_small, &q->spares_small)))
		free(tx);
	while ((tx = take_spare(&q->spare_large, &q->spares_large)))
		free(tx);
}
