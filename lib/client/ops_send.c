/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one operation to the members of its slot. */
#include "client/ops_i.h"

#include "client/entry_msg.h"
#include "core/sum.h"

/* So long does a link stay away before its member is asked through another:
 * who died has left the view, or is not called up any more, by then. */
#define VIA_AFTER_MS 1000u
#define VIA_META_MAX 256u

/* From the depths of a link: the callback has to wait for the timer. */
static void released_cb(void *owner)
{
	struct lr_dop *o = owner;

	lr_dop_unref(o);
	if (o->over)
		lr_direct_arm(o->d, 0);
}

static uint64_t request(struct lr_dop_ask *a, unsigned type, lr_enc_any enc,
			const void *msg, const struct lr_bulk *bulk,
			unsigned ms)
{
	uint8_t meta[VIA_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_msg_via m = {.to = a->member, .type = (uint16_t)type};

	if (!a->via)
		return lr_link_request_enc(a->link, type, enc, msg, bulk, ms,
					   lr_dop_reply_cb, a);
	enc(&w, msg);
	m.meta = (struct lr_str){(const char *)meta, (uint16_t)w.len};
	return LR_REQUEST(a->link, VIA, via, &m, bulk, ms, lr_dop_reply_cb, a);
}

#define REQUEST(a, NAME, name, msg, bulk, ms)                                  \
	request(a, LR_M_##NAME, (lr_enc_any)(void (*)(void))lr_enc_##name,     \
		msg, bulk, ms)

static uint64_t send_put(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	struct lr_msg_put m = lr_put_msg(&o->put, o->sum, ms);
	struct lr_bulk bulk = {.p = o->put.value, .len = o->put.bytes};

	m.ce = a->ce;
	if (lr_bulk_lend(&bulk, released_cb, o))
		o->refs++;
	return REQUEST(a, PUT, put, &m, &bulk, ms);
}

/* Once over our own link, for `act->rest` too. */
static uint64_t send_forward(struct lr_dop *o, struct lr_dop_ask *a,
			     const struct lr_op_act *act, unsigned ms)
{
	uint8_t rest[8 * LR_MEM_MAX];
	struct lr_writer w = lr_writer(rest, sizeof rest);
	struct lr_bulk bulk = {.p = o->put.value, .len = o->put.bytes};
	struct lr_msg_forward m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
		.id = o->put.id,
		.tag = o->put.tag,
		.expires_ms = o->put.expires_ms,
		.sum = o->sum,
		.deadline_ms = ms,
	};

	for (unsigned i = 0; i < act->n_rest; i++)
		lr_w_u64(&w, act->rest[i]);
	m.rest = (struct lr_str){(const char *)rest, (uint16_t)w.len};
	if (lr_bulk_lend(&bulk, released_cb, o))
		o->refs++;
	return LR_REQUEST(a->link, FORWARD, forward, &m, &bulk, ms,
			  lr_dop_reply_cb, a);
}

/* A READ's write-back. The link copies the value: a newer one may take its
 * place here. */
static uint64_t send_back(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	bool value = o->op.found == LR_FOUND_VALUE;
	struct lr_bulk bulk = {.p = o->copy, .len = value ? o->bytes : 0};
	struct lr_msg_put m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
		.id = o->op.id,
		.tag = o->op.tag,
		.kind = o->kind,
		.flags = LR_PUT_REPAIR | (value ? 0 : LR_PUT_TOMB),
		.sum = lr_sum(value ? o->copy : NULL, bulk.len),
		.deadline_ms = ms,
	};

	return REQUEST(a, PUT, put, &m, bulk.len ? &bulk : NULL, ms);
}

static uint64_t send_update(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	struct lr_msg_update m =
		lr_update_msg(&o->update, o->op.doubt, o->sum, ms);
	struct lr_bulk bulk = {.p = o->update.value, .len = o->update.bytes};

	m.ce = a->ce;
	return REQUEST(a, UPDATE, update, &m, bulk.len ? &bulk : NULL, ms);
}

static uint64_t send_get(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	struct lr_msg_get m = {
		.slot = (uint16_t)o->op.slot,
		.ce = a->ce,
		.id = o->op.id,
		.flags = a->ask == LR_ASK_TAG ? LR_GET_TAG_ONLY : 0,
		.deadline_ms = ms,
	};

	a->sent_ns = uv_hrtime();
	return REQUEST(a, GET, get, &m, NULL, ms);
}

static uint64_t send_ask(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	switch (a->ask) {
	case LR_ASK_PUT:
		return o->op.kind == LR_OP_READ ? send_back(o, a, ms)
						: send_put(o, a, ms);
	case LR_ASK_UPDATE:
		return send_update(o, a, ms);
	default:
		return send_get(o, a, ms);
	}
}

static struct lr_dop_ask *free_ask(struct lr_dop *o)
{
	for (unsigned i = 0; i < LR_MEM_MAX; i++)
		if (!o->ask[i].out)
			return &o->ask[i];
	return NULL;
}

static bool is_open(const struct lr_donor *n)
{
	return n && n->state == LR_DONOR_OPEN && lr_link_is_open(n->link);
}

/* Another member that may reach it, where only we do not: clients' requests
 * alone are passed on, not a donor's own (it has no attach). Not late: what is
 * passed on must have arrived long before a TOMB may be collected. */
static struct lr_donor *find_via(const struct lr_dop *o,
				 const struct lr_donor *n, uint64_t now)
{
	const struct lr_op *op = &o->op;

	if (!o->d->attach || !n->up || !n->down_ms ||
	    now < n->down_ms + VIA_AFTER_MS || now >= lr_op_half_ms(op))
		return NULL;
	for (unsigned i = 0; i < op->cfg.n; i++) {
		struct lr_donor *v =
			lr_donors_find(o->d, op->cfg.mem[i], op->slot);

		if (v != n && is_open(v) && !v->no_forward)
			return v;
	}
	return NULL;
}

bool lr_dop_send(struct lr_dop *o, const struct lr_op_act *act)
{
	struct lr_donor *n = lr_donors_find(o->d, act->member, o->op.slot);
	struct lr_donor *v = NULL;
	struct lr_dop_ask *a = free_ask(o);
	uint64_t now = lr_now_ms();
	unsigned ms = o->op.deadline_ms > now
			      ? (unsigned)(o->op.deadline_ms - now)
			      : 1;

	if (n && !is_open(n)) {
		lr_donors_missed(n);
		n = v = act->n_rest ? NULL : find_via(o, n, now);
	}
	if (!n || !a)
		return false;
	*a = (struct lr_dop_ask){.o = o,
				 .link = n->link,
				 .member = act->member,
				 .via = v ? v->inc : 0,
				 .ce = act->ce,
				 .out = true,
				 .ask = (uint8_t)act->ask,
				 .forward = act->n_rest > 0};
	o->left = true;
	a->handle = a->forward ? send_forward(o, a, act, ms)
			       : send_ask(o, a, ms);
	a->out = a->handle != 0;
	return a->out;
}

void lr_dop_forget(struct lr_dop *o, uint64_t but_ce)
{
	for (unsigned i = 0; i < LR_MEM_MAX; i++) {
		struct lr_dop_ask *a = &o->ask[i];

		if (!a->out || a->ce == but_ce)
			continue;
		a->out = false;
		lr_link_forget(a->link, a->handle);
	}
}
