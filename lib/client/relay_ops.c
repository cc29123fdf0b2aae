/* SPDX-License-Identifier: Apache-2.0 */
/* Operations through a daemon's socket, from the call to the callback: begun,
 * out of time, over. Their callbacks come with lr_relay_drain. */
#include "client/relay_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/entry_msg.h"
#include "core/list.h"
#include "core/op.h"
#include "core/sum.h"

/* --- ending --------------------------------------------------------------- */

void lr_relay_op_free(struct lr_relay_op *o)
{
	struct lr_relay *r = o->r;

	free(o->meta);
	free(o);
	lr_relay_drop(r);
}

static void reason(const struct lr_relay *r, enum lr_err err, char *out,
		   size_t cap)
{
	const char *base = strrchr(r->addr.sun_path, '/');
	int n;

	base = base ? base + 1 : r->addr.sun_path;
	n = (int)strcspn(base, ".");
	if (r->apart[0])
		snprintf(out, cap, "%s", r->apart);
	else if (err == LR_E_NO_DAEMON)
		snprintf(out, cap,
			 "the local daemon is not running (%s). sudo systemctl "
			 "start lanram-%.*s",
			 r->addr.sun_path, n, base);
	else if (err == LR_E_PERMISSION)
		snprintf(out, cap, "not permitted to use %s", r->addr.sun_path);
	else
		snprintf(out, cap,
			 "the local daemon (%s) did not answer in "
			 "time",
			 r->addr.sun_path);
}

/* Ends without a reply. */
static void end(struct lr_relay_op *o)
{
	char text[512];
	struct lr_entry_result res = {.err = o->err, .text = text};
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_msg_error m = {.err = (uint16_t)o->err};
	struct lr_frame f = {.h.type = LR_M_ERROR, .meta = meta};

	reason(o->r, o->err, text, sizeof text);
	if (o->entry_cb) {
		o->entry_cb(o->arg, &res);
	} else {
		m.text = lr_str(text);
		lr_enc_error(&w, &m);
		f.h.meta = (uint16_t)w.len;
		o->ask_cb(o->arg, o->err, &f);
	}
	lr_relay_op_free(o);
}

void lr_relay_drain(struct lr_relay *r)
{
	struct lr_relay_op *o;

	r->alive++;
	while ((o = r->finished)) {
		LR_LIST_DEL(o);
		end(o);
	}
	lr_relay_drop(r);
}

/* Its callback comes with the next drain, once its value is free. */
void lr_relay_op_over(struct lr_relay_op *o, enum lr_err err)
{
	if (!o->over) {
		o->over = true;
		o->err = err;
		if (o->out)
			lr_link_forget(o->r->link, o->handle);
		o->out = false;
		LR_LIST_DEL(o);
	}
	if (!o->refs && !o->prev)
		LR_LIST_ADD(o->r->finished, o);
}

/* --- the clock ------------------------------------------------------------ */

static void timer_cb(uv_timer_t *timer);

void lr_relay_arm(struct lr_relay *r, uint64_t at)
{
	uint64_t now = lr_now_ms();

	if (r->closing || at >= r->timer_at)
		return;
	r->timer_at = at;
	uv_timer_start(&r->timer, timer_cb, at > now ? at - now : 0, 0);
}

/* What was sent may have been done. */
static bool is_in_doubt(const struct lr_relay_op *o)
{
	return (o->type == LR_M_PUT || o->type == LR_M_UPDATE) && o->sent;
}

void lr_relay_op_late(struct lr_relay_op *o)
{
	if (is_in_doubt(o))
		lr_relay_op_over(o, LR_E_UNKNOWN);
	else
		lr_relay_op_over(o, o->r->phase == LR_RELAY_OPEN
					    ? LR_E_TIMEOUT
					    : LR_E_NO_DAEMON);
}

static void timer_cb(uv_timer_t *timer)
{
	struct lr_relay *r = timer->data;
	struct lr_relay_op *o, *next;
	uint64_t now = lr_now_ms();

	if (r->closing)
		return;
	r->timer_at = UINT64_MAX;
	for (o = r->ops; o; o = next) {
		next = o->next;
		if (o->due_ms <= now)
			lr_relay_op_late(o);
		else
			lr_relay_arm(r, o->due_ms);
	}
	lr_relay_drain(r);
}

void lr_relay_fail(struct lr_relay *r, enum lr_err err)
{
	struct lr_relay_op *o, *next;

	for (o = r->ops; o; o = next) {
		next = o->next;
		lr_relay_op_over(o, err == LR_E_VERSION && is_in_doubt(o)
					    ? LR_E_UNKNOWN
					    : err);
	}
}

/* --- beginning ------------------------------------------------------------ */

static struct lr_relay_op *op_new(struct lr_relay *r, unsigned type,
				  unsigned deadline_ms, void *arg)
{
	struct lr_relay_op *o = calloc(1, sizeof *o);

	if (!o)
		abort(); /* there is no other way to call back */
	if (!deadline_ms)
		deadline_ms = LR_OP_DEADLINE_MS;
	o->r = r;
	o->type = type;
	o->due_ms = lr_now_ms() + deadline_ms + LR_RELAY_GRACE_MS;
	o->arg = arg;
	r->alive++;
	LR_LIST_ADD(r->ops, o);
	return o;
}

static void start(struct lr_relay_op *o)
{
	struct lr_relay *r = o->r;

	if (r->closing) {
		lr_relay_op_over(o, LR_E_CLOSED);
		return;
	}
	lr_relay_arm(r, o->due_ms);
	if (r->phase == LR_RELAY_OPEN)
		lr_relay_op_send(o);
	else if (r->phase == LR_RELAY_WAITING &&
		 !uv_is_active((uv_handle_t *)&r->redial))
		lr_relay_dial(r);
}

static void relay_put(struct lr_entries *e, const struct lr_put *p,
		      lr_entry_cb cb, void *arg)
{
	struct lr_relay_op *o =
		op_new((struct lr_relay *)e, LR_M_PUT, p->deadline_ms, arg);

	o->put = *p;
	o->sum = lr_sum(p->value, p->bytes);
	o->entry_cb = cb;
	start(o);
}

static void relay_get(struct lr_entries *e, const struct lr_id *id,
		      unsigned get_flags, unsigned deadline_ms, lr_entry_cb cb,
		      void *arg)
{
	struct lr_relay_op *o =
		op_new((struct lr_relay *)e, LR_M_GET, deadline_ms, arg);

	o->id = *id;
	o->get_flags = get_flags;
	o->entry_cb = cb;
	start(o);
}

static void relay_update(struct lr_entries *e, const struct lr_entry_update *u,
			 lr_entry_cb cb, void *arg)
{
	struct lr_relay_op *o =
		op_new((struct lr_relay *)e, LR_M_UPDATE, u->deadline_ms, arg);

	o->update = *u;
	o->sum = lr_sum(u->value, u->bytes);
	o->entry_cb = cb;
	start(o);
}

static void relay_ask(struct lr_entries *e, unsigned type, const void *meta,
		      size_t len, unsigned deadline_ms, lr_ask_cb cb, void *arg)
{
	struct lr_relay_op *o =
		op_new((struct lr_relay *)e, type, deadline_ms, arg);

	o->meta = malloc(len + 1);
	if (!o->meta)
		abort();
	memcpy(o->meta, meta, len);
	o->len = len;
	o->ask_cb = cb;
	start(o);
}

const struct lr_entries_ops lr_relay_entries_ops = {
	relay_put, relay_get, relay_update, relay_ask, lr_relay_close};
