/* SPDX-License-Identifier: Apache-2.0 */
/* Operations directly at donors: real links, a view that changes, donors that
 * misbehave. */
#include "pool_kit.h"

static int start2(void **state)
{
	struct pool *p = calloc(1, sizeof *p);

	assert_non_null(p);
	pool_start(p, 2, true);
	*state = p;
	return 0;
}

static int start_pending(void **state)
{
	struct pool *p = calloc(1, sizeof *p);

	assert_non_null(p);
	pool_start(p, 2, false);
	*state = p;
	return 0;
}

static int done(void **state)
{
	pool_done(*state);
	free(*state);
	return 0;
}

/* What is put is at all copies, and comes back; what was never put is absent
 * by everybody's word. */
static void test_put_get(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	struct lr_id id = pool_id(1);

	pool_put(p, 1, "hello", 5, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(r.r.copies, 2);
	assert_non_null(pool_find(&p->donor[0], &id));
	assert_non_null(pool_find(&p->donor[1], &id));
	pool_get(p, 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(r.r.kind, LR_KIND_CHUNK);
	assert_int_equal(r.r.bytes, 5);
	assert_memory_equal(r.value, "hello", 5);
	pool_result_done(&r);
	pool_get(p, 2, 5000, &r);
	assert_int_equal(r.r.err, LR_E_ABSENT);
	assert_true(p->donor[0].gets && p->donor[1].gets);
}

/* A value that fails its checksum is never handed out: the next copy is asked;
 * from nobody intact: lost. */
static void test_corrupt(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	pool_put(p, 1, "hello", 5, 5000, &r);
	p->donor[0].corrupt = true;
	for (int i = 0; i < 8; i++) {
		pool_get(p, 1, 5000, &r);
		assert_int_equal(r.r.err, LR_E_OK);
		pool_result_done(&r);
	}
	p->donor[1].corrupt = true;
	pool_get(p, 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_LOST);
	assert_null(r.value);
}

/* The donors are ahead of the coordinator's view: the cfg that they tell is
 * taken at once. */
static void test_stale(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	pool_put(p, 1, "one", 3, 5000, &r);
	pool_change(p, 5, 0, 2);
	pool_put(p, 1, "one", 3, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	pool_get(p, 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_memory_equal(r.value, "one", 3);
	pool_result_done(&r);
}

/* A view change moves the slot to other members; the put goes to all of
 * them. */
static void test_delta(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	struct lr_id id = pool_id(3);

	pool_put(p, 1, "one", 3, 5000, &r);
	pool_change(p, 2, 1, 3);
	pool_tell(p);
	pool_put(p, 3, "three", 5, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_null(pool_find(&p->donor[0], &id));
	assert_non_null(pool_find(&p->donor[1], &id));
	assert_non_null(pool_find(&p->donor[2], &id));
}

static struct lr_link *link_to(struct pool *p, unsigned nr)
{
	return lr_direct_link(p->direct, p->donor[nr].inc);
}

/* Told that the pool's links go on in clear, it asks each donor; one that
 * believes otherwise keeps TLS, and works all the same. Told the contrary, all
 * links are made anew with TLS. */
static void test_clear(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	POOL_UNTIL(p, link_to(p, 0) && link_to(p, 1));
	assert_false(lr_link_is_clear(link_to(p, 0)));
	p->donor[0].clear = true;
	lr_direct_set_clear(p->direct, true);
	POOL_UNTIL(p, link_to(p, 0) && lr_link_is_clear(link_to(p, 0)));
	POOL_UNTIL(p, link_to(p, 1));
	assert_false(lr_link_is_clear(link_to(p, 1)));
	pool_put(p, 1, "hello", 5, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(r.r.copies, 2);
	assert_true(p->donor[0].puts && p->donor[1].puts);

	lr_direct_set_clear(p->direct, false);
	POOL_UNTIL(p, link_to(p, 0) && !lr_link_is_clear(link_to(p, 0)));
	pool_get(p, 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	pool_result_done(&r);
}

/* The link breaks with the put outstanding: dialled again, put again with the
 * same tag, done. */
static void test_broken_link(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	p->donor[0].hang_up_at = 1;
	pool_put(p, 1, "x", 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(r.r.copies, 2);
	assert_int_equal(p->donor[0].last_tag.ts, 2);
	assert_int_equal(p->donor[0].last_tag.writer, 9);
}

/* A copy that does not answer: a put that left may have happened; a read is
 * served by the other copy long before its deadline. */
static void test_mute(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	uint64_t t;

	pool_put(p, 1, "x", 1, 5000, &r);
	p->donor[0].mute = true;
	pool_put(p, 2, "y", 1, 300, &r);
	assert_int_equal(r.r.err, LR_E_UNKNOWN);
	for (int i = 0; i < 4; i++) {
		t = uv_hrtime();
		pool_get(p, 1, 9000, &r);
		assert_int_equal(r.r.err, LR_E_OK);
		assert_true(uv_hrtime() - t < 8000000000u);
		pool_result_done(&r);
	}
	p->donor[1].mute = true;
	pool_get(p, 1, 300, &r);
	assert_int_equal(r.r.err, LR_E_UNREACHABLE);
}

/* At the member's address another run of it answers: that is not the member.
 * A put that could not leave certainly has not happened, and who is awaited
 * is told. */
static void test_other_incarnation(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	p->donor[0].inc = 4242;
	p->donor[1].inc = 4243;
	pool_put(p, 1, "x", 1, 700, &r);
	assert_int_equal(r.r.err, LR_E_UNREACHABLE);
	assert_int_equal(p->donor[0].puts, 0);
	assert_non_null(strstr(r.text, "birch, silent for"));
	assert_non_null(strstr(r.text, "cedar, silent for"));
	p->donor[0].inc = 1000;
	p->donor[1].inc = 1001;
}

/* A donor that the view calls up cannot be reached: the coordinator is told;
 * it need not be asked to read on. */
static void test_unreached(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	pool_put(p, 1, "x", 1, 5000, &r);
	pool_stop_donor(p, 0);
	POOL_UNTIL(p, !lr_direct_link(p->direct, 1000));
	pool_put(p, 1, "x", 1, 600, &r);
	assert_int_equal(r.r.err, LR_E_UNKNOWN);
	assert_true(p->unreached >= 1 && p->unreached <= 2);
	pool_get(p, 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	pool_result_done(&r);
}

/* Full, and not permitted, end the put at once. */
static void test_refused(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	p->donor[1].refuse = LR_E_FULL;
	pool_put(p, 1, "x", 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_FULL);
	p->donor[1].refuse = LR_E_PERMISSION;
	pool_put(p, 1, "x", 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_PERMISSION);
}

/* Without the coordinator data goes on; a donor that says STALE is asked for
 * the whole view. */
static void test_no_coordinator(void **state)
{
	struct pool *p = *state;
	struct pool_result r;

	pool_put(p, 1, "x", 1, 5000, &r);
	pool_no_coordinator(p);
	POOL_UNTIL(p, lr_attach_state(lr_direct_attach(p->direct)) ==
			      LR_HERE_AWAY);
	pool_get(p, 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	pool_result_done(&r);
	pool_change(p, 3, 0, 3);
	pool_put(p, 2, "y", 1, 5000, &r);
	assert_int_equal(r.r.err, LR_E_OK);
	POOL_UNTIL(p, lr_direct_view(p->direct)->epoch == 3);
	assert_true(p->donor[0].views + p->donor[1].views > 0);
}

struct answer {
	unsigned calls;
	enum lr_err err;
	unsigned type;
	uint32_t bulk;
	char text[512];
};

static void answer_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct answer *a = arg;
	struct lr_msg_error m;

	a->calls++;
	a->err = err;
	a->type = f ? f->h.type : 0;
	a->bulk = f ? f->h.bulk : 0;
	if (f && a->type == LR_M_ERROR && lr_dec_error(f->meta, f->h.meta, &m))
		lr_str_copy(m.text, a->text, sizeof a->text);
}

static struct answer ask(struct pool *p, unsigned type, const void *meta,
			 size_t len)
{
	struct answer a = {0};

	uv_update_time(&p->loop);
	p->entries->ops->ask(p->entries, type, meta, len, 5000, answer_cb, &a);
	assert_int_equal(a.calls, 0);
	POOL_UNTIL(p, a.calls);
	return a;
}

static struct answer ask_status(struct pool *p)
{
	return ask(p, LR_M_STATUS, "\0\0\0", 4);
}

/* Questions wait for a pool that is still being found, and fail at once when
 * its coordinator is away. */
static void test_ask(void **state)
{
	struct pool *p = *state;
	struct answer a = ask_status(p);

	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(a.type, LR_M_STATUS_R);
	pool_no_coordinator(p);
	POOL_UNTIL(p, lr_attach_state(lr_direct_attach(p->direct)) ==
			      LR_HERE_AWAY);
	a = ask_status(p);
	assert_int_equal(a.err, LR_E_UNREACHABLE);
	assert_non_null(strstr(a.text, "does not answer"));
}

static unsigned finds(struct pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < POOL_DONORS; i++) {
		n += p->donor[i].finds;
		p->donor[i].finds = 0;
	}
	return n;
}

/* What one copy has is there; that there is nothing, all of them must say: the
 * first may be one that was left behind. */
static void test_find_all(void **state)
{
	struct pool *p = *state;
	struct lr_msg_find m = {.slot = 4100, .prefix = lr_str("2h8m52")};
	uint8_t meta[64];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	unsigned copies = p->truth.cfg[m.slot].n;
	struct answer a;

	assert_true(copies > 1);
	lr_enc_find(&w, &m);
	a = ask(p, LR_M_FIND, meta, w.len);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(a.bulk, 0);
	assert_int_equal(finds(p), copies);
	for (unsigned i = 0; i < copies; i++) {
		p->donor[i].finds_some = true;
		a = ask(p, LR_M_FIND, meta, w.len);
		assert_int_equal(a.type, LR_M_FIND_R);
		assert_int_equal(a.bulk, 3);
		assert_int_equal(finds(p), i + 1);
		p->donor[i].finds_some = false;
	}
}

/* FIND goes to a donor of its slot, and again under the ce it tells. */
static void test_find(void **state)
{
	struct pool *p = *state;
	struct lr_msg_find m = {.slot = 4100, .prefix = lr_str("2h8m52")};
	uint8_t meta[64];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct answer a;

	lr_enc_find(&w, &m);
	a = ask(p, LR_M_FIND, meta, w.len);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(a.type, LR_M_FIND_R);
	pool_change(p, 8, 0, 2);
	pool_tell(p);
	a = ask(p, LR_M_FIND, meta, w.len);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(a.type, LR_M_FIND_R);
}

/* Not admitted: operations and questions say so, with the code, instead of
 * waiting. */
static void test_pending(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	struct answer a;

	pool_put(p, 1, "x", 1, 9000, &r);
	assert_int_equal(r.r.err, LR_E_NOT_ADMITTED);
	assert_non_null(strstr(r.text, "lanram admit "));
	assert_non_null(
		strstr(r.text, lr_attach_code(lr_direct_attach(p->direct))));
	a = ask_status(p);
	assert_int_equal(a.err, LR_E_NOT_ADMITTED);
	assert_non_null(strstr(a.text, "lanram admit "));
	assert_true(p->enrols > 0);
}

/* Nobody there: it is looked for for 3 s, then said. */
static void test_no_pool(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	struct answer a;

	pool_no_coordinator(p);
	pool_get(p, 1, 30000, &r);
	assert_int_equal(r.r.err, LR_E_NO_POOL);
	assert_non_null(strstr(r.text, "lanram-coordinator"));
	a = ask_status(p);
	assert_int_equal(a.err, LR_E_NO_POOL);
}

struct copies {
	unsigned calls;
	size_t n;
	struct lr_rec_verified rows[POOL_DONORS];
};

static void copies_cb(void *arg, const struct lr_rec_verified *rows, size_t n)
{
	struct copies *c = arg;

	assert_true(n <= POOL_DONORS);
	c->calls++;
	c->n = n;
	memcpy(c->rows, rows, n * sizeof *rows);
}

static void ask_copies(struct pool *p, struct copies *c)
{
	struct lr_id id = pool_id(1);

	memset(c, 0, sizeof *c);
	assert_true(lr_direct_copies(p->direct, &id, 1, copies_cb, c));
	assert_int_equal(c->calls, 0); /* never inside the call */
}

/* Each donor says what it has and when it verified that, over a round trip
 * that is measured; one that is gone is named as such. */
static void test_copies(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	struct copies c;

	pool_put(p, 1, "hello", 5, 5000, &r);
	ask_copies(p, &c);
	POOL_UNTIL(p, c.calls);
	assert_int_equal(c.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(c.rows[i].err, LR_E_OK);
		assert_int_equal(c.rows[i].there, 1);
		assert_true(c.rows[i].ago_ms >= 1000 && c.rows[i].trip_us);
	}
	pool_stop_donor(p, 0);
	do {
		ask_copies(p, &c);
		POOL_UNTIL(p, c.calls);
	} while (!c.rows[0].err && !c.rows[1].err);
	assert_int_equal(c.n, 2);
	assert_true(!c.rows[0].err || !c.rows[1].err);
}

/* Closed while donors are asked: the callback comes, once. */
static void test_copies_close(void **state)
{
	struct pool *p = *state;
	struct pool_result r;
	struct copies c;

	pool_put(p, 1, "hello", 5, 5000, &r);
	p->donor[0].mute = p->donor[1].mute = true;
	ask_copies(p, &c);
	pool_close_client(p);
	POOL_UNTIL(p, c.calls);
	for (size_t i = 0; i < c.n; i++)
		assert_int_equal(c.rows[i].err, LR_E_CLOSED);
	assert_int_equal(c.calls, 1);
}

/* Closed with everything in flight: each callback comes once, values are not
 * touched after it. */
static void test_close(void **state)
{
	struct pool *p = *state;
	struct pool_result r[20] = {0};
	struct answer a = {0};
	struct lr_id id = pool_id(1);
	uint8_t *big = calloc(1, LR_VALUE_MAX);
	struct lr_put put = {.tag = {.ts = 2, .writer = 9},
			     .kind = LR_KIND_CHUNK,
			     .value = big,
			     .bytes = LR_VALUE_MAX,
			     .deadline_ms = 20000};

	pool_get(p, 1, 5000, &r[0]);
	memset(r, 0, sizeof r);
	p->donor[0].mute = p->donor[1].mute = true;
	for (unsigned i = 0; i < 18; i++) {
		put.id = pool_id(i);
		p->entries->ops->put(p->entries, &put, pool_result_cb, &r[i]);
	}
	p->entries->ops->get(p->entries, &id, 0, 9000, pool_result_cb, &r[18]);
	p->entries->ops->get(p->entries, &id, LR_GET_TAG_ONLY, 9000,
			     pool_result_cb, &r[19]);
	p->entries->ops->ask(p->entries, LR_M_STATUS, "\0\0\0", 4, 5000,
			     answer_cb, &a);
	pool_close_client(p);
	for (unsigned i = 0; i < 20; i++) {
		POOL_UNTIL(p, r[i].calls);
		assert_int_equal(r[i].r.err, LR_E_CLOSED);
	}
	free(big);
	POOL_UNTIL(p, a.calls);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(r[i].calls, 1);
}

/* Big values to a donor that stops: the result waits until no link refers to
 * the value any more, and it is UNKNOWN. */
static void test_value_is_free(void **state)
{
	struct pool *p = *state;
	struct pool_result r[40] = {0};
	uint8_t *big = calloc(1, LR_VALUE_MAX);
	struct lr_put put = {.tag = {.ts = 2, .writer = 9},
			     .kind = LR_KIND_CHUNK,
			     .value = big,
			     .bytes = LR_VALUE_MAX,
			     .deadline_ms = 400};

	pool_get(p, 1, 5000, &r[0]);
	r[0].calls = 0;
	p->donor[0].mute = true;
	for (unsigned i = 0; i < countof(r); i++) {
		put.id = pool_id(i);
		p->entries->ops->put(p->entries, &put, pool_result_cb, &r[i]);
	}
	for (unsigned i = 0; i < countof(r); i++) {
		POOL_UNTIL(p, r[i].calls);
		assert_int_equal(r[i].r.err, LR_E_UNKNOWN);
	}
	free(big);
}

/* Tags are the highest over all copies. */
static void test_tags(void **state)
{
	struct pool *p = *state;
	struct pool_result r = {0};
	struct lr_id id = pool_id(1);

	pool_put(p, 1, "x", 1, 5000, &r);
	pool_find(&p->donor[1], &id)->tag.ts = 6;
	memset(&r, 0, sizeof r);
	p->entries->ops->get(p->entries, &id, LR_GET_TAG_ONLY, 5000,
			     pool_result_cb, &r);
	POOL_UNTIL(p, r.calls);
	assert_int_equal(r.r.err, LR_E_OK);
	assert_int_equal(r.r.tag.ts, 6);
	assert_null(r.value);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start2, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_put_get),
		T(test_corrupt),
		T(test_stale),
		T(test_delta),
		T(test_clear),
		T(test_broken_link),
		T(test_mute),	T(test_copies),	T(test_copies_close),
		T(test_other_incarnation),
		T(test_unreached),
		T(test_refused),
		T(test_no_coordinator),
		T(test_ask),
		T(test_find),
		T(test_find_all),
		cmocka_unit_test_setup_teardown(test_pending, start_pending,
						done),
		T(test_no_pool),
		T(test_close),
		T(test_value_is_free),
		T(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
