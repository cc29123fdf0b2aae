/* SPDX-License-Identifier: Apache-2.0 */
/* A donor: its slots, its entries, what it answers and pulls. */
#ifndef LR_TESTS_SIM_DONOR_H
#define LR_TESTS_SIM_DONOR_H

#include "core/slot.h"
#include "core/sync.h"
#include "tests/sim/agent.h"

struct entry {
	uint32_t key;
	struct lr_tag tag;
	uint8_t kind, state;
	bool rotten; /* its bytes are not what they were */
	uint64_t val, expires, stored_ms;
};

struct seal_ack { /* the last one, of a device for a slot */
	uint64_t inc, epoch, ce;
	bool synced, heard; /* by the coordinator */
};

struct dslot {
	struct lr_slot st;
	struct entry *e; /* by key */
	unsigned n, cap;
	struct lr_sync *sync;
	struct entry *shelf; /* set aside when it was emptied */
	unsigned n_shelf;
	uint32_t sync_life;
	uint64_t sync_armed;
	uint8_t *listed; /* by a mutation: keys that a source listed */
	bool tell_synced, tell_full;
	uint64_t listed_ce; /* the coordinator got the list for it; 0: not */
	uint64_t tell_ce;
};

struct slow_put { /* admitted, and not applied yet */
	struct slow_put *next;
	struct msg m;
	struct link link;
	uint64_t at;
};

struct order_ask { /* a request of an update */
	bool out, putting;
	enum lr_op_ask ask;
	uint32_t no;
	uint64_t member;
	struct link link;
};

struct order { /* an update that this donor orders; the first of its name runs */
	struct order *next;
	uint32_t life;
	struct msg m;	  /* what was asked, */
	struct link link; /* and over which link */
	uint64_t until_ms, armed;
	bool running;
	struct lr_update u;
	uint64_t has; /* the value of tag u.op.have */
	uint32_t n_asks;
	struct order_ask ask[2 * LR_MEM_MAX];
};

enum hop_state { HOP_WAITS, HOP_SENT, HOP_SAID };

struct forward { /* a PUT that is passed on */
	struct forward *next;
	uint32_t life;
	struct msg m;	  /* what was asked, */
	struct link link; /* and over which link */
	uint64_t begun_ms;
	enum lr_err err; /* of this copy's own */
	struct lr_tag tag;
	struct blob *said; /* by the others */
	struct {
		enum hop_state state;
		uint64_t at; /* it leaves then */
		struct link link;
	} hop[LR_MEM_MAX];
};

struct via { /* a request passed on for a client */
	struct via *next;
	uint32_t life;
	struct msg m;	  /* what was asked, */
	struct link link; /* and over which link */
	struct link hop;  /* c NULL: it waits here */
	uint64_t begun_ms, at;
};

struct change { /* the coordinator is to hear of */
	unsigned slot;
	uint32_t key;
};

struct repair {
	uint32_t key;
	unsigned tries;
};

struct donor {
	unsigned node, dev;
	unsigned pressure; /* its host's: enum lr_pressure */
	uint64_t stays;	   /* bytes that may be lent then */
	uint64_t hard_ms;  /* when the coordinator heard last that it wants it */
	uint64_t inc, tick;
	uint32_t life;
	struct agent ag;
	struct link control, beat;
	bool dialling, slots_told;
	struct dslot *slot;
	struct slow_put *slow;
	struct order *orders;
	struct forward *forwards;
	struct via *vias;
	struct change *changes;
	unsigned n_changes, cap_changes;
	unsigned slow_permille, slow_ms;
	unsigned cap, entries;
	uint64_t lent;
	uint64_t last_tick_ms, hold_ms, full_ms;
	bool leaving;
	uint64_t leave_ms, leave_ask_ms;
	unsigned cursor;
	struct repair repair[16];
	unsigned n_repair;
	uint64_t said_hello, forgotten; /* incarnations */
	uint64_t sweeps_out;
	bool draining, gone_for_good;
};

/* donor.c */
void donor_start(struct sim *s, struct donor *d);
/* In that life, now; asleep: then `fn` comes again when it wakes. */
bool donor_is_awake(struct sim *s, struct donor *d, uint64_t life, sim_fn fn);
void donor_kill(struct sim *s, struct donor *d, bool silent);
void donor_recv(struct sim *s, struct donor *d, struct conn *c, struct msg *m);
void donor_attach(struct sim *s, void *arg, uint64_t life);
struct donor *donor_of(struct sim *s, uint64_t inc); /* NULL: not alive */
unsigned donor_dev(uint64_t inc);

/* donor_slots.c */
void donor_seal(struct sim *s, struct donor *d, struct conn *c, struct msg *m);
void donor_install(struct sim *s, struct donor *d, struct conn *c,
		   struct msg *m);
void donor_tell_slots(struct sim *s, struct donor *d, struct conn *c);
void donor_tell(struct sim *s, struct donor *d); /* SYNCED and FULL, as lists */
/* What was admitted and is not applied: its sender is told that it failed. */
void donor_kill_slow(struct sim *s, struct donor *d, unsigned slot);

/* shelf.c */
void shelf_take_slot(struct donor *d, unsigned slot);
bool shelf_give(struct sim *s, struct donor *d, unsigned slot,
		const struct lr_sync_entry *want, uint32_t key);
void shelf_drop(struct dslot *ds);

/* serve.c */
void serve_recv(struct sim *s, struct donor *d, struct conn *c, struct msg *m);
void serve_drop_slow(struct slow_put *p);
struct entry *serve_find(struct donor *d, unsigned slot, uint32_t key);
void serve_stored(const struct entry *e, struct lr_stored *ret);
enum lr_err serve_store(struct sim *s, struct donor *d, unsigned slot,
			const struct entry *e, bool reserve);
void serve_drop(struct donor *d, unsigned slot, uint32_t key);

/* find.c */
void find_serve(struct sim *s, struct donor *d, struct conn *c, struct msg *r);

/* pull.c */
void pull_slot(struct sim *s, struct donor *d, unsigned slot);
void pull_pump(struct sim *s, struct donor *d, unsigned slot);
void pull_recv(struct sim *s, struct donor *d, struct msg *m);
void pull_lost(struct sim *s, struct donor *d, uint64_t member);
void pull_repair(struct sim *s, struct donor *d, uint32_t key);
void pull_tick(struct sim *s, struct donor *d);
void pull_stop(struct sim *s, struct donor *d);

/* order.c */
void order_serve(struct sim *s, struct donor *d, struct conn *c,
		 struct msg *m);
void order_reply(struct sim *s, struct donor *d, struct msg *m);
void order_lost(struct sim *s, struct donor *d, struct conn *c);
void order_tick(struct sim *s, struct donor *d);
void order_stop(struct donor *d);

/* forward.c */
void forward_begin(struct sim *s, struct donor *d, struct conn *c,
		   const struct msg *m, enum lr_err err,
		   const struct lr_tag *tag);
void forward_reply(struct sim *s, struct donor *d, struct msg *m);
void forward_lost(struct sim *s, struct donor *d, struct conn *c);
void forward_tick(struct sim *s, struct donor *d);
void forward_stop(struct donor *d);

/* via.c */
void via_begin(struct sim *s, struct donor *d, struct conn *c,
	       const struct msg *m);
void via_reply(struct sim *s, struct donor *d, struct msg *m);
void via_lost(struct sim *s, struct donor *d, struct conn *c);
void via_tick(struct sim *s, struct donor *d);
void via_stop(struct donor *d);

/* report.c */
void report_changed(struct sim *s, struct donor *d, unsigned slot,
		    uint32_t key);
void report_slot(struct donor *d, unsigned slot); /* its part may be another */
void report_attached(struct sim *s, struct donor *d);
void report_tick(struct sim *s, struct donor *d);
void report_stop(struct donor *d);

/* sweep.c */
void sweep_tick(struct sim *s, struct donor *d);

#endif
