/* SPDX-License-Identifier: Apache-2.0 */
/* The data side of a donor: threads, each with a loop, a listener, data links,
 * a store and the slots that are `nth` modulo `shards`. They share nothing. The
 * control thread (donor.c) speaks to them through mailboxes only, and reads the
 * counters of struct lr_shard_stats. */
#ifndef LR_DONOR_SHARD_H
#define LR_DONOR_SHARD_H

#include <stdatomic.h>

#include "client/direct.h"
#include "core/hist.h"
#include "core/slot.h"
#include "core/sync.h"
#include "daemon/donor/mailbox.h"
#include "daemon/metrics.h"
#include "store/store.h"

/* Bytes of copies that a user's request may stand behind in the loop. */
#define LR_COPY_TURN (64u << 10)

/* Mail to the shard that is no frame of the protocol. */
enum lr_shard_mail {
	LR_MAIL_ATTACHED = 1000, /* meta: WELCOME */
	LR_MAIL_DETACHED,
	LR_MAIL_LIMIT,	  /* meta: u64 bytes */
	LR_MAIL_REPORTED, /* the coordinator took one REPORT */
	LR_MAIL_STOP,
};

/* Requests, as metrics tell them apart. */
enum lr_served {
	LR_SERVED_GET,
	LR_SERVED_PUT,
	LR_SERVED_UPDATE,
	LR_SERVED_LIST,
	LR_SERVED_COPY, /* a donor fetches an entry */
	LR_SERVED_OTHER,
	LR_SERVED_KINDS
};

/* Data links, as metrics tell them apart. */
enum lr_shard_link_kind {
	LR_LINKS_DATA,
	LR_LINKS_COPY,
	LR_LINKS_STRANGER, /* not admitted */
	LR_LINKS_KINDS
};

struct lr_shard_stats {
	_Atomic uint64_t tick, mapped, live, entries, max_prom, sync_left, ops;
	_Atomic uint32_t sealed, syncing, p50_us, p99_us;
	/* Of users: what donors fetch from each other is not counted. */
	_Atomic uint64_t gets, puts, bytes_out, bytes_in, errors;
	_Atomic uint64_t limit; /* of the store, as it keeps to it */
	_Atomic bool rest; /* from control: copy nothing for now */
	_Atomic uint64_t copy_limit; /* bytes a second; 0: as users allow */
	_Atomic uint32_t sole; /* slots that hold something on me alone */
	_Atomic uint32_t links[LR_LINKS_KINDS];
	_Atomic uint64_t fetched_bytes, warm_bytes; /* copies: see pull_i.h */
	_Atomic uint64_t corrupt, repaired;
	struct lr_times times[LR_SERVED_KINDS];
};

struct lr_shard_options {
	struct lr_tls *tls;
	struct lr_dev self;
	uint64_t inc;
	unsigned nth, shards;
	uint64_t limit;
	unsigned busy_poll_us;
	uint64_t scrub_ms; /* a full pass; 0: none */
	const char *listen, *name;
	struct lr_accept_limits accept;
	struct lr_refusals *refusals; /* of the daemon */
	struct lr_mailbox *to_control;
};

struct lr_device { /* an admitted device */
	struct lr_dev key; /* what its links prove */
	struct lr_dev dev; /* who it is */
	uint8_t roles;
};

struct lr_shard_link { /* a data link to us */
	struct lr_shard_link *next, **prev;
	struct lr_shard *s;
	struct lr_link *link;
	uint8_t roles; /* LR_ROLE_*; 0 before HELLO */
	struct lr_dev dev;
	bool copies; /* a donor copies over it; users' work goes elsewhere */
};

struct lr_pull; /* pull.c: what SYNCING slots fetch */
struct lr_reports; /* report.c: what the coordinator is told of objects */
struct lr_forwards; /* forward.c: chunks passed on to other copies */
struct lr_via; /* via.c: a request passed on for a client */
struct lr_updates; /* update.c: compare-and-set of names */
struct lr_verified; /* verified.c: when entries were last found intact */
struct lr_scrub; /* scrub.c: checksums, and do the copies agree */
struct lr_sweep; /* sweep.c: expiry, open manifests, orphans, TOMBs */

struct lr_shard {
	struct lr_shard_options o;
	uv_thread_t thread;
	uv_loop_t loop;
	uv_timer_t timer;
	struct lr_spin *spin;
	struct lr_mailbox inbox;
	struct lr_listener *listener;
	uint16_t port;
	struct lr_store *store;
	struct lr_slot slots[LR_SLOTS];
	struct lr_view_rx *rx; /* of `net`: the view, as far as it came */
	struct lr_dev pool; /* zero until attached */
	bool clear; /* the pool wants data links without TLS */
	uint64_t control;   /* number of the control link; 0: none */
	struct lr_device *devices; /* sorted by key */
	size_t n_devices;
	struct lr_shard_link *links;
	struct lr_direct *net; /* the other donors, and operations on them */
	struct lr_pull *pull;
	struct lr_reports *reports;
	struct lr_sweep *sweep;
	struct lr_scrub *scrub;
	struct lr_updates *updates;
	struct lr_forwards *forwards;
	struct lr_via *vias;
	struct lr_verified *verified;
	struct lr_hist hist, hist_told;
	enum lr_served serving; /* what is being answered */
	uint64_t ops_seen, asked_ms; /* when somebody asked something last */
	uint64_t last_tick_ms, hold_until_ms; /* late: the view comes first */
	uint64_t back_ms; /* since when we hear the coordinator again */
	bool caught_up; /* a view came since */
	bool slots_told; /* to this coordinator: reports may follow */
	bool slots_changed, view_wanted, stopping;
	uint64_t view_asked_ms; /* a part is on its way; 0: none */
	bool was_over; /* more was held than lent */
	struct lr_shard_stats stats;
};

/* All but the thread; false: `why` says what to do. */
bool lr_shard_open(struct lr_shard *s, const struct lr_shard_options *o,
		   char *why, size_t cap);
bool lr_shard_run(struct lr_shard *s); /* starts the thread */
/* After LR_MAIL_STOP was posted. Nonzero: handles leaked. */
int lr_shard_join(struct lr_shard *s);

/* --- inside the shard thread --------------------------------------------- */

void lr_shard_send(struct lr_shard *s, unsigned type, uint64_t req,
		   const void *meta, size_t meta_len, const void *bulk,
		   size_t bulk_len);
const struct lr_device *lr_shard_device(const struct lr_shard *s,
					const struct lr_dev *key);
/* slots.c: mail from the coordinator. */
void lr_shard_seal(struct lr_shard *s, const struct lr_mail *m);
void lr_shard_install(struct lr_shard *s, const struct lr_mail *m);
void lr_shard_tell_slots(struct lr_shard *s, uint64_t req);
void lr_shard_take_view(struct lr_shard *s, const struct lr_mail *m);
void lr_shard_want_view(struct lr_shard *s, unsigned part);
void lr_shard_take_devices(struct lr_shard *s, const struct lr_mail *m);
void lr_shard_take_policy(struct lr_shard *s, const struct lr_mail *m);
/* serve.c: a frame on a data link. */
void lr_shard_serve(struct lr_shard_link *l, const struct lr_frame *f);
/* serve_link.c: about the link itself; false: not a frame of its. */
bool lr_shard_serve_link(struct lr_shard_link *l, const struct lr_frame *f);
/* serve.c. True: go on. False: answered. id may be NULL. */
bool lr_shard_admit(struct lr_shard_link *l, uint64_t req, unsigned slot,
		    uint64_t ce, const struct lr_id *id);
/* put.c */
void lr_shard_serve_put(struct lr_shard_link *l, const struct lr_frame *f);
/* What was admitted; the tag now stored. */
enum lr_err lr_shard_apply_put(struct lr_shard_link *l,
			       const struct lr_msg_put *m,
			       const struct lr_frame *f, struct lr_tag *ret);
bool lr_shard_is_requester(const struct lr_shard_link *l);
/* A donor that has a copy of the slot, too. */
bool lr_shard_is_member(const struct lr_shard_link *l, unsigned slot);
void lr_shard_refuse_donor(struct lr_shard_link *l, uint64_t req);
/* Answers STALE with the cfg that is installed. */
void lr_shard_stale(struct lr_shard_link *l, uint64_t req, unsigned slot);
/* What is stored there now, as the rules see it. */
void lr_shard_stored(struct lr_shard *s, unsigned slot, const struct lr_id *id,
		     struct lr_stored *ret);
/* Stores and tells the reports; used by PUT, sync and sweep alike. */
enum lr_err lr_shard_put(struct lr_shard *s, unsigned slot,
			 const struct lr_entry *e, bool use_reserve);

/* Back from the shelf, the same way. False: no memory. */
bool lr_shard_unshelve(struct lr_shard *s, unsigned slot,
		       const struct lr_entry *e);

/* report.c: the row of a closed object; false: the entry is none. Its texts
 * live until the next call. What was listed without its value gets it. */
bool lr_shard_object(struct lr_shard *s, unsigned slot, struct lr_entry *e,
		     struct lr_rec_object *ret);

struct lr_pull *lr_pull_new(struct lr_shard *s);
void lr_pull_slot(struct lr_pull *p, unsigned slot); /* (re)start or stop */
/* The slot is emptied; what it held is kept for a while, to be taken from when
 * the slot is pulled again. */
void lr_pull_shelve(struct lr_pull *p, unsigned slot);
void lr_pull_tick(struct lr_pull *p, uint64_t now_ms);
/* PACE: another donor says how fast it may be sent copies. */
void lr_pull_serve_pace(struct lr_shard_link *l, const struct lr_frame *f);
/* A copy here is corrupt: get it from another member. */
void lr_pull_repair(struct lr_pull *p, unsigned slot, const struct lr_id *id);
void lr_pull_free(struct lr_pull *p);

struct lr_reports *lr_reports_new(struct lr_shard *s);
void lr_reports_attached(struct lr_reports *r); /* all anew */
void lr_reports_slot(struct lr_reports *r, unsigned slot); /* look again */
void lr_reports_changed(struct lr_reports *r, unsigned slot,
			const struct lr_id *id);
void lr_reports_acked(struct lr_reports *r);
void lr_reports_tick(struct lr_reports *r, uint64_t now_ms);
void lr_reports_free(struct lr_reports *r);

struct lr_updates *lr_updates_new(struct lr_shard *s);
void lr_updates_serve(struct lr_updates *u, struct lr_shard_link *l,
		      const struct lr_frame *f);
/* An UPDATE of these fields, with f's bulk; which slot it is for. */
bool lr_updates_is_sound(const uint8_t *meta, size_t n,
			 const struct lr_frame *f, unsigned *ret_slot);
void lr_updates_serve_bar(struct lr_shard_link *l, const struct lr_frame *f);
/* That link closes: what it asked for goes on, unanswered. */
void lr_updates_gone(struct lr_updates *u, const struct lr_shard_link *l);
void lr_updates_tick(struct lr_updates *u, uint64_t now_ms);
void lr_updates_free(struct lr_updates *u);

struct lr_forwards *lr_forwards_new(struct lr_shard *s);
void lr_forwards_serve(struct lr_forwards *f, struct lr_shard_link *l,
		       const struct lr_frame *frame);
/* That link closes: what is not on its way yet stays here. */
void lr_forwards_gone(struct lr_forwards *f, const struct lr_shard_link *l);
/* To the member's shard that has the slot. NULL: it does not stand (yet), or
 * has too much to carry. */
struct lr_link *lr_forwards_link(struct lr_forwards *f, uint64_t inc,
				 unsigned slot);
/* Drops the links to other donors, with what waits in them. */
void lr_forwards_hang_up(struct lr_forwards *f);
void lr_forwards_tick(struct lr_forwards *f, uint64_t now_ms);
void lr_forwards_free(struct lr_forwards *f);

void lr_vias_serve(struct lr_shard_link *l, const struct lr_frame *f);
/* That link closes; NULL: any. */
void lr_vias_gone(struct lr_shard *s, const struct lr_shard_link *l);

struct lr_verified *lr_verified_new(void);
/* All that the slot holds was found intact; an entry was. */
void lr_verified_slot(struct lr_verified *v, unsigned slot, uint64_t now_ms);
void lr_verified_entry(struct lr_verified *v, const struct lr_id *id,
		       uint64_t now_ms);
void lr_verified_serve(struct lr_shard_link *l, const struct lr_frame *f);

/* Marked, told, and asked of the other copies. */
void lr_shard_mark_bad(struct lr_shard *s, unsigned slot, struct lr_entry *e);
struct lr_scrub *lr_scrub_new(struct lr_shard *s);
void lr_scrub_tick(struct lr_scrub *c, uint64_t now_ms);
/* Entries that were found corrupt or set right, by whomever. */
void lr_scrub_found(struct lr_scrub *c, unsigned corrupt, unsigned repaired);
void lr_scrub_serve_digest(struct lr_shard_link *l, const struct lr_frame *f);
void lr_scrub_free(struct lr_scrub *c);

struct lr_sweep *lr_sweep_new(struct lr_shard *s);
void lr_sweep_tick(struct lr_sweep *w, uint64_t now_ms);
void lr_sweep_free(struct lr_sweep *w);

#endif
