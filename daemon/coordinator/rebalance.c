/* SPDX-License-Identifier: Apache-2.0 */
/* REBALANCE: what would move, by donor. */
#include <stdlib.h>

#include "daemon/coordinator/coordinator.h"

static void enc_moves(const struct lr_coordinator *k,
		      const struct lr_coord_move *all, size_t n,
		      struct lr_writer *w, uint64_t *ret_bytes)
{
	for (size_t i = 0; i < n && w->cap - w->len > 256; i++) {
		const struct lr_coord_move *m = &all[i];
		struct lr_rec_move rec = {
			.dev = m->dev,
			.name = lr_str(lr_coordinator_name_of(k, &m->dev)),
			.slots = m->slots,
			.gets = m->gets,
			.gives = m->gives,
			.get_bytes = m->get_bytes,
			.give_bytes = m->give_bytes
		};

		*ret_bytes += m->get_bytes;
		lr_enc_rec_move(w, &rec);
	}
}

void lr_rebalance_serve(struct lr_peer *p, const struct lr_frame *f)
{
	static uint8_t buf[LR_BULK_MAX]; /* one loop */
	struct lr_coordinator *k = p->k;
	size_t cap = lr_coord_rows(k->rules, NULL, 0), n = 0;
	struct lr_coord_move *all = calloc(cap + 1, sizeof *all);
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_rebalance_r r = { 0 };

	if (!all || !lr_coord_rebalance(k->rules, all, cap, &n, &r.slots,
					lr_now_ms()))
		r.err = LR_E_NO_MEMORY;
	else
		enc_moves(k, all, n < cap ? n : cap, &w, &r.bytes);
	bulk.len = w.len;
	LR_SEND(p->link, REBALANCE_R, rebalance_r, f->h.req, &r,
		bulk.len ? &bulk : NULL);
	free(all);
}
