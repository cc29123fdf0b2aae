/* SPDX-License-Identifier: Apache-2.0 */
/* hog KEY HOST:PORT LINKS [idle | clear]: an admitted device that asks for
 * much and reads nothing. Opens LINKS links to a donor, one after the other,
 * asks on each for the whole view 60 times (idle: for nothing; clear: for
 * nothing but to go on without TLS), says "ready", and keeps them until it is
 * killed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/terms.h"
#include "net/identity.h"
#include "net/link.h"
#include "wire/version.h"

#define ASKS 60

static struct hog {
	uv_loop_t loop;
	struct lr_tls *tls;
	const char *addr;
	unsigned links, opened, lost;
	bool idle, clear;
} h;

static void next(void);

static void reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	(void)link, (void)err, (void)f, (void)arg;
}

static void clear_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	(void)arg;
	if (err || f->h.type != LR_M_CLEAR_R || !lr_link_go_clear(link)) {
		fprintf(stderr, "clear: %s\n", lr_err_name(err));
		exit(1);
	}
	h.opened++;
	next();
}

static void ask_much(struct lr_link *link)
{
	struct lr_msg_view_get m = {.part = 0};

	lr_link_pause(link, true);
	for (int i = 0; i < ASKS; i++)
		LR_REQUEST(link, VIEW_GET, view_get, &m, NULL, 3600000,
			   reply_cb, NULL);
}

static void hello_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_msg_clear clear = {0};

	(void)arg;
	if (err || f->h.type != LR_M_WELCOME) {
		fprintf(stderr, "hello: %s\n", lr_err_name(err));
		exit(1);
	}
	if (h.clear) {
		LR_REQUEST(link, CLEAR, clear, &clear, NULL, 20000, clear_cb,
			   NULL);
		return;
	}
	if (!h.idle)
		ask_much(link);
	h.opened++;
	next();
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
	h.lost++;
	fprintf(stderr, "lost %u: %s\n", h.lost, lr_err_name(why));
}

static const struct lr_link_ops ops = {.close_cb = close_cb};

static void open_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_msg_hello m = {.proto_min = lr_proto_min,
				 .proto_max = lr_proto_max,
				 .role = LR_LINK_REQUESTER};

	(void)arg;
	m.name = m.version = m.site = m.addrs = lr_str("");
	if (!link) { /* turned away: again */
		fprintf(stderr, "open: %s\n", lr_err_name(why));
		next();
		return;
	}
	LR_REQUEST(link, HELLO, hello, &m, NULL, 20000, hello_cb, NULL);
}

static void next(void)
{
	struct lr_link_options opt = {.tls = h.tls};

	if (h.opened == h.links) {
		puts("ready");
		fflush(stdout);
		return;
	}
	if (!lr_dial_start(&h.loop, h.addr, &opt, &ops, NULL, open_cb, NULL))
		exit(1);
}

int main(int argc, char **argv)
{
	struct lr_identity *id;
	char why[256];

	if (argc < 4 || lr_identity_open(argv[1], &id, why, sizeof why)) {
		fprintf(stderr, "usage: hog KEY HOST:PORT LINKS "
				"[idle | clear]\n");
		return 2;
	}
	h.idle = argc > 4 && !strcmp(argv[4], "idle");
	h.clear = argc > 4 && !strcmp(argv[4], "clear");
	h.addr = argv[2];
	h.links = (unsigned)atoi(argv[3]);
	h.tls = lr_tls_new(id);
	uv_loop_init(&h.loop);
	next();
	return uv_run(&h.loop, UV_RUN_DEFAULT);
}
