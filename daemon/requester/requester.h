/* SPDX-License-Identifier: Apache-2.0 */
/* What requester.c (local programs, start and stop), works.c (their
 * operations) and metrics.c (what is counted) share. */
#ifndef LR_DAEMON_REQUESTER_H
#define LR_DAEMON_REQUESTER_H

#include "client/direct.h"
#include "daemon/base.h"

/* Operations, as metrics tell them apart. */
enum work_kind {
	WORK_GET,
	WORK_PUT,
	WORK_UPDATE,
	WORK_ASK, /* of the coordinator, and who holds what */
	WORK_KINDS
};

struct requester {
	struct lr_base b;
	struct lr_direct *pool;
	struct lr_entries *entries;
	struct lr_listener *listener;
	struct user *users;
	struct lr_times times[WORK_KINDS];
	uint64_t ended[WORK_KINDS][LR_E_COUNT];
	uint64_t running, read_bytes, written_bytes;
	bool stopped;
};

struct user { /* a local program */
	struct user *next, **prev;
	struct requester *q;
	struct lr_link *link;
	struct work *works;
	unsigned in_flight;
	size_t bytes;
	bool paused;
	bool watches; /* asked WATCH: the coordinator's pushes go there */
};

/* works.c: a request of a user, each answered when its operation ends. */
void lr_works_get(struct user *u, const struct lr_frame *f);
void lr_works_put(struct user *u, const struct lr_frame *f);
void lr_works_update(struct user *u, const struct lr_frame *f);
void lr_works_ask(struct user *u, const struct lr_frame *f);
void lr_works_verified(struct user *u, const struct lr_frame *f);
void lr_works_orphan(struct user *u); /* it is gone: no answers any more */

/* metrics.c */
void lr_requester_metrics_cb(void *arg, struct lr_metrics *m);

#endif
