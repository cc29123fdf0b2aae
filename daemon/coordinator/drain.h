/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LR_COORDINATOR_DRAIN_H
#define LR_COORDINATOR_DRAIN_H

#include "daemon/coordinator/coordinator.h"

void lr_drain_serve(struct lr_peer *p, const struct lr_frame *f);
void lr_drain_serve_state(struct lr_peer *p, const struct lr_frame *f);
void lr_drain_serve_forget(struct lr_peer *p, const struct lr_frame *f);

/* The record of the state file, see state_codec.h. */
size_t lr_drain_room(const struct lr_coordinator *k);
void lr_drain_save(const struct lr_coordinator *k, struct lr_writer *w);
bool lr_drain_load(struct lr_coordinator *k, struct lr_reader *r);
/* Tells the rules what was loaded. False: no memory. */
bool lr_drain_restore(struct lr_coordinator *k);

#endif
