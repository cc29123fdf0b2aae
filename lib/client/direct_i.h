/* SPDX-License-Identifier: Apache-2.0 */
/* What direct.c (standing and view), donors.c (links), ops.c (operations; see
 * ops_i.h) and ask.c (questions) share. All on the loop's thread. */
#ifndef LR_CLIENT_DIRECT_I_H
#define LR_CLIENT_DIRECT_I_H

#include <uthash.h>

#include "client/direct.h"
#include "core/op.h"
#include "net/clock.h"
#include "wire/viewcodec.h"

#define LR_SEARCH_MS 3000u /* how long to look for a pool before saying so */
#define LR_DIRECT_TEXT 512

struct lr_dop; /* ops_i.h: one operation */
struct lr_dask; /* ask.c: one question */

enum lr_donor_link { LR_DONOR_IDLE, LR_DONOR_DIAL, LR_DONOR_HELLO, LR_DONOR_OPEN };

/* One shard of a member of the view, and our data link to it. The first one
 * stands for the member. */
struct lr_donor {
	struct lr_donor *next, **prev; /* of all */
	struct lr_direct *d;
	struct lr_donor *shard[LR_SHARDS_MAX]; /* of the first: all, or NULL */
	unsigned shards, nth;
	uint64_t inc;
	struct lr_dev dev, key; /* key: what its links prove */
	char name[LR_NAME_MAX];
	char addrs[LR_ADDRS_MAX];
	bool up;   /* the coordinator hears it */
	bool gone; /* left the view; freed when its handles are closed */
	bool failed; /* the last dial did */
	enum lr_err why; /* how it ended */
	enum lr_donor_link state;
	struct lr_dial *dial;
	struct lr_link *link;
	uv_timer_t timer; /* to dial again */
	unsigned backoff_ms;
	uint64_t report_ms; /* not told again before that it is missed */
	unsigned report_wait_ms;
	uint64_t down_ms; /* when the link went, or we first knew it */
	uint64_t silent_ms; /* when the view said that it is not up */
	bool far;      /* on another machine: over our own link to the LAN */
	bool no_forward; /* an older version */
	uint32_t near_us; /* round trip of reads, averaged; 0 = not known */
	UT_hash_handle hh;
};

struct lr_direct {
	struct lr_entries entries; /* first */
	uv_loop_t *loop;
	struct lr_attach *attach; /* NULL: the view is fed */
	struct lr_dev pool;	  /* then */
	struct lr_tls *tls;
	struct lr_spin *spin; /* or NULL */
	bool clear; /* data links go on without TLS */
	struct lr_dev self;
	char name[LR_NAME_MAX], pool_name[LR_NAME_MAX];
	struct lr_view_rx rx;
	bool want_view;		/* the whole of it, until it came */
	bool fetching;		/* a VIEW_GET is out */
	struct lr_donor *donors; /* by incarnation: each member's first shard */
	struct lr_donor *links;  /* every shard of each */
	struct lr_dop *ops, *finished, *spare;
	unsigned n_spare;
	struct lr_dask *asks;
	uv_timer_t timer; /* operations and questions */
	uint64_t timer_at;
	uint64_t born_ms;
	uint32_t rng;
	void (*state_cb)(void *arg, enum lr_here_state state);
	void *state_arg;
	void (*push_cb)(void *arg, const struct lr_frame *f);
	void *push_arg;
	unsigned alive; /* handles, links, requests: freed at 0 */
	bool closing;
};

/* direct.c */
void lr_direct_hold(struct lr_direct *d);
void lr_direct_drop(struct lr_direct *d);
/* Why nothing can be done: NO_POOL, NOT_ADMITTED, ..., with the sentence. */
enum lr_err lr_direct_why(const struct lr_direct *d, char *out, size_t cap);
/* Nothing is known of the pool and waiting does not help (any more). */
bool lr_direct_is_hopeless(const struct lr_direct *d);
/* The view is behind what a donor told; fetch it from `link` if there is no
 * coordinator. */
void lr_direct_lagging(struct lr_direct *d, struct lr_link *link);
/* Wakes the timer at `at_ms` at the latest. */
void lr_direct_arm(struct lr_direct *d, uint64_t at_ms);
const struct lr_dev *lr_direct_pool(const struct lr_direct *d);

/* donors.c */
void lr_donors_follow(struct lr_direct *d); /* the view changed */
/* The member's shard that has the slot. */
struct lr_donor *lr_donors_find(const struct lr_direct *d, uint64_t inc,
				unsigned slot);
/* Its link is missing: the coordinator is told, now and then. */
void lr_donors_missed(struct lr_donor *n);
void lr_donors_close(struct lr_direct *d);
void lr_donors_redial(struct lr_direct *d); /* each link, anew */

/* ops.c */
void lr_ops_put(struct lr_entries *e, const struct lr_put *p, lr_entry_cb cb,
		void *arg);
void lr_ops_get(struct lr_entries *e, const struct lr_id *id,
		unsigned get_flags, unsigned deadline_ms, lr_entry_cb cb,
		void *arg);
void lr_ops_update(struct lr_entries *e, const struct lr_entry_update *u,
		   lr_entry_cb cb, void *arg);
void lr_ops_view(struct lr_direct *d);  /* it changed */
void lr_ops_reach(struct lr_direct *d); /* a donor's link is up */
void lr_ops_state(struct lr_direct *d); /* of the attach, changed */
/* Does what is due; when the next will be (UINT64_MAX: nothing). */
uint64_t lr_ops_tick(struct lr_direct *d, uint64_t now);
void lr_ops_drain(struct lr_direct *d); /* callbacks of those that are done */
void lr_ops_close(struct lr_direct *d);

/* ask.c */
void lr_asks_ask(struct lr_entries *e, unsigned type, const void *meta,
		 size_t len, unsigned deadline_ms, lr_ask_cb cb, void *arg);
void lr_asks_state(struct lr_direct *d);
uint64_t lr_asks_tick(struct lr_direct *d, uint64_t now);
void lr_asks_close(struct lr_direct *d);

#endif
