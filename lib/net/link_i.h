/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a link; for lib/net only.
 *
 * The life of a link:
 *   CONNECTING  connect() is under way              poll: writable
 *   HANDSHAKE   TLS                                 poll: what TLS wants
 *   OPEN        frames both ways
 *   FLUSHING    closing: sends what is queued       reads nothing any more
 *   LINGER      our side is shut; what still comes is thrown away until the
 *               peer shuts its own, so that no reset eats our last frames
 *   CLOSING     the next kick reports and tears down
 *   DEAD        close_cb has run; handles are being closed
 * FLUSHING and LINGER last 1 s together at most; a failure anywhere leads to
 * CLOSING at once.
 *
 * Only the loop calls back: lr_link_send() and the like queue and start
 * `kick`, an idle handle that stops itself, so that it runs once, before the
 * loop polls again. Replies made during a read event are gathered and flushed
 * at its end. */
#ifndef LR_NET_LINK_I_H
#define LR_NET_LINK_I_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "net/clock.h"
#include "net/link.h"
#include "net/succession.h"

#define LR_LINK_MAGIC	 0x6c6b6e69u
#define LR_LINK_HIGH	 (8u << 20) /* queued: stop reading */
#define LR_LINK_LOW	 (1u << 20) /* queued: read again */
#define LR_LINK_RX	 (64u * 1024)
#define LR_LINK_RX_SMALL (16u * 1024) /* while the limit is as low */
#define LR_LINK_TURN	 (128u * 1024) /* bytes read in one turn */
#define LR_LINK_IOV	 64
#define LR_LINK_RECORD	 16384u /* a TLS record's payload */
#define LR_LINK_TICK_MS	 500u
#define LR_LINK_DEAD_MS	 1000u
#define LR_LINK_AHEAD	 4096u /* read while looking */
#define LR_LINK_HELD	 (256u << 20) /* by all links of a thread */
#define LR_LINK_SHARE	 (64u * 1024) /* of one, at the least, above that */
#define LR_LINK_STRANGER 1024u	      /* bulk of a peer that is not trusted */

enum link_state {
	LINK_CONNECTING,
	LINK_HANDSHAKE,
	LINK_OPEN,
	LINK_FLUSHING,
	LINK_LINGER,
	LINK_CLOSING,
	LINK_DEAD,
};

/* A frame to send: header, meta and a copied bulk in `head`, or the bulk by
 * reference. */
struct link_tx {
	struct link_tx *next;
	struct link_pending *pending; /* the request that it carries */
	size_t sent;
	size_t head_len, head_cap;
	struct lr_bulk bulk;
	bool dropped; /* its request is over: skip it */
	uint8_t head[];
};

struct link_txq {
	struct link_tx *first, **last;
	struct link_tx *spare_small, *spare_large;
	unsigned spares_small, spares_large;
	size_t bytes; /* memory that the queue holds */
	bool stuck;   /* the socket takes no more for now */
};

/* A request that waits for its reply. */
struct link_pending {
	struct link_pending *next;
	uint64_t id;
	uint64_t due_ms;
	lr_reply_cb cb;
	void *arg;
	struct link_tx *tx; /* still queued */
	enum lr_err err;
};

struct link_requests {
	struct link_pending **bucket;
	size_t buckets, count; /* a power of two */
	uint64_t next_id;      /* odd where we connected, even elsewhere */
	uint64_t armed_ms;     /* when the timer fires; 0: it does not run */
	struct link_pending *failed, **failed_last; /* for the next kick */
	struct link_pending *spare;
	unsigned spares;
	struct link_pending reserve; /* when there is no memory for another */
	bool reserve_used;
};

struct link_rx {
	uint8_t *buf;
	size_t cap, start, end;
	/* A bulk too large for buf; its header and meta stay in buf. */
	uint8_t *big;
	size_t big_cap, big_len, big_have;
	bool in_big, big_used;
	bool over;    /* `big` is more than all links may hold: one at a time */
	bool waiting; /* in line for it */
	struct lr_link *behind; /* in line */
	uint64_t slow_mark, slow_since_ms; /* big_have when the window began */
};

/* Requests of the peer that are not answered yet. */
#define LR_LINK_ASKED 64
struct link_asked {
	unsigned most, n;
	size_t most_bytes, bytes;
	struct {
		uint64_t req;
		size_t bytes;
	} a[LR_LINK_ASKED];
};

/* What lr_link_look found on the socket: read before anything else. */
struct link_ahead {
	uint8_t *buf; /* [LR_LINK_AHEAD] */
	size_t off, len;
	bool full; /* the socket may have more that is as old */
	bool used;
};

/* TLS: records that wait for the socket. */
struct link_out {
	uint8_t *buf;
	size_t off, len, cap;
	bool used; /* since the last tick, as OpenSSL's buffers */
	bool held; /* one of them may be there */
};

/* How long data may have been waiting, by CLOCK_BOOTTIME. What is unread now
 * came after `chance_ms`. */
struct link_stale {
	uint64_t limit_ms; /* 0: off */
	uint64_t chance_ms;
	uint64_t tick_ms;      /* the last tick; the loop has polled since */
	uint64_t mark_ms;      /* when `bytes` began to count */
	uint64_t read_ms;      /* what the buffer holds was read then */
	size_t bytes;	       /* read since mark_ms without a pause */
	bool armed_since_tick; /* reading all that time */
};

/* Where it waits for its turn to read. */
struct link_line {
	struct lr_link *before, *next;
	bool stands;
};

struct lr_link {
	uint32_t magic;
	enum link_state state;
	enum lr_err why;
	uv_loop_t *loop;
	int fd;
	int events; /* polled for now */
	unsigned handles;
	bool has_poll, server, local;
	bool paused, blocked; /* by the owner, by our own queue */
	bool want_read, in_read;
	bool ticking, patient;
	bool has_expected;
	uint32_t bulk_limit;
	uint32_t uid;
	size_t turn; /* bytes read or sent in one; 0: as ever */
	unsigned dead_ms; /* TCP: to acknowledge what was sent */
	uint64_t read_bytes; /* ever */
	uint64_t acked_bytes; /* of sent_bytes, as far as was looked */

	uv_poll_t poll;
	uv_idle_t kick;
	uv_timer_t timer; /* connect; then the tick; then the 1 s to flush */
	uv_timer_t request_timer;

	struct lr_link_ops ops;
	void *arg;

	struct link_rx rx;
	struct link_ahead ahead;
	struct link_txq tx;
	struct link_requests rq;
	struct link_stale stale;
	struct link_line line;
	struct link_asked *asked; /* NULL: not limited */
	struct link_guest *guest; /* listener.c; NULL: trusted */
	uint64_t heard_ms;	  /* the last frame; strangers */
	bool counted;		  /* among the links that share */

	struct lr_spin *spin;
	bool hot; /* the spin looks at it */

	SSL *ssl;
	struct link_out out;
	bool tls_wants_write;

	uint64_t sent_bytes;	/* on the socket, ever */
	uint64_t slow_mark;	/* sent_bytes when the window began */
	uint64_t slow_since_ms; /* when it began */
	unsigned slow_ms;	/* how long it is; tests shorten it */

	struct lr_dev expected, peer;
	struct lr_pool_key since, last; /* of the peer, if it is a pool */
	char address[64 + 24], local_address[64];
};

/* link.c */
struct lr_link *lr_link_new(uv_loop_t *loop, const struct lr_link_ops *ops,
			    void *arg);
enum lr_err lr_link_attach(struct lr_link *link, int fd);
void lr_link_fail(struct lr_link *link, enum lr_err why);
void lr_link_end(struct lr_link *link, enum lr_err why);
void lr_link_kick(struct lr_link *link);
void lr_link_poll(struct lr_link *link);
void lr_link_opened(struct lr_link *link);
void lr_link_deadline(struct lr_link *link, unsigned ms);
void lr_link_need_tick(struct lr_link *link);
static inline bool lr_link_asked_full(const struct lr_link *link)
{
	const struct link_asked *q = link->asked;

	return q && (q->n >= q->most || q->bytes >= q->most_bytes);
}
static inline bool lr_link_reads(const struct lr_link *link)
{
	return link->state == LINK_OPEN && !link->paused && !link->blocked &&
	       !link->rx.waiting && !lr_link_asked_full(link);
}
static inline void *lr_link_check(void *p)
{
	struct lr_link *link = p;

	return link && link->magic == LR_LINK_MAGIC ? link : NULL;
}

/* link_connect.c */
struct lr_link *lr_link_accepted(uv_loop_t *loop, int fd,
				 const struct sockaddr *addr,
				 const struct lr_link_options *opt,
				 const struct lr_link_ops *ops, void *arg);
void lr_link_connected(struct lr_link *link);
/* How long TCP waits for a peer that takes nothing: see link_connect.c. */
void lr_link_set_patient(struct lr_link *link, bool patient);

/* link_rx.c */
void lr_link_read(struct lr_link *link);
/* Sends what is queued, and reads if there is something: true. */
bool lr_link_look(struct lr_link *link); /* link.c */
bool lr_link_read_ahead(struct lr_link *link);
/* Up to n bytes, of what lies ahead or from the socket; as recv(). */
ssize_t lr_link_recv(struct lr_link *link, void *p, size_t n);
void lr_link_linger(struct lr_link *link);
void lr_link_rx_done(struct lr_link *link);
void lr_link_rx_idle(struct lr_link *link);
void lr_link_stale_tick(struct lr_link *link);

/* line.c */
void lr_line_join(struct lr_link *link);
void lr_line_leave(struct lr_link *link);
/* True: it is not in line, or was the first and has left it to read. */
bool lr_line_turn(struct lr_link *link);

/* spin.c */
/* It is worth looking at; `heard`: something has come from it just now. */
void lr_spin_heat(struct lr_link *link, bool heard);
void lr_spin_forget(struct lr_link *link);

/* link_tx.c */
void lr_link_flush(struct lr_link *link);
void lr_link_tx_done(struct lr_link *link);
void lr_link_tx_drop(struct lr_link *link, struct link_tx *tx);
enum lr_err lr_link_queue(struct lr_link *link, const struct lr_header *h,
			  const void *meta, const struct lr_bulk *bulk,
			  struct link_pending *pending);
/* The next bytes to send: up to `n` pieces, without what is dropped. */
unsigned lr_link_tx_pieces(struct lr_link *link, struct iovec *iov, unsigned n);
void lr_link_tx_sent(struct lr_link *link, size_t n);
/* It has sent its turn since `begun`: errno is EAGAIN. */
bool lr_link_tx_over(const struct lr_link *link, uint64_t begun);

/* link_tls.c */
enum lr_err lr_link_tls_start(struct lr_link *link, struct lr_tls *tls);
void lr_link_tls_handshake(struct lr_link *link);
/* As read(): 0 at the end, -1 with errno. */
ssize_t lr_link_tls_read(struct lr_link *link, void *p, size_t n);
bool lr_link_tls_more(struct lr_link *link);
/* Encrypts and sends; false with errno (EAGAIN: the socket is full). */
bool lr_link_tls_write(struct lr_link *link);
/* A tick: gives buffers back that were not used since the last one. */
void lr_link_tls_idle(struct lr_link *link);
void lr_link_tls_bye(struct lr_link *link);
void lr_link_tls_done(struct lr_link *link);

/* budget.c: what all links of this thread hold */
void lr_budget_add(size_t bytes);
void lr_budget_sub(size_t bytes);
void lr_budget_join(struct lr_link *link);
void lr_budget_leave(struct lr_link *link);
size_t lr_budget_held(void);
size_t lr_budget_high(void); /* a link's queue over it: it stops reading */
/* A large bulk, of one link: false: stand in line, it is kicked later. */
bool lr_budget_take(struct lr_link *link, size_t bytes);
void lr_budget_give(struct lr_link *link, size_t bytes);
void lr_budget_unwait(struct lr_link *link);
void lr_budget_set(size_t bytes); /* for tests; 0: as ever */
void lr_link_asked(struct lr_link *link, const struct lr_header *h);
void lr_link_answered(struct lr_link *link, uint64_t req);

/* listener.c */
void lr_guest_gone(struct lr_link *link);

/* request.c */
void lr_link_reply(struct lr_link *link, const struct lr_frame *f);
bool lr_link_is_reply(const struct lr_link *link, uint64_t id);
void lr_link_requests_fail(struct lr_link *link);
bool lr_link_requests_report(struct lr_link *link);
void lr_link_requests_done(struct lr_link *link);
void lr_link_request_due_cb(uv_timer_t *timer);

/* addr.c */
enum lr_err lr_err_of_errno(int error);
void lr_addr_format(const struct sockaddr *sa, bool port, char *out,
		    size_t cap);
/* IPv4 as ::ffff:a.b.c.d; anything else but IP: all zero. */
struct in6_addr lr_addr_key(const struct sockaddr *sa);
socklen_t lr_addr_len(const struct sockaddr *sa);

/* tls.c */
SSL *lr_tls_session(struct lr_tls *tls);
bool lr_tls_alpn_ok(const SSL *ssl);

#endif
