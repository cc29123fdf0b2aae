/* SPDX-License-Identifier: Apache-2.0 */
/* Storing objects, on entries that are in memory and misbehave on demand. */
#include "object_kit.h"

#include "wire/chunk.h"

/* Any size comes back as it was stored, in one entry up to 256 KiB and in a
 * manifest and chunks above. */
static void test_sizes(void **state)
{
	static const struct {
		size_t size, entries;
	} t[] = {{0, 1},      {1, 1},	     {262143, 1},      {262144, 1},
		 {262145, 3}, {5 * MIB, 21}, {5 * MIB + 1, 22}};
	struct object_fixture *f = *state;
	struct lr_id id;
	size_t before = 0;

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		object_make_data(f, t[i].size);
		assert_int_equal(object_store_all(f, &id), LR_E_OK);
		assert_int_equal(mem_values(&f->mem) - before, t[i].entries);
		before = mem_values(&f->mem);
		assert_int_equal(object_fetch(f, &id, 65536, NULL), LR_E_OK);
		assert_int_equal(object_fetch(f, &id, 300001, NULL), LR_E_OK);
	}
	assert_int_equal(mem_tombs(&f->mem), 0);
}

/* Name, owner, class, flags and expiry are in the manifest; copies are the
 * least that any entry has. */
static void test_manifest(void **state)
{
	struct object_fixture *f = *state;
	struct lr_upload_options o = {.name = "build.tar",
				      .cls = LR_SAFE,
				      .is_public = true,
				      .ttl_ms = 60000};
	const struct lr_manifest *m;
	struct lr_download *d;
	struct lr_upload *u;

	f->env.uid = 1000;
	memset(&f->env.owner, 5, sizeof f->env.owner);
	object_make_data(f, 10);
	u = object_begin(f, &o);
	object_write_all(f, u, 0, 10, 3);
	lr_upload_finish(u);
	object_wait_over(f, u);
	assert_int_equal(lr_upload_copies(u), 2);
	assert_int_equal(lr_id_class(lr_upload_id(u)), LR_SAFE);
	d = lr_download_new(&f->env, lr_upload_id(u), "x", 0, object_nothing_cb,
			    NULL);
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
	struct object_fixture *f = *state;
	struct lr_id id;

	object_make_data(f, 3 * MIB);
	for (unsigned at = 1; at <= 14; at++) {
		f->mem.puts = 0;
		f->mem.fail_at = at;
		f->mem.fail_err = LR_E_FULL;
		assert_int_equal(object_store_all(f, &id), LR_E_FULL);
		assert_int_equal(mem_values(&f->mem), 0);
		assert_true(mem_tombs(&f->mem) > 0);
	}
}

/* An inline value that one copy refused is removed from the others, and gets
 * another ID, whose donors may have room. */
static void test_full_inline(void **state)
{
	struct object_fixture *f = *state;
	struct lr_id id;

	object_make_data(f, 100);
	f->mem.fail_at = 1;
	f->mem.fail_err = LR_E_FULL;
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	assert_int_equal(mem_values(&f->mem), 1);
	assert_int_equal(mem_tombs(&f->mem), 1);
	f->mem.puts = 0;
	f->mem.fail_on = true;
	assert_int_equal(object_store_all(f, &id), LR_E_FULL);
	assert_int_equal(mem_values(&f->mem), 1);
	assert_int_equal(mem_tombs(&f->mem), 10);
}

static void note_put(void *arg, const struct lr_put *p)
{
	static const struct lr_id none;
	struct lr_id *ids = arg;

	while (!lr_id_eq(ids, &none))
		ids++;
	*ids = p->id;
}

/* An inline value is stored by its second PUT; `seen`: the IDs of both. */
static void store_at_second(struct object_fixture *f, enum lr_err first,
			    struct lr_id *id, struct lr_id seen[32])
{
	object_make_data(f, 100);
	f->mem.on_put = note_put;
	f->mem.on_put_arg = seen;
	f->mem.fail_at = 1;
	f->mem.fail_err = first;
	assert_int_equal(object_store_all(f, id), LR_E_OK);
	assert_int_equal(f->mem.puts, 2);
}

/* An inline value whose donors surely did not get it in time gets another ID,
 * others' donors, and leaves nothing; where nobody answers, that is said. */
static void test_unreached_inline(void **state)
{
	struct object_fixture *f = *state;
	struct lr_id id, seen[32] = {0};

	store_at_second(f, LR_E_UNREACHABLE, &id, seen);
	assert_false(lr_id_eq(&seen[0], &seen[1]));
	assert_true(lr_id_eq(&seen[1], &id));
	assert_int_equal(mem_values(&f->mem), 1);
	f->mem.puts = 0;
	f->mem.fail_on = true;
	assert_int_equal(object_store_all(f, &id), LR_E_UNREACHABLE);
	assert_int_equal(f->mem.puts, 9);
	assert_int_equal(mem_values(&f->mem), 1);
	assert_int_equal(mem_tombs(&f->mem), 0);
}

/* One that may be there is put again under the same ID, once; what is said of
 * that one decides only if it says that it is there. */
static void test_doubt_inline(void **state)
{
	struct object_fixture *f = *state;
	struct lr_id id, seen[32] = {0};

	store_at_second(f, LR_E_UNKNOWN, &id, seen);
	assert_true(lr_id_eq(&seen[0], &seen[1]));
	assert_true(lr_id_eq(&seen[1], &id));
	f->mem.puts = 0;
	f->mem.fail_on = true;
	assert_int_equal(object_store_all(f, &id), LR_E_UNKNOWN);
	assert_int_equal(f->mem.puts, 2);
}

/* Given up in the middle, with chunks in flight: all is TOMBed. */
static void test_abort(void **state)
{
	struct object_fixture *f = *state;
	struct lr_upload *u;

	object_make_data(f, 4 * MIB);
	for (size_t at = 0; at <= 4 * MIB; at += MIB) {
		u = object_begin(f, NULL);
		object_write_all(f, u, 0, at, MIB);
		lr_upload_abort(u);
		object_wait_over(f, u);
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
	struct object_fixture *f = *state;
	struct lr_id id;

	object_make_data(f, MIB);
	f->mem.fail_err = LR_E_UNKNOWN;
	f->mem.fail_at = 3;
	assert_int_equal(object_store_all(f, &id), LR_E_UNREACHABLE);
	assert_int_equal(mem_values(&f->mem), 0);
	f->mem.puts = 0;
	f->mem.fail_at = 6; /* open, 4 chunks, close */
	assert_int_equal(object_store_all(f, &id), LR_E_UNKNOWN);
	assert_int_equal(mem_values(&f->mem), 5);
	object_make_data(f, 10);
	f->mem.puts = 0;
	f->mem.fail_at = 1;
	f->mem.fail_on = true;
	assert_int_equal(object_store_all(f, &id), LR_E_UNKNOWN);
}

/* While a writer is slow, the open manifest is touched with the same tag; it
 * lives as long as somebody touches it. */
static void test_touch(void **state)
{
	struct object_fixture *f = *state;
	struct lr_upload_options o = {.cls = LR_NORMAL, .touch_ms = 5};
	struct lr_upload *u = object_begin(f, &o);

	f->mem.on_put = object_count_put;
	f->mem.on_put_arg = f;
	object_make_data(f, MIB);
	object_write_all(f, u, 0, MIB / 2 + 1, MIB);
	while (f->opens_seen < 5) {
		object_clock_ms += 40000;
		mem_turn(&f->mem);
	}
	object_write_all(f, u, MIB / 2 + 1, MIB, MIB);
	lr_upload_finish(u);
	object_wait_over(f, u);
	assert_int_equal(lr_upload_result(u), LR_E_OK);
	assert_int_equal(f->closes_seen, 1);
	lr_upload_free(u);
}

/* Touches fail for over 60 s: no touch, chunk or close may follow, for the
 * manifest's TOMB may have been collected by then. */
static void test_too_old(void **state)
{
	struct object_fixture *f = *state;
	struct lr_upload_options o = {.cls = LR_NORMAL, .touch_ms = 5};
	struct lr_upload *u = object_begin(f, &o);
	unsigned before;

	object_make_data(f, MIB);
	object_write_all(f, u, 0, MIB - 1, MIB);
	mem_turn(&f->mem);
	f->mem.fail_at = 1;
	f->mem.fail_on = f->mem.fail_only_open = true;
	f->mem.fail_err = LR_E_UNREACHABLE;
	f->mem.puts = 0;
	while (f->mem.puts < 3) { /* one may have been on its way */
		object_clock_ms += 100;
		mem_turn(&f->mem);
	}
	object_clock_ms += 61000;
	f->mem.on_put = object_count_put;
	f->mem.on_put_arg = f;
	before = f->puts_seen;
	lr_upload_finish(u);
	object_wait_over(f, u);
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
	struct object_fixture *f = *state;
	struct lr_upload *u = object_begin(f, NULL);

	object_make_data(f, 2 * MIB);
	object_write_all(f, u, 0, MIB, MIB);
	for (int i = 0; i < 8; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	f->mem.on_put = object_count_put;
	f->mem.on_put_arg = f;
	object_clock_ms += 60001;
	object_write_all(f, u, MIB, 2 * MIB, MIB);
	assert_true(lr_upload_failed(u));
	lr_upload_abort(u);
	object_wait_over(f, u);
	assert_int_equal(f->puts_seen, 0);
	assert_int_equal(lr_upload_result(u), LR_E_UNREACHABLE);
	assert_int_equal(mem_values(&f->mem), 0);
	lr_upload_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_sizes), OBJECT_TEST(test_manifest),
		OBJECT_TEST(test_full),	 OBJECT_TEST(test_full_inline),
		OBJECT_TEST(test_unreached_inline),
		OBJECT_TEST(test_doubt_inline),
		OBJECT_TEST(test_abort), OBJECT_TEST(test_unknown),
		OBJECT_TEST(test_touch), OBJECT_TEST(test_too_old),
		OBJECT_TEST(test_slept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
