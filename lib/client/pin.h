/* SPDX-License-Identifier: Apache-2.0 */
/* The pool that a machine belongs to, by its key, in a file. */
#ifndef LR_CLIENT_PIN_H
#define LR_CLIENT_PIN_H

#include "net/succession.h"

/* 0, or errno; EINVAL: it is not a key. `last`: the last of the pool's keys
 * that was seen; or NULL. */
int lr_pin_read(const char *path, struct lr_dev *ret,
		struct lr_pool_key *ret_last);
bool lr_pin_write(const char *path, const struct lr_dev *pool,
		  const struct lr_pool_key *last);
/* Writes a text of mode 0600 in one go; false: errno. */
bool lr_pin_write_text(const char *path, const char *text);

#endif
