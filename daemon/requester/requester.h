/* SPDX-License-Identifier: Apache-2.0 */
/* What requester.c (local programs, start and stop) and works.c (their
 * operations) share. */
#ifndef LR_DAEMON_REQUESTER_H
#define LR_DAEMON_REQUESTER_H

#include "client/direct.h"
#include "daemon/base.h"

struct requester {
	struct lr_base b;
	struct lr_direct *pool;
	struct lr_entries *entries;
	struct lr_listener *listener;
	struct user *users;
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

#endif
