/* SPDX-License-Identifier: Apache-2.0 */
/* One operation on a slot of up to three members, in its own time: what it
 * wants next, and answers to it. */
#ifndef LR_TESTS_OP_KIT_H
#define LR_TESTS_OP_KIT_H

#include "core/op.h"

#include "unit.h"

#define A 11u
#define B 22u
#define C 33u

extern const struct lr_id op_object;
extern const struct lr_tag op_mine, op_higher;

struct lr_cfg op_cfg(uint64_t ce, unsigned n, unsigned src);
struct lr_op op_start(enum lr_op_kind kind, unsigned flags,
		      const struct lr_cfg *c);
void expect_send(struct lr_op *op, uint64_t now, uint64_t member, uint64_t ce);
void expect_wait(struct lr_op *op, uint64_t now);
void expect_done(struct lr_op *op, uint64_t now, enum lr_err result);
void op_stored(struct lr_op *op, uint64_t m, uint64_t ce,
	       const struct lr_tag *tag);
void op_found(struct lr_op *op, uint64_t m, uint64_t ce, uint8_t what,
	      bool synced);
void op_failed(struct lr_op *op, uint64_t m, uint64_t ce, enum lr_err err,
	       const struct lr_cfg *c);

#endif
