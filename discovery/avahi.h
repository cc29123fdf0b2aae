/* SPDX-License-Identifier: Apache-2.0 */
/* A client of avahi-daemon on a thread of its own, made anew whenever avahi or
 * D-Bus goes away. Private to this folder.
 *
 * All operations below are called on that thread, in this order: `up` and
 * `down` any number of times, `gone` before each client is freed, `end` once,
 * as the last thing the thread does. */
#ifndef LR_DISCOVERY_AVAHI_H
#define LR_DISCOVERY_AVAHI_H

#include <avahi-client/client.h>
#include <avahi-common/simple-watch.h>
#include <avahi-common/watch.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "discovery/discovery.h"

#define LR_SERVICE_TYPE "_lanram._tcp"

struct lr_avahi_ops {
	void (*up)(void *arg, AvahiClient *client); /* the server runs */
	void (*down)(void *arg); /* host name in doubt: publish nothing */
	void (*gone)(void *arg); /* free all that was made with the client */
	void (*end)(void *arg);	 /* may be NULL */
};

struct lr_avahi {
	const struct lr_avahi_ops *ops;
	void *arg;
	AvahiSimplePoll *poll;
	const AvahiPoll *api;
	AvahiClient *client;
	AvahiTimeout *retry;
	unsigned delay_ms; /* before the next attempt */
	int wake_fd;	   /* eventfd: readable = end the thread */
	atomic_int state;  /* enum lr_disco_state */
	uv_thread_t thread;
};

/* False: no memory, descriptor or thread; nothing is left behind. */
bool lr_avahi_start(struct lr_avahi *a, const struct lr_avahi_ops *ops,
		    void *arg);
/* Asks the thread to end; returns at once; any thread. */
void lr_avahi_quit(struct lr_avahi *a);
/* Waits for the thread, then frees; after lr_avahi_quit. */
void lr_avahi_join(struct lr_avahi *a);

/* On its thread: the client is no good, make a new one after the back-off. */
void lr_avahi_renew(struct lr_avahi *a);
void lr_avahi_set_state(struct lr_avahi *a, enum lr_disco_state state);
enum lr_disco_state lr_avahi_state(const struct lr_avahi *a);

/* On its thread: a one-shot timer, disarmed at first. NULL: out of memory. */
AvahiTimeout *lr_avahi_timer(struct lr_avahi *a, AvahiTimeoutCallback cb,
			     void *arg);
void lr_avahi_arm(struct lr_avahi *a, AvahiTimeout *t, unsigned ms);
void lr_avahi_disarm(struct lr_avahi *a, AvahiTimeout *t);

#endif
