/* SPDX-License-Identifier: Apache-2.0 */
/* Retrieving one object:
 *
 *   1 GET the manifest; absent, open or expired: ABSENT
 *   2 the value is in it: check its SHA-256, deliver
 *   3 else chunks, a window of them asked ahead, delivered in order and hashed
 *     on the way; the last one's turn is the hash's
 *
 * A chunk that cannot be had: no more is delivered; the remaining chunks are
 * tried for up to 5 s, only to tell how many are missing and where they are.
 * A chunk that is not there although the manifest was: look at the manifest
 * again, it may have been removed meanwhile. */
#include "client/object_fetch_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/clock.h"
#include "wire/chunk.h"

#define READAHEAD 32u

#define READAHEAD_MAX 256u

static void ask_more(struct lr_download *d);

/* --- step 1 --------------------------------------------------------------- */

bool lr_download_is_visible(const struct lr_manifest *m)
{
	return m->flags & LR_OBJECT_CLOSED &&
	       (!m->expires_ms || m->expires_ms > lr_unix_ms());
}

/* Counts agree with each other, so that nothing later overflows. */
static bool is_sound(const struct lr_manifest *m, size_t inline_len)
{
	uint64_t full;

	if (!m->chunks)
		return m->size == inline_len && m->size <= LR_VALUE_MAX;
	full = m->size / LR_VALUE_MAX + (m->size % LR_VALUE_MAX != 0);
	return m->chunk_bytes == LR_VALUE_MAX && !inline_len &&
	       m->chunks == full;
}

static bool take_inline(struct lr_download *d, const struct lr_reader *r)
{
	uint8_t sum[32];

	lr_hash_once(r->p, r->left, sum);
	if (memcmp(sum, d->m.sha256, sizeof sum)) {
		lr_download_over(d, LR_E_CORRUPT, "its SHA-256 is wrong");
		return false;
	}
	d->inline_data = malloc(r->left ? r->left : 1);
	if (!d->inline_data) {
		lr_download_over(d, LR_E_NO_MEMORY, "");
		return false;
	}
	memcpy(d->inline_data, r->p, r->left);
	return true;
}

static bool prepare_chunks(struct lr_download *d)
{
	d->ring = calloc(d->window, sizeof *d->ring);
	d->hash = lr_hash_new();
	if (d->ring && d->hash)
		return true;
	lr_download_over(d, LR_E_NO_MEMORY, "");
	return false;
}

static void take_manifest(struct lr_download *d,
			  const struct lr_entry_result *res)
{
	struct lr_reader r = lr_reader(res->value, res->bytes);

	if (res->err == LR_E_LOST) {
		lr_download_note_lost(d, &d->id);
		lr_download_lost(d, "");
		return;
	}
	if (res->err) {
		lr_download_over(d, res->err, res->text);
		return;
	}
	if (res->found != LR_FOUND_VALUE) {
		lr_download_over(d, LR_E_ABSENT, "");
		return;
	}
	if (res->kind != LR_KIND_MANIFEST || !lr_dec_manifest(&r, &d->m)) {
		lr_download_over(d, LR_E_CORRUPT, "it is no object");
		return;
	}
	if (!lr_download_is_visible(&d->m)) {
		lr_download_over(d, LR_E_ABSENT, "");
		return;
	}
	if (!is_sound(&d->m, r.left)) {
		lr_download_over(d, LR_E_CORRUPT, "its description is damaged");
		return;
	}
	if (!(d->m.chunks ? prepare_chunks(d) : take_inline(d, &r)))
		return;
	d->phase = LR_DOWNLOAD_READY;
	d->moved(d->arg);
}

static void manifest_cb(void *arg, const struct lr_entry_result *res)
{
	struct lr_download *d = arg;

	if (!d->freed)
		take_manifest(d, res);
	lr_download_leave(d);
}

/* --- chunks --------------------------------------------------------------- */

static uint32_t chunk_len(const struct lr_download *d, uint64_t n)
{
	return n + 1 < d->m.chunks ? LR_VALUE_MAX
				   : (uint32_t)(d->m.size - n * LR_VALUE_MAX);
}

static bool keep(struct lr_download_piece *p, const struct lr_entry_result *res)
{
	struct lr_download *d = p->d;
	struct lr_id object;
	uint64_t n;

	if (res->kind != LR_KIND_CHUNK ||
	    !lr_dec_chunk_head(res->value, res->bytes, &object, &n) ||
	    !lr_id_eq(&object, &d->id) || n != p->n ||
	    res->bytes - LR_CHUNK_HEAD != chunk_len(d, n)) {
		lr_download_over(d, LR_E_CORRUPT,
				 "a chunk is not what it should be");
		return false;
	}
	if (d->into)
		p->data = d->into + n * LR_VALUE_MAX;
	else if (!p->data)
		p->data = malloc(LR_VALUE_MAX);
	if (!p->data) {
		lr_download_over(d, LR_E_NO_MEMORY, "");
		return false;
	}
	p->len = res->bytes - LR_CHUNK_HEAD;
	lr_room_make(&d->room, p->data + p->len);
	memcpy(p->data, res->value + LR_CHUNK_HEAD, p->len);
	p->there = true;
	return true;
}

static void check_hash(struct lr_download *d)
{
	uint8_t sum[32];

	lr_hash_end(d->hash, sum);
	d->hash = NULL;
	if (memcmp(sum, d->m.sha256, sizeof sum))
		lr_download_over(d, LR_E_CORRUPT, "its SHA-256 is wrong");
}

/* Hashes what has come in order; with `into` that also delivers it. False:
 * over. */
static bool hash_ready(struct lr_download *d)
{
	struct lr_download_piece *p = &d->ring[d->hashed % d->window];

	while (d->hashed < d->m.chunks && p->there && p->n == d->hashed) {
		p->hashed = lr_hash_add(d->hash, p->data, p->len);
		d->hashed++;
		if (d->into) {
			p->there = p->asked = false;
			d->read += p->len;
		}
		p = &d->ring[d->hashed % d->window];
	}
	if (d->hash && d->hashed == d->m.chunks)
		check_hash(d);
	return d->phase != LR_DOWNLOAD_OVER;
}

/* A reply is in; it still counts as in flight. */
static void took(struct lr_download *d)
{
	if (d->phase == LR_DOWNLOAD_COUNTING) {
		ask_more(d);
		if (d->in_flight == 1)
			lr_download_tell_missing(d);
	} else if (d->phase == LR_DOWNLOAD_BODY) {
		if (!hash_ready(d))
			return;
		ask_more(d);
		if (d->into && d->read == d->m.size)
			lr_download_over(d, LR_E_OK, NULL);
		else
			d->moved(d->arg);
	}
}

static void take_chunk(struct lr_download_piece *p,
		       const struct lr_entry_result *res)
{
	struct lr_download *d = p->d;

	if (d->phase == LR_DOWNLOAD_COUNTING)
		p->asked = false;
	if (d->phase != LR_DOWNLOAD_BODY && d->phase != LR_DOWNLOAD_COUNTING)
		return;
	if (!res->err && res->found == LR_FOUND_VALUE) {
		if (d->phase == LR_DOWNLOAD_BODY && !keep(p, res))
			return;
	} else if (!res->err || res->err == LR_E_ABSENT) {
		lr_download_look_again(d);
		return;
	} else if (res->err == LR_E_PERMISSION || res->err == LR_E_NO_MEMORY) {
		lr_download_over(d, res->err, res->text);
		return;
	} else {
		if (res->err == LR_E_LOST)
			lr_download_note_lost_chunk(d, p->n);
		lr_download_count_missing(d, res);
		p->asked = false;
	}
	took(d);
}

static void chunk_cb(void *arg, const struct lr_entry_result *res)
{
	struct lr_download_piece *p = arg;
	struct lr_download *d = p->d;

	if (!d->freed)
		take_chunk(p, res);
	lr_download_leave(d);
}

static void ask_chunk(struct lr_download *d, uint64_t n)
{
	struct lr_download_piece *p = &d->ring[n % d->window];
	struct lr_id id;

	p->d = d;
	p->n = n;
	p->asked = true;
	p->there = false;
	d->in_flight++;
	lr_id_of_chunk(&id, &d->id, n);
	d->env.entries->ops->get(d->env.entries, &id, 0,
				 d->phase == LR_DOWNLOAD_COUNTING
					 ? LR_DOWNLOAD_COUNT_MS
					 : d->env.deadline_ms,
				 chunk_cb, p);
}

/* Up to the window's end; while counting, what is there is in nobody's way. */
static void ask_more(struct lr_download *d)
{
	struct lr_download_piece *p;

	if (d->phase == LR_DOWNLOAD_COUNTING &&
	    lr_now_ms() > d->count_until)
		return;
	while (d->asked < d->m.chunks) {
		p = &d->ring[d->asked % d->window];
		if (d->phase == LR_DOWNLOAD_COUNTING && p->there)
			p->asked = p->there = false;
		if (p->asked)
			return;
		ask_chunk(d, d->asked++);
	}
}

/* --- the owner's side ----------------------------------------------------- */

static size_t read_inline(struct lr_download *d, void *buf, size_t n)
{
	if (n > d->m.size - d->read)
		n = (size_t)(d->m.size - d->read);
	memcpy(buf, d->inline_data + d->read, n);
	d->read += n;
	if (d->read == d->m.size)
		d->phase = LR_DOWNLOAD_OVER;
	return n;
}

static size_t read_chunks(struct lr_download *d, void *buf, size_t n)
{
	uint64_t at = d->read / LR_VALUE_MAX;
	size_t off = (size_t)(d->read % LR_VALUE_MAX);
	struct lr_download_piece *p = &d->ring[at % d->window];

	if (!p->there || p->n != at || d->hashed <= at)
		return 0;
	if (n > p->len - off)
		n = p->len - off;
	memcpy(buf, p->data + off, n);
	d->read += n;
	if (off + n == p->len) {
		lr_hash_wait(d->hash, p->hashed);
		p->asked = p->there = false;
		if (hash_ready(d))
			ask_more(d);
	}
	if (d->read == d->m.size && d->phase == LR_DOWNLOAD_BODY)
		d->phase = LR_DOWNLOAD_OVER;
	return n;
}

size_t lr_download_read(struct lr_download *d, void *buf, size_t n)
{
	if (d->phase == LR_DOWNLOAD_READY) {
		d->phase = LR_DOWNLOAD_BODY;
		if (d->m.chunks)
			ask_more(d);
	}
	if (d->phase != LR_DOWNLOAD_BODY)
		return 0;
	return d->m.chunks ? read_chunks(d, buf, n) : read_inline(d, buf, n);
}

void lr_download_into(struct lr_download *d, void *to)
{
	d->phase = LR_DOWNLOAD_BODY;
	if (d->m.chunks) {
		d->into = to;
		lr_room_init(&d->room, to, (size_t)d->m.size);
		ask_more(d);
	} else {
		read_inline(d, to, (size_t)d->m.size);
	}
}

struct lr_download *lr_download_new(const struct lr_object_env *env,
				    const struct lr_id *id, const char *ref,
				    unsigned readahead, lr_moved_cb moved,
				    void *arg)
{
	struct lr_download *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->env = *env;
	d->id = *id;
	d->moved = moved;
	d->arg = arg;
	d->window = readahead ? readahead : READAHEAD;
	if (d->window > READAHEAD_MAX)
		d->window = READAHEAD_MAX;
	snprintf(d->ref, sizeof d->ref, "%s", ref);
	d->in_flight++;
	env->entries->ops->get(env->entries, id, 0, env->deadline_ms,
			       manifest_cb, d);
	return d;
}

const struct lr_manifest *lr_download_manifest(const struct lr_download *d)
{
	return d->m.flags & LR_OBJECT_CLOSED && d->phase != LR_DOWNLOAD_HEAD
		       ? &d->m
		       : NULL;
}

bool lr_download_is_over(const struct lr_download *d)
{
	return d->phase == LR_DOWNLOAD_OVER;
}

enum lr_err lr_download_result(const struct lr_download *d)
{
	return d->err;
}

const char *lr_download_text(const struct lr_download *d)
{
	return d->text;
}

void lr_download_free(struct lr_download *d)
{
	d->freed = true;
	lr_hash_free(d->hash); /* it may read what is the caller's */
	d->hash = NULL;
	if (!d->in_flight)
		lr_download_destroy(d);
}
