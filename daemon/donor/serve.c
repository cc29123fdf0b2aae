/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on data links (PUT: put.c). Each is admitted, applied whole and
 * answered in one go: no operation is ever half applied when a SEAL comes. */
#include <string.h>

#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "wire/manifest.h"

void lr_shard_stale(struct lr_shard_link *l, uint64_t req, unsigned n)
{
	const struct lr_slot *slot = &l->s->slots[n];
	struct lr_msg_stale m = { .slot = (uint16_t)n, .prom = slot->prom };
	uint8_t buf[LR_CFG_BYTES_MAX];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };

	if (slot->inst.ce)
		lr_enc_cfg(&w, n, &slot->inst);
	bulk.len = w.len;
	lr_refuse(l->s->o.refusals, LR_REFUSED_STALE);
	LR_SEND(l->link, STALE, stale, req, &m, bulk.len ? &bulk : NULL);
}

bool lr_shard_admit(struct lr_shard_link *l, uint64_t req, unsigned slot,
		    uint64_t ce, const struct lr_id *id)
{
	if (slot >= LR_SLOTS || (id && lr_id_slot(id) != slot)) {
		lr_link_send_error(l->link, req, LR_E_PROTOCOL,
				   "that ID is not of that slot");
		return false;
	}
	if (slot % l->s->o.shards != l->s->o.nth) {
		lr_link_send_error(l->link, req, LR_E_PROTOCOL,
				   "another shard has that slot");
		return false;
	}
	if (lr_slot_admit(&l->s->slots[slot], ce) == LR_E_OK)
		return true;
	lr_shard_stale(l, req, slot);
	return false;
}

void lr_shard_stored(struct lr_shard *s, unsigned slot, const struct lr_id *id,
		     struct lr_stored *ret)
{
	struct lr_entry e;

	memset(ret, 0, sizeof *ret);
	if (!lr_store_get(s->store, slot, id, &e))
		return;
	ret->found = e.state;
	ret->tag = e.tag;
	ret->open = e.state == LR_FOUND_VALUE &&
		    e.kind == LR_KIND_MANIFEST && e.tag.ts == LR_TS_OPEN;
}

enum lr_err lr_shard_put(struct lr_shard *s, unsigned slot,
			 const struct lr_entry *e, bool use_reserve)
{
	enum lr_err err =
		lr_store_put(s->store, slot, e, use_reserve, lr_now_ms());

	if (!err && (e->kind == LR_KIND_MANIFEST || e->state != LR_FOUND_VALUE))
		lr_reports_changed(s->reports, slot, &e->id);
	return err;
}

bool lr_shard_unshelve(struct lr_shard *s, unsigned slot,
		       const struct lr_entry *e)
{
	if (!lr_store_unshelve(s->store, slot, &e->id, lr_now_ms()))
		return false;
	if (e->kind == LR_KIND_MANIFEST)
		lr_reports_changed(s->reports, slot, &e->id);
	return true;
}

/* --- GET ---------------------------------------------------------------- */

static void reply_value(struct lr_shard_link *l, uint64_t req,
			const struct lr_msg_get_r *m, const struct lr_entry *e)
{
	struct lr_pin *pin = lr_store_pin(l->s->store, e);
	struct lr_bulk bulk = { e->value, e->bytes,
				pin ? lr_store_unpin : NULL, pin };

	LR_SEND(l->link, GET_R, get_r, req, m, &bulk);
}

/* A copy that rotted is no copy: it is marked, and fetched again. */
void lr_shard_mark_bad(struct lr_shard *s, unsigned slot, struct lr_entry *e)
{
	e->state = LR_FOUND_BAD;
	e->bytes = 0;
	e->value = NULL;
	lr_store_put(s->store, slot, e, true, lr_now_ms());
	lr_pull_repair(s->pull, slot, &e->id);
	lr_scrub_found(s->scrub, 1, 0);
}

static void verify(struct lr_shard *s, unsigned slot, struct lr_entry *e)
{
	if (lr_store_verify(e))
		lr_verified_entry(s->verified, &e->id, lr_now_ms());
	else
		lr_shard_mark_bad(s, slot, e);
}

static uint32_t e_bytes(const struct lr_msg_get_r *r, const struct lr_entry *e)
{
	return r->found == LR_FOUND_VALUE ? e->bytes : 0;
}

/* Of users. */
static void count_get(struct lr_shard *s, const struct lr_msg_get *m,
		      const struct lr_msg_get_r *r, const struct lr_entry *e)
{
	s->stats.gets++;
	s->stats.errors += r->found == LR_FOUND_BAD;
	if (!(m->flags & LR_GET_TAG_ONLY))
		s->stats.bytes_out += e_bytes(r, e);
}

static void serve_get(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_shard *s = l->s;
	struct lr_msg_get m;
	struct lr_msg_get_r r = { 0 };
	struct lr_entry e;

	if (!lr_dec_get(f->meta, f->h.meta, &m)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (!lr_shard_admit(l, f->h.req, m.slot, m.ce, &m.id))
		return;
	r.synced = s->slots[m.slot].status == LR_SLOT_SYNCED;
	r.tag.ts = s->slots[m.slot].floor;
	if (lr_store_get(s->store, m.slot, &m.id, &e)) {
		if (e.state == LR_FOUND_VALUE && !(m.flags & LR_GET_TAG_ONLY))
			verify(s, m.slot, &e);
		r.found = e.state;
		r.kind = e.kind;
		r.tag = e.tag;
		r.expires_ms = e.expires_ms;
		r.sum = e.sum;
	}
	s->stats.ops++;
	if (m.flags & LR_GET_SYNC)
		s->serving = LR_SERVED_COPY;
	else
		count_get(s, &m, &r, &e);
	if (r.found == LR_FOUND_VALUE && !(m.flags & LR_GET_TAG_ONLY))
		reply_value(l, f->h.req, &r, &e);
	else
		LR_SEND(l->link, GET_R, get_r, f->h.req, &r, NULL);
}

/* --- SCAN and FIND ------------------------------------------------------ */

/* A SYNCED member, or a source of a lost slot that still merges. */
static bool may_list(const struct lr_shard *s, unsigned n)
{
	const struct lr_slot *slot = &s->slots[n];
	int me = lr_cfg_index(&slot->inst, s->o.inc);

	return slot->status == LR_SLOT_SYNCED ||
	       (slot->inst.lost & LR_LOST_MERGE && me >= 0 &&
		slot->inst.src >> me & 1);
}

static void serve_scan(struct lr_shard_link *l, const struct lr_frame *f)
{
	static _Thread_local struct lr_entry page[LR_SYNC_PAGE];
	uint8_t buf[LR_SYNC_PAGE * 64];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_msg_scan m;
	struct lr_msg_scan_r r = { 0 };
	struct lr_bulk bulk = { .p = buf };
	size_t n;

	if (!lr_dec_scan(f->meta, f->h.meta, &m)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (!lr_shard_admit(l, f->h.req, m.slot, m.ce, NULL))
		return;
	if (!may_list(l->s, m.slot)) {
		lr_link_send_error(l->link, f->h.req, LR_E_BUSY, "syncing");
		return;
	}
	n = lr_store_scan(l->s->store, m.slot, m.first ? NULL : &m.after, page,
			  LR_SYNC_PAGE);
	for (size_t i = 0; i < n; i++) {
		struct lr_rec_entry e = { .id = page[i].id,
					  .tag = page[i].tag,
					  .kind = page[i].kind,
					  .state = page[i].state,
					  .bytes = page[i].bytes,
					  .sum = page[i].sum };

		lr_enc_rec_entry(&w, &e);
	}
	r.more = n == LR_SYNC_PAGE;
	r.floor = l->s->slots[m.slot].floor;
	bulk.len = w.len;
	LR_SEND(l->link, SCAN_R, scan_r, f->h.req, &r, &bulk);
}

/* Closed objects of one slot whose IDs start with the prefix. */
static void find_in_slot(struct lr_shard *s, unsigned slot,
			 const struct lr_prefix *p, struct lr_writer *w)
{
	struct lr_entry page[64];
	struct lr_rec_object rec;
	const struct lr_id *after = NULL;
	size_t n;

	do {
		n = lr_store_scan(s->store, slot, after, page, 64);
		for (size_t i = 0; i < n && w->cap - w->len > 512; i++)
			if (lr_prefix_matches(p, &page[i].id) &&
			    lr_shard_object(s, slot, &page[i], &rec))
				lr_enc_rec_object(w, &rec);
		after = &page[63].id;
	} while (n == 64);
}

static void serve_find(struct lr_shard_link *l, const struct lr_frame *f)
{
	static _Thread_local uint8_t buf[64 * 1024];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_msg_find m;
	struct lr_msg_find_r r = { 0 };
	struct lr_bulk bulk = { .p = buf };
	struct lr_prefix p;
	char text[LR_ID_TEXT + 1];

	if (!lr_dec_find(f->meta, f->h.meta, &m) ||
	    !lr_str_copy(m.prefix, text, sizeof text) ||
	    !lr_prefix_parse(text, &p)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (!lr_shard_admit(l, f->h.req, m.slot, m.ce, NULL))
		return;
	find_in_slot(l->s, m.slot, &p, &w);
	bulk.len = w.len;
	LR_SEND(l->link, FIND_R, find_r, f->h.req, &r, &bulk);
}

/* --- the rest ----------------------------------------------------------- */

/* False: it has no latency of its own. */
static bool serve(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_shard *s = l->s;

	switch (f->h.type) {
	case LR_M_GET:
		s->serving = LR_SERVED_GET;
		serve_get(l, f);
		return true;
	case LR_M_PUT:
		s->serving = LR_SERVED_PUT;
		lr_shard_serve_put(l, f);
		return true;
	case LR_M_FORWARD:
		s->serving = LR_SERVED_PUT;
		lr_forwards_serve(s->forwards, l, f);
		return true;
	case LR_M_VIA:
		lr_vias_serve(l, f);
		return false; /* counted as what it is, where it is served */
	case LR_M_BAR:
		lr_updates_serve_bar(l, f);
		return false; /* goes with a GET */
	case LR_M_UPDATE:
		s->serving = LR_SERVED_UPDATE;
		lr_updates_serve(s->updates, l, f);
		return true;
	case LR_M_SCAN:
		s->serving = LR_SERVED_LIST;
		serve_scan(l, f);
		return true;
	case LR_M_FIND:
		s->serving = LR_SERVED_LIST;
		serve_find(l, f);
		return true;
	case LR_M_DIGEST:
		lr_scrub_serve_digest(l, f);
		return false; /* a whole slot */
	case LR_M_PACE:
		lr_pull_serve_pace(l, f);
		return true;
	case LR_M_VERIFIED:
		lr_verified_serve(l, f);
		return false; /* many entries at once */
	}
	if (lr_shard_serve_link(l, f))
		return true;
	lr_link_send_error(l->link, f->h.req, LR_E_PROTOCOL,
			   "a donor does not answer that");
	lr_link_close(l->link, LR_E_OK);
	return false;
}

void lr_shard_serve(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_shard *s = l->s;
	uint64_t begun = uv_hrtime(), us;

	if (!l->roles && f->h.type != LR_M_HELLO) {
		lr_refuse(s->o.refusals, LR_REFUSED_ADMISSION);
		lr_link_close(l->link, LR_E_NOT_ADMITTED);
		return;
	}
	if ((f->h.type == LR_M_UPDATE || f->h.type == LR_M_FIND) &&
	    !lr_shard_is_requester(l)) {
		lr_shard_refuse_donor(l, f->h.req);
		return;
	}
	s->serving = LR_SERVED_OTHER;
	if (!serve(l, f))
		return;
	us = (uv_hrtime() - begun) / 1000;
	lr_hist_add(&s->hist, us);
	if (s->serving != LR_SERVED_UPDATE) /* which goes on */
		lr_times_add(&s->stats.times[s->serving], us);
}
