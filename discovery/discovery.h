/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the coordinator: mDNS through avahi-client, `_lanram._tcp`.
 *
 * avahi's calls block on D-Bus, so they live on a thread of their own; results
 * are posted to the loop. avahi or D-Bus absent, late, restarted, names that
 * collide, interfaces that come and go: all are normal, tried again with
 * back-off and without filling the log. What is found is a hint: never a proof
 * of life, never of identity. */
#ifndef LR_DISCOVERY_H
#define LR_DISCOVERY_H

#include <uv.h>

#include "core/view.h"

/* One pool, whatever the number of interfaces and families it is seen on. */
struct lr_found {
	struct lr_dev pool; /* from TXT; zero if there was none */
	char pool_name[LR_NAME_MAX];
	char version[32];
	char host[256];		 /* "anvil.local" */
	char addrs[1024]; /* "10.0.0.2:7450,[fe80::1%3]:7450", best first */
};

enum lr_disco_state {
	LR_DISCO_STARTING,
	LR_DISCO_RUNNING,
	LR_DISCO_NO_DAEMON, /* avahi or D-Bus does not answer; tried again */
};

struct lr_publisher;
struct lr_browser;

/* Published until stopped, whatever happens to avahi. */
struct lr_publisher *lr_publish_start(const char *pool_name,
				      const struct lr_dev *pool,
				      const char *version, uint16_t port);
enum lr_disco_state lr_publish_state(const struct lr_publisher *p);
void lr_publish_stop(struct lr_publisher *p); /* withdraws, waits for the thread */

/* All that is found now, on the loop's thread, whenever that changes; the
 * array is the callback's for the call only. */
typedef void (*lr_found_cb)(const struct lr_found *found, size_t n, void *arg);
struct lr_browser *lr_browse_start(uv_loop_t *loop, lr_found_cb cb, void *arg);
enum lr_disco_state lr_browse_state(const struct lr_browser *b);
/* Interfaces that are up and can multicast: "eth0, wlan0". */
void lr_browse_interfaces(char *out, size_t cap);
/* Asynchronous on the loop: no callback after it returns. */
void lr_browse_stop(struct lr_browser *b);

#endif
