/* SPDX-License-Identifier: Apache-2.0 */
/* A link of our own to another donor, for one kind of traffic that shall not
 * stand in the way of what users wait for. On the shard's thread. */
#ifndef LR_DONOR_PEER_H
#define LR_DONOR_PEER_H

#include "daemon/donor/shard.h"

struct lr_peer;

/* Dials the member's shard that has the slot, and says HELLO with that role.
 * NULL: it is no member of the view, or out of memory. */
struct lr_peer *lr_peer_new(struct lr_shard *s, uint64_t member, unsigned slot,
			    uint8_t role);
/* Which shard that is; 0: it is no member. */
unsigned lr_peer_shard(const struct lr_shard *s, uint64_t member,
		       unsigned slot);
/* Open, or NULL: not yet, or never again. */
struct lr_link *lr_peer_link(const struct lr_peer *p);
bool lr_peer_has_failed(const struct lr_peer *p);
void lr_peer_free(struct lr_peer *p); /* asynchronous; what waits is dropped */

#endif
