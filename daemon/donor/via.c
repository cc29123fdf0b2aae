/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a client that cannot reach the donor which they are for
 * (protocol: "Through another member"):
 *
 *   1 VIA comes here from a client; it is for another member of the slot
 *   2 it goes there with the client's device and roles, over the links that
 *     chunks are passed on by (forward.c). None stands: BUSY, certainly not
 *     carried out
 *   3 there it is as if that client had sent it: its rights, ADMIT, the answer
 *   4 which goes back as it is. None within HOP_MS, or the link broke: UNKNOWN
 *   5 the client's link closes: what is on its way is carried out, unanswered
 *
 * It is no write of this donor's, and nothing of it stays here. */
#include <stdlib.h>

#include "core/list.h"
#include "daemon/base.h"
#include "daemon/donor/shard.h"

#define HOP_MS 5000 /* as what is forwarded, for the same reason */

struct lr_via {
	struct lr_via *next, **prev;
	struct lr_shard_link *l;
	uint64_t req, handle;
	struct lr_link *link;
};

static void answered_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct lr_via *v = arg;
	struct lr_bulk bulk = { 0 };

	(void)link;
	if (f && err != LR_E_VERSION) {
		bulk.p = f->bulk;
		bulk.len = f->h.bulk;
		lr_link_send(v->l->link, f->h.type, v->req, f->meta, f->h.meta,
			     bulk.len ? &bulk : NULL);
	} else {
		lr_link_send_error(v->l->link, v->req,
				   f ? LR_E_BUSY : LR_E_UNKNOWN,
				   "it could not be passed on");
	}
	LR_LIST_DEL(v);
	free(v);
}

static void pass_on(struct lr_shard_link *l, const struct lr_frame *f,
		    const struct lr_msg_via *m, unsigned slot)
{
	struct lr_link *link = lr_forwards_link(l->s->forwards, m->to, slot);
	struct lr_via *v = link ? calloc(1, sizeof *v) : NULL;
	struct lr_bulk bulk = { .p = f->bulk, .len = f->h.bulk };
	struct lr_msg_via to = *m;

	if (!v) {
		lr_link_send_error(l->link, f->h.req, LR_E_BUSY,
				   "no link to that donor now");
		return;
	}
	to.dev = l->dev;
	to.roles = l->roles;
	*v = (struct lr_via){ .l = l, .req = f->h.req, .link = link };
	LR_LIST_ADD(l->s->vias, v);
	v->handle = LR_REQUEST(link, VIA, via, &to, bulk.len ? &bulk : NULL,
			       HOP_MS, answered_cb, v);
	if (v->handle)
		return;
	LR_LIST_DEL(v);
	free(v);
	lr_link_send_error(l->link, f->h.req, LR_E_UNKNOWN, "out of memory");
}

/* With the rights of who asks, not of who brings it. */
static void serve_here(struct lr_shard_link *l, const struct lr_frame *f,
		       const struct lr_msg_via *m)
{
	struct lr_frame inner = { .h = { .bulk = f->h.bulk,
					 .meta = m->meta.n,
					 .type = m->type,
					 .req = f->h.req },
				  .meta = (const uint8_t *)m->meta.p,
				  .bulk = f->bulk };
	struct lr_dev dev = l->dev;
	uint8_t roles = l->roles;

	l->dev = m->dev;
	l->roles = m->roles & (LR_ROLE_REQUESTER | LR_ROLE_ADMIN);
	if (l->roles)
		lr_shard_serve(l, &inner);
	else
		lr_shard_refuse_donor(l, f->h.req);
	l->dev = dev;
	l->roles = roles;
}

/* What is passed on must not make the other donor close its link to us. */
static bool is_sound(const struct lr_msg_via *m, const struct lr_frame *f,
		     unsigned *ret_slot)
{
	const uint8_t *meta = (const uint8_t *)m->meta.p;
	struct lr_msg_get get;
	struct lr_msg_put put;

	if (f->h.bulk > lr_msg_bulk_max(m->type))
		return false;
	switch (m->type) {
	case LR_M_GET:
		if (!lr_dec_get(meta, m->meta.n, &get))
			return false;
		*ret_slot = get.slot;
		break;
	case LR_M_PUT:
		if (!lr_dec_put(meta, m->meta.n, &put))
			return false;
		*ret_slot = put.slot;
		break;
	case LR_M_UPDATE:
		return lr_updates_is_sound(meta, m->meta.n, f, ret_slot);
	default:
		return false;
	}
	return *ret_slot < LR_SLOTS;
}

void lr_vias_serve(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_msg_via m;
	unsigned slot;

	if (!lr_dec_via(f->meta, f->h.meta, &m) || !is_sound(&m, f, &slot))
		lr_link_close(l->link, LR_E_PROTOCOL);
	else if (m.to != l->s->o.inc && lr_shard_is_requester(l))
		pass_on(l, f, &m, slot);
	else if (m.to != l->s->o.inc || !(l->roles & LR_ROLE_DONOR))
		lr_shard_refuse_donor(l, f->h.req);
	else if (!lr_shard_is_member(l, slot))
		lr_shard_stale(l, f->h.req, slot);
	else
		serve_here(l, f, &m);
}

void lr_vias_gone(struct lr_shard *s, const struct lr_shard_link *l)
{
	struct lr_via *v, *next;

	for (v = s->vias; v; v = next) {
		next = v->next;
		if (l && v->l != l)
			continue;
		lr_link_forget(v->link, v->handle);
		LR_LIST_DEL(v);
		free(v);
	}
}
