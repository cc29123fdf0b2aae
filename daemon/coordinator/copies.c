/* SPDX-License-Identifier: Apache-2.0 */
/* COPIES: who holds an object's entries, as the view has it. */
#include <stdlib.h>

#include "daemon/coordinator/coordinator.h"

struct share { /* of one donor */
	const struct lr_member *m;
	uint64_t entries, synced;
};

static void count_slot(const struct lr_view *v, unsigned slot,
		       struct share *all, size_t *n)
{
	const struct lr_cfg *cfg = &v->cfg[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct lr_member *m = lr_view_member(v, cfg->mem[i]);
		size_t at = 0;

		while (m && at < *n && all[at].m != m)
			at++;
		if (!m)
			continue;
		if (at == *n)
			all[(*n)++] = (struct share){ .m = m };
		all[at].entries++;
		all[at].synced += lr_cfg_synced(cfg, m->inc);
	}
}

static uint32_t p50_of(const struct lr_coordinator *k, uint64_t inc)
{
	size_t n = lr_coord_rows(k->rules, NULL, 0);
	struct lr_coord_row *rows = calloc(n ? n : 1, sizeof *rows);
	uint32_t us = 0;

	n = rows ? lr_coord_rows(k->rules, rows, n) : 0;
	for (size_t i = 0; i < n; i++)
		if (rows[i].d.member.inc == inc)
			us = rows[i].beat.p50_us;
	free(rows);
	return us;
}

static void enc_shares(const struct lr_coordinator *k, const struct share *all,
		       size_t n, struct lr_writer *w)
{
	for (size_t i = 0; i < n && w->cap - w->len > 256; i++) {
		struct lr_rec_copy rec = { .dev = all[i].m->dev,
					   .name = lr_str(all[i].m->name),
					   .up = all[i].m->up,
					   .entries = all[i].entries,
					   .synced = all[i].synced,
					   .p50_us = p50_of(k,
							    all[i].m->inc) };

		lr_enc_rec_copy(w, &rec);
	}
}

/* Whoever has the whole ID may ask, as with retrieve. An admin has the beginning
 * of others'. */
static bool find(const struct lr_peer *p, const struct lr_msg_copies *m,
		 struct lr_object *ret)
{
	struct lr_asker who = lr_objects_asker(p, m->uid, true);
	char text[LR_ID_TEXT + 1];
	struct lr_prefix prefix;

	if (lr_catalog_get(p->k->catalog, &m->id, ret))
		return true;
	lr_id_format(&m->id, text)[LR_CUT_TEXT] = '\0';
	return lr_prefix_parse(text, &prefix) &&
	       lr_catalog_resolve(p->k->catalog, &who, text, ret, 1) == 1 &&
	       lr_prefix_matches(&prefix, &ret->id);
}

void lr_copies_serve(struct lr_peer *p, const struct lr_frame *f)
{
	const struct lr_view *v = lr_coord_view(p->k->rules);
	static uint8_t buf[LR_BULK_MAX]; /* one loop */
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_copies m;
	struct lr_msg_copies_r r = { 0 };
	struct share *all = calloc(v->n_members + 1, sizeof *all);
	struct lr_object o;
	size_t n = 0;

	if (!lr_dec_copies(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
	} else if (!all || !find(p, &m, &o)) {
		lr_link_send_error(p->link, f->h.req, LR_E_ABSENT,
				   "no such object");
	} else {
		uint64_t chunks = lr_objects_chunks(&o);

		count_slot(v, lr_id_slot(&o.id), all, &n);
		for (uint64_t i = 0; i < chunks; i++) {
			struct lr_id id;

			lr_id_of_chunk(&id, &o.id, i);
			count_slot(v, lr_id_slot(&id), all, &n);
		}
		r.entries = chunks + 1;
		enc_shares(p->k, all, n, &w);
		bulk.len = w.len;
		LR_SEND(p->link, COPIES_R, copies_r, f->h.req, &r, &bulk);
	}
	free(all);
}
