/* SPDX-License-Identifier: Apache-2.0 */
/* Counters as Prometheus text: as the answer to METRICS on a daemon's local
 * socket (lanram metrics), and over HTTP where metrics_listen says so.
 *
 * One table has every metric; lanram-metrics(7) is tested against it. Labels
 * are given with each sample, as many as the table names. */
#ifndef LR_DAEMON_METRICS_H
#define LR_DAEMON_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/link.h"

/* clang-format off */
/*      name                                  type       labels         what it says */
#define LR_METRICS(M) \
	M(coordinator_info,                   gauge,     "pool,version", "always 1: which pool, and which version of lanram") \
	M(coordinator_start_time_seconds,     gauge,     "",             "when it started, Unix time") \
	M(coordinator_health,                 gauge,     "state",        "1 for the pool's state, 0 for the others: ok, degraded, critical") \
	M(coordinator_slots,                  gauge,     "state",        "slots that hold something: full, short, unavailable; lost: of them, those whose lost data an object misses") \
	M(coordinator_donors,                 gauge,     "state",        "donors: up, suspect, giving, draining, down, pending") \
	M(coordinator_donor_up,               gauge,     "donor,id",     "1: the donor takes part; 0: it is awaited") \
	M(coordinator_lent_bytes,             gauge,     "",             "RAM that the donors lend now") \
	M(coordinator_held_bytes,             gauge,     "",             "RAM that all copies take, with what goes with them") \
	M(coordinator_stored_bytes,           gauge,     "",             "what users stored, each object once") \
	M(coordinator_usable_bytes,           gauge,     "",             "what users could store in all, at two copies") \
	M(coordinator_objects,                gauge,     "",             "objects that are stored") \
	M(coordinator_epoch,                  gauge,     "",             "the view's epoch: it grows with each change of who holds what") \
	M(coordinator_rebuild_left_bytes,     gauge,     "",             "bytes that short slots still have to copy, as far as there are donors") \
	M(coordinator_rebuild_bytes_per_second, gauge,   "",             "how fast that falls") \
	M(coordinator_rebuild_paused,         gauge,     "",             "1: an admin paused the rebuild") \
	M(coordinator_links,                  gauge,     "role",         "open links: donor, beat, requester, local, stranger (not admitted)") \
	M(coordinator_refusals_total,         counter,   "reason",       "who was turned away, and why: limits, version, admission, permission") \
	M(coordinator_frame_seconds,          histogram, "role",         "how long the coordinator worked on what came over a link of that role") \
	M(donor_info,                         gauge,     "pool,version", "always 1: which pool, and which version of lanram") \
	M(donor_start_time_seconds,           gauge,     "",             "when it started, Unix time") \
	M(donor_attached,                     gauge,     "",             "1: the coordinator knows this donor and answers it") \
	M(donor_lent_bytes,                   gauge,     "",             "RAM that it lends now") \
	M(donor_held_bytes,                   gauge,     "",             "RAM that copies take here, with what goes with them") \
	M(donor_live_bytes,                   gauge,     "",             "of it, what entries need") \
	M(donor_host_available_bytes,         gauge,     "",             "RAM that the host has left") \
	M(donor_entries,                      gauge,     "",             "entries: manifests, chunks, registers, names, and marks of what was removed") \
	M(donor_slots,                        gauge,     "state",        "syncing: being filled; sealed: their configuration changes; sole: hold something that is nowhere else") \
	M(donor_copy_left_bytes,              gauge,     "",             "what is still to be copied to this donor") \
	M(donor_copied_bytes_total,           counter,   "from",         "copies made here: from donors, or from what was kept of a slot that was here before (shelf)") \
	M(donor_operations_seconds,           histogram, "kind",         "requests served, and how long each took here: get, put, update, list, copy, other") \
	M(donor_read_bytes_total,             counter,   "",             "values sent to users") \
	M(donor_written_bytes_total,          counter,   "",             "values taken from users") \
	M(donor_errors_total,                 counter,   "",             "requests of users that failed here") \
	M(donor_corrupt_total,                counter,   "",             "entries whose checksum was found wrong") \
	M(donor_repaired_total,               counter,   "",             "entries set right from another copy") \
	M(donor_returned_bytes_total,         counter,   "why",          "RAM given back beyond what is lent: asked (lanram lend), host (it ran short)") \
	M(donor_links,                        gauge,     "kind",         "open links to it: data, copy, stranger (not admitted)") \
	M(donor_refusals_total,               counter,   "reason",       "who was turned away, and why: limits, version, admission, permission, stale (of an older view), full") \
	M(requester_info,                     gauge,     "pool,version", "always 1: which pool, and which version of lanram") \
	M(requester_start_time_seconds,       gauge,     "",             "when it started, Unix time") \
	M(requester_attached,                 gauge,     "",             "1: the coordinator knows this machine and answers it") \
	M(requester_operations_seconds,       histogram, "kind",         "operations of local programs, start to end: get, put, update, ask (of the coordinator)") \
	M(requester_operations_total,         counter,   "kind,exit",    "the same, by the exit code that they lead to; 0: done") \
	M(requester_running,                  gauge,     "",             "operations under way") \
	M(requester_read_bytes_total,         counter,   "",             "values given to local programs") \
	M(requester_written_bytes_total,      counter,   "",             "values taken from local programs and stored") \
	M(requester_links,                    gauge,     "to",           "open links: programs of this machine, donors") \
	M(requester_refusals_total,           counter,   "reason",       "connections that were turned away: limits, version")
/* clang-format on */

enum lr_metric {
#define LR_METRIC_ENUM(name, type, labels, help) LR_METRIC_##name,
	LR_METRICS(LR_METRIC_ENUM)
#undef LR_METRIC_ENUM
};

/* --- counting: one thread adds, any may read ------------------------------ */

static inline void lr_count(_Atomic uint64_t *at, uint64_t by)
{
	atomic_store_explicit(
		at, atomic_load_explicit(at, memory_order_relaxed) + by,
		memory_order_relaxed);
}

/* How long operations took: bucket i has those under 2^i microseconds that are
 * in none before it, the last one all others. */
#define LR_TIMES_BUCKETS 27 /* to 67 s, and beyond */
struct lr_times {
	_Atomic uint64_t count[LR_TIMES_BUCKETS + 1], sum_us;
};
void lr_times_add(struct lr_times *t, uint64_t us);
void lr_times_join(struct lr_times *to, const struct lr_times *from);

enum lr_refusal {
	LR_REFUSED_LIMITS, /* too many links, or no handshake of ours */
	LR_REFUSED_VERSION,
	LR_REFUSED_ADMISSION,
	LR_REFUSED_PERMISSION,
	LR_REFUSED_STALE,
	LR_REFUSED_FULL,
	LR_REFUSALS
};
struct lr_refusals { /* of listeners on two threads, too */
	_Atomic uint64_t n[LR_REFUSALS];
};
static inline void lr_refuse(struct lr_refusals *r, enum lr_refusal why)
{
	atomic_fetch_add_explicit(&r->n[why], 1, memory_order_relaxed);
}

/* --- writing -------------------------------------------------------------- */

struct lr_metrics {
	FILE *out;
	int last; /* the metric whose head was written */
};
typedef void (*lr_metrics_cb)(void *arg, struct lr_metrics *m);

#define LR_LABELS(...) ((const char *const[]){__VA_ARGS__})

/* All samples of one metric in a row. `labels`: LR_LABELS(), or NULL. */
void lr_metric(struct lr_metrics *m, enum lr_metric id,
	       const char *const *labels, uint64_t value);
void lr_metric_ms(struct lr_metrics *m, enum lr_metric id, uint64_t ms);
void lr_metric_times(struct lr_metrics *m, enum lr_metric id,
		     const char *const *labels, const struct lr_times *t);
/* The first n reasons. */
void lr_metric_refusals(struct lr_metrics *m, enum lr_metric id,
			const struct lr_refusals *r, unsigned n);

/* The text, malloced; NULL: out of memory. */
char *lr_metrics_text(lr_metrics_cb cb, void *arg, size_t *ret_len);
/* Answers METRICS, a part at a time; one thread. */
void lr_metrics_answer(struct lr_link *link, const struct lr_frame *f,
		       lr_metrics_cb cb, void *arg);

/* --- metrics_http.c: GET /metrics on the loop ----------------------------- */

struct lr_metrics_http;
/* False: `why` says it. */
bool lr_metrics_listen(uv_loop_t *loop, const char *where, lr_metrics_cb cb,
		       void *arg, struct lr_metrics_http **ret, char *why,
		       size_t cap);
void lr_metrics_close(struct lr_metrics_http *h);

#endif
