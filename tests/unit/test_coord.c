/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules, one behaviour at a time. */
#include "tests/unit/coord_kit.h"

#define SLOTS 24u /* 8 of each class */

const char *lr_mutation;

static void assert_fine(struct kit *k)
{
	if (k->wrong[0])
		fail_msg("%s", k->wrong);
}

/* A healed pool of `n` donors, with three writes in each slot. */
static void pool(struct kit *k, unsigned n, unsigned donors)
{
	kit_init(k, SLOTS, donors, 1);
	for (unsigned i = 0; i < n; i++)
		kit_start(k, i);
	assert_true(kit_until(k, kit_healed, 20000));
	for (unsigned i = 0; i < 3 * SLOTS; i++) {
		kit_put(k, i % SLOTS);
		kit_run(k, 200);
	}
	assert_true(k->acks > SLOTS);
	assert_fine(k);
}

static void end(struct kit *k)
{
	assert_fine(k);
	kit_done(k);
}

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
	end(&k);
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
	end(&k);
}

/* A second donor takes the second copies, and half of the single ones. */
static void second_joins(void **state)
{
	struct kit k;
	unsigned moved = 0;

	(void)state;
	pool(&k, 1, 2);
	kit_start(&k, 1);
	kit_run(&k, 400);
	assert_true(kit_until(&k, kit_healed, 20000));
	for (unsigned s = 0; s < SLOTS / 3; s++)
		moved += lr_coord_view(k.c)->cfg[s].mem[0] == k.d[1].inc;
	assert_in_range(moved, 3, 5);
	end(&k);
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
	pool(&k, 3, 3);
	at = k.now;
	kit_kill(&k, 1, false);
	while (named(&k, 1) && k.now < at + 1000)
		kit_step(&k);
	assert_true(k.now - at <= 100);
	kit_start(&k, 1);
	assert_true(kit_until(&k, kit_healed, 30000));
	end(&k);
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
	pool(&k, 5, 5);
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
	end(&k);
}

/* All copies silent: unavailable, never lost; the same incarnation again:
 * served, nothing is missing. */
static void all_copies_away(void **state)
{
	struct kit k;
	struct lr_dev waited[LR_MEM_MAX];

	(void)state;
	pool(&k, 2, 3);
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
	end(&k);
}

/* All copies come back empty: lost, once every member is proven gone and not
 * before; the mark stays. */
static void all_copies_empty(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 2, 2);
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
	end(&k);
}

/* An admin's word is proof; it outlives the coordinator, and the forgotten
 * incarnation is not let in again. */
static void forget_is_proof(void **state)
{
	struct kit k;
	struct lr_coord_donor zombie = {.member = {.shards = 1}};

	(void)state;
	pool(&k, 2, 3);
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
	end(&k);
}

/* An unknown device cannot be forgotten or drained. */
static void unknown_device(void **state)
{
	struct kit k;
	struct lr_dev who = {.b = {99}};

	(void)state;
	pool(&k, 1, 1);
	assert_int_equal(lr_coord_forget(k.c, &who, k.now), LR_E_ABSENT);
	assert_int_equal(lr_coord_drain(k.c, &who, false, k.now), LR_E_ABSENT);
	end(&k);
}

static bool left_0(struct kit *k)
{
	return !k->d[0].alive;
}

/* SIGTERM: sole copies are moved before it may go; nothing is lost. */
static void leave_with_sole_copies(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 3, 3);
	k.sync_ms = 400;
	kit_leave(&k, 0);
	assert_true(kit_until(&k, left_0, 20000));
	assert_true(k.d[0].may_leave);
	assert_int_equal(kit_holding(&k, 0), 0);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_int_equal(k.lost + k.events[LR_EVENT_DOWN], 0);
	assert_int_equal(k.events[LR_EVENT_LEFT], 1);
	end(&k);
}

/* One of two donors leaves: its sole copies move, the second copies are given
 * up, as nobody else could take them. */
static void leave_one_of_two(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 2, 2);
	kit_leave(&k, 0);
	assert_true(kit_until(&k, left_0, 15000));
	assert_true(k.d[0].may_leave);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_int_equal(kit_unavailable(&k), 0);
	end(&k);
}

/* The only donor is never told that it may go. */
static void leave_alone(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 1, 1);
	kit_leave(&k, 0);
	assert_true(kit_until(&k, left_0, 25000));
	assert_false(k.d[0].may_leave);
	assert_int_equal(k.events[LR_EVENT_LOST], 0);
	end(&k);
}

static bool drained_0(struct kit *k)
{
	return k->events[LR_EVENT_DRAINED] > 0;
}

/* A drained donor holds nothing and stays; undone, it takes its share again. */
static void drain_and_undo(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 4, 4);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, false, k.now),
			 LR_E_OK);
	assert_true(kit_until(&k, drained_0, 20000));
	assert_int_equal(kit_holding(&k, 0), 0);
	assert_true(k.d[0].alive);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, true, k.now),
			 LR_E_OK);
	kit_run(&k, 500);
	assert_true(kit_until(&k, kit_healed, 20000));
	assert_in_range(kit_holding(&k, 0), 9, 15);
	end(&k);
}

/* There is nobody else, or no room: refused before anything moves. */
static void drain_without_room(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 1, 3);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, false, k.now),
			 LR_E_FULL);
	kit_start(&k, 1);
	kit_start(&k, 2);
	kit_run(&k, 3000);
	for (unsigned s = 0; s < SLOTS; s++)
		lr_coord_slot_usage(k.c, s, 1, 1u << 30);
	assert_int_equal(lr_coord_drain(k.c, &k.d[0].dev, false, k.now),
			 LR_E_FULL);
	end(&k);
}

/* A full donor is replaced where it could not fill, keeps what it has, and the
 * copies get made elsewhere. */
static void full_donor(void **state)
{
	struct kit k;
	const struct lr_view *v;

	(void)state;
	pool(&k, 3, 5);
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
	end(&k);
}

/* The coordinator dies after each of its persisted steps: the donors' promises
 * make the next one run the change again. */
static void restart_with_promises_above(void **state)
{
	(void)state;
	for (unsigned step = 1; step < 40; step++) {
		struct kit k;

		pool(&k, 3, 3);
		k.delay_ms = 30;
		kit_kill(&k, 1, false);
		for (unsigned i = 0; i < step; i++)
			kit_step(&k);
		kit_coord_crash(&k, step % 2);
		kit_run(&k, 500);
		kit_coord_start(&k);
		kit_start(&k, 1);
		if (!kit_until(&k, kit_healed, 30000))
			fail_msg("step %u: %s", step, k.wrong);
		for (unsigned s = SLOTS / 3; s < SLOTS; s++)
			assert_false(lr_coord_view(k.c)->cfg[s].lost);
		end(&k);
	}
}

/* After a restart nobody is evicted before all had time to say hello, and if
 * all do, one slot is sealed: the start has an epoch of its own. */
static void restart_is_quiet(void **state)
{
	struct kit k;
	uint64_t epoch;
	unsigned seals;

	(void)state;
	pool(&k, 4, 4);
	epoch = lr_coord_view(k.c)->epoch;
	seals = k.seals;
	kit_coord_crash(&k, true);
	kit_run(&k, 2000);
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(kit_healed(&k));
	assert_int_equal(lr_coord_view(k.c)->epoch, epoch + 1);
	assert_true(k.seals - seals <= 3); /* a SEAL each to its members */
	assert_int_equal(k.events[LR_EVENT_DOWN], 0);
	end(&k);
}

/* SYNCED reports that were never persisted are told again at hello. */
static void restart_knows_who_is_synced(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 1, 2);
	kit_start(&k, 1);
	assert_true(kit_until(&k, kit_healed, 10000));
	kit_coord_crash(&k, false);
	kit_coord_start(&k);
	assert_true(kit_until(&k, kit_healed, 5000));
	end(&k);
}

/* Restored from an old export: its epochs are behind the donors'. It issues
 * nothing while a donor that it knows is unheard, then goes on above them and
 * takes the donors' newer configurations over. */
static void restored_from_old_export(void **state)
{
	struct kit k;
	struct lr_view old;
	uint64_t prepared, seen;
	unsigned seals;

	(void)state;
	pool(&k, 2, 4);
	assert_true(lr_view_copy(&old, &k.disk));
	prepared = k.disk_prepared;
	kit_start(&k, 2);
	kit_start(&k, 3);
	kit_run(&k, 5000);
	assert_true(kit_healed(&k));
	seen = lr_coord_view(k.c)->epoch;
	kit_coord_crash(&k, true);
	lr_view_done(&k.disk);
	k.disk = old;
	k.disk_prepared = prepared;
	/* One that the export knows stays away. */
	kit_cut(&k, 1, true);
	seals = k.seals;
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(k.seals, seals);
	kit_cut(&k, 1, false);
	kit_run(&k, 15000);
	assert_true(lr_coord_view(k.c)->epoch > seen);
	assert_true(kit_until(&k, kit_healed, 20000));
	for (unsigned s = 0; s < SLOTS; s++)
		assert_false(lr_coord_view(k.c)->cfg[s].lost);
	end(&k);
}

/* A donor that tells of an epoch near the last (its memory rots, say) does not
 * take the pool there: the next epoch would be 0. */
static void epochs_cannot_run_out(void **state)
{
	struct kit k;
	struct lr_slot_report r = {.status = LR_SLOT_SYNCED};
	uint64_t inc;

	(void)state;
	pool(&k, 2, 3);
	r.inst = lr_coord_view(k.c)->cfg[0];
	inc = r.inst.mem[0];
	r.inst.ce = r.prom = UINT64_MAX;
	lr_coord_slots(k.c, inc, &r, 1, k.now);
	kit_run(&k, 5000);
	assert_true(lr_coord_view(k.c)->epoch < 1000);
	assert_true(kit_healed(&k));
	end(&k);
}

/* Restored, and an admin says that nobody else will come. */
static void restored_and_confirmed(void **state)
{
	struct kit k;
	struct lr_view old;
	uint64_t prepared;

	(void)state;
	pool(&k, 2, 3);
	assert_true(lr_view_copy(&old, &k.disk));
	prepared = k.disk_prepared;
	kit_start(&k, 2);
	kit_run(&k, 5000);
	kit_coord_crash(&k, true);
	lr_view_done(&k.disk);
	k.disk = old;
	k.disk_prepared = prepared;
	kit_kill(&k, 1, true);
	kit_coord_start(&k);
	kit_run(&k, 6000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(k.disk_prepared, prepared);
	lr_coord_confirm(k.c, k.now);
	kit_run(&k, 6000);
	assert_true(k.disk_prepared > prepared);
	end(&k);
}

/* A state that was lost altogether waits for an admin: it cannot know whom it
 * does not know. */
static void new_state_old_donors(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 2, 2);
	kit_coord_crash(&k, true);
	lr_view_done(&k.disk);
	k.on_disk = false;
	k.disk_prepared = 0;
	kit_coord_start(&k);
	kit_run(&k, 6000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(lr_coord_view(k.c)->epoch, 0);
	lr_coord_confirm(k.c, k.now);
	assert_true(kit_until(&k, kit_healed, 10000));
	for (unsigned s = 0; s < SLOTS; s++)
		assert_false(lr_coord_view(k.c)->cfg[s].lost);
	end(&k);
}

/* A donor that restarts says hello as another: the old one is out at once. */
static void returned_empty(void **state)
{
	struct kit k;
	uint64_t old;

	(void)state;
	pool(&k, 3, 3);
	old = k.d[1].inc;
	kit_kill(&k, 1, true);
	kit_start(&k, 1);
	kit_run(&k, 250);
	for (unsigned s = SLOTS / 3; s < SLOTS; s++)
		assert_int_equal(lr_cfg_index(&lr_coord_view(k.c)->cfg[s], old),
				 -1);
	assert_true(k.events[LR_EVENT_RETURNED_EMPTY] > 0);
	assert_true(kit_until(&k, kit_healed, 20000));
	end(&k);
}

/* What its incarnation or device says is not believed of another's. */
static void hello_is_refused(void **state)
{
	struct kit k;
	struct lr_coord_donor d = {.member = {.inc = 0}};

	(void)state;
	pool(&k, 1, 1);
	d.member.dev = k.d[0].dev;
	assert_int_equal(lr_coord_hello(k.c, &d, NULL, 0, k.now),
			 LR_E_PERMISSION);
	d.member.inc = k.d[0].inc;
	d.member.dev.b[0] = 77;
	assert_int_equal(lr_coord_hello(k.c, &d, NULL, 0, k.now),
			 LR_E_PERMISSION);
	end(&k);
}

/* A donor that falls silent again and again is given nothing for a while: what
 * it takes part in moves once, not each time. */
static void flapping_is_damped(void **state)
{
	struct kit k;

	(void)state;
	pool(&k, 6, 6);
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
	end(&k);
}

/* Weights: a donor that lends much less is relieved of most. */
static void less_lent_moves_away(void **state)
{
	struct kit k;
	unsigned before;

	(void)state;
	pool(&k, 5, 5);
	before = kit_holding(&k, 0);
	k.d[0].lent /= 8;
	kit_run(&k, 10000);
	assert_true(kit_holding(&k, 0) < before / 2);
	assert_true(kit_until(&k, kit_healed, 20000));
	end(&k);
}

/* What is told of donors and slots agrees with the view. */
static void health(void **state)
{
	struct kit k;
	struct lr_coord_summary sum;
	struct lr_coord_row rows[4];

	(void)state;
	pool(&k, 2, 3);
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
	end(&k);
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
	end(&k);
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
		cmocka_unit_test(forget_is_proof),
		cmocka_unit_test(unknown_device),
		cmocka_unit_test(leave_with_sole_copies),
		cmocka_unit_test(leave_one_of_two),
		cmocka_unit_test(leave_alone),
		cmocka_unit_test(drain_and_undo),
		cmocka_unit_test(drain_without_room),
		cmocka_unit_test(full_donor),
		cmocka_unit_test(restart_with_promises_above),
		cmocka_unit_test(restart_is_quiet),
		cmocka_unit_test(restart_knows_who_is_synced),
		cmocka_unit_test(restored_from_old_export),
		cmocka_unit_test(epochs_cannot_run_out),
		cmocka_unit_test(restored_and_confirmed),
		cmocka_unit_test(new_state_old_donors),
		cmocka_unit_test(returned_empty),
		cmocka_unit_test(hello_is_refused),
		cmocka_unit_test(flapping_is_damped),
		cmocka_unit_test(less_lent_moves_away),
		cmocka_unit_test(health),
		cmocka_unit_test(all_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
