/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 7: a coordinator that starts from an old copy of its state. Then the
 * rule is taken away, and that must be noticed. */
#include "tests/unit/coord_kit.h"

#define SLOTS KIT_POOL_SLOTS

const char *lr_mutation;

struct export {
	struct lr_view view;
	uint64_t prepared;
};

static void writes(struct kit *k)
{
	for (unsigned i = 0; i < 3 * SLOTS; i++) {
		kit_put(k, i % SLOTS);
		kit_run(k, 200);
	}
}

static struct export export(const struct kit *k)
{
	struct export e = {.prepared = k->disk_prepared};

	assert_true(lr_view_copy(&e.view, &k->disk));
	return e;
}

/* What `lanram pool import` leaves, or (not told) a copy of the files. */
static void import(struct kit *k, const struct export *e, bool told)
{
	kit_coord_crash(k, true);
	lr_view_done(&k->disk);
	k->disk = e->view;
	k->disk_prepared = e->prepared;
	k->disk_doubt = told;
}

static void cut(struct kit *k, unsigned a, unsigned b, bool cut)
{
	kit_cut(k, a, cut);
	kit_cut(k, b, cut);
}

/* Exported; then two join whom the export does not know, and slots move. */
static struct export moved_on(struct kit *k)
{
	struct export e;

	kit_pool(k, 2, 4);
	e = export(k);
	kit_start(k, 2);
	kit_start(k, 3);
	kit_run(k, 5000);
	return e;
}

static unsigned count_lost(const struct kit *k)
{
	unsigned n = 0;

	for (unsigned s = 0; s < SLOTS; s++)
		n += lr_coord_view(k->c)->cfg[s].lost != 0;
	return n;
}

static bool is_settled(struct kit *k)
{
	return !lr_coord_is_waiting(k->c) && kit_healed(k);
}

/* All well in the end: nothing lost, nothing wrong. */
static bool comes_well(struct kit *k)
{
	return !k->wrong[0] && kit_until(k, is_settled, 60000) &&
	       !count_lost(k);
}

/* --- behaviours ------------------------------------------------------------ */

/* Its epochs are behind the donors'. It issues nothing while a donor that it
 * knows is unheard, then goes on above them and takes the donors' newer
 * configurations over. */
static void old_copy(void **state)
{
	struct kit k;
	struct export e;
	uint64_t seen;
	unsigned seals;

	(void)state;
	e = moved_on(&k);
	assert_true(kit_healed(&k));
	seen = lr_coord_view(k.c)->epoch;
	import(&k, &e, false);
	kit_cut(&k, 1, true);
	seals = k.seals;
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(k.seals, seals);
	kit_cut(&k, 1, false);
	assert_true(comes_well(&k));
	assert_true(lr_coord_view(k.c)->epoch > seen);
	kit_end(&k);
}

/* Imported, though nothing happened since: it waits as well, since it cannot
 * know; then it goes on by itself, and the next start waits for nobody. */
static void moved_house(void **state)
{
	struct kit k;
	struct export e;
	unsigned seals;

	(void)state;
	kit_pool(&k, 3, 3);
	e = export(&k);
	import(&k, &e, true);
	kit_cut(&k, 2, true);
	seals = k.seals;
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(k.seals, seals);
	kit_cut(&k, 2, false);
	assert_true(comes_well(&k));
	kit_kill(&k, 0, false);
	kit_start(&k, 0);
	assert_true(kit_until(&k, is_settled, 20000));
	assert_false(k.disk_doubt);
	kit_end(&k);
}

/* Slots that moved, after the export, to donors that it does not know. Their
 * old members say that they are out: no sources. The slots wait until the new
 * ones are heard, and nothing is called lost. */
static bool before_a_move(struct kit *k)
{
	struct export e;
	bool waits;

	e = moved_on(k);
	import(k, &e, true);
	cut(k, 2, 3, true);
	kit_coord_start(k);
	kit_run(k, 10000);
	waits = lr_coord_is_waiting(k->c) && kit_unavailable(k);
	cut(k, 2, 3, false);
	return waits && comes_well(k);
}

static void restored_before_a_move(void **state)
{
	struct kit k;

	(void)state;
	assert_true(before_a_move(&k));
	kit_end(&k);
}

/* A member that missed how its slots moved on: it has a configuration that is
 * newer than the export, but not the newest. It does not make the next alone. */
static bool one_missed_it(struct kit *k)
{
	struct export e;
	bool waits;

	kit_pool(k, 2, 4);
	e = export(k);
	kit_start(k, 2);
	kit_run(k, 5000);
	kit_cut(k, 0, true);
	kit_start(k, 3);
	kit_run(k, 8000);
	writes(k);
	import(k, &e, true);
	kit_cut(k, 0, false);
	cut(k, 2, 3, true);
	kit_coord_start(k);
	kit_run(k, 10000);
	waits = lr_coord_is_waiting(k->c);
	cut(k, 2, 3, false);
	return waits && comes_well(k);
}

static void restored_with_one_who_missed_it(void **state)
{
	struct kit k;

	(void)state;
	assert_true(one_missed_it(&k));
	kit_end(&k);
}

/* The doubt outlives the coordinator. */
static void doubt_is_kept(void **state)
{
	struct kit k;
	struct export e;

	(void)state;
	e = moved_on(&k);
	import(&k, &e, false); /* seen by itself */
	cut(&k, 2, 3, true);
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(lr_coord_is_waiting(k.c));
	assert_true(k.disk_prepared > e.prepared);
	kit_coord_crash(&k, true);
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(lr_coord_is_waiting(k.c));
	cut(&k, 2, 3, false);
	assert_true(comes_well(&k));
	kit_end(&k);
}

/* A donor that started anew since cannot tell what it was part of: its slots
 * wait for an admin's word. */
static void one_started_anew(void **state)
{
	struct kit k;
	struct export e;

	(void)state;
	kit_pool(&k, 3, 3);
	e = export(&k);
	import(&k, &e, true);
	kit_kill(&k, 2, true);
	kit_start(&k, 2);
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(lr_coord_is_waiting(k.c));
	assert_true(kit_unavailable(&k) > 0);
	assert_int_equal(count_lost(&k), 0);
	lr_coord_confirm(k.c);
	assert_true(kit_until(&k, is_settled, 20000));
	kit_end(&k);
}

/* An admin says that nobody else will come. */
static void confirmed(void **state)
{
	struct kit k;
	struct export e;

	(void)state;
	kit_pool(&k, 2, 3);
	e = export(&k);
	kit_start(&k, 2);
	kit_run(&k, 5000);
	import(&k, &e, false);
	kit_kill(&k, 1, true);
	kit_coord_start(&k);
	kit_run(&k, 6000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(k.disk_prepared, e.prepared);
	lr_coord_confirm(k.c);
	kit_run(&k, 6000);
	assert_true(k.disk_prepared > e.prepared);
	kit_end(&k);
}

/* Confirmed, while those that it moved to are gone: who is out of a slot still
 * is no source of it. It is lost, not empty. */
static void confirmed_after_a_move(void **state)
{
	struct kit k;
	struct export e;

	(void)state;
	e = moved_on(&k);
	import(&k, &e, true);
	kit_kill(&k, 2, true);
	kit_kill(&k, 3, true);
	kit_coord_start(&k);
	kit_run(&k, 10000);
	assert_true(kit_unavailable(&k) > 0);
	lr_coord_confirm(k.c);
	kit_run(&k, 10000);
	assert_false(lr_coord_is_waiting(k.c));
	assert_true(count_lost(&k) > 0);
	kit_done(&k);
}

/* A state that was lost altogether waits for an admin: it cannot know whom it
 * does not know. */
static void new_state_old_donors(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 2, 2);
	kit_coord_crash(&k, true);
	lr_view_done(&k.disk);
	k.on_disk = false;
	k.disk_prepared = 0;
	kit_coord_start(&k);
	kit_run(&k, 6000);
	assert_true(k.events[LR_EVENT_WAITING] > 0);
	assert_int_equal(lr_coord_view(k.c)->epoch, 0);
	lr_coord_confirm(k.c);
	assert_true(kit_until(&k, kit_healed, 10000));
	assert_int_equal(count_lost(&k), 0);
	kit_end(&k);
}

static bool has_gone_on(struct kit *k)
{
	return !lr_coord_is_waiting(k->c) && lr_coord_view(k->c)->epoch > 1u << 20;
}

/* From one export, all donors new: the epoch that an admin's word led to. */
static uint64_t started_from(struct kit *k, const struct export *e,
			     uint64_t unix_s, uint64_t run)
{
	struct export copy = {.prepared = e->prepared};

	assert_true(lr_view_copy(&copy.view, &e->view));
	import(k, &copy, true);
	/* The judge forgets what died with all who knew of it. */
	memset(k->last, 0, k->nslots * sizeof *k->last);
	for (unsigned i = 0; i < k->n; i++) {
		kit_kill(k, i, true);
		kit_start(k, i);
	}
	k->p.unix_s = unix_s;
	k->p.run = run;
	kit_coord_start(k);
	kit_run(k, 10000);
	lr_coord_confirm(k->c);
	assert_true(kit_until(k, has_gone_on, 20000));
	return lr_coord_view(k->c)->epoch;
}

/* One export imported twice, and all donors that knew of the first time are
 * gone: the second goes on above the epochs of the first, which clients may
 * have seen, however its run was drawn. */
static void imported_twice(void **state)
{
	const uint64_t now = 1800000000;
	struct kit k;
	struct export e;
	uint64_t first;

	(void)state;
	kit_pool(&k, 2, 2);
	e = export(&k);
	first = started_from(&k, &e, now, UINT64_MAX - 7);
	assert_true(first < started_from(&k, &e, now + 2, 7));
	lr_view_done(&e.view);
	kit_done(&k);
}

/* --- the rule taken away ----------------------------------------------------- */

static void each_rule_is_needed(void **state)
{
	static const struct {
		const char *name;
		bool (*comes_well)(struct kit *k);
	} mutants[] = {
		{"left-not-told", before_a_move},
		{"doubt-ignored", before_a_move},
		{"doubt-ignored", one_missed_it},
	};

	(void)state;
	for (size_t i = 0; i < countof(mutants); i++) {
		struct kit k;
		bool well;

		lr_mutation = mutants[i].name;
		well = mutants[i].comes_well(&k);
		lr_mutation = NULL;
		printf("%s: %s\n", mutants[i].name,
		       k.wrong[0] ? k.wrong : "it did not wait, or lost some");
		kit_done(&k);
		assert_false(well);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_copy),
		cmocka_unit_test(moved_house),
		cmocka_unit_test(restored_before_a_move),
		cmocka_unit_test(restored_with_one_who_missed_it),
		cmocka_unit_test(doubt_is_kept),
		cmocka_unit_test(one_started_anew),
		cmocka_unit_test(confirmed),
		cmocka_unit_test(confirmed_after_a_move),
		cmocka_unit_test(new_state_old_donors),
		cmocka_unit_test(imported_twice),
		cmocka_unit_test(each_rule_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
