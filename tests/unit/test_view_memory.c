/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth allocation fails, for every N, while views are made, copied and
 * received, and while a slot is pulled: it is said, what was known stays, and
 * once there is memory all goes on. ASan sees to what is left behind. */
#include "core/sync.h"
#include "wire/viewcodec.h"

#include "tests/unit/fail_nth.h"
#include "unit.h"

#define NSLOTS	64u
#define MEMBERS 64u /* fill their table: one more makes it grow */
#define CAP	1024 /* of a part */
#define ENTRIES 100u
#define PAGE	16u

/* True: there was an Nth allocation, and it failed. */
typedef bool (*life)(unsigned nth);

static void at_every_step(life live, unsigned at_least)
{
	unsigned n = 1;

	while (live(n))
		assert_true(++n < 1000);
	assert_true(n > at_least);
}

/* --- views -------------------------------------------------------------- */

static struct lr_member member(uint64_t inc)
{
	struct lr_member m = {.inc = inc, .shards = 1, .up = true};

	snprintf(m.name, sizeof m.name, "donor-%u", (unsigned)inc);
	return m;
}

static struct lr_cfg cfg(uint64_t ce, uint64_t inc)
{
	return (struct lr_cfg){.ce = ce, .n = 1, .src = 1, .mem = {inc}};
}

static bool fill(struct lr_view *v, uint64_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct lr_member m = member(first + i);

		if (!lr_view_put_member(v, &m))
			return false;
	}
	return true;
}

static struct lr_view view(uint64_t rev, uint64_t first)
{
	struct lr_view v;

	assert_true(lr_view_init(&v, NSLOTS));
	assert_true(fill(&v, first, MEMBERS));
	v.run = 7;
	v.rev = rev;
	v.epoch = rev;
	for (unsigned s = 0; s < NSLOTS; s++)
		v.cfg[s] = cfg(rev, first + s % MEMBERS);
	return v;
}

static void assert_same(const struct lr_view *a, const struct lr_view *b)
{
	assert_int_equal(a->rev, b->rev);
	assert_int_equal(a->n_members, b->n_members);
	for (size_t i = 0; i < a->n_members; i++)
		assert_string_equal(lr_view_member(b, a->members[i].inc)->name,
				    a->members[i].name);
	for (unsigned s = 0; s < NSLOTS; s++)
		assert_true(lr_cfg_eq(&a->cfg[s], &b->cfg[s]));
}

static bool make(unsigned nth)
{
	struct lr_view v;
	bool made, failed;
	unsigned n = 0;

	fail_nth(nth);
	made = lr_view_init(&v, NSLOTS);
	while (made && n < MEMBERS && fill(&v, 1 + n, 1))
		n++;
	failed = fail_nth_did();
	assert_int_equal(!failed, made && n == MEMBERS);
	if (!made)
		return failed;
	/* what was in stays, and what did not fit comes in now */
	assert_int_equal(v.n_members, n);
	assert_true(fill(&v, 1 + n, MEMBERS - n));
	for (uint64_t inc = 1; inc <= MEMBERS; inc++)
		assert_non_null(lr_view_member(&v, inc));
	lr_view_done(&v);
	return failed;
}

/* A view that is made: its members are those that were taken. */
static void made(void **state)
{
	(void)state;
	at_every_step(make, 4);
}

static bool copy(unsigned nth)
{
	struct lr_view v = view(3, 1), to;
	bool copied, failed;

	fail_nth(nth);
	copied = lr_view_copy(&to, &v);
	failed = fail_nth_did();
	assert_int_equal(copied, !failed);
	if (copied) {
		assert_same(&v, &to);
		lr_view_done(&to);
	} else {
		assert_null(to.cfg);
		assert_null(to.members);
	}
	lr_view_done(&v);
	return failed;
}

/* A copy is whole, or nothing. */
static void copied(void **state)
{
	(void)state;
	at_every_step(copy, 4);
}

static enum lr_view_took give_whole(struct lr_view_rx *rx,
				    const struct lr_view *v)
{
	struct lr_msg_view m = {v->run, v->rev, v->epoch, 0, 0};
	enum lr_view_took t = LR_VIEW_MORE;
	struct lr_view_enc it;
	uint8_t buf[CAP];

	lr_view_enc_whole(&it, v);
	m.parts = (uint16_t)lr_view_enc_parts(&it, CAP);
	for (; t == LR_VIEW_MORE; m.part++) {
		struct lr_writer w = lr_writer(buf, sizeof buf);

		assert_true(lr_view_enc_next(&it, &w));
		t = lr_view_rx_whole(rx, &m, buf, w.len);
	}
	return t;
}

/* One slot that somebody told of before keeps its configuration, and the
 * member it names, which the view that comes does not have. */
static bool receive(unsigned nth)
{
	struct lr_view known = view(3, 1), v = view(5, 100);
	struct lr_cfg newer = cfg(9, 2);
	struct lr_view_rx rx;
	enum lr_view_took t;
	bool failed;

	assert_true(lr_view_rx_init(&rx, NSLOTS));
	assert_int_equal(give_whole(&rx, &known), LR_VIEW_APPLIED);
	assert_true(lr_view_take_cfg(&rx.view, 1, &newer));
	known.cfg[1] = newer;
	fail_nth(nth);
	t = give_whole(&rx, &v);
	failed = fail_nth_did();
	assert_int_equal(t, failed ? LR_VIEW_NO_MEMORY : LR_VIEW_APPLIED);
	if (failed) {
		assert_same(&known, &rx.view);
		assert_null(rx.next.cfg);
		assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	}
	assert_true(lr_cfg_eq(&rx.view.cfg[1], &newer));
	assert_non_null(lr_view_member(&rx.view, 2));
	assert_int_equal(rx.view.n_members, MEMBERS + 1);
	lr_view_rx_done(&rx);
	lr_view_done(&known);
	lr_view_done(&v);
	return failed;
}

/* A whole view that cannot be held leaves what was known; sent again, it is
 * taken. */
static void whole(void **state)
{
	(void)state;
	at_every_step(receive, 6);
}

static enum lr_view_took give_delta(struct lr_view_rx *rx,
				    const struct lr_view *v)
{
	struct lr_msg_view_delta m = {v->run, 3, v->rev, v->epoch, 0, 0};
	enum lr_view_took t = LR_VIEW_MORE;
	uint64_t incs[MEMBERS];
	unsigned slots[NSLOTS];
	struct lr_view_enc it;
	uint8_t buf[CAP];

	for (unsigned i = 0; i < MEMBERS; i++)
		incs[i] = v->members[i].inc;
	for (unsigned s = 0; s < NSLOTS; s++)
		slots[s] = s;
	lr_view_enc_delta(&it, v, slots, NSLOTS, incs, MEMBERS);
	m.parts = (uint16_t)lr_view_enc_parts(&it, CAP);
	for (; t == LR_VIEW_MORE; m.part++) {
		struct lr_writer w = lr_writer(buf, sizeof buf);

		assert_true(lr_view_enc_next(&it, &w));
		t = lr_view_rx_delta(rx, &m, buf, w.len);
	}
	return t;
}

static bool follow(unsigned nth)
{
	struct lr_view known = view(3, 1), v = view(5, 100);
	struct lr_view_rx rx;
	enum lr_view_took t;
	bool failed;

	assert_true(lr_view_rx_init(&rx, NSLOTS));
	assert_int_equal(give_whole(&rx, &known), LR_VIEW_APPLIED);
	fail_nth(nth);
	t = give_delta(&rx, &v);
	failed = fail_nth_did();
	assert_int_equal(t, failed ? LR_VIEW_NO_MEMORY : LR_VIEW_APPLIED);
	assert_int_equal(rx.view.rev, failed ? 3 : 5);
	/* some parts of it may be in: they are true by themselves */
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	assert_same(&v, &rx.view);
	lr_view_rx_done(&rx);
	lr_view_done(&known);
	lr_view_done(&v);
	return failed;
}

/* A delta that cannot be held does not count as taken; the whole view, asked
 * for in its stead, brings all. */
static void delta(void **state)
{
	(void)state;
	at_every_step(follow, 1);
}

/* --- pulling a slot ------------------------------------------------------ */

static bool here[ENTRIES];

static struct lr_id id_of(unsigned n)
{
	return (struct lr_id){{1, (uint8_t)n}};
}

static void have(void *arg, const struct lr_id *id, struct lr_stored *ret)
{
	(void)arg;
	ret->found = here[id->b[1]] ? LR_FOUND_VALUE : LR_FOUND_NONE;
	ret->tag = (struct lr_tag){1, 1, 1};
}

static bool list(struct lr_sync *y, const struct lr_sync_act *a)
{
	unsigned from = a->first ? 0 : a->entry.id.b[1] + 1u;
	struct lr_sync_entry page[PAGE];
	size_t n = 0;

	for (; n < PAGE && from + n < ENTRIES; n++)
		page[n] = (struct lr_sync_entry){
			.id = id_of(from + (unsigned)n),
			.tag = {1, 1, 1},
			.state = LR_FOUND_VALUE,
		};
	return lr_sync_page(y, page, n, from + n < ENTRIES);
}

/* To the end; *ret_told: lists that there was no memory for. */
static void pull(struct lr_sync *y, unsigned *ret_told)
{
	uint64_t now = 1;

	for (unsigned steps = 0;; steps++) {
		struct lr_sync_act a = lr_sync_next(y, now, have, NULL);

		assert_true(steps < 10000);
		if (a.what == LR_SYNC_DONE)
			return;
		if (a.what == LR_SYNC_SCAN) {
			*ret_told += !list(y, &a);
		} else if (a.what == LR_SYNC_FETCH) {
			here[a.entry.id.b[1]] = true;
			lr_sync_fetched(y, &a.entry.id);
		} else {
			assert_int_equal(a.what, LR_SYNC_WAIT);
			assert_true(a.at_ms > now); /* or it hangs for ever */
			now = a.at_ms;
		}
	}
}

static bool pull_slot(unsigned nth)
{
	struct lr_cfg c = {.ce = 9, .n = 2, .src = 1, .mem = {10, 1}};
	unsigned told = 0;
	struct lr_sync *y;
	bool failed;

	memset(here, 0, sizeof here);
	fail_nth(nth);
	y = lr_sync_new(5, &c, 1, 1);
	if (y)
		pull(y, &told);
	failed = fail_nth_did();
	if (!y)
		return failed;
	assert_int_equal(told, failed);
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_true(here[i]);
	lr_sync_free(y);
	return failed;
}

/* A list that there is no memory for is asked for again, and in the end no
 * entry is missing. */
static void pulled(void **state)
{
	(void)state;
	at_every_step(pull_slot, ENTRIES / PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made),	 cmocka_unit_test(copied),
		cmocka_unit_test(whole), cmocka_unit_test(delta),
		cmocka_unit_test(pulled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
