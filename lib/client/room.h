/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a large value is about to be written to, from its beginning on:
 * made there just ahead, in huge pages for as long as these come cheaply. */
#ifndef LR_CLIENT_ROOM_H
#define LR_CLIENT_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_room {
	uint8_t *at, *end; /* not made yet; at == end: nothing (more) to do */
};

/* n bytes at p, which nobody has written yet. */
void lr_room_init(struct lr_room *r, void *p, size_t n);
/* All before `to` is about to be written. */
void lr_room_make(struct lr_room *r, const void *to);

#endif
