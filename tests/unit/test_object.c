/* SPDX-License-Identifier: Apache-2.0 */
/* Objects, on entries that are in memory and misbehave on demand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/object.h"
#include "mem_entries.h"
#include "wire/chunk.h"

#define MIB (1024u * 1024)

struct fixture {
	uv_loop_t loop;
	struct mem mem;
	struct lr_object_env env;
	uint8_t *data;
	size_t size;
	unsigned puts_seen, opens_seen, closes_seen;
};

static uint64_t clock_ms = 1000;

static uint64_t fake_boot_ms(void)
{
	return clock_ms;
}

static void nothing_cb(void *arg)
{
	(void)arg;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	uv_loop_init(&f->loop);
	mem_init(&f->mem, &f->loop);
	f->env = (struct lr_object_env){.loop = &f->loop,
					.entries = &f->mem.entries,
					.writer = 7,
					.deadline_ms = 1000,
					.boot_ms = fake_boot_ms};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mem_done(&f->mem);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f->data);
	free(f);
	return 0;
}

/* Bytes that differ from place to place. */
static void make_data(struct fixture *f, size_t size)
{
	uint32_t x = 2463534242u;

	free(f->data);
	f->size = size;
	f->data = malloc(size + 1);
	assert_non_null(f->data);
	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		f->data[i] = (uint8_t)x;
	}
}

static struct lr_upload *begin(struct fixture *f,
			       const struct lr_upload_options *o)
{
	static const struct lr_upload_options plain = {.cls = LR_NORMAL};
	struct lr_upload *u =
		lr_upload_new(&f->env, o ? o : &plain, nothing_cb, NULL);

	assert_non_null(u);
	return u;
}

/* Writes as much as is taken, waiting; stops when the upload fails. */
static void write_all(struct fixture *f, struct lr_upload *u, size_t from,
		      size_t to, size_t step)
{
	while (from < to && !lr_upload_failed(u)) {
		size_t n = to - from < step ? to - from : step;
		size_t took = lr_upload_write(u, f->data + from, n);

		from += took;
		if (!took)
			mem_turn(&f->mem);
	}
}

static void wait_over(struct fixture *f, struct lr_upload *u)
{
	while (!lr_upload_is_over(u))
		mem_turn(&f->mem);
}

static enum lr_err store_all(struct fixture *f, struct lr_id *ret_id)
{
	struct lr_upload *u = begin(f, NULL);
	enum lr_err err;

	write_all(f, u, 0, f->size, 100000);
	lr_upload_finish(u);
	wait_over(f, u);
	*ret_id = *lr_upload_id(u);
	err = lr_upload_result(u);
	lr_upload_free(u);
	return err;
}

/* Reads in steps of `step` and compares; the error and sentence at the end. */
static enum lr_err fetch(struct fixture *f, const struct lr_id *id, size_t step,
			 char *text)
{
	struct lr_download *d =
		lr_download_new(&f->env, id, "thing", 4, nothing_cb, NULL);
	uint8_t *buf = malloc(step);
	size_t at = 0, n;
	enum lr_err err;

	assert_non_null(d);
	assert_non_null(buf);
	while (!lr_download_is_over(d)) {
		n = lr_download_read(d, buf, step);
		if (!n && !lr_download_is_over(d))
			mem_turn(&f->mem);
		assert_true(at + n <= f->size);
		assert_memory_equal(buf, f->data + at, n);
		at += n;
	}
	err = lr_download_result(d);
	if (!err)
		assert_int_equal(at, f->size);
	if (text)
		strcpy(text, lr_download_text(d));
	lr_download_free(d);
	free(buf);
	return err;
}

static struct mem_entry *chunk(struct fixture *f, const struct lr_id *id,
			       uint64_t n)
{
	struct lr_id c;
	struct mem_entry *e;

	lr_id_of_chunk(&c, id, n);
	e = mem_find(&f->mem, &c);
	assert_non_null(e);
	return e;
}

/* Any size comes back as it was stored, in one entry up to 256 KiB and in a
 * manifest and chunks above. */
static void test_sizes(void **state)
{
	static const struct {
		size_t size, entries;
	} t[] = {{0, 1},      {1, 1},	     {262143, 1},      {262144, 1},
		 {262145, 3}, {5 * MIB, 21}, {5 * MIB + 1, 22}};
	struct fixture *f = *state;
	struct lr_id id;
	size_t before = 0;

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		make_data(f, t[i].size);
		assert_int_equal(store_all(f, &id), LR_E_OK);
		assert_int_equal(mem_values(&f->mem) - before, t[i].entries);
		before = mem_values(&f->mem);
		assert_int_equal(fetch(f, &id, 65536, NULL), LR_E_OK);
		assert_int_equal(fetch(f, &id, 300001, NULL), LR_E_OK);
	}
	assert_int_equal(mem_tombs(&f->mem), 0);
}

/* The whole value lands in the caller's memory. */
static void test_into(void **state)
{
	struct fixture *f = *state;
	struct lr_download *d;
	struct lr_id id;
	uint8_t *to;

	for (size_t size = 1000; size < 4 * MIB; size += 3 * MIB) {
		make_data(f, size);
		assert_int_equal(store_all(f, &id), LR_E_OK);
		d = lr_download_new(&f->env, &id, "x", 3, nothing_cb, NULL);
		while (!lr_download_manifest(d))
			mem_turn(&f->mem);
		to = malloc(size);
		lr_download_into(d, to);
		while (!lr_download_is_over(d))
			mem_turn(&f->mem);
		assert_int_equal(lr_download_result(d), LR_E_OK);
		assert_memory_equal(to, f->data, size);
		lr_download_free(d);
		free(to);
	}
}

/* Name, owner, class, flags and expiry are in the manifest; copies are the
 * least that any entry has. */
static void test_manifest(void **state)
{
	struct fixture *f = *state;
	struct lr_upload_options o = {.name = "build.tar",
				      .cls = LR_SAFE,
				      .is_public = true,
				      .ttl_ms = 60000};
	const struct lr_manifest *m;
	struct lr_download *d;
	struct lr_upload *u;

	f->env.uid = 1000;
	memset(&f->env.owner, 5, sizeof f->env.owner);
	make_data(f, 10);
	u = begin(f, &o);
	write_all(f, u, 0, 10, 3);
	lr_upload_finish(u);
	wait_over(f, u);
	assert_int_equal(lr_upload_copies(u), 2);
	assert_int_equal(lr_id_class(lr_upload_id(u)), LR_SAFE);
	d = lr_download_new(&f->env, lr_upload_id(u), "x", 0, nothing_cb, NULL);
	while (!(m = lr_download_manifest(d)))
		mem_turn(&f->mem);
	assert_string_equal(m->name, "build.tar");
	assert_int_equal(m->uid, 1000);
	assert_int_equal(m->owner.b[31], 5);
	assert_int_equal(m->flags, LR_OBJECT_PUBLIC | LR_OBJECT_CLOSED);
	assert_int_equal(m->expires_ms - m->created_ms, 60000);
	lr_download_free(d);
	lr_upload_free(u);
}

/* A pool that fills up at any entry: the store says FULL and nothing of the
 * object is left but TOMBs. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	struct lr_id id;

	make_data(f, 3 * MIB);
	for (unsigned at = 1; at <= 14; at++) {
		f->mem.puts = 0;
		f->mem.fail_at = at;
		f->mem.fail_err = LR_E_FULL;
		assert_int_equal(store_all(f, &id), LR_E_FULL);
		assert_int_equal(mem_values(&f->mem), 0);
		assert_true(mem_tombs(&f->mem) > 0);
	}
}

/* An inline value that one copy refused is removed from the others, and gets
 * another ID, whose donors may have room. */
static void test_full_inline(void **state)
{
	struct fixture *f = *state;
	struct lr_id id;

	make_data(f, 100);
	f->mem.fail_at = 1;
	f->mem.fail_err = LR_E_FULL;
	assert_int_equal(store_all(f, &id), LR_E_OK);
	assert_int_equal(mem_values(&f->mem), 1);
	assert_int_equal(mem_tombs(&f->mem), 1);
	f->mem.puts = 0;
	f->mem.fail_on = true;
	assert_int_equal(store_all(f, &id), LR_E_FULL);
	assert_int_equal(mem_values(&f->mem), 1);
	assert_int_equal(mem_tombs(&f->mem), 10);
}

/* Given up in the middle, with chunks in flight: all is TOMBed. */
static void test_abort(void **state)
{
	struct fixture *f = *state;
	struct lr_upload *u;

	make_data(f, 4 * MIB);
	for (size_t at = 0; at <= 4 * MIB; at += MIB) {
		u = begin(f, NULL);
		write_all(f, u, 0, at, MIB);
		lr_upload_abort(u);
		wait_over(f, u);
		assert_int_equal(lr_upload_result(u), LR_E_INTERRUPTED);
		lr_upload_free(u);
		assert_int_equal(mem_values(&f->mem), 0);
	}
	assert_int_equal(mem_tombs(&f->mem), 4 + (3 + 7 + 11 + 15));
}

/* A chunk of unknown outcome: the object certainly is not stored. A close of
 * unknown outcome: nobody knows, and nothing is taken away. */
static void test_unknown(void **state)
{
	struct fixture *f = *state;
	struct lr_id id;

	make_data(f, MIB);
	f->mem.fail_err = LR_E_UNKNOWN;
	f->mem.fail_at = 3;
	assert_int_equal(store_all(f, &id), LR_E_UNREACHABLE);
	assert_int_equal(mem_values(&f->mem), 0);
	f->mem.puts = 0;
	f->mem.fail_at = 6; /* open, 4 chunks, close */
	assert_int_equal(store_all(f, &id), LR_E_UNKNOWN);
	assert_int_equal(mem_values(&f->mem), 5);
	make_data(f, 10);
	f->mem.puts = 0;
	f->mem.fail_at = 1;
	assert_int_equal(store_all(f, &id), LR_E_UNKNOWN);
}

static void count_put(void *arg, const struct lr_put *p)
{
	struct fixture *f = arg;

	if (p->flags & LR_PUT_TOMB)
		return;
	f->puts_seen++;
	if (p->kind == LR_KIND_MANIFEST && p->tag.ts == LR_TS_OPEN)
		f->opens_seen++;
	if (p->kind == LR_KIND_MANIFEST && p->tag.ts == LR_TS_CLOSED)
		f->closes_seen++;
}

/* While a writer is slow, the open manifest is touched with the same tag; it
 * lives as long as somebody touches it. */
static void test_touch(void **state)
{
	struct fixture *f = *state;
	struct lr_upload_options o = {.cls = LR_NORMAL, .touch_ms = 5};
	struct lr_upload *u = begin(f, &o);

	f->mem.on_put = count_put;
	f->mem.on_put_arg = f;
	make_data(f, MIB);
	write_all(f, u, 0, MIB / 2 + 1, MIB);
	while (f->opens_seen < 5) {
		clock_ms += 40000;
		mem_turn(&f->mem);
	}
	write_all(f, u, MIB / 2 + 1, MIB, MIB);
	lr_upload_finish(u);
	wait_over(f, u);
	assert_int_equal(lr_upload_result(u), LR_E_OK);
	assert_int_equal(f->closes_seen, 1);
	lr_upload_free(u);
}

/* Touches fail for over 60 s: no touch, chunk or close may follow, for the
 * manifest's TOMB may have been collected by then. */
static void test_too_old(void **state)
{
	struct fixture *f = *state;
	struct lr_upload_options o = {.cls = LR_NORMAL, .touch_ms = 5};
	struct lr_upload *u = begin(f, &o);
	unsigned before;

	make_data(f, MIB);
	write_all(f, u, 0, MIB - 1, MIB);
	mem_turn(&f->mem);
	f->mem.fail_at = 1;
	f->mem.fail_on = f->mem.fail_only_open = true;
	f->mem.fail_err = LR_E_UNREACHABLE;
	f->mem.puts = 0;
	while (f->mem.puts < 3) { /* one may have been on its way */
		clock_ms += 100;
		mem_turn(&f->mem);
	}
	clock_ms += 61000;
	f->mem.on_put = count_put;
	f->mem.on_put_arg = f;
	before = f->puts_seen;
	lr_upload_finish(u);
	wait_over(f, u);
	assert_int_equal(lr_upload_result(u), LR_E_UNREACHABLE);
	assert_int_equal(f->closes_seen, 0);
	assert_true(f->puts_seen <= before + 1); /* a touch already queued */
	assert_int_equal(mem_values(&f->mem), 0);
	lr_upload_free(u);
}

/* The machine slept for over a minute in the middle of a store: the next
 * write gives it up, before anything else is put. */
static void test_slept(void **state)
{
	struct fixture *f = *state;
	struct lr_upload *u = begin(f, NULL);

	make_data(f, 2 * MIB);
	write_all(f, u, 0, MIB, MIB);
	for (int i = 0; i < 8; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	f->mem.on_put = count_put;
	f->mem.on_put_arg = f;
	clock_ms += 60001;
	write_all(f, u, MIB, 2 * MIB, MIB);
	assert_true(lr_upload_failed(u));
	lr_upload_abort(u);
	wait_over(f, u);
	assert_int_equal(f->puts_seen, 0);
	assert_int_equal(lr_upload_result(u), LR_E_UNREACHABLE);
	assert_int_equal(mem_values(&f->mem), 0);
	lr_upload_free(u);
}

/* Chunks whose only donor is silent are counted and the donor is named. */
static void test_away(void **state)
{
	struct fixture *f = *state;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	make_data(f, 5 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	for (uint64_t n = 3; n < 20; n += 8) {
		chunk(f, &id, n)->trouble = LR_E_UNREACHABLE;
		chunk(f, &id, n)->who = "birch, silent for 40 s";
	}
	assert_int_equal(fetch(f, &id, 4096, text), LR_E_UNREACHABLE);
	assert_string_equal(text,
			    "thing cannot be read now: 3 of 20 chunks are only "
			    "on birch, silent for 40 s. Start birch and retry; "
			    "if its RAM is gone: lanram forget birch");
}

/* Lost chunks weigh more than those that are only away. */
static void test_lost(void **state)
{
	struct fixture *f = *state;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	make_data(f, 5 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	chunk(f, &id, 2)->trouble = LR_E_UNREACHABLE;
	chunk(f, &id, 9)->trouble = LR_E_LOST;
	chunk(f, &id, 10)->trouble = LR_E_LOST;
	assert_int_equal(fetch(f, &id, 4096, text), LR_E_LOST);
	assert_string_equal(text, "thing is lost: of 2 of 20 chunks no copy is "
				  "left. lanram remove thing");
}

struct losses {
	uint8_t meta[16], bulk[512];
	unsigned slots;
};

static enum lr_err loss_answer(void *arg, unsigned type, const void *meta,
			       size_t len, struct lr_frame *ret)
{
	struct losses *l = arg;
	struct lr_msg_loss_r m = {.err = 0};
	struct lr_writer w = lr_writer(l->meta, sizeof l->meta);
	struct lr_writer b = lr_writer(l->bulk, sizeof l->bulk);
	struct lr_rec_loss birch = {.name = lr_str("birch")},
			   cedar = {.name = lr_str("cedar"), .back_ms = 1};
	struct lr_msg_loss ask;

	assert_int_equal(type, LR_M_LOSS);
	assert_true(lr_dec_loss(meta, len, &ask));
	l->slots = ask.slots.n / 2;
	lr_enc_loss_r(&w, &m);
	lr_enc_rec_loss(&b, &birch);
	lr_enc_rec_loss(&b, &cedar);
	*ret = (struct lr_frame){.h = {.type = LR_M_LOSS_R,
				       .meta = (uint16_t)w.len,
				       .bulk = (uint32_t)b.len},
				 .meta = l->meta,
				 .bulk = l->bulk};
	return LR_E_OK;
}

/* Who held it is asked for, and told; when, only if all of them came back. */
static void test_lost_names(void **state)
{
	struct fixture *f = *state;
	struct losses l;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	make_data(f, 5 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	chunk(f, &id, 9)->trouble = LR_E_LOST;
	chunk(f, &id, 10)->trouble = LR_E_LOST;
	f->mem.answer = loss_answer;
	f->mem.answer_arg = &l;
	assert_int_equal(fetch(f, &id, 4096, text), LR_E_LOST);
	assert_int_equal(l.slots, 2);
	assert_string_equal(text, "thing is lost: the copies of 2 of 20 chunks "
				  "were on birch and cedar. lanram remove "
				  "thing");
}

/* An inline object whose donor is away says who is awaited. */
static void test_inline_away(void **state)
{
	struct fixture *f = *state;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	make_data(f, 10);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	mem_find(&f->mem, &id)->trouble = LR_E_UNREACHABLE;
	mem_find(&f->mem, &id)->who = "birch, silent for 40 s";
	assert_int_equal(fetch(f, &id, 10, text), LR_E_UNREACHABLE);
	assert_string_equal(text,
			    "thing cannot be read now: it is only on birch, "
			    "silent for 40 s. Start birch and retry; if its "
			    "RAM is gone: lanram forget birch");
}

/* A byte changed behind everybody's back is found by the object's SHA-256,
 * inline and in a chunk. */
static void test_corrupt(void **state)
{
	struct fixture *f = *state;
	struct lr_id id;
	struct mem_entry *e;

	make_data(f, 1000);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	e = mem_find(&f->mem, &id);
	e->value[e->bytes - 1] ^= 1;
	assert_int_equal(fetch(f, &id, 1000, NULL), LR_E_CORRUPT);
	make_data(f, 2 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	e = chunk(f, &id, 7);
	e->value[e->bytes - 1] ^= 1;
	f->data[2 * MIB - 1] ^= 1;
	assert_int_equal(fetch(f, &id, 100000, NULL), LR_E_CORRUPT);
}

/* A chunk of another object, or of another place, is not taken. */
static void test_wrong_chunk(void **state)
{
	struct fixture *f = *state;
	struct lr_id id;
	struct mem_entry *e;

	make_data(f, 2 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	e = chunk(f, &id, 1);
	e->value[16]++; /* its number */
	assert_int_equal(fetch(f, &id, 100000, NULL), LR_E_CORRUPT);
	e->value[16]--;
	e->bytes--;
	assert_int_equal(fetch(f, &id, 100000, NULL), LR_E_CORRUPT);
	e->bytes++;
	assert_int_equal(fetch(f, &id, 100000, NULL), LR_E_OK);
}

/* What is still being stored, and what has expired, is not there. */
static void test_invisible(void **state)
{
	struct fixture *f = *state;
	struct lr_upload_options brief = {.cls = LR_NORMAL, .ttl_ms = 1};
	struct lr_upload *u = begin(f, NULL);
	struct timespec ts = {.tv_nsec = 2000000};

	make_data(f, MIB);
	write_all(f, u, 0, MIB, MIB);
	assert_int_equal(fetch(f, lr_upload_id(u), 10, NULL), LR_E_ABSENT);
	lr_upload_abort(u);
	wait_over(f, u);
	lr_upload_free(u);
	u = begin(f, &brief);
	write_all(f, u, 0, 10, 10);
	lr_upload_finish(u);
	wait_over(f, u);
	nanosleep(&ts, NULL); /* past its time, by the real clock */
	assert_int_equal(fetch(f, lr_upload_id(u), 10, NULL), LR_E_ABSENT);
	lr_upload_free(u);
}

static void ignored_cb(void *arg, enum lr_err err, const char *text)
{
	(void)arg, (void)err, (void)text;
}

static void drop_all(struct fixture *f, const struct lr_id *id)
{
	lr_object_tombs(&f->env, id, 20, ignored_cb, NULL);
}

/* Removed while being read: ABSENT, not lost. */
static void test_removed_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct lr_download *d;
	struct lr_id id;
	uint8_t buf[4096];

	make_data(f, 5 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	d = lr_download_new(&f->env, &id, "thing", 2, nothing_cb, NULL);
	while (!lr_download_read(d, buf, sizeof buf))
		mem_turn(&f->mem);
	drop_all(f, &id);
	while (!lr_download_is_over(d))
		if (!lr_download_read(d, buf, sizeof buf))
			mem_turn(&f->mem);
	assert_int_equal(lr_download_result(d), LR_E_ABSENT);
	lr_download_free(d);
}

/* Freed with chunks in flight: their replies meet nobody. */
static void test_free_early(void **state)
{
	struct fixture *f = *state;
	struct lr_download *d;
	struct lr_id id;
	uint8_t buf[10];

	make_data(f, 2 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	d = lr_download_new(&f->env, &id, "thing", 4, nothing_cb, NULL);
	lr_download_free(d);
	d = lr_download_new(&f->env, &id, "thing", 4, nothing_cb, NULL);
	while (!lr_download_manifest(d))
		mem_turn(&f->mem);
	lr_download_read(d, buf, sizeof buf);
	lr_download_free(d);
	uv_run(&f->loop, UV_RUN_DEFAULT);
}

/* --- remove ------------------------------------------------------------- */

struct outcome {
	bool done;
	enum lr_err err;
	struct lr_id id;
	char text[LR_OBJECT_TEXT];
};

static void object_cb(void *arg, enum lr_err err, const char *text)
{
	struct outcome *o = arg;

	o->done = true;
	o->err = err;
	strcpy(o->text, text);
}

static struct outcome remove_it(struct fixture *f, const struct lr_id *id)
{
	struct outcome o = {.done = false};

	lr_object_remove(&f->env, id, "thing", object_cb, &o);
	while (!o.done)
		mem_turn(&f->mem);
	return o;
}

/* Manifest and chunks become TOMBs that nothing can follow; the second time
 * it is not there and nothing is written. */
static void test_remove(void **state)
{
	struct fixture *f = *state;
	struct lr_id id;
	struct mem_entry *e;

	make_data(f, 5 * MIB);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	assert_int_equal(remove_it(f, &id).err, LR_E_OK);
	assert_int_equal(mem_values(&f->mem), 0);
	assert_int_equal(mem_tombs(&f->mem), 21);
	for (e = f->mem.map; e; e = e->hh.next)
		assert_true(e->tag.ts == LR_TS_GONE);
	f->mem.on_put = count_put;
	f->mem.on_put_arg = f;
	assert_int_equal(remove_it(f, &id).err, LR_E_ABSENT);
	assert_int_equal(f->puts_seen, 0);
	assert_int_equal(fetch(f, &id, 10, NULL), LR_E_ABSENT);
}

static enum lr_err discard_answer(void *arg, unsigned type, const void *meta,
				  size_t len, struct lr_frame *ret)
{
	unsigned *discards = arg;
	struct lr_msg_discard m;

	assert_int_equal(type, LR_M_DISCARD);
	assert_true(lr_dec_discard(meta, len, &m));
	++*discards;
	ret->h.type = LR_M_DONE;
	return LR_E_OK;
}

/* A lost object can be removed: its row is discarded, its TOMB put. */
static void test_remove_lost(void **state)
{
	struct fixture *f = *state;
	unsigned discards = 0;
	struct lr_id id;

	make_data(f, 10);
	assert_int_equal(store_all(f, &id), LR_E_OK);
	mem_find(&f->mem, &id)->trouble = LR_E_LOST;
	f->mem.answer = discard_answer;
	f->mem.answer_arg = &discards;
	assert_int_equal(remove_it(f, &id).err, LR_E_OK);
	assert_int_equal(discards, 1);
	assert_int_equal(mem_tombs(&f->mem), 1);
}

/* --- what a REF means ------------------------------------------------------
 */

struct script {
	enum lr_err resolve_err; /* in the reply */
	bool away;		 /* the coordinator */
	unsigned rows;
	unsigned resolves, finds;
	uint8_t meta[256], bulk[4096];
};

static void script_rows(struct script *s, struct lr_writer *w, bool listed)
{
	for (unsigned i = 0; i < s->rows; i++) {
		struct lr_rec_listed l = {.name = lr_str("a.txt"),
					  .owner_name = lr_str("me"),
					  .donors = lr_str("birch")};
		struct lr_rec_object o = {.name = lr_str("a.txt")};

		memset(&l.id, 0x51, sizeof l.id);
		l.id.b[15] = (uint8_t)i;
		o.id = l.id;
		if (listed)
			lr_enc_rec_listed(w, &l);
		else
			lr_enc_rec_object(w, &o);
	}
}

static enum lr_err script_answer(void *arg, unsigned type, const void *meta,
				 size_t len, struct lr_frame *ret)
{
	struct script *s = arg;
	struct lr_writer w = lr_writer(s->meta, sizeof s->meta);
	struct lr_writer b = lr_writer(s->bulk, sizeof s->bulk);

	(void)meta, (void)len;
	if (type == LR_M_RESOLVE) {
		struct lr_msg_resolve_r m = {.err = (uint16_t)s->resolve_err};

		s->resolves++;
		if (s->away)
			return LR_E_UNREACHABLE;
		lr_enc_resolve_r(&w, &m);
		script_rows(s, &b, true);
		ret->h.type = LR_M_RESOLVE_R;
	} else {
		struct lr_msg_find_r m = {.err = 0};

		assert_int_equal(type, LR_M_FIND);
		s->finds++;
		lr_enc_find_r(&w, &m);
		script_rows(s, &b, false);
		ret->h.type = LR_M_FIND_R;
	}
	ret->meta = s->meta;
	ret->bulk = s->bulk;
	ret->h.meta = (uint16_t)w.len;
	ret->h.bulk = (uint32_t)b.len;
	return LR_E_OK;
}

static void resolve_cb(void *arg, enum lr_err err, const struct lr_id *id,
		       const char *text)
{
	struct outcome *o = arg;

	object_cb(o, err, text);
	o->id = *id;
}

static struct outcome resolve(struct fixture *f, const char *ref)
{
	struct outcome o = {.done = false};

	lr_object_resolve(&f->env, ref, resolve_cb, &o);
	assert_false(o.done); /* never inside the call */
	while (!o.done)
		mem_turn(&f->mem);
	return o;
}

/* A whole ID is not asked for; a name is, and the best match is taken. */
static void test_resolve(void **state)
{
	struct fixture *f = *state;
	struct script s = {.rows = 1};
	struct outcome o;
	struct lr_id id;
	char text[LR_ID_TEXT + 1];

	f->mem.answer = script_answer;
	f->mem.answer_arg = &s;
	memset(&id, 0x51, sizeof id);
	assert_int_equal(resolve(f, lr_id_format(&id, text)).err, LR_E_OK);
	assert_int_equal(f->mem.asks, 0);
	id.b[15] = 0;
	o = resolve(f, "a.txt");
	assert_true(lr_id_eq(&o.id, &id));
	assert_int_equal(s.resolves, 1);
}

/* Not there, ambiguous (with the candidates) and mistyped are told apart. */
static void test_resolve_errors(void **state)
{
	struct fixture *f = *state;
	struct script s = {.resolve_err = LR_E_ABSENT};
	struct outcome o;

	f->mem.answer = script_answer;
	f->mem.answer_arg = &s;
	o = resolve(f, "k7q2m4");
	assert_int_equal(o.err, LR_E_ABSENT);
	assert_string_equal(o.text, "no object or name \"k7q2m4\". `lanram "
				    "list` shows what is yours.");
	assert_int_equal(resolve(f, "k7q").err, LR_E_USAGE);
	assert_int_equal(resolve(f, "nope").err, LR_E_ABSENT);
	assert_int_equal(resolve(f, "zzzzzzzzzzzzzzzzzzzzzzzzz9").err,
			 LR_E_USAGE);
	s.resolve_err = LR_E_AMBIGUOUS;
	s.rows = 3;
	o = resolve(f, "k7q2m4");
	assert_int_equal(o.err, LR_E_AMBIGUOUS);
	assert_non_null(strstr(o.text, "(a.txt)"));
}

/* Without a coordinator, donors tell what a prefix means; nobody can tell a
 * name. */
static void test_resolve_away(void **state)
{
	struct fixture *f = *state;
	struct script s = {.away = true, .rows = 1};

	f->mem.answer = script_answer;
	f->mem.answer_arg = &s;
	assert_int_equal(resolve(f, "2h8m52").err, LR_E_OK);
	assert_int_equal(s.finds, 1);
	s.rows = 2;
	assert_int_equal(resolve(f, "2h8m52").err, LR_E_AMBIGUOUS);
	s.rows = 0;
	assert_int_equal(resolve(f, "2h8m52").err, LR_E_ABSENT);
	assert_int_equal(resolve(f, "a.txt").err, LR_E_UNREACHABLE);
	assert_int_equal(s.finds, 3);
}

/* --- sentences
 * ----------------------------------------------------------------- */

struct pool {
	unsigned donors;
	uint8_t meta[16], bulk[4096];
};

static enum lr_err pool_answer(void *arg, unsigned type, const void *meta,
			       size_t len, struct lr_frame *ret)
{
	static const char *const names[] = {"anvil", "birch", "cedar"};
	struct pool *p = arg;
	struct lr_msg_donors_r m = {.err = 0};
	struct lr_writer w = lr_writer(p->meta, sizeof p->meta);
	struct lr_writer b = lr_writer(p->bulk, sizeof p->bulk);

	(void)meta, (void)len;
	assert_int_equal(type, LR_M_DONORS);
	lr_enc_donors_r(&w, &m);
	for (unsigned i = 0; i < p->donors; i++) {
		struct lr_rec_donor d = {
			.name = lr_str(names[i]),
			.address = lr_str(""),
			.version = lr_str(""),
			.lent = UINT64_C(1) << 30,
			/* full at 95 %, less a segment */
			.held = (UINT64_C(1) << 30) / 100 * 95 - 8 * MIB -
				(i ? 0 : MIB),
			.host_available = (i + 1) << UINT64_C(30)};

		lr_enc_rec_donor(&b, &d);
	}
	*ret = (struct lr_frame){.h = {.type = LR_M_DONORS_R,
				       .meta = (uint16_t)w.len,
				       .bulk = (uint32_t)b.len},
				 .meta = p->meta,
				 .bulk = p->bulk};
	return LR_E_OK;
}

/* Too few donors: the store succeeds, and tells who alone has it. */
static void test_degraded(void **state)
{
	struct fixture *f = *state;
	struct lr_upload_options o = {.cls = LR_NORMAL, .explain = true};
	struct pool pool = {.donors = 1};
	struct lr_upload *u = begin(f, &o);

	f->mem.copies = 1;
	f->mem.answer = pool_answer;
	f->mem.answer_arg = &pool;
	make_data(f, 10);
	write_all(f, u, 0, 10, 10);
	lr_upload_finish(u);
	wait_over(f, u);
	assert_int_equal(lr_upload_result(u), LR_E_OK);
	assert_int_equal(lr_upload_copies(u), 1);
	assert_string_equal(lr_upload_text(u),
			    "only anvil lends RAM; if anvil stops, it is gone. "
			    "Copied again when a second donor joins.");
	lr_upload_free(u);
}

/* Full: what was needed, what is free, and where more could come from. */
static void test_full_text(void **state)
{
	struct fixture *f = *state;
	struct pool pool = {.donors = 2};
	struct lr_upload *u = begin(f, NULL);

	f->mem.fail_at = 3;
	f->mem.fail_err = LR_E_FULL;
	f->mem.answer = pool_answer;
	f->mem.answer_arg = &pool;
	make_data(f, MIB);
	write_all(f, u, 0, MIB, MIB);
	lr_upload_finish(u);
	wait_over(f, u);
	assert_int_equal(lr_upload_result(u), LR_E_FULL);
	assert_string_equal(
		lr_upload_text(u),
		"pool full: needs 2.0 MiB (2 copies of 1.0 MiB), 1.0 MiB is "
		"free. Nothing was stored. More: `lanram lend 2G` on birch "
		"(2.0 GiB unused there).");
	lr_upload_free(u);
}

/* Numbers as people read them. */
static void test_numbers(void **state)
{
	char out[32];

	(void)state;
	assert_string_equal(lr_text_bytes(0, out), "0 B");
	assert_string_equal(lr_text_bytes(1023, out), "1023 B");
	assert_string_equal(lr_text_bytes(1536, out), "1.5 KiB");
	assert_string_equal(lr_text_bytes(415236096, out), "396 MiB");
	assert_string_equal(lr_text_count(0, out), "0");
	assert_string_equal(lr_text_count(812, out), "812");
	assert_string_equal(lr_text_count(4812, out), "4,812");
	assert_string_equal(lr_text_count(UINT64_MAX, out),
			    "18,446,744,073,709,551,615");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sizes),
		T(test_into),
		T(test_manifest),
		T(test_full),
		T(test_full_inline),
		T(test_abort),
		T(test_unknown),
		T(test_touch),
		T(test_too_old),
		T(test_slept),
		T(test_away),
		T(test_lost),
		T(test_lost_names),
		T(test_inline_away),
		T(test_corrupt),
		T(test_wrong_chunk),
		T(test_invisible),
		T(test_removed_meanwhile),
		T(test_free_early),
		T(test_remove),
		T(test_remove_lost),
		T(test_resolve),
		T(test_resolve_errors),
		T(test_resolve_away),
		T(test_degraded),
		T(test_full_text),
		T(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
