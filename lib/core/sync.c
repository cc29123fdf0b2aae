/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pull stands: a source is chosen, its list comes page by page; of one
 * page up to LR_SYNC_WINDOW entries are being fetched. A failed source throws
 * page and fetches away. The memory is that of one page. */
#include "core/sync.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/mutate.h"

#define AGAIN_MIN_MS 100u
#define AGAIN_MAX_MS 1600u
#define NO_SOURCE    (-1)

enum fetch_state {
	FREE,
	ASK, /* of a src that was not tried, once `at_ms` has come */
	ASKED,
	CHECK, /* another src answered: is it what was wanted? */
};

struct fetch {
	enum fetch_state state;
	struct lr_sync_entry entry;
	unsigned tried; /* bit i: cfg.mem[i] has no intact copy */
	int asked;	/* index in cfg.mem */
	uint64_t at_ms;
};

struct lr_sync {
	unsigned slot;
	struct lr_cfg cfg;
	unsigned srcs; /* bit i: cfg.mem[i] may be pulled from */
	unsigned left; /* of these: those still to be pulled from */
	unsigned failed;
	unsigned rounds; /* in which all of them failed, one after the other */
	uint64_t at_ms;
	int from; /* index in cfg.mem */
	bool merge, scanning, have_page, more, first, told, full, hurt;
	struct lr_id after;
	struct lr_sync_entry *page;
	size_t n, next;
	struct fetch fetch[LR_SYNC_WINDOW];
};

struct lr_sync *lr_sync_new(unsigned slot, const struct lr_cfg *cfg,
			    uint64_t me, uint64_t now_ms)
{
	struct lr_sync *y = calloc(1, sizeof *y);
	int i = lr_cfg_index(cfg, me);

	if (!y)
		return NULL;
	y->slot = slot;
	y->cfg = *cfg;
	y->srcs = cfg->src;
	if (i >= 0)
		y->srcs &= ~(1u << i);
	y->left = y->srcs;
	y->merge = cfg->lost & LR_LOST_MERGE;
	y->from = NO_SOURCE;
	y->at_ms = now_ms;
	return y;
}

void lr_sync_free(struct lr_sync *y)
{
	if (!y)
		return;
	free(y->page);
	free(y);
}

uint64_t lr_sync_ce(const struct lr_sync *y)
{
	return y->cfg.ce;
}

unsigned lr_sync_slot(const struct lr_sync *y)
{
	return y->slot;
}

static void drop_page(struct lr_sync *y)
{
	free(y->page);
	y->page = NULL;
	y->n = y->next = 0;
	y->have_page = false;
	memset(y->fetch, 0, sizeof y->fetch);
}

static struct lr_sync_act act(struct lr_sync *y, enum lr_sync_do what, int i)
{
	return (struct lr_sync_act){
		.what = what,
		.member = i >= 0 ? y->cfg.mem[i] : 0,
	};
}

static struct lr_sync_act wait_until(struct lr_sync *y, uint64_t at_ms)
{
	struct lr_sync_act a = act(y, LR_SYNC_WAIT, NO_SOURCE);

	a.at_ms = at_ms;
	return a;
}

static uint64_t again_ms(unsigned rounds)
{
	uint64_t ms = (uint64_t)AGAIN_MIN_MS << (rounds < 5 ? rounds : 5);

	return ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS;
}

/* --- one page ----------------------------------------------------------- */

static bool usable(const struct lr_sync *y, const struct lr_sync_entry *e,
		   size_t n)
{
	const struct lr_id *before = y->first ? NULL : &y->after;

	for (size_t i = 0; i < n; before = &e[i++].id)
		if ((before && lr_id_cmp(before, &e[i].id) >= 0) ||
		    e[i].state < LR_FOUND_VALUE || e[i].state > LR_FOUND_BAD)
			return false;
	return true;
}

/* A list out of order, or that stands still, is a broken source's. */
bool lr_sync_page(struct lr_sync *y, const struct lr_sync_entry *e, size_t n,
		  bool more)
{
	if (!y->scanning)
		return true;
	y->scanning = false;
	if ((more && n == 0) || !usable(y, e, n)) {
		y->hurt = true;
		return true;
	}
	if (n) {
		y->page = malloc(n * sizeof *e);
		if (!y->page) {
			y->hurt = true;
			return false;
		}
		memcpy(y->page, e, n * sizeof *e);
		y->after = e[n - 1].id;
		y->first = false;
	}
	y->n = n;
	y->next = 0;
	y->more = more;
	y->have_page = true;
	y->rounds = 0;
	return true;
}

static bool wanted(const struct lr_sync_entry *e, const struct lr_stored *here)
{
	int cmp;

	if (here->found == LR_FOUND_NONE)
		return true;
	cmp = lr_tag_cmp(&here->tag, &e->tag);
	return cmp < 0 || (cmp == 0 && here->found == LR_FOUND_BAD &&
			   e->state != LR_FOUND_BAD);
}

static struct fetch *free_fetch(struct lr_sync *y)
{
	for (unsigned i = 0; i < LR_SYNC_WINDOW; i++)
		if (y->fetch[i].state == FREE)
			return &y->fetch[i];
	return NULL;
}

static struct fetch *find_asked(struct lr_sync *y, const struct lr_id *id)
{
	for (unsigned i = 0; i < LR_SYNC_WINDOW; i++)
		if (y->fetch[i].state == ASKED &&
		    lr_id_eq(&y->fetch[i].entry.id, id))
			return &y->fetch[i];
	return NULL;
}

static bool fetching(const struct lr_sync *y)
{
	for (unsigned i = 0; i < LR_SYNC_WINDOW; i++)
		if (y->fetch[i].state != FREE)
			return true;
	return false;
}

/* The next src after the one asked last that may have an intact copy. */
static int other_src(const struct lr_sync *y, const struct fetch *f)
{
	for (int k = 1; k <= y->cfg.n; k++) {
		int i = (f->asked + k) % y->cfg.n;

		if ((y->srcs & ~f->tried) >> i & 1u)
			return i;
	}
	return NO_SOURCE;
}

static struct lr_sync_act ask(struct lr_sync *y, struct fetch *f, int i)
{
	struct lr_sync_act a = act(y, LR_SYNC_FETCH, i);

	f->state = ASKED;
	f->asked = i;
	a.entry = f->entry;
	return a;
}

/* An entry that its source could not verify. True: `ret` is to be done. */
static bool step_fetch(struct lr_sync *y, struct fetch *f, uint64_t now_ms,
		       lr_sync_have have, void *arg, struct lr_sync_act *ret)
{
	struct lr_stored here = {0};
	int i;

	if (f->state == CHECK) {
		have(arg, &f->entry.id, &here);
		f->state = wanted(&f->entry, &here) ? ASK : FREE;
	}
	if (f->state != ASK || f->at_ms > now_ms)
		return false;
	i = other_src(y, f);
	if (i != NO_SOURCE) {
		*ret = ask(y, f, i);
		return true;
	}
	f->state = FREE;
	f->entry.state = LR_FOUND_BAD;
	have(arg, &f->entry.id, &here);
	if (!wanted(&f->entry, &here))
		return false;
	*ret = act(y, LR_SYNC_BAD, NO_SOURCE);
	ret->entry = f->entry;
	return true;
}

static bool step_fetches(struct lr_sync *y, uint64_t now_ms, lr_sync_have have,
			 void *arg, struct lr_sync_act *ret)
{
	for (unsigned i = 0; i < LR_SYNC_WINDOW; i++)
		if (step_fetch(y, &y->fetch[i], now_ms, have, arg, ret))
			return true;
	return false;
}

/* Starts the next entries of the page. True: `ret` is to be done. */
static bool step_page(struct lr_sync *y, uint64_t now_ms, lr_sync_have have,
		      void *arg, struct lr_sync_act *ret)
{
	struct fetch *f;

	while (y->next < y->n && (f = free_fetch(y))) {
		const struct lr_sync_entry *e = &y->page[y->next++];
		struct lr_stored here = {0};

		have(arg, &e->id, &here);
		if (!wanted(e, &here))
			continue;
		if (e->state == LR_FOUND_TOMB) {
			*ret = act(y, LR_SYNC_TOMB, NO_SOURCE);
			ret->entry = *e;
			return true;
		}
		*f = (struct fetch){.entry = *e, .asked = y->from};
		if (e->state == LR_FOUND_VALUE) {
			*ret = ask(y, f, y->from);
			return true;
		}
		/* BAD there: perhaps another src has it intact. */
		f->entry.state = LR_FOUND_VALUE;
		f->tried = 1u << y->from;
		f->state = ASK;
		if (step_fetch(y, f, now_ms, have, arg, ret))
			return true;
	}
	return false;
}

static uint64_t next_ask_ms(const struct lr_sync *y)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < LR_SYNC_WINDOW; i++)
		if (y->fetch[i].state == ASK &&
		    (at == 0 || y->fetch[i].at_ms < at))
			at = y->fetch[i].at_ms;
	return at;
}

/* --- sources ------------------------------------------------------------ */

static void source_done(struct lr_sync *y)
{
	if (y->merge)
		y->left &= ~(1u << y->from);
	else
		y->left = 0;
	y->from = NO_SOURCE;
}

/* The next one, or a pause when all have failed. */
static bool choose_source(struct lr_sync *y, uint64_t now_ms)
{
	unsigned may = y->left & ~y->failed;

	if (now_ms < y->at_ms)
		return false;
	if (!may) {
		y->failed = 0;
		y->at_ms = now_ms + again_ms(y->rounds++);
		return false;
	}
	for (y->from = 0; !(may >> y->from & 1u); y->from++)
		;
	y->first = true;
	memset(&y->after, 0, sizeof y->after);
	return true;
}

static void source_failed(struct lr_sync *y)
{
	drop_page(y);
	y->failed |= 1u << y->from;
	y->from = NO_SOURCE;
	y->scanning = false;
}

static struct lr_sync_act scan(struct lr_sync *y)
{
	struct lr_sync_act a = act(y, LR_SYNC_SCAN, y->from);

	y->scanning = true;
	a.first = y->first;
	a.entry.id = y->after;
	return a;
}

/* --- events ------------------------------------------------------------- */

/* From the source it was stored, or is gone: both are fine. What another src
 * sent in its stead may be an older write: look. */
void lr_sync_fetched(struct lr_sync *y, const struct lr_id *id)
{
	struct fetch *f = find_asked(y, id);

	if (!f)
		return;
	if (!f->tried) {
		f->state = FREE;
		return;
	}
	f->tried |= 1u << f->asked;
	f->state = CHECK;
}

bool lr_sync_may_take(const struct lr_sync_entry *want,
		      const struct lr_stored *cached)
{
	if (cached->found != LR_FOUND_VALUE)
		return false;
	return lr_tag_cmp(&cached->tag, &want->tag) == 0 ||
	       LR_MUTANT("cached-with-another-tag");
}

uint64_t lr_sync_digest(const struct lr_sync_entry *e)
{
	uint8_t b[sizeof e->id + 21];

	memcpy(b, &e->id, sizeof e->id);
	memcpy(b + 16, &e->tag.ts, 8);
	memcpy(b + 24, &e->tag.writer, 8);
	memcpy(b + 32, &e->tag.seq, 4);
	b[36] = e->state;
	return XXH3_64bits(b, sizeof b);
}

void lr_sync_bad(struct lr_sync *y, const struct lr_id *id)
{
	struct fetch *f = find_asked(y, id);

	if (!f)
		return;
	f->tried |= 1u << f->asked;
	f->state = ASK;
	f->at_ms = 0;
}

/* A src that is asked for a single entry is asked again, or the next: as long
 * as it is in the cfg it may have the only intact copy. */
void lr_sync_failed(struct lr_sync *y, uint64_t member, uint64_t now_ms)
{
	int at = lr_cfg_index(&y->cfg, member);

	if (at < 0)
		return;
	if (at == y->from) {
		source_failed(y);
		return;
	}
	for (unsigned i = 0; i < LR_SYNC_WINDOW; i++) {
		struct fetch *f = &y->fetch[i];

		if (f->state != ASKED || f->asked != at)
			continue;
		f->state = ASK;
		f->at_ms = now_ms + AGAIN_MIN_MS;
	}
}

void lr_sync_full(struct lr_sync *y)
{
	y->full = true;
	drop_page(y);
}

static struct lr_sync_act tell(struct lr_sync *y, enum lr_sync_do what)
{
	if (y->told)
		return wait_until(y, 0);
	y->told = true;
	return act(y, what, NO_SOURCE);
}

struct lr_sync_act lr_sync_next(struct lr_sync *y, uint64_t now_ms,
				lr_sync_have have, void *arg)
{
	struct lr_sync_act a;

	if (y->hurt && y->from != NO_SOURCE)
		source_failed(y);
	y->hurt = false;
	for (;;) {
		if (y->full)
			return tell(y, LR_SYNC_FULL);
		if (!y->left)
			return tell(y, LR_SYNC_DONE);
		if (y->from == NO_SOURCE && !choose_source(y, now_ms))
			return wait_until(y, y->at_ms);
		if (y->scanning)
			return wait_until(y, 0);
		if (!y->have_page)
			return scan(y);
		if (step_fetches(y, now_ms, have, arg, &a) ||
		    step_page(y, now_ms, have, arg, &a))
			return a;
		if (fetching(y))
			return wait_until(y, next_ask_ms(y));
		drop_page(y);
		if (!y->more)
			source_done(y);
	}
}
