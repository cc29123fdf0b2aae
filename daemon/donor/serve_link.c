/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked about a data link itself, and of the view: HELLO, CLEAR, PING,
 * VIEW_GET. */
#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "daemon/hello.h"

static void serve_hello(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_shard *s = l->s;
	const struct lr_dev *peer = lr_link_peer(l->link);
	const struct lr_device *d = lr_shard_device(s, peer);
	struct lr_msg_hello h;
	struct lr_msg_welcome w = { .pool = s->pool,
				    .inc = s->o.inc,
				    .run = s->rx->view.run,
				    .epoch = s->rx->view.epoch,
				    .admitted = 1,
				    .pool_name = lr_str(""),
				    .name = lr_str(s->o.name),
				    .version = lr_str(PACKAGE_VERSION) };

	w.proto = lr_hello_take(s->o.refusals, l->link, f, "donor", &h);
	if (!w.proto)
		return;
	l->roles = d ? d->roles : 0;
	l->dev = d ? d->dev : *peer;
	l->copies = h.role == LR_LINK_COPY;
	if (l->copies)
		lr_link_set_turn(l->link, LR_COPY_TURN);
	if (!l->roles) {
		lr_refuse(s->o.refusals, LR_REFUSED_ADMISSION);
		lr_link_send_error(l->link, f->h.req, LR_E_NOT_ADMITTED,
				   "this device is not in the pool");
		lr_link_close(l->link, LR_E_OK);
	} else {
		lr_link_trust(l->link);
		LR_SEND(l->link, WELCOME, welcome, f->h.req, &w, NULL);
	}
}

/* As the pool chose; a client that believes otherwise goes on with TLS. */
static void serve_clear(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_msg_clear m;
	struct lr_msg_clear_r r = { .err = LR_E_OK };

	if (!lr_dec_clear(f->meta, f->h.meta, &m)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
	} else if (!l->s->clear) {
		lr_link_send_error(l->link, f->h.req, LR_E_PERMISSION,
				   "this pool encrypts its links");
	} else {
		LR_SEND(l->link, CLEAR_R, clear_r, f->h.req, &r, NULL);
		lr_link_go_clear(l->link);
	}
}

static void serve_ping(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_msg_ping m;
	struct lr_msg_ping_r r = { .inc = l->s->o.inc };

	if (!lr_dec_ping(f->meta, f->h.meta, &m))
		return;
	r.token = m.token;
	LR_SEND(l->link, PING_R, ping_r, f->h.req, &r, NULL);
}

static void serve_view(struct lr_shard_link *l, const struct lr_frame *f)
{
	const struct lr_view *v = &l->s->rx->view;
	static _Thread_local uint8_t buf[LR_VALUE_MAX];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_view_enc enc;
	struct lr_msg_view_get m;
	struct lr_msg_view r = { v->run, v->rev, v->epoch, 0, 0 };
	struct lr_bulk bulk = { .p = buf };

	lr_view_enc_whole(&enc, v);
	r.parts = (uint16_t)lr_view_enc_parts(&enc, sizeof buf);
	if (!lr_dec_view_get(f->meta, f->h.meta, &m) || !v->run ||
	    m.part >= r.parts) {
		lr_link_send_error(l->link, f->h.req, LR_E_BUSY, "no view yet");
		return;
	}
	lr_view_enc_skip(&enc, m.part, sizeof buf);
	lr_view_enc_next(&enc, &w);
	r.part = m.part;
	bulk.len = w.len;
	LR_SEND(l->link, VIEW, view, f->h.req, &r, &bulk);
}

bool lr_shard_serve_link(struct lr_shard_link *l, const struct lr_frame *f)
{
	switch (f->h.type) {
	case LR_M_HELLO:
		serve_hello(l, f);
		return true;
	case LR_M_PING:
		serve_ping(l, f);
		return true;
	case LR_M_CLEAR:
		serve_clear(l, f);
		return true;
	case LR_M_VIEW_GET:
		serve_view(l, f);
		return true;
	}
	return false;
}
