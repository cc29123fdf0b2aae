/* SPDX-License-Identifier: Apache-2.0 */
/* What if donors went, what would move, and the pause of the rebuild. */
#include "tests/unit/coord_kit.h"

#define SLOTS 24u /* 8 of each class */

const char *lr_mutation;

static void pool(struct kit *k, unsigned n)
{
	kit_init(k, SLOTS, 4, 1);
	for (unsigned i = 0; i < n; i++)
		kit_start(k, i);
	assert_true(kit_until(k, kit_healed, 20000));
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k->c, s, 1, 1000);
}

static void end(struct kit *k)
{
	if (k->wrong[0])
		fail_msg("%s", k->wrong);
	kit_done(k);
}

static struct lr_whatif whatif(struct kit *k, unsigned gone)
{
	uint64_t incs[KIT_DONORS];
	struct lr_whatif w;

	for (unsigned i = 0; i < gone; i++)
		incs[i] = k->d[i].inc;
	lr_coord_whatif(k->c, incs, gone, &w);
	assert_int_equal(w.full + w.short_ + w.lost + w.unavailable, SLOTS);
	assert_int_equal(w.readable, w.full + w.short_);
	return w;
}

/* Nobody gone, nothing missing; all gone, all lost; between them what the rows
 * of the donors say. */
static void counts(void **state)
{
	struct lr_coord_row rows[KIT_DONORS];
	struct lr_whatif w;
	struct kit k;

	(void)state;
	pool(&k, 3);
	w = whatif(&k, 0);
	assert_int_equal(w.full, SLOTS);
	assert_int_equal(w.copy_bytes, 0);
	assert_int_equal(w.donors_left, 3);
	w = whatif(&k, 1);
	assert_int_equal(lr_coord_rows(k.c, rows, KIT_DONORS), 3);
	for (unsigned i = 0; i < 3; i++) {
		if (rows[i].d.member.inc != k.d[0].inc)
			continue;
		assert_int_equal(w.lost, rows[i].slots_lost);
		assert_int_equal(w.short_, rows[i].slots_short);
	}
	assert_int_equal(w.lost_bytes, w.lost * 1000);
	w = whatif(&k, 3);
	assert_int_equal(w.lost, SLOTS);
	assert_int_equal(w.donors_left, 0);
	end(&k);
}

/* It comes true: what was foretold to be lost or short is, after the kill. */
static void comes_true(void **state)
{
	struct lr_coord_summary s;
	struct lr_whatif w;
	struct kit k;

	(void)state;
	pool(&k, 3);
	w = whatif(&k, 1);
	lr_coord_pause(k.c, true);
	kit_kill(&k, 0, false);
	kit_run(&k, 3000);
	lr_coord_summarize(k.c, &s);
	assert_int_equal(s.unavailable, w.lost);
	assert_int_equal(s.short_, w.short_);
	end(&k);
}

/* Paused, a dead donor's copies stay missing, and a clean leave still moves
 * what would be lost; resumed, all is made whole. */
static void pause_holds(void **state)
{
	struct lr_coord_summary s;
	struct kit k;

	(void)state;
	pool(&k, 4);
	lr_coord_pause(k.c, true);
	assert_true(lr_coord_is_paused(k.c) && lr_coord_may_rest(k.c));
	kit_kill(&k, 0, false);
	kit_run(&k, 10000);
	lr_coord_summarize(k.c, &s);
	assert_true(s.short_ > 0);
	assert_true(lr_coord_recovery_left(k.c) > 0);
	assert_int_equal(k.events[LR_EVENT_HEALED], 0);
	kit_start(&k, 0); /* empty: what was on it alone is proven lost */
	lr_coord_pause(k.c, false);
	assert_true(kit_until(&k, kit_healed, 30000));
	assert_int_equal(lr_coord_recovery_left(k.c), 0);
	assert_int_equal(k.events[LR_EVENT_PAUSED], 1);
	assert_int_equal(k.events[LR_EVENT_RESUMED], 1);
	end(&k);
}

/* A donor that wants to leave is let go though the rebuild is paused. */
static void pause_lets_leave(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 4);
	lr_coord_pause(k.c, true);
	kit_leave(&k, 1);
	kit_run(&k, 20000);
	assert_true(k.d[1].may_leave || !k.d[1].alive);
	assert_int_equal(k.lost, 0);
	end(&k);
}

static unsigned would_move(struct kit *k, uint64_t *ret_gets)
{
	struct lr_coord_move all[KIT_DONORS];
	unsigned slots;
	size_t n;

	assert_true(lr_coord_rebalance(k->c, all, KIT_DONORS, &n, &slots,
				       k->now));
	*ret_gets = 0;
	for (size_t i = 0; i < n; i++) {
		*ret_gets += all[i].gets;
		assert_int_equal(all[i].get_bytes, all[i].gets * 1000);
		assert_int_equal(all[i].give_bytes, all[i].gives * 1000);
	}
	return slots;
}

static unsigned differing(const struct kit *k, const struct lr_cfg *before)
{
	const struct lr_view *v = lr_coord_view(k->c);
	unsigned copies = 0;

	for (unsigned s = 0; s < SLOTS; s++)
		for (unsigned i = 0; i < v->cfg[s].n; i++)
			copies += lr_cfg_index(&before[s],
					       v->cfg[s].mem[i]) < 0;
	return copies;
}

/* In a settled pool nothing would move. While the rebuild is paused a new
 * donor's share is foretold, and nothing moves by asking; when it goes on, that
 * many copies do. */
static void rebalance_comes_true(void **state)
{
	struct lr_cfg before[SLOTS];
	uint64_t gets, told;
	struct kit k;

	(void)state;
	pool(&k, 3);
	assert_int_equal(would_move(&k, &gets), 0);
	lr_coord_pause(k.c, true);
	kit_start(&k, 3);
	kit_run(&k, 3000);
	memcpy(before, lr_coord_view(k.c)->cfg, sizeof before);
	assert_true(would_move(&k, &told) > 0);
	assert_int_equal(differing(&k, before), 0);
	lr_coord_pause(k.c, false);
	kit_run(&k, 30000);
	assert_int_equal(differing(&k, before), told);
	assert_int_equal(would_move(&k, &gets), 0);
	end(&k);
}

static unsigned held_before(const struct kit *k, const struct lr_cfg *before,
			    unsigned donor, unsigned *ret_now)
{
	const struct lr_view *v = lr_coord_view(k->c);
	unsigned n = 0;

	*ret_now = 0;
	for (unsigned s = 0; s < SLOTS; s++) {
		if (lr_cfg_index(&v->cfg[s], k->d[donor].inc) < 0)
			continue;
		++*ret_now;
		n += lr_cfg_index(&before[s], k->d[donor].inc) >= 0;
	}
	return n;
}

/* A donor that was silent, and evicted, and comes back with its RAM, gets the
 * slots that it had, or nearly so: it needs to copy what was written since, no more. */
static void warm_return(void **state)
{
	struct lr_cfg before[SLOTS];
	unsigned now, same;
	struct kit k;

	(void)state;
	pool(&k, 4);
	memcpy(before, lr_coord_view(k.c)->cfg, sizeof before);
	kit_cut(&k, 0, true);
	kit_run(&k, 20000);
	held_before(&k, before, 0, &now);
	kit_cut(&k, 0, false);
	kit_run(&k, 60000);
	same = held_before(&k, before, 0, &now);
	assert_true(now > 4);
	assert_true(same >= now - now / 4); /* by chance: half of them */
	end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(comes_true),
		cmocka_unit_test(pause_holds),
		cmocka_unit_test(pause_lets_leave),
		cmocka_unit_test(rebalance_comes_true),
		cmocka_unit_test(warm_return),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
