/* SPDX-License-Identifier: Apache-2.0 */
#include "core/slot.h"

#include "unit.h"

#define ME    11u
#define OTHER 22u
#define RUN   7u

/* A cfg of ME and OTHER. */
static struct lr_cfg cfg(uint64_t ce, unsigned src)
{
	struct lr_cfg c = {.ce = ce, .n = 2, .src = (uint8_t)src};

	c.mem[0] = ME;
	c.mem[1] = OTHER;
	return c;
}

static struct lr_slot installed(uint64_t ce, unsigned src)
{
	struct lr_slot s = {0};
	struct lr_cfg c = cfg(ce, src);

	assert_int_not_equal(lr_slot_install(&s, ME, &c, RUN),
			     LR_INSTALL_REFUSED);
	return s;
}

/* Operations are admitted under exactly the ce installed, and not after a
 * promise above it; a fresh slot admits nothing, not even ce 0. */
static void admit(void **state)
{
	struct lr_slot fresh = {0}, s = installed(5, 3);

	(void)state;
	assert_int_equal(lr_slot_admit(&fresh, 0), LR_E_STALE);
	assert_int_equal(lr_slot_admit(&s, 5), LR_E_OK);
	assert_int_equal(lr_slot_admit(&s, 4), LR_E_STALE);
	assert_int_equal(lr_slot_admit(&s, 6), LR_E_STALE);
	assert_int_equal(lr_slot_seal(&s, 6, RUN), LR_E_OK);
	assert_int_equal(lr_slot_admit(&s, 5), LR_E_STALE);
	assert_int_equal(lr_slot_admit(&s, 6), LR_E_STALE);
}

/* Updates that src[1] gave up stay out, up to its bar, and no others: names
 * only, write-backs come in, and another configuration begins without. */
static void bar(void **state)
{
	struct lr_slot s = installed(5, 3);
	struct lr_cfg c = cfg(6, 3);
	const struct lr_tag at = {7, 1, 1}, above = {8, 1, 1};

	(void)state;
	assert_false(lr_slot_bars(&s, LR_KIND_NAME, &at, 0));
	lr_slot_bar(&s, 7);
	lr_slot_bar(&s, 3);
	assert_true(lr_slot_bars(&s, LR_KIND_NAME, &at, 0));
	assert_true(lr_slot_bars(&s, LR_KIND_NAME, &at, LR_PUT_TOMB));
	assert_false(lr_slot_bars(&s, LR_KIND_NAME, &above, 0));
	assert_false(lr_slot_bars(&s, LR_KIND_NAME, &at, LR_PUT_REPAIR));
	assert_false(lr_slot_bars(&s, LR_KIND_REGISTER, &at, 0));
	s.abandoned = 7;
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_KEPT);
	assert_false(lr_slot_bars(&s, LR_KIND_NAME, &at, 0));
	assert_int_equal(s.abandoned, 0);
}

/* A seal is refused below the promise, and at it from another run; the same
 * run may repeat it. Nothing takes a promise back. */
static void seal(void **state)
{
	struct lr_slot s = installed(5, 3);

	(void)state;
	assert_int_equal(lr_slot_seal(&s, 9, RUN), LR_E_OK);
	assert_int_equal(lr_slot_seal(&s, 9, RUN), LR_E_OK);
	assert_int_equal(lr_slot_seal(&s, 9, RUN + 1), LR_E_STALE);
	assert_int_equal(lr_slot_seal(&s, 8, RUN), LR_E_STALE);
	assert_int_equal(s.prom, 9);
	assert_int_equal(s.inst.ce, 5);
	assert_int_equal(s.status, LR_SLOT_SYNCED);
	assert_int_equal(lr_slot_seal(&s, 10, RUN + 1), LR_E_OK);
	assert_int_equal(s.prom, 10);
}

/* INSTALL is refused to who is no member, below the promise, and again. */
static void install_refused(void **state)
{
	struct lr_slot s = installed(5, 3), was;
	struct lr_cfg c = cfg(8, 3);

	(void)state;
	lr_slot_seal(&s, 7, RUN);
	was = s;
	assert_int_equal(lr_slot_install(&s, ME + 1, &c, RUN),
			 LR_INSTALL_REFUSED);
	c.ce = 6;
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_REFUSED);
	c.ce = 5;
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_REFUSED);
	assert_memory_equal(&was, &s, sizeof s);
	c.ce = 7;
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_KEPT);
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_REFUSED);
	assert_int_equal(lr_slot_admit(&s, 7), LR_E_OK);
}

/* Who is a source keeps its entries and is SYNCED; who is not becomes EMPTY,
 * although it was a SYNCED member before. */
static void install_sources(void **state)
{
	struct lr_slot s = installed(5, 1);
	struct lr_cfg c = cfg(6, 2);

	(void)state;
	assert_int_equal(s.status, LR_SLOT_SYNCED);
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_EMPTIED);
	assert_int_equal(s.status, LR_SLOT_SYNCING);
	assert_int_equal(s.prom, 6);
	assert_int_equal(lr_slot_admit(&s, 6), LR_E_OK);
}

/* An unsynced source is that of a lost slot: objects stay, the rest goes; of
 * several each must merge before it is SYNCED. */
static void install_lost(void **state)
{
	struct lr_slot s = installed(5, 2), one = s;
	struct lr_cfg c = cfg(6, 3);

	(void)state;
	assert_int_equal(s.status, LR_SLOT_SYNCING);
	c.lost = LR_LOST_MARK;
	assert_int_equal(lr_slot_install(&one, ME, &c, RUN),
			 LR_INSTALL_SALVAGED);
	assert_int_equal(one.status, LR_SLOT_SYNCED);
	c.lost = LR_LOST_MARK | LR_LOST_MERGE;
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_SALVAGED);
	assert_int_equal(s.status, LR_SLOT_SYNCING);
	assert_true(lr_slot_synced(&s, 6));
	assert_int_equal(s.status, LR_SLOT_SYNCED);
	/* The mark stays on later configurations and then means nothing. */
	c.ce = 7;
	c.lost = LR_LOST_MARK;
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_KEPT);
}

/* Only the ce installed can become SYNCED. */
static void synced(void **state)
{
	struct lr_slot s = installed(5, 2), fresh = {0};

	(void)state;
	assert_false(lr_slot_synced(&fresh, 0));
	assert_false(lr_slot_synced(&s, 4));
	assert_false(lr_slot_synced(&s, 6));
	assert_int_equal(s.status, LR_SLOT_SYNCING);
	assert_true(lr_slot_synced(&s, 5));
	assert_int_equal(s.status, LR_SLOT_SYNCED);
}

/* A slot is freed by a committed cfg above the one installed that leaves me
 * out, not by a seal; the promise follows, and is never lowered. Which one it was
 * is told until something is installed again. */
static void left(void **state)
{
	struct lr_slot s = installed(5, 3), fresh = {0};
	struct lr_cfg c = cfg(6, 3);

	(void)state;
	assert_false(lr_slot_left(&s, ME, &c));
	c.mem[0] = ME + 1;
	assert_false(lr_slot_left(&fresh, ME, &c));
	c.ce = 5;
	assert_false(lr_slot_left(&s, ME, &c));
	lr_slot_seal(&s, 6, RUN);
	c.ce = 6;
	assert_true(lr_slot_left(&s, ME, &c));
	assert_int_equal(s.prom, 6);
	assert_int_equal(s.prom_run, RUN);
	assert_int_equal(s.inst.ce, 0);
	assert_int_equal(s.status, LR_SLOT_NONE);
	assert_int_equal(lr_slot_told_ce(&s), 6);
	assert_int_equal(lr_slot_admit(&s, 5), LR_E_STALE);
	c = cfg(7, 2);
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_EMPTIED);
	assert_int_equal(s.left, 0);
	assert_int_equal(lr_slot_told_ce(&s), 7);
	c.mem[0] = ME + 1;
	s = installed(5, 3);
	c.ce = 9;
	assert_true(lr_slot_left(&s, ME, &c));
	assert_int_equal(s.prom, 9);
	assert_int_equal(lr_slot_seal(&s, 9, RUN), LR_E_STALE);
	c = cfg(8, 3);
	assert_int_equal(lr_slot_install(&s, ME, &c, RUN), LR_INSTALL_REFUSED);
}

static enum lr_put_verdict put(uint8_t found, uint64_t ts, bool open,
			       uint64_t put_ts, unsigned flags)
{
	struct lr_stored there = {.found = found, .open = open};
	struct lr_tag tag = {put_ts, 1, 1};

	there.tag = (struct lr_tag){ts, 1, 1};
	return lr_slot_put(&there, &tag, flags);
}

/* A higher tag replaces, an equal or lower one does not; a TOMB is an entry
 * like any other. */
static void put_order(void **state)
{
	(void)state;
	assert_int_equal(put(LR_FOUND_NONE, 0, false, 1, 0), LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, 3, 0), LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, 2, 0), LR_PUT_KEEP);
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, 1, 0), LR_PUT_KEEP);
	assert_int_equal(put(LR_FOUND_TOMB, LR_TS_GONE, false, 2, 0),
			 LR_PUT_KEEP);
	assert_int_equal(put(LR_FOUND_TOMB, 4, false, 5, 0), LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, LR_TS_GONE, LR_PUT_TOMB),
			 LR_PUT_STORE);
	/* A touch: the open manifest again, with its own tag. */
	assert_int_equal(put(LR_FOUND_VALUE, 1, true, 1, 0), LR_PUT_KEEP);
}

/* What is BAD is healed by an intact copy of the same write, and nothing
 * intact is replaced by a BAD copy of the same write. */
static void put_bad(void **state)
{
	(void)state;
	assert_int_equal(put(LR_FOUND_BAD, 2, false, 2, 0), LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_BAD, 2, false, 1, 0), LR_PUT_KEEP);
	assert_int_equal(put(LR_FOUND_BAD, 2, false, 3, 0), LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_BAD, 2, false, 2, LR_PUT_BAD),
			 LR_PUT_KEEP);
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, 2, LR_PUT_BAD),
			 LR_PUT_KEEP);
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, 3, LR_PUT_BAD),
			 LR_PUT_STORE);
}

/* The sweeper's TOMB is refused where the manifest is closed, BAD or not. */
static void put_if_open(void **state)
{
	unsigned flags = LR_PUT_TOMB | LR_PUT_IF_OPEN;

	(void)state;
	assert_int_equal(put(LR_FOUND_VALUE, 2, false, LR_TS_GONE, flags),
			 LR_PUT_REFUSED);
	assert_int_equal(put(LR_FOUND_BAD, 2, false, LR_TS_GONE, flags),
			 LR_PUT_REFUSED);
	assert_int_equal(put(LR_FOUND_BAD, 1, false, LR_TS_GONE, flags),
			 LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_VALUE, 1, true, LR_TS_GONE, flags),
			 LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_NONE, 0, false, LR_TS_GONE, flags),
			 LR_PUT_STORE);
	assert_int_equal(put(LR_FOUND_TOMB, LR_TS_GONE, false, LR_TS_GONE,
			     flags),
			 LR_PUT_KEEP);
}

/* A TOMB may go when all members are SYNCED under the cfg that serves here and
 * 60 s are over; a clock that ran back keeps it. */
static void collect(void **state)
{
	struct lr_slot s = installed(5, 1);
	struct lr_cfg viewed = cfg(5, 1);

	(void)state;
	assert_false(lr_slot_may_collect(&s, &viewed, 0, 60000));
	viewed.synced = 2;
	assert_true(lr_slot_may_collect(&s, &viewed, 0, 60000));
	assert_false(lr_slot_may_collect(&s, &viewed, 1, 60000));
	assert_false(lr_slot_may_collect(&s, &viewed, 90000, 60000));
	viewed.lost = LR_LOST_MARK | LR_LOST_MERGE;
	assert_false(lr_slot_may_collect(&s, &viewed, 0, 60000));
	viewed.lost = 0;
	viewed.ce = 6;
	assert_false(lr_slot_may_collect(&s, &viewed, 0, 60000));
	viewed.ce = 5;
	lr_slot_seal(&s, 6, RUN);
	assert_false(lr_slot_may_collect(&s, &viewed, 0, 60000));
}

/* The first SYNCED copy in reading order speaks for the slot. */
static void first(void **state)
{
	struct lr_slot s = installed(5, 3);
	struct lr_cfg viewed = cfg(5, 3);

	(void)state;
	assert_true(lr_slot_is_first(&s, &viewed, ME));
	viewed.mem[0] = OTHER;
	viewed.mem[1] = ME;
	assert_false(lr_slot_is_first(&s, &viewed, ME));
	viewed.src = 2; /* OTHER still syncs */
	assert_true(lr_slot_is_first(&s, &viewed, ME));
	lr_slot_seal(&s, 6, RUN);
	assert_false(lr_slot_is_first(&s, &viewed, ME));
	s = installed(5, 2);
	assert_false(lr_slot_is_first(&s, &viewed, ME));
}

/* synced(m, cfg): a source unless it must merge first, or who reported. */
static void cfg_synced(void **state)
{
	struct lr_cfg c = cfg(5, 1);

	(void)state;
	assert_true(lr_cfg_synced(&c, ME));
	assert_false(lr_cfg_synced(&c, OTHER));
	assert_false(lr_cfg_synced(&c, 99));
	c.synced = 2;
	assert_true(lr_cfg_synced(&c, OTHER));
	c.lost = LR_LOST_MARK | LR_LOST_MERGE;
	assert_false(lr_cfg_synced(&c, ME));
	assert_true(lr_cfg_synced(&c, OTHER));
}

/* What cannot be a configuration, whoever sends it. */
static void cfg_valid(void **state)
{
	struct lr_cfg c = cfg(5, 1), bad;

	(void)state;
	assert_true(lr_cfg_valid(&c));
	bad = c, bad.ce = 0;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.n = 0;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.n = LR_MEM_MAX + 1;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.src = 0;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.src = 4;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.synced = 4;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.lost = LR_LOST_MERGE;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.lost = 4;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.mem[1] = ME;
	assert_false(lr_cfg_valid(&bad));
	bad = c, bad.mem[1] = 0;
	assert_false(lr_cfg_valid(&bad));
}

/* Whatever comes in whatever order: the promise and the cfg installed only
 * grow, and what is admitted is never below the promise. */
static void never_back(void **state)
{
	uint64_t seed = 3;
	struct lr_slot s = {0};

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct lr_slot was = s;
		struct lr_cfg c = cfg(1 + draw(&seed, 60), 1 + draw(&seed, 3));

		if (draw(&seed, 4) == 0)
			c.mem[0] = 99;
		switch (draw(&seed, 4)) {
		case 0:
			lr_slot_seal(&s, c.ce, draw(&seed, 3));
			break;
		case 1:
			lr_slot_install(&s, ME, &c, draw(&seed, 3));
			break;
		case 2:
			lr_slot_left(&s, ME, &c);
			break;
		default:
			lr_slot_synced(&s, c.ce);
		}
		assert_true(s.prom >= was.prom);
		assert_true(s.inst.ce == 0 || s.inst.ce >= was.inst.ce);
		assert_true(s.inst.ce <= s.prom);
		if (lr_slot_admit(&s, c.ce) == LR_E_OK)
			assert_true(c.ce == s.inst.ce && c.ce >= s.prom);
		if (draw(&seed, 500) == 0)
			s = (struct lr_slot){0};
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admit),
		cmocka_unit_test(bar),
		cmocka_unit_test(seal),
		cmocka_unit_test(install_refused),
		cmocka_unit_test(install_sources),
		cmocka_unit_test(install_lost),
		cmocka_unit_test(synced),
		cmocka_unit_test(left),
		cmocka_unit_test(put_order),
		cmocka_unit_test(put_bad),
		cmocka_unit_test(put_if_open),
		cmocka_unit_test(collect),
		cmocka_unit_test(first),
		cmocka_unit_test(cfg_synced),
		cmocka_unit_test(cfg_valid),
		cmocka_unit_test(never_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
