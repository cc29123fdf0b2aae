/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of a client on one entry (protocol: "The client"). Pure: the
 * caller brings views, replies and time, sends what is asked, and owns the
 * value. One struct an operation, no allocation.
 *
 * PUT   to ALL members of the slot's cfg, same tag in every retry; done when
 *       all stored it under one ce. All answered, some with a higher tag:
 *       SUPERSEDED: nothing of it may be left (objects: clean up), and it is
 *       ordered before that one (registers: done). A conditional TOMB that met
 *       a closed manifest: SUPERSEDED at once, another cfg: STALE. FULL, PERMISSION: at once. The
 *       deadline before the first send: TIMEOUT, certainly not done; after:
 *       UNKNOWN.
 *       With op->far, members that are far are sent to through one of them,
 *       once under each cfg: it passes the value on (protocol: "Forwarding")
 *       and each one's own answer back. Who has not answered then is asked
 *       directly, as everybody is once half of the time is over.
 * GET   the nearest copy first (a second is asked when it is slow), then the
 *       others; "absent" only when ALL members of one cfg said so, at least
 *       one of them SYNCED, or had no more than an open manifest (found VALUE
 *       then); LOST where the cfg is marked or all copies are BAD.
 * TAGS  the highest tag over ALL members: what a register's write needs.
 *       Found NONE where op->cfg.lost is marked: whoever reads says LOST.
 * READ  registers and names, linearizable: the nearest copy and the tags of
 *       all others. Tags agree: done, in one round. Otherwise a copy with the
 *       highest is fetched and put to those that lag, then it is done. Another
 *       cfg meanwhile: all over again. ABSENT, LOST as for GET.
 * UPDATE  asked of one member, src[1], which orders the updates of a name
 *       (core/update.h): done, or CONFLICT. No answer, or a PUT that stopped
 *       half-way: asked again with op->doubt, then it is never carried out a
 *       second time: done where the current tag bears it, else UNKNOWN.
 */
#ifndef LR_CORE_OP_H
#define LR_CORE_OP_H

#include "core/slot.h"

#define LR_OP_DEADLINE_MS 10000u
#define LR_OP_DEADLINE_MAX_MS 30000u
#define LR_OP_HEDGE_MS 150u

enum lr_op_kind { LR_OP_PUT, LR_OP_GET, LR_OP_TAGS, LR_OP_READ, LR_OP_UPDATE };

/* What a member is asked for. READ asks for several. */
enum lr_op_ask {
	LR_ASK_GET, /* the value with its tag */
	LR_ASK_TAG,
	LR_ASK_PUT, /* READ: op->have, as a write-back (LR_PUT_REPAIR) */
	LR_ASK_UPDATE,
};

enum lr_op_do {
	LR_OP_WAIT, /* until an event, or op->wake_ms */
	LR_OP_SEND, /* `ask`, to `member`, under `ce` */
	LR_OP_DONE, /* op->result, op->tag, ...; no more events */
};

struct lr_op_act {
	enum lr_op_do what;
	uint64_t member; /* incarnation */
	uint64_t ce;
	enum lr_op_ask ask;
	uint64_t rest[LR_MEM_MAX]; /* PUT: `member` passes it on to these */
	unsigned n_rest;
};

/* A reply, as far as the rules care. */
struct lr_op_reply {
	enum lr_err err; /* OK, STALE, FULL, PERMISSION, CORRUPT, ... */
	uint8_t found;	 /* LR_FOUND_* */
	bool synced;
	uint8_t ask;		  /* READ: LR_ASK_*, what it answers */
	struct lr_tag tag;	  /* stored there now; NONE: see core/slot.h */
	const struct lr_cfg *cfg; /* STALE: what it has installed, or NULL */
};

struct lr_op_peer {
	uint64_t inc;
	uint64_t via; /* asked through that member; 0: directly */
	uint8_t state; /* op.c: idle, asked, answered, failed */
	uint8_t fails; /* since this cfg is used */
	uint8_t found;
	uint8_t ask;	 /* what it was asked for last */
	uint8_t refused; /* lr_err: a PUT that it will not store */
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
	bool doubt; /* one that may have been carried out had no answer */
	/* PUT of a register: FULL only when no copy can have it, else UNKNOWN.
	 * Set after lr_op_init. */
	bool certain;
	/* PUT: is it worth while to reach that member through another one? The
	 * argument is lr_op_next's. Set after lr_op_init; NULL: never. */
	bool (*far)(void *arg, uint64_t member);
	bool forwarded; /* under this cfg, already */
	uint8_t phase;	   /* READ: op_read.c */
	bool has;	   /* READ: the caller holds the value of tag `have` */
	struct lr_tag have; /* it changes: keep the value of this reply */
	uint64_t floor;	   /* highest ts that may have been in use */
	uint32_t sends;
	bool done;
	/* the result */
	enum lr_err result;
	uint8_t found;	/* GET, READ: VALUE, TOMB or NONE; UPDATE: current */
	uint64_t from;	/* GET: the member that gave it; waited for otherwise */
	uint8_t copies; /* PUT: how many stored it; TAGS: how many have `tag` */
};

/* When it has had half of its time: nothing is passed on by others later. */
static inline uint64_t lr_op_half_ms(const struct lr_op *op)
{
	return op->start_ms + (op->deadline_ms - op->start_ms) / 2;
}

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
/* What another member answered, as the one that passed the value on says. All of
 * these come before that one's own reply, which ends the passing on. */
void lr_op_passed(struct lr_op *op, uint64_t member, uint64_t ce,
		  const struct lr_op_reply *r, uint64_t now_ms);
/* No answer: no link to the member, or it broke with the request out. */
void lr_op_unreached(struct lr_op *op, uint64_t member, uint64_t ce,
		     uint64_t now_ms);
/* There is no link to it: what lr_op_next said just now has not left. */
void lr_op_unsent(struct lr_op *op, uint64_t member, uint64_t ce,
		  uint64_t now_ms);

#endif
