/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of a client on one entry (protocol: "The client"). Pure: the
 * caller brings views, replies and time, sends what is asked, and owns the
 * value. One struct an operation, no allocation.
 *
 * PUT   to ALL members of the slot's cfg, same tag in every retry; done when
 *       all stored it under one ce. All answered, some with a higher tag:
 *       SUPERSEDED: nothing of it may be left (objects: clean up), and it is
 *       ordered before that one (registers: done). A conditional TOMB that met
 *       a closed manifest: SUPERSEDED at once. FULL, PERMISSION: at once. The
 *       deadline before the first send: TIMEOUT, certainly not done; after:
 *       UNKNOWN.
 * GET   the nearest copy first (a second is asked when it is slow), then the
 *       others; "absent" only when ALL members of one cfg said so, at least
 *       one of them SYNCED; LOST where the cfg is marked or all copies are BAD.
 * TAGS  the highest tag over ALL members (registers, and what updates need).
 *       Found NONE where op->cfg.lost is marked: whoever reads says LOST.
 */
#ifndef LR_CORE_OP_H
#define LR_CORE_OP_H

#include "core/slot.h"

#define LR_OP_DEADLINE_MS 10000u
#define LR_OP_DEADLINE_MAX_MS 30000u
#define LR_OP_HEDGE_MS 150u

enum lr_op_kind { LR_OP_PUT, LR_OP_GET, LR_OP_TAGS };

enum lr_op_do {
	LR_OP_WAIT, /* until an event, or op->wake_ms */
	LR_OP_SEND, /* to `member`, under `ce` */
	LR_OP_DONE, /* op->result, op->tag, ...; no more events */
};

struct lr_op_act {
	enum lr_op_do what;
	uint64_t member; /* incarnation */
	uint64_t ce;
};

/* A reply, as far as the rules care. */
struct lr_op_reply {
	enum lr_err err; /* OK, STALE, FULL, PERMISSION, CORRUPT, ... */
	uint8_t found;	 /* LR_FOUND_* */
	bool synced;
	struct lr_tag tag;	  /* stored there now */
	const struct lr_cfg *cfg; /* STALE: what it has installed, or NULL */
};

struct lr_op_peer {
	uint64_t inc;
	uint8_t state; /* op.c: idle, asked, answered, failed */
	uint8_t fails; /* since this cfg is used */
	uint8_t found;
	bool synced;
	struct lr_tag tag; /* answered: stored there */
};

struct lr_op {
	enum lr_op_kind kind;
	unsigned slot;
	unsigned put_flags;
	struct lr_id id;
	struct lr_tag tag; /* PUT: what is put; result: the highest seen */
	uint64_t start_ms, deadline_ms, wake_ms, asked_ms;
	struct lr_cfg cfg; /* the configuration in use; ce 0: waiting for one */
	uint64_t retry_ms; /* when those that failed are asked again; 0: none */
	unsigned retries;  /* under this cfg */
	struct lr_op_peer peer[LR_MEM_MAX];
	uint32_t rng;
	bool sent; /* a PUT has left: the outcome may be unknown */
	bool done;
	/* the result */
	enum lr_err result;
	uint8_t found;	/* GET: VALUE, TOMB or NONE */
	uint64_t from;	/* GET: the member that gave it; waited for otherwise */
	uint8_t copies; /* PUT: how many stored it; TAGS: how many have `tag` */
};

/* `tag`: PUT only, NULL otherwise. deadline_ms 0: the default. A simulation
 * with fewer slots sets op->slot afterwards. */
void lr_op_init(struct lr_op *op, enum lr_op_kind kind, const struct lr_id *id,
		const struct lr_tag *tag, unsigned put_flags, uint64_t now_ms,
		unsigned deadline_ms, uint32_t seed);
/* The cfg known for the slot, from a view or a STALE reply; older is ignored. */
void lr_op_view(struct lr_op *op, const struct lr_cfg *cfg, uint64_t now_ms);
/* Measured latency of a member, to read from the nearest; 0 = unknown. */
typedef uint32_t (*lr_op_near)(void *arg, uint64_t member);
struct lr_op_act lr_op_next(struct lr_op *op, uint64_t now_ms, lr_op_near near,
			    void *arg);
/* Replies carry the ce they were asked under: older ones are ignored. */
void lr_op_reply(struct lr_op *op, uint64_t member, uint64_t ce,
		 const struct lr_op_reply *r, uint64_t now_ms);
/* No link to the member, or it broke with the request outstanding. */
void lr_op_unreached(struct lr_op *op, uint64_t member, uint64_t ce,
		     uint64_t now_ms);

#endif
