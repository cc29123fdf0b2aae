/* SPDX-License-Identifier: Apache-2.0 */
/* An upload's entries on their way to the donors, steps 1 to 5 of
 * object_store.c: manifest, chunks, the close; or all of it undone. */
#include "client/object_store_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/clock.h"

#define CHUNK_DEADLINE_MS 30000u
#define FIRST_MS 2000u /* a slot without its donors is repaired by then */

static void advance(struct lr_upload *u);

static uint64_t boot_ms(const struct lr_upload *u)
{
	return u->env.boot_ms ? u->env.boot_ms() : lr_now_ms();
}

/* The first failure is the one that is told. */
void lr_upload_fail(struct lr_upload *u, enum lr_err err, const char *text)
{
	if (u->err)
		return;
	u->err = err;
	snprintf(u->text, sizeof u->text, "%s", text ? text : "");
}

static void over(struct lr_upload *u)
{
	if (u->has_timer)
		uv_timer_stop(&u->timer);
	u->phase = LR_UPLOAD_OVER;
	u->moved(u->arg);
}

/* --- undoing -------------------------------------------------------------- */

static void explained_cb(void *arg, enum lr_err err, const char *text)
{
	struct lr_upload *u = arg;

	(void)err;
	if (text[0])
		snprintf(u->text, sizeof u->text, "%s", text);
	over(u);
}

/* One entry whose donors are full: others may have room. */
static bool try_another_id(struct lr_upload *u)
{
	if (u->err != LR_E_FULL || u->has_timer || !u->redraws)
		return false;
	u->redraws--;
	u->err = LR_E_OK;
	u->inline_ms = 0;
	u->doubt = false; /* TOMBs are everywhere */
	u->copies = lr_class_copies(lr_id_class(&u->id));
	lr_upload_draw_id(u, lr_id_class(&u->id));
	lr_upload_close_inline(u);
	return true;
}

static void undone_cb(void *arg, enum lr_err err, const char *text)
{
	struct lr_upload *u = arg;

	(void)err, (void)text;
	if (try_another_id(u))
		return;
	if (u->err == LR_E_FULL)
		lr_explain_full(&u->env,
				u->whole > u->size ? u->whole : u->size,
				lr_class_copies(lr_id_class(&u->id)),
				explained_cb, u);
	else
		over(u);
}

void lr_upload_undo(struct lr_upload *u)
{
	bool put_anything = u->phase != LR_UPLOAD_COLLECTING;

	u->phase = LR_UPLOAD_UNDOING;
	if (!put_anything || u->err == LR_E_UNKNOWN)
		over(u);
	else
		lr_object_tombs(&u->env, &u->id, u->chunks, undone_cb, u);
}

/* --- entries -------------------------------------------------------------- */

/* One entry alone, which nobody knows of so far. */
static bool may_redraw(const struct lr_upload *u)
{
	return u->redraws && !u->doubt && !u->has_timer;
}

static void put(struct lr_upload *u, const struct lr_id *id, uint64_t ts,
		unsigned kind, const uint8_t *value, size_t bytes,
		unsigned deadline_ms, lr_entry_cb cb, void *arg)
{
	bool is_new = ts == LR_TS_CLOSED && may_redraw(u);
	struct lr_put p = {
		.id = *id,
		.tag = {.ts = ts, .writer = u->env.writer, .seq = 1},
		.kind = (uint8_t)kind,
		.flags = is_new ? LR_PUT_NEW : 0,
		.expires_ms = ts == LR_TS_OPEN ? 0 : u->m.expires_ms,
		.value = value,
		.bytes = (uint32_t)bytes,
		.deadline_ms = deadline_ms,
	};

	u->in_flight++;
	u->env.entries->ops->put(u->env.entries, &p, cb, arg);
}

/* An entry before the close: whatever became of it, nothing is stored. */
static void entry_failed(struct lr_upload *u, const struct lr_entry_result *r)
{
	enum lr_err err = r->err;
	char text[LR_OBJECT_TEXT];

	if (err == LR_E_UNKNOWN || err == LR_E_TIMEOUT || err == LR_E_CLOSED)
		err = LR_E_UNREACHABLE;
	if (err == LR_E_SUPERSEDED)
		snprintf(text, sizeof text,
			 "it was removed while being stored");
	else if (err == LR_E_UNREACHABLE && r->text[0])
		snprintf(text, sizeof text, "not stored: no answer from %s",
			 r->text);
	else
		snprintf(text, sizeof text, "%s", r->text);
	lr_upload_fail(u, err, text);
}

static void count_copies(struct lr_upload *u, const struct lr_entry_result *r)
{
	if (r->copies < u->copies)
		u->copies = r->copies;
}

/* One entry whose donors did not answer in time: surely not stored, then it
 * gets another ID; else the same again, with the time that is left. */
static bool again(struct lr_upload *u, enum lr_err err)
{
	if (u->has_timer || u->err || u->doubt ||
	    lr_now_ms() >= u->inline_ms)
		return false;
	if (err == LR_E_UNKNOWN) {
		u->doubt = true;
	} else if (err == LR_E_UNREACHABLE && u->redraws) {
		u->redraws--;
		lr_upload_draw_id(u, lr_id_class(&u->id));
	} else {
		return false;
	}
	lr_upload_close_inline(u);
	return true;
}

/* Step 5, or the failure of the close. */
static void closed_cb(void *arg, const struct lr_entry_result *r)
{
	struct lr_upload *u = arg;

	u->in_flight--;
	if (again(u, r->err))
		return;
	if (r->err == LR_E_UNKNOWN ||
	    (r->err == LR_E_UNREACHABLE && u->doubt))
		lr_upload_fail(u, LR_E_UNKNOWN, r->text);
	else if (r->err)
		entry_failed(u, r);
	else
		count_copies(u, r);
	if (u->err && r->err == LR_E_UNREACHABLE && !u->has_timer)
		over(u); /* surely nothing is anywhere, or nobody knows */
	else if (u->err)
		lr_upload_undo(u);
	else if (u->explain && u->copies < lr_class_copies(lr_id_class(&u->id)))
		lr_explain_degraded(&u->env, u->copies,
				    lr_class_copies(lr_id_class(&u->id)),
				    explained_cb, u);
	else
		over(u);
}

/* Writes the head so that it ends where the data starts, or into `out`. */
static size_t encode_head(struct lr_upload *u, uint8_t *out, bool ends_there)
{
	uint8_t head[LR_HEAD_MAX];
	struct lr_writer w = lr_writer(head, sizeof head);

	lr_enc_manifest(&w, &u->m);
	if (w.bad)
		abort(); /* a head that does not fit is our own mistake */
	memcpy(ends_there ? out - w.len : out, head, w.len);
	return w.len;
}

/* Little at first, where another ID may be tried after. */
static unsigned inline_deadline(struct lr_upload *u)
{
	uint64_t now = lr_now_ms(), left;

	if (!u->inline_ms)
		u->inline_ms = now + u->env.deadline_ms;
	left = u->inline_ms > now ? u->inline_ms - now : 1;
	if (may_redraw(u) && left > FIRST_MS)
		return FIRST_MS;
	return (unsigned)left;
}

void lr_upload_close_inline(struct lr_upload *u)
{
	uint8_t *data = lr_upload_data(u->cur);
	size_t head;

	u->phase = LR_UPLOAD_CLOSING;
	u->m.flags |= LR_OBJECT_CLOSED;
	u->m.size = u->cur->len;
	lr_hash_once(data, u->cur->len, u->m.sha256);
	head = encode_head(u, data, true);
	put(u, &u->id, LR_TS_CLOSED, LR_KIND_MANIFEST, data - head,
	    head + u->cur->len, inline_deadline(u), closed_cb, u);
}

/* --- the open manifest ---------------------------------------------------- */

/* May the manifest have been collected? Then nothing more may be put. */
static bool is_too_old(struct lr_upload *u)
{
	if (boot_ms(u) - u->touched_ms <= LR_OPEN_LIFE_MS)
		return false;
	lr_upload_fail(
		u, LR_E_UNREACHABLE,
		"the pool did not answer for 60 s (or this machine slept): the "
		"store was given up. Store it again");
	return true;
}

static void touched_cb(void *arg, const struct lr_entry_result *r)
{
	struct lr_upload *u = arg;

	u->in_flight--;
	u->touching = false;
	if (!r->err)
		u->touched_ms = u->touch_sent_ms;
	else if (r->err == LR_E_SUPERSEDED || r->err == LR_E_PERMISSION)
		entry_failed(u, r);
	advance(u);
}

static void put_open(struct lr_upload *u, lr_entry_cb cb)
{
	u->touch_sent_ms = boot_ms(u);
	put(u, &u->id, LR_TS_OPEN, LR_KIND_MANIFEST, u->open_head, u->open_len,
	    u->env.deadline_ms, cb, u);
}

static void touch_cb(uv_timer_t *timer)
{
	struct lr_upload *u = timer->data;

	if (u->phase != LR_UPLOAD_STREAMING || u->err)
		return;
	if (is_too_old(u)) {
		advance(u);
	} else if (!u->touching) {
		u->touching = true;
		put_open(u, touched_cb);
	}
}

static void opened_cb(void *arg, const struct lr_entry_result *r)
{
	struct lr_upload *u = arg;

	u->in_flight--;
	if (r->err) {
		entry_failed(u, r);
	} else {
		count_copies(u, r);
		u->touched_ms = u->touch_sent_ms;
		u->phase = LR_UPLOAD_STREAMING;
		uv_timer_start(&u->timer, touch_cb, u->touch_ms, u->touch_ms);
	}
	advance(u);
}

void lr_upload_open(struct lr_upload *u)
{
	u->hash = lr_hash_new();
	if (!u->hash) {
		lr_upload_fail(u, LR_E_NO_MEMORY, NULL);
		return;
	}
	uv_timer_init(u->env.loop, &u->timer);
	u->timer.data = u;
	u->has_timer = true;
	u->phase = LR_UPLOAD_OPENING;
	u->open_len = encode_head(u, u->open_head, false);
	put_open(u, opened_cb);
}

/* --- chunks --------------------------------------------------------------- */

static void chunk_cb(void *arg, const struct lr_entry_result *r)
{
	struct lr_upload_buf *b = arg;
	struct lr_upload *u = b->u;

	u->in_flight--;
	b->next = u->spare;
	u->spare = b;
	if (r->err)
		entry_failed(u, r);
	else
		count_copies(u, r);
	advance(u);
}

bool lr_upload_send_chunk(struct lr_upload *u)
{
	struct lr_upload_buf *b = u->cur, *next;
	struct lr_id id;

	if (u->in_flight >= u->window || is_too_old(u))
		return false;
	next = lr_upload_buf_new(u, LR_VALUE_MAX);
	if (!next) {
		lr_upload_fail(u, LR_E_NO_MEMORY, NULL);
		return false;
	}
	u->cur = next;
	b->hashed = lr_hash_add(u->hash, lr_upload_data(b), b->len);
	lr_enc_chunk_head(lr_upload_data(b) - LR_CHUNK_HEAD, &u->id, u->chunks);
	lr_id_of_chunk(&id, &u->id, u->chunks);
	u->chunks++;
	put(u, &id, LR_TS_CLOSED, LR_KIND_CHUNK,
	    lr_upload_data(b) - LR_CHUNK_HEAD, b->len + LR_CHUNK_HEAD,
	    CHUNK_DEADLINE_MS, chunk_cb, b);
	return true;
}

void lr_upload_close_chunked(struct lr_upload *u)
{
	uint64_t left;
	size_t head;

	if (is_too_old(u)) {
		lr_upload_undo(u);
		return;
	}
	left = u->touched_ms + LR_OPEN_LIFE_MS - boot_ms(u);
	u->phase = LR_UPLOAD_CLOSING;
	u->m.flags |= LR_OBJECT_CLOSED;
	u->m.size = u->size;
	u->m.chunks = u->chunks;
	lr_hash_end(u->hash, u->m.sha256);
	u->hash = NULL;
	head = encode_head(u, u->closed_head, false);
	put(u, &u->id, LR_TS_CLOSED, LR_KIND_MANIFEST, u->closed_head, head,
	    left < u->env.deadline_ms ? (unsigned)left : u->env.deadline_ms,
	    closed_cb, u);
}

/* After any event: what can be done now? */
static void advance(struct lr_upload *u)
{
	if (u->phase >= LR_UPLOAD_CLOSING)
		return;
	if (!u->err && u->finishing && u->phase == LR_UPLOAD_COLLECTING) {
		lr_upload_close_inline(u);
		return;
	}
	if (!u->err && u->finishing && u->phase == LR_UPLOAD_STREAMING) {
		if (u->cur->len && !lr_upload_send_chunk(u) && !u->err)
			return;
		if (!u->err && !u->in_flight)
			lr_upload_close_chunked(u);
	}
	if (u->err && !u->in_flight && u->phase < LR_UPLOAD_CLOSING)
		lr_upload_undo(u);
	else if (u->phase < LR_UPLOAD_CLOSING)
		u->moved(u->arg);
}
