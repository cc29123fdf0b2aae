/* SPDX-License-Identifier: Apache-2.0 */
/* Objects, as users ask for them: LIST, RESOLVE, DISCARD, and the donors'
 * reports behind them. After a start the catalog is not whole until every slot
 * that is there was reported: a question waits for that, at most WAIT_MS, and
 * is then refused rather than answered in part. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"

#define WAIT_MS 10000
#define SETTLE_MS 5000 /* donors come back within, after a start */

struct lr_ask {
	struct lr_ask *next;
	struct lr_peer *p;
	uint64_t until_ms;
	struct lr_header h;
	uint8_t meta[LR_META_MAX];
};

/* --- reports --------------------------------------------------------------- */

static void take_rows(struct lr_coordinator *k, const struct lr_frame *f)
{
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	struct lr_rec_object rec;
	char name[256];

	while (r.left && lr_dec_rec_object(&r, &rec)) {
		struct lr_object o = { .id = rec.id,
				       .size = rec.size,
				       .created_ms = rec.created_ms,
				       .expires_ms = rec.expires_ms,
				       .owner = rec.owner,
				       .uid = rec.uid,
				       .flags = rec.flags,
				       .state = LR_OBJECT_THERE,
				       .name = name };

		lr_str_copy(rec.name, name, sizeof name);
		if (rec.state == LR_OBJECT_GONE)
			lr_catalog_remove(k->catalog, &rec.id);
		else
			lr_catalog_put(k->catalog, &o);
	}
}

/* Only the slot's first synced copy under the present cfg is believed. */
void lr_objects_report(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_coordinator *k = p->k;
	struct lr_msg_report m;
	struct lr_msg_done ok = { .text = lr_str("") };
	const struct lr_cfg *cfg;

	if (!lr_dec_report(f->meta, f->h.meta, &m) || m.slot >= LR_SLOTS) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	cfg = &lr_coord_view(k->rules)->cfg[m.slot];
	if (m.ce == cfg->ce && lr_cfg_index(cfg, p->inc) >= 0) {
		if (m.flags & LR_REPORT_FIRST)
			lr_catalog_begin(k->catalog, m.slot);
		take_rows(k, f);
		if (m.flags & LR_REPORT_LAST) {
			lr_catalog_end(k->catalog, m.slot,
				       cfg->lost & LR_LOST_MARK);
			k->listed_ce[m.slot] = m.ce;
		}
		k->used[m.slot] = (struct lr_slot_used){ m.entries, m.bytes };
		lr_coord_slot_usage(k->rules, m.slot, m.entries, m.bytes);
	}
	LR_SEND(p->link, DONE, done, f->h.req, &ok, NULL);
}

/* A slot that nobody can read now was whole before, or is known to be empty
 * once the donors had time to come back after a start. */
static bool is_told(const struct lr_coordinator *k, unsigned n, bool settled)
{
	const struct lr_cfg *cfg = &lr_coord_view(k->rules)->cfg[n];

	if (lr_coord_slot_in_doubt(k->rules, n))
		return false;
	if (!cfg->ce || k->listed_ce[n] == cfg->ce)
		return true;
	return lr_coord_slot_health(k->rules, n) == LR_SLOTS_UNAVAILABLE &&
	       (k->listed_ce[n] || (settled && !k->used[n].entries));
}

/* The first slot whose objects are not known; LR_SLOTS: none. */
static unsigned first_untold(const struct lr_coordinator *k)
{
	bool settled = lr_now_ms() > k->started_ms + SETTLE_MS;
	unsigned n = 0;

	while (n < LR_SLOTS && is_told(k, n, settled))
		n++;
	return n;
}

bool lr_objects_are_told(const struct lr_coordinator *k)
{
	return first_untold(k) == LR_SLOTS;
}

/* --- one row ---------------------------------------------------------------- */

static unsigned synced_copies(const struct lr_view *v, unsigned slot)
{
	const struct lr_cfg *cfg = &v->cfg[slot];
	unsigned have = 0;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct lr_member *m = lr_view_member(v, cfg->mem[i]);

		have += m && m->up && lr_cfg_synced(cfg, cfg->mem[i]);
	}
	return have;
}

/* More chunks than that are in all slots of their class anyway. */
#define CHUNKS_LOOKED_AT 16384

uint64_t lr_objects_chunks(const struct lr_object *o)
{
	uint64_t n = o->size > LR_VALUE_MAX ?
			     (o->size + LR_VALUE_MAX - 1) / LR_VALUE_MAX :
			     0;

	return n < CHUNKS_LOOKED_AT ? n : CHUNKS_LOOKED_AT;
}

/* What was in that slot then is gone; the slot itself has copies again. */
static bool is_lost(const struct lr_coordinator *k, unsigned slot,
		    uint64_t unix_ms)
{
	uint64_t ms;

	return lr_coord_lost(k->rules, slot, &ms) &&
	       unix_ms < lr_unix_ms() - (lr_now_ms() - ms);
}

/* The least over its entries. */
static unsigned copies_of(const struct lr_coordinator *k,
			  const struct lr_object *o)
{
	const struct lr_view *v = lr_coord_view(k->rules);
	unsigned least = synced_copies(v, lr_id_slot(&o->id));
	uint64_t chunks = lr_objects_chunks(o);

	if (o->state == LR_OBJECT_LOST)
		return 0;
	for (uint64_t n = 0; n < chunks && least; n++) {
		struct lr_id id;
		unsigned have;

		lr_id_of_chunk(&id, &o->id, n);
		if (is_lost(k, lr_id_slot(&id), o->created_ms))
			return 0;
		have = synced_copies(v, lr_id_slot(&id));
		if (have < least)
			least = have;
	}
	return least;
}

/* Who holds the manifest; large objects are on everybody. */
static void donors_of(const struct lr_view *v, const struct lr_object *o,
		      char *out, size_t cap)
{
	const struct lr_cfg *cfg = &v->cfg[lr_id_slot(&o->id)];
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < cfg->n && len < cap; i++) {
		const struct lr_member *m = lr_view_member(v, cfg->mem[i]);

		if (m && lr_cfg_synced(cfg, cfg->mem[i]))
			len += (size_t)snprintf(out + len, cap - len, "%s%s",
						len ? "," : "", m->name);
	}
}

void lr_objects_row(const struct lr_coordinator *k, struct lr_writer *w,
		    const struct lr_object *o, bool cut)
{
	const struct lr_view *v = lr_coord_view(k->rules);
	char donors[256];
	struct lr_rec_listed rec = {
		.state = o->state,
		.id = o->id,
		.size = o->size,
		.created_ms = o->created_ms,
		.expires_ms = o->expires_ms,
		.owner = o->owner,
		.uid = o->uid,
		.flags = o->flags,
		.name = lr_str(o->name),
		.copies = (uint8_t)copies_of(k, o),
		.wanted = (uint8_t)lr_class_copies(lr_id_class(&o->id)),
		.owner_name = lr_str(lr_coordinator_name_of(k, &o->owner)),
		.donors = lr_str(donors),
	};

	donors_of(v, o, donors, sizeof donors);
	rec.donors = lr_str(donors);
	if (cut) {
		lr_id_cut(&rec.id, LR_CUT_TEXT);
		rec.flags |= LR_OBJECT_CUT;
	}
	lr_enc_rec_listed(w, &rec);
}

/* --- LIST -------------------------------------------------------------------- */

struct page {
	const struct lr_coordinator *k;
	const struct lr_asker *who;
	struct lr_id last;
	struct lr_writer w;
	uint64_t now;
};

static bool is_over(const struct lr_object *o, uint64_t now)
{
	return o->expires_ms && o->expires_ms <= now;
}

bool lr_objects_may_know(const struct lr_asker *who, const struct lr_object *o)
{
	return o->flags & LR_OBJECT_PUBLIC ||
	       (lr_dev_eq(&o->owner, &who->dev) && o->uid == who->uid);
}

static bool page_cb(void *arg, const struct lr_object *o)
{
	struct page *g = arg;

	if (g->w.cap - g->w.len < 1200)
		return false;
	if (!is_over(o, g->now))
		lr_objects_row(g->k, &g->w, o, !lr_objects_may_know(g->who, o));
	g->last = o->id;
	return true;
}

struct lr_asker lr_objects_asker(const struct lr_peer *p, uint32_t uid,
				 bool all)
{
	if (p->role == LR_LINK_LOCAL)
		uid = lr_link_uid(p->link); /* whatever it says */
	return (struct lr_asker){ p->dev, uid,
				  all && lr_query_is_admin(p, uid) };
}

static uint8_t rows_buf[LR_BULK_MAX]; /* one loop */

static bool serve_list(struct lr_peer *p, const struct lr_header *h,
		       const uint8_t *meta)
{
	struct page g = { .k = p->k,
			  .w = lr_writer(rows_buf, sizeof rows_buf),
			  .now = lr_unix_ms() };
	struct lr_bulk bulk = { .p = rows_buf };
	struct lr_msg_list m;
	struct lr_msg_list_r r = { .text = lr_str("") };
	struct lr_asker who;
	char pattern[LR_META_MAX];

	if (!lr_dec_list(meta, h->meta, &m) ||
	    !lr_str_copy(m.pattern, pattern, sizeof pattern))
		return false;
	who = lr_objects_asker(p, m.uid, m.flags & LR_LIST_ALL);
	g.who = &who;
	if (m.flags & LR_LIST_ALL && !who.admin) {
		r.err = LR_E_PERMISSION;
		r.text = lr_str("only an admin may list what is everybody's: "
				"without --all, lanram list shows what is "
				"yours and what is public");
	} else {
		r.more = !lr_catalog_list(p->k->catalog, &who, pattern,
					  m.first ? NULL : &m.after, page_cb,
					  &g);
	}
	r.last = g.last;
	bulk.len = g.w.len;
	LR_SEND(p->link, LIST_R, list_r, h->req, &r, &bulk);
	return true;
}

/* --- RESOLVE ------------------------------------------------------------------ */

#define CANDIDATES 16

static bool serve_resolve(struct lr_peer *p, const struct lr_header *h,
			  const uint8_t *meta)
{
	struct lr_writer w = lr_writer(rows_buf, sizeof rows_buf);
	struct lr_bulk bulk = { .p = rows_buf };
	struct lr_object found[CANDIDATES];
	struct lr_msg_resolve m;
	struct lr_msg_resolve_r r = { 0 };
	struct lr_asker who;
	char ref[LR_META_MAX];
	size_t n;

	if (!lr_dec_resolve(meta, h->meta, &m) ||
	    !lr_str_copy(m.ref, ref, sizeof ref))
		return false;
	who = lr_objects_asker(p, m.uid, true);
	n = lr_catalog_resolve(p->k->catalog, &who, ref, found, CANDIDATES);
	for (size_t i = 0; i < n && i < CANDIDATES; i++)
		if (!is_over(&found[i], lr_unix_ms()))
			lr_objects_row(p->k, &w, &found[i], false);
	r.err = w.len == 0 ? LR_E_ABSENT : n > 1 ? LR_E_AMBIGUOUS : LR_E_OK;
	bulk.len = w.len;
	LR_SEND(p->link, RESOLVE_R, resolve_r, h->req, &r, &bulk);
	return true;
}

/* --- DISCARD ------------------------------------------------------------------- */

static void serve_discard(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_discard m;
	struct lr_msg_done r = { .text = lr_str("") };
	struct lr_object o;

	if (!lr_dec_discard(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	if (!lr_catalog_get(p->k->catalog, &m.id, &o) ||
	    o.state != LR_OBJECT_LOST)
		r.err = LR_E_ABSENT;
	else if (!p->admin && !lr_dev_eq(&o.owner, &p->dev))
		r.err = LR_E_PERMISSION;
	else
		lr_catalog_remove(p->k->catalog, &m.id);
	LR_SEND(p->link, DONE, done, f->h.req, &r, NULL);
}

/* --- waiting for the catalog ----------------------------------------------------- */

static bool serve(struct lr_peer *p, const struct lr_header *h,
		  const uint8_t *meta)
{
	return h->type == LR_M_LIST   ? serve_list(p, h, meta) :
	       h->type == LR_M_BROWSE ? lr_browse_serve(p, h, meta) :
					serve_resolve(p, h, meta);
}

static void wait_for_catalog(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_ask *a = calloc(1, sizeof *a);

	if (!a) {
		lr_link_send_error(p->link, f->h.req, LR_E_NO_MEMORY, "");
		return;
	}
	a->p = p;
	a->until_ms = lr_now_ms() + WAIT_MS;
	a->h = f->h;
	memcpy(a->meta, f->meta, f->h.meta);
	a->next = p->k->asks;
	p->k->asks = a;
}

/* A REF that is there already needs no whole catalog. */
static bool is_known(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_resolve m;
	struct lr_asker who;
	struct lr_object found;
	char ref[LR_META_MAX];

	if (f->h.type != LR_M_RESOLVE ||
	    !lr_dec_resolve(f->meta, f->h.meta, &m) ||
	    !lr_str_copy(m.ref, ref, sizeof ref))
		return false;
	who = lr_objects_asker(p, m.uid, true);
	return lr_catalog_resolve(p->k->catalog, &who, ref, &found, 1) > 0;
}

bool lr_objects_frame(struct lr_peer *p, const struct lr_frame *f)
{
	if (f->h.type == LR_M_DISCARD) {
		serve_discard(p, f);
		return true;
	}
	if (f->h.type == LR_M_COPIES) {
		lr_copies_serve(p, f);
		return true;
	}
	if (f->h.type != LR_M_LIST && f->h.type != LR_M_RESOLVE &&
	    f->h.type != LR_M_BROWSE)
		return false;
	if (!lr_objects_are_told(p->k) && !is_known(p, f))
		wait_for_catalog(p, f);
	else if (!serve(p, &f->h, f->meta))
		lr_link_close(p->link, LR_E_PROTOCOL);
	return true;
}

static void refuse(struct lr_ask *a)
{
	struct lr_coordinator *k = a->p->k;
	struct lr_dev devs[LR_MEM_MAX];
	char who[256] = "the donors", text[512];
	unsigned slot = first_untold(k);
	size_t n = lr_coord_awaited(k->rules, slot, devs);

	if (slot < LR_SLOTS && lr_coord_slot_in_doubt(k->rules, slot)) {
		lr_link_send_error(a->p->link, a->h.req, LR_E_UNREACHABLE,
				   "not all objects are known yet: the "
				   "coordinator's state is an old copy. "
				   "`lanram status` says what it waits for");
		return;
	}
	if (n)
		snprintf(who, sizeof who, "%s",
			 lr_coordinator_name_of(k, &devs[0]));
	snprintf(text, sizeof text,
		 "not all objects are known yet: waiting for %s. Start it and "
		 "retry; if its RAM is gone: lanram forget %s",
		 who, who);
	lr_link_send_error(a->p->link, a->h.req, LR_E_UNREACHABLE, text);
}

/* The donors had time to come back: a slot that nobody told of, and that held
 * nothing before the start, is missed by nobody. */
static void settle(struct lr_coordinator *k)
{
	k->settled = true;
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (!k->listed_ce[n] && !k->used[n].entries)
			lr_coord_slot_usage(k->rules, n, 0, 0);
}

void lr_objects_tick(struct lr_coordinator *k, uint64_t now_ms)
{
	struct lr_ask **at = &k->asks, *a;
	bool complete = k->asks && lr_objects_are_told(k);

	if (!k->settled && now_ms > k->started_ms + SETTLE_MS)
		settle(k);
	while ((a = *at) != NULL) {
		if (!complete && now_ms < a->until_ms) {
			at = &a->next;
			continue;
		}
		if (!complete)
			refuse(a);
		else if (!serve(a->p, &a->h, a->meta))
			lr_link_close(a->p->link, LR_E_PROTOCOL);
		*at = a->next;
		free(a);
	}
}

void lr_objects_forget_peer(struct lr_coordinator *k, const struct lr_peer *p)
{
	struct lr_ask **at = &k->asks, *a;

	while ((a = *at) != NULL) {
		if (a->p != p) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		free(a);
	}
}
