/* SPDX-License-Identifier: Apache-2.0 */
/* Whole operations through a daemon's socket:
 *
 *   1 connect, HELLO (LOCAL), WELCOME
 *   2 what waits is sent, what comes is sent at once; replies end it
 *   3 the link breaks: outstanding operations wait (PUTs keep their tags, so
 *     that doing them twice is doing them once); connect again after 50 ms to
 *     1 s; step 2
 *
 * Nobody has ever listened: all that waits ends with NO_DAEMON at once. The
 * deadline of an operation: UNKNOWN for a PUT that was sent, NO_DAEMON if the
 * link is still away, else TIMEOUT. */
#include "client/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <xxhash.h>

#include "core/op.h"
#include "net/spin.h"

#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 1000u
#define HELLO_MS 5000u
#define GRACE_MS 1000u /* the daemon knows the deadline better than we do */
#define COPY_BYTES 4096u

enum phase { CONNECTING, GREETING, OPEN, WAITING };

struct relay_op {
	struct relay_op *next, **prev;
	struct relay *r;
	unsigned type;
	struct lr_put put;   /* PUT */
	struct lr_entry_update update;
	struct lr_id id;     /* GET */
	unsigned get_flags;
	uint8_t *meta;	     /* questions */
	size_t len;
	uint64_t sum, due_ms;
	lr_entry_cb entry_cb;
	lr_ask_cb ask_cb;
	void *arg;
	uint64_t handle; /* out; 0: waits for the link */
	bool out, sent;
	bool doubt; /* sent over a link that broke: it may be done already */
	unsigned refs; /* the value is in the link's queue */
	bool over;
	enum lr_err err; /* over, without a reply */
};

struct relay {
	struct lr_entries entries; /* first */
	uv_loop_t *loop;
	struct sockaddr_un addr;
	enum phase phase;
	struct lr_link *link;
	struct lr_spin *spin; /* or NULL */
	uv_timer_t redial, timer;
	uint64_t timer_at;
	unsigned backoff_ms;
	bool was_open; /* somebody has answered, once */
	enum lr_err refused; /* why nobody did */
	struct relay_op *ops, *finished;
	unsigned alive;
	bool closing;
};

static void drop(struct relay *r)
{
	if (--r->alive == 0)
		free(r);
}

/* --- ending ----------------------------------------------------------------------- */

static void link_in(struct relay_op **list, struct relay_op *o)
{
	o->next = *list;
	o->prev = list;
	if (o->next)
		o->next->prev = &o->next;
	*list = o;
}

static void unlink_from(struct relay_op *o)
{
	*o->prev = o->next;
	if (o->next)
		o->next->prev = o->prev;
	o->prev = NULL;
}

static void op_free(struct relay_op *o)
{
	struct relay *r = o->r;

	free(o->meta);
	free(o);
	drop(r);
}

static void reason(const struct relay *r, enum lr_err err, char *out,
		   size_t cap)
{
	const char *base = strrchr(r->addr.sun_path, '/');
	int n;

	base = base ? base + 1 : r->addr.sun_path;
	n = (int)strcspn(base, ".");
	if (err == LR_E_NO_DAEMON)
		snprintf(out, cap,
			 "the local daemon is not running (%s). sudo systemctl "
			 "start lanram-%.*s",
			 r->addr.sun_path, n, base);
	else if (err == LR_E_PERMISSION)
		snprintf(out, cap, "not permitted to use %s",
			 r->addr.sun_path);
	else
		snprintf(out, cap, "the local daemon (%s) did not answer in "
			 "time", r->addr.sun_path);
}

/* Ends without a reply. */
static void end(struct relay_op *o)
{
	char text[512];
	struct lr_entry_result res = { .err = o->err, .text = text };
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_msg_error m = { .err = (uint16_t)o->err };
	struct lr_frame f = { .h.type = LR_M_ERROR, .meta = meta };

	reason(o->r, o->err, text, sizeof text);
	if (o->entry_cb) {
		o->entry_cb(o->arg, &res);
	} else {
		m.text = lr_str(text);
		lr_enc_error(&w, &m);
		f.h.meta = (uint16_t)w.len;
		o->ask_cb(o->arg, o->err, &f);
	}
	op_free(o);
}

static void drain(struct relay *r)
{
	struct relay_op *o;

	r->alive++;
	while ((o = r->finished)) {
		unlink_from(o);
		end(o);
	}
	drop(r);
}

/* Its callback comes with the next drain, once its value is free. */
static void over(struct relay_op *o, enum lr_err err)
{
	if (!o->over) {
		o->over = true;
		o->err = err;
		if (o->out && o->handle)
			lr_link_forget(o->r->link, o->handle);
		o->out = false;
		unlink_from(o);
	}
	if (!o->refs && !o->prev)
		link_in(&o->r->finished, o);
}

/* --- the clock --------------------------------------------------------------------- */

static void timer_cb(uv_timer_t *timer);
static void redial_cb(uv_timer_t *timer);

static void arm(struct relay *r, uint64_t at)
{
	uint64_t now = uv_now(r->loop);

	if (r->closing || at >= r->timer_at)
		return;
	r->timer_at = at;
	uv_timer_start(&r->timer, timer_cb, at > now ? at - now : 0, 0);
}

static void too_late(struct relay_op *o)
{
	if ((o->type == LR_M_PUT || o->type == LR_M_UPDATE) && o->sent)
		over(o, LR_E_UNKNOWN);
	else
		over(o, o->r->phase == OPEN ? LR_E_TIMEOUT : LR_E_NO_DAEMON);
}

static void timer_cb(uv_timer_t *timer)
{
	struct relay *r = timer->data;
	struct relay_op *o, *next;
	uint64_t now = uv_now(r->loop);

	if (r->closing)
		return;
	r->timer_at = UINT64_MAX;
	for (o = r->ops; o; o = next) {
		next = o->next;
		if (o->due_ms <= now)
			too_late(o);
		else
			arm(r, o->due_ms);
	}
	drain(r);
}

static void released_cb(void *owner)
{
	struct relay_op *o = owner;

	o->refs--;
	if (o->over) {
		over(o, o->err);
		arm(o->r, 0);
	}
}

/* --- replies ------------------------------------------------------------------------- */

/* What the second link says was not done may have been by the first. */
static enum lr_err told(const struct relay_op *o, enum lr_err err)
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

static void entry_error(struct relay_op *o, enum lr_err err,
			const struct lr_frame *f)
{
	char text[1024] = "";
	struct lr_entry_result res = { .err = told(o, err), .text = text };
	struct lr_msg_error m;

	if (f && f->h.type == LR_M_ERROR &&
	    lr_dec_error(f->meta, f->h.meta, &m))
		lr_str_copy(m.text, text, sizeof text);
	o->entry_cb(o->arg, &res);
}

static void got(struct relay_op *o, const struct lr_frame *f)
{
	struct lr_msg_get_r m;
	struct lr_entry_result res = { .text = "" };

	if (f->h.type != LR_M_GET_R ||
	    !lr_dec_get_r(f->meta, f->h.meta, &m)) {
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
		if (XXH3_64bits(f->bulk, f->h.bulk) != m.sum)
			res.err = LR_E_CORRUPT;
	}
	o->entry_cb(o->arg, &res);
}

static void put_done(struct relay_op *o, const struct lr_frame *f)
{
	char text[1024] = "";
	struct lr_entry_result res = { .text = text };
	struct lr_msg_put_r m;

	if (f->h.type != LR_M_PUT_R ||
	    !lr_dec_put_r(f->meta, f->h.meta, &m)) {
		entry_error(o, LR_E_PROTOCOL, NULL);
		return;
	}
	lr_str_copy(m.text, text, sizeof text);
	res.err = told(o, lr_err_from_wire(m.err));
	res.copies = m.copies;
	res.tag = m.tag;
	o->entry_cb(o->arg, &res);
}

static void update_done(struct relay_op *o, const struct lr_frame *f)
{
	char text[1024] = "";
	struct lr_entry_result res = { .text = text };
	struct lr_msg_update_r m;

	if (f->h.type != LR_M_UPDATE_R ||
	    !lr_dec_update_r(f->meta, f->h.meta, &m)) {
		entry_error(o, LR_E_PROTOCOL, NULL);
		return;
	}
	lr_str_copy(m.text, text, sizeof text);
	res.err = told(o, lr_err_from_wire(m.err));
	res.found = m.found;
	res.tag = m.tag;
	o->entry_cb(o->arg, &res);
}

static void answer(struct relay_op *o, enum lr_err err,
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
	struct relay_op *o = arg;
	struct relay *r = o->r;

	(void)link;
	o->out = false;
	if (!o->handle)
		o->refs--;
	if (o->over) {
		over(o, o->err);
		drain(r);
	} else if (err == LR_E_CLOSED && !f && !r->closing) {
		o->doubt = true; /* sent again over the next link */
	} else if (err && !f) {
		if (r->closing)
			over(o, LR_E_CLOSED);
		else
			too_late(o);
		drain(r);
	} else {
		unlink_from(o);
		answer(o, err, f);
		op_free(o);
	}
}

/* --- requests -------------------------------------------------------------------------- */

static uint64_t send_put(struct relay_op *o, unsigned ms)
{
	struct lr_msg_put m = {
		.slot = (uint16_t)lr_id_slot(&o->put.id),
		.id = o->put.id,
		.tag = o->put.tag,
		.kind = o->put.kind,
		.flags = o->put.flags,
		.expires_ms = o->put.expires_ms,
		.sum = o->sum,
		.deadline_ms = ms,
	};
	struct lr_bulk bulk = { .p = o->put.value, .len = o->put.bytes };

	if (bulk.len > COPY_BYTES) {
		bulk.release = released_cb;
		bulk.owner = o;
		o->refs++;
	}
	o->sent = true;
	return LR_REQUEST(o->r->link, PUT, put, &m, &bulk, ms + GRACE_MS,
			  reply_cb, o);
}

/* A second time, it is only asked about. */
static uint64_t send_update(struct relay_op *o, unsigned ms)
{
	const struct lr_entry_update *u = &o->update;
	struct lr_bulk bulk = { .p = u->value, .len = u->bytes };
	struct lr_msg_update m = {
		.slot = (uint16_t)lr_id_slot(&u->id),
		.id = u->id,
		.writer = u->writer,
		.seq = u->seq,
		.expect = u->expect,
		.flags = u->flags | (o->sent ? LR_UPDATE_AGAIN : 0),
		.want = u->want,
		.sum = o->sum,
		.deadline_ms = ms,
	};

	o->sent = true;
	return LR_REQUEST(o->r->link, UPDATE, update, &m,
			  bulk.len ? &bulk : NULL, ms + GRACE_MS, reply_cb, o);
}

static uint64_t send_get(struct relay_op *o, unsigned ms)
{
	struct lr_msg_get m = {
		.slot = (uint16_t)lr_id_slot(&o->id),
		.id = o->id,
		.flags = (uint8_t)o->get_flags,
		.deadline_ms = ms,
	};

	return LR_REQUEST(o->r->link, GET, get, &m, NULL, ms + GRACE_MS,
			  reply_cb, o);
}

static void send_op(struct relay_op *o)
{
	uint64_t now = uv_now(o->r->loop), until = o->due_ms - GRACE_MS;
	unsigned ms = until > now ? (unsigned)(until - now) : 1;

	o->out = true;
	if (o->type == LR_M_PUT && o->entry_cb)
		o->handle = send_put(o, ms);
	else if (o->type == LR_M_GET && o->entry_cb)
		o->handle = send_get(o, ms);
	else if (o->type == LR_M_UPDATE)
		o->handle = send_update(o, ms);
	else
		o->handle = lr_link_request(o->r->link, o->type, o->meta,
					    o->len, NULL, ms + GRACE_MS,
					    reply_cb, o);
	if (!o->handle)
		o->refs++; /* its callback cannot be forgotten */
}

static void send_all(struct relay *r)
{
	struct relay_op *o, *next;

	for (o = r->ops; o; o = next) {
		next = o->next;
		if (!o->out)
			send_op(o);
	}
}

static void fail_all(struct relay *r, enum lr_err err)
{
	struct relay_op *o, *next;

	for (o = r->ops; o; o = next) {
		next = o->next;
		over(o, err);
	}
}

/* --- the link ---------------------------------------------------------------------------- */

static void welcome_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct relay *r = arg;

	if (r->closing || r->link != link)
		return;
	if (err || f->h.type != LR_M_WELCOME) {
		lr_link_close(link, err ? err : LR_E_PROTOCOL);
		return;
	}
	r->phase = OPEN;
	r->was_open = true;
	r->backoff_ms = BACKOFF_MIN_MS;
	send_all(r);
}

static void open_cb(struct lr_link *link, void *arg)
{
	struct relay *r = arg;
	struct lr_msg_hello m = {
		.proto_min = LR_PROTO_MIN,
		.proto_max = LR_PROTO_MAX,
		.role = LR_LINK_LOCAL,
		.name = lr_str(""),
		.version = lr_str(PACKAGE_VERSION),
		.site = lr_str(""),
		.addrs = lr_str(""),
	};

	if (r->closing)
		return;
	r->phase = GREETING;
	LR_REQUEST(link, HELLO, hello, &m, NULL, HELLO_MS, welcome_cb, r);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	(void)arg;
	if (f->h.req)
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL, "");
}

/* Who has never been there is not waited for. */
static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct relay *r = arg;

	(void)link;
	r->link = NULL;
	if (!r->closing && !r->was_open) {
		r->refused = why == LR_E_PERMISSION ? why : LR_E_NO_DAEMON;
		fail_all(r, r->refused);
	}
	if (!r->closing) {
		r->phase = WAITING;
		uv_timer_start(&r->redial, redial_cb, r->backoff_ms, 0);
		r->backoff_ms = r->backoff_ms * 2 > BACKOFF_MAX_MS ?
					BACKOFF_MAX_MS :
					r->backoff_ms * 2;
	}
	drain(r);
	drop(r);
}

static const struct lr_link_ops link_ops = { open_cb, frame_cb, close_cb,
					     NULL };

static void dial(struct relay *r)
{
	struct lr_link_options opt = { 0 };

	r->phase = CONNECTING;
	r->link = lr_link_connect(r->loop, (struct sockaddr *)&r->addr, &opt,
				  &link_ops, r);
	if (r->link) {
		r->alive++;
		lr_link_set_spin(r->link, r->spin);
	} else {
		uv_timer_start(&r->redial, redial_cb, BACKOFF_MAX_MS, 0);
	}
}

/* An idle handle does not keep knocking. */
static void redial_cb(uv_timer_t *timer)
{
	struct relay *r = timer->data;

	if (!r->closing && !r->link && r->ops)
		dial(r);
}

/* --- the interface ------------------------------------------------------------------------ */

static struct relay_op *op_new(struct relay *r, unsigned type,
			       unsigned deadline_ms, void *arg)
{
	struct relay_op *o = calloc(1, sizeof *o);

	if (!o)
		abort(); /* there is no other way to call back */
	if (!deadline_ms)
		deadline_ms = LR_OP_DEADLINE_MS;
	o->r = r;
	o->type = type;
	o->due_ms = uv_now(r->loop) + deadline_ms + GRACE_MS;
	o->arg = arg;
	r->alive++;
	link_in(&r->ops, o);
	return o;
}

static void start(struct relay_op *o)
{
	struct relay *r = o->r;

	if (r->closing) {
		over(o, LR_E_CLOSED);
		return;
	}
	arm(r, o->due_ms);
	if (r->phase == OPEN)
		send_op(o);
	else if (r->phase == WAITING && !uv_is_active((uv_handle_t *)&r->redial))
		dial(r);
}

static void relay_put(struct lr_entries *e, const struct lr_put *p,
		      lr_entry_cb cb, void *arg)
{
	struct relay_op *o = op_new((struct relay *)e, LR_M_PUT,
				    p->deadline_ms, arg);

	o->put = *p;
	o->sum = XXH3_64bits(p->value ? p->value : "", p->bytes);
	o->entry_cb = cb;
	start(o);
}

static void relay_get(struct lr_entries *e, const struct lr_id *id,
		      unsigned get_flags, unsigned deadline_ms, lr_entry_cb cb,
		      void *arg)
{
	struct relay_op *o = op_new((struct relay *)e, LR_M_GET, deadline_ms,
				    arg);

	o->id = *id;
	o->get_flags = get_flags;
	o->entry_cb = cb;
	start(o);
}

static void relay_update(struct lr_entries *e, const struct lr_entry_update *u,
			 lr_entry_cb cb, void *arg)
{
	struct relay_op *o = op_new((struct relay *)e, LR_M_UPDATE,
				    u->deadline_ms, arg);

	o->update = *u;
	o->sum = XXH3_64bits(u->value ? u->value : "", u->bytes);
	o->entry_cb = cb;
	start(o);
}

static void relay_ask(struct lr_entries *e, unsigned type, const void *meta,
		      size_t len, unsigned deadline_ms, lr_ask_cb cb,
		      void *arg)
{
	struct relay_op *o = op_new((struct relay *)e, type, deadline_ms, arg);

	o->meta = malloc(len + 1);
	if (!o->meta)
		abort();
	memcpy(o->meta, meta, len);
	o->len = len;
	o->ask_cb = cb;
	start(o);
}

static void closed_cb(uv_handle_t *h)
{
	struct relay *r = h->data;

	drain(r);
	drop(r);
}

static void relay_close(struct lr_entries *e)
{
	struct relay *r = (struct relay *)e;

	if (r->closing)
		return;
	r->closing = true;
	fail_all(r, LR_E_CLOSED);
	if (r->link)
		lr_link_close(r->link, LR_E_OK);
	uv_close((uv_handle_t *)&r->redial, closed_cb);
	uv_close((uv_handle_t *)&r->timer, closed_cb);
}

static const struct lr_entries_ops relay_ops = {
	relay_put, relay_get, relay_update, relay_ask, relay_close
};

struct lr_entries *lr_relay_new(uv_loop_t *loop, const char *path,
				struct lr_spin *spin)
{
	struct relay *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	if (strlen(path) >= sizeof r->addr.sun_path) {
		free(r);
		return NULL;
	}
	r->entries.ops = &relay_ops;
	r->loop = loop;
	r->spin = spin;
	r->addr.sun_family = AF_UNIX;
	strcpy(r->addr.sun_path, path);
	r->backoff_ms = BACKOFF_MIN_MS;
	r->timer_at = UINT64_MAX;
	uv_timer_init(loop, &r->redial);
	uv_timer_init(loop, &r->timer);
	r->redial.data = r;
	r->timer.data = r;
	r->alive = 2;
	dial(r);
	return &r->entries;
}
