/* SPDX-License-Identifier: Apache-2.0 */
/* The pool that a machine belongs to, by its key, in a file. */
#ifndef LR_CLIENT_PIN_H
#define LR_CLIENT_PIN_H

#include "core/id.h"

/* 0, or errno; EINVAL: it is not a key. */
int lr_pin_read(const char *path, struct lr_dev *ret);
bool lr_pin_write(const char *path, const struct lr_dev *pool);
/* Writes a text of mode 0600 in one go; false: errno. */
bool lr_pin_write_text(const char *path, const char *text);

#endif
