/* SPDX-License-Identifier: Apache-2.0 */
/* Storing one object:
 *
 *   1 up to 256 KiB are collected; finished by then: one closed manifest with
 *     the value in it, step 5
 *   2 more: the OPEN manifest goes to all copies, and is touched every 10 s
 *   3 chunks, a window of them in flight, each hashed as it leaves
 *   4 all have acknowledged: the closed manifest, with size and SHA-256
 *   5 over: the copies there are the least that any entry has
 *
 * An entry fails, the caller aborts, or the last touch that all answered is
 * more than 60 s old (the manifest may have been collected): wait for what is
 * in flight, TOMB all that was put, say why. A close of unknown outcome is
 * left alone: it may be there. */
#include "client/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/hash.h"
#include "net/identity.h"
#include "wire/chunk.h"

#define WINDOW_BYTES	  (16u << 20)
#define CHUNK_DEADLINE_MS 30000u

enum phase { COLLECTING, OPENING, STREAMING, CLOSING, UNDOING, OVER };

/* Data with room before it for either head. */
struct buf {
	struct lr_upload *u;
	struct buf *next; /* spare */
	uint64_t hashed;  /* the piece of the hash that lies in it */
	size_t len, cap;
	uint8_t b[]; /* LR_HEAD_MAX, then data */
};

struct lr_upload {
	struct lr_object_env env;
	lr_moved_cb moved;
	void *arg;
	enum phase phase;
	struct lr_manifest m;
	struct lr_id id;
	bool explain, finishing;
	enum lr_err err;
	char text[LR_OBJECT_TEXT];
	struct buf *cur, *spare;
	struct lr_hash *hash;
	uint64_t size, chunks; /* taken; sent */
	uint64_t whole; /* that will come, as told; 0: not known */
	unsigned in_flight, window;
	unsigned copies;
	/* the open manifest */
	uv_timer_t timer;
	bool has_timer, touching;
	unsigned touch_ms;
	uint64_t touched_ms; /* boot time; all answered what was sent then */
	uint64_t touch_sent_ms;
	uint8_t open_head[LR_HEAD_MAX], closed_head[LR_HEAD_MAX];
	size_t open_len;
};

static void advance(struct lr_upload *u);

static uint64_t boot_ms(const struct lr_upload *u)
{
	struct timespec ts;

	if (u->env.boot_ms)
		return u->env.boot_ms();
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint8_t *data_of(struct buf *b)
{
	return b->b + LR_HEAD_MAX;
}

static struct buf *buf_new(struct lr_upload *u, size_t cap)
{
	struct buf *b = u->spare;

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

/* The first failure is the one that is told. */
static void fail(struct lr_upload *u, enum lr_err err, const char *text)
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
	u->phase = OVER;
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

static void undone_cb(void *arg, enum lr_err err, const char *text)
{
	struct lr_upload *u = arg;

	(void)err, (void)text;
	if (u->err == LR_E_FULL)
		lr_explain_full(&u->env,
				u->whole > u->size ? u->whole : u->size,
				lr_class_copies(lr_id_class(&u->id)),
				explained_cb, u);
	else
		over(u);
}

/* Nothing is in flight any more. */
static void undo(struct lr_upload *u)
{
	bool put_anything = u->phase != COLLECTING;

	u->phase = UNDOING;
	if (!put_anything || u->err == LR_E_UNKNOWN)
		over(u);
	else
		lr_object_tombs(&u->env, &u->id, u->chunks, undone_cb, u);
}

/* --- entries -------------------------------------------------------------- */

static void put(struct lr_upload *u, const struct lr_id *id, uint64_t ts,
		unsigned kind, const uint8_t *value, size_t bytes,
		unsigned deadline_ms, lr_entry_cb cb, void *arg)
{
	struct lr_put p = {
		.id = *id,
		.tag = {.ts = ts, .writer = u->env.writer, .seq = 1},
		.kind = (uint8_t)kind,
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
	fail(u, err, text);
}

static void count_copies(struct lr_upload *u, const struct lr_entry_result *r)
{
	if (r->copies < u->copies)
		u->copies = r->copies;
}

/* Step 5, or the failure of the close. */
static void closed_cb(void *arg, const struct lr_entry_result *r)
{
	struct lr_upload *u = arg;

	u->in_flight--;
	if (r->err == LR_E_UNKNOWN)
		fail(u, LR_E_UNKNOWN, r->text);
	else if (r->err)
		entry_failed(u, r);
	else
		count_copies(u, r);
	if (u->err)
		undo(u);
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

static void close_inline(struct lr_upload *u)
{
	uint8_t *data = data_of(u->cur);
	size_t head;

	u->phase = CLOSING;
	u->m.flags |= LR_OBJECT_CLOSED;
	u->m.size = u->cur->len;
	lr_hash_once(data, u->cur->len, u->m.sha256);
	head = encode_head(u, data, true);
	put(u, &u->id, LR_TS_CLOSED, LR_KIND_MANIFEST, data - head,
	    head + u->cur->len, u->env.deadline_ms, closed_cb, u);
}

/* --- the open manifest ------------------------------------------------------
 */

/* May the manifest have been collected? Then nothing more may be put. */
static bool is_too_old(struct lr_upload *u)
{
	if (boot_ms(u) - u->touched_ms <= LR_OPEN_LIFE_MS)
		return false;
	fail(u, LR_E_UNREACHABLE,
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

	if (u->phase != STREAMING || u->err)
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
		u->phase = STREAMING;
		uv_timer_start(&u->timer, touch_cb, u->touch_ms, u->touch_ms);
	}
	advance(u);
}

static void open_manifest(struct lr_upload *u)
{
	u->hash = lr_hash_new();
	if (!u->hash) {
		fail(u, LR_E_NO_MEMORY, NULL);
		return;
	}
	uv_timer_init(u->env.loop, &u->timer);
	u->timer.data = u;
	u->has_timer = true;
	u->phase = OPENING;
	u->open_len = encode_head(u, u->open_head, false);
	put_open(u, opened_cb);
}

/* --- chunks -----------------------------------------------------------------
 */

static void chunk_cb(void *arg, const struct lr_entry_result *r)
{
	struct buf *b = arg;
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

/* Sends the current buffer. False: not now, or never. */
static bool send_chunk(struct lr_upload *u)
{
	struct buf *b = u->cur, *next;
	struct lr_id id;

	if (u->in_flight >= u->window || is_too_old(u))
		return false;
	next = buf_new(u, LR_VALUE_MAX);
	if (!next) {
		fail(u, LR_E_NO_MEMORY, NULL);
		return false;
	}
	u->cur = next;
	b->hashed = lr_hash_add(u->hash, data_of(b), b->len);
	lr_enc_chunk_head(data_of(b) - LR_CHUNK_HEAD, &u->id, u->chunks);
	lr_id_of_chunk(&id, &u->id, u->chunks);
	u->chunks++;
	put(u, &id, LR_TS_CLOSED, LR_KIND_CHUNK, data_of(b) - LR_CHUNK_HEAD,
	    b->len + LR_CHUNK_HEAD, CHUNK_DEADLINE_MS, chunk_cb, b);
	return true;
}

static void close_chunked(struct lr_upload *u)
{
	uint64_t left;
	size_t head;

	if (is_too_old(u)) {
		undo(u);
		return;
	}
	left = u->touched_ms + LR_OPEN_LIFE_MS - boot_ms(u);
	u->phase = CLOSING;
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
	if (u->phase >= CLOSING)
		return;
	if (!u->err && u->finishing && u->phase == COLLECTING) {
		close_inline(u);
		return;
	}
	if (!u->err && u->finishing && u->phase == STREAMING) {
		if (u->cur->len && !send_chunk(u) && !u->err)
			return;
		if (!u->err && !u->in_flight)
			close_chunked(u);
	}
	if (u->err && !u->in_flight && u->phase < CLOSING)
		undo(u);
	else if (u->phase < CLOSING)
		u->moved(u->arg);
}

/* --- the owner's side --------------------------------------------------------
 */

static bool grow(struct lr_upload *u, size_t n)
{
	struct buf *b = u->cur;
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
	if (u->phase == COLLECTING)
		open_manifest(u);
	else if (u->phase == STREAMING)
		send_chunk(u);
}

size_t lr_upload_write(struct lr_upload *u, const void *buf, size_t n)
{
	size_t room;

	if (u->err || u->finishing || !n)
		return 0;
	if (u->cur->len == LR_VALUE_MAX)
		make_room(u);
	if (!u->err && !grow(u, n))
		fail(u, LR_E_NO_MEMORY, NULL);
	room = u->cur->cap - u->cur->len;
	if (u->err || !room)
		return 0;
	if (n > room)
		n = room;
	memcpy(data_of(u->cur) + u->cur->len, buf, n);
	u->cur->len += n;
	u->size += n;
	return n;
}

void lr_upload_finish(struct lr_upload *u)
{
	u->finishing = true;
	if (u->phase == COLLECTING && !u->err)
		close_inline(u);
	else if (u->phase == STREAMING && u->cur->len && !u->err)
		send_chunk(u);
	if (!u->in_flight && u->phase < CLOSING) {
		if (u->err)
			undo(u);
		else
			close_chunked(u);
	}
}

void lr_upload_abort(struct lr_upload *u)
{
	u->finishing = true;
	fail(u, LR_E_INTERRUPTED, "interrupted: nothing was stored");
	if (!u->in_flight && u->phase < CLOSING)
		undo(u);
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
	u->cur = buf_new(u, cap);
	if (!u->cur) {
		free(u);
		return NULL;
	}
	lr_random(&u->id, sizeof u->id);
	lr_id_set_class(&u->id, o->cls);
	u->m = (struct lr_manifest){
		.flags = o->is_public ? LR_OBJECT_PUBLIC : 0,
		.owner = env->owner,
		.uid = env->uid,
		.chunk_bytes = LR_VALUE_MAX,
		.created_ms = unix_ms(),
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
	return u->phase == OVER;
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
	struct buf *b;

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
