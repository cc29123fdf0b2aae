/* SPDX-License-Identifier: Apache-2.0 */
#include "client/entry_msg.h"

#define COPY_BYTES 4096u /* smaller values are copied by the link */

struct lr_msg_put lr_put_msg(const struct lr_put *p, uint64_t sum,
			     unsigned deadline_ms)
{
	return (struct lr_msg_put){
		.slot = (uint16_t)lr_id_slot(&p->id),
		.id = p->id,
		.tag = p->tag,
		.kind = p->kind,
		.flags = p->flags,
		.expires_ms = p->expires_ms,
		.sum = sum,
		.deadline_ms = deadline_ms,
	};
}

struct lr_msg_update lr_update_msg(const struct lr_entry_update *u, bool again,
				   uint64_t sum, unsigned deadline_ms)
{
	return (struct lr_msg_update){
		.slot = (uint16_t)lr_id_slot(&u->id),
		.id = u->id,
		.writer = u->writer,
		.seq = u->seq,
		.expect = u->expect,
		.flags = u->flags | (again ? LR_UPDATE_AGAIN : 0),
		.want = u->want,
		.sum = sum,
		.deadline_ms = deadline_ms,
	};
}

bool lr_bulk_lend(struct lr_bulk *bulk, void (*release)(void *owner),
		  void *owner)
{
	if (bulk->len <= COPY_BYTES)
		return false;
	bulk->release = release;
	bulk->owner = owner;
	return true;
}
