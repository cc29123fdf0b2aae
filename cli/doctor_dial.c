/* SPDX-License-Identifier: Apache-2.0 */
/* One connection for each address, all at once:
 *
 *   1 connect, handshake; the key is the one that is expected, or noted
 *   2 with `hello`: HELLO as a device that nobody knows, which asks for
 *     nothing; WELCOME tells who is there, ERROR why it speaks to nobody
 *   3 closed; after CONNECT_MS and HELLO_MS at the latest */
#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>

#include "net/identity.h"
#include "net/link.h"
#include "wire/version.h"

#define CONNECT_MS 2000u
#define HELLO_MS   2000u

struct attempt {
	struct doctor *d;
	struct doctor_dial *dial;
	struct lr_link *link;
	uint64_t begin;
};

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct attempt *a = arg;

	(void)why;
	if (a && a->link == link)
		a->link = NULL;
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	(void)link, (void)f, (void)arg;
}

static const struct lr_link_ops ops = {.frame_cb = frame_cb,
				       .close_cb = close_cb};

static void welcome_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct attempt *a = arg;
	struct lr_msg_welcome w;
	struct lr_msg_error m;

	if (f && f->h.type == LR_M_WELCOME &&
	    lr_dec_welcome(f->meta, f->h.meta, &w)) {
		a->dial->welcomed = true;
		lr_str_copy(w.name, a->dial->name, sizeof a->dial->name);
		lr_str_copy(w.version, a->dial->version,
			    sizeof a->dial->version);
		lr_str_copy(w.pool_name, a->dial->pool, sizeof a->dial->pool);
	} else if (f && f->h.type == LR_M_ERROR &&
		   lr_dec_error(f->meta, f->h.meta, &m)) {
		a->dial->err = err;
		lr_str_copy(m.text, a->dial->text, sizeof a->dial->text);
	} else {
		a->dial->err = err ? err : LR_E_PROTOCOL;
	}
	if (!err || f)
		lr_link_close(link, LR_E_CLOSED);
}

static void greet(struct attempt *a)
{
	struct lr_msg_hello m = {
		.proto_min = lr_proto_min,
		.proto_max = lr_proto_max,
		.role = LR_LINK_REQUESTER,
		.dev = *lr_identity_dev(a->d->identity),
		.name = lr_str(a->d->c->cfg.name),
		.version = lr_str(PACKAGE_VERSION),
		.site = lr_str(""),
		.addrs = lr_str(""),
	};

	LR_REQUEST(a->link, HELLO, hello, &m, NULL, HELLO_MS, welcome_cb, a);
}

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct attempt *a = arg;

	a->dial->err = link ? LR_E_OK : why;
	a->dial->us = (unsigned)((uv_hrtime() - a->begin) / 1000);
	if (!link)
		return;
	a->link = link;
	a->dial->key = *lr_link_peer(link);
	snprintf(a->dial->reached, sizeof a->dial->reached, "%s",
		 lr_link_address(link));
	if (a->dial->hello)
		greet(a);
	else
		lr_link_close(link, LR_E_CLOSED);
}

void doctor_dial(struct doctor *d, struct doctor_dial *dials, size_t n)
{
	struct attempt a[64];

	n = n < 64 ? n : 64;
	for (size_t i = 0; i < n; i++) {
		struct lr_link_options opt = {.tls = d->tls,
					      .peer = dials[i].peer,
					      .connect_ms = CONNECT_MS};

		a[i] = (struct attempt){d, &dials[i], NULL, uv_hrtime()};
		dials[i].err = LR_E_UNREACHABLE;
		lr_dial_start(&d->loop, dials[i].address, &opt, &ops, &a[i],
			      dialled_cb, &a[i]);
	}
	uv_run(&d->loop, UV_RUN_DEFAULT);
}

const char *doctor_why(enum lr_err err)
{
	switch (err) {
	case LR_E_REFUSED:
		return "refused: nothing listens there";
	case LR_E_TIMEOUT:
		return "no answer: packets are dropped on the way, or the "
		       "machine is off";
	case LR_E_WRONG_PEER:
		return "somebody else's key answers";
	case LR_E_PERMISSION:
		return "not permitted: a firewall on this machine drops what "
		       "goes out";
	default:
		return lr_err_text(err);
	}
}

size_t doctor_split(const char *addrs, struct doctor_dial *out, size_t cap)
{
	size_t n = 0, len;

	for (; *addrs && n < cap; addrs += len + (addrs[len] == ',')) {
		len = strcspn(addrs, ",");
		memset(&out[n], 0, sizeof out[n]);
		snprintf(out[n].address, sizeof out[n].address, "%.*s",
			 (int)len, addrs);
		n += len > 0;
	}
	return n;
}
