/* SPDX-License-Identifier: Apache-2.0 */
/* The pool through a daemon's Unix socket: the same messages, ce = 0, each a
 * whole operation. Also how admin commands reach coordinator.sock and
 * donor.sock. */
#ifndef LR_CLIENT_RELAY_H
#define LR_CLIENT_RELAY_H

#include "client/entries.h"

/* NO_DAEMON comes through the callbacks if nobody listens at `path`. `spin`
 * looks at its link; NULL: nobody does. */
struct lr_entries *lr_relay_new(uv_loop_t *loop, const char *path,
				struct lr_spin *spin);

#endif
