/* SPDX-License-Identifier: Apache-2.0 */
/* The control side of a donor, on the main thread:
 *
 *   donor.c  start and stop; the links to the coordinator, heartbeats
 *   gather.c what goes between coordinator and shards
 *   shares.c what the shards hold together, and how much each of them may
 *   lend.c   how much is lent: the owner's word, and what the host has left
 *   leave.c  going: SIGTERM, and what is here alone
 *   local.c  the local socket
 *   metrics.c  what is counted, as Prometheus text
 */
#ifndef LR_DONOR_DONOR_H
#define LR_DONOR_DONOR_H

#include "daemon/base.h"
#include "daemon/donor/given.h"
#include "daemon/donor/host.h"
#include "daemon/donor/shard.h"

struct lr_donor_shard {
	struct lr_donor *d;
	struct lr_shard s;
	struct lr_mailbox mail; /* from it */
	uint64_t limit; /* of what it holds, as it was told last */
	char listen[128];
};

struct lr_gathered; /* gather.c */

struct lr_donor {
	struct lr_base b; /* first: its callbacks lead here */
	struct lr_donor_shard *shards;
	unsigned n_shards; /* 0: not started yet */
	struct lr_gathered *line; /* what the coordinator is told next */
	struct lr_attach *control, *beat;
	uint64_t link; /* counts control links; 0 before the first */
	bool linked;
	uv_timer_t timer, host_timer;
	struct lr_listener *local;
	struct lr_donor_link *locals;
	struct lr_host host;
	struct lr_elastic elastic;
	enum lr_pressure said; /* the worst that the log was told of */
	char lend[256];
	uint64_t inc, lent, seq, leave_ms, leave_ask_ms, extend_ms;
	uint64_t linked_ms; /* while leaving: the coordinator was last there */
	struct lr_given given; /* back to the host */
	char addrs[LR_ADDRS_MAX];
	bool leaving, stopped, said_alone;
	bool hurry; /* leaving, and leave_wait_s is over */
	bool at_once; /* the owner wants what exceeds `lent` back now */
	bool again; /* run anew, as another incarnation */
};

/* donor.c: ends it; may be called twice */
void lr_donor_stop(struct lr_donor *d);
void lr_donor_beat(struct lr_donor *d);

/* gather.c: a frame of the coordinator, for the shards */
void lr_gather_frame(struct lr_donor *d, const struct lr_frame *f);
/* Mail to all of them. */
void lr_gather_tell(struct lr_donor *d, uint64_t link, unsigned type,
		    const void *meta, size_t len);
/* Mail from a struct lr_donor_shard. */
void lr_gather_mail_cb(void *arg, const struct lr_mail *m);
void lr_gather_tick(struct lr_donor *d, uint64_t now_ms);
void lr_gather_drop(struct lr_donor *d); /* what was said so far */

/* shares.c. As in struct lr_shard_stats: sums; of latencies and promises the
 * greatest. */
struct lr_totals {
	uint64_t mapped, live, entries, max_prom, sync_left, ops;
	uint64_t gets, puts, bytes_out, bytes_in, errors;
	uint64_t fetched_bytes, warm_bytes, corrupt, repaired;
	uint32_t sealed, syncing, sole, p50_us, p99_us, links[LR_LINKS_KINDS];
};
struct lr_totals lr_donor_totals(const struct lr_donor *d);
/* Who holds so much may hold ret[i], together no more than is lent: an equal
 * share of what is free, or as much less as the others. */
void lr_shares(uint64_t lent, const uint64_t *mapped, unsigned n,
	       uint64_t *ret);
/* Tells the shards. Now and then, and when what is lent has changed. */
void lr_shares_set(struct lr_donor *d);

/* lend.c; false: said why */
bool lr_lend_start(struct lr_donor *d);
void lr_lend_stop(struct lr_donor *d);
/* The owner's word; false: malformed, nothing changed. `at_once`: copies that
 * others have, too, go before they are made anew elsewhere. */
bool lr_lend_set(struct lr_donor *d, const char *spec, bool at_once);
/* How short of RAM this donor is, as heartbeats tell. */
enum lr_pressure lr_lend_pressure(const struct lr_donor *d);

/* leave.c */
void lr_leave_stop_cb(struct lr_base *b);
void lr_leave_tick(struct lr_donor *d, uint64_t now);

/* local.c; false: said why */
bool lr_local_start(struct lr_donor *d);
void lr_local_stop(struct lr_donor *d);

/* metrics.c */
void lr_donor_metrics_cb(void *arg, struct lr_metrics *m);

#endif
