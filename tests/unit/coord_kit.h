/* SPDX-License-Identifier: Apache-2.0 */
/* A small pool in one process with a clock of its own: the coordinator's rules
 * against donors built on slot.h, links with delays, a disk, and writers. After
 * each step of the coordinator the protocol's invariants are checked. */
#ifndef LR_TESTS_COORD_KIT_H
#define LR_TESTS_COORD_KIT_H

#include "core/coord.h"
#include "core/slot.h"
#include "tests/unit/unit.h"

#define KIT_DONORS 8
#define KIT_OPS	   32
#define KIT_PAST   4096 /* configurations of a slot that are remembered */
#define KIT_SMALL  64	/* slots: more are not checked one by one */

enum kit_msg_kind {
	KIT_SEAL,
	KIT_INSTALL,
	KIT_VIEW,
	KIT_SLOTS_GET,
	KIT_MAY_LEAVE,
	KIT_HELLO,
	KIT_SEALED,
	KIT_INSTALLED,
	KIT_SLOTS,
	KIT_SYNCED,
	KIT_LEAVE,
	KIT_REACHED,
};

struct kit_msg {
	enum kit_msg_kind kind;
	uint64_t at, inc, gen, run, epoch;
	unsigned donor;
	size_t n;
	unsigned *slots;
	struct lr_cfg *cfgs;
	struct lr_slot_report *reports;
};

struct kit_ack {
	uint64_t inc, epoch, ce;
	bool synced;
};

struct kit_donor {
	struct lr_dev dev;
	uint64_t inc;
	uint64_t said, forgot; /* the last that said hello, was forgotten */
	bool alive;	       /* the process runs */
	bool silent;	       /* died without a word: nobody refuses */
	bool cut;	       /* from the coordinator only */
	bool linked, wants_link, leaving, may_leave;
	unsigned slow_ms; /* what its messages take longer */
	uint64_t gen; /* of its link */
	uint64_t at, beat_at, cut_at, leave_at, lost_at, fifo[2], tick;
	uint64_t lent, used;
	enum lr_pressure pressure;
	bool full; /* syncs report FULL */
	struct lr_slot *slot;
	uint64_t *held;	     /* entries of each slot, one bit each */
	struct kit_ack *ack; /* to the last SEAL of each slot */
};

struct kit_op { /* a PUT on its way */
	bool on;
	unsigned slot;
	uint64_t bit, left; /* members by index */
	struct lr_cfg cfg;
};

struct kit {
	unsigned nslots, n;
	uint64_t now, seed, next_inc, tick_at;
	unsigned delay_ms, sync_ms;
	bool moves; /* the coordinator sees that messages are on their way */
	struct lr_coord_params p;
	struct lr_coord *c; /* NULL: the coordinator is down */
	struct lr_view disk;
	bool on_disk, disk_doubt;
	uint64_t disk_prepared;
	bool saving, saving_view, save_doubt; /* a write is under way */
	uint64_t save_at, save_prepared;
	struct lr_view save_view;
	struct kit_donor d[KIT_DONORS];
	struct kit_msg *msg;
	size_t n_msg, cap_msg;
	struct lr_cfg *known; /* what writers know, by slot */
	struct lr_cfg *last;  /* committed, whatever the disk says */
	struct lr_cfg *past;  /* [nslots][KIT_PAST]: every cfg ever seen */
	unsigned *n_past;
	struct kit_op op[KIT_OPS];
	uint64_t *acked; /* by slot */
	uint8_t *next_bit;
	unsigned lost, events[32], acks, seals;
	char wrong[256]; /* the first violation; empty: none */
};

void kit_init(struct kit *k, unsigned nslots, unsigned donors, uint64_t seed);
void kit_done(struct kit *k);

void kit_start(struct kit *k, unsigned donor); /* a new incarnation */
void kit_kill(struct kit *k, unsigned donor, bool silent);
void kit_cut(struct kit *k, unsigned donor, bool cut);
void kit_forget(struct kit *k, unsigned donor);
void kit_leave(struct kit *k, unsigned donor);
void kit_coord_start(struct kit *k);
/* `written`: what was on its way to the disk arrived. */
void kit_coord_crash(struct kit *k, bool written);

void kit_put(struct kit *k, unsigned slot);
void kit_step(struct kit *k); /* 10 ms */
void kit_run(struct kit *k, unsigned ms);
/* Until it holds: false after `ms`. */
bool kit_until(struct kit *k, bool (*holds)(struct kit *), unsigned ms);

/* Every slot has a cfg of min(copies, donors up) synced members that all have
 * it installed and admit operations; nothing else is left over. */
bool kit_healed(struct kit *k);
unsigned kit_unavailable(struct kit *k);
unsigned kit_holding(struct kit *k, unsigned donor); /* cfgs that name it */

/* For tests of one behaviour. */
#define KIT_POOL_SLOTS 24u /* 8 of each class */
void kit_assert_fine(struct kit *k);
/* A healed pool of `n` donors, with three writes in each slot. */
void kit_pool(struct kit *k, unsigned n, unsigned donors);
void kit_end(struct kit *k);

#endif
