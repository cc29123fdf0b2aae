/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/viewcodec.h"

#include <string.h>

/* --- sending ------------------------------------------------------------ */

void lr_view_enc_whole(struct lr_view_enc *it, const struct lr_view *v)
{
	*it = (struct lr_view_enc){
		.v = v,
		.n_slots = v->nslots,
		.n_members = v->n_members,
		.whole = true,
	};
}

void lr_view_enc_delta(struct lr_view_enc *it, const struct lr_view *v,
		       const unsigned *slots, size_t n_slots,
		       const uint64_t *members, size_t n_members)
{
	*it = (struct lr_view_enc){
		.v = v,
		.slots = slots,
		.n_slots = n_slots,
		.members = members,
		.n_members = n_members,
	};
}

static void put_member(struct lr_writer *w, const struct lr_member *m)
{
	struct lr_rec_member rec = {
		.inc = m->inc,
		.dev = m->dev,
		.machine = m->machine,
		.shards = m->shards,
		.up = m->up,
		.name = lr_str(m->name),
		.addrs = lr_str(m->addrs),
		.key = m->key,
	};

	lr_w_u8(w, 'm');
	lr_enc_rec_member(w, &rec);
}

static void put_nth_member(const struct lr_view_enc *it, size_t n,
			   struct lr_writer *w)
{
	const struct lr_member *m;

	m = it->whole ? &it->v->members[n]
		      : lr_view_member(it->v, it->members[n]);
	if (m) {
		put_member(w, m);
	} else {
		lr_w_u8(w, 'd');
		lr_w_u64(w, it->members[n]);
	}
}

static void put_nth_slot(const struct lr_view_enc *it, size_t n,
			 struct lr_writer *w)
{
	unsigned slot = it->whole ? (unsigned)n : it->slots[n];

	if (it->v->cfg[slot].ce == 0)
		return;
	lr_w_u8(w, 'c');
	lr_enc_cfg(w, slot, &it->v->cfg[slot]);
}

/* One item, all of it or nothing. */
#define ITEM_MAX \
	(1 + 2 + 8 + 3 * 32 + 2 + 1 + 2 + LR_NAME_MAX + 2 + LR_ADDRS_MAX)
_Static_assert(ITEM_MAX >= 1 + LR_CFG_BYTES_MAX, "a cfg fits too");

static bool put_item(struct lr_view_enc *it, uint8_t *item, size_t *ret_len)
{
	struct lr_writer w = lr_writer(item, ITEM_MAX);

	if (it->at_member < it->n_members)
		put_nth_member(it, it->at_member, &w);
	else if (it->at_slot < it->n_slots)
		put_nth_slot(it, it->at_slot, &w);
	else
		return false;
	*ret_len = w.len;
	return true;
}

static void step(struct lr_view_enc *it)
{
	if (it->at_member < it->n_members)
		it->at_member++;
	else
		it->at_slot++;
}

/* w NULL: only goes over it. A view without items is one empty part. */
static bool next_part(struct lr_view_enc *it, struct lr_writer *w, size_t cap)
{
	uint8_t item[ITEM_MAX];
	size_t n, used = 0;
	bool any = !it->started;

	it->started = true;
	for (; put_item(it, item, &n); step(it)) {
		if (n > cap - used)
			return true;
		if (w)
			lr_w_bytes(w, item, n);
		used += n;
		any = any || n;
	}
	return any;
}

unsigned lr_view_enc_parts(const struct lr_view_enc *it, size_t cap)
{
	struct lr_view_enc dry = *it;
	unsigned n = 0;

	while (next_part(&dry, NULL, cap))
		n++;
	return n;
}

bool lr_view_enc_next(struct lr_view_enc *it, struct lr_writer *w)
{
	return next_part(it, w, w->cap - w->len);
}

void lr_view_enc_skip(struct lr_view_enc *it, unsigned n, size_t cap)
{
	while (n-- && next_part(it, NULL, cap))
		;
}

/* --- one part, received ------------------------------------------------- */

bool lr_view_take_cfg(struct lr_view *v, unsigned slot,
		      const struct lr_cfg *cfg)
{
	struct lr_cfg *held;
	struct lr_cfg was;

	if (slot >= v->nslots || !lr_cfg_valid(cfg))
		return false;
	held = &v->cfg[slot];
	was = *held;
	if (cfg->ce > held->ce) {
		*held = *cfg;
	} else if (cfg->ce == held->ce && cfg->n == held->n &&
		   !memcmp(cfg->mem, held->mem, cfg->n * sizeof *cfg->mem)) {
		held->synced |= cfg->synced;
		held->lost |= cfg->lost;
	}
	return !lr_cfg_eq(&was, held);
}

static bool get_member(struct lr_reader *r, struct lr_member *ret)
{
	struct lr_rec_member rec;

	memset(ret, 0, sizeof *ret);
	if (!lr_dec_rec_member(r, &rec) || rec.inc == 0)
		return false;
	ret->inc = rec.inc;
	ret->dev = rec.dev;
	ret->machine = rec.machine;
	ret->shards = rec.shards;
	ret->up = rec.up;
	ret->key = rec.key;
	return lr_str_copy(rec.name, ret->name, sizeof ret->name) &&
	       lr_str_copy(rec.addrs, ret->addrs, sizeof ret->addrs);
}

/* Reads one item; `apply`: and takes it into the view. */
static enum lr_err take_item(struct lr_view *v, struct lr_reader *r, bool apply)
{
	uint8_t what = lr_r_u8(r);
	struct lr_member member;
	struct lr_cfg cfg;
	unsigned slot;
	uint64_t inc;

	switch (what) {
	case 'm':
		if (!get_member(r, &member))
			return LR_E_PROTOCOL;
		if (!apply)
			return LR_E_OK;
		if (v->n_members >= LR_VIEW_MEMBERS_MAX &&
		    !lr_view_member(v, member.inc))
			return LR_E_PROTOCOL;
		return lr_view_put_member(v, &member) ? LR_E_OK
						      : LR_E_NO_MEMORY;
	case 'd':
		inc = lr_r_u64(r);
		if (apply)
			lr_view_drop_member(v, inc);
		return r->bad ? LR_E_PROTOCOL : LR_E_OK;
	case 'c':
		if (!lr_dec_cfg(r, &slot, &cfg) || slot >= v->nslots ||
		    cfg.ce == 0)
			return LR_E_PROTOCOL;
		if (apply)
			lr_view_take_cfg(v, slot, &cfg);
		return LR_E_OK;
	default:
		return LR_E_PROTOCOL;
	}
}

enum lr_err lr_view_apply(struct lr_view *v, const void *bulk, size_t len)
{
	for (int apply = 0; apply <= 1; apply++) {
		struct lr_reader r = lr_reader(bulk, len);

		while (r.left) {
			enum lr_err err = take_item(v, &r, apply);

			if (err)
				return err;
		}
	}
	return LR_E_OK;
}

/* --- views from parts --------------------------------------------------- */

bool lr_view_rx_init(struct lr_view_rx *rx, unsigned nslots)
{
	memset(rx, 0, sizeof *rx);
	return lr_view_init(&rx->view, nslots);
}

void lr_view_rx_done(struct lr_view_rx *rx)
{
	lr_view_done(&rx->view);
	lr_view_done(&rx->next);
	memset(rx, 0, sizeof *rx);
}

static enum lr_view_took took(enum lr_err err)
{
	if (err == LR_E_NO_MEMORY)
		return LR_VIEW_NO_MEMORY;
	return err ? LR_VIEW_BAD : LR_VIEW_MORE;
}

/* A slot of which somebody told a higher ce than this whole view does stays,
 * and so do the members that it names. */
static bool keep_newer(struct lr_view_rx *rx)
{
	for (unsigned s = 0; s < rx->view.nslots; s++) {
		const struct lr_cfg *held = &rx->view.cfg[s];

		bool newer = held->ce > rx->next.cfg[s].ce;

		lr_view_take_cfg(&rx->next, s, held);
		if (!newer)
			continue;
		for (unsigned i = 0; i < held->n; i++) {
			const struct lr_member *m;

			m = lr_view_member(&rx->view, held->mem[i]);
			if (m && !lr_view_member(&rx->next, m->inc) &&
			    !lr_view_put_member(&rx->next, m))
				return false;
		}
	}
	return true;
}

static enum lr_view_took whole_complete(struct lr_view_rx *rx)
{
	if (!keep_newer(rx)) {
		lr_view_done(&rx->next);
		return LR_VIEW_NO_MEMORY;
	}
	if (rx->next.epoch < rx->view.epoch)
		rx->next.epoch = rx->view.epoch;
	lr_view_done(&rx->view);
	rx->view = rx->next;
	rx->next = (struct lr_view){0};
	rx->to = 0;
	return LR_VIEW_APPLIED;
}

static bool whole_start(struct lr_view_rx *rx, const struct lr_msg_view *m)
{
	lr_view_done(&rx->next);
	if (!lr_view_init(&rx->next, rx->view.nslots))
		return false;
	rx->next.run = m->run;
	rx->next.rev = m->rev;
	rx->next.epoch = m->epoch;
	rx->whole = m->rev;
	rx->part = 0;
	rx->parts = m->parts;
	return true;
}

enum lr_view_took lr_view_rx_whole(struct lr_view_rx *rx,
				   const struct lr_msg_view *m,
				   const void *bulk, size_t len)
{
	enum lr_view_took t;

	if (m->run == 0 || m->part >= m->parts)
		return LR_VIEW_BAD;
	if (m->run == rx->view.run && m->rev < rx->view.rev)
		return LR_VIEW_OLD;
	if (m->part == 0 && !whole_start(rx, m))
		return LR_VIEW_NO_MEMORY;
	if (!rx->next.cfg || m->run != rx->next.run || m->rev != rx->whole ||
	    m->part != rx->part || m->parts != rx->parts) {
		lr_view_done(&rx->next);
		return LR_VIEW_NEED_WHOLE;
	}
	t = took(lr_view_apply(&rx->next, bulk, len));
	if (t != LR_VIEW_MORE) {
		lr_view_done(&rx->next);
		return t;
	}
	return ++rx->part < rx->parts ? LR_VIEW_MORE : whole_complete(rx);
}

/* The members come first, so all of them have. */
static bool has_slots(const struct lr_view *v)
{
	for (unsigned s = 0; s < v->nslots; s++)
		if (v->cfg[s].ce)
			return true;
	return false;
}

static bool continues(const struct lr_view *v,
		      const struct lr_msg_view_delta *m)
{
	return m->run == v->run && m->from <= v->rev;
}

/* What this part continues: what is held, or the whole view on its way: on a
 * slow network there may be a delta behind each of its parts. A member that
 * changed must not come again as it was before. */
static struct lr_view *delta_fits(struct lr_view_rx *rx,
				  const struct lr_msg_view_delta *m)
{
	struct lr_view *v = &rx->view;

	if (!continues(v, m))
		v = &rx->next;
	if (v == &rx->next &&
	    (!v->cfg || !continues(v, m) || !has_slots(v)))
		return NULL;
	if (m->part == 0) {
		rx->to = m->to;
		rx->to_part = 0;
	}
	return rx->to == m->to && rx->to_part == m->part ? v : NULL;
}

/* Each configuration of a delta is true by itself, so its parts are taken as
 * they come; the rev moves with the last. */
enum lr_view_took lr_view_rx_delta(struct lr_view_rx *rx,
				   const struct lr_msg_view_delta *m,
				   const void *bulk, size_t len)
{
	enum lr_view_took t;
	struct lr_view *v;

	if (m->run == 0 || m->part >= m->parts || m->to <= m->from)
		return LR_VIEW_BAD;
	if (m->run == rx->view.run && m->to <= rx->view.rev)
		return LR_VIEW_OLD;
	v = delta_fits(rx, m);
	if (!v) {
		rx->to = 0;
		return LR_VIEW_NEED_WHOLE;
	}
	t = took(lr_view_apply(v, bulk, len));
	if (t != LR_VIEW_MORE) {
		rx->to = 0;
		return t;
	}
	if (++rx->to_part < m->parts)
		return LR_VIEW_MORE;
	if (m->to > v->rev)
		v->rev = m->to;
	if (m->epoch > v->epoch)
		v->epoch = m->epoch;
	rx->to = 0;
	return v == &rx->view ? LR_VIEW_APPLIED : LR_VIEW_MORE;
}
