/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a slot's members to one operation: read, verified, told to the
 * rules; what a GET found is kept for the callback. */
#include "client/ops_i.h"

#include <stdlib.h>
#include <string.h>

#include "core/sum.h"

static void measure(struct lr_dop *o, const struct lr_dop_ask *a)
{
	struct lr_donor *n = lr_donors_find(o->d, a->member, o->op.slot);
	uint64_t us = (uv_hrtime() - a->sent_ns) / 1000;

	if (!n || a->ask != LR_ASK_GET || a->via)
		return;
	if (us > UINT32_MAX / 8)
		us = UINT32_MAX / 8;
	n->near_us = n->near_us
			     ? (uint32_t)((n->near_us * UINT64_C(7) + us) / 8)
			     : (uint32_t)us;
	if (!n->near_us)
		n->near_us = 1;
}

static bool read_get(const struct lr_dop_ask *a, const struct lr_frame *f,
		     struct lr_op_reply *r, struct lr_msg_get_r *m)
{
	if (!lr_dec_get_r(f->meta, f->h.meta, m))
		return false;
	r->err = lr_err_from_wire(m->err);
	r->found = m->found;
	r->synced = m->synced;
	r->tag = m->tag;
	if (!r->err && m->found == LR_FOUND_VALUE && a->ask == LR_ASK_GET &&
	    lr_sum(f->bulk, f->h.bulk) != m->sum)
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
		lr_dop_over(o);
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

/* The others' answers, then the forwarder's own in *r. */
static bool read_forward(struct lr_dop *o, const struct lr_dop_ask *a,
			 const struct lr_frame *f, struct lr_op_reply *r)
{
	struct lr_reader in = lr_reader(f->bulk, f->h.bulk);
	uint64_t now = lr_now_ms();
	struct lr_msg_forward_r m;
	struct lr_rec_passed rec;

	if (!lr_dec_forward_r(f->meta, f->h.meta, &m))
		return false;
	while (in.left) {
		struct lr_op_reply other;

		if (!lr_dec_rec_passed(&in, &rec))
			return false;
		other = (struct lr_op_reply){.err = lr_err_from_wire(rec.err),
					     .tag = rec.tag};
		lr_op_passed(&o->op, rec.inc, a->ce, &other, now);
	}
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
static bool tell_reply(struct lr_dop *o, const struct lr_dop_ask *a,
		       const struct lr_frame *f)
{
	struct lr_op_reply r = {.ask = a->ask};
	struct lr_msg_get_r m;
	struct lr_cfg cfg;
	uint64_t now = lr_now_ms();
	bool get = a->ask == LR_ASK_GET || a->ask == LR_ASK_TAG, good;

	if (get && f->h.type == LR_M_GET_R)
		good = read_get(a, f, &r, &m);
	else if (f->h.type == LR_M_FORWARD_R && a->forward)
		good = read_forward(o, a, f, &r);
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

/* It does not know FORWARD, or VIA: it passes nothing on from now on. */
static void note_version(struct lr_dop *o, const struct lr_dop_ask *a)
{
	struct lr_donor *n = lr_donors_find(
		o->d, a->via ? a->via : a->member, o->op.slot);

	if (n)
		n->no_forward = true;
}

void lr_dop_reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_dop_ask *a = arg;
	struct lr_dop *o = a->o;
	struct lr_direct *d = o->d;
	struct lr_op_reply r = {.err = err, .ask = a->ask};
	uint64_t now = lr_now_ms();

	lr_direct_hold(d);
	a->out = false;
	if (o->over) {
		/* told already */
	} else if (err && f) {
		if (err == LR_E_VERSION && (a->forward || a->via)) {
			note_version(o, a);
			r.err = LR_E_BUSY; /* certainly not done */
		}
		lr_op_reply(&o->op, a->member, a->ce, &r, now);
		lr_dop_step(o);
	} else if (err) {
		lr_op_unreached(&o->op, a->member, a->ce, now);
		lr_dop_step(o);
	} else {
		measure(o, a);
		if (!tell_reply(o, a, f)) {
			lr_op_unreached(&o->op, a->member, a->ce, now);
			lr_link_close(link, LR_E_PROTOCOL);
		}
		lr_dop_step(o);
	}
	lr_ops_drain(d);
	lr_direct_drop(d);
}
