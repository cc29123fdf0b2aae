/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net_kit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- sides --- */

static void open_cb(struct lr_link *link, void *arg)
{
	struct kit_side *side = arg;

	assert_ptr_equal(link, side->link);
	side->opened++;
	if (side->on_open)
		side->on_open(side);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	struct kit_side *side = arg;

	assert_ptr_equal(link, side->link);
	assert_int_equal(side->closed, 0);
	side->frames++;
	side->last = (struct lr_frame){.h = f->h};
	if (side->on_frame)
		side->on_frame(side, f);
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct kit_side *side = arg;

	assert_ptr_equal(link, side->link);
	side->closed++;
	side->why = why;
	side->link = NULL;
}

static void drain_cb(struct lr_link *link, void *arg)
{
	struct kit_side *side = arg;

	(void)link;
	side->drained++;
	if (side->on_drain)
		side->on_drain(side);
}

const struct lr_link_ops kit_ops = {open_cb, frame_cb, close_cb, drain_cb};

/* --- the loop --- */

static void stop_cb(uv_timer_t *timer)
{
	(void)timer;
}

void kit_turn(struct kit *k)
{
	uv_timer_t timer;

	uv_timer_init(&k->loop, &timer);
	uv_timer_start(&timer, stop_cb, 20, 0);
	uv_run(&k->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&k->loop, UV_RUN_NOWAIT);
}

static void accept_cb(struct lr_link *link, void *arg)
{
	struct kit *k = arg;

	k->accepted++;
	if (k->server.link) {
		lr_link_close(link, LR_E_BUSY);
		return;
	}
	k->server.link = link;
	k->server.opened++;
	lr_link_set_ops(link, &kit_ops, &k->server);
	if (k->server.on_open)
		k->server.on_open(&k->server);
}

static void make_tls(struct kit *k)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lr_identity_make(&k->id[i]), LR_E_OK);
		k->tls[i] = lr_tls_new(k->id[i]);
		assert_non_null(k->tls[i]);
	}
}

void kit_relisten(struct kit *k, const char *where)
{
	struct lr_tls *tls = k->kind == KIT_TLS ? k->tls[0] : NULL;
	char why[256] = "";

	lr_listener_close(k->listener);
	if (lr_listen(&k->loop, where, 0600, tls, NULL, accept_cb, k,
		      &k->listener, why, sizeof why) != LR_E_OK)
		fail_msg("%s", why);
}

void kit_listen(struct kit *k, enum kit_kind kind)
{
	static unsigned count;

	memset(k, 0, sizeof *k);
	k->kind = kind;
	assert_int_equal(uv_loop_init(&k->loop), 0);
	make_tls(k);
	snprintf(k->path, sizeof k->path, "/tmp/lanram-test-%ld-%u.sock",
		 (long)getpid(), count++);
	kit_relisten(k, kind == KIT_UNIX ? k->path : "127.0.0.1:0");
	snprintf(k->where, sizeof k->where, "127.0.0.1:%u",
		 (unsigned)lr_listener_port(k->listener));
}

void kit_addr(const struct kit *k, struct sockaddr_storage *ret)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof *ret);
	if (k->kind == KIT_UNIX) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof un->sun_path, "%s", k->path);
	} else {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in->sin_port = htons(lr_listener_port(k->listener));
	}
}

int kit_raw(const struct kit *k)
{
	struct sockaddr_storage ss;
	int fd;

	kit_addr(k, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss,
				 k->kind == KIT_UNIX
					 ? sizeof(struct sockaddr_un)
					 : sizeof(struct sockaddr_in)),
			 0);
	return fd;
}

void kit_connect(struct kit *k, const struct lr_dev *expect)
{
	struct lr_link_options opt = {.peer = expect, .since = k->since};
	struct sockaddr_storage ss;

	if (k->kind == KIT_TLS)
		opt.tls = k->tls[1];
	kit_addr(k, &ss);
	k->client.link = lr_link_connect(&k->loop, (struct sockaddr *)&ss, &opt,
					 &kit_ops, &k->client);
	assert_non_null(k->client.link);
	assert_int_equal(k->client.opened + k->client.closed, 0);
}

void kit_pair(struct kit *k, enum kit_kind kind)
{
	kit_listen(k, kind);
	kit_connect(k, NULL);
	KIT_UNTIL(k, k->client.opened && k->server.opened);
}

void kit_done(struct kit *k)
{
	lr_listener_close(k->listener);
	if (k->server.link)
		lr_link_close(k->server.link, LR_E_CLOSED);
	if (k->client.link)
		lr_link_close(k->client.link, LR_E_CLOSED);
	KIT_UNTIL(k, !uv_loop_alive(&k->loop));
	assert_int_equal(uv_loop_close(&k->loop), 0);
	for (int i = 0; i < 2; i++) {
		lr_tls_free(k->tls[i]);
		lr_identity_free(k->id[i]);
	}
	assert_int_not_equal(access(k->path, F_OK), 0);
}

/* --- bytes --- */

static uint32_t step(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

void kit_fill(uint8_t *p, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)step(&x);
}

bool kit_check(const uint8_t *p, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)step(&x))
			return false;
	return true;
}

static void released_cb(void *owner)
{
	struct kit_bulk *b = owner;

	b->released++;
	/* Whoever still reads it then is wrong, and seen to be. */
	free(b->bytes);
	b->bytes = NULL;
}

void kit_bulk_make(struct kit_bulk *b, size_t len, uint32_t seed)
{
	b->bytes = malloc(len ? len : 1);
	assert_non_null(b->bytes);
	kit_fill(b->bytes, len, seed);
	b->released = 0;
	b->bulk = (struct lr_bulk){b->bytes, len, released_cb, b};
}

void kit_bulk_done(struct kit_bulk *b)
{
	assert_int_equal(b->released, 1);
}
