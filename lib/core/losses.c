/* SPDX-License-Identifier: Apache-2.0 */
#include "core/losses.h"

#include <string.h>

#define CHUNKS_MAX 16384u /* more of them are in every slot of their class */

struct look {
	struct lr_losses *l;
	uint64_t chunk_bytes;
	size_t left;
};

void lr_losses_begin(struct lr_losses *l)
{
	memset(l, 0, sizeof *l);
}

static uint64_t chunks(const struct look *look, const struct lr_object *o)
{
	uint64_t n = o->size > look->chunk_bytes
			     ? (o->size - 1) / look->chunk_bytes + 1
			     : 0;

	return n < CHUNKS_MAX ? n : CHUNKS_MAX;
}

static bool object_cb(void *arg, const struct lr_object *o)
{
	struct look *look = arg;
	struct lr_losses *l = look->l;
	uint64_t n = chunks(look, o);
	struct lr_id id;

	if (!look->left)
		return false;
	look->left -= n < look->left ? n + 1 : look->left;
	if (o->state == LR_OBJECT_LOST)
		l->missed[lr_id_slot(&o->id)] = true;
	for (uint64_t i = 0; i < n; i++) {
		lr_id_of_chunk(&id, &o->id, i);
		if (o->created_ms < l->before_ms[lr_id_slot(&id)])
			l->missed[lr_id_slot(&id)] = true;
	}
	return true;
}

bool lr_losses_look(struct lr_losses *l, const struct lr_catalog *k,
		    uint64_t chunk_bytes, size_t most)
{
	static const struct lr_asker all = {.admin = true};
	struct look look = {l, chunk_bytes, most};
	struct lr_catalog_browse b = {.who = &all,
				      .pattern = "",
				      .find = "",
				      .from = l->begun ? &l->at : NULL,
				      .most = most};
	struct lr_id at = l->at;
	bool end = lr_catalog_browse(k, &b, &at, object_cb, &look);

	l->begun |= !lr_id_eq(&at, &l->at);
	l->at = at;
	return end;
}
