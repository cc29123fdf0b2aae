/* SPDX-License-Identifier: Apache-2.0 */
/* Who flapped when, kept over a restart of the coordinator: a donor that comes
 * and goes is not trusted anew because the coordinator came and went, too. It
 * is written with the view, which changes with each eviction. */
#include <stdlib.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/flaps.h"

#define KEEP_MS 600000u
#define ROW_BYTES (sizeof(struct lr_dev) + 1 + 8 * 8)

size_t lr_flaps_room(const struct lr_coordinator *k)
{
	size_t n = 0, at = 0;
	struct lr_dev dev;
	struct lr_flaps f;

	while (k->rules && (at = lr_coord_flapping(k->rules, at, &dev, &f)))
		n++;
	return n * ROW_BYTES;
}

/* Loop time says nothing to the next run: as Unix time. */
void lr_flaps_save(const struct lr_coordinator *k, struct lr_writer *w)
{
	uint64_t now = lr_now_ms(), unix_ms = lr_unix_ms();
	struct lr_dev dev;
	struct lr_flaps f;
	size_t at = 0;

	while (k->rules && (at = lr_coord_flapping(k->rules, at, &dev, &f))) {
		lr_w_dev(w, dev);
		lr_w_u8(w, (uint8_t)f.n);
		for (unsigned i = 0; i < f.n; i++)
			lr_w_u64(w, unix_ms - (now - f.at_ms[i]));
	}
}

static uint64_t loop_time(uint64_t at, uint64_t unix_ms, uint64_t now)
{
	uint64_t ago = unix_ms > at ? unix_ms - at : 0;

	return ago < KEEP_MS && ago < now ? now - ago : 0;
}

bool lr_flaps_load(struct lr_coordinator *k, struct lr_reader *r)
{
	uint64_t now = lr_now_ms(), unix_ms = lr_unix_ms();

	while (r->left) {
		struct lr_flap_row *all = realloc(
			k->flapped, (k->n_flapped + 1) * sizeof *all);
		struct lr_flap_row row = { 0 };
		unsigned n;

		if (!all)
			return false;
		k->flapped = all;
		row.dev = lr_r_dev(r);
		n = lr_r_u8(r);
		for (unsigned i = 0; i < n && !r->bad; i++) {
			uint64_t at = loop_time(lr_r_u64(r), unix_ms, now);

			if (at)
				lr_flaps_add(&row.flaps, at);
		}
		if (r->bad)
			return false;
		all[k->n_flapped++] = row;
	}
	return true;
}

void lr_flaps_restore(struct lr_coordinator *k)
{
	for (size_t i = 0; i < k->n_flapped; i++)
		lr_coord_flapped(k->rules, &k->flapped[i].dev,
				 &k->flapped[i].flaps);
	free(k->flapped);
	k->flapped = NULL;
	k->n_flapped = 0;
}
