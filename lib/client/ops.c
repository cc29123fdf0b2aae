/* SPDX-License-Identifier: Apache-2.0 */
/* One operation on the members of its slot. core/op.h decides; here
 * is its life, from the call to the callback:
 *
 *   step      asks the rules what to do until they wait or are done
 *   a reply, a broken link, a newer view, the clock: told to the rules, step
 *   done      requests still out are forgotten; a value that a link still
 *             refers to is waited for; then the callback
 *
 * Callbacks run from lr_ops_drain alone, at the end of what the loop called. */
#include "client/ops_i.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/entry_msg.h"
#include "core/list.h"
#include "core/sum.h"

#define SPARES 256u
#define FORWARD_BYTES (64u << 10) /* less is not worth the second hop */

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

/* --- the end -------------------------------------------------------------- */

static void unreached_text(struct lr_dop *o)
{
	struct lr_direct *d = o->d;
	const struct lr_donor *n;

	lr_direct_awaited(d, o->op.slot, o->text, sizeof o->text);
	if (o->text[0])
		return;
	n = lr_donors_find(d, o->op.from, o->op.slot);
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
		LR_LIST_DEL(o);
		call_back(o);
	}
	lr_direct_drop(d);
}

void lr_dop_over(struct lr_dop *o)
{
	if (!o->over) {
		o->over = true;
		lr_dop_forget(o, 0);
		LR_LIST_DEL(o);
	}
	if (o->refs || o->prev)
		return;
	LR_LIST_ADD(o->d->finished, o);
}

void lr_dop_unref(struct lr_dop *o)
{
	assert(o->refs > 0);
	o->refs--;
	if (o->over)
		lr_dop_over(o);
}

/* --- what the rules want -------------------------------------------------- */

static uint32_t near_cb(void *arg, uint64_t member)
{
	const struct lr_dop *o = arg;
	const struct lr_donor *n = lr_donors_find(o->d, member, o->op.slot);

	return n && n->state == LR_DONOR_OPEN ? n->near_us : 0;
}

/* What goes to two of these twice goes over this machine's link twice. */
static bool far_cb(void *arg, uint64_t member)
{
	const struct lr_dop *o = arg;
	const struct lr_donor *n = lr_donors_find(o->d, member, o->op.slot);

	return n && n->state == LR_DONOR_OPEN && n->far && !n->no_forward;
}

/* A member without a link is unreached at once: they
 * go on to the next copy, or come back to it after a pause. */
void lr_dop_step(struct lr_dop *o)
{
	struct lr_direct *d = o->d;
	uint64_t now = lr_now_ms();
	struct lr_op_act act;

	if (o->over)
		return;
	for (;;) {
		act = lr_op_next(&o->op, now, near_cb, o);
		if (act.what != LR_OP_SEND)
			break;
		lr_dop_forget(o, act.ce);
		if (lr_dop_send(o, &act))
			continue;
		lr_op_unsent(&o->op, act.member, act.ce, now);
	}
	if (act.what == LR_OP_DONE)
		lr_dop_over(o);
	else
		lr_direct_arm(d, o->op.wake_ms);
}

static void fail_now(struct lr_dop *o)
{
	o->failed = LR_E_UNREACHABLE;
	if (o->left && (o->op.kind == LR_OP_PUT || o->op.kind == LR_OP_UPDATE))
		o->failed = LR_E_UNKNOWN;
	lr_dop_over(o);
}

/* --- what happens to all -------------------------------------------------- */

void lr_ops_view(struct lr_direct *d)
{
	struct lr_dop *o, *next;
	uint64_t now = lr_now_ms();

	for (o = d->ops; o; o = next) {
		next = o->next;
		lr_op_view(&o->op, &d->rx.view.cfg[o->op.slot], now);
		lr_dop_step(o);
	}
}

/* Those that wait to try again need not wait longer. */
void lr_ops_reach(struct lr_direct *d)
{
	struct lr_dop *o, *next;
	uint64_t now = lr_now_ms();

	for (o = d->ops; o; o = next) {
		next = o->next;
		if (!o->op.retry_ms)
			continue;
		o->op.retry_ms = now;
		lr_dop_step(o);
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
			lr_dop_step(o);
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
		lr_dop_over(o);
	}
	while ((o = d->spare)) {
		d->spare = o->next;
		free(o);
	}
	d->n_spare = 0;
}

/* --- starting ------------------------------------------------------------- */

static bool nobody_is_up(const struct lr_view *v, unsigned slot)
{
	const struct lr_cfg *cfg = &v->cfg[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct lr_member *m = lr_view_member(v, cfg->mem[i]);

		if (m && m->up)
			return false;
	}
	return cfg->ce != 0;
}

static void begin(struct lr_dop *o, enum lr_op_kind kind,
		  const struct lr_id *id, const struct lr_tag *tag,
		  unsigned put_flags, unsigned deadline_ms)
{
	struct lr_direct *d = o->d;
	uint64_t now = lr_now_ms();

	d->rng = d->rng * 1664525u + 1013904223u;
	lr_op_init(&o->op, kind, id, tag, put_flags, now, deadline_ms, d->rng);
	o->op.certain = kind == LR_OP_PUT && o->put.kind == LR_KIND_REGISTER;
	if (o->put.kind == LR_KIND_CHUNK && !put_flags &&
	    o->put.bytes >= FORWARD_BYTES)
		o->op.far = far_cb;
	LR_LIST_ADD(d->ops, o);
	if (d->closing || lr_id_class(id) >= LR_CLASSES) {
		o->failed = d->closing ? LR_E_CLOSED : LR_E_USAGE;
		lr_dop_over(o);
		return;
	}
	if (lr_direct_is_hopeless(d) ||
	    (put_flags & LR_PUT_NEW && nobody_is_up(&d->rx.view, o->op.slot))) {
		fail_now(o);
		return;
	}
	lr_op_view(&o->op, &d->rx.view.cfg[o->op.slot], now);
	lr_dop_step(o);
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
	o->sum = lr_sum(p->value, p->bytes);
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
	      get_flags & LR_GET_LINEAR	    ? LR_OP_READ
	      : get_flags & LR_GET_TAG_ONLY ? LR_OP_TAGS
					    : LR_OP_GET,
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
	o->sum = lr_sum(u->value, u->bytes);
	start(o, LR_OP_UPDATE, &u->id, NULL, 0, u->deadline_ms);
}
