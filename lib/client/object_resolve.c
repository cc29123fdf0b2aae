/* SPDX-License-Identifier: Apache-2.0 */
/* What a REF means. A whole ID needs no question. Names and prefixes are the
 * coordinator's to tell; when it is away, the donors of the one slot that a
 * prefix lies in can tell its objects (FIND), names cannot be told. */
#include "client/object.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct resolving {
	struct lr_object_env env;
	char ref[LR_OBJECT_NAME_MAX + 1];
	lr_resolve_cb cb;
	void *arg;
	char away[LR_OBJECT_TEXT]; /* why the coordinator could not tell */
	enum lr_err away_err;
};

static void found(struct resolving *r, const struct lr_id *id)
{
	r->cb(r->arg, LR_E_OK, id, "");
	free(r);
}

static void not_found(struct resolving *r, enum lr_err err, const char *text)
{
	static const struct lr_id none;

	r->cb(r->arg, err, &none, text);
	free(r);
}

/* An ID that was cut or mistyped, rather than a name that is not there. */
static bool looks_like_bad_id(const char *ref)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	size_t n = strlen(ref), digits = 0;
	struct lr_id id;

	for (size_t i = 0; i < n; i++) {
		if (!strchr(alphabet, tolower((unsigned char)ref[i])))
			return false;
		digits += isdigit((unsigned char)ref[i]) != 0;
	}
	if (!digits)
		return false;
	return n < 6 || n > 26 || (n == 26 && !lr_id_parse(ref, &id));
}

static void absent(struct resolving *r)
{
	char text[LR_OBJECT_TEXT];

	if (looks_like_bad_id(r->ref)) {
		snprintf(
			text, sizeof text,
			"\"%s\" is no ID: IDs have 26 characters, a prefix of "
			"6 or more will do. `lanram list` shows what is yours.",
			r->ref);
		not_found(r, LR_E_USAGE, text);
		return;
	}
	lr_text_entry(LR_E_ABSENT, r->ref, "", text, sizeof text);
	not_found(r, LR_E_ABSENT, text);
}

struct row {
	struct lr_id id;
	char name[LR_OBJECT_NAME_MAX + 1];
};

static void ambiguous(struct resolving *r, const struct row *rows, size_t n)
{
	char text[LR_OBJECT_TEXT], id[LR_ID_TEXT + 1];
	size_t at;

	at = (size_t)snprintf(text, sizeof text,
			      "\"%s\" matches more than one object:", r->ref);
	for (size_t i = 0; i < n && at < sizeof text - 80; i++)
		at += (size_t)snprintf(text + at, sizeof text - at,
				       "%s %s (%.40s)", i ? "," : "",
				       lr_id_format(&rows[i].id, id),
				       rows[i].name);
	not_found(r, LR_E_AMBIGUOUS, text);
}

/* --- without the coordinator ------------------------------------------------
 */

#define ROWS 8

static void find_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct resolving *r = arg;
	struct lr_msg_find_r m;
	struct lr_rec_object rec;
	struct lr_reader in;
	struct row rows[ROWS];
	size_t n = 0;

	if (err || f->h.type != LR_M_FIND_R ||
	    !lr_dec_find_r(f->meta, f->h.meta, &m) || m.err) {
		not_found(r, r->away_err, r->away);
		return;
	}
	in = lr_reader(f->bulk, f->h.bulk);
	while (n < ROWS && in.left && lr_dec_rec_object(&in, &rec)) {
		rows[n].id = rec.id;
		lr_str_copy(rec.name, rows[n++].name, sizeof rows[0].name);
	}
	if (n == 0)
		absent(r);
	else if (n == 1)
		found(r, &rows[0].id);
	else
		ambiguous(r, rows, n);
}

static bool ask_donors(struct resolving *r)
{
	struct lr_prefix prefix;
	struct lr_msg_find m = {.prefix = lr_str(r->ref)};
	uint8_t meta[512];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	if (!lr_prefix_parse(r->ref, &prefix))
		return false;
	m.slot = (uint16_t)lr_id_slot(&prefix.id);
	lr_enc_find(&w, &m);
	r->env.entries->ops->ask(r->env.entries, LR_M_FIND, meta, w.len,
				 r->env.deadline_ms, find_cb, r);
	return true;
}

/* --- with it
 * ------------------------------------------------------------------ */

static size_t read_rows(const struct lr_frame *f, struct row *rows, size_t cap)
{
	struct lr_reader in = lr_reader(f->bulk, f->h.bulk);
	struct lr_rec_listed rec;
	size_t n = 0;

	while (n < cap && in.left && lr_dec_rec_listed(&in, &rec)) {
		rows[n].id = rec.id;
		lr_str_copy(rec.name, rows[n++].name, sizeof rows[0].name);
	}
	return n;
}

static bool is_away(enum lr_err err)
{
	return err == LR_E_UNREACHABLE || err == LR_E_NO_POOL ||
	       err == LR_E_CLOSED || err == LR_E_TIMEOUT;
}

static void resolve_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct resolving *r = arg;
	struct lr_msg_resolve_r m = {0};
	struct row rows[ROWS];
	size_t n = 0;

	if (!err && (f->h.type != LR_M_RESOLVE_R ||
		     !lr_dec_resolve_r(f->meta, f->h.meta, &m)))
		err = LR_E_PROTOCOL;
	if (!err) {
		err = lr_err_from_wire(m.err);
		n = read_rows(f, rows, ROWS);
	}
	if (is_away(err)) {
		r->away_err = err;
		lr_text_of_frame(f, r->away, sizeof r->away);
		if (!ask_donors(r))
			not_found(r, err, r->away);
	} else if (err == LR_E_AMBIGUOUS) {
		ambiguous(r, rows, n);
	} else if (err == LR_E_ABSENT || (!err && !n)) {
		absent(r);
	} else if (err) {
		lr_text_of_frame(f, r->away, sizeof r->away);
		not_found(r, err, r->away);
	} else {
		found(r, &rows[0].id);
	}
}

static void whole_cb(uv_handle_t *h)
{
	struct resolving *r = h->data;
	struct lr_id id;

	free(h);
	lr_id_parse(r->ref, &id);
	found(r, &id);
}

/* The callback never comes from inside the call: a handle's close brings it. */
static bool take_whole(struct resolving *r)
{
	struct lr_id id;
	uv_timer_t *t;

	if (strlen(r->ref) != LR_ID_TEXT || !lr_id_parse(r->ref, &id))
		return false;
	t = malloc(sizeof *t);
	if (!t)
		abort();
	uv_timer_init(r->env.loop, t);
	t->data = r;
	uv_close((uv_handle_t *)t, whole_cb);
	return true;
}

void lr_object_resolve(const struct lr_object_env *env, const char *ref,
		       lr_resolve_cb cb, void *arg)
{
	struct resolving *r = calloc(1, sizeof *r);
	struct lr_msg_resolve m = {.uid = env->uid};
	uint8_t meta[512];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	if (!r)
		abort();
	r->env = *env;
	r->cb = cb;
	r->arg = arg;
	snprintf(r->ref, sizeof r->ref, "%s", ref);
	if (take_whole(r))
		return;
	m.ref = lr_str(r->ref);
	lr_enc_resolve(&w, &m);
	env->entries->ops->ask(env->entries, LR_M_RESOLVE, meta, w.len,
			       env->deadline_ms, resolve_cb, r);
}
