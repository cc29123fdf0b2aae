/* SPDX-License-Identifier: Apache-2.0 */
/* Operations directly at donors: real links, a view that changes, donors that
 * misbehave. */
#include "pool_kit.h"

#include "net/clock.h"

/* The machine may be suspended: CLOCK_BOOTTIME is wrapped (client.mk). */
static uint64_t suspended_ms;
uint64_t __real_lr_now_ms(void);
uint64_t __wrap_lr_now_ms(void);

uint64_t __wrap_lr_now_ms(void)
{
	return __real_lr_now_ms() + suspended_ms;
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

static void set_up(struct pool *p, unsigned nr, bool up)
{
	for (size_t i = 0; i < p->truth.n_members; i++)
		if (p->truth.members[i].inc == p->donor[nr].inc)
			p->truth.members[i].up = up;
	p->truth.rev++;
	pool_tell(p);
}

static bool is_up(const struct pool *p, unsigned nr)
{
	const struct lr_member *m =
		lr_view_member(lr_direct_view(p->direct), p->donor[nr].inc);

	return m && m->up;
}

/* What may go elsewhere does not wait where nobody is up; what may not, and
 * where one is, does. */
static void test_new(void **state)
{
	struct pool *p = *state;
	struct pool_result r = {0};
	struct lr_put put = {.id = pool_id(1),
			     .tag = {.ts = LR_TS_CLOSED, .writer = 9},
			     .kind = LR_KIND_MANIFEST,
			     .flags = LR_PUT_NEW,
			     .value = "hello",
			     .bytes = 5,
			     .deadline_ms = 600000};

	pool_put(p, 2, "hello", 5, 5000, &r); /* it has the view */
	set_up(p, 0, false);
	set_up(p, 1, false);
	POOL_UNTIL(p, !is_up(p, 0) && !is_up(p, 1));
	r.calls = 0;
	p->entries->ops->put(p->entries, &put, pool_result_cb, &r);
	assert_int_equal(r.calls, 0);
	POOL_UNTIL(p, r.calls);
	assert_int_equal(r.r.err, LR_E_UNREACHABLE);
	assert_null(pool_find(&p->donor[0], &put.id));
	put.flags = 0;
	r.calls = 0;
	p->entries->ops->put(p->entries, &put, pool_result_cb, &r);
	set_up(p, 0, true);
	set_up(p, 1, true);
	POOL_UNTIL(p, r.calls);
	assert_int_equal(r.r.err, LR_E_OK);
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
	return lr_direct_link(p->direct, p->donor[nr].inc, 0);
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
		pool_get(p, 1, 30000, &r);
		assert_int_equal(r.r.err, LR_E_OK);
		assert_true(uv_hrtime() - t < 20000000000u);
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
	POOL_UNTIL(p, !lr_direct_link(p->direct, 1000, 0));
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

/* Suspended for an hour between two tries, it is over: no donor sees the PUT
 * again, whose TOMB may have been collected meanwhile. */
static void test_suspended(void **state)
{
	struct pool *p = *state;
	struct pool_result r = {0};
	struct lr_put put = {.id = pool_id(1),
			     .tag = {.ts = 2, .writer = 9},
			     .kind = LR_KIND_CHUNK,
			     .value = "hello",
			     .bytes = 5,
			     .deadline_ms = 20000};
	unsigned puts;

	p->donor[0].refuse = p->donor[1].refuse = LR_E_BUSY;
	p->entries->ops->put(p->entries, &put, pool_result_cb, &r);
	POOL_UNTIL(p, p->donor[0].puts > 2 &&
			      p->donor[0].puts == p->donor[1].puts);
	suspended_ms += 3600000;
	puts = p->donor[0].puts;
	p->donor[0].refuse = p->donor[1].refuse = LR_E_OK;
	POOL_UNTIL(p, r.calls);
	assert_int_equal(r.r.err, LR_E_UNKNOWN);
	assert_int_equal(p->donor[0].puts, puts);
	assert_int_equal(p->donor[1].puts, puts);
	assert_null(pool_find(&p->donor[0], &put.id));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(test_put_get),
		POOL_TEST(test_new),
		POOL_TEST(test_corrupt),
		POOL_TEST(test_stale),
		POOL_TEST(test_delta),
		POOL_TEST(test_clear),
		POOL_TEST(test_broken_link),
		POOL_TEST(test_mute),
		POOL_TEST(test_other_incarnation),
		POOL_TEST(test_unreached),
		POOL_TEST(test_refused),
		POOL_TEST(test_no_coordinator),
		POOL_TEST(test_suspended),
		POOL_TEST(test_value_is_free),
		POOL_TEST(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
