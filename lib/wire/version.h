/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of the protocol a link speaks. Pure. */
#ifndef LR_WIRE_VERSION_H
#define LR_WIRE_VERSION_H

#include "wire/msg.h"

/* Oldest and newest that this build speaks. */
extern const uint16_t lr_proto_min, lr_proto_max;

/* From here on: a pool may show another key than its first one. */
#define LR_PROTO_SUCCESSION 3

/* What stands first in every HELLO, of versions to come, too; nothing else is
 * read. False: it is none. */
bool lr_version_read(const void *meta, size_t len, struct lr_msg_hello *ret);
/* The newest that both sides speak; 0: none. */
uint16_t lr_version_common(const struct lr_msg_hello *m);
/* Which side is to be upgraded or, of two programs on one machine (`local`),
 * started again. `us`: "coordinator", "donor", "requester". */
void lr_version_refusal(const struct lr_msg_hello *m, const char *us,
			bool local, char *out, size_t cap);
/* What a WELCOME chose, read as lr_version_read reads: is it ours? */
bool lr_version_chosen(const void *meta, size_t len);

#endif
