/* SPDX-License-Identifier: Apache-2.0 */
/* One operation on the members of its slot, as ops.c (its life), ops_send.c
 * (requests) and ops_reply.c (replies) share it. */
#ifndef LR_CLIENT_OPS_I_H
#define LR_CLIENT_OPS_I_H

#include "client/direct_i.h"

/* One request of it, to one member. */
struct lr_dop_ask {
	struct lr_dop *o;
	struct lr_link *link;
	uint64_t handle, member, ce;
	uint64_t via; /* who passes it on to the member; 0: nobody */
	uint64_t sent_ns;
	bool out;
	uint8_t ask; /* LR_ASK_* */
	bool forward; /* and passed on to others */
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
	struct lr_dop_ask ask[LR_MEM_MAX];
	unsigned refs; /* to the value */
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

/* ops.c */
void lr_dop_step(struct lr_dop *o); /* what the rules want now */
/* Its callback is due, unless something still refers to it. */
void lr_dop_over(struct lr_dop *o);
void lr_dop_unref(struct lr_dop *o);

/* ops_send.c */
/* False: the member has no link now. */
bool lr_dop_send(struct lr_dop *o, const struct lr_op_act *act);
void lr_dop_forget(struct lr_dop *o, uint64_t but_ce); /* requests out */

/* ops_reply.c */
void lr_dop_reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg);

#endif
