/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that do not keep to the protocol. */
#include "tests/unit/net_kit.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kit kit;

/* --- in clear --- */

static void put_header(int fd, unsigned type, uint32_t bulk, unsigned meta)
{
	uint8_t b[LR_HEADER_BYTES];
	struct lr_header h = {.type = (uint16_t)type,
			      .bulk = bulk,
			      .meta = (uint16_t)meta,
			      .req = 1};

	lr_enc_header(b, &h);
	assert_int_equal(send(fd, b, sizeof b, MSG_NOSIGNAL), sizeof b);
}

static int raw_pair(enum kit_kind kind)
{
	int fd;

	kit_listen(&kit, kind);
	fd = kit_raw(&kit);
	KIT_UNTIL(&kit, kit.server.opened);
	return fd;
}

/* Reads to the end; how much came. */
static size_t read_to_end(int fd, uint8_t *buf, size_t cap)
{
	size_t have = 0;
	ssize_t n;

	while ((n = recv(fd, buf + have, cap - have, 0)) > 0)
		have += (size_t)n;
	return have;
}

static void expect_protocol_error(unsigned type, uint32_t bulk, unsigned meta)
{
	uint8_t buf[1000];
	struct lr_header h;
	struct lr_msg_error m;
	int fd = raw_pair(KIT_CLEAR);

	put_header(fd, type, bulk, meta);
	KIT_UNTIL(&kit, !lr_link_is_open(kit.server.link));
	shutdown(fd, SHUT_WR);
	KIT_UNTIL(&kit, kit.server.closed);
	assert_int_equal(kit.server.why, LR_E_PROTOCOL);
	assert_int_equal(kit.server.frames, 0);
	assert_true(read_to_end(fd, buf, sizeof buf) > LR_HEADER_BYTES);
	assert_true(lr_dec_header(buf, &h));
	assert_int_equal(h.type, LR_M_ERROR);
	assert_true(lr_dec_error(buf + LR_HEADER_BYTES, h.meta, &m));
	assert_int_equal(m.err, LR_E_PROTOCOL);
	close(fd);
	kit_done(&kit);
}

/* A header that promises too much gets a coded error and the link closes,
 * before anything is allocated for it. */
static void test_bad_headers(void **state)
{
	(void)state;
	expect_protocol_error(LR_M_PUT, LR_BULK_MAX + 1, 0);
	expect_protocol_error(LR_M_PUT, UINT32_MAX, 0);
	expect_protocol_error(LR_M_PING, 1, 8);
	expect_protocol_error(LR_M_PUT, 0, LR_META_MAX + 1);
	expect_protocol_error(0, 0, 0);
	expect_protocol_error(65535, LR_BULK_MAX + 1, 0);
	expect_protocol_error(65535, 0, LR_META_MAX + 1);
}

static void put_unknown(int fd, uint64_t req)
{
	struct lr_header h = {.type = 60000, .req = req, .meta = 3, .bulk = 5};
	uint8_t b[LR_HEADER_BYTES + 8] = {0};

	lr_enc_header(b, &h);
	assert_int_equal(send(fd, b, sizeof b, 0), sizeof b);
}

/* What a newer version pushes is passed over, what it asks is answered: with
 * who is to be upgraded. The link goes on. */
static void test_newer(void **state)
{
	uint8_t buf[1000];
	struct lr_header h;
	struct lr_msg_error m;
	int fd = raw_pair(KIT_CLEAR);

	(void)state;
	put_unknown(fd, 0);
	put_unknown(fd, 77);
	put_header(fd, LR_M_PUT, 0, 0);
	KIT_UNTIL(&kit, kit.server.frames == 1);
	shutdown(fd, SHUT_WR);
	KIT_UNTIL(&kit, kit.server.closed);
	assert_true(read_to_end(fd, buf, sizeof buf) > LR_HEADER_BYTES);
	assert_true(lr_dec_header(buf, &h));
	assert_int_equal(h.type, LR_M_ERROR);
	assert_int_equal(h.req, 77);
	assert_true(lr_dec_error(buf + LR_HEADER_BYTES, h.meta, &m));
	assert_int_equal(m.err, LR_E_VERSION);
	assert_non_null(memmem(m.text.p, m.text.n, "message 60000", 13));
	close(fd);
	kit_done(&kit);
}

static void version_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	(void)link;
	assert_null(f);
	*(enum lr_err *)arg = err;
}

/* An answer that we cannot read is one of another version, and no text. */
static void test_newer_answer(void **state)
{
	struct lr_msg_ping ping = {1};
	enum lr_err err = LR_E_OK;
	int fd = raw_pair(KIT_CLEAR);
	uint8_t buf[100];
	struct lr_header h;

	(void)state;
	LR_REQUEST(kit.server.link, PING, ping, &ping, NULL, 60000, version_cb,
		   &err);
	KIT_UNTIL(&kit, recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0);
	assert_true(lr_dec_header(buf, &h));
	put_unknown(fd, h.req);
	KIT_UNTIL(&kit, err != LR_E_OK);
	assert_int_equal(err, LR_E_VERSION);
	close(fd);
	kit_done(&kit);
}

/* A frame over the link's own limit closes it; one at the limit passes, also
 * when it comes in pieces. */
static void test_own_limit(void **state)
{
	static uint8_t bytes[9000];
	int fd = raw_pair(KIT_CLEAR);

	(void)state;
	lr_link_set_bulk_max(kit.server.link, 9000);
	put_header(fd, LR_M_PUT, 9000, 0);
	assert_int_equal(send(fd, bytes, 100, 0), 100);
	kit_turn(&kit);
	assert_int_equal(send(fd, bytes, 8900, 0), 8900);
	KIT_UNTIL(&kit, kit.server.frames == 1);
	put_header(fd, LR_M_PUT, 9001, 0);
	KIT_UNTIL(&kit, !lr_link_is_open(kit.server.link));
	close(fd);
	kit_done(&kit);
	assert_int_equal(kit.server.why, LR_E_PROTOCOL);
}

static void check_torn(struct kit_side *side, const struct lr_frame *f)
{
	(void)side;
	assert_int_equal(f->h.meta, 5);
	assert_int_equal(f->h.bulk, 20);
	assert_memory_equal(f->meta, "01234", 5);
	assert_true(kit_check(f->bulk, 20, 4));
}

static void torn_frame(uint8_t *b)
{
	struct lr_header h = {.type = LR_M_PUT, .meta = 5, .bulk = 20};

	lr_enc_header(b, &h);
	memcpy(b + LR_HEADER_BYTES, "01234", 5);
	kit_fill(b + LR_HEADER_BYTES + 5, 20, 4);
}
#define TORN_BYTES (LR_HEADER_BYTES + 5 + 20)

/* Frames that come one byte at a time are put together. */
static void test_torn(void **state)
{
	uint8_t b[TORN_BYTES];
	int fd = raw_pair(KIT_CLEAR);

	(void)state;
	kit.server.on_frame = check_torn;
	torn_frame(b);
	for (unsigned round = 1; round <= 3; round++) {
		for (size_t i = 0; i < sizeof b; i++) {
			assert_int_equal(kit.server.frames, round - 1);
			assert_int_equal(send(fd, b + i, 1, 0), 1);
			uv_run(&kit.loop, UV_RUN_NOWAIT);
			uv_run(&kit.loop, UV_RUN_NOWAIT);
		}
		KIT_UNTIL(&kit, kit.server.frames == round);
	}
	close(fd);
	kit_done(&kit);
}

/* A peer that goes away in the middle of a frame: CLOSED, no frame. */
static void test_cut(void **state)
{
	int fd = raw_pair(KIT_UNIX);

	(void)state;
	put_header(fd, LR_M_PUT, 200000, 10);
	assert_int_equal(send(fd, "0123456789xyz", 13, 0), 13);
	kit_turn(&kit);
	close(fd);
	KIT_UNTIL(&kit, kit.server.closed);
	assert_int_equal(kit.server.why, LR_E_CLOSED);
	assert_int_equal(kit.server.frames, 0);
	kit_done(&kit);
}

/* A reset while requests are outstanding, and while we send. */
static void test_reset(void **state)
{
	static uint8_t bytes[100000];
	struct linger hard = {.l_onoff = 1};
	struct lr_bulk bulk = {.p = bytes, .len = sizeof bytes};
	int fd = raw_pair(KIT_CLEAR);

	(void)state;
	for (int i = 0; i < 100; i++)
		lr_link_send(kit.server.link, LR_M_PUT, 0, NULL, 0, &bulk);
	kit_turn(&kit);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(fd);
	KIT_UNTIL(&kit, kit.server.closed);
	assert_int_equal(kit.server.why, LR_E_CLOSED);
	kit_done(&kit);
}

/* --- TLS
 * ------------------------------------------------------------------------ */

struct stranger {
	uv_thread_t thread;
	int fd;
	bool no_cert, no_alpn, tls12, other_key, torn;
	_Atomic bool done;
	bool talked; /* a byte of ours was answered, or the end was clean */
};

static bool own_cert(SSL_CTX *ctx, bool other_key)
{
	EVP_PKEY *key = other_key ? EVP_EC_gen("P-256")
				  : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *cert = X509_new();
	bool ok;

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	ok = X509_sign(cert, key, other_key ? EVP_sha256() : NULL) > 0 &&
	     SSL_CTX_use_certificate(ctx, cert) == 1 &&
	     SSL_CTX_use_PrivateKey(ctx, key) == 1;
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok;
}

static void talk(struct stranger *s, SSL *ssl)
{
	uint8_t b[TORN_BYTES];

	torn_frame(b);
	if (SSL_connect(ssl) != 1)
		return;
	for (size_t i = 0; i < sizeof b; i++)
		if (SSL_write(ssl, b + i, 1) != 1)
			return;
	s->talked = SSL_read(ssl, b, 1) == 1;
}

/* A client that is not ours, on a thread of its own, blocking. */
static void stranger_main(void *arg)
{
	struct stranger *s = arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	if (s->tls12)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	if (!s->no_alpn)
		SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\x08lanram/1",
					9);
	if (s->no_cert || own_cert(ctx, s->other_key)) {
		ssl = SSL_new(ctx);
		SSL_set_fd(ssl, s->fd);
		talk(s, ssl);
		SSL_free(ssl);
	}
	SSL_CTX_free(ctx);
	close(s->fd);
	s->done = true;
}

static void answer_byte(struct kit_side *side, const struct lr_frame *f)
{
	check_torn(side, f);
	lr_link_send(side->link, LR_M_PUT_R, 0, NULL, 0, NULL);
}

static bool let_in(struct stranger s)
{
	signal(SIGPIPE, SIG_IGN); /* the stranger's, not ours */
	kit_listen(&kit, KIT_TLS);
	kit.server.on_frame = answer_byte;
	s.fd = kit_raw(&kit);
	assert_int_equal(uv_thread_create(&s.thread, stranger_main, &s), 0);
	KIT_UNTIL(&kit, s.done);
	uv_thread_join(&s.thread);
	KIT_UNTIL(&kit, !kit.server.link);
	assert_int_equal(kit.accepted, s.talked);
	kit_done(&kit);
	return s.talked;
}

/* Only TLS 1.3 with a certificate of an Ed25519 key and our ALPN gets in; the
 * same client with all of these does, though its records hold a byte each. */
static void test_strangers(void **state)
{
	(void)state;
	assert_true(let_in((struct stranger){.fd = -1}));
	assert_false(let_in((struct stranger){.tls12 = true}));
	assert_false(let_in((struct stranger){.no_cert = true}));
	assert_false(let_in((struct stranger){.no_alpn = true}));
	assert_false(let_in((struct stranger){.other_key = true}));
}

/* The pinned key is the only one accepted. */
static void test_pinned(void **state)
{
	struct lr_dev other;

	(void)state;
	kit_listen(&kit, KIT_TLS);
	other = *lr_identity_dev(kit.id[0]);
	kit_connect(&kit, &other);
	KIT_UNTIL(&kit, kit.client.opened);
	kit_done(&kit);

	kit_listen(&kit, KIT_TLS);
	kit_connect(&kit, &other);
	KIT_UNTIL(&kit, kit.client.closed);
	assert_int_equal(kit.client.why, LR_E_WRONG_PEER);
	assert_int_equal(kit.client.opened, 0);
	kit_done(&kit);
}

/* Garbage, nothing, or a cut instead of a handshake: never accepted. */
static void test_no_handshake(void **state)
{
	static const char *const said[] = {"GET / HTTP/1.0\r\n\r\n", "",
					   "\x16\x03\x01\x02"};
	uint8_t buf[1000];
	int fd;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		kit_listen(&kit, KIT_TLS);
		fd = kit_raw(&kit);
		assert_int_equal(send(fd, said[i], strlen(said[i]), 0),
				 strlen(said[i]));
		kit_turn(&kit);
		shutdown(fd, SHUT_WR);
		for (int turn = 0; turn < 5; turn++)
			kit_turn(&kit);
		read_to_end(fd, buf, sizeof buf);
		close(fd);
		kit_done(&kit);
		assert_int_equal(kit.accepted, 0);
	}
}

/* A server that speaks no TLS: PROTOCOL. */
static void test_no_tls_there(void **state)
{
	struct lr_link_options opt = {0};
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	int fd = socket(AF_INET, SOCK_STREAM, 0), in;

	(void)state;
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	kit_listen(&kit, KIT_TLS);
	opt.tls = kit.tls[1];
	kit.client.link = lr_link_connect(&kit.loop, (struct sockaddr *)&ss,
					  &opt, &kit_ops, &kit.client);
	in = accept(fd, NULL, NULL);
	assert_int_equal(send(in, "SSH-2.0-OpenSSH_9.2p1\r\n", 23, 0), 23);
	KIT_UNTIL(&kit, kit.client.closed);
	assert_int_equal(kit.client.why, LR_E_PROTOCOL);
	close(in);
	close(fd);
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_newer_answer),
		cmocka_unit_test(test_own_limit),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_no_handshake),
		cmocka_unit_test(test_no_tls_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
