/* SPDX-License-Identifier: Apache-2.0 */
/* The record of donors that flapped, in the state file. */
#ifndef LR_COORDINATOR_FLAPS_H
#define LR_COORDINATOR_FLAPS_H

#include "daemon/coordinator/coordinator.h"

size_t lr_flaps_room(const struct lr_coordinator *k);
void lr_flaps_save(const struct lr_coordinator *k, struct lr_writer *w);
bool lr_flaps_load(struct lr_coordinator *k, struct lr_reader *r);
void lr_flaps_restore(struct lr_coordinator *k); /* once there are rules */

#endif
