/* SPDX-License-Identifier: Apache-2.0 */
/* One slot of a donor, and what it pulls, with a coordinator and sources that
 * say anything:
 *
 *   I2  operations of one ce are admitted at a time, never below the promise,
 *       never below one admitted before
 *   the promise never falls, nor does what is installed; only a member whose
 *   promise allows it has a configuration
 *   a pull asks sources only, one list at a time, and only for entries that
 *   were listed */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "core/sync.h"

#define ME	1
#define MEMBERS 5
#define ENTRIES 16
#define ASKED	32

static struct world {
	struct lr_slot s;
	struct lr_sync *y;
	struct lr_stored here[ENTRIES];
	bool listed[ENTRIES];
	uint64_t now, admitted, member;
	unsigned out; /* fetches */
	bool scanning, over;
	struct lr_sync_entry asked[ASKED];
	uint64_t asked_of[ASKED];
} w;

/* --- the slot --- */

static uint64_t an_epoch(struct fuzz_in *in)
{
	if (fuzz_below(in, 16) == 0)
		return UINT64_MAX - fuzz_below(in, 2);
	return w.s.prom - 2 + fuzz_below(in, 6);
}

static bool a_cfg(struct fuzz_in *in, struct lr_cfg *c)
{
	memset(c, 0, sizeof *c);
	c->ce = an_epoch(in);
	c->n = (uint8_t)fuzz_below(in, MEMBERS);
	for (unsigned i = 0; i < c->n; i++)
		c->mem[i] = 1 + fuzz_below(in, MEMBERS);
	c->src = (uint8_t)fuzz_int(in, 1);
	c->synced = (uint8_t)fuzz_int(in, 1);
	c->lost = (uint8_t)fuzz_below(in, 4);
	return lr_cfg_valid(c);
}

static void check_slot(const struct lr_slot *was, bool left)
{
	const struct lr_slot *s = &w.s;
	uint64_t try[] = {s->inst.ce, s->inst.ce - 1, s->inst.ce + 1, s->prom,
			  was->inst.ce, w.admitted};
	unsigned ok = 0;

	FUZZ_CHECK(s->prom >= was->prom && s->floor >= was->floor);
	FUZZ_CHECK(left || s->inst.ce >= was->inst.ce);
	FUZZ_CHECK(!s->inst.ce || lr_cfg_index(&s->inst, ME) >= 0);
	for (unsigned i = 0; i < sizeof try / sizeof *try; i++) {
		if (lr_slot_admit(s, try[i]) != LR_E_OK)
			continue;
		FUZZ_CHECK(try[i] == s->inst.ce && try[i] >= s->prom);
		FUZZ_CHECK(try[i] >= w.admitted);
		ok = i + 1;
	}
	if (ok)
		w.admitted = try[ok - 1];
}

static void stop_pull(void)
{
	lr_sync_free(w.y);
	w.y = NULL;
}

static void start_pull(void)
{
	stop_pull();
	memset(w.listed, 0, sizeof w.listed);
	w.out = 0;
	w.scanning = w.over = false;
	if (w.s.inst.ce && w.s.status == LR_SLOT_SYNCING)
		w.y = lr_sync_new(0, &w.s.inst, ME, w.now);
}

static void slot_event(struct fuzz_in *in)
{
	struct lr_slot was = w.s;
	struct lr_tag tag = {fuzz_below(in, 4), 1, 1};
	struct lr_cfg c;
	bool left = false;

	switch (fuzz_below(in, 5)) {
	case 0:
		if (lr_slot_seal(&w.s, an_epoch(in), 1) == LR_E_OK)
			FUZZ_CHECK(lr_slot_admit(&w.s, was.inst.ce) ||
				   w.s.prom <= was.inst.ce);
		break;
	case 1:
		if (a_cfg(in, &c) && lr_slot_install(&w.s, ME, &c, 1)) {
			FUZZ_CHECK(w.s.inst.ce == c.ce && c.ce >= was.prom);
			start_pull();
		}
		break;
	case 2:
		left = a_cfg(in, &c) && lr_slot_left(&w.s, ME, &c);
		if (left)
			stop_pull();
		break;
	case 3:
		lr_slot_collected(&w.s, LR_KIND_REGISTER, &tag);
		break;
	default:
		(void)lr_slot_may_collect(&w.s, &w.s.inst, 0, w.now);
		break;
	}
	check_slot(&was, left);
}

/* --- the pull --- */

static struct lr_id id_of(unsigned n)
{
	struct lr_id id = {{0}};

	id.b[15] = (uint8_t)n;
	return id;
}

static void have(void *arg, const struct lr_id *id, struct lr_stored *ret)
{
	(void)arg;
	FUZZ_CHECK(id->b[15] < ENTRIES);
	*ret = w.here[id->b[15]];
}

static void store(const struct lr_sync_entry *e, uint8_t state)
{
	w.here[e->id.b[15]] = (struct lr_stored){.found = state, .tag = e->tag};
}

static bool is_src(uint64_t member)
{
	int i = lr_cfg_index(&w.s.inst, member);

	return i >= 0 && w.s.inst.src >> i & 1 && member != ME;
}

static void drop_asked(unsigned i)
{
	w.out--;
	w.asked[i] = w.asked[w.out];
	w.asked_of[i] = w.asked_of[w.out];
}

static void do_act(const struct lr_sync_act *a)
{
	switch (a->what) {
	case LR_SYNC_SCAN:
		FUZZ_CHECK(is_src(a->member) && !w.scanning);
		w.scanning = true;
		w.member = a->member;
		break;
	case LR_SYNC_FETCH:
		FUZZ_CHECK(is_src(a->member));
		FUZZ_CHECK(w.listed[a->entry.id.b[15]]);
		if (w.out == ASKED) /* this one is never answered */
			drop_asked(0);
		w.asked_of[w.out] = a->member;
		w.asked[w.out++] = a->entry;
		break;
	case LR_SYNC_TOMB:
		store(&a->entry, LR_FOUND_TOMB);
		break;
	case LR_SYNC_BAD:
		store(&a->entry, LR_FOUND_BAD);
		break;
	case LR_SYNC_DONE:
	case LR_SYNC_FULL:
		w.over = true;
		break;
	default:
		break;
	}
}

static void pump(void)
{
	struct lr_sync_act a;
	unsigned n = 0;

	do {
		a = lr_sync_next(w.y, w.now, have, NULL);
		do_act(&a);
		FUZZ_CHECK(n++ < 10000);
	} while (a.what != LR_SYNC_WAIT && !w.over);
	if (a.what == LR_SYNC_DONE) {
		FUZZ_CHECK(!w.scanning);
		(void)lr_slot_synced(&w.s, lr_sync_ce(w.y));
	}
	if (w.over)
		stop_pull();
}

static void page(struct fuzz_in *in)
{
	struct lr_sync_entry e[ENTRIES];
	size_t n = fuzz_below(in, ENTRIES + 1);

	w.scanning = false;
	for (size_t i = 0; i < n; i++) {
		unsigned no = fuzz_below(in, 4) ? (unsigned)i
						: fuzz_below(in, ENTRIES);

		e[i] = (struct lr_sync_entry){
			.id = id_of(no),
			.tag = {fuzz_below(in, 4), fuzz_below(in, 2), 0},
			.state = (uint8_t)fuzz_below(in, 5)};
		w.listed[no] = true;
	}
	(void)lr_sync_page(w.y, e, n, fuzz_below(in, 2));
}

static void fetched(struct fuzz_in *in, bool good)
{
	unsigned i = fuzz_below(in, w.out);
	struct lr_sync_entry e = w.asked[i];

	drop_asked(i);
	if (!good) {
		lr_sync_bad(w.y, &e.id);
		return;
	}
	if (fuzz_below(in, 4)) /* else gone there meanwhile */
		store(&e, LR_FOUND_VALUE);
	lr_sync_fetched(w.y, &e.id);
}

/* As the daemon does: all that was asked of it is over. */
static void failed(struct fuzz_in *in)
{
	uint64_t member = 1 + fuzz_below(in, MEMBERS);

	for (unsigned i = 0; i < w.out; i++)
		if (w.asked_of[i] == member)
			drop_asked(i--);
	if (w.scanning && w.member == member)
		w.scanning = false;
	lr_sync_failed(w.y, member, w.now);
}

static void pull_event(struct fuzz_in *in)
{
	struct lr_id id;

	switch (fuzz_below(in, 8)) {
	case 0:
	case 1:
		if (w.scanning)
			page(in);
		break;
	case 2:
	case 3:
		if (w.out)
			fetched(in, true);
		break;
	case 4:
		if (w.out)
			fetched(in, false);
		break;
	case 5:
		failed(in);
		break;
	case 6:
		id = id_of(fuzz_below(in, ENTRIES)); /* nobody asked */
		if (fuzz_below(in, 2))
			lr_sync_fetched(w.y, &id);
		else if (fuzz_below(in, 8) == 0)
			lr_sync_full(w.y);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};

	memset(&w, 0, sizeof w);
	w.now = 1;
	while (in.left) {
		w.now += fuzz_below(&in, 2) * 300;
		if (w.y && fuzz_below(&in, 8)) {
			pull_event(&in);
			pump();
		} else {
			slot_event(&in);
		}
	}
	stop_pull();
	return 0;
}
