/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 contexts. The verify callback accepts any certificate: that its key
 * signed the handshake is proven by TLS, whose key it is, is asked after it.
 * Nothing is resumed, since resumption would skip both. */
#include "net/identity_i.h"
#include "net/link_i.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t alpn[] = "\x08lanram/1";
#define ALPN_BYTES (sizeof alpn - 1)

struct lr_tls {
	uv_mutex_t lock; /* ctx may be renewed while other threads use it */
	SSL_CTX *ctx;
};

static int accept_any_cb(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

static int alpn_cb(SSL *ssl, const uint8_t **out, uint8_t *out_len,
		   const uint8_t *in, unsigned in_len, void *arg)
{
	uint8_t *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn, ALPN_BYTES, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* A peer that offers no protocol at all gets past alpn_cb. */
bool lr_tls_alpn_ok(const SSL *ssl)
{
	const uint8_t *p;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &p, &len);
	return len == ALPN_BYTES - 1 && memcmp(p, alpn + 1, len) == 0;
}

static bool set_algorithms(SSL_CTX *ctx)
{
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:"
					     "TLS_CHACHA20_POLY1305_SHA256") &&
	       SSL_CTX_set1_groups_list(ctx, "X25519") &&
	       SSL_CTX_set1_sigalgs_list(ctx, "ed25519") &&
	       SSL_CTX_set_alpn_protos(ctx, alpn, ALPN_BYTES) == 0;
}

static bool set_up(SSL_CTX *ctx, const struct lr_identity *id)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_AUTO_RETRY |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(
		ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any_cb, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, alpn_cb, NULL);
	/* Ours are about 300 bytes, a pool's 1.9 KiB at most. */
	SSL_CTX_set_max_cert_list(ctx, 4096);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, LR_LINK_RX);
	return SSL_CTX_set_num_tickets(ctx, 0) && set_algorithms(ctx) &&
	       SSL_CTX_use_certificate(ctx, id->cert) == 1 &&
	       SSL_CTX_use_PrivateKey(ctx, id->key) == 1;
}

static SSL_CTX *new_ctx(const struct lr_identity *id)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_method());
	if (ctx && set_up(ctx, id))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

struct lr_tls *lr_tls_new(const struct lr_identity *id)
{
	struct lr_tls *tls = calloc(1, sizeof *tls);

	if (!tls || uv_mutex_init(&tls->lock) != 0) {
		free(tls);
		return NULL;
	}
	tls->ctx = new_ctx(id);
	if (!tls->ctx) {
		lr_tls_free(tls);
		return NULL;
	}
	return tls;
}

bool lr_tls_renew(struct lr_tls *tls, const struct lr_identity *id)
{
	SSL_CTX *ctx = new_ctx(id), *was;

	if (!ctx)
		return false;
	uv_mutex_lock(&tls->lock);
	was = tls->ctx;
	tls->ctx = ctx;
	uv_mutex_unlock(&tls->lock);
	SSL_CTX_free(was); /* its sessions hold it, too */
	return true;
}

void lr_tls_free(struct lr_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	uv_mutex_destroy(&tls->lock);
	free(tls);
}

SSL *lr_tls_session(struct lr_tls *tls)
{
	SSL *ssl;

	ERR_clear_error();
	uv_mutex_lock(&tls->lock);
	ssl = SSL_new(tls->ctx);
	uv_mutex_unlock(&tls->lock);
	return ssl;
}
