/* SPDX-License-Identifier: Apache-2.0 */
/* One member pulls a slot of up to IDS entries from others that are arrays
 * here. The pull asks, the test answers: in any order, late, wrongly, or not.
 */
#include "core/sync.h"

#include "unit.h"

#define IDS  300
#define ME   1u
#define PAGE 16

struct held {
	uint8_t found;
	struct lr_tag tag;
	bool broken; /* listed as a value, but cannot be verified */
};

struct copy {
	uint64_t inc;
	bool down;
	struct held e[IDS];
};

static struct copy me, src[3];
static struct lr_cfg cfg;
static uint64_t seed;

static struct lr_id id_of(unsigned n)
{
	return (struct lr_id){{0x40, 0, (uint8_t)(n >> 8), (uint8_t)n}};
}

static unsigned n_of(const struct lr_id *id)
{
	return (unsigned)id->b[2] << 8 | id->b[3];
}

static struct copy *copy_of(uint64_t inc)
{
	for (unsigned i = 0; i < countof(src); i++)
		if (src[i].inc == inc)
			return &src[i];
	return NULL;
}

static void have(void *arg, const struct lr_id *id, struct lr_stored *ret)
{
	const struct held *h = &me.e[n_of(id)];

	(void)arg;
	ret->found = h->found;
	ret->tag = h->tag;
}

/* What the donor's rules do with an entry that arrives. */
static void store(const struct held *h, unsigned n, unsigned flags)
{
	struct lr_stored there = {.found = me.e[n].found, .tag = me.e[n].tag};

	if (lr_slot_put(&there, &h->tag, flags) == LR_PUT_STORE)
		me.e[n] = *h;
}

/* Two or more sources, as many as `bits` has. */
static void set_up(unsigned bits, unsigned lost)
{
	memset(&me, 0, sizeof me);
	memset(src, 0, sizeof src);
	memset(&cfg, 0, sizeof cfg);
	me.inc = ME;
	cfg.ce = 9;
	cfg.lost = (uint8_t)lost;
	cfg.src = (uint8_t)bits;
	for (unsigned i = 0; i < countof(src); i++)
		cfg.mem[cfg.n++] = src[i].inc = 10 + i;
	cfg.mem[cfg.n++] = ME;
}

static void fill(struct copy *c, unsigned n, uint8_t found, uint64_t ts)
{
	c->e[n] = (struct held){.found = found, .tag = {ts, 1, 1}};
}

static bool scan(struct lr_sync *y, const struct lr_sync_act *a)
{
	struct lr_sync_entry page[PAGE];
	const struct copy *c = copy_of(a->member);
	unsigned i = a->first ? 0 : n_of(&a->entry.id) + 1;
	size_t n = 0;

	for (; i < IDS && n < PAGE; i++)
		if (c->e[i].found)
			page[n++] = (struct lr_sync_entry){
				.id = id_of(i),
				.tag = c->e[i].tag,
				.state = c->e[i].found,
			};
	return lr_sync_page(y, page, n, i < IDS);
}

static void fetch(struct lr_sync *y, const struct lr_sync_act *a)
{
	unsigned n = n_of(&a->entry.id);
	const struct held *h = &copy_of(a->member)->e[n];

	if (h->found == LR_FOUND_BAD || h->broken) {
		lr_sync_bad(y, &a->entry.id);
		return;
	}
	if (h->found)
		store(h, n, 0);
	lr_sync_fetched(y, &a->entry.id);
}

static void answer(struct lr_sync *y, const struct lr_sync_act *a, uint64_t now)
{
	if (copy_of(a->member)->down)
		lr_sync_failed(y, a->member, now);
	else if (a->what == LR_SYNC_SCAN)
		assert_true(scan(y, a));
	else
		fetch(y, a);
}

static void store_told(const struct lr_sync_act *a)
{
	struct held h = {.tag = a->entry.tag};

	h.found = a->what == LR_SYNC_BAD ? LR_FOUND_BAD : LR_FOUND_TOMB;
	store(&h, n_of(&a->entry.id),
	      a->what == LR_SYNC_BAD ? LR_PUT_BAD : LR_PUT_TOMB);
}

/* Answers come in random order; `meddle` changes the world between them.
 * Returns what the pull ended with. */
static enum lr_sync_do pull(struct lr_sync *y, void (*meddle)(uint64_t now),
			    unsigned *ret_fetches)
{
	struct lr_sync_act asked[LR_SYNC_WINDOW + 1], a;
	uint64_t now = 1;
	unsigned n = 0, fetches = 0;

	for (unsigned steps = 0; steps < 1000000; steps++) {
		a = lr_sync_next(y, now, have, NULL);
		if (a.what == LR_SYNC_DONE || a.what == LR_SYNC_FULL)
			break;
		if (meddle)
			meddle(now);
		if (a.what == LR_SYNC_TOMB || a.what == LR_SYNC_BAD) {
			store_told(&a);
		} else if (a.what != LR_SYNC_WAIT) {
			assert_true(n < countof(asked));
			asked[n++] = a;
			fetches += a.what == LR_SYNC_FETCH;
		} else if (n) {
			unsigned i = draw(&seed, n);

			a = asked[i];
			asked[i] = asked[--n];
			answer(y, &a, now);
			/* what was asked of a failed source never comes */
			for (i = 0; copy_of(a.member)->down && i < n; i++)
				if (asked[i].member == a.member)
					asked[i--] = asked[--n];
		} else {
			assert_true(a.at_ms > now); /* or it hangs for ever */
			now = a.at_ms;
		}
	}
	if (ret_fetches)
		*ret_fetches = fetches;
	return a.what;
}

static struct lr_sync *new_sync(void)
{
	struct lr_sync *y = lr_sync_new(5, &cfg, ME, 1);

	assert_non_null(y);
	assert_int_equal(lr_sync_ce(y), 9);
	assert_int_equal(lr_sync_slot(y), 5);
	return y;
}

static void assert_like(const struct copy *c)
{
	for (unsigned i = 0; i < IDS; i++) {
		assert_int_equal(me.e[i].found, c->e[i].found);
		assert_int_equal(me.e[i].tag.ts, c->e[i].tag.ts);
	}
}

/* All entries of one source come over: values, TOMBs; what is here already,
 * or newer, is not fetched; what the list lacks is kept. */
static void plain(void **state)
{
	unsigned fetches;
	struct lr_sync *y;

	(void)state;
	set_up(1, 0);
	for (unsigned i = 0; i < 200; i++)
		fill(&src[0], i, i % 5 ? LR_FOUND_VALUE : LR_FOUND_TOMB, 4);
	fill(&me, 1, LR_FOUND_VALUE, 4);
	fill(&me, 2, LR_FOUND_VALUE, 9);
	fill(&me, 3, LR_FOUND_VALUE, 3);
	fill(&me, 4, LR_FOUND_BAD, 4);
	fill(&me, 250, LR_FOUND_VALUE, 7);
	y = new_sync();
	assert_int_equal(pull(y, NULL, &fetches), LR_SYNC_DONE);
	assert_int_equal(fetches, 200 - 40 - 2);
	assert_int_equal(me.e[2].tag.ts, 9);
	assert_int_equal(me.e[250].tag.ts, 7);
	me.e[2] = src[0].e[2];
	me.e[250] = src[0].e[250];
	assert_like(&src[0]);
	/* told once */
	assert_int_equal(lr_sync_next(y, 5, have, NULL).what, LR_SYNC_WAIT);
	lr_sync_free(y);
}

/* An empty source is pulled at once. */
static void empty(void **state)
{
	struct lr_sync *y;

	(void)state;
	set_up(1, 0);
	y = new_sync();
	assert_int_equal(pull(y, NULL, NULL), LR_SYNC_DONE);
	lr_sync_free(y);
}

/* Writes go to all members while it pulls, values disappear at the source
 * (TOMBs and all): in the end nothing that the source has is missing. */
static void write_meanwhile(uint64_t now)
{
	unsigned i = draw(&seed, IDS);
	struct held h = {.found = LR_FOUND_VALUE, .tag = {100, 1, 1}};

	(void)now;
	if (draw(&seed, 3))
		return;
	h.tag.seq = draw(&seed, 1u << 30);
	if (draw(&seed, 2))
		h.found = LR_FOUND_TOMB;
	if (lr_tag_cmp(&h.tag, &src[0].e[i].tag) > 0)
		src[0].e[i] = h;
	store(&h, i, 0);
	i = draw(&seed, IDS);
	if (!src[0].e[i].tag.seq || draw(&seed, 5))
		return;
	src[0].e[i] = (struct held){0}; /* gone */
	me.e[i] = (struct held){0};
}

static void concurrent(void **state)
{
	(void)state;
	for (seed = 0; seed < 40000; seed += 100) {
		struct lr_sync *y;

		set_up(1, 0);
		for (unsigned i = 0; i < IDS; i += 2)
			fill(&src[0], i, LR_FOUND_VALUE, 4);
		y = new_sync();
		assert_int_equal(pull(y, write_meanwhile, NULL), LR_SYNC_DONE);
		for (unsigned i = 0; i < IDS; i++)
			assert_true(lr_tag_cmp(&me.e[i].tag,
					       &src[0].e[i].tag) >= 0);
		lr_sync_free(y);
	}
}

/* A failed source: another, from the start; all failed: again after a pause;
 * a source that never comes back does not stop the others. */
static void fail_and_return(uint64_t now)
{
	(void)now;
	if (draw(&seed, 30) == 0)
		src[0].down = !src[0].down;
	if (draw(&seed, 30) == 0)
		src[1].down = !src[1].down;
}

static void failures(void **state)
{
	(void)state;
	for (seed = 1; seed < 300; seed++) {
		uint64_t s = seed;
		struct lr_sync *y;

		set_up(seed % 2 ? 3 : 7, 0);
		src[2].down = true;
		for (unsigned i = 0; i < 60; i++) {
			fill(&src[0], i, LR_FOUND_VALUE, 4);
			fill(&src[1], i, LR_FOUND_VALUE, 4);
		}
		y = new_sync();
		assert_int_equal(pull(y, fail_and_return, NULL), LR_SYNC_DONE);
		assert_like(&src[0]);
		lr_sync_free(y);
		seed = s;
	}
}

/* While no source answers it waits, longer and longer, up to 1.6 s. */
static void all_down(void **state)
{
	struct lr_sync_act a;
	struct lr_sync *y;
	uint64_t now = 1, longest = 0;

	(void)state;
	set_up(3, 0);
	src[0].down = src[1].down = true;
	y = new_sync();
	for (unsigned asked = 0; asked < 40;) {
		a = lr_sync_next(y, now, have, NULL);
		if (a.what == LR_SYNC_WAIT) {
			assert_true(a.at_ms > now);
			if (a.at_ms - now > longest)
				longest = a.at_ms - now;
			now = a.at_ms;
			continue;
		}
		asked++;
		assert_int_equal(a.what, LR_SYNC_SCAN);
		lr_sync_failed(y, a.member, now);
	}
	assert_int_equal(longest, 1600);
	lr_sync_free(y);
}

/* What one source cannot verify comes from another; what none can is BAD here
 * with its tag, and the rest is finished. An older write found elsewhere is no
 * substitute. */
static void broken(void **state)
{
	struct lr_sync *y;

	(void)state;
	set_up(7, 0);
	for (unsigned i = 0; i < 60; i++) {
		fill(&src[0], i, LR_FOUND_VALUE, 4);
		fill(&src[1], i, LR_FOUND_VALUE, 4);
		fill(&src[2], i, LR_FOUND_VALUE, 4);
	}
	src[0].e[3].broken = src[1].e[3].broken = true;
	for (unsigned i = 0; i < 3; i++)
		src[i].e[7].broken = true;
	src[0].e[9].found = LR_FOUND_BAD;
	src[0].e[11].broken = true;
	fill(&src[1], 11, LR_FOUND_VALUE, 3);
	src[2].e[11] = (struct held){0};
	for (unsigned i = 0; i < 3; i++)
		src[i].e[12].found = LR_FOUND_BAD;
	y = new_sync();
	assert_int_equal(pull(y, NULL, NULL), LR_SYNC_DONE);
	for (unsigned i = 0; i < 60; i++) {
		bool bad = i == 7 || i == 11 || i == 12;

		assert_int_equal(me.e[i].found,
				 bad ? LR_FOUND_BAD : LR_FOUND_VALUE);
		assert_int_equal(me.e[i].tag.ts, 4);
	}
	lr_sync_free(y);
}

/* The only intact copy is at a source that is away: it is waited for. */
static unsigned meddled;

static void come_back(uint64_t now)
{
	meddled++;
	src[1].down = now < 5000;
}

static void intact_copy_is_awaited(void **state)
{
	struct lr_sync *y;

	(void)state;
	set_up(3, 0);
	for (unsigned i = 0; i < 30; i++) {
		fill(&src[0], i, LR_FOUND_VALUE, 4);
		fill(&src[1], i, LR_FOUND_VALUE, 4);
	}
	src[0].e[3].broken = true;
	src[1].down = true;
	meddled = 0;
	y = new_sync();
	assert_int_equal(pull(y, come_back, NULL), LR_SYNC_DONE);
	assert_true(meddled > 10);
	assert_like(&src[1]);
	lr_sync_free(y);
}

/* A lost slot with several sources: the union of all, the highest tag each;
 * a member that is a source itself pulls from the others. */
static void merge(void **state)
{
	(void)state;
	for (unsigned own = 0; own < 2; own++) {
		struct lr_sync *y;

		set_up(own ? 15 : 7, LR_LOST_MARK | LR_LOST_MERGE);
		for (unsigned i = 0; i < 90; i++)
			fill(&src[i % 3], i, LR_FOUND_VALUE, 2);
		fill(&src[0], 1, LR_FOUND_VALUE, 1);
		fill(&src[2], 3, LR_FOUND_TOMB, 9);
		y = new_sync();
		assert_int_equal(pull(y, NULL, NULL), LR_SYNC_DONE);
		for (unsigned i = 0; i < 90; i++)
			assert_int_equal(me.e[i].tag.ts, i == 3 ? 9 : 2);
		assert_int_equal(me.e[3].found, LR_FOUND_TOMB);
		lr_sync_free(y);
	}
}

/* No room: told once, then quiet. */
static void full(void **state)
{
	struct lr_sync_act a;
	struct lr_sync *y;

	(void)state;
	set_up(1, 0);
	fill(&src[0], 1, LR_FOUND_VALUE, 4);
	y = new_sync();
	a = lr_sync_next(y, 1, have, NULL);
	assert_int_equal(a.what, LR_SYNC_SCAN);
	assert_true(scan(y, &a));
	assert_int_equal(lr_sync_next(y, 1, have, NULL).what, LR_SYNC_FETCH);
	lr_sync_full(y);
	assert_int_equal(lr_sync_next(y, 1, have, NULL).what, LR_SYNC_FULL);
	a = lr_sync_next(y, 1, have, NULL);
	assert_int_equal(a.what, LR_SYNC_WAIT);
	assert_int_equal(a.at_ms, 0);
	lr_sync_free(y);
}

/* A list that stands still or is out of order: that source has failed. */
static void broken_list(void **state)
{
	struct lr_sync_entry page[2] = {
		{.id = id_of(2), .state = LR_FOUND_VALUE},
		{.id = id_of(1), .state = LR_FOUND_VALUE},
	};
	struct lr_sync *y;

	(void)state;
	set_up(3, 0);
	y = new_sync();
	assert_int_equal(lr_sync_next(y, 1, have, NULL).member, 10);
	assert_true(lr_sync_page(y, page, 2, false));
	assert_int_equal(lr_sync_next(y, 1, have, NULL).member, 11);
	assert_true(lr_sync_page(y, page, 0, true));
	assert_int_equal(lr_sync_next(y, 1, have, NULL).what, LR_SYNC_WAIT);
	lr_sync_free(y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(empty),
		cmocka_unit_test(concurrent),
		cmocka_unit_test(failures),
		cmocka_unit_test(all_down),
		cmocka_unit_test(broken),
		cmocka_unit_test(intact_copy_is_awaited),
		cmocka_unit_test(merge),
		cmocka_unit_test(full),
		cmocka_unit_test(broken_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
