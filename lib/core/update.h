/* SPDX-License-Identifier: Apache-2.0 */
/* One compare-and-set of a name, at the donor that orders them: src[1] of the
 * slot's cfg (protocol: "update"). Pure: the caller keeps a queue an ID, so
 * that one is carried out at a time, sends what is asked, and owns values.
 *
 *   1 a READ under this ce, from ALL, write-back included: for every request,
 *     a repeated one too
 *   2 the current tag bears this op: done. Asked about again: SUPERSEDED, it
 *     is not current. Not as expected: CONFLICT, ABSENT or LOST
 *   3 PUT to ALL under this ce, with a tag above all that were ever used
 *
 * One that was given up after its PUT left may reach a copy yet: after the READ
 * of the next, before its PUT, where a reader would see it, and done would be
 * a lie. So that READ sets a bar first, lr_update_bar, at every copy that it
 * asks: it sees the late one, or the copy refuses it for good.
 *
 * A member refused, another ce, the deadline: BUSY before the PUT left (it may
 * be asked anew), UNKNOWN after (it may only be asked about again). */
#ifndef LR_CORE_UPDATE_H
#define LR_CORE_UPDATE_H

#include "core/op.h"

struct lr_update_request {
	struct lr_id id;
	uint64_t writer; /* with seq: this op, and nothing else, ever */
	uint32_t seq;
	uint8_t expect, flags; /* LR_EXPECT_*, LR_UPDATE_* */
	struct lr_tag want;    /* LR_EXPECT_TAG */
};

struct lr_update {
	struct lr_update_request q;
	struct lr_op op; /* the READ, then the PUT */
	struct lr_cfg cfg;
	uint64_t deadline_ms;
	uint32_t seed;
	bool putting, done;
	enum lr_err result;
	uint8_t found;	   /* what is current */
	struct lr_tag tag; /* its tag */
	uint64_t put_ts;   /* what it put, or tries to */
};

/* The member that orders the updates of a slot. */
uint64_t lr_update_server(const struct lr_cfg *cfg, uint32_t seed);
/* OK, or STALE: not under that ce, or it is not for `me` to answer. */
enum lr_err lr_update_admit(const struct lr_slot *s, uint64_t ce, uint64_t me);

/* After lr_update_admit. A simulation with fewer slots sets u->op.slot. */
void lr_update_init(struct lr_update *u, const struct lr_update_request *q,
		    const struct lr_slot *s, uint64_t me, uint64_t now_ms,
		    unsigned deadline_ms, uint32_t seed);
/* To be set (lr_slot_bar) at a member, in order before each GET or GET_TAG of
 * an update; 0: none. */
uint64_t lr_update_bar(const struct lr_slot *s);
/* ASK_PUT while !u->putting: the value read (as READ says); while putting:
 * the update's, tag u->op.tag. `s` is asked for its floor, and raises it;
 * it remembers what was given up. */
struct lr_op_act lr_update_next(struct lr_update *u, struct lr_slot *s,
				uint64_t now_ms);
/* `putting`: as it was when that request was sent. */
void lr_update_reply(struct lr_update *u, uint64_t member, bool putting,
		     const struct lr_op_reply *r, uint64_t now_ms);
/* `left`: it may have arrived. */
void lr_update_unreached(struct lr_update *u, uint64_t member, bool putting,
			 bool left, uint64_t now_ms);

#endif
