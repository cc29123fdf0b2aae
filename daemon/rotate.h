/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's key is replaced, from a local program's wish to links that prove
 * the new one. */
#ifndef LR_DAEMON_ROTATE_H
#define LR_DAEMON_ROTATE_H

#include "daemon/base.h"

/* ROTATE_KEY from a local program; `a` is who stands with the coordinator. */
void lr_rotate_serve(struct lr_base *b, struct lr_attach *a,
		     struct lr_link *asker, const struct lr_frame *f);
/* The asker's link closes: it will not be answered. */
void lr_rotate_gone(struct lr_base *b, const struct lr_link *asker);
/* For attaches: whether this machine's key is another now. Another daemon of
 * it may have replaced it; `replaced`: the coordinator says that it knows this
 * one no more, so a new one that waits is taken. */
const struct lr_dev *lr_rotate_look(void *base, bool replaced);

#endif
