/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling the slots in which this donor is SYNCING, by the rules of
 * core/sync.h: at most ACTIVE slots and OUT requests at a time.
 *
 *   1 a slot is queued when its INSTALL leaves it SYNCING
 *   2 active: the machine says what to ask of whom; replies go back to it
 *   3 DONE: SYNCED is told to the coordinator; FULL: that is told, and the slot
 *     tried again after 10 s
 *   4 another INSTALL, or the slot left: what is out is forgotten on arrival
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "daemon/log.h"

#define ACTIVE 64
#define OUT 64
#define SCAN_MS 3000
#define FETCH_MS 5000
#define LINK_WAIT_MS 1000
#define FULL_AGAIN_MS 10000

struct slot_pull {
	struct lr_sync *sync; /* NULL: cancelled, waits for `out` to fall */
	unsigned slot, out;
	uint64_t wake_ms;
	uint64_t linkless_ms; /* since when no link to the source stands */
};

struct request {
	struct lr_pull *p;
	struct slot_pull *a;
	uint64_t member;
	struct lr_id id;
	struct lr_link *link;
	uint64_t handle;
	struct request *next, **prev;
};

struct repair {
	struct repair *next;
	unsigned slot;
	struct lr_id id;
	unsigned tries;
};

struct lr_pull {
	struct lr_shard *s;
	bool queued[LR_SLOTS];
	unsigned n_queued, cursor;
	struct slot_pull *active[ACTIVE];
	unsigned out;
	struct request *requests;
	struct repair *repairs;
	uint64_t repair_ms, full_ms;
	uint8_t done[LR_SLOTS * 10], full[1024 * 10]; /* slot_ce records */
	struct lr_writer done_w, full_w;
};

struct lr_pull *lr_pull_new(struct lr_shard *s)
{
	struct lr_pull *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->s = s;
	p->done_w = lr_writer(p->done, sizeof p->done);
	p->full_w = lr_writer(p->full, sizeof p->full);
	return p;
}

static void cancel(struct lr_pull *p, unsigned i)
{
	struct slot_pull *a = p->active[i];

	lr_sync_free(a->sync);
	a->sync = NULL;
	p->active[i] = NULL;
	if (!a->out)
		free(a);
}

void lr_pull_slot(struct lr_pull *p, unsigned n)
{
	for (unsigned i = 0; i < ACTIVE; i++)
		if (p->active[i] && p->active[i]->slot == n)
			cancel(p, i);
	if (p->queued[n])
		p->n_queued--;
	p->queued[n] = p->s->slots[n].status == LR_SLOT_SYNCING;
	p->n_queued += p->queued[n];
}

/* --- requests ----------------------------------------------------------- */

static struct request *request_new(struct lr_pull *p, struct slot_pull *a,
				   uint64_t member, struct lr_link *link)
{
	struct request *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->p = p;
	q->a = a;
	q->member = member;
	q->link = link;
	q->next = p->requests;
	q->prev = &p->requests;
	if (q->next)
		q->next->prev = &q->next;
	p->requests = q;
	p->out++;
	if (a)
		a->out++;
	return q;
}

/* The slot that the request was for, if it is still wanted. */
static struct slot_pull *request_end(struct request *q)
{
	struct slot_pull *a = q->a;

	*q->prev = q->next;
	if (q->next)
		q->next->prev = q->prev;
	q->p->out--;
	if (a && --a->out == 0 && !a->sync) {
		free(a);
		a = NULL;
	}
	free(q);
	return a && a->sync ? a : NULL;
}

static void pump(struct lr_pull *p, struct slot_pull *a);
static void refill(struct lr_pull *p);

static void scan_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct request *q = arg;
	struct lr_pull *p = q->p;
	uint64_t member = q->member;
	struct slot_pull *a = request_end(q);
	static struct lr_sync_entry page[LR_SYNC_PAGE]; /* one thread */
	struct lr_msg_scan_r m;
	struct lr_rec_entry rec;
	struct lr_reader r;
	size_t n = 0;

	(void)link;
	if (!a)
		return;
	if (err || f->h.type != LR_M_SCAN_R ||
	    !lr_dec_scan_r(f->meta, f->h.meta, &m) || m.err) {
		lr_sync_failed(a->sync, member, lr_now_ms());
		pump(p, a);
		return;
	}
	r = lr_reader(f->bulk, f->h.bulk);
	while (r.left && n < LR_SYNC_PAGE && lr_dec_rec_entry(&r, &rec))
		page[n++] = (struct lr_sync_entry){ rec.id, rec.tag, rec.kind,
						    rec.state, rec.bytes };
	lr_slot_raise_floor(&p->s->slots[a->slot], m.floor);
	if (!lr_r_done(&r) || !lr_sync_page(a->sync, page, n, m.more))
		lr_sync_failed(a->sync, member, lr_now_ms());
	pump(p, a);
	refill(p);
}

/* OK: stored, or no longer needed. */
static enum lr_err store_fetched(struct lr_shard *s, unsigned slot,
				 const struct lr_id *id,
				 const struct lr_msg_get_r *m,
				 const struct lr_frame *f)
{
	struct lr_entry e = { .id = *id,
			      .tag = m->tag,
			      .kind = m->kind,
			      .state = m->found,
			      .bytes = f->h.bulk,
			      .expires_ms = m->expires_ms,
			      .sum = m->sum,
			      .value = f->bulk };
	struct lr_stored there;

	if (e.state == LR_FOUND_VALUE && !lr_store_verify(&e))
		return LR_E_CORRUPT;
	lr_shard_stored(s, slot, id, &there);
	if (lr_slot_put(&there, &e.tag, LR_PUT_REPAIR) != LR_PUT_STORE)
		return LR_E_OK;
	return lr_shard_put(s, slot, &e, true);
}

static void take_fetched(struct lr_pull *p, struct slot_pull *a,
			 const struct lr_id *id, const struct lr_msg_get_r *m,
			 const struct lr_frame *f)
{
	enum lr_err err = LR_E_OK;

	if (m->found == LR_FOUND_BAD)
		err = LR_E_CORRUPT;
	else if (m->found != LR_FOUND_NONE)
		err = store_fetched(p->s, a->slot, id, m, f);
	if (err == LR_E_CORRUPT)
		lr_sync_bad(a->sync, id);
	else if (err)
		lr_sync_full(a->sync);
	else
		lr_sync_fetched(a->sync, id);
}

static void fetch_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct request *q = arg;
	struct lr_pull *p = q->p;
	uint64_t member = q->member;
	struct lr_id id = q->id;
	struct slot_pull *a = request_end(q);
	struct lr_msg_get_r m;

	(void)link;
	if (!a)
		return;
	if (err || f->h.type != LR_M_GET_R ||
	    !lr_dec_get_r(f->meta, f->h.meta, &m) || m.err)
		lr_sync_failed(a->sync, member, lr_now_ms());
	else
		take_fetched(p, a, &id, &m, f);
	pump(p, a);
	refill(p);
}

static bool send_scan(struct lr_pull *p, struct slot_pull *a,
		      const struct lr_sync_act *act, struct lr_link *link)
{
	struct request *q = request_new(p, a, act->member, link);
	struct lr_msg_scan m = { .slot = (uint16_t)a->slot,
				 .ce = lr_sync_ce(a->sync),
				 .after = act->entry.id,
				 .first = act->first };

	if (q)
		q->handle = LR_REQUEST(link, SCAN, scan, &m, NULL, SCAN_MS,
				       scan_cb, q);
	return q != NULL;
}

static bool send_fetch(struct lr_pull *p, struct slot_pull *a,
		       const struct lr_sync_act *act, struct lr_link *link)
{
	struct request *q = request_new(p, a, act->member, link);
	struct lr_msg_get m = { .slot = (uint16_t)a->slot,
				.ce = lr_sync_ce(a->sync),
				.id = act->entry.id,
				.flags = LR_GET_SYNC,
				.deadline_ms = FETCH_MS };

	if (!q)
		return false;
	q->id = act->entry.id;
	q->handle = LR_REQUEST(link, GET, get, &m, NULL, FETCH_MS, fetch_cb, q);
	return true;
}

/* --- one slot ----------------------------------------------------------- */

static void have_cb(void *arg, const struct lr_id *id, struct lr_stored *ret)
{
	struct lr_shard *s = arg;

	lr_shard_stored(s, lr_id_slot(id), id, ret);
}

static enum lr_err store_mark(struct lr_pull *p, struct slot_pull *a,
			      const struct lr_sync_act *act)
{
	struct lr_entry e = { .id = act->entry.id,
			      .tag = act->entry.tag,
			      .kind = act->entry.kind,
			      .state = act->what == LR_SYNC_TOMB ?
					       LR_FOUND_TOMB :
					       LR_FOUND_BAD };

	if (e.state == LR_FOUND_BAD)
		lr_warn("slot %u: an entry could not be verified at any "
			"source; it is kept as bad until an intact copy comes",
			a->slot);
	return lr_shard_put(p->s, a->slot, &e, true);
}

static void ended(struct lr_pull *p, struct slot_pull *a, bool synced)
{
	struct lr_rec_slot_ce rec = { .slot = (uint16_t)a->slot,
				      .ce = lr_sync_ce(a->sync) };

	if (synced)
		lr_verified_slot(p->s->verified, a->slot, lr_now_ms());
	if (synced && lr_slot_synced(&p->s->slots[a->slot], rec.ce))
		lr_enc_rec_slot_ce(&p->done_w, &rec);
	else if (!synced && p->full_w.cap - p->full_w.len >= 10)
		lr_enc_rec_slot_ce(&p->full_w, &rec);
	p->s->slots_changed = true;
	lr_reports_slot(p->s->reports, a->slot);
	for (unsigned i = 0; i < ACTIVE; i++)
		if (p->active[i] == a)
			cancel(p, i);
}

/* True: go on asking the machine. */
static bool ask_member(struct lr_pull *p, struct slot_pull *a,
		       const struct lr_sync_act *act)
{
	struct lr_link *link = lr_direct_link(p->s->net, act->member);
	uint64_t now = lr_now_ms();

	if (!link) {
		if (!a->linkless_ms)
			a->linkless_ms = now;
		if (now - a->linkless_ms > LINK_WAIT_MS)
			a->linkless_ms = 0;
		lr_sync_failed(a->sync, act->member, now);
		return true;
	}
	a->linkless_ms = 0;
	return act->what == LR_SYNC_SCAN ? send_scan(p, a, act, link) :
					   send_fetch(p, a, act, link);
}

static void pump(struct lr_pull *p, struct slot_pull *a)
{
	while (a->sync && p->out < OUT && !p->s->stats.rest) {
		struct lr_sync_act act = lr_sync_next(a->sync, lr_now_ms(),
						      have_cb, p->s);

		switch (act.what) {
		case LR_SYNC_WAIT:
			a->wake_ms = act.at_ms;
			return;
		case LR_SYNC_SCAN:
		case LR_SYNC_FETCH:
			if (!ask_member(p, a, &act))
				return;
			break;
		case LR_SYNC_TOMB:
		case LR_SYNC_BAD:
			if (store_mark(p, a, &act))
				lr_sync_full(a->sync);
			break;
		case LR_SYNC_DONE:
		case LR_SYNC_FULL:
			ended(p, a, act.what == LR_SYNC_DONE);
			return;
		}
	}
	a->wake_ms = 1; /* no room for more requests now: next tick */
}

static void activate(struct lr_pull *p, unsigned i)
{
	for (unsigned k = 0; k < LR_SLOTS && !p->active[i]; k++) {
		unsigned n = p->cursor;
		struct slot_pull *a;

		p->cursor = (n + 1) % LR_SLOTS;
		if (!p->queued[n])
			continue;
		a = calloc(1, sizeof *a);
		if (!a)
			return;
		a->slot = n;
		a->sync = lr_sync_new(n, &p->s->slots[n].inst, p->s->o.inc,
				      lr_now_ms());
		if (!a->sync) {
			free(a);
			return;
		}
		p->queued[n] = false;
		p->n_queued--;
		p->active[i] = a;
		pump(p, a);
	}
}

/* At once, not at the next tick: empty slots are many and quick. */
static void refill(struct lr_pull *p)
{
	for (unsigned i = 0; i < ACTIVE && p->n_queued && p->out < OUT; i++)
		if (!p->active[i])
			activate(p, i);
}

static void tell(struct lr_pull *p, unsigned type, struct lr_writer *w)
{
	uint8_t meta[16];
	struct lr_writer mw = lr_writer(meta, sizeof meta);
	struct lr_msg_synced m = { .inc = p->s->o.inc };

	if (!w->len || !p->s->control || !p->s->slots_told)
		return;
	lr_enc_synced(&mw, &m); /* SYNC_FULL has the same field */
	lr_shard_send(p->s, type, 0, meta, mw.len, w->p, w->len);
	w->len = 0;
}

static void pump_all(struct lr_pull *p, uint64_t now_ms)
{
	for (unsigned i = 0; i < ACTIVE; i++) {
		struct slot_pull *a = p->active[i];

		if (a && a->wake_ms && now_ms >= a->wake_ms)
			pump(p, a);
	}
	refill(p);
}

/* --- repairs ------------------------------------------------------------ */

static void repair_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct request *q = arg;
	struct lr_pull *p = q->p;
	struct lr_id id = q->id;
	struct lr_msg_get_r m;

	(void)link;
	request_end(q);
	if (!err && f->h.type == LR_M_GET_R &&
	    lr_dec_get_r(f->meta, f->h.meta, &m) &&
	    m.found == LR_FOUND_VALUE &&
	    store_fetched(p->s, lr_id_slot(&id), &id, &m, f) == LR_E_OK)
		lr_info("a corrupt entry was repaired from another copy");
}

static void repair_one(struct lr_pull *p, const struct repair *rp)
{
	const struct lr_cfg *cfg = &p->s->slots[rp->slot].inst;
	struct lr_msg_get m = { .slot = (uint16_t)rp->slot,
				.ce = cfg->ce,
				.id = rp->id,
				.flags = LR_GET_SYNC,
				.deadline_ms = FETCH_MS };

	for (unsigned i = 0; i < cfg->n; i++) {
		struct lr_link *link =
			cfg->mem[i] == p->s->o.inc ?
				NULL :
				lr_direct_link(p->s->net, cfg->mem[i]);
		struct request *q =
			link ? request_new(p, NULL, cfg->mem[i], link) : NULL;

		if (!q)
			continue;
		q->id = rp->id;
		q->handle = LR_REQUEST(link, GET, get, &m, NULL, FETCH_MS,
				       repair_cb, q);
	}
}

void lr_pull_repair(struct lr_pull *p, unsigned slot, const struct lr_id *id)
{
	struct repair *rp = calloc(1, sizeof *rp);

	lr_warn("a corrupt entry was found in slot %u", slot);
	if (!rp)
		return;
	rp->slot = slot;
	rp->id = *id;
	rp->next = p->repairs;
	p->repairs = rp;
}

static void repair_tick(struct lr_pull *p)
{
	struct repair **at = &p->repairs, *rp;
	struct lr_stored there;

	while ((rp = *at) != NULL) {
		lr_shard_stored(p->s, rp->slot, &rp->id, &there);
		if (there.found != LR_FOUND_BAD || rp->tries++ > 100) {
			*at = rp->next;
			free(rp);
			continue;
		}
		if (rp->tries % 10 == 1)
			repair_one(p, rp);
		at = &rp->next;
	}
}

static bool is_active(const struct lr_pull *p, unsigned n)
{
	for (unsigned i = 0; i < ACTIVE; i++)
		if (p->active[i] && p->active[i]->slot == n)
			return true;
	return false;
}

/* Slots that had no room: the coordinator may not have heard of it, the link
 * broke, or it left them here and there is room by now. */
static void try_full(struct lr_pull *p, uint64_t now_ms)
{
	if (now_ms < p->full_ms)
		return;
	p->full_ms = now_ms + FULL_AGAIN_MS;
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (p->s->slots[n].status == LR_SLOT_SYNCING &&
		    !p->queued[n] && !is_active(p, n))
			lr_pull_slot(p, n);
}

void lr_pull_tick(struct lr_pull *p, uint64_t now_ms)
{
	try_full(p, now_ms);
	pump_all(p, now_ms);
	tell(p, LR_M_SYNCED, &p->done_w);
	tell(p, LR_M_SYNC_FULL, &p->full_w);
	if (now_ms >= p->repair_ms) {
		p->repair_ms = now_ms + 100;
		repair_tick(p);
	}
}

void lr_pull_free(struct lr_pull *p)
{
	struct repair *rp;

	while (p->requests) {
		struct request *q = p->requests;

		lr_link_forget(q->link, q->handle);
		request_end(q);
	}
	for (unsigned i = 0; i < ACTIVE; i++)
		if (p->active[i])
			cancel(p, i);
	while ((rp = p->repairs) != NULL) {
		p->repairs = rp->next;
		free(rp);
	}
	free(p);
}
