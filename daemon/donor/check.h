/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK of this donor, from a local program to the coordinator and back. */
#ifndef LR_DONOR_CHECK_H
#define LR_DONOR_CHECK_H

#include "net/link.h"

/* `control` NULL: the coordinator is away, the asker is told so. */
void lr_check_pass(struct lr_link *asker, uint64_t req, struct lr_link *control,
		   const struct lr_dev *self);
/* The asker's link closes: it will not be answered. */
void lr_check_gone(const struct lr_link *asker);

#endif
