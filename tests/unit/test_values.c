/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a register on entries in memory, and tags as text. */
#include "client/register.h"
#include "core/tag.h"

#include "mem_entries.h"
#include "unit.h"

struct fixture {
	uv_loop_t loop;
	struct mem mem;
	struct lr_object_env env;
	struct lr_id id;
	bool done;
	enum lr_err err;
	struct lr_tag tag;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	uv_loop_init(&f->loop);
	mem_init(&f->mem, &f->loop);
	f->env = (struct lr_object_env){ .loop = &f->loop,
					 .entries = &f->mem.entries,
					 .writer = 77,
					 .deadline_ms = 1000 };
	lr_register_id(&f->id, "x");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mem_done(&f->mem);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void done_cb(void *arg, const struct lr_entry_result *r)
{
	struct fixture *f = arg;

	f->done = true;
	f->err = r->err;
	f->tag = r->tag;
}

static enum lr_err write_it(struct fixture *f, uint32_t seq, const char *value)
{
	struct lr_register_write w = { .id = f->id,
				       .seq = seq,
				       .remove = !value,
				       .value = value,
				       .bytes = value ? (uint32_t)strlen(value) :
							0 };

	f->done = false;
	lr_register_write(&f->env, &w, done_cb, f);
	while (!f->done)
		uv_run(&f->loop, UV_RUN_ONCE);
	return f->err;
}

/* Each write's tag is above what is there; it bears writer and seq. */
static void tags_grow(void **state)
{
	struct fixture *f = *state;
	const struct lr_tag first = { 1, 77, 5 }, second = { 2, 77, 6 };

	assert_int_equal(write_it(f, 5, "one"), LR_E_OK);
	assert_int_equal(lr_tag_cmp(&f->tag, &first), 0);
	assert_int_equal(write_it(f, 6, "two"), LR_E_OK);
	assert_int_equal(lr_tag_cmp(&f->tag, &second), 0);
	assert_int_equal(mem_find(&f->mem, &f->id)->kind, LR_KIND_REGISTER);
	assert_memory_equal(mem_find(&f->mem, &f->id)->value, "two", 3);
}

/* What is not there is not removed, and nothing is written for it. */
static void removed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_it(f, 1, NULL), LR_E_ABSENT);
	assert_int_equal(f->mem.puts + mem_tombs(&f->mem), 0);
	assert_int_equal(write_it(f, 2, "one"), LR_E_OK);
	assert_int_equal(write_it(f, 3, NULL), LR_E_OK);
	assert_int_equal(f->tag.ts, 2);
	assert_int_equal(mem_tombs(&f->mem), 1);
}

/* Overtaken by a newer write is done all the same; no answer in time is
 * unknown, and not more. */
static void how_it_ends(void **state)
{
	struct fixture *f = *state;

	f->mem.fail_at = 1;
	f->mem.fail_err = LR_E_SUPERSEDED;
	assert_int_equal(write_it(f, 1, "one"), LR_E_OK);
	assert_int_equal(f->tag.seq, 1);
	f->mem.fail_at = 2;
	f->mem.fail_err = LR_E_UNKNOWN;
	assert_int_equal(write_it(f, 2, "two"), LR_E_UNKNOWN);
}

/* Registers and names of one name are two things. */
static void apart(void **state)
{
	struct lr_id r, n;

	(void)state;
	lr_register_id(&r, "x");
	lr_name_id(&n, "x");
	assert_false(lr_id_eq(&r, &n));
	assert_int_equal(lr_id_class(&r), LR_NORMAL);
	assert_int_equal(lr_id_class(&n), LR_NORMAL);
}

/* What is written is read; everything else is no tag. */
static void tag_text(void **state)
{
	static const char *const bad[] = {
		"",	 "1",	    "1.2",   "1.2.",  ".2.3",	  "1..3",
		"1.2.3.", "1.2.3 ", " 1.2.3", "+1.2.3", "1.2.-3", "a.2.3",
		"1.2.4294967296", "18446744073709551616.1.1",
	};
	const struct lr_tag most = { UINT64_MAX, UINT64_MAX, UINT32_MAX };
	char text[LR_TAG_TEXT];
	struct lr_tag back;

	(void)state;
	lr_tag_format(&most, text);
	assert_string_equal(
		text, "18446744073709551615.18446744073709551615.4294967295");
	assert_true(lr_tag_parse(text, &back));
	assert_int_equal(lr_tag_cmp(&back, &most), 0);
	assert_true(lr_tag_parse("0.7.0", &back));
	assert_int_equal(back.writer, 7);
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(lr_tag_parse(bad[i], &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tags_grow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(how_it_ends, set_up, tear_down),
		cmocka_unit_test(apart),
		cmocka_unit_test(tag_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
