/* SPDX-License-Identifier: Apache-2.0 */
/* Storing one object:
 *
 *   1 up to 256 KiB are collected; finished by then: one closed manifest with
 *     the value in it, step 5; its donors are full, or surely have not got it
 *     within 2 s: another ID, other donors
 *   2 more: the OPEN manifest goes to all copies, and is touched every 10 s
 *   3 chunks, a window of them in flight, each hashed as it leaves
 *   4 all have acknowledged: the closed manifest, with size and SHA-256
 *   5 over: the copies there are the least that any entry has
 *
 * An entry fails, the caller aborts, or the last touch that all answered is
 * more than 60 s old (the manifest may have been collected): wait for what is
 * in flight, TOMB all that was put, say why. A close of unknown outcome is
 * left alone: it may be there. */
#include "client/object_store_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/clock.h"
#include "net/identity.h"

#define WINDOW_BYTES (16u << 20)
#define REDRAWS 8

uint8_t *lr_upload_data(struct lr_upload_buf *b)
{
	return b->b + LR_HEAD_MAX;
}

struct lr_upload_buf *lr_upload_buf_new(struct lr_upload *u, size_t cap)
{
	struct lr_upload_buf *b = u->spare;

	if (b) {
		u->spare = b->next;
		lr_hash_wait(u->hash, b->hashed);
	} else {
		b = malloc(sizeof *b + LR_HEAD_MAX + cap);
		if (!b)
			return NULL;
		b->cap = cap;
	}
	b->u = u;
	b->len = 0;
	return b;
}

static bool grow(struct lr_upload *u, size_t n)
{
	struct lr_upload_buf *b = u->cur;
	size_t cap = b->cap;

	if (b->cap == LR_VALUE_MAX || b->len + n <= b->cap)
		return true;
	while (cap < b->len + n && cap < LR_VALUE_MAX)
		cap = cap * 2;
	if (cap > LR_VALUE_MAX)
		cap = LR_VALUE_MAX;
	b = realloc(b, sizeof *b + LR_HEAD_MAX + cap);
	if (!b)
		return false;
	b->cap = cap;
	u->cur = b;
	return true;
}

/* The current buffer is full and there is more. */
static void make_room(struct lr_upload *u)
{
	if (u->phase == LR_UPLOAD_COLLECTING)
		lr_upload_open(u);
	else if (u->phase == LR_UPLOAD_STREAMING)
		lr_upload_send_chunk(u);
}

size_t lr_upload_write(struct lr_upload *u, const void *buf, size_t n)
{
	size_t room;

	if (u->err || u->finishing || !n)
		return 0;
	if (u->cur->len == LR_VALUE_MAX)
		make_room(u);
	if (!u->err && !grow(u, n))
		lr_upload_fail(u, LR_E_NO_MEMORY, NULL);
	room = u->cur->cap - u->cur->len;
	if (u->err || !room)
		return 0;
	if (n > room)
		n = room;
	memcpy(lr_upload_data(u->cur) + u->cur->len, buf, n);
	u->cur->len += n;
	u->size += n;
	return n;
}

void lr_upload_finish(struct lr_upload *u)
{
	u->finishing = true;
	if (u->phase == LR_UPLOAD_COLLECTING && !u->err)
		lr_upload_close_inline(u);
	else if (u->phase == LR_UPLOAD_STREAMING && u->cur->len && !u->err)
		lr_upload_send_chunk(u);
	if (!u->in_flight && u->phase < LR_UPLOAD_CLOSING) {
		if (u->err)
			lr_upload_undo(u);
		else
			lr_upload_close_chunked(u);
	}
}

void lr_upload_abort(struct lr_upload *u)
{
	u->finishing = true;
	u->redraws = 0;
	lr_upload_fail(u, LR_E_INTERRUPTED, "interrupted: nothing was stored");
	if (!u->in_flight && u->phase < LR_UPLOAD_CLOSING)
		lr_upload_undo(u);
}

void lr_upload_draw_id(struct lr_upload *u, enum lr_class cls)
{
	lr_random(&u->id, sizeof u->id);
	lr_id_set_class(&u->id, cls);
}

struct lr_upload *lr_upload_new(const struct lr_object_env *env,
				const struct lr_upload_options *o,
				lr_moved_cb moved, void *arg)
{
	struct lr_upload *u = calloc(1, sizeof *u);
	size_t cap = o->expect_bytes;

	if (!u)
		return NULL;
	u->env = *env;
	u->moved = moved;
	u->arg = arg;
	u->explain = o->explain;
	u->whole = o->size;
	u->copies = lr_class_copies(o->cls);
	u->window =
		(unsigned)((o->window_bytes ? o->window_bytes : WINDOW_BYTES) /
			   LR_VALUE_MAX);
	if (u->window < 2)
		u->window = 2; /* a touch must not wait for the chunks */
	u->touch_ms = o->touch_ms ? o->touch_ms : LR_TOUCH_MS;
	if (!cap || cap > LR_VALUE_MAX)
		cap = LR_VALUE_MAX;
	u->cur = lr_upload_buf_new(u, cap);
	if (!u->cur) {
		free(u);
		return NULL;
	}
	u->redraws = REDRAWS;
	lr_upload_draw_id(u, o->cls);
	u->m = (struct lr_manifest){
		.flags = o->is_public ? LR_OBJECT_PUBLIC : 0,
		.owner = env->owner,
		.uid = env->uid,
		.chunk_bytes = LR_VALUE_MAX,
		.created_ms = lr_unix_ms(),
	};
	if (o->ttl_ms)
		u->m.expires_ms = u->m.created_ms + o->ttl_ms;
	snprintf(u->m.name, sizeof u->m.name, "%s", o->name ? o->name : "");
	return u;
}

bool lr_upload_failed(const struct lr_upload *u)
{
	return u->err != LR_E_OK;
}

bool lr_upload_is_over(const struct lr_upload *u)
{
	return u->phase == LR_UPLOAD_OVER;
}

enum lr_err lr_upload_result(const struct lr_upload *u)
{
	return u->err;
}

const char *lr_upload_text(const struct lr_upload *u)
{
	return u->text;
}

const struct lr_id *lr_upload_id(const struct lr_upload *u)
{
	return &u->id;
}

uint64_t lr_upload_size(const struct lr_upload *u)
{
	return u->size;
}

unsigned lr_upload_copies(const struct lr_upload *u)
{
	return u->copies;
}

static void freed_cb(uv_handle_t *h)
{
	free(h->data);
}

void lr_upload_free(struct lr_upload *u)
{
	struct lr_upload_buf *b;

	lr_hash_free(u->hash); /* before what it reads */
	u->hash = NULL;
	while ((b = u->spare)) {
		u->spare = b->next;
		free(b);
	}
	free(u->cur);
	if (u->has_timer)
		uv_close((uv_handle_t *)&u->timer, freed_cb);
	else
		free(u);
}
