/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of pulling share, all on the shard's thread:
 *
 *   pull.c       the slots: whose turn it is, what is told when one has ended
 *   pull_ask.c   what is asked of other donors, and what they answered
 *   pull_link.c  links for copies, and how fast they may be
 *   repair.c     single entries that were found corrupt
 */
#ifndef LR_DONOR_PULL_I_H
#define LR_DONOR_PULL_I_H

#include "core/pace.h"
#include "core/turns.h"
#include "daemon/donor/shard.h"

#define PULL_ACTIVE 64 /* slots at a time */
#define PULL_OUT 64    /* requests at a time */

struct pull_slot {
	struct lr_sync *sync; /* NULL: cancelled, waits for `out` to fall */
	unsigned slot, out;
	uint64_t wake_ms;
};

struct pull_request;
struct pull_link;
struct repair;

struct lr_pull {
	struct lr_shard *s;
	struct lr_turns turns;
	bool rests[LR_SLOTS]; /* its sources could not be asked */
	unsigned n_rest;
	uint64_t rest_ms; /* when they are tried again */
	struct pull_slot *active[PULL_ACTIVE];
	unsigned out;
	uint64_t out_bytes; /* of entries asked for */
	uint64_t asked;	    /* entries, ever */
	struct pull_request *requests;
	struct pull_link *links;
	struct lr_pace pace;
	uint64_t seen_ops; /* of users, here */
	uint64_t seen_epoch; /* of the view */
	struct repair *repairs;
	uint64_t repair_ms, full_ms, shelved_ms;
	uint64_t fetched_bytes, warm_bytes; /* since nothing was pulled */
	uint8_t done[LR_SLOTS * 10], full[1024 * 10]; /* slot_ce records */
	struct lr_writer done_w, full_w;
};

/* pull.c: asks the slot's machine what to do, until it waits. */
void pull_pump(struct lr_pull *p, struct pull_slot *a);
void pull_refill(struct lr_pull *p);

/* pull_ask.c; false: nothing was sent, out of memory. */
bool pull_ask(struct lr_pull *p, struct pull_slot *a,
	      const struct lr_sync_act *act);
/* The entry from every other member of the slot. */
void pull_ask_repair(struct lr_pull *p, unsigned slot, const struct lr_id *id);
void pull_forget_all(struct lr_pull *p);

/* pull_link.c: the link for copies; until it stands, the one for operations;
 * NULL: neither stands. */
struct lr_link *pull_link(struct lr_pull *p, uint64_t member, unsigned slot);
void pull_links_tick(struct lr_pull *p, uint64_t now_ms);
void pull_links_close(struct lr_pull *p);

/* repair.c */
void pull_repair_tick(struct lr_pull *p, uint64_t now_ms);
void pull_repairs_free(struct lr_pull *p);

#endif
