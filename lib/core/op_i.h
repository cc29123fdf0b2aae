/* SPDX-License-Identifier: Apache-2.0 */
/* What op.c and op_read.c share. */
#ifndef LR_CORE_OP_I_H
#define LR_CORE_OP_I_H

#include "core/op.h"

enum lr_op_peer_state { IDLE, ASKED, ANSWERED, FAILED };

/* op.c */
unsigned lr_op_count(const struct lr_op *op, enum lr_op_peer_state state);
void lr_op_finish(struct lr_op *op, enum lr_err result);
void lr_op_fail_peer(struct lr_op *op, struct lr_op_peer *p, uint64_t now_ms);
void lr_op_floor(struct lr_op *op, const struct lr_op_reply *r);

/* op_read.c */
enum lr_op_ask lr_op_read_ask(const struct lr_op *op,
			      const struct lr_op_peer *p);
bool lr_op_read_wants(const struct lr_op *op, const struct lr_op_reply *r);
void lr_op_read_got(struct lr_op *op, struct lr_op_peer *p,
		    const struct lr_op_reply *r, uint64_t now_ms);
void lr_op_read_settle(struct lr_op *op, uint64_t now_ms); /* all answered */

#endif
