/* SPDX-License-Identifier: Apache-2.0 */
/* What avahi sees of `_lanram._tcp` on each interface and protocol, kept
 * resolved. Private to this folder; all on the avahi thread. */
#ifndef LR_DISCOVERY_WATCH_H
#define LR_DISCOVERY_WATCH_H

#include <avahi-client/client.h>

#include "discovery/merge.h"

/* changed: something to be merged anew. broken: the client must go. */
struct lr_watch_ops {
	void (*changed)(void *arg);
	void (*broken)(void *arg);
};

struct lr_watch;

/* NULL: avahi refused, or no memory. Free before the client. */
struct lr_watch *lr_watch_new(AvahiClient *client,
			      const struct lr_watch_ops *ops, void *arg);
void lr_watch_free(struct lr_watch *w);

/* Starts again what could not be resolved; true: there was such a thing. */
bool lr_watch_retry(struct lr_watch *w);

/* Up to `cap` services that are resolved; which of their addresses are in our
 * own subnets is looked up now. Valid until the next turn of the thread. */
size_t lr_watch_list(struct lr_watch *w, const struct lr_seen **out,
		     size_t cap);

#endif
