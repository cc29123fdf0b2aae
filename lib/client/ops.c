/* SPDX-License-Identifier: Apache-2.0 */
/* One operation on the members of its slot. core/op.h decides; here its
 * requests are sent, replies read and verified, values owned:
 *
 *   step      asks the rules what to do until they wait or are done
 *   a reply, a broken link, a newer view, the clock: told to the rules, step
 *   done      requests still out are forgotten; a value that a link still
 *             refers to is waited for; then the callback
 *
 * Callbacks run from lr_ops_drain alone, at the end of what the loop called. */
#include "client/direct_i.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define COPY_BYTES 4096u /* smaller values are copied by the link */
#define SPARES 256u

struct member_ask {
	struct lr_dop *o;
	struct lr_link *link;
	uint64_t handle, member, ce;
	uint64_t sent_ns;
	bool out;
	uint8_t ask; /* LR_ASK_* */
};

struct lr_dop {
	struct lr_dop *next, **prev; /* d->ops; later d->finished */
	struct lr_direct *d;
	struct lr_op op;
	struct lr_put put;
	struct lr_entry_update update;
	uint64_t sum;
	unsigned get_flags;
	lr_entry_cb cb;
	void *arg;
	struct member_ask ask[LR_MEM_MAX];
	unsigned refs; /* to the value, and callbacks that must come */
	bool left;     /* something was sent */
	bool over;
	enum lr_err failed; /* of ours, instead of the rules' result */
	/* GET: of the reply that counts */
	const uint8_t *value;
	uint32_t bytes;
	uint8_t kind;
	uint64_t expires_ms;
	struct lr_tag seen; /* that kind and expires_ms belong to */
	/* READ: a copy of the value of tag op.have */
	uint8_t *copy;
	struct lr_tag copy_tag;
	char text[LR_DIRECT_TEXT];
};

static void step(struct lr_dop *o);

/* --- lists --------------------------------------------------------------------- */

static void link_in(struct lr_dop **list, struct lr_dop *o)
{
	o->next = *list;
	o->prev = list;
	if (o->next)
		o->next->prev = &o->next;
	*list = o;
}

static void unlink_from(struct lr_dop *o)
{
	*o->prev = o->next;
	if (o->next)
		o->next->prev = o->prev;
}

static struct lr_dop *dop_new(struct lr_direct *d)
{
	struct lr_dop *o = d->spare;

	if (o) {
		d->spare = o->next;
		d->n_spare--;
	} else {
		o = malloc(sizeof *o);
		if (!o)
			return NULL;
	}
	memset(o, 0, offsetof(struct lr_dop, text) + 1);
	o->d = d;
	lr_direct_hold(d);
	return o;
}

static void dop_free(struct lr_dop *o)
{
	struct lr_direct *d = o->d;

	free(o->copy);
	if (d->n_spare >= SPARES || d->closing) {
		free(o);
	} else {
		o->next = d->spare;
		d->spare = o;
		d->n_spare++;
	}
	lr_direct_drop(d);
}

/* --- the end ------------------------------------------------------------------- */

static void unreached_text(struct lr_dop *o)
{
	struct lr_direct *d = o->d;
	const struct lr_donor *n;

	lr_direct_awaited(d, o->op.slot, o->text, sizeof o->text);
	if (o->text[0])
		return;
	n = lr_donors_find(d, o->op.from);
	if (n)
		snprintf(o->text, sizeof o->text, "%s", n->name);
}

static void fill(struct lr_dop *o, struct lr_entry_result *r)
{
	bool got = (o->op.kind == LR_OP_GET || o->op.kind == LR_OP_READ) &&
		   o->op.found == LR_FOUND_VALUE && !o->failed;
	enum lr_err err = o->failed ? o->failed : o->op.result;

	if (err == LR_E_TIMEOUT || err == LR_E_UNREACHABLE) {
		if (!o->d->rx.view.rev)
			err = lr_direct_why(o->d, o->text, sizeof o->text);
		else
			unreached_text(o);
		if (err == LR_E_TIMEOUT)
			err = LR_E_UNREACHABLE; /* certainly not done */
	} else if (err == LR_E_UNKNOWN) {
		unreached_text(o);
	}
	*r = (struct lr_entry_result){
		.err = err,
		.found = o->op.found,
		.kind = o->kind,
		.copies = o->op.copies,
		.tag = o->op.tag,
		.expires_ms = o->expires_ms,
		.value = got ? o->value : NULL,
		.bytes = got && o->value ? o->bytes : 0,
		.text = o->text,
	};
}

static void call_back(struct lr_dop *o)
{
	struct lr_entry_result r;

	fill(o, &r);
	o->cb(o->arg, &r);
	dop_free(o);
}

void lr_ops_drain(struct lr_direct *d)
{
	struct lr_dop *o;

	lr_direct_hold(d); /* a callback may close */
	while ((o = d->finished)) {
		unlink_from(o);
		call_back(o);
	}
	lr_direct_drop(d);
}

static void forget_asks(struct lr_dop *o, uint64_t but_ce)
{
	for (unsigned i = 0; i < LR_MEM_MAX; i++) {
		struct member_ask *a = &o->ask[i];

		if (!a->out || !a->handle || a->ce == but_ce)
			continue;
		a->out = false;
		lr_link_forget(a->link, a->handle);
	}
}

/* Its callback is due, unless something still refers to it. */
static void over(struct lr_dop *o)
{
	if (!o->over) {
		o->over = true;
		forget_asks(o, 0);
		unlink_from(o);
		o->prev = NULL;
	}
	if (o->refs || o->prev)
		return;
	link_in(&o->d->finished, o);
}

static void unref(struct lr_dop *o)
{
	assert(o->refs > 0);
	o->refs--;
	if (o->over)
		over(o);
}

/* From the depths of a link: the callback has to wait for the timer. */
static void released_cb(void *owner)
{
	struct lr_dop *o = owner;

	unref(o);
	if (o->over)
		lr_direct_arm(o->d, 0);
}

/* --- replies --------------------------------------------------------------------- */

static void measure(struct lr_dop *o, const struct member_ask *a)
{
	struct lr_donor *n = lr_donors_find(o->d, a->member);
	uint64_t us = (uv_hrtime() - a->sent_ns) / 1000;

	if (!n || a->ask != LR_ASK_GET)
		return;
	if (us > UINT32_MAX / 8)
		us = UINT32_MAX / 8;
	n->near_us = n->near_us ? (uint32_t)((n->near_us * UINT64_C(7) + us) / 8)
				: (uint32_t)us;
	if (!n->near_us)
		n->near_us = 1;
}

static bool read_get(const struct member_ask *a, const struct lr_frame *f,
		     struct lr_op_reply *r, struct lr_msg_get_r *m)
{
	if (!lr_dec_get_r(f->meta, f->h.meta, m))
		return false;
	r->err = lr_err_from_wire(m->err);
	r->found = m->found;
	r->synced = m->synced;
	r->tag = m->tag;
	if (!r->err && m->found == LR_FOUND_VALUE && a->ask == LR_ASK_GET &&
	    XXH3_64bits(f->bulk, f->h.bulk) != m->sum)
		r->err = LR_E_CORRUPT;
	return true;
}

/* What belongs to the highest tag, or to the value that was taken. */
static void keep_get(struct lr_dop *o, const struct lr_frame *f,
		     const struct lr_msg_get_r *m)
{
	if (m->found == LR_FOUND_NONE ||
	    (o->op.kind != LR_OP_GET && lr_tag_cmp(&m->tag, &o->seen) < 0))
		return;
	o->seen = m->tag;
	o->kind = m->kind;
	o->expires_ms = m->expires_ms;
	if (o->op.kind == LR_OP_GET && o->op.done && !o->op.result) {
		o->value = f->bulk;
		o->bytes = f->h.bulk;
	}
}

/* What a READ holds in hand has changed: this reply has it. */
static void keep_value(struct lr_dop *o, const struct lr_frame *f,
		       const struct lr_op_reply *r)
{
	uint8_t *copy;

	if (!o->op.has || lr_tag_cmp(&o->op.have, &r->tag) != 0 ||
	    (o->copy && lr_tag_cmp(&o->op.have, &o->copy_tag) == 0))
		return;
	copy = malloc(f->h.bulk + 1u);
	if (!copy) {
		o->failed = LR_E_NO_MEMORY;
		over(o);
		return;
	}
	if (f->h.bulk)
		memcpy(copy, f->bulk, f->h.bulk);
	free(o->copy);
	o->copy = copy;
	o->copy_tag = r->tag;
	o->value = copy;
	o->bytes = f->h.bulk;
}

static bool read_stale(struct lr_dop *o, struct lr_link *link,
		       const struct lr_frame *f, struct lr_op_reply *r,
		       struct lr_cfg *cfg)
{
	struct lr_msg_stale m;
	struct lr_reader in = lr_reader(f->bulk, f->h.bulk);
	unsigned slot;

	if (!lr_dec_stale(f->meta, f->h.meta, &m))
		return false;
	r->err = LR_E_STALE;
	if (!in.left)
		return true;
	if (!lr_dec_cfg(&in, &slot, cfg) || slot != o->op.slot)
		return false;
	r->cfg = cfg->ce ? cfg : NULL;
	if (cfg->ce > o->d->rx.view.cfg[slot].ce)
		lr_direct_lagging(o->d, link);
	return true;
}

static bool read_put(const struct lr_frame *f, struct lr_op_reply *r)
{
	struct lr_msg_put_r m;

	if (!lr_dec_put_r(f->meta, f->h.meta, &m))
		return false;
	r->err = lr_err_from_wire(m.err);
	r->tag = m.tag;
	return true;
}

static bool read_update(struct lr_dop *o, const struct lr_frame *f,
			struct lr_op_reply *r)
{
	struct lr_msg_update_r m;

	if (!lr_dec_update_r(f->meta, f->h.meta, &m))
		return false;
	r->err = lr_err_from_wire(m.err);
	r->found = m.found;
	r->tag = m.tag;
	lr_str_copy(m.text, o->text, sizeof o->text);
	return true;
}

/* False: not an answer to what was asked. */
static bool tell_reply(struct lr_dop *o, const struct member_ask *a,
		       const struct lr_frame *f)
{
	struct lr_op_reply r = { .ask = a->ask };
	struct lr_msg_get_r m;
	struct lr_cfg cfg;
	uint64_t now = uv_now(o->d->loop);
	bool get = a->ask == LR_ASK_GET || a->ask == LR_ASK_TAG, good;

	if (get && f->h.type == LR_M_GET_R)
		good = read_get(a, f, &r, &m);
	else if (f->h.type == LR_M_PUT_R && a->ask == LR_ASK_PUT)
		good = read_put(f, &r);
	else if (f->h.type == LR_M_UPDATE_R && a->ask == LR_ASK_UPDATE)
		good = read_update(o, f, &r);
	else
		good = f->h.type == LR_M_STALE &&
		       read_stale(o, a->link, f, &r, &cfg);
	if (!good)
		return false;
	lr_op_reply(&o->op, a->member, a->ce, &r, now);
	if (get && r.err == LR_E_OK)
		keep_get(o, f, &m);
	if (get && r.err == LR_E_OK && o->op.kind == LR_OP_READ)
		keep_value(o, f, &r);
	return true;
}

static void reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct member_ask *a = arg;
	struct lr_dop *o = a->o;
	struct lr_direct *d = o->d;
	struct lr_op_reply r = { .err = err, .ask = a->ask };
	uint64_t now = uv_now(d->loop);

	lr_direct_hold(d);
	a->out = false;
	if (!a->handle)
		unref(o);
	if (o->over) {
		/* told already */
	} else if (err && f) {
		lr_op_reply(&o->op, a->member, a->ce, &r, now);
		step(o);
	} else if (err) {
		lr_op_unreached(&o->op, a->member, a->ce, now);
		step(o);
	} else {
		measure(o, a);
		if (!tell_reply(o, a, f)) {
			lr_op_unreached(&o->op, a->member, a->ce, now);
			lr_link_close(link, LR_E_PROTOCOL);
		}
		step(o);
	}
	lr_ops_drain(d);
	lr_direct_drop(d);
}

/* --- requests ---------------------------------------------------------------------- */

static uint64_t send_put(struct lr_dop *o, struct member_ask *a, unsigned ms)
{
	struct lr_msg_put m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
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
	return LR_REQUEST(a->link, PUT, put, &m, &bulk, ms, reply_cb, a);
}

/* A READ's write-back. The link copies the value: a newer one may take its
 * place here. */
static uint64_t send_back(struct lr_dop *o, struct member_ask *a, unsigned ms)
{
	bool value = o->op.found == LR_FOUND_VALUE;
	struct lr_bulk bulk = { .p = o->copy, .len = value ? o->bytes : 0 };
	struct lr_msg_put m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
		.id = o->op.id,
		.tag = o->op.tag,
		.kind = o->kind,
		.flags = LR_PUT_REPAIR | (value ? 0 : LR_PUT_TOMB),
		.sum = XXH3_64bits(value ? o->copy : NULL, bulk.len),
		.deadline_ms = ms,
	};

	return LR_REQUEST(a->link, PUT, put, &m, bulk.len ? &bulk : NULL, ms,
			  reply_cb, a);
}

static uint64_t send_update(struct lr_dop *o, struct member_ask *a,
			    unsigned ms)
{
	const struct lr_entry_update *u = &o->update;
	struct lr_bulk bulk = { .p = u->value, .len = u->bytes };
	struct lr_msg_update m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
		.id = u->id,
		.writer = u->writer,
		.seq = u->seq,
		.expect = u->expect,
		.flags = u->flags | (o->op.doubt ? LR_UPDATE_AGAIN : 0),
		.want = u->want,
		.sum = o->sum,
		.deadline_ms = ms,
	};

	return LR_REQUEST(a->link, UPDATE, update, &m,
			  bulk.len ? &bulk : NULL, ms, reply_cb, a);
}

static uint64_t send_get(struct lr_dop *o, struct member_ask *a, unsigned ms)
{
	struct lr_msg_get m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
		.id = o->op.id,
		.flags = a->ask == LR_ASK_TAG ? LR_GET_TAG_ONLY : 0,
		.deadline_ms = ms,
	};

	a->sent_ns = uv_hrtime();
	return LR_REQUEST(a->link, GET, get, &m, NULL, ms, reply_cb, a);
}

static uint64_t send_ask(struct lr_dop *o, struct member_ask *a, unsigned ms)
{
	switch (a->ask) {
	case LR_ASK_PUT:
		return o->op.kind == LR_OP_READ ? send_back(o, a, ms) :
						  send_put(o, a, ms);
	case LR_ASK_UPDATE:
		return send_update(o, a, ms);
	default:
		return send_get(o, a, ms);
	}
}

static struct member_ask *free_ask(struct lr_dop *o)
{
	for (unsigned i = 0; i < LR_MEM_MAX; i++)
		if (!o->ask[i].out)
			return &o->ask[i];
	return NULL;
}

/* False: the member has no link now. */
static bool send_to(struct lr_dop *o, const struct lr_op_act *act)
{
	struct lr_donor *n = lr_donors_find(o->d, act->member);
	struct member_ask *a = free_ask(o);
	uint64_t now = uv_now(o->d->loop);
	unsigned ms = o->op.deadline_ms > now ?
			      (unsigned)(o->op.deadline_ms - now) :
			      1;

	if (!n || !a || n->state != LR_DONOR_OPEN || !lr_link_is_open(n->link)) {
		if (n)
			lr_donors_missed(n);
		return false;
	}
	*a = (struct member_ask){ .o = o,
				  .link = n->link,
				  .member = act->member,
				  .ce = act->ce,
				  .out = true,
				  .ask = (uint8_t)act->ask };
	o->left = true;
	a->handle = send_ask(o, a, ms);
	if (!a->handle)
		o->refs++; /* its callback cannot be forgotten */
	return true;
}

static uint32_t near_cb(void *arg, uint64_t member)
{
	const struct lr_donor *n = lr_donors_find(arg, member);

	return n && n->state == LR_DONOR_OPEN ? n->near_us : 0;
}

/* What the rules want now. A member without a link is unreached at once: they
 * go on to the next copy, or come back to it after a pause. */
static void step(struct lr_dop *o)
{
	struct lr_direct *d = o->d;
	uint64_t now = uv_now(d->loop);
	struct lr_op_act act;

	if (o->over)
		return;
	for (;;) {
		act = lr_op_next(&o->op, now, near_cb, d);
		if (act.what != LR_OP_SEND)
			break;
		forget_asks(o, act.ce);
		if (send_to(o, &act))
			continue;
		lr_op_unsent(&o->op, act.member, act.ce, now);
	}
	if (act.what == LR_OP_DONE)
		over(o);
	else
		lr_direct_arm(d, o->op.wake_ms);
}

static void fail_now(struct lr_dop *o)
{
	o->failed = LR_E_UNREACHABLE;
	if (o->left &&
	    (o->op.kind == LR_OP_PUT || o->op.kind == LR_OP_UPDATE))
		o->failed = LR_E_UNKNOWN;
	over(o);
}

/* --- what happens to all -------------------------------------------------------------- */

void lr_ops_view(struct lr_direct *d)
{
	struct lr_dop *o, *next;
	uint64_t now = uv_now(d->loop);

	for (o = d->ops; o; o = next) {
		next = o->next;
		lr_op_view(&o->op, &d->rx.view.cfg[o->op.slot], now);
		step(o);
	}
}

/* Those that wait to try again need not wait longer. */
void lr_ops_reach(struct lr_direct *d)
{
	struct lr_dop *o, *next;
	uint64_t now = uv_now(d->loop);

	for (o = d->ops; o; o = next) {
		next = o->next;
		if (!o->op.retry_ms)
			continue;
		o->op.retry_ms = now;
		step(o);
	}
}

void lr_ops_state(struct lr_direct *d)
{
	struct lr_dop *o, *next;

	if (!lr_direct_is_hopeless(d))
		return;
	for (o = d->ops; o; o = next) {
		next = o->next;
		fail_now(o);
	}
}

uint64_t lr_ops_tick(struct lr_direct *d, uint64_t now)
{
	struct lr_dop *o, *next;
	uint64_t due = UINT64_MAX;

	lr_ops_state(d);
	for (o = d->ops; o; o = next) {
		next = o->next;
		if (o->op.wake_ms <= now)
			step(o);
		if (!o->over && o->op.wake_ms < due)
			due = o->op.wake_ms;
	}
	return due;
}

void lr_ops_close(struct lr_direct *d)
{
	struct lr_dop *o, *next;

	for (o = d->ops; o; o = next) {
		next = o->next;
		o->failed = LR_E_CLOSED;
		over(o);
	}
	while ((o = d->spare)) {
		d->spare = o->next;
		free(o);
	}
	d->n_spare = 0;
}

/* --- starting --------------------------------------------------------------------- */

static void begin(struct lr_dop *o, enum lr_op_kind kind,
		  const struct lr_id *id, const struct lr_tag *tag,
		  unsigned put_flags, unsigned deadline_ms)
{
	struct lr_direct *d = o->d;
	uint64_t now = uv_now(d->loop);

	d->rng = d->rng * 1664525u + 1013904223u;
	lr_op_init(&o->op, kind, id, tag, put_flags, now, deadline_ms, d->rng);
	o->op.certain = kind == LR_OP_PUT && o->put.kind == LR_KIND_REGISTER;
	link_in(&d->ops, o);
	if (d->closing || lr_id_class(id) >= LR_CLASSES) {
		o->failed = d->closing ? LR_E_CLOSED : LR_E_USAGE;
		over(o);
		return;
	}
	if (lr_direct_is_hopeless(d)) {
		fail_now(o);
		return;
	}
	lr_op_view(&o->op, &d->rx.view.cfg[o->op.slot], now);
	step(o);
}

/* The callback never comes from inside: what ends at once waits for a timer. */
static void start(struct lr_dop *o, enum lr_op_kind kind,
		  const struct lr_id *id, const struct lr_tag *tag,
		  unsigned put_flags, unsigned deadline_ms)
{
	begin(o, kind, id, tag, put_flags, deadline_ms);
	if (o->over)
		lr_direct_arm(o->d, 0);
}

void lr_ops_put(struct lr_entries *e, const struct lr_put *p, lr_entry_cb cb,
		void *arg)
{
	struct lr_direct *d = (struct lr_direct *)e;
	struct lr_dop *o = dop_new(d);

	if (!o)
		abort(); /* there is no other way to call back */
	o->put = *p;
	o->cb = cb;
	o->arg = arg;
	o->sum = XXH3_64bits(p->value ? p->value : "", p->bytes);
	start(o, LR_OP_PUT, &p->id, &p->tag, p->flags, p->deadline_ms);
}

void lr_ops_get(struct lr_entries *e, const struct lr_id *id,
		unsigned get_flags, unsigned deadline_ms, lr_entry_cb cb,
		void *arg)
{
	struct lr_direct *d = (struct lr_direct *)e;
	struct lr_dop *o = dop_new(d);

	if (!o)
		abort();
	o->get_flags = get_flags;
	o->cb = cb;
	o->arg = arg;
	start(o,
	      get_flags & LR_GET_LINEAR	  ? LR_OP_READ :
	      get_flags & LR_GET_TAG_ONLY ? LR_OP_TAGS :
					    LR_OP_GET,
	      id, NULL, 0, deadline_ms);
}

void lr_ops_update(struct lr_entries *e, const struct lr_entry_update *u,
		   lr_entry_cb cb, void *arg)
{
	struct lr_direct *d = (struct lr_direct *)e;
	struct lr_dop *o = dop_new(d);

	if (!o)
		abort();
	o->update = *u;
	o->cb = cb;
	o->arg = arg;
	o->sum = XXH3_64bits(u->value ? u->value : "", u->bytes);
	start(o, LR_OP_UPDATE, &u->id, NULL, 0, u->deadline_ms);
}
