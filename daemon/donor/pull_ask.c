/* SPDX-License-Identifier: Apache-2.0 */
/* Asking other donors for lists and entries. A request outlives the slot that
 * it was for: what comes for a slot that has ended is thrown away. */
#include <stdlib.h>

#include "core/list.h"
#include "daemon/base.h"
#include "daemon/donor/pull_i.h"
#include "daemon/log.h"

#define SCAN_MS 3000
#define FETCH_MS 20000 /* one on the slowest link */

struct pull_request {
	struct lr_pull *p;
	struct pull_slot *a; /* NULL: a repair */
	uint64_t member, ce;
	struct lr_id id;
	uint32_t bytes; /* that it will bring */
	struct lr_link *link;
	uint64_t handle;
	struct pull_request *next, **prev;
};

static struct pull_request *request_new(struct lr_pull *p, struct pull_slot *a,
					uint64_t member, struct lr_link *link)
{
	struct pull_request *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->p = p;
	q->a = a;
	q->member = member;
	q->link = link;
	LR_LIST_ADD(p->requests, q);
	p->out++;
	if (a)
		a->out++;
	return q;
}

/* The slot that the request was for, if it is still wanted. */
static struct pull_slot *request_end(struct pull_request *q)
{
	struct pull_slot *a = q->a;

	LR_LIST_DEL(q);
	q->p->out--;
	q->p->out_bytes -= q->bytes;
	if (a && --a->out == 0 && !a->sync) {
		free(a);
		a = NULL;
	}
	free(q);
	return a && a->sync ? a : NULL;
}

/* False: there was not even the memory to remember it by. */
static bool is_sent(struct pull_request *q)
{
	if (q->handle)
		return true;
	request_end(q);
	return false;
}

/* --- lists ---------------------------------------------------------------- */

static void scan_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	static _Thread_local struct lr_sync_entry page[LR_SYNC_PAGE];
	struct pull_request *q = arg;
	struct lr_pull *p = q->p;
	uint64_t member = q->member;
	struct pull_slot *a = request_end(q);
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
		pull_pump(p, a);
		return;
	}
	r = lr_reader(f->bulk, f->h.bulk);
	while (r.left && n < LR_SYNC_PAGE && lr_dec_rec_entry(&r, &rec))
		page[n++] = (struct lr_sync_entry){ rec.id, rec.tag, rec.kind,
						    rec.state, rec.bytes };
	lr_slot_raise_floor(&p->s->slots[a->slot], m.floor);
	if (!lr_r_done(&r) || !lr_sync_page(a->sync, page, n, m.more))
		lr_sync_failed(a->sync, member, lr_now_ms());
	pull_pump(p, a);
	pull_refill(p);
}

static bool send_scan(struct lr_pull *p, struct pull_slot *a,
		      const struct lr_sync_act *act, struct lr_link *link)
{
	struct pull_request *q = request_new(p, a, act->member, link);
	struct lr_msg_scan m = { .slot = (uint16_t)a->slot,
				 .ce = lr_sync_ce(a->sync),
				 .after = act->entry.id,
				 .first = act->first };

	if (!q)
		return false;
	q->handle = LR_REQUEST(link, SCAN, scan, &m, NULL, SCAN_MS, scan_cb, q);
	return is_sent(q);
}

/* --- entries -------------------------------------------------------------- */

/* OK: stored, or no longer needed. */
static enum lr_err store_fetched(struct lr_shard *s, const struct lr_id *id,
				 const struct lr_msg_get_r *m,
				 const struct lr_frame *f)
{
	unsigned slot = lr_id_slot(id);
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

static void take_fetched(struct lr_pull *p, struct pull_slot *a,
			 const struct lr_id *id, const struct lr_msg_get_r *m,
			 const struct lr_frame *f)
{
	enum lr_err err = LR_E_OK;

	if (m->found == LR_FOUND_BAD)
		err = LR_E_CORRUPT;
	else if (m->found != LR_FOUND_NONE)
		err = store_fetched(p->s, id, m, f);
	if (err == LR_E_CORRUPT)
		lr_sync_bad(a->sync, id);
	else if (err)
		lr_sync_full(a->sync);
	else
		lr_sync_fetched(a->sync, id);
}

/* True: an answer to GET that may be used. */
static bool is_answer(enum lr_err err, const struct lr_frame *f,
		      struct lr_msg_get_r *ret)
{
	return !err && f->h.type == LR_M_GET_R &&
	       lr_dec_get_r(f->meta, f->h.meta, ret) && !ret->err;
}

static void fetch_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct pull_request *q = arg;
	struct lr_pull *p = q->p;
	uint64_t member = q->member;
	struct lr_id id = q->id;
	struct pull_slot *a = request_end(q);
	struct lr_msg_get_r m;

	(void)link;
	if (!a)
		return;
	if (is_answer(err, f, &m)) {
		p->fetched_bytes += f->h.bulk;
		lr_count(&p->s->stats.fetched_bytes, f->h.bulk);
		take_fetched(p, a, &id, &m, f);
	} else {
		lr_sync_failed(a->sync, member, lr_now_ms());
	}
	pull_pump(p, a);
	pull_refill(p);
}

static struct lr_msg_get get_of(unsigned slot, uint64_t ce,
				const struct lr_id *id)
{
	return (struct lr_msg_get){ .slot = (uint16_t)slot,
				    .ce = ce,
				    .id = *id,
				    .flags = LR_GET_SYNC,
				    .deadline_ms = FETCH_MS };
}

static bool send_fetch(struct lr_pull *p, struct pull_slot *a,
		       const struct lr_sync_act *act, struct lr_link *link)
{
	struct pull_request *q = request_new(p, a, act->member, link);
	struct lr_msg_get m = get_of(a->slot, lr_sync_ce(a->sync),
				     &act->entry.id);

	if (!q)
		return false;
	q->id = act->entry.id;
	q->bytes = act->entry.bytes;
	p->out_bytes += q->bytes;
	p->asked++;
	lr_pace_spend(&p->pace, q->bytes);
	q->handle = LR_REQUEST(link, GET, get, &m, NULL, FETCH_MS, fetch_cb, q);
	return is_sent(q);
}

/* True: it was still here, and is in the slot now. */
static bool take_shelved(struct lr_pull *p, struct pull_slot *a,
			 const struct lr_sync_act *act)
{
	struct lr_shard *s = p->s;
	const struct lr_id *id = &act->entry.id;
	struct lr_stored held, there;
	struct lr_entry e;

	if (!lr_store_shelved(s->store, a->slot, id, &e))
		return false;
	held = (struct lr_stored){ .found = e.state, .tag = e.tag };
	if (!lr_sync_may_take(&act->entry, &held) || !lr_store_verify(&e))
		return false;
	lr_shard_stored(s, a->slot, id, &there);
	if (lr_slot_put(&there, &e.tag, LR_PUT_REPAIR) == LR_PUT_STORE &&
	    !lr_shard_unshelve(s, a->slot, &e))
		return false;
	p->warm_bytes += e.bytes;
	lr_count(&p->s->stats.warm_bytes, e.bytes);
	lr_sync_fetched(a->sync, id);
	return true;
}

bool pull_ask(struct lr_pull *p, struct pull_slot *a,
	      const struct lr_sync_act *act)
{
	bool scan = act->what == LR_SYNC_SCAN;
	struct lr_link *link;

	if (!scan && take_shelved(p, a, act))
		return true;
	link = scan ? lr_direct_link(p->s->net, act->member, a->slot) :
		      pull_link(p, act->member, a->slot);
	if (!link) {
		lr_sync_failed(a->sync, act->member, lr_now_ms());
		return true;
	}
	return scan ? send_scan(p, a, act, link) : send_fetch(p, a, act, link);
}

/* --- repairs -------------------------------------------------------------- */

/* What was asked for under another configuration may be from a slot that has
 * been emptied since: it is asked for again, if it is still missing. */
static void repair_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct pull_request *q = arg;
	struct lr_shard *s = q->p->s;
	struct lr_id id = q->id;
	unsigned slot = lr_id_slot(&id);
	bool same = s->slots[slot].inst.ce == q->ce;
	struct lr_msg_get_r m;
	struct lr_stored there;

	(void)link;
	request_end(q);
	lr_shard_stored(s, slot, &id, &there);
	if (same && there.found == LR_FOUND_BAD && is_answer(err, f, &m) &&
	    m.found == LR_FOUND_VALUE &&
	    store_fetched(s, &id, &m, f) == LR_E_OK) {
		lr_info("a corrupt entry was repaired from another copy");
		lr_scrub_found(s->scrub, 0, 1);
	}
}

void pull_ask_repair(struct lr_pull *p, unsigned slot, const struct lr_id *id)
{
	const struct lr_cfg *cfg = &p->s->slots[slot].inst;
	struct lr_msg_get m = get_of(slot, cfg->ce, id);

	for (unsigned i = 0; i < cfg->n; i++) {
		struct lr_link *link =
			cfg->mem[i] == p->s->o.inc ?
				NULL :
				lr_direct_link(p->s->net, cfg->mem[i], slot);
		struct pull_request *q =
			link ? request_new(p, NULL, cfg->mem[i], link) : NULL;

		if (!q)
			continue;
		q->id = *id;
		q->ce = cfg->ce;
		q->handle = LR_REQUEST(link, GET, get, &m, NULL, FETCH_MS,
				       repair_cb, q);
		(void)is_sent(q); /* it is asked for again */
	}
}

void pull_forget_all(struct lr_pull *p)
{
	while (p->requests) {
		struct pull_request *q = p->requests;

		lr_link_forget(q->link, q->handle);
		request_end(q);
	}
}
