/* SPDX-License-Identifier: Apache-2.0 */
/* Going over all that is held here, a full pass every scrub_s, at idle
 * priority:
 *
 *   1 each value of a slot is read and its checksum compared; what is corrupt
 *     is marked, told, and fetched from another copy (repair.c)
 *   2 the slot's first SYNCED copy asks each other one for a digest of what it
 *     holds (DIGEST); TOMBs do not count, they are collected at different times
 *   3 another digest: that copy's list is compared with ours, a page at a time,
 *     and what differs is read as registers are: the highest tag of all copies
 *     is written back to those that lack it, as a client that died half-way
 *     would have done
 *   4 no answer, another configuration, too many: the next pass sees it again
 */
#include <stdlib.h>

#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "daemon/log.h"

#define PAGE 64
#define STEP_BYTES (1u << 20)	   /* a tick, while nobody is about */
#define BUSY_BYTES (128u << 10)	   /* a tick, while users are */
#define CREDIT_MAX 256.0	   /* slots that may be caught up with at once */
#define ASK_MS 3000
#define SETTLE_MS 5000
#define SETTLE_MAX 8u /* of a copy's differences in one pass */
#define TELL_MS 1000

struct lr_scrub {
	struct lr_shard *s;
	uint64_t interval_ms, last_ms, tell_ms, seen_ops;
	double credit; /* slots that may be begun */
	unsigned cursor;
	bool in_slot, any;
	struct lr_id after;
	/* The comparison that runs: */
	bool comparing;
	unsigned slot, member, settled;
	uint64_t ce;
	struct lr_id from; /* of the page that was asked for */
	bool first;
	struct lr_link *asked; /* carries the question that is out */
	uint64_t handle;
	unsigned settling; /* operations that are out */
	uint32_t corrupt, repaired; /* to be told */
	bool stopped;
};

struct lr_scrub *lr_scrub_new(struct lr_shard *s)
{
	struct lr_scrub *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->s = s;
	c->interval_ms = s->o.scrub_ms;
	c->last_ms = lr_now_ms();
	return c;
}

static void free_if_over(struct lr_scrub *c)
{
	if (c->stopped && !c->settling)
		free(c);
}

void lr_scrub_free(struct lr_scrub *c)
{
	if (!c)
		return;
	c->stopped = true;
	if (c->asked)
		lr_link_forget(c->asked, c->handle);
	free_if_over(c);
}

void lr_scrub_found(struct lr_scrub *c, unsigned corrupt, unsigned repaired)
{
	c->corrupt += corrupt;
	c->repaired += repaired;
	lr_count(&c->s->stats.corrupt, corrupt);
	lr_count(&c->s->stats.repaired, repaired);
}

/* --- step 3 ------------------------------------------------------------------- */

static void compare_next(struct lr_scrub *c);

static void settled_cb(void *arg, const struct lr_entry_result *r)
{
	struct lr_scrub *c = arg;

	c->settling--;
	if (!c->stopped && (r->err == LR_E_OK || r->err == LR_E_ABSENT))
		lr_scrub_found(c, 0, 1);
	free_if_over(c);
}

static void settle(struct lr_scrub *c, const struct lr_id *id)
{
	struct lr_entries *e = lr_direct_entries(c->s->net);

	if (c->settled >= SETTLE_MAX)
		return;
	c->settled++;
	c->settling++;
	e->ops->get(e, id, LR_GET_LINEAR, SETTLE_MS, settled_cb, c);
}

static bool counts(const struct lr_entry *e)
{
	return e->state != LR_FOUND_TOMB;
}

static struct lr_sync_entry listed(const struct lr_entry *e)
{
	return (struct lr_sync_entry){ e->id, e->tag, e->kind, e->state,
				       e->bytes };
}

/* Both lists are in the order of IDs; ours is read again, up to the last ID of
 * theirs (all of it when that was the last page). */
struct merge {
	struct lr_scrub *c;
	struct lr_entry page[PAGE];
	size_t n, at;
	struct lr_id after;
	bool any, end;
};

static const struct lr_entry *mine_next(struct merge *m)
{
	struct lr_store *store = m->c->s->store;

	for (;;) {
		if (m->at == m->n) {
			if (m->end)
				return NULL;
			m->n = lr_store_scan(store, m->c->slot,
					     m->any ? &m->after : NULL,
					     m->page, PAGE);
			m->at = 0;
			m->end = m->n < PAGE;
			if (!m->n)
				return NULL;
			m->any = true;
			m->after = m->page[m->n - 1].id;
		}
		if (counts(&m->page[m->at]))
			return &m->page[m->at];
		m->at++;
	}
}

static bool same(const struct lr_entry *e, const struct lr_rec_entry *o)
{
	return lr_tag_cmp(&e->tag, &o->tag) == 0 && e->state == o->state;
}

/* Ours below theirs are missing there. */
static void meet(struct merge *m, const struct lr_rec_entry *o)
{
	const struct lr_entry *e;
	int cmp = 1;

	while ((e = mine_next(m)) && (cmp = lr_id_cmp(&e->id, &o->id)) < 0) {
		settle(m->c, &e->id);
		m->at++;
	}
	if (e && cmp == 0) {
		if (!same(e, o))
			settle(m->c, &o->id);
		m->at++;
	} else {
		settle(m->c, &o->id);
	}
}

static bool compare_page(struct lr_scrub *c, const struct lr_frame *f,
			 bool more)
{
	struct merge m = { .c = c, .after = c->from, .any = !c->first };
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	const struct lr_entry *e;
	struct lr_rec_entry o;

	while (r.left && lr_dec_rec_entry(&r, &o)) {
		c->from = o.id;
		c->first = false;
		if (o.state != LR_FOUND_TOMB)
			meet(&m, &o);
	}
	while (!more && (e = mine_next(&m))) {
		settle(c, &e->id);
		m.at++;
	}
	return lr_r_done(&r);
}

static void list_ask(struct lr_scrub *c);

static bool still_same(const struct lr_scrub *c)
{
	const struct lr_slot *slot = &c->s->slots[c->slot];

	return slot->inst.ce == c->ce && slot->status == LR_SLOT_SYNCED;
}

static void list_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct lr_scrub *c = arg;
	struct lr_msg_scan_r m;

	(void)link;
	c->asked = NULL;
	if (err || f->h.type != LR_M_SCAN_R ||
	    !lr_dec_scan_r(f->meta, f->h.meta, &m) || m.err ||
	    !still_same(c) || !compare_page(c, f, m.more) || !m.more ||
	    c->settled >= SETTLE_MAX)
		compare_next(c);
	else
		list_ask(c);
}

static struct lr_link *link_of(struct lr_scrub *c)
{
	return lr_direct_link(c->s->net,
			      c->s->slots[c->slot].inst.mem[c->member],
			      c->slot);
}

/* What could not even be remembered is not answered. */
static void asked(struct lr_scrub *c, struct lr_link *link)
{
	if (c->handle)
		c->asked = link;
	else
		compare_next(c);
}

static void list_ask(struct lr_scrub *c)
{
	struct lr_link *link = link_of(c);
	struct lr_msg_scan m = { .slot = (uint16_t)c->slot,
				 .ce = c->ce,
				 .after = c->from,
				 .first = c->first };

	if (!link) {
		compare_next(c);
		return;
	}
	c->handle = LR_REQUEST(link, SCAN, scan, &m, NULL, ASK_MS, list_cb, c);
	asked(c, link);
}

/* --- step 2 ------------------------------------------------------------------- */

static void digest_of(struct lr_shard *s, unsigned slot,
		      struct lr_msg_digest_r *ret)
{
	static _Thread_local struct lr_entry page[LR_SYNC_PAGE];
	struct lr_id after;
	bool any = false;
	size_t n;

	do {
		n = lr_store_scan(s->store, slot, any ? &after : NULL, page,
				  LR_SYNC_PAGE);
		for (size_t i = 0; i < n; i++) {
			struct lr_sync_entry e = listed(&page[i]);

			after = e.id;
			any = true;
			if (!counts(&page[i]))
				continue;
			ret->entries++;
			ret->sum += lr_sync_digest(&e);
		}
	} while (n == LR_SYNC_PAGE);
}

void lr_scrub_serve_digest(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_msg_digest m;
	struct lr_msg_digest_r r = { 0 };

	if (!lr_dec_digest(f->meta, f->h.meta, &m) || m.slot >= LR_SLOTS) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (lr_slot_admit(&l->s->slots[m.slot], m.ce) ||
	    l->s->slots[m.slot].status != LR_SLOT_SYNCED)
		r.err = LR_E_BUSY;
	else
		digest_of(l->s, m.slot, &r);
	LR_SEND(l->link, DIGEST_R, digest_r, f->h.req, &r, NULL);
}

static void digest_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct lr_scrub *c = arg;
	struct lr_msg_digest_r theirs, ours = { 0 };

	(void)link;
	c->asked = NULL;
	if (!err && f->h.type == LR_M_DIGEST_R &&
	    lr_dec_digest_r(f->meta, f->h.meta, &theirs) && !theirs.err &&
	    still_same(c)) {
		digest_of(c->s, c->slot, &ours);
		if (ours.entries != theirs.entries || ours.sum != theirs.sum) {
			c->first = true;
			list_ask(c);
			return;
		}
	}
	compare_next(c);
}

static void digest_ask(struct lr_scrub *c, struct lr_link *link)
{
	struct lr_msg_digest m = { .slot = (uint16_t)c->slot, .ce = c->ce };

	c->handle = LR_REQUEST(link, DIGEST, digest, &m, NULL, ASK_MS,
			       digest_cb, c);
	asked(c, link);
}

/* The next other member; none: the slot is done. */
static void compare_next(struct lr_scrub *c)
{
	const struct lr_cfg *cfg = &c->s->slots[c->slot].inst;

	while (still_same(c) && ++c->member < cfg->n) {
		struct lr_link *link = cfg->mem[c->member] == c->s->o.inc ?
					       NULL :
					       link_of(c);

		if (!link)
			continue;
		digest_ask(c, link);
		return;
	}
	if (c->settled)
		lr_warn("slot %u: copies differed in %u entries or more; "
			"settled", c->slot, c->settled);
	c->comparing = false;
}

static void compare(struct lr_scrub *c, unsigned slot)
{
	c->comparing = true;
	c->slot = slot;
	c->ce = c->s->slots[slot].inst.ce;
	c->member = UINT32_MAX; /* before the first */
	c->settled = 0;
	compare_next(c);
}

/* --- step 1 ------------------------------------------------------------------- */

static bool all_synced(const struct lr_cfg *cfg)
{
	for (unsigned i = 0; i < cfg->n; i++)
		if (!lr_cfg_synced(cfg, cfg->mem[i]))
			return false;
	return true;
}

static void end_slot(struct lr_scrub *c, uint64_t now_ms)
{
	struct lr_shard *s = c->s;
	unsigned n = c->cursor;
	const struct lr_cfg *viewed = &s->rx->view.cfg[n];

	lr_verified_slot(s->verified, n, now_ms);
	c->in_slot = false;
	c->cursor = (n + 1) % LR_SLOTS;
	if (lr_slot_is_first(&s->slots[n], viewed, s->o.inc) &&
	    all_synced(viewed))
		compare(c, n);
}

/* Some of the slot that the cursor is in; bytes that were read. */
static size_t verify_some(struct lr_scrub *c, uint64_t now_ms)
{
	struct lr_entry page[PAGE];
	size_t bytes = 0;
	size_t n = lr_store_scan(c->s->store, c->cursor,
				 c->any ? &c->after : NULL, page, PAGE);

	for (size_t i = 0; i < n; i++) {
		struct lr_entry e;

		bytes += page[i].bytes + 64;
		/* What was marked may have moved what was listed. */
		if (lr_store_get(c->s->store, c->cursor, &page[i].id, &e) &&
		    e.state == LR_FOUND_VALUE && !lr_store_verify(&e))
			lr_shard_mark_bad(c->s, c->cursor, &e);
		c->after = page[i].id;
		c->any = true;
	}
	if (n < PAGE)
		end_slot(c, now_ms);
	return bytes;
}

static bool begin_slot(struct lr_scrub *c)
{
	for (; c->credit >= 1; c->credit -= 1) {
		unsigned n = c->cursor;

		if (c->s->slots[n].status == LR_SLOT_SYNCED &&
		    lr_store_slot(c->s->store, n).entries) {
			c->credit -= 1;
			c->in_slot = true;
			c->any = false;
			return true;
		}
		c->cursor = (n + 1) % LR_SLOTS;
	}
	return false;
}

static size_t allowance(struct lr_scrub *c)
{
	uint64_t ops = c->s->stats.gets + c->s->stats.puts;
	bool busy = ops != c->seen_ops;

	c->seen_ops = ops;
	return busy ? BUSY_BYTES : STEP_BYTES;
}

static void tell(struct lr_scrub *c, uint64_t now_ms)
{
	struct lr_msg_repaired m = { c->corrupt, c->repaired };
	uint8_t meta[16];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	if (!(c->corrupt + c->repaired) || now_ms < c->tell_ms ||
	    !c->s->control)
		return;
	c->tell_ms = now_ms + TELL_MS;
	c->corrupt = c->repaired = 0;
	lr_enc_repaired(&w, &m);
	lr_shard_send(c->s, LR_M_REPAIRED, 0, meta, w.len, NULL, 0);
}

void lr_scrub_tick(struct lr_scrub *c, uint64_t now_ms)
{
	uint64_t ms = now_ms - c->last_ms;
	size_t left = allowance(c), read;

	c->last_ms = now_ms;
	tell(c, now_ms);
	if (!c->interval_ms || c->s->hold_until_ms)
		return;
	c->credit += (double)ms * LR_SLOTS / (double)c->interval_ms;
	if (c->credit > CREDIT_MAX)
		c->credit = CREDIT_MAX;
	while (left && !c->comparing && (c->in_slot || begin_slot(c))) {
		read = verify_some(c, now_ms);
		left -= read < left ? read : left;
	}
}
