/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules, one behaviour at a time: who joins and dies. */
#include "tests/unit/coord_kit.h"

#define SLOTS KIT_POOL_SLOTS

const char *lr_mutation;

/* The first donor gets every slot, without a SEAL: nobody is to be asked. */
static void first_donor(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, SLOTS, 1, 1);
	kit_start(&k, 0);
	assert_true(kit_until(&k, kit_healed, 5000));
	assert_int_equal(kit_holding(&k, 0), SLOTS);
	assert_int_equal(k.seals, 0);
	assert_int_equal(lr_coord_view(k.c)->epoch, 1);
	kit_end(&k);
}

/* Donors that come within the settling time share the first cfg: all are its
 * sources, and there is one epoch. */
static void joins_are_gathered(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, SLOTS, 4, 1);
	for (unsigned i = 0; i < 4; i++)
		kit_start(&k, i);
	assert_true(kit_until(&k, kit_healed, 5000));
	assert_int_equal(lr_coord_view(k.c)->epoch, 1);
	kit_end(&k);
}

/* A second donor takes the second copies, and half of the single ones. */
static void second_joins(void **state)
{
	struct kit k;
	unsigned moved = 0;

	(void)state;
	kit_pool(&k, 1, 2);
	kit_start(&k, 1);
	kit_run(&k, 400);
	assert_true(kit_until(&k, kit_healed, 20000));
	for (unsigned s = 0; s < SLOTS / 3; s++)
		moved += lr_coord_view(k.c)->cfg[s].mem[0] == k.d[1].inc;
	assert_in_range(moved, 3, 5);
	kit_end(&k);
}

/* Slots of more than one copy that name it. */
static unsigned named(struct kit *k, unsigned donor)
{
	unsigned n = 0;

	for (unsigned s = k->nslots / 3; s < k->nslots; s++)
		n += lr_cfg_index(&lr_coord_view(k->c)->cfg[s],
				  k->d[donor].inc) >= 0;
	return n;
}

/* Two of two copies, one donor refused: out within one change, at once; what
 * was acknowledged is served by the other. */
static void death_at_two_copies(void **state)
{
	struct kit k;
	uint64_t at;

	(void)state;
	kit_pool(&k, 3, 3);
	at = k.now;
	kit_kill(&k, 1, false);
	while (named(&k, 1) && k.now < at + 1000)
		kit_step(&k);
	assert_true(k.now - at <= 100);
	kit_start(&k, 1);
	assert_true(kit_until(&k, kit_healed, 30000));
	kit_end(&k);
}

/* A silent donor is dead after 600 ms, and its copies are made again only
 * after the rebuild delay; where one copy is left, at once. */
static void silence_waits_before_rebuild(void **state)
{
	struct kit k;
	uint64_t at;
	unsigned safe = 2 * SLOTS / 3;
	const struct lr_cfg *cfg;

	(void)state;
	kit_pool(&k, 5, 5);
	at = k.now;
	kit_kill(&k, 2, true);
	while (k.events[LR_EVENT_DOWN] == 0 && k.now < at + 5000)
		kit_step(&k);
	assert_in_range(k.now - at, 400, 900);
	kit_run(&k, 300);
	cfg = lr_coord_view(k.c)->cfg;
	for (unsigned s = SLOTS / 3; s < SLOTS; s++) {
		if (lr_cfg_index(&cfg[s], k.d[2].inc) >= 0)
			fail_msg("slot %u still names the dead", s);
		assert_true(s < safe ? cfg[s].n == 2 : cfg[s].n >= 2);
	}
	kit_run(&k, 3500);
	cfg = lr_coord_view(k.c)->cfg;
	for (unsigned s = safe; s < SLOTS; s++)
		assert_int_equal(cfg[s].n, 3);
	kit_end(&k);
}

/* All copies silent: unavailable, never lost; the same incarnation again:
 * served, nothing is missing. */
static void all_copies_away(void **state)
{
	struct kit k;
	struct lr_dev waited[LR_MEM_MAX];

	(void)state;
	kit_pool(&k, 2, 3);
	kit_start(&k, 2);
	kit_run(&k, 5000);
	kit_cut(&k, 0, true);
	kit_cut(&k, 1, true);
	kit_run(&k, 20000);
	assert_true(kit_unavailable(&k) > 0);
	assert_true(k.events[LR_EVENT_UNAVAILABLE] > 0);
	assert_int_equal(k.events[LR_EVENT_LOST], 0);
	for (unsigned s = 0; s < SLOTS; s++)
		if (lr_coord_slot_health(k.c, s) == LR_SLOTS_UNAVAILABLE)
			assert_true(lr_coord_awaited(k.c, s, waited) > 0);
	kit_cut(&k, 0, false);
	kit_cut(&k, 1, false);
	assert_true(kit_until(&k, kit_healed, 60000));
	assert_int_equal(kit_unavailable(&k), 0);
	assert_int_equal(k.lost, 0);
	kit_end(&k);
}

/* Once nothing of them is missed, slots are no longer told of; the mark is for
 * donors and clients, and stays. */
static void loss_is_over(struct kit *k)
{
	struct lr_coord_summary sum;
	unsigned lost = 0;
	uint64_t ms;

	for (unsigned s = 0; s < SLOTS; s++) {
		if (!lr_coord_lost(k->c, s, &ms))
			continue;
		assert_true(ms <= k->now);
		lost++;
	}
	lr_coord_summarize(k->c, &sum);
	assert_true(lost > 0 && sum.lost == lost);
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_lost_missed(k->c, s, false);
	lr_coord_summarize(k->c, &sum);
	assert_int_equal(sum.lost, 0);
	assert_true(lr_coord_view(k->c)->cfg[SLOTS - 1].lost & LR_LOST_MARK);
}

/* All copies come back empty: lost, once every member is proven gone and not
 * before; the mark stays. */
static void all_copies_empty(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 2, 2);
	kit_kill(&k, 0, true);
	kit_kill(&k, 1, true);
	kit_run(&k, 10000);
	assert_int_equal(k.events[LR_EVENT_LOST], 0);
	kit_start(&k, 0);
	kit_run(&k, 5000);
	for (unsigned s = SLOTS / 3; s < SLOTS; s++)
		assert_int_equal(lr_coord_slot_health(k.c, s),
				 LR_SLOTS_UNAVAILABLE);
	kit_start(&k, 1);
	assert_true(kit_until(&k, kit_healed, 30000));
	assert_true(k.events[LR_EVENT_LOST] > 0);
	for (unsigned s = SLOTS / 3; s < SLOTS; s++)
		assert_true(lr_coord_view(k.c)->cfg[s].lost & LR_LOST_MARK);
	loss_is_over(&k);
	kit_end(&k);
}

/* Slots of which it was told that they are empty are lost, too, for who had an
 * object there that nobody had time to tell of. That counts once it is known,
 * until it is over. */
static void lost_untold(void **state)
{
	struct kit k;
	struct lr_coord_summary sum;
	uint64_t ms;

	(void)state;
	kit_pool(&k, 2, 2);
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k.c, s, 0, 0);
	for (unsigned i = 0; i < 2; i++)
		kit_kill(&k, i, true);
	for (unsigned i = 0; i < 2; i++)
		kit_start(&k, i);
	assert_true(kit_until(&k, kit_healed, 30000));
	lr_coord_summarize(k.c, &sum);
	assert_int_equal(sum.lost, 0);
	for (unsigned s = SLOTS / 3; s < SLOTS; s++)
		assert_true(lr_coord_lost(k.c, s, &ms));
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_lost_missed(k.c, s, s == SLOTS - 1);
	assert_true(lr_coord_lost(k.c, SLOTS - 1, &ms));
	assert_false(lr_coord_lost(k.c, SLOTS - 2, &ms));
	lr_coord_summarize(k.c, &sum);
	assert_int_equal(sum.lost, 1);
	lr_coord_lost_missed(k.c, SLOTS - 1, false);
	assert_false(lr_coord_lost(k.c, SLOTS - 1, &ms));
	kit_end(&k);
}

/* An admin's word is proof; it outlives the coordinator, and the forgotten
 * incarnation is not let in again. */
static void forget_is_proof(void **state)
{
	struct kit k;
	struct lr_coord_donor zombie = {.member = {.shards = 1}};

	(void)state;
	kit_pool(&k, 2, 3);
	assert_int_equal(lr_coord_forget(k.c, &k.d[0].dev, k.now), LR_E_BUSY);
	kit_kill(&k, 0, true);
	kit_kill(&k, 1, true);
	kit_run(&k, 5000);
	zombie.member.inc = k.d[0].inc;
	zombie.member.dev = k.d[0].dev;
	kit_forget(&k, 0);
	kit_run(&k, 2000);
	kit_coord_crash(&k, false);
	kit_coord_start(&k);
	assert_int_equal(lr_coord_hello(k.c, &zombie, NULL, 0, k.now),
			 LR_E_PERMISSION);
	kit_start(&k, 2);
	kit_run(&k, 8000);
	assert_true(kit_unavailable(&k) > 0);
	kit_forget(&k, 1);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_end(&k);
}

/* An unknown device cannot be forgotten or drained. */
static void unknown_device(void **state)
{
	struct kit k;
	struct lr_dev who = {.b = {99}};

	(void)state;
	kit_pool(&k, 1, 1);
	assert_int_equal(lr_coord_forget(k.c, &who, k.now), LR_E_ABSENT);
	assert_int_equal(lr_coord_drain(k.c, &who, false, k.now), LR_E_ABSENT);
	kit_end(&k);
}

/* A full donor is replaced where it could not fill, keeps what it has, and the
 * copies get made elsewhere. */
static void full_donor(void **state)
{
	struct kit k;
	const struct lr_view *v;

	(void)state;
	kit_pool(&k, 3, 5);
	k.d[3].full = true;
	k.d[3].used = k.d[3].lent;
	kit_start(&k, 3);
	kit_run(&k, 8000);
	assert_true(k.events[LR_EVENT_FULL] > 0);
	assert_int_equal(kit_holding(&k, 3), 0);
	v = lr_coord_view(k.c);
	for (unsigned s = 0; s < SLOTS; s++)
		assert_int_equal(lr_coord_slot_health(k.c, s), LR_SLOTS_FULL);
	assert_true(v->epoch > 1);
	/* More room there: it takes its share. */
	k.d[3].full = false;
	k.d[3].lent *= 2;
	kit_run(&k, 10000);
	assert_true(kit_holding(&k, 3) > 9);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_end(&k);
}

/* A donor that falls silent again and again is given nothing for a while: what
 * it takes part in moves once, not each time. */
static void flapping_is_damped(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 6, 6);
	for (unsigned i = 0; i < 3; i++) {
		kit_cut(&k, 0, true);
		kit_run(&k, 6000);
		kit_cut(&k, 0, false);
		kit_run(&k, 4000);
		assert_int_equal(kit_holding(&k, 0), 0);
	}
	kit_run(&k, 60000);
	assert_true(kit_holding(&k, 0) > 0);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_end(&k);
}

/* Weights: a donor that lends much less is relieved of most. */
static void less_lent_moves_away(void **state)
{
	struct kit k;
	unsigned before;

	(void)state;
	kit_pool(&k, 5, 5);
	before = kit_holding(&k, 0);
	k.d[0].lent /= 8;
	kit_run(&k, 10000);
	assert_true(kit_holding(&k, 0) < before / 2);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_end(&k);
}

/* What is told of donors and slots agrees with the view. */
static void health(void **state)
{
	struct kit k;
	struct lr_coord_summary sum;
	struct lr_coord_row rows[4];

	(void)state;
	kit_pool(&k, 2, 3);
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k.c, s, s >= SLOTS / 3, 4096);
	lr_coord_summarize(k.c, &sum);
	assert_int_equal(sum.up, 2);
	assert_int_equal(sum.full, SLOTS / 3);
	assert_int_equal(sum.short_, SLOTS / 3);
	assert_int_equal(sum.unavailable + sum.lost + sum.unheard, 0);
	assert_true(sum.survives_donor);
	assert_true(sum.survives_machine);
	assert_true(sum.usable == 1u << 30);
	assert_int_equal(lr_coord_rows(k.c, rows, 4), 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rows[i].state, LR_DONOR_UP);
		assert_int_equal(rows[i].slots_lost, 0);
		assert_int_equal(rows[i].slots_short, 2 * SLOTS / 3);
		assert_int_equal(rows[i].slots_sole, SLOTS / 6);
	}
	lr_coord_slot_usage(k.c, 0, 1, 4096);
	lr_coord_summarize(k.c, &sum);
	assert_false(sum.survives_donor);
	kit_end(&k);
}

/* The real number of slots: join, death and healing of 12,288. */
static void all_slots(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, LR_SLOTS, 4, 1);
	for (unsigned i = 0; i < 3; i++)
		kit_start(&k, i);
	assert_true(kit_until(&k, kit_healed, 20000));
	kit_start(&k, 3);
	kit_run(&k, 1000);
	assert_true(kit_until(&k, kit_healed, 300000));
	assert_in_range(kit_holding(&k, 3), 5900, 6400);
	kit_kill(&k, 0, false);
	kit_run(&k, 500);
	assert_int_equal(k.events[LR_EVENT_DOWN], 1);
	kit_start(&k, 0);
	assert_true(kit_until(&k, kit_healed, 300000));
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_donor),
		cmocka_unit_test(joins_are_gathered),
		cmocka_unit_test(second_joins),
		cmocka_unit_test(death_at_two_copies),
		cmocka_unit_test(silence_waits_before_rebuild),
		cmocka_unit_test(all_copies_away),
		cmocka_unit_test(all_copies_empty),
		cmocka_unit_test(lost_untold),
		cmocka_unit_test(forget_is_proof),
		cmocka_unit_test(unknown_device),
		cmocka_unit_test(full_donor),
		cmocka_unit_test(flapping_is_damped),
		cmocka_unit_test(less_lent_moves_away),
		cmocka_unit_test(health),
		cmocka_unit_test(all_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
