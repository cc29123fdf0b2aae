/* SPDX-License-Identifier: Apache-2.0 */
/* The first word of every link that comes in. */
#ifndef LR_DAEMON_HELLO_H
#define LR_DAEMON_HELLO_H

#include "daemon/metrics.h"

/* Reads HELLO and answers who speaks no version of ours; returns the version
 * that both speak, or 0: the link closes. `us`: "coordinator", "donor", ... */
uint16_t lr_hello_take(struct lr_refusals *r, struct lr_link *link,
		       const struct lr_frame *f, const char *us,
		       struct lr_msg_hello *ret);

#endif
