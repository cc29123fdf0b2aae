/* SPDX-License-Identifier: Apache-2.0 */
/* What pool_kit.c (the pool) and pool_kit_donor.c (its donors) share. */
#ifndef LR_TESTS_POOL_KIT_I_H
#define LR_TESTS_POOL_KIT_I_H

#include "pool_kit.h"

/* pool_kit.c */
void pool_add_link(struct pool *p, struct lr_link *link);
void pool_drop_link(struct pool *p, struct lr_link *link);
struct lr_msg_welcome pool_welcome_of(struct pool *p);
void pool_send_view(const struct lr_view *v, struct lr_link *link,
		    const struct lr_frame *f);
void pool_welcome(struct pool *p, struct lr_link *link,
		  const struct lr_frame *f);

/* pool_kit_donor.c */
void pool_donor_accept_cb(struct lr_link *link, void *arg);

#endif
