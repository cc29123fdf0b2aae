/* SPDX-License-Identifier: Apache-2.0 */
/* Removing objects, what a REF means, and the sentences told of them; on
 * entries that are in memory and misbehave on demand. */
#include "object_kit.h"

/* --- remove --------------------------------------------------------------- */

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

static struct outcome remove_it(struct object_fixture *f,
				const struct lr_id *id)
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
	struct object_fixture *f = *state;
	struct lr_id id;
	struct mem_entry *e;

	object_make_data(f, 5 * MIB);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	assert_int_equal(remove_it(f, &id).err, LR_E_OK);
	assert_int_equal(mem_values(&f->mem), 0);
	assert_int_equal(mem_tombs(&f->mem), 21);
	for (e = f->mem.map; e; e = e->hh.next)
		assert_true(e->tag.ts == LR_TS_GONE);
	f->mem.on_put = object_count_put;
	f->mem.on_put_arg = f;
	assert_int_equal(remove_it(f, &id).err, LR_E_ABSENT);
	assert_int_equal(f->puts_seen, 0);
	assert_int_equal(object_fetch(f, &id, 10, NULL), LR_E_ABSENT);
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
	struct object_fixture *f = *state;
	unsigned discards = 0;
	struct lr_id id;

	object_make_data(f, 10);
	assert_int_equal(object_store_all(f, &id), LR_E_OK);
	mem_find(&f->mem, &id)->trouble = LR_E_LOST;
	f->mem.answer = discard_answer;
	f->mem.answer_arg = &discards;
	assert_int_equal(remove_it(f, &id).err, LR_E_OK);
	assert_int_equal(discards, 1);
	assert_int_equal(mem_tombs(&f->mem), 1);
}

/* --- what a REF means ----------------------------------------------------- */

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

static struct outcome resolve(struct object_fixture *f, const char *ref)
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
	struct object_fixture *f = *state;
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
	struct object_fixture *f = *state;
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
	struct object_fixture *f = *state;
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

/* --- sentences ------------------------------------------------------------ */

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
	struct object_fixture *f = *state;
	struct lr_upload_options o = {.cls = LR_NORMAL, .explain = true};
	struct pool pool = {.donors = 1};
	struct lr_upload *u = object_begin(f, &o);

	f->mem.copies = 1;
	f->mem.answer = pool_answer;
	f->mem.answer_arg = &pool;
	object_make_data(f, 10);
	object_write_all(f, u, 0, 10, 10);
	lr_upload_finish(u);
	object_wait_over(f, u);
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
	struct object_fixture *f = *state;
	struct pool pool = {.donors = 2};
	struct lr_upload *u = object_begin(f, NULL);

	f->mem.fail_at = 3;
	f->mem.fail_err = LR_E_FULL;
	f->mem.answer = pool_answer;
	f->mem.answer_arg = &pool;
	object_make_data(f, MIB);
	object_write_all(f, u, 0, MIB, MIB);
	lr_upload_finish(u);
	object_wait_over(f, u);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_remove),
		OBJECT_TEST(test_remove_lost),
		OBJECT_TEST(test_resolve),
		OBJECT_TEST(test_resolve_errors),
		OBJECT_TEST(test_resolve_away),
		OBJECT_TEST(test_degraded),
		OBJECT_TEST(test_full_text),
		OBJECT_TEST(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
