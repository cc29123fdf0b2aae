/* SPDX-License-Identifier: Apache-2.0 */
/* The frame parser where it lives, in a link: bytes arrive on a socket in
 * pieces of any size, with requests of ours outstanding. Whatever comes, every
 * frame handed over keeps the limits, every request hears once, and the link
 * ends with one close_cb. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/identity.h"
#include "net/link_i.h"

#define ASKED 3

static struct world {
	uv_loop_t loop;
	struct lr_identity *id;
	struct lr_tls *tls;
	struct lr_link *link;
	unsigned opened, closed, heard;
	uint32_t bulk_max;
	size_t written, handed;
	bool ready;
} w;

static void heard_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	(void)link;
	(void)arg;
	FUZZ_CHECK(err != LR_E_OK || f);
	if (f)
		w.handed += LR_HEADER_BYTES + f->h.meta + f->h.bulk;
	w.heard++;
}

static void open_cb(struct lr_link *link, void *arg)
{
	struct lr_msg_ping ping = {.token = 1};

	(void)arg;
	w.opened++;
	lr_link_set_bulk_max(link, w.bulk_max);
	for (unsigned i = 0; i < ASKED; i++)
		LR_REQUEST(link, PING, ping, &ping, NULL, 5000, heard_cb, NULL);
}

static uint8_t touch(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum;
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	static volatile uint8_t sum;

	(void)arg;
	FUZZ_CHECK(!w.closed);
	FUZZ_CHECK(f->h.meta <= LR_META_MAX && f->h.bulk <= w.bulk_max &&
		   f->h.bulk <= lr_msg_bulk_max(f->h.type));
	w.handed += LR_HEADER_BYTES + f->h.meta + f->h.bulk;
	sum = touch(f->meta, f->h.meta);
	sum = touch(f->bulk, f->h.bulk);
	(void)sum;
	if (f->h.req)
		lr_link_send_error(link, f->h.req, LR_E_USAGE, "no");
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link;
	(void)why;
	(void)arg;
	w.closed++;
	w.link = NULL;
}

static const struct lr_link_ops ops = {open_cb, frame_cb, close_cb, NULL};

static void make_world(void)
{
	uv_loop_init(&w.loop);
	FUZZ_CHECK(lr_identity_make(&w.id) == LR_E_OK);
	w.tls = lr_tls_new(w.id);
	FUZZ_CHECK(w.tls);
	w.ready = true;
}

static void turn(int fd)
{
	uint8_t trash[4096];

	uv_run(&w.loop, UV_RUN_NOWAIT);
	while (recv(fd, trash, sizeof trash, MSG_DONTWAIT) > 0)
		;
}

static void put(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;
	unsigned tries = 0;
	ssize_t r;

	while (n && w.link && tries < 100) {
		r = send(fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn(fd);
		if (r < 0) {
			tries++;
			continue;
		}
		w.written += (size_t)r;
		at += r;
		n -= (size_t)r;
	}
}

/* A byte says how many follow; 255: that many KiB of zeros. */
static void feed(int fd, struct fuzz_in *in)
{
	static const uint8_t zeros[1024];
	size_t n;

	while (in->left && w.link) {
		if (*in->p != 255) {
			const uint8_t *p = fuzz_piece(in, 254, &n);

			put(fd, p, n);
			continue;
		}
		fuzz_int(in, 1);
		for (n = fuzz_int(in, 1); n; n--)
			put(fd, zeros, sizeof zeros);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};
	struct sockaddr addr = {.sa_family = AF_UNIX};
	struct lr_link_options opt = {.connect_ms = 5000};
	uint8_t flags;
	int fd[2];

	if (!w.ready)
		make_world();
	flags = (uint8_t)fuzz_int(&in, 1);
	w.opened = w.closed = w.heard = 0;
	w.written = w.handed = 0;
	w.bulk_max = flags & 2 ? LR_BULK_MAX : 1024u << (flags >> 6);
	opt.tls = flags & 1 ? w.tls : NULL;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	w.link = lr_link_accepted(&w.loop, fd[0], &addr, &opt, &ops, NULL);
	FUZZ_CHECK(w.link);
	turn(fd[1]);
	feed(fd[1], &in);
	close(fd[1]);
	if (w.link && flags & 4)
		lr_link_close(w.link, LR_E_OK);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	FUZZ_CHECK(w.closed == 1);
	FUZZ_CHECK(w.heard == (w.opened ? ASKED : 0));
	FUZZ_CHECK(w.handed <= w.written);
	return 0;
}
