/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on a link. OpenSSL sits on a BIO of ours: it reads from the socket and
 * writes into `out`, which is sent in large pieces, without SIGPIPE. So
 * SSL_write never has to be repeated: it is only called when a whole record
 * fits. The peer's key is checked after the handshake. */
#include "net/link_i.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Records wait in `out` up to OUT_FULL; one more fits always, with what the
 * protocol may add of its own (alerts, key updates). */
#define OUT_FULL (64u * 1024)
#define OUT_CAP	 (OUT_FULL + LR_LINK_RECORD + 4096)
#define OUT_FEW	 4096u /* a handshake's, of which most is a certificate */

/* --- the BIO ------------------------------------------------------------- */

/* Cheaper than clearing an empty queue. */
static void clear_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

/* The records' buffers, OpenSSL's and ours, stay until a tick finds them
 * unused: making them anew for each record takes longer than sealing it. */
static void hold_buffers(struct lr_link *link)
{
	link->out.used = link->out.held = true;
	lr_link_need_tick(link);
}

static void free_out(struct lr_link *link)
{
	free(link->out.buf);
	link->out = (struct link_out){0};
}

void lr_link_tls_idle(struct lr_link *link)
{
	struct link_out *out = &link->out;

	if (!out->used && out->held && !out->len &&
	    SSL_free_buffers(link->ssl))
		free_out(link);
	out->used = false;
}

static int bio_read(BIO *bio, char *p, int n)
{
	struct lr_link *link = BIO_get_data(bio);
	ssize_t r;

	BIO_clear_retry_flags(bio);
	do {
		r = lr_link_recv(link, p, (size_t)n);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	if (r > 0)
		hold_buffers(link);
	return (int)r;
}

/* Little until the peer has proven its key. */
static bool make_out(struct lr_link *link, size_t n)
{
	struct link_out *out = &link->out;
	size_t cap = link->state < LINK_OPEN ? OUT_FEW : OUT_CAP;
	uint8_t *buf;

	if (out->cap >= cap || (out->buf && n <= out->cap - out->len))
		return true;
	buf = realloc(out->buf, cap);
	if (!buf)
		return false;
	out->buf = buf;
	out->cap = cap;
	return true;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct lr_link *link = BIO_get_data(bio);
	struct link_out *out = &link->out;

	BIO_clear_retry_flags(bio);
	if (n < 0 || !make_out(link, (size_t)n)) {
		errno = ENOMEM;
		return -1;
	}
	if ((size_t)n > out->cap - out->len) {
		BIO_set_retry_write(bio);
		return -1;
	}
	memcpy(out->buf + out->len, p, (size_t)n);
	out->len += (size_t)n;
	hold_buffers(link);
	return n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static void make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				  "lanram link");
	if (!bio_method)
		return;
	BIO_meth_set_read(bio_method, bio_read);
	BIO_meth_set_write(bio_method, bio_write);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

/* --- sending `out` --- */

/* False with errno. */
static bool send_out(struct lr_link *link)
{
	struct link_out *out = &link->out;
	ssize_t n;

	while (out->off < out->len) {
		n = send(link->fd, out->buf + out->off, out->len - out->off,
			 MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		link->sent_bytes += (uint64_t)n;
		out->off += (size_t)n;
	}
	out->off = out->len = 0;
	return true;
}

/* One record from the pieces: straight from where they lie when the first
 * fills it, else gathered. Returns the bytes taken, 0 on failure. */
static size_t encrypt_record(SSL *ssl, const struct iovec *iov, unsigned n)
{
	uint8_t gathered[LR_LINK_RECORD];
	const void *p = iov[0].iov_base;
	size_t len = iov[0].iov_len, part, taken = 0;

	if (n > 1 && len < LR_LINK_RECORD) {
		p = gathered;
		len = 0;
		for (unsigned i = 0; i < n && len < sizeof gathered; i++) {
			part = iov[i].iov_len;
			if (part > sizeof gathered - len)
				part = sizeof gathered - len;
			memcpy(gathered + len, iov[i].iov_base, part);
			len += part;
		}
	}
	clear_errors();
	if (len > LR_LINK_RECORD)
		len = LR_LINK_RECORD;
	return SSL_write_ex(ssl, p, len, &taken) == 1 ? taken : 0;
}

static bool fill_out(struct lr_link *link)
{
	struct iovec iov[LR_LINK_IOV];
	unsigned n;
	size_t taken;

	while (link->state < LINK_CLOSING && link->out.len < OUT_FULL) {
		n = lr_link_tx_pieces(link, iov, LR_LINK_IOV);
		if (!n)
			break;
		taken = encrypt_record(link->ssl, iov, n);
		if (!taken) {
			errno = EPROTO;
			return false;
		}
		lr_link_tx_sent(link, taken);
	}
	return true;
}

bool lr_link_tls_write(struct lr_link *link)
{
	uint64_t begun = link->sent_bytes;

	do {
		if (lr_link_tx_over(link, begun) || !fill_out(link) ||
		    !send_out(link))
			return false;
	} while (link->tx.first && link->state < LINK_CLOSING);
	return true;
}

/* --- reading --- */

ssize_t lr_link_tls_read(struct lr_link *link, void *p, size_t n)
{
	size_t got = 0;
	int r, error;

	clear_errors();
	errno = 0;
	r = SSL_read_ex(link->ssl, p, n, &got);
	if (r == 1)
		return (ssize_t)got;
	error = errno;
	switch (SSL_get_error(link->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		errno = error ? error : ECONNRESET;
		return -1;
	default:
		/* A socket that ends without close_notify is no attack on
		 * frames with lengths: the link is closed either way. */
		errno = ERR_GET_REASON(ERR_peek_error()) ==
					SSL_R_UNEXPECTED_EOF_WHILE_READING
				? ECONNRESET
				: EPROTO;
		return -1;
	}
}

bool lr_link_tls_more(struct lr_link *link)
{
	return SSL_has_pending(link->ssl) == 1;
}

/* --- the handshake --- */

enum lr_err lr_link_tls_start(struct lr_link *link, struct lr_tls *tls)
{
	BIO *bio;

	pthread_once(&bio_once, make_bio_method);
	link->ssl = lr_tls_session(tls);
	bio = bio_method && link->ssl ? BIO_new(bio_method) : NULL;
	if (!bio)
		return LR_E_NO_MEMORY;
	BIO_set_data(bio, link);
	BIO_set_init(bio, 1);
	SSL_set_bio(link->ssl, bio, bio);
	SSL_set_default_read_buffer_len(link->ssl, 0); /* the least there is */
	if (link->server)
		SSL_set_accept_state(link->ssl);
	else
		SSL_set_connect_state(link->ssl);
	return LR_E_OK;
}

/* A pool is its first key, whichever of its keys signed the handshake; whom we
 * let in is the one that did. */
static enum lr_err take_line(struct lr_link *link, const X509 *cert)
{
	const struct lr_dev shown = link->peer;
	struct lr_succession line;

	if (link->server)
		return LR_E_OK;
	if (!lr_succession_of_cert(&line, cert))
		return LR_E_PROTOCOL;
	return lr_succession_follow(&line, &shown, &link->since, &link->peer,
				    &link->last);
}

/* The device is the hash of the key that signed the handshake. */
static enum lr_err take_peer(struct lr_link *link)
{
	X509 *cert = SSL_get0_peer_certificate(link->ssl);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;
	enum lr_err err;
	uint8_t *der = NULL;
	int len;

	if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
	    !lr_tls_alpn_ok(link->ssl))
		return LR_E_PROTOCOL;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len <= 0)
		return LR_E_PROTOCOL;
	SHA256(der, (size_t)len, link->peer.b);
	OPENSSL_free(der);
	err = take_line(link, cert);
	if (err)
		return err;
	if (link->has_expected && !lr_dev_eq(&link->peer, &link->expected))
		return LR_E_WRONG_PEER;
	return LR_E_OK;
}

const struct lr_pool_key *lr_link_pool_key(const struct lr_link *link)
{
	return &link->last;
}

static enum lr_err handshake_error(int error, int saved)
{
	if (error != SSL_ERROR_SYSCALL &&
	    ERR_GET_REASON(ERR_peek_error()) !=
		    SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return LR_E_PROTOCOL;
	return saved ? lr_err_of_errno(saved) : LR_E_CLOSED;
}

void lr_link_tls_handshake(struct lr_link *link)
{
	enum lr_err err = LR_E_OK;
	int r, saved, error;

	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(link->ssl);
	saved = errno;
	error = SSL_get_error(link->ssl, r);
	if (r == 1)
		err = take_peer(link);
	else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		err = handshake_error(error, saved);
	link->tls_wants_write = !send_out(link);
	if (link->tls_wants_write && errno != EAGAIN && err == LR_E_OK)
		err = lr_err_of_errno(errno);
	if (!link->tls_wants_write) /* what waits for the peer takes no more */
		free_out(link);
	if (r == 1 && err == LR_E_OK) {
		SSL_set_default_read_buffer_len(link->ssl, LR_LINK_RX);
		SSL_clear_mode(link->ssl, SSL_MODE_RELEASE_BUFFERS);
	}
	if (err != LR_E_OK)
		lr_link_fail(link, err);
	else if (r == 1)
		lr_link_opened(link);
	else
		lr_link_poll(link);
}

/* --- the end of it --- */

bool lr_link_go_clear(struct lr_link *link)
{
	if (!link->ssl)
		return true;
	lr_link_flush(link);
	if (link->state != LINK_OPEN || link->tx.first || link->out.len ||
	    link->ahead.len || lr_link_tls_more(link)) {
		lr_link_fail(link, LR_E_PROTOCOL);
		return false;
	}
	lr_link_tls_done(link);
	return true;
}

bool lr_link_is_clear(const struct lr_link *link)
{
	return !link->ssl;
}

void lr_link_tls_bye(struct lr_link *link)
{
	if (!link->ssl)
		return;
	ERR_clear_error();
	SSL_shutdown(link->ssl);
	send_out(link);
}

void lr_link_tls_done(struct lr_link *link)
{
	SSL_free(link->ssl);
	link->ssl = NULL;
	free_out(link);
}
