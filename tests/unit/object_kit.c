/* SPDX-License-Identifier: Apache-2.0 */
#include "object_kit.h"

#include "wire/chunk.h"

uint64_t object_clock_ms = 1000;

static uint64_t fake_boot_ms(void)
{
	return object_clock_ms;
}

void object_nothing_cb(void *arg)
{
	(void)arg;
}

int object_setup(void **state)
{
	struct object_fixture *f = calloc(1, sizeof *f);

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

int object_teardown(void **state)
{
	struct object_fixture *f = *state;

	mem_done(&f->mem);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f->data);
	free(f);
	return 0;
}

void object_make_data(struct object_fixture *f, size_t size)
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

struct lr_upload *object_begin(struct object_fixture *f,
			       const struct lr_upload_options *o)
{
	static const struct lr_upload_options plain = {.cls = LR_NORMAL};
	struct lr_upload *u =
		lr_upload_new(&f->env, o ? o : &plain, object_nothing_cb, NULL);

	assert_non_null(u);
	return u;
}

void object_write_all(struct object_fixture *f, struct lr_upload *u,
		      size_t from, size_t to, size_t step)
{
	while (from < to && !lr_upload_failed(u)) {
		size_t n = to - from < step ? to - from : step;
		size_t took = lr_upload_write(u, f->data + from, n);

		from += took;
		if (!took)
			mem_turn(&f->mem);
	}
}

void object_wait_over(struct object_fixture *f, struct lr_upload *u)
{
	while (!lr_upload_is_over(u))
		mem_turn(&f->mem);
}

enum lr_err object_store_all(struct object_fixture *f, struct lr_id *ret_id)
{
	struct lr_upload *u = object_begin(f, NULL);
	enum lr_err err;

	object_write_all(f, u, 0, f->size, 100000);
	lr_upload_finish(u);
	object_wait_over(f, u);
	*ret_id = *lr_upload_id(u);
	err = lr_upload_result(u);
	lr_upload_free(u);
	return err;
}

enum lr_err object_fetch(struct object_fixture *f, const struct lr_id *id,
			 size_t step, char *text)
{
	struct lr_download *d = lr_download_new(&f->env, id, "thing", 4,
						object_nothing_cb, NULL);
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

struct mem_entry *object_chunk(struct object_fixture *f, const struct lr_id *id,
			       uint64_t n)
{
	struct lr_id c;
	struct mem_entry *e;

	lr_id_of_chunk(&c, id, n);
	e = mem_find(&f->mem, &c);
	assert_non_null(e);
	return e;
}

void object_count_put(void *arg, const struct lr_put *p)
{
	struct object_fixture *f = arg;

	if (p->flags & LR_PUT_TOMB)
		return;
	f->puts_seen++;
	if (p->kind == LR_KIND_MANIFEST && p->tag.ts == LR_TS_OPEN)
		f->opens_seen++;
	if (p->kind == LR_KIND_MANIFEST && p->tag.ts == LR_TS_CLOSED)
		f->closes_seen++;
}
