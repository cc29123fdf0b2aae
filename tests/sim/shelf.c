/* SPDX-License-Identifier: Apache-2.0 */
/* What a slot held when it was emptied, set aside as lib/store/shelf.c does:
 * fetched entries that are there with the same tag are taken from it. */
#include "tests/sim/sim.h"

#include <stdlib.h>

static struct entry *find(struct dslot *ds, uint32_t key)
{
	for (unsigned i = 0; i < ds->n_shelf; i++)
		if (ds->shelf[i].key == key)
			return &ds->shelf[i];
	return NULL;
}

static void shelve_one(struct dslot *ds, const struct entry *e)
{
	struct entry *there = find(ds, e->key);

	if (e->state != LR_FOUND_VALUE)
		return;
	if (!there) {
		ds->shelf = realloc(ds->shelf, (ds->n_shelf + 1) *
						       sizeof *ds->shelf);
		if (!ds->shelf)
			abort();
		ds->shelf[ds->n_shelf++] = *e;
	} else if (lr_tag_cmp(&e->tag, &there->tag) > 0) {
		*there = *e;
	}
}

void shelf_take_slot(struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];

	for (unsigned i = 0; i < ds->n; i++)
		shelve_one(ds, &ds->e[i]);
	d->entries -= ds->n;
	ds->n = 0;
}

/* True: the entry that was to be fetched was here, and is in the slot now. */
bool shelf_give(struct sim *s, struct donor *d, unsigned slot,
		const struct lr_sync_entry *want, uint32_t key)
{
	struct entry *e = find(&d->slot[slot], key), mine;
	struct lr_stored st, there;

	if (!e || e->rotten)
		return false;
	mine = *e;
	serve_stored(&mine, &st);
	if (!lr_sync_may_take(want, &st))
		return false;
	serve_stored(serve_find(d, slot, key), &there);
	if (lr_slot_put(&there, &mine.tag, LR_PUT_REPAIR) == LR_PUT_STORE &&
	    serve_store(s, d, slot, &mine, true))
		return false;
	s->warm++;
	return true;
}

void shelf_drop(struct dslot *ds)
{
	free(ds->shelf);
	ds->shelf = NULL;
	ds->n_shelf = 0;
}
