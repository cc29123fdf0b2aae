/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator is told of objects, by the first SYNCED copy of each
 * slot: the whole list at each new ce and to each new coordinator, then
 * changes; and how much each slot holds. At most WINDOW reports are out, so
 * that a coordinator that is slow is not buried. */
#include <stdlib.h>
#include <string.h>

#include "daemon/donor/shard.h"
#include "wire/manifest.h"

#define WINDOW 512 /* of all shards; empty slots' reports are 60 bytes */
#define PAGE 256
#define CHANGES_MAX 65536 /* more than that: whole lists again */
#define FLUSH_MS 100
#define USAGE_MS 500

struct change {
	unsigned slot;
	struct lr_id id;
};

struct told {
	uint64_t ce; /* the list was sent for it; 0: not */
	uint64_t entries, bytes;
};

struct lr_reports {
	struct lr_shard *s;
	struct told told[LR_SLOTS];
	bool dirty[LR_SLOTS];
	unsigned n_dirty, cursor;
	struct change *changes; /* from `at` to `batch` by slot: being sent */
	size_t at, batch, n_changes, cap_changes;
	unsigned out; /* reports not yet acknowledged */
	uint64_t flush_ms, usage_ms;
	uint8_t buf[LR_BULK_MAX];
};

struct lr_reports *lr_reports_new(struct lr_shard *s)
{
	struct lr_reports *r = calloc(1, sizeof *r);

	if (r)
		r->s = s;
	return r;
}

static unsigned window(const struct lr_reports *r)
{
	return WINDOW / r->s->o.shards;
}

void lr_reports_free(struct lr_reports *r)
{
	if (!r)
		return;
	free(r->changes);
	free(r);
}

bool lr_shard_object(struct lr_shard *s, unsigned slot, struct lr_entry *e,
		     struct lr_rec_object *ret)
{
	static _Thread_local struct lr_manifest m; /* the name lives here */
	struct lr_reader rd;

	if (e->kind != LR_KIND_MANIFEST || e->state != LR_FOUND_VALUE ||
	    e->tag.ts == LR_TS_OPEN)
		return false;
	if (!e->value && !lr_store_get(s->store, slot, &e->id, e))
		return false;
	rd = lr_reader(e->value, e->bytes);
	if (!lr_dec_manifest(&rd, &m))
		return false;
	*ret = (struct lr_rec_object){ .state = LR_OBJECT_THERE,
				       .id = e->id,
				       .size = m.size,
				       .created_ms = m.created_ms,
				       .expires_ms = m.expires_ms,
				       .owner = m.owner,
				       .uid = m.uid,
				       .flags = m.flags,
				       .name = lr_str(m.name) };
	return true;
}

static bool is_mine(const struct lr_reports *r, unsigned n)
{
	return lr_slot_is_first(&r->s->slots[n], &r->s->rx->view.cfg[n],
				r->s->o.inc);
}

static void mark(struct lr_reports *r, unsigned n)
{
	r->n_dirty += !r->dirty[n];
	r->dirty[n] = true;
}

/* Called for every slot at every view: only what changed is looked at. */
void lr_reports_slot(struct lr_reports *r, unsigned n)
{
	if (!is_mine(r, n))
		r->told[n].ce = 0;
	else if (r->told[n].ce != r->s->slots[n].inst.ce)
		mark(r, n);
}

void lr_reports_attached(struct lr_reports *r)
{
	r->out = 0;
	r->at = r->batch = r->n_changes = 0;
	for (unsigned n = 0; n < LR_SLOTS; n++) {
		r->told[n].ce = 0;
		lr_reports_slot(r, n);
	}
}

void lr_reports_changed(struct lr_reports *r, unsigned slot,
			const struct lr_id *id)
{
	struct change *c;

	if (!r->told[slot].ce)
		return; /* the whole list will say it */
	if (r->n_changes == r->cap_changes) {
		size_t cap = r->cap_changes ? r->cap_changes * 2 : 256;

		c = cap <= CHANGES_MAX ?
			    realloc(r->changes, cap * sizeof *c) :
			    NULL;
		if (!c) {
			r->told[slot].ce = 0;
			mark(r, slot);
			return;
		}
		r->changes = c;
		r->cap_changes = cap;
	}
	r->changes[r->n_changes++] = (struct change){ slot, *id };
}

static void send_lists(struct lr_reports *r);
static void send_changes(struct lr_reports *r);

void lr_reports_acked(struct lr_reports *r)
{
	if (r->out)
		r->out--;
	if (r->out >= window(r) / 2 || !r->s->slots_told)
		return;
	if (r->n_dirty)
		send_lists(r);
	send_changes(r);
}

static void send_report(struct lr_reports *r, unsigned n, unsigned flags,
			const struct lr_writer *rows)
{
	struct lr_slot_usage u = lr_store_slot(r->s->store, n);
	struct lr_msg_report m = { .slot = (uint16_t)n,
				   .ce = r->s->slots[n].inst.ce,
				   .flags = (uint8_t)flags,
				   .entries = u.entries,
				   .bytes = u.bytes };
	uint8_t meta[64];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	lr_enc_report(&w, &m);
	lr_shard_send(r->s, LR_M_REPORT, 0, meta, w.len, rows->p, rows->len);
	r->told[n].entries = u.entries;
	r->told[n].bytes = u.bytes;
	r->out++;
}

static void send_list(struct lr_reports *r, unsigned n)
{
	static _Thread_local struct lr_entry page[PAGE];
	struct lr_writer w = lr_writer(r->buf, sizeof r->buf);
	struct lr_rec_object rec;
	struct lr_id after;
	bool first = true;
	size_t got;

	r->told[n].ce = r->s->slots[n].inst.ce;
	do {
		got = lr_store_scan(r->s->store, n, first ? NULL : &after, page,
				    PAGE);
		for (size_t i = 0; i < got; i++)
			if (lr_shard_object(r->s, n, &page[i], &rec))
				lr_enc_rec_object(&w, &rec);
		if (got)
			after = page[got - 1].id;
		send_report(r, n,
			    (first ? LR_REPORT_FIRST : 0u) |
				    (got < PAGE ? LR_REPORT_LAST : 0u),
			    &w);
		w.len = 0;
		first = false;
	} while (got == PAGE);
}

static void send_lists(struct lr_reports *r)
{
	for (unsigned i = 0; i < LR_SLOTS && r->n_dirty; i++) {
		unsigned n = r->cursor;

		if (r->out >= window(r))
			return;
		r->cursor = (n + 1) % LR_SLOTS;
		if (!r->dirty[n])
			continue;
		r->dirty[n] = false;
		r->n_dirty--;
		if (is_mine(r, n) && r->told[n].ce != r->s->slots[n].inst.ce)
			send_list(r, n);
	}
}

static int by_slot(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* What stands in the store now, whatever the order of the changes was. */
static void enc_change(struct lr_reports *r, const struct change *c,
		       struct lr_writer *w)
{
	struct lr_rec_object rec;
	struct lr_entry e;

	if (!lr_store_get(r->s->store, c->slot, &c->id, &e) ||
	    e.state == LR_FOUND_TOMB)
		rec = (struct lr_rec_object){ .state = LR_OBJECT_GONE,
					      .id = c->id,
					      .name = lr_str("") };
	else if (!lr_shard_object(r->s, c->slot, &e, &rec))
		return;
	lr_enc_rec_object(w, &rec);
}

/* The next changes of one slot, as many as one report takes. */
static void send_some(struct lr_reports *r)
{
	struct lr_writer w = lr_writer(r->buf, sizeof r->buf);
	unsigned n = r->changes[r->at].slot;

	for (; r->at < r->batch && r->changes[r->at].slot == n &&
	       w.cap - w.len > 1024;
	     r->at++)
		enc_change(r, &r->changes[r->at], &w);
	if (is_mine(r, n) && r->told[n].ce)
		send_report(r, n, 0, &w);
}

/* What the window does not take waits for answers. */
static void send_changes(struct lr_reports *r)
{
	while (r->at < r->batch && r->out < window(r))
		send_some(r);
	if (!r->batch || r->at < r->batch)
		return;
	r->n_changes -= r->batch;
	memmove(r->changes, r->changes + r->batch,
		r->n_changes * sizeof *r->changes);
	r->at = r->batch = 0;
}

static void begin_batch(struct lr_reports *r)
{
	qsort(r->changes, r->n_changes, sizeof *r->changes, by_slot);
	r->batch = r->n_changes;
}

static void send_usage(struct lr_reports *r)
{
	struct lr_writer none = { 0 };

	for (unsigned n = 0; n < LR_SLOTS; n++) {
		struct lr_slot_usage u;

		if (!r->told[n].ce || !is_mine(r, n))
			continue;
		u = lr_store_slot(r->s->store, n);
		if (u.entries != r->told[n].entries ||
		    u.bytes != r->told[n].bytes)
			send_report(r, n, 0, &none);
	}
}

void lr_reports_tick(struct lr_reports *r, uint64_t now_ms)
{
	if (!r->s->control || !r->s->slots_told)
		return;
	send_lists(r);
	if (now_ms >= r->flush_ms && r->n_changes && !r->batch) {
		r->flush_ms = now_ms + FLUSH_MS;
		begin_batch(r);
	}
	send_changes(r);
	if (now_ms >= r->usage_ms && r->out < window(r)) {
		r->usage_ms = now_ms + USAGE_MS;
		send_usage(r);
	}
}
