/* SPDX-License-Identifier: Apache-2.0 */
/* Objects, as lib/client stores, fetches and removes them. A value in the
 * manifest is one closed entry; else an open manifest, touched every 10 s, then
 * chunks, then the closed one. */
#include "tests/sim/sim.h"

#include <stdlib.h>

#define DEADLINE_MS 10000
#define CHUNK_DEADLINE_MS 30000
#define OPEN_LIFE_MS 60000
#define TOUCH_MS 10000
#define FETCH_MS 6000

/* By a mutation, a tag like any other. */
struct lr_tag object_tomb_tag(uint64_t writer, uint64_t there_ts)
{
	uint64_t ts = LR_MUTANT("tomb-with-ordinary-ts") ? there_ts + 1 :
							   LR_TS_GONE;

	return (struct lr_tag){ ts, writer, 2 };
}

/* In lives that forward, whatever has several copies is. */
static bool is_far(void *arg, uint64_t member)
{
	(void)arg;
	(void)member;
	return true;
}

static void put(struct sim *s, struct work *w, uint32_t key, uint64_t ts,
		uint8_t kind, unsigned deadline_ms, cop_cb cb)
{
	struct lr_tag tag = { ts, w->c->writer[w->handle], 1 };
	struct cop *o;

	if (ts == LR_TS_CLOSED)
		oracle_tag(s, key, &tag, s->key[key].val);
	o = agent_op(s, &w->c->ag, LR_OP_PUT, key, &tag, 0, deadline_ms, cb, w,
		     w->life);
	o->op.far = s->p.forward ? is_far : NULL;
	o->kind = kind;
	o->val = s->key[key].val;
	o->expires = ts == LR_TS_OPEN ? 0 : s->key[key].expires;
	agent_go(s, o);
}

/* --- TOMBs ----------------------------------------------------------------------- */

static void chunk_gone_cb(struct sim *s, struct cop *o)
{
	(void)s;
	(void)o;
}

static void tomb_chunks(struct sim *s, struct work *w)
{
	const struct key *k = &s->key[w->key];
	struct lr_tag tag = object_tomb_tag(w->c->writer[w->handle],
					    LR_TS_CLOSED);

	for (unsigned i = 0; i < k->n_chunks; i++) {
		struct cop *o = agent_op(s, &w->c->ag, LR_OP_PUT, k->chunk[i],
					 &tag, LR_PUT_TOMB, 5000, chunk_gone_cb,
					 w, w->life);

		o->kind = LR_KIND_CHUNK;
		agent_go(s, o);
	}
}

static void tomb_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	SAY(s, "client %u removed %u: %s", w->c->node - SIM_CLIENT0, w->key,
	    lr_err_name(o->op.result));
	if (o->op.result == LR_E_OK ||
	    (o->op.result == LR_E_SUPERSEDED &&
	     o->op.tag.ts == LR_TS_GONE)) {
		s->removed++;
		oracle_removed(s, w->key, o->op.cfg.ce);
		tomb_chunks(s, w);
	}
	work_over(s, w);
}

static void tomb(struct sim *s, struct work *w, uint64_t there_ts)
{
	struct key *k = &s->key[w->key];
	struct lr_tag tag = object_tomb_tag(w->c->writer[w->handle], there_ts);
	struct cop *o;

	if (!k->remove_began)
		k->remove_began = s->now;
	o = agent_op(s, &w->c->ag, LR_OP_PUT, w->key, &tag, LR_PUT_TOMB,
		     DEADLINE_MS, tomb_cb, w, w->life);
	o->kind = LR_KIND_MANIFEST;
	agent_go(s, o);
}

/* --- storing --------------------------------------------------------------------- */

static void undo(struct sim *s, struct work *w)
{
	s->key[w->key].state = KEY_FAILED;
	w->phase = UP_UNDOING;
	tomb(s, w, w->kind == WORK_STORE ? LR_TS_CLOSED : LR_TS_OPEN);
}

static void closed_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);
	struct key *k;

	if (!w)
		return;
	k = &s->key[w->key];
	SAY(s, "client %u stored %u (slot %u): %s, ce %llu",
	    w->c->node - SIM_CLIENT0, w->key, k->slot,
	    lr_err_name(o->op.result), (unsigned long long)o->op.cfg.ce);
	if (o->op.result == LR_E_OK) {
		k->state = KEY_STORED;
		s->acks++;
		s->uploads += k->n_chunks > 0;
		oracle_acked(s, w->key, &o->op.tag, o->op.cfg.ce);
		work_over(s, w);
	} else if (o->op.result == LR_E_UNKNOWN) {
		k->state = KEY_UNKNOWN;
		s->unknowns++;
		work_over(s, w);
	} else {
		undo(s, w);
	}
}

static void store(struct sim *s, struct work *w)
{
	struct key *k;

	w->key = oracle_key(s, KEY_OBJECT, sim_draw(s, s->p.nslots));
	k = &s->key[w->key];
	k->val = ++s->next_val;
	if (s->p.removals && sim_chance(s, 100))
		k->expires = s->now + 5000 + sim_draw(s, 60000);
	s->objects[s->n_objects++] = w->key;
	put(s, w, w->key, LR_TS_CLOSED, LR_KIND_MANIFEST, DEADLINE_MS,
	    closed_cb);
}

/* --- uploads ---------------------------------------------------------------------- */

static void advance(struct sim *s, struct work *w);

static bool is_too_old(const struct sim *s, struct work *w)
{
	if (s->now - w->touched_ms <= OPEN_LIFE_MS ||
	    LR_MUTANT("close-after-60s"))
		return false;
	w->failed = true;
	return true;
}

static void step_cb(struct sim *s, void *arg, uint64_t life)
{
	struct work *w = arg;
	uint64_t asleep;

	if (w->life != life || w->kind != WORK_UPLOAD)
		return;
	asleep = s->node[w->c->node].paused_ms;
	if (asleep) {
		sim_at(s, asleep + sim_draw(s, 4), step_cb, w, life);
		return;
	}
	advance(s, w);
}

static void touched_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	w->in_flight--;
	w->touching = false;
	if (o->op.result == LR_E_OK)
		w->touched_ms = w->touch_sent_ms;
	else if (o->op.result == LR_E_SUPERSEDED)
		w->failed = true;
	advance(s, w);
}

static void touch_cb(struct sim *s, void *arg, uint64_t life)
{
	struct work *w = arg;
	uint64_t asleep;

	if (w->life != life || w->kind != WORK_UPLOAD ||
	    w->phase != UP_STREAMING || w->failed)
		return;
	asleep = s->node[w->c->node].paused_ms;
	if (asleep) {
		sim_at(s, asleep + sim_draw(s, 4), touch_cb, w, life);
		return;
	}
	sim_at(s, s->now + TOUCH_MS, touch_cb, w, life);
	if (is_too_old(s, w)) {
		advance(s, w);
	} else if (!w->touching) {
		w->touching = true;
		w->in_flight++;
		w->touch_sent_ms = s->now;
		put(s, w, w->key, LR_TS_OPEN, LR_KIND_MANIFEST, DEADLINE_MS,
		    touched_cb);
	}
}

static void chunk_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	w->in_flight--;
	if (o->op.result == LR_E_OK) {
		s->key[o->key].state = KEY_STORED;
		oracle_acked(s, o->key, &o->op.tag, o->op.cfg.ce);
		sim_at(s, s->now + 1 + sim_draw(s, w->patience_ms), step_cb, w,
		       w->life);
		return;
	}
	w->failed = true;
	advance(s, w);
}

static void opened_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	w->in_flight--;
	if (o->op.result != LR_E_OK) {
		w->failed = true;
	} else {
		w->touched_ms = w->touch_sent_ms;
		w->phase = UP_STREAMING;
		sim_at(s, s->now + TOUCH_MS, touch_cb, w, w->life);
	}
	advance(s, w);
}

static void close_it(struct sim *s, struct work *w)
{
	uint64_t left;

	if (is_too_old(s, w)) {
		undo(s, w);
		return;
	}
	left = w->touched_ms + OPEN_LIFE_MS - s->now;
	if (left > DEADLINE_MS || LR_MUTANT("close-after-60s"))
		left = DEADLINE_MS;
	w->phase = UP_CLOSING;
	put(s, w, w->key, LR_TS_CLOSED, LR_KIND_MANIFEST,
	    left ? (unsigned)left : 1, closed_cb);
}

static void send_chunk(struct sim *s, struct work *w)
{
	uint32_t chunk = s->key[w->key].chunk[w->next++];

	w->in_flight++;
	put(s, w, chunk, LR_TS_CLOSED, LR_KIND_CHUNK, CHUNK_DEADLINE_MS,
	    chunk_cb);
}

static void advance(struct sim *s, struct work *w)
{
	const struct key *k = &s->key[w->key];

	if (w->kind != WORK_UPLOAD || w->phase >= UP_CLOSING)
		return;
	if (w->failed) {
		if (!w->in_flight)
			undo(s, w);
		return;
	}
	if (w->phase != UP_STREAMING)
		return;
	if (w->next == k->n_chunks) {
		if (!w->in_flight)
			close_it(s, w);
	} else if (w->in_flight - w->touching < 1 && !is_too_old(s, w)) {
		send_chunk(s, w);
	} else if (w->failed) {
		advance(s, w);
	}
}

static void upload(struct sim *s, struct work *w)
{
	unsigned n = 1 + sim_draw(s, SIM_CHUNKS);
	struct key *k;

	w->key = oracle_key(s, KEY_OBJECT, sim_draw(s, s->p.nslots));
	k = &s->key[w->key];
	k->val = ++s->next_val;
	k->n_chunks = n;
	for (unsigned i = 0; i < n; i++) {
		unsigned per = s->p.nslots / LR_CLASSES;
		uint32_t c = oracle_key(s, KEY_CHUNK,
					k->slot / per * per + sim_draw(s, per));

		s->key[c].parent = w->key;
		s->key[c].val = ++s->next_val;
		k->chunk[i] = c;
	}
	s->objects[s->n_objects++] = w->key;
	w->patience_ms = sim_chance(s, 300) ? 30000 : 500;
	w->in_flight++;
	w->touch_sent_ms = s->now;
	put(s, w, w->key, LR_TS_OPEN, LR_KIND_MANIFEST, DEADLINE_MS, opened_cb);
}

/* --- fetching --------------------------------------------------------------------- */

static void chunk_got_cb(struct sim *s, struct cop *o);

static void fetch_chunk(struct sim *s, struct work *w)
{
	struct cop *o;

	if (w->next == s->key[w->key].n_chunks) {
		s->reads++;
		work_over(s, w);
		return;
	}
	o = agent_op(s, &w->c->ag, LR_OP_GET, s->key[w->key].chunk[w->next],
		     NULL, 0, FETCH_MS, chunk_got_cb, w, w->life);
	agent_go(s, o);
}

/* A chunk that is gone: of an object that was removed meanwhile, one hopes. */
static void looked_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	/* With an old state, nobody may know that a chunk's slot was lost. */
	if (o->op.result == LR_E_OK && o->op.tag.ts == LR_TS_CLOSED &&
	    !s->confirmed && oracle_must_be_there(s, &s->key[w->key]) &&
	    s->key[w->key].acked_ms < w->started_ms)
		sim_wrong(s, "object %u lacks a chunk", w->key);
	work_over(s, w);
}

static void chunk_got_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);
	struct cop *p;

	if (!w)
		return;
	switch (o->op.result) {
	case LR_E_OK:
		if (o->got != s->key[o->key].val)
			sim_wrong(s, "chunk %u has a wrong value", o->key);
		w->next++;
		fetch_chunk(s, w);
		break;
	case LR_E_ABSENT:
		p = agent_op(s, &w->c->ag, LR_OP_GET, w->key, NULL, 0, FETCH_MS,
			     looked_cb, w, w->life);
		agent_go(s, p);
		break;
	case LR_E_LOST:
		s->losts++;
		if (oracle_must_be_there(s, &s->key[o->key]))
			sim_wrong(s, "chunk %u is called lost", o->key);
		/* fall through */
	default:
		if (w->final && o->op.result != LR_E_LOST)
			sim_wrong(s, "chunk %u cannot be read at the end: %s",
				  o->key, lr_err_name(o->op.result));
		work_over(s, w);
	}
}

static bool is_visible(const struct sim *s, const struct cop *o)
{
	return o->op.result == LR_E_OK && o->op.tag.ts == LR_TS_CLOSED &&
	       !(o->got_expires && o->got_expires <= s->now);
}

static void fetched_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	oracle_fetched(s, w, o);
	if (is_visible(s, o) && w->kind == WORK_REMOVE) {
		tomb(s, w, o->op.tag.ts);
	} else if (is_visible(s, o)) {
		fetch_chunk(s, w);
	} else {
		work_over(s, w);
	}
}

void object_fetch(struct sim *s, struct work *w, uint32_t key)
{
	struct cop *o;

	w->key = key;
	o = agent_op(s, &w->c->ag, LR_OP_GET, key, NULL, 0, FETCH_MS,
		     fetched_cb, w, w->life);
	agent_go(s, o);
}

/* One of the last ones, mostly. */
static uint32_t draw_object(struct sim *s)
{
	unsigned n = s->n_objects;

	if (n > 16 && sim_chance(s, 700))
		return s->objects[n - 1 - sim_draw(s, 16)];
	return s->objects[sim_draw(s, n)];
}

void object_begin(struct sim *s, struct work *w)
{
	if (w->kind == WORK_STORE)
		store(s, w);
	else if (w->kind == WORK_UPLOAD)
		upload(s, w);
	else if (s->n_objects && w->kind == WORK_FIND)
		find_begin(s, w, draw_object(s));
	else if (s->n_objects)
		object_fetch(s, w, draw_object(s));
	else
		work_over(s, w);
}
