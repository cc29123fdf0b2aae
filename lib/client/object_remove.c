/* SPDX-License-Identifier: Apache-2.0 */
/* Removing: GET the manifest (how many chunks; absent: nothing is written),
 * a TOMB to all its copies, then TOMBs to the chunks. A lost manifest: its
 * row is discarded at the coordinator, then its TOMB. Once the manifest's
 * TOMB stands the object is gone: chunks that do not answer are swept by the
 * donors later. */
#include "client/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/chunk.h"

#define TOMB_WINDOW	 64u
#define TOMB_DEADLINE_MS 5000u

/* --- TOMBs ---------------------------------------------------------------- */

struct tombs {
	struct lr_object_env env;
	struct lr_id id;
	uint64_t chunks, next;
	unsigned in_flight;
	bool stop; /* donors do not answer */
	enum lr_err err;
	char text[LR_OBJECT_TEXT];
	lr_object_cb cb;
	void *arg;
};

static void put_tomb(struct tombs *t, const struct lr_id *id, unsigned kind,
		     unsigned deadline_ms, lr_entry_cb cb)
{
	struct lr_put p = {
		.id = *id,
		.tag = {.ts = LR_TS_GONE, .writer = t->env.writer, .seq = 2},
		.kind = (uint8_t)kind,
		.flags = LR_PUT_TOMB,
		.deadline_ms = deadline_ms,
	};

	t->in_flight++;
	t->env.entries->ops->put(t->env.entries, &p, cb, t);
}

static void tombs_go_on(struct tombs *t);

static void chunk_tomb_cb(void *arg, const struct lr_entry_result *r)
{
	struct tombs *t = arg;

	t->in_flight--;
	if (r->err && r->err != LR_E_SUPERSEDED)
		t->stop = true;
	tombs_go_on(t);
}

static void tombs_go_on(struct tombs *t)
{
	struct lr_id id;

	while (!t->stop && t->in_flight < TOMB_WINDOW && t->next < t->chunks) {
		lr_id_of_chunk(&id, &t->id, t->next++);
		put_tomb(t, &id, LR_KIND_CHUNK, TOMB_DEADLINE_MS,
			 chunk_tomb_cb);
	}
	if (t->in_flight)
		return;
	t->cb(t->arg, t->err, t->text);
	free(t);
}

/* A TOMB that met another TOMB has done its work. */
static void manifest_tomb_cb(void *arg, const struct lr_entry_result *r)
{
	struct tombs *t = arg;

	t->in_flight--;
	if (r->err && !(r->err == LR_E_SUPERSEDED && r->tag.ts == LR_TS_GONE)) {
		t->err = r->err;
		t->stop = true;
		snprintf(t->text, sizeof t->text, "%s", r->text);
	}
	tombs_go_on(t);
}

void lr_object_tombs(const struct lr_object_env *env, const struct lr_id *id,
		     uint64_t chunks, lr_object_cb cb, void *arg)
{
	struct tombs *t = calloc(1, sizeof *t);

	if (!t)
		abort(); /* clearing up cannot be refused */
	t->env = *env;
	t->id = *id;
	t->chunks = chunks;
	t->cb = cb;
	t->arg = arg;
	put_tomb(t, id, LR_KIND_MANIFEST, env->deadline_ms, manifest_tomb_cb);
}

/* --- remove --------------------------------------------------------------- */

struct removal {
	struct lr_object_env env;
	struct lr_id id;
	char ref[LR_OBJECT_NAME_MAX + 1];
	lr_object_cb cb;
	void *arg;
};

static void removed(struct removal *m, enum lr_err err, const char *detail)
{
	char text[LR_OBJECT_TEXT] = "";

	if (err == LR_E_UNKNOWN)
		snprintf(text, sizeof text,
			 "%s may or may not be removed: no answer in time%s%s. "
			 "Try again",
			 m->ref, detail[0] ? " from " : "", detail);
	else if (err == LR_E_PERMISSION)
		snprintf(text, sizeof text,
			 "%s belongs to somebody else: only its owner and an "
			 "admin may remove it",
			 m->ref);
	else if (err)
		lr_text_entry(err, m->ref, detail, text, sizeof text);
	m->cb(m->arg, err, text);
	free(m);
}

static void tombs_cb(void *arg, enum lr_err err, const char *text)
{
	removed(arg, err, text);
}

static void discarded_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct removal *m = arg;
	char text[LR_OBJECT_TEXT];

	lr_text_of_frame(f, text, sizeof text);
	if (err && err != LR_E_ABSENT)
		removed(m, err, text);
	else
		lr_object_tombs(&m->env, &m->id, 0, tombs_cb, m);
}

static void discard(struct removal *m)
{
	struct lr_msg_discard msg = {.id = m->id};
	uint8_t meta[64];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	lr_enc_discard(&w, &msg);
	m->env.entries->ops->ask(m->env.entries, LR_M_DISCARD, meta, w.len,
				 m->env.deadline_ms, discarded_cb, m);
}

static void found_cb(void *arg, const struct lr_entry_result *r)
{
	struct removal *m = arg;
	struct lr_reader in = lr_reader(r->value, r->bytes);
	struct lr_manifest man;

	if (r->err == LR_E_LOST)
		discard(m);
	else if (r->err)
		removed(m, r->err, r->text);
	else if (r->found != LR_FOUND_VALUE || r->kind != LR_KIND_MANIFEST ||
		 !lr_dec_manifest(&in, &man) || !(man.flags & LR_OBJECT_CLOSED))
		removed(m, LR_E_ABSENT, "");
	else
		lr_object_tombs(&m->env, &m->id, man.chunks, tombs_cb, m);
}

void lr_object_remove(const struct lr_object_env *env, const struct lr_id *id,
		      const char *ref, lr_object_cb cb, void *arg)
{
	struct removal *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->env = *env;
	m->id = *id;
	m->cb = cb;
	m->arg = arg;
	snprintf(m->ref, sizeof m->ref, "%s", ref);
	env->entries->ops->get(env->entries, id, 0, env->deadline_ms, found_cb,
			       m);
}
