/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/viewcodec.h"

#include "unit.h"

#define NSLOTS 200
#define CAP    1024 /* of a part, so that small views take many */

static uint64_t seed = 1;

static struct lr_member member(uint64_t inc)
{
	struct lr_member m = {.inc = inc, .shards = 1, .up = inc & 1};

	memset(m.dev.b, (int)inc, sizeof m.dev.b);
	memset(m.machine.b, (int)inc + 1, sizeof m.machine.b);
	snprintf(m.name, sizeof m.name, "donor-%d", (int)inc);
	snprintf(m.addrs, sizeof m.addrs, "10.0.0.%d:7451", (int)inc);
	return m;
}

static struct lr_cfg cfg(uint64_t ce)
{
	struct lr_cfg c = {.ce = ce, .n = 2, .src = 1};

	c.mem[0] = 1 + draw(&seed, 5);
	c.mem[1] = 6 + draw(&seed, 5);
	return c;
}

/* A view of ten donors and `n` configured slots. */
static struct lr_view view(uint64_t rev, unsigned n)
{
	struct lr_view v;

	assert_true(lr_view_init(&v, NSLOTS));
	v.run = 7;
	v.rev = rev;
	v.epoch = rev + 100;
	for (uint64_t inc = 1; inc <= 10; inc++) {
		struct lr_member m = member(inc);

		assert_non_null(lr_view_put_member(&v, &m));
	}
	for (unsigned s = 0; s < n; s++)
		v.cfg[s] = cfg(1 + draw(&seed, 50));
	return v;
}

static void assert_same(const struct lr_view *a, const struct lr_view *b)
{
	assert_int_equal(a->run, b->run);
	assert_int_equal(a->rev, b->rev);
	assert_int_equal(a->epoch, b->epoch);
	for (unsigned s = 0; s < a->nslots; s++)
		assert_true(lr_cfg_eq(&a->cfg[s], &b->cfg[s]));
	assert_int_equal(a->n_members, b->n_members);
	for (size_t i = 0; i < a->n_members; i++) {
		const struct lr_member *m = &a->members[i], *k;

		k = lr_view_member(b, m->inc);
		assert_non_null(k);
		assert_true(lr_dev_eq(&m->dev, &k->dev));
		assert_true(lr_dev_eq(&m->machine, &k->machine));
		assert_string_equal(m->name, k->name);
		assert_string_equal(m->addrs, k->addrs);
		assert_int_equal(m->shards, k->shards);
		assert_int_equal(m->up, k->up);
	}
}

static struct lr_view_rx new_rx(void)
{
	struct lr_view_rx rx;

	assert_true(lr_view_rx_init(&rx, NSLOTS));
	return rx;
}

/* Part `part` of the whole view, as VIEW_GET would be answered. */
static enum lr_view_took give_part(struct lr_view_rx *rx,
				   const struct lr_view *v, unsigned part)
{
	struct lr_view_enc it;
	uint8_t buf[CAP];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_msg_view m = {v->run, v->rev, v->epoch, 0, 0};

	lr_view_enc_whole(&it, v);
	m.part = (uint16_t)part;
	m.parts = (uint16_t)lr_view_enc_parts(&it, CAP);
	lr_view_enc_skip(&it, part, CAP);
	assert_true(lr_view_enc_next(&it, &w));
	assert_false(w.bad);
	return lr_view_rx_whole(rx, &m, buf, w.len);
}

static enum lr_view_took give_whole(struct lr_view_rx *rx,
				    const struct lr_view *v)
{
	enum lr_view_took t = LR_VIEW_MORE;

	for (unsigned part = 0; t == LR_VIEW_MORE; part++)
		t = give_part(rx, v, part);
	return t;
}

/* All parts of a delta; `skip`: but one. */
static enum lr_view_took give_delta(struct lr_view_rx *rx,
				    const struct lr_view *v, uint64_t from,
				    const unsigned *slots, size_t n,
				    const uint64_t *incs, size_t n_incs,
				    int skip)
{
	struct lr_msg_view_delta m = {v->run, from, v->rev, v->epoch, 0, 0};
	enum lr_view_took t = LR_VIEW_MORE;
	struct lr_view_enc it;
	uint8_t buf[CAP];

	lr_view_enc_delta(&it, v, slots, n, incs, n_incs);
	m.parts = (uint16_t)lr_view_enc_parts(&it, CAP);
	for (; t == LR_VIEW_MORE && m.part < m.parts; m.part++) {
		struct lr_writer w = lr_writer(buf, sizeof buf);

		assert_true(lr_view_enc_next(&it, &w));
		if (m.part != skip)
			t = lr_view_rx_delta(rx, &m, buf, w.len);
	}
	return t;
}

/* A whole view of any size arrives as it was sent, part by part. */
static void whole(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= NSLOTS; n += 40) {
		struct lr_view_rx rx = new_rx();
		struct lr_view v = view(3, n), again;

		assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
		assert_same(&v, &rx.view);
		assert_true(lr_view_copy(&again, &v));
		assert_same(&v, &again);
		lr_view_done(&again);
		lr_view_done(&v);
		lr_view_rx_done(&rx);
	}
}

/* An empty view is one empty part. */
static void empty(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view_enc it;
	struct lr_view v;

	(void)state;
	assert_true(lr_view_init(&v, NSLOTS));
	v.run = 7;
	lr_view_enc_whole(&it, &v);
	assert_int_equal(lr_view_enc_parts(&it, CAP), 1);
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	lr_view_done(&v);
	lr_view_rx_done(&rx);
}

/* Deltas in order bring a receiver along: slots, members new and dropped. */
static void deltas(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view v = view(1, 50);

	(void)state;
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	for (unsigned round = 0; round < 50; round++) {
		unsigned slots[60], n = draw(&seed, 60);
		uint64_t incs[2] = {20 + round, 19 + round};
		struct lr_member m = member(20 + round);

		v.rev++;
		v.epoch++;
		for (unsigned i = 0; i < n; i++) {
			slots[i] = draw(&seed, NSLOTS);
			v.cfg[slots[i]] = cfg(v.epoch);
		}
		assert_non_null(lr_view_put_member(&v, &m));
		lr_view_drop_member(&v, 19 + round);
		assert_int_equal(give_delta(&rx, &v, v.rev - 1, slots, n, incs,
					    2, -1),
				 LR_VIEW_APPLIED);
		assert_same(&v, &rx.view);
	}
	lr_view_done(&v);
	lr_view_rx_done(&rx);
}

/* Deltas that come between the parts of a whole view are in it in the end, if
 * only slots are left of it; the rest of an older view does not undo them. */
static void delta_within_whole(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view was = view(3, NSLOTS), v;
	unsigned slots[2] = {0, NSLOTS - 1}, part = 0;
	uint64_t inc = 4;

	(void)state;
	assert_true(lr_view_copy(&v, &was));
	v.rev = 4;
	v.cfg[0] = cfg(60);
	v.cfg[NSLOTS - 1] = cfg(60);
	lr_view_drop_member(&v, inc);
	assert_int_equal(give_part(&rx, &was, part++), LR_VIEW_MORE);
	assert_int_equal(give_delta(&rx, &v, 3, slots, 2, &inc, 1, -1),
			 LR_VIEW_NEED_WHOLE); /* members are still to come */
	while (!rx.next.cfg[1].ce)
		assert_int_equal(give_part(&rx, &was, part++), LR_VIEW_MORE);
	assert_int_equal(give_delta(&rx, &v, 3, slots, 2, &inc, 1, -1),
			 LR_VIEW_MORE);
	while (rx.view.run == 0)
		assert_in_range(give_part(&rx, &was, part++), LR_VIEW_MORE,
				LR_VIEW_APPLIED);
	assert_same(&v, &rx.view);
	lr_view_done(&v);
	lr_view_done(&was);
	lr_view_rx_done(&rx);
}

/* A gap between deltas, or within one, asks for the whole view; so does a
 * delta of another run, or before anything came. A repeated one is old. */
static void gaps(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view v = view(5, NSLOTS);
	unsigned slots[NSLOTS];

	(void)state;
	for (unsigned s = 0; s < NSLOTS; s++)
		slots[s] = s;
	assert_int_equal(give_delta(&rx, &v, 4, slots, 1, NULL, 0, -1),
			 LR_VIEW_NEED_WHOLE);
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	v.rev = 7;
	assert_int_equal(give_delta(&rx, &v, 6, slots, 1, NULL, 0, -1),
			 LR_VIEW_NEED_WHOLE);
	assert_int_equal(give_delta(&rx, &v, 5, slots, NSLOTS, NULL, 0, 1),
			 LR_VIEW_NEED_WHOLE);
	assert_int_equal(rx.view.rev, 5);
	assert_int_equal(give_delta(&rx, &v, 5, slots, NSLOTS, NULL, 0, -1),
			 LR_VIEW_APPLIED);
	assert_int_equal(give_delta(&rx, &v, 5, slots, NSLOTS, NULL, 0, -1),
			 LR_VIEW_OLD);
	v.run = 8;
	v.rev = 8;
	assert_int_equal(give_delta(&rx, &v, 7, slots, 1, NULL, 0, -1),
			 LR_VIEW_NEED_WHOLE);
	lr_view_done(&v);
	lr_view_rx_done(&rx);
}

/* Parts of a whole view out of order, or of two revs, are not put together,
 * and what was known stays. */
static void torn_whole(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view v = view(5, NSLOTS), known = view(4, 10);

	(void)state;
	assert_int_equal(give_whole(&rx, &known), LR_VIEW_APPLIED);
	assert_int_equal(give_part(&rx, &v, 1), LR_VIEW_NEED_WHOLE);
	assert_int_equal(give_part(&rx, &v, 0), LR_VIEW_MORE);
	assert_int_equal(give_part(&rx, &v, 2), LR_VIEW_NEED_WHOLE);
	assert_int_equal(give_part(&rx, &v, 0), LR_VIEW_MORE);
	v.rev = 6;
	assert_int_equal(give_part(&rx, &v, 1), LR_VIEW_NEED_WHOLE);
	assert_same(&known, &rx.view);
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	v.rev = 5;
	assert_int_equal(give_part(&rx, &v, 0), LR_VIEW_OLD);
	lr_view_done(&v);
	lr_view_done(&known);
	lr_view_rx_done(&rx);
}

/* A higher ce that anyone told survives the older view of any run, with the
 * members it names; an equal one grows. */
static void never_back(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view v = view(5, 3);
	struct lr_cfg newer = cfg(900), grown;

	(void)state;
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	assert_true(lr_view_take_cfg(&rx.view, 1, &newer));
	assert_false(lr_view_take_cfg(&rx.view, 1, &v.cfg[1]));
	assert_false(lr_view_take_cfg(&rx.view, 1, &newer));
	assert_false(lr_view_take_cfg(&rx.view, NSLOTS, &newer));
	lr_view_drop_member(&v, newer.mem[0]);
	grown = v.cfg[2];
	grown.synced = 2;
	assert_true(lr_view_take_cfg(&rx.view, 2, &grown));
	v.run = 99;
	v.rev = 1;
	assert_int_equal(give_whole(&rx, &v), LR_VIEW_APPLIED);
	assert_true(lr_cfg_eq(&rx.view.cfg[1], &newer));
	assert_non_null(lr_view_member(&rx.view, newer.mem[0]));
	assert_int_equal(rx.view.cfg[2].synced, 2);
	assert_int_equal(rx.view.run, 99);
	lr_view_done(&v);
	lr_view_rx_done(&rx);
}

/* A part that is cut, or names what cannot be, is refused whole: nothing of it
 * is applied. */
static void hostile(void **state)
{
	struct lr_view v = view(1, 12), out;
	struct lr_view_enc it;
	uint8_t buf[CAP * 4], *exact;
	struct lr_writer w = lr_writer(buf, sizeof buf);

	(void)state;
	lr_view_enc_whole(&it, &v);
	assert_true(lr_view_enc_next(&it, &w));
	assert_int_equal(lr_view_enc_parts(&it, CAP), 0);
	for (size_t cut = 0; cut < w.len; cut++) {
		exact = malloc(cut + 1);
		assert_non_null(exact);
		memcpy(exact, buf, cut);
		assert_true(lr_view_init(&out, NSLOTS));
		if (lr_view_apply(&out, exact, cut) != LR_E_OK)
			assert_true(out.n_members == 0 && out.cfg[0].ce == 0);
		lr_view_done(&out);
		free(exact);
	}
	for (unsigned run = 0; run < 20000; run++) {
		uint8_t was[8];
		size_t at[8];

		for (unsigned i = 0; i < 8; i++) {
			at[i] = draw(&seed, (uint32_t)w.len);
			was[i] = buf[at[i]];
			buf[at[i]] = (uint8_t)draw(&seed, 256);
		}
		assert_true(lr_view_init(&out, NSLOTS));
		lr_view_apply(&out, buf, w.len);
		for (unsigned s = 0; s < NSLOTS; s++)
			assert_true(out.cfg[s].ce == 0 ||
				    lr_cfg_valid(&out.cfg[s]));
		lr_view_done(&out);
		for (unsigned i = 8; i--;)
			buf[at[i]] = was[i];
	}
	lr_view_done(&v);
}

/* Slots beyond the table, texts too long and strange headers are refused. */
static void impossible(void **state)
{
	struct lr_view_rx rx = new_rx();
	struct lr_view small;
	struct lr_cfg c = cfg(3);
	uint8_t buf[64];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_msg_view m = {0, 1, 1, 0, 1};
	struct lr_msg_view_delta d = {7, 3, 3, 1, 0, 1};

	(void)state;
	lr_w_u8(&w, 'c');
	lr_enc_cfg(&w, 5, &c);
	assert_true(lr_view_init(&small, 5));
	assert_int_equal(lr_view_apply(&small, buf, w.len), LR_E_PROTOCOL);
	assert_int_equal(lr_view_apply(&rx.view, buf, w.len), LR_E_OK);
	buf[0] = 'x';
	assert_int_equal(lr_view_apply(&rx.view, buf, w.len), LR_E_PROTOCOL);
	assert_int_equal(lr_view_rx_whole(&rx, &m, buf, 0), LR_VIEW_BAD);
	m.run = 7;
	m.part = 1;
	assert_int_equal(lr_view_rx_whole(&rx, &m, buf, 0), LR_VIEW_BAD);
	m.part = 0;
	assert_int_equal(lr_view_rx_whole(&rx, &m, buf, w.len), LR_VIEW_BAD);
	m.parts = 0;
	assert_int_equal(lr_view_rx_whole(&rx, &m, buf, 0), LR_VIEW_BAD);
	assert_int_equal(lr_view_rx_delta(&rx, &d, buf, 0), LR_VIEW_BAD);
	lr_view_done(&small);
	lr_view_rx_done(&rx);
}

/* Members are found, replaced and dropped by incarnation. */
static void members(void **state)
{
	struct lr_view v = view(1, 0);
	struct lr_member m = member(3);

	(void)state;
	strcpy(m.name, "other");
	assert_non_null(lr_view_put_member(&v, &m));
	assert_int_equal(v.n_members, 10);
	assert_string_equal(lr_view_member(&v, 3)->name, "other");
	lr_view_drop_member(&v, 3);
	lr_view_drop_member(&v, 3);
	lr_view_drop_member(&v, 10);
	assert_int_equal(v.n_members, 8);
	assert_null(lr_view_member(&v, 3));
	assert_non_null(lr_view_member(&v, 9));
	lr_view_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),      cmocka_unit_test(empty),
		cmocka_unit_test(deltas),
		cmocka_unit_test(delta_within_whole),     cmocka_unit_test(gaps),
		cmocka_unit_test(torn_whole), cmocka_unit_test(never_back),
		cmocka_unit_test(hostile),    cmocka_unit_test(impossible),
		cmocka_unit_test(members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
