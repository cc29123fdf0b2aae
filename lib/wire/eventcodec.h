/* SPDX-License-Identifier: Apache-2.0 */
/* What happened in the pool, as a record of it on the wire. Pure. */
#ifndef LR_WIRE_EVENTCODEC_H
#define LR_WIRE_EVENTCODEC_H

#include "core/events.h"
#include "wire/msg.h"

void lr_enc_event(struct lr_writer *w, const struct lr_event *e);
/* Texts that are too long are cut. False: malformed. */
bool lr_dec_event(struct lr_reader *r, struct lr_event *ret);

#endif
