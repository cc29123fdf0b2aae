/* SPDX-License-Identifier: Apache-2.0 */
/* One object's copies, asked of the donors themselves:
 *
 *   1 the view says who should hold which of its entries
 *   2 PING to each shard of them, then VERIFIED with those entries; the PINGs
 *     go first, so that no list is measured
 *   3 all have answered, their links broke, or WAIT_MS is over: cb
 *
 * Where no link is open, the row says UNREACHABLE. */
#include <stdlib.h>
#include <string.h>

#include "client/direct_i.h"

#define WAIT_MS 3000
#define WHICH_ROOM 32u /* for one record */
#define ENTRIES_MAX 16384u /* of an object, that are asked for */

struct share { /* of one donor's shard */
	struct query *q;
	struct lr_rec_verified *row; /* of the donor */
	uint64_t inc, sent_ns;
	unsigned slot; /* that the shard has */
	uint8_t *which; /* records of its entries */
	size_t len, cap;
};

struct query {
	struct lr_direct *d;
	lr_copies_cb cb;
	void *arg;
	struct share *shares;
	struct lr_rec_verified *rows;
	size_t n, n_rows;
	unsigned out; /* requests, and one for the time of asking */
};

static void query_free(struct query *q)
{
	for (size_t i = 0; i < q->n; i++)
		free(q->shares[i].which);
	free(q->shares);
	free(q->rows);
	free(q);
}

static void drop(struct query *q)
{
	struct lr_direct *d = q->d;

	if (--q->out)
		return;
	q->cb(q->arg, q->rows, q->n_rows);
	query_free(q);
	lr_direct_drop(d);
}

static void ping_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct share *s = arg;
	uint64_t us = (uv_hrtime() - s->sent_ns) / 1000;

	(void)link, (void)f;
	if (!err && us > s->row->trip_us)
		s->row->trip_us = (uint32_t)us;
	drop(s->q);
}

static void verified_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct share *s = arg;
	struct lr_rec_verified *row = s->row;
	struct lr_msg_verified_r m;

	(void)link;
	if (err)
		row->err = (uint16_t)err;
	if (!err && lr_dec_verified_r(f->meta, f->h.meta, &m)) {
		row->there += m.there;
		if (m.ago_ms > row->ago_ms)
			row->ago_ms = m.ago_ms;
	}
	drop(s->q);
}

static void ping(struct share *s, struct lr_link *link)
{
	struct lr_msg_ping m = { 0 };

	s->q->out++;
	s->sent_ns = uv_hrtime();
	LR_REQUEST(link, PING, ping, &m, NULL, WAIT_MS, ping_cb, s);
}

static void ask(struct share *s, struct lr_link *link)
{
	struct lr_msg_verified m = { 0 };
	struct lr_bulk bulk = { .p = s->which, .len = s->len };

	s->q->out++;
	LR_REQUEST(link, VERIFIED, verified, &m, &bulk, WAIT_MS, verified_cb,
		   s);
}

/* --- who should hold what ------------------------------------------------------ */

static struct lr_rec_verified *row_of(struct query *q, uint64_t inc,
				      const struct lr_dev *dev)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->shares[i].inc == inc)
			return q->shares[i].row;
	q->rows[q->n_rows].dev = *dev;
	return &q->rows[q->n_rows++];
}

static struct share *share_of(struct query *q, const struct lr_member *m,
			      unsigned slot)
{
	struct share *s;

	for (size_t i = 0; i < q->n; i++) {
		s = &q->shares[i];
		if (s->inc == m->inc && lr_member_shard(m, s->slot) ==
						lr_member_shard(m, slot))
			return s;
	}
	s = &q->shares[q->n];
	s->q = q;
	s->row = row_of(q, m->inc, &m->dev);
	s->inc = m->inc;
	s->slot = slot;
	q->n++;
	return s;
}

static bool add_id(struct share *s, const struct lr_id *id)
{
	struct lr_rec_which rec = { .id = *id };
	struct lr_writer w;

	if (s->len + WHICH_ROOM > LR_VALUE_MAX)
		return true;
	if (s->len + WHICH_ROOM > s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 8 * WHICH_ROOM;
		uint8_t *which = realloc(s->which, cap);

		if (!which)
			return false;
		s->which = which;
		s->cap = cap;
	}
	w = lr_writer(s->which + s->len, s->cap - s->len);
	lr_enc_rec_which(&w, &rec);
	s->len += w.len;
	return true;
}

static bool add_entry(struct query *q, const struct lr_id *id)
{
	const struct lr_view *v = &q->d->rx.view;
	unsigned slot = lr_id_slot(id);

	for (unsigned i = 0; slot < v->nslots && i < v->cfg[slot].n; i++) {
		const struct lr_member *m =
			lr_view_member(v, v->cfg[slot].mem[i]);

		if (m && !add_id(share_of(q, m, slot), id))
			return false;
	}
	return true;
}

static bool collect(struct query *q, const struct lr_id *object,
		    uint64_t entries)
{
	struct lr_id id;

	if (!add_entry(q, object))
		return false;
	for (uint64_t n = 0; n + 1 < entries && n < ENTRIES_MAX; n++) {
		lr_id_of_chunk(&id, object, n);
		if (!add_entry(q, &id))
			return false;
	}
	return true;
}

static struct lr_link *link_of(const struct share *s)
{
	return lr_direct_link(s->q->d, s->inc, s->slot);
}

static void over_cb(uv_handle_t *h)
{
	struct query *q = h->data;

	free(h);
	drop(q);
}

/* The callback never runs inside the call, whatever the links do. */
static bool start(struct query *q)
{
	uv_idle_t *later = malloc(sizeof *later);
	struct lr_link *link;

	if (!later)
		return false;
	lr_direct_hold(q->d);
	uv_idle_init(q->d->loop, later);
	later->data = q;
	q->out = 1;
	for (size_t i = 0; i < q->n; i++) {
		link = link_of(&q->shares[i]);
		if (link)
			ping(&q->shares[i], link);
		else
			q->shares[i].row->err = LR_E_UNREACHABLE;
	}
	for (size_t i = 0; i < q->n; i++) {
		link = link_of(&q->shares[i]);
		if (link)
			ask(&q->shares[i], link);
	}
	uv_close((uv_handle_t *)later, over_cb);
	return true;
}

bool lr_direct_copies(struct lr_direct *d, const struct lr_id *id,
		      uint64_t entries, lr_copies_cb cb, void *arg)
{
	size_t room = 1;
	struct query *q = calloc(1, sizeof *q);

	if (!q)
		return false;
	*q = (struct query){ .d = d, .cb = cb, .arg = arg };
	for (size_t i = 0; i < d->rx.view.n_members; i++)
		room += lr_member_shards(&d->rx.view.members[i]);
	q->shares = calloc(room, sizeof *q->shares);
	q->rows = calloc(room, sizeof *q->rows);
	if (q->shares && q->rows && collect(q, id, entries) && start(q))
		return true;
	query_free(q);
	return false;
}
