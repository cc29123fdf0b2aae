/* SPDX-License-Identifier: Apache-2.0 */
/* Busy-polling: looking at the links that spoke last for some tens of
 * microseconds before the loop sleeps, because waking a sleeping thread takes
 * longer than the network.
 *
 * It is bounded and adaptive. It ends at once when anything else on the loop
 * is due, so that nothing waits for it. Where it finds nothing again and again
 * it is tried more and more seldom, as where more links speak than the few that
 * are looked at; and where somebody else wants the processor it rests. */
#ifndef LR_NET_SPIN_H
#define LR_NET_SPIN_H

#include "net/link.h"

/* Looks for `us` after the last frame; 0: never. NULL: out of memory. */
struct lr_spin *lr_spin_new(uv_loop_t *loop, unsigned us);
/* From now on before every sleep of the loop. */
void lr_spin_start(struct lr_spin *s);
void lr_spin_stop(struct lr_spin *s); /* for good; gives up its handles */
void lr_spin_free(struct lr_spin *s); /* after its links and the loop */

/* Looked at by `s` from now on, as long as it is among those heard last. */
void lr_link_set_spin(struct lr_link *link, struct lr_spin *s);

/* Outside of uv_run: sends what is queued on the hot links and looks, until
 * *done, or it is time for the loop. */
void lr_spin_until(struct lr_spin *s, const bool *done);

#endif
