/* SPDX-License-Identifier: Apache-2.0 */
/* Retrieving objects, on entries that are in memory and misbehave on demand. */
#include "object_kit.h"

/* The whole value lands in the caller's memory. */
static void test_into(void **state)
{
	struct object_fixture *f = *state;
	struct lr_download *d;
	struct lr_id id;
	uint8_t *to;

	for (size_t size = 1000; size < 4 * MIB; size += 3 * MIB) {
		object_make_data(f, size);
		assert_int_equal(object_store_all(f, &id), LR_E_OK);
		d = lr_download_new(&f->env, &id, "x", 3, object_nothing_cb,
				    NULL);
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

/* Chunks whose only donor is silent are counted and the donor is named. */
static void test_away(void **state)
{
	struct object_fixture *f = *state;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	object_make_data(f, 5 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	for (uint64_t n = 3; n < 20; n += 8) {
		object_chunk(f, &id, n)->trouble = LR_E_UNREACHABLE;
		object_chunk(f, &id, n)->who = "birch, silent for 40 s";
	}
	assert_int_equal(object_fetch(f, &id, 4096, text), LR_E_UNREACHABLE);
	assert_string_equal(text,
			    "thing cannot be read now: 3 of 20 chunks are only "
			    "on birch, silent for 40 s. Start birch and retry; "
			    "if its RAM is gone: lanram forget birch");
}

/* Lost chunks weigh more than those that are only away. */
static void test_lost(void **state)
{
	struct object_fixture *f = *state;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	object_make_data(f, 5 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	object_chunk(f, &id, 2)->trouble = LR_E_UNREACHABLE;
	object_chunk(f, &id, 9)->trouble = LR_E_LOST;
	object_chunk(f, &id, 10)->trouble = LR_E_LOST;
	assert_int_equal(object_fetch(f, &id, 4096, text), LR_E_LOST);
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
	struct object_fixture *f = *state;
	struct losses l;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	object_make_data(f, 5 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	object_chunk(f, &id, 9)->trouble = LR_E_LOST;
	object_chunk(f, &id, 10)->trouble = LR_E_LOST;
	f->mem.answer = loss_answer;
	f->mem.answer_arg = &l;
	assert_int_equal(object_fetch(f, &id, 4096, text), LR_E_LOST);
	assert_int_equal(l.slots, 2);
	assert_string_equal(text, "thing is lost: the copies of 2 of 20 chunks "
				  "were on birch and cedar. lanram remove "
				  "thing");
}

/* An inline object whose donor is away says who is awaited. */
static void test_inline_away(void **state)
{
	struct object_fixture *f = *state;
	char text[LR_OBJECT_TEXT];
	struct lr_id id;

	object_make_data(f, 10);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	mem_find(&f->mem, &id)->trouble = LR_E_UNREACHABLE;
	mem_find(&f->mem, &id)->who = "birch, silent for 40 s";
	assert_int_equal(object_fetch(f, &id, 10, text), LR_E_UNREACHABLE);
	assert_string_equal(text,
			    "thing cannot be read now: it is only on birch, "
			    "silent for 40 s. Start birch and retry; if its "
			    "RAM is gone: lanram forget birch");
}

/* A byte changed behind everybody's back is found by the object's SHA-256,
 * inline and in a chunk. */
static void test_corrupt(void **state)
{
	struct object_fixture *f = *state;
	struct lr_id id;
	struct mem_entry *e;

	object_make_data(f, 1000);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	e = mem_find(&f->mem, &id);
	e->value[e->bytes - 1] ^= 1;
	assert_int_equal(object_fetch(f, &id, 1000, NULL), LR_E_CORRUPT);
	object_make_data(f, 2 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	e = object_chunk(f, &id, 7);
	e->value[e->bytes - 1] ^= 1;
	f->data[2 * MIB - 1] ^= 1;
	assert_int_equal(object_fetch(f, &id, 100000, NULL), LR_E_CORRUPT);
}

/* A chunk of another object, or of another place, is not taken. */
static void test_wrong_chunk(void **state)
{
	struct object_fixture *f = *state;
	struct lr_id id;
	struct mem_entry *e;

	object_make_data(f, 2 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	e = object_chunk(f, &id, 1);
	e->value[16]++; /* its number */
	assert_int_equal(object_fetch(f, &id, 100000, NULL), LR_E_CORRUPT);
	e->value[16]--;
	e->bytes--;
	assert_int_equal(object_fetch(f, &id, 100000, NULL), LR_E_CORRUPT);
	e->bytes++;
	assert_int_equal(object_fetch(f, &id, 100000, NULL), LR_E_OK);
}

/* What is still being stored, and what has expired, is not there. */
static void test_invisible(void **state)
{
	struct object_fixture *f = *state;
	struct lr_upload_options brief = {.cls = LR_NORMAL, .ttl_ms = 1};
	struct lr_upload *u = object_begin(f, NULL);
	struct timespec ts = {.tv_nsec = 2000000};

	object_make_data(f, MIB);
	object_write_all(f, u, 0, MIB, MIB);
	assert_int_equal(object_fetch(f, lr_upload_id(u), 10, NULL),
			 LR_E_ABSENT);
	lr_upload_abort(u);
	object_wait_over(f, u);
	lr_upload_free(u);
	u = object_begin(f, &brief);
	object_write_all(f, u, 0, 10, 10);
	lr_upload_finish(u);
	object_wait_over(f, u);
	nanosleep(&ts, NULL); /* past its time, by the real clock */
	assert_int_equal(object_fetch(f, lr_upload_id(u), 10, NULL),
			 LR_E_ABSENT);
	lr_upload_free(u);
}

static void ignored_cb(void *arg, enum lr_err err, const char *text)
{
	(void)arg, (void)err, (void)text;
}

static void drop_all(struct object_fixture *f, const struct lr_id *id)
{
	lr_object_tombs(&f->env, id, 20, ignored_cb, NULL);
}

/* Removed while being read: ABSENT, not lost. */
static void test_removed_meanwhile(void **state)
{
	struct object_fixture *f = *state;
	struct lr_download *d;
	struct lr_id id;
	uint8_t buf[4096];

	object_make_data(f, 5 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	d = lr_download_new(&f->env, &id, "thing", 2, object_nothing_cb, NULL);
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
	struct object_fixture *f = *state;
	struct lr_download *d;
	struct lr_id id;
	uint8_t buf[10];

	object_make_data(f, 2 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	d = lr_download_new(&f->env, &id, "thing", 4, object_nothing_cb, NULL);
	lr_download_free(d);
	d = lr_download_new(&f->env, &id, "thing", 4, object_nothing_cb, NULL);
	while (!lr_download_manifest(d))
		mem_turn(&f->mem);
	lr_download_read(d, buf, sizeof buf);
	lr_download_free(d);
	uv_run(&f->loop, UV_RUN_DEFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_into),
		OBJECT_TEST(test_away),
		OBJECT_TEST(test_lost),
		OBJECT_TEST(test_lost_names),
		OBJECT_TEST(test_inline_away),
		OBJECT_TEST(test_corrupt),
		OBJECT_TEST(test_wrong_chunk),
		OBJECT_TEST(test_invisible),
		OBJECT_TEST(test_removed_meanwhile),
		OBJECT_TEST(test_free_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
