/* SPDX-License-Identifier: Apache-2.0 */
/* Questions directly at coordinator and donors: STATUS, FIND, what copies there
 * are; and what a close ends. Real links, donors that go away. */
#include "pool_kit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(test_ask),
		POOL_TEST(test_find_all),
		POOL_TEST(test_find),
		cmocka_unit_test_setup_teardown(test_pending,
						pool_setup_pending,
						pool_teardown),
		POOL_TEST(test_no_pool),
		POOL_TEST(test_copies),
		POOL_TEST(test_copies_close),
		POOL_TEST(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
