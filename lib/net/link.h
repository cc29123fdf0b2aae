/* SPDX-License-Identifier: Apache-2.0 */
/* Links: framed, checked connections over TCP (TLS 1.3, mutual) and local
 * Unix sockets, on a libuv loop.
 *
 * A link reads frames (wire/msg.h) and hands each over whole; it keeps
 * requests with their deadlines, queues what cannot be sent at once, stops
 * reading while its own queue is over 8 MiB, and closes on anything that
 * breaks the protocol, takes under 1 KiB/s for 10 s though more waits, or sends
 * a large bulk as slowly. All links of a thread together hold 256 MiB: above,
 * each has its share, and large bulks are taken in turn. All calls belong on the loop's thread. Every link ends
 * with exactly one close_cb; no callback comes after it. No callback runs
 * inside lr_link_connect, lr_link_send, lr_link_request or lr_link_close.
 *
 * Request numbers are odd on the side that connected and even on the side that
 * accepted: a frame that bears one of ours is a reply, and a late one is
 * dropped. 0 is for what is pushed.
 *
 * Descriptors are polled (uv_poll) and read and written directly: no copy but
 * the kernel's and the cipher's. */
#ifndef LR_NET_LINK_H
#define LR_NET_LINK_H

#include <uv.h>

#include "wire/msg.h"

struct lr_link;
struct lr_listener;
struct lr_tls;
struct lr_spin; /* spin.h */
struct lr_pool_key; /* succession.h */

struct lr_frame {
	struct lr_header h;
	const uint8_t *meta;
	const uint8_t *bulk; /* [h.bulk] */
};

struct lr_link_ops {
	/* Connected and, with TLS, the peer's key proven: lr_link_peer(). */
	void (*open_cb)(struct lr_link *link, void *arg);
	/* A request or a pushed frame; valid during the call only. Replies to
	 * lr_link_request go to its own callback. */
	void (*frame_cb)(struct lr_link *link, const struct lr_frame *f,
			 void *arg);
	/* The last call; the link is freed after it. Nothing may be sent or
	 * asked inside it. */
	void (*close_cb)(struct lr_link *link, enum lr_err why, void *arg);
	/* Optional. The queue has fallen below the low mark (1 MiB) after
	 * lr_link_queued() was over the high mark. */
	void (*drain_cb)(struct lr_link *link, void *arg);
};

/* Bytes that a frame carries by reference: `release` (may be NULL: `p` is
 * copied) is called once, when they are sent or given up, on the loop's
 * thread, possibly before the send call returns. */
struct lr_bulk {
	const void *p;
	size_t len;
	void (*release)(void *owner);
	void *owner;
};

/* f == NULL when err != OK (TIMEOUT, CLOSED, ...). An ERROR reply comes as its
 * own err and f holds the frame. */
typedef void (*lr_reply_cb)(struct lr_link *link, enum lr_err err,
			    const struct lr_frame *f, void *arg);

struct lr_link_options {
	struct lr_tls *tls;	 /* NULL: in clear (Unix sockets) */
	const struct lr_dev *peer; /* the only key accepted; NULL: any */
	const struct lr_pool_key *since; /* it is a pool, and was there; or NULL */
	unsigned connect_ms;	 /* connect and handshake, default 5,000 */
};

/* `addr`: numeric, sockaddr_in, _in6 (with its scope) or _un. Never NULL but
 * when out of memory; failures come through close_cb. */
struct lr_link *lr_link_connect(uv_loop_t *loop, const struct sockaddr *addr,
				const struct lr_link_options *opt,
				const struct lr_link_ops *ops, void *arg);

/* Tries every address of "h:p,[v6]:p,..." in parallel (fe80 addresses without
 * a scope on every interface that is up); the first whose handshake is good
 * wins and goes to `cb`, with `ops` and `link_arg` set: that is the notice
 * that it is open, open_cb is not called. The others are closed without a
 * word. What is no address is skipped; when nothing is left, or after
 * connect_ms, cb gets NULL and the last error (WRONG_PEER is kept before
 * others). Names are resolved off the loop. cb runs once, from the loop, and
 * the dial is gone after it. NULL only when out of memory. */
struct lr_dial;
typedef void (*lr_dial_cb)(struct lr_link *link, enum lr_err why, void *arg);
struct lr_dial *lr_dial_start(uv_loop_t *loop, const char *addrs,
			      const struct lr_link_options *opt,
			      const struct lr_link_ops *ops, void *link_arg,
			      lr_dial_cb cb, void *arg);
void lr_dial_stop(struct lr_dial *dial); /* the callback will not run */

/* The links of this thread hold no more than one of `n` shares of what a
 * process may. */
void lr_budget_share(unsigned n);

/* Where a donor that is at `addrs` has that shard: each listens on the next
 * port. What does not fit is left out. */
void lr_addrs_of_shard(const char *addrs, unsigned shard, char *out,
		       size_t cap);
/* Dials every shard of a donor, and hangs up. cb runs once, from the loop: OK
 * when each has proven the donor's key, otherwise why one did not. False: out
 * of memory, cb will not run. */
bool lr_reach_start(uv_loop_t *loop, const char *addrs, unsigned shards,
		    const struct lr_link_options *opt,
		    void (*cb)(void *arg, enum lr_err why), void *arg);

void lr_link_set_ops(struct lr_link *link, const struct lr_link_ops *ops,
		     void *arg);
void *lr_link_arg(const struct lr_link *link);

/* Queues one frame. `meta` is copied. CLOSED: the link is on its way out (the
 * bulk is released all the same). */
enum lr_err lr_link_send(struct lr_link *link, unsigned type, uint64_t req,
			 const void *meta, size_t meta_len,
			 const struct lr_bulk *bulk);

/* Sends and waits: `cb` runs exactly once, with the reply, TIMEOUT after
 * `deadline_ms`, CLOSED, or, what could not be sent, that error, from the loop.
 * A late reply is dropped. Returns a handle for lr_link_forget; 0: there is no
 * memory to remember it by, cb never runs, and the link closes. */
uint64_t lr_link_request(struct lr_link *link, unsigned type, const void *meta,
			 size_t meta_len, const struct lr_bulk *bulk,
			 unsigned deadline_ms, lr_reply_cb cb, void *arg);
void lr_link_forget(struct lr_link *link, uint64_t handle); /* cb never runs */

/* Encodes message `name` from *msg and sends or requests it. */
#define LR_SEND(link, NAME, name, req, msg, bulk)                              \
	lr_link_send_enc(link, LR_M_##NAME, req,                               \
			 (lr_enc_any)(void (*)(void))lr_enc_##name, msg, bulk)
#define LR_REQUEST(link, NAME, name, msg, bulk, ms, cb, arg)                   \
	lr_link_request_enc(link, LR_M_##NAME,                                 \
			    (lr_enc_any)(void (*)(void))lr_enc_##name, msg,    \
			    bulk, ms, cb, arg)
typedef void (*lr_enc_any)(struct lr_writer *w, const void *msg);
enum lr_err lr_link_send_enc(struct lr_link *link, unsigned type, uint64_t req,
			     lr_enc_any enc, const void *msg,
			     const struct lr_bulk *bulk);
uint64_t lr_link_request_enc(struct lr_link *link, unsigned type,
			     lr_enc_any enc, const void *msg,
			     const struct lr_bulk *bulk, unsigned deadline_ms,
			     lr_reply_cb cb, void *arg);
/* Answers a request with ERROR{err, text}. */
void lr_link_send_error(struct lr_link *link, uint64_t req, enum lr_err err,
			const char *text);

/* Asynchronous; `why` goes to close_cb. May be called twice. What is queued
 * is sent first for up to 1 s when why is LR_E_OK. */
void lr_link_close(struct lr_link *link, enum lr_err why);

/* Goes on without TLS, both ways, from the next byte on. Nothing may be on the
 * way: the side that connected calls it when its request for that is answered,
 * the other one right after it has sent the answer. The peer stays who it
 * proved to be. False: it could not be, and the link closes. */
bool lr_link_go_clear(struct lr_link *link);
bool lr_link_is_clear(const struct lr_link *link);

bool lr_link_is_open(const struct lr_link *link);
/* The key that the other side proved; zero on Unix sockets. */
const struct lr_dev *lr_link_peer(const struct lr_link *link);
/* Where we connected: the key in use of the pool that the peer is. */
const struct lr_pool_key *lr_link_pool_key(const struct lr_link *link);
/* Unix sockets: the other side's user; UINT32_MAX elsewhere. */
uint32_t lr_link_uid(const struct lr_link *link);
bool lr_link_is_local(const struct lr_link *link);
/* Numeric "10.0.0.2:7451", or "local". */
const char *lr_link_address(const struct lr_link *link);
/* The address of our own end, numeric, without the port. */
const char *lr_link_local_address(const struct lr_link *link);
/* What is not yet sent: bytes, with the memory that holds them. */
size_t lr_link_queued(const struct lr_link *link);
/* Stop or resume reading: back-pressure by the owner. */
void lr_link_pause(struct lr_link *link, bool paused);
/* Sends no faster (TCP; the kernel spreads it evenly). UINT64_MAX: as fast as
 * it goes. */
void lr_link_set_pace(struct lr_link *link, uint64_t bytes_per_s);
/* Reads and sends at most so many bytes before the loop's other links have
 * their turn: for bulk that nobody waits for. Default: 128 KiB, and all there is
 * room for. */
void lr_link_set_turn(struct lr_link *link, size_t bytes);
/* It carries control: what is large there, views, must fill no slow network's
 * queues, in which heartbeats stand, too, so it takes in little at a time; and
 * a peer behind such a network has 3 s, not 1, to acknowledge anything. */
void lr_link_set_control(struct lr_link *link);
/* Bytes wait to be sent, or to be acknowledged by the peer's host. */
bool lr_link_is_sending(struct lr_link *link);
/* How many came, ever. */
uint64_t lr_link_read_bytes(const struct lr_link *link);
/* A frame whose bulk is larger closes the link. At 16 KiB or less its buffers
 * stay that small too. Default: LR_BULK_MAX. */
void lr_link_set_bulk_max(struct lr_link *link, uint32_t bytes);
/* Reads no further request while so many that the peer sent are unanswered, or
 * so many bytes of them (at most 64 requests). Default: no such limit. */
enum lr_err lr_link_set_in_flight(struct lr_link *link, unsigned requests,
				  size_t bytes);
/* Of a listener that tells strangers apart (lr_accept_limits): this peer is
 * none. Until then no bulk is over 1 KiB, and 30 s of silence close it. */
void lr_link_trust(struct lr_link *link);
/* Closes the link (TIMEOUT), unread, rather than hand over a frame that may
 * have been waiting for more than `ms` by CLOCK_BOOTTIME: because the loop was
 * late, the machine slept, or the link was paused by its owner or its queue. It
 * may close from 3/4 of `ms` on. 0 (the default): never. */
void lr_link_set_stale_ms(struct lr_link *link, unsigned ms);

/* --- listening ---------------------------------------------------------- */

struct lr_accept_limits {
	unsigned half_open;	 /* default 64 */
	unsigned half_open_each; /* per address, default 8 */
	unsigned handshake_ms;	 /* default 5,000 */
	/* Links whose peer proved a key, but is not trusted (lr_link_trust);
	 * 0: all are trusted. */
	unsigned strangers;
	unsigned strangers_each; /* per address, default 16 */
	/* Optional: why a connection was turned away; a fixed text a cause. */
	void (*note)(void *arg, const char *cause);
	void *note_arg;
};

/* `link` is open (open_cb is not called any more); set its ops before
 * returning or close it. */
typedef void (*lr_accept_cb)(struct lr_link *link, void *arg);

/* "host:port" ("[::]:7450" takes IPv4 too; port 0 = any free), or "/path" for
 * a Unix socket with `mode`, replacing a stale one. ret is set on success.
 * limits may be NULL. Where there is no IPv6, "[::]" means 0.0.0.0. */
enum lr_err lr_listen(uv_loop_t *loop, const char *where, unsigned mode,
		      struct lr_tls *tls, const struct lr_accept_limits *limits,
		      lr_accept_cb cb, void *arg, struct lr_listener **ret,
		      char *why, size_t why_cap);
uint16_t lr_listener_port(const struct lr_listener *l);
void lr_listener_close(struct lr_listener *l); /* its links live on */

#endif
