/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names: small values by name that change. Both belong to the
 * whole pool, are kept in two copies, and are read linearizably. A register is
 * written by anybody; a name is compared and set, ordered by one of its copies.
 *
 * `text` of the results is a sentence for the user. */
#ifndef LR_CLIENT_REGISTER_H
#define LR_CLIENT_REGISTER_H

#include "client/object.h"

#define LR_REGISTER_CLASS LR_NORMAL
#define LR_TAG_TEXT 53 /* "ts.writer.seq" in decimal, and NUL */

void lr_register_id(struct lr_id *ret, const char *name);
/* Namespace "": all users of the pool share names, as they share registers. */
void lr_name_id(struct lr_id *ret, const char *name);

/* Register or name: value, tag; ABSENT, LOST. */
void lr_register_read(const struct lr_object_env *env, const struct lr_id *id,
		      lr_entry_cb cb, void *arg);

struct lr_register_write {
	struct lr_id id;
	uint32_t seq;	   /* new, of this env->writer */
	bool remove;	   /* a TOMB; ABSENT: nothing was written */
	const void *value; /* the caller's, until the callback */
	uint32_t bytes;
};
/* Result: the tag, chosen once. TIMEOUT, UNREACHABLE: certainly not written. */
void lr_register_write(const struct lr_object_env *env,
		       const struct lr_register_write *w, lr_entry_cb cb,
		       void *arg);

char *lr_tag_format(const struct lr_tag *tag, char *out); /* LR_TAG_TEXT */
bool lr_tag_parse(const char *text, struct lr_tag *ret);

#endif
