/* SPDX-License-Identifier: Apache-2.0 */
/* Going round the slots, a few at a tick:
 *
 *   TOMBs      dropped when every member is SYNCED and 60 s have passed
 *   expired    the first SYNCED copy removes the object, a normal write
 *   abandoned  a manifest open and untouched for 60 s gets a TOMB, unless a
 *              copy holds it closed
 *   orphans    a chunk whose object is absent by the ALL rule, or was not
 *              found in a slot marked lost; no answer = keep
 */
#include <stdlib.h>
#include <string.h>

#include "client/object.h"
#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "net/identity.h"
#include "wire/chunk.h"

#define SLOTS_A_TICK 16 /* all of them in about 20 s */
#define OUT_MAX 4
#define OLD_MS 60000
#define PAGE 256
#define SWEEP_DEADLINE_MS 5000

struct lr_sweep {
	struct lr_shard *s;
	struct lr_object_env env;
	unsigned cursor, out;
	struct lr_id there; /* found to be there in this round */
	bool stopped;
};

struct orphan {
	struct lr_sweep *w;
	struct lr_id chunk, object;
};

struct lr_sweep *lr_sweep_new(struct lr_shard *s)
{
	struct lr_sweep *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->s = s;
	w->env = (struct lr_object_env){ .loop = &s->loop,
					 .entries = lr_direct_entries(s->net),
					 .owner = s->o.self,
					 .deadline_ms = SWEEP_DEADLINE_MS };
	lr_random(&w->env.writer, sizeof w->env.writer);
	return w;
}

/* Freed by the last callback: they come when the links close. */
static void unref(struct lr_sweep *w)
{
	if (w->stopped && !w->out)
		free(w);
}

void lr_sweep_free(struct lr_sweep *w)
{
	if (!w)
		return;
	w->stopped = true;
	unref(w);
}

static void swept_cb(void *arg, enum lr_err err, const char *text)
{
	struct lr_sweep *w = arg;

	(void)err, (void)text; /* what failed is found again next time round */
	w->out--;
	unref(w);
}

static void tombed_cb(void *arg, const struct lr_entry_result *r)
{
	swept_cb(arg, r->err, r->text);
}

/* --- one kind each ---------------------------------------------------------- */

static void put_tomb(struct lr_sweep *w, const struct lr_id *id, uint8_t kind,
		     unsigned flags)
{
	struct lr_put p = { .id = *id,
			    .tag = { .ts = LR_TS_GONE,
				     .writer = w->env.writer },
			    .kind = kind,
			    .flags = (uint8_t)(LR_PUT_TOMB | flags),
			    .deadline_ms = SWEEP_DEADLINE_MS };

	w->out++;
	w->env.entries->ops->put(w->env.entries, &p, tombed_cb, w);
}

static void expire(struct lr_sweep *w, const struct lr_id *id)
{
	struct lr_reader r;
	struct lr_manifest m;
	struct lr_entry e;

	if (!lr_store_get(w->s->store, lr_id_slot(id), id, &e))
		return;
	r = lr_reader(e.value, e.bytes);
	if (!lr_dec_manifest(&r, &m))
		return;
	w->out++;
	lr_object_tombs(&w->env, id, m.chunks, swept_cb, w);
}

/* OK, or an open manifest: it is there. ABSENT: by the ALL rule. LOST with
 * nothing found: the slot is marked. Anything else is no answer. */
static void parent_cb(void *arg, const struct lr_entry_result *r)
{
	struct orphan *o = arg;
	struct lr_sweep *w = o->w;
	bool open = r->err == LR_E_ABSENT && r->found == LR_FOUND_VALUE;
	bool gone = (r->err == LR_E_ABSENT && !open) ||
		    (r->err == LR_E_LOST && r->found == LR_FOUND_NONE);

	w->out--;
	if (r->err == LR_E_OK || open)
		w->there = o->object;
	else if (gone && !w->stopped)
		put_tomb(w, &o->chunk, LR_KIND_CHUNK, 0);
	free(o);
	unref(w);
}

static void ask_parent(struct lr_sweep *w, const struct lr_entry *e)
{
	struct orphan *o;
	struct lr_id object;
	uint64_t n;

	if (!lr_dec_chunk_head(e->value, e->bytes, &object, &n) ||
	    lr_id_eq(&object, &w->there))
		return;
	o = malloc(sizeof *o);
	if (!o)
		return;
	*o = (struct orphan){ w, e->id, object };
	w->out++;
	/* Not the tags alone: only a GET tells "absent" from "not told". */
	w->env.entries->ops->get(w->env.entries, &object, 0, SWEEP_DEADLINE_MS,
				 parent_cb, o);
}

/* --- going round -------------------------------------------------------------- */

static void look_at(struct lr_sweep *w, const struct lr_entry *e, uint64_t now,
		    uint64_t unix_ms)
{
	bool old = now > e->stored_ms + OLD_MS;

	if (w->out >= OUT_MAX || e->state != LR_FOUND_VALUE)
		return;
	if (e->kind == LR_KIND_MANIFEST && e->tag.ts == LR_TS_OPEN && old)
		put_tomb(w, &e->id, e->kind, LR_PUT_IF_OPEN);
	else if (e->kind == LR_KIND_MANIFEST && e->expires_ms &&
		 e->expires_ms <= unix_ms)
		expire(w, &e->id);
	else if (e->kind == LR_KIND_CHUNK && old)
		ask_parent(w, e);
}

/* In a slot marked lost, a register's or name's TOMB is what tells "removed
 * since" from "lost": it stays. */
static bool may_collect(const struct lr_shard *s, unsigned n,
			const struct lr_entry *e, uint64_t now)
{
	const struct lr_cfg *viewed = &s->rx->view.cfg[n];

	return lr_slot_may_collect(&s->slots[n], viewed, e->stored_ms, now) &&
	       !(viewed->lost & LR_LOST_MARK && (e->kind == LR_KIND_REGISTER ||
						 e->kind == LR_KIND_NAME));
}

static void collect(struct lr_shard *s, unsigned n, const struct lr_entry *e)
{
	lr_slot_collected(&s->slots[n], e->kind, &e->tag);
	lr_store_drop(s->store, n, &e->id);
}

static void sweep_slot(struct lr_sweep *w, unsigned n, uint64_t now)
{
	static _Thread_local struct lr_entry page[PAGE];
	struct lr_shard *s = w->s;
	const struct lr_cfg *viewed = &s->rx->view.cfg[n];
	bool first = lr_slot_is_first(&s->slots[n], viewed, s->o.inc);
	struct lr_id after;
	bool any = false;
	size_t got;

	do {
		got = lr_store_scan(s->store, n, any ? &after : NULL, page,
				    PAGE);
		for (size_t i = 0; i < got; i++) {
			const struct lr_entry *e = &page[i];

			after = e->id;
			any = true;
			if (e->state == LR_FOUND_TOMB &&
			    may_collect(s, n, e, now))
				collect(s, n, e);
			else if (first)
				look_at(w, e, now, lr_unix_ms());
		}
	} while (got == PAGE);
}

void lr_sweep_tick(struct lr_sweep *w, uint64_t now_ms)
{
	for (unsigned i = 0; i < SLOTS_A_TICK; i++) {
		unsigned n = w->cursor;
		struct lr_slot_usage u = lr_store_slot(w->s->store, n);

		w->cursor = (n + 1) % LR_SLOTS;
		if (n == 0)
			w->there = (struct lr_id){ { 0 } };
		if (u.entries + u.tombs)
			sweep_slot(w, n, now_ms);
	}
}
