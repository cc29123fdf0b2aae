/* SPDX-License-Identifier: Apache-2.0 */
/* An operation through a daemon's socket: its request and its reply. */
#include "client/relay_i.h"

#include "client/entry_msg.h"
#include "core/list.h"
#include "core/sum.h"

/* --- replies -------------------------------------------------------------- */

/* What the second link says was not done may have been by the first. */
static enum lr_err told(const struct lr_relay_op *o, enum lr_err err)
{
	bool object = o->type == LR_M_PUT && o->put.kind != LR_KIND_REGISTER;

	if (!err || !o->doubt || o->type == LR_M_GET)
		return err;
	if (o->type == LR_M_PUT && err == LR_E_SUPERSEDED)
		return err;
	if (object && (err == LR_E_FULL || err == LR_E_PERMISSION))
		return err; /* what there is of it is removed */
	return LR_E_UNKNOWN;
}

static void entry_error(struct lr_relay_op *o, enum lr_err err,
			const struct lr_frame *f)
{
	char text[1024] = "";
	struct lr_entry_result res = {.err = told(o, err), .text = text};
	struct lr_msg_error m;

	if (f && f->h.type == LR_M_ERROR &&
	    lr_dec_error(f->meta, f->h.meta, &m))
		lr_str_copy(m.text, text, sizeof text);
	o->entry_cb(o->arg, &res);
}

static void got(struct lr_relay_op *o, const struct lr_frame *f)
{
	struct lr_msg_get_r m;
	struct lr_entry_result res = {.text = ""};

	if (f->h.type != LR_M_GET_R || !lr_dec_get_r(f->meta, f->h.meta, &m)) {
		entry_error(o, LR_E_PROTOCOL, NULL);
		return;
	}
	res.err = lr_err_from_wire(m.err);
	res.found = m.found;
	res.kind = m.kind;
	res.tag = m.tag;
	res.expires_ms = m.expires_ms;
	if (!res.err && m.found == LR_FOUND_VALUE &&
	    !(o->get_flags & LR_GET_TAG_ONLY)) {
		res.value = f->bulk;
		res.bytes = f->h.bulk;
		if (lr_sum(f->bulk, f->h.bulk) != m.sum)
			res.err = LR_E_CORRUPT;
	}
	o->entry_cb(o->arg, &res);
}

/* A PUT or UPDATE has been answered. */
static void written(struct lr_relay_op *o, unsigned err, struct lr_str said,
		    struct lr_entry_result res)
{
	char text[1024] = "";

	lr_str_copy(said, text, sizeof text);
	res.text = text;
	res.err = told(o, lr_err_from_wire(err));
	o->entry_cb(o->arg, &res);
}

static void put_done(struct lr_relay_op *o, const struct lr_frame *f)
{
	struct lr_msg_put_r m;

	if (f->h.type != LR_M_PUT_R || !lr_dec_put_r(f->meta, f->h.meta, &m))
		entry_error(o, LR_E_PROTOCOL, NULL);
	else
		written(o, m.err, m.text,
			(struct lr_entry_result){.copies = m.copies,
						 .tag = m.tag});
}

static void update_done(struct lr_relay_op *o, const struct lr_frame *f)
{
	struct lr_msg_update_r m;

	if (f->h.type != LR_M_UPDATE_R ||
	    !lr_dec_update_r(f->meta, f->h.meta, &m))
		entry_error(o, LR_E_PROTOCOL, NULL);
	else
		written(o, m.err, m.text,
			(struct lr_entry_result){.found = m.found,
						 .tag = m.tag});
}

static void answer(struct lr_relay_op *o, enum lr_err err,
		   const struct lr_frame *f)
{
	if (o->ask_cb)
		o->ask_cb(o->arg, err, f);
	else if (err)
		entry_error(o, err, f);
	else if (o->type == LR_M_GET)
		got(o, f);
	else if (o->type == LR_M_UPDATE)
		update_done(o, f);
	else
		put_done(o, f);
}

/* A reply means that the whole request was read: its value is free. */
static void reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_relay_op *o = arg;
	struct lr_relay *r = o->r;

	(void)link;
	o->out = false;
	if (err == LR_E_CLOSED && !f && !r->closing) {
		o->doubt = true; /* sent again over the next link */
	} else if (err && !f) {
		if (r->closing)
			lr_relay_op_over(o, LR_E_CLOSED);
		else
			lr_relay_op_late(o);
		lr_relay_drain(r);
	} else {
		LR_LIST_DEL(o);
		answer(o, err, f);
		lr_relay_op_free(o);
	}
}

/* --- requests ------------------------------------------------------------- */

static void released_cb(void *owner)
{
	struct lr_relay_op *o = owner;

	o->refs--;
	if (o->over) {
		lr_relay_op_over(o, o->err);
		lr_relay_arm(o->r, 0);
	}
}

static uint64_t send_put(struct lr_relay_op *o, unsigned ms)
{
	struct lr_msg_put m = lr_put_msg(&o->put, o->sum, ms);
	struct lr_bulk bulk = {.p = o->put.value, .len = o->put.bytes};

	if (lr_bulk_lend(&bulk, released_cb, o))
		o->refs++;
	o->sent = true;
	return LR_REQUEST(o->r->link, PUT, put, &m, &bulk,
			  ms + LR_RELAY_GRACE_MS, reply_cb, o);
}

/* A second time, it is only asked about. */
static uint64_t send_update(struct lr_relay_op *o, unsigned ms)
{
	struct lr_msg_update m = lr_update_msg(&o->update, o->sent, o->sum, ms);
	struct lr_bulk bulk = {.p = o->update.value, .len = o->update.bytes};

	o->sent = true;
	return LR_REQUEST(o->r->link, UPDATE, update, &m,
			  bulk.len ? &bulk : NULL, ms + LR_RELAY_GRACE_MS,
			  reply_cb, o);
}

static uint64_t send_get(struct lr_relay_op *o, unsigned ms)
{
	struct lr_msg_get m = {
		.slot = (uint16_t)lr_id_slot(&o->id),
		.id = o->id,
		.flags = (uint8_t)o->get_flags,
		.deadline_ms = ms,
	};

	return LR_REQUEST(o->r->link, GET, get, &m, NULL,
			  ms + LR_RELAY_GRACE_MS, reply_cb, o);
}

void lr_relay_op_send(struct lr_relay_op *o)
{
	uint64_t now = lr_now_ms();
	uint64_t until = o->due_ms - LR_RELAY_GRACE_MS;
	unsigned ms = until > now ? (unsigned)(until - now) : 1;

	if (o->type == LR_M_PUT && o->entry_cb)
		o->handle = send_put(o, ms);
	else if (o->type == LR_M_GET && o->entry_cb)
		o->handle = send_get(o, ms);
	else if (o->type == LR_M_UPDATE)
		o->handle = send_update(o, ms);
	else
		o->handle =
			lr_link_request(o->r->link, o->type, o->meta, o->len,
					NULL, ms + LR_RELAY_GRACE_MS, reply_cb,
					o);
	o->out = o->handle != 0; /* else over the next link */
}
