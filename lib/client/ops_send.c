/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one operation to the members of its slot. */
#include "client/ops_i.h"

#include "client/entry_msg.h"
#include "core/sum.h"

/* From the depths of a link: the callback has to wait for the timer. */
static void released_cb(void *owner)
{
	struct lr_dop *o = owner;

	lr_dop_unref(o);
	if (o->over)
		lr_direct_arm(o->d, 0);
}

static uint64_t send_put(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	struct lr_msg_put m = lr_put_msg(&o->put, o->sum, ms);
	struct lr_bulk bulk = {.p = o->put.value, .len = o->put.bytes};

	m.ce = a->ce;
	if (lr_bulk_lend(&bulk, released_cb, o))
		o->refs++;
	return LR_REQUEST(a->link, PUT, put, &m, &bulk, ms, lr_dop_reply_cb, a);
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

	return LR_REQUEST(a->link, PUT, put, &m, bulk.len ? &bulk : NULL, ms,
			  lr_dop_reply_cb, a);
}

static uint64_t send_update(struct lr_dop *o, struct lr_dop_ask *a, unsigned ms)
{
	struct lr_msg_update m =
		lr_update_msg(&o->update, o->op.doubt, o->sum, ms);
	struct lr_bulk bulk = {.p = o->update.value, .len = o->update.bytes};

	m.ce = a->ce;
	return LR_REQUEST(a->link, UPDATE, update, &m, bulk.len ? &bulk : NULL,
			  ms, lr_dop_reply_cb, a);
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
	return LR_REQUEST(a->link, GET, get, &m, NULL, ms, lr_dop_reply_cb, a);
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

bool lr_dop_send(struct lr_dop *o, const struct lr_op_act *act)
{
	struct lr_donor *n = lr_donors_find(o->d, act->member, o->op.slot);
	struct lr_dop_ask *a = free_ask(o);
	uint64_t now = lr_now_ms();
	unsigned ms = o->op.deadline_ms > now
			      ? (unsigned)(o->op.deadline_ms - now)
			      : 1;

	if (!n || !a || n->state != LR_DONOR_OPEN ||
	    !lr_link_is_open(n->link)) {
		if (n)
			lr_donors_missed(n);
		return false;
	}
	*a = (struct lr_dop_ask){.o = o,
				 .link = n->link,
				 .member = act->member,
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
