/* SPDX-License-Identifier: Apache-2.0 */
/* An operation's request on the wire: the same whether it goes to a donor
 * (ops_send.c) or to the local daemon (relay_wire.c). */
#ifndef LR_CLIENT_ENTRY_MSG_H
#define LR_CLIENT_ENTRY_MSG_H

#include "client/entries.h"

/* ce is 0, a whole operation: who speaks to a member sets it. */
struct lr_msg_put lr_put_msg(const struct lr_put *p, uint64_t sum,
			     unsigned deadline_ms);
struct lr_msg_update lr_update_msg(const struct lr_entry_update *u, bool again,
				   uint64_t sum, unsigned deadline_ms);
/* True: the link sends the value from where it is, release(owner) says when it
 * has. False: it is small, and copied. */
bool lr_bulk_lend(struct lr_bulk *bulk, void (*release)(void *owner),
		  void *owner);

#endif
