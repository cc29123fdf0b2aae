/* SPDX-License-Identifier: Apache-2.0 */
/* When pieces of the list of objects are asked for: one at a time, whenever
 * the chosen row comes near an end of what is there; and their number, in the
 * background. */
#include <string.h>
#include <stdio.h>

#include "tui/ui.h"

#define NEAR	   200 /* rows that stand ready on either side */
#define PAGE	   500
#define AGAIN	   100
#define AGAIN_MS   1000
#define RECOUNT_MS 5000
#define FAILED_MS  2000

/* What is typed stands for itself anywhere in the name, but an ID's beginning
 * or a pattern is one. */
static void pattern_of(const char *text, char *out, size_t cap)
{
	struct lr_prefix p;

	if (!text[0] || lr_prefix_parse(text, &p) || strpbrk(text, "*?["))
		snprintf(out, cap, "%s", text);
	else
		snprintf(out, cap, "*%s*", text);
}

/* `from` NULL: from the end that it begins at. */
static void ask(struct tui_ui *u, enum tui_rows what, const struct lr_id *from,
		unsigned most)
{
	struct tui_list *l = &u->m->list;
	struct tui_browse b = { .what = what,
				.turn = l->turn,
				.first = !from,
				.most = (uint16_t)most };

	if (from)
		b.from = *from;
	pattern_of(u->m->choice[TUI_IDS].filter, b.pattern, sizeof b.pattern);
	if (what == TUI_ROWS_FIND)
		pattern_of(u->search, b.find, sizeof b.find);
	if (what == TUI_ROWS_COUNT)
		l->count_asked = true;
	else
		l->asked = true;
	u->asked_ms = u->m->now_ms;
	u->src->ops->browse(u->src, &b);
}

/* A number that grows or falls with what the rows show. */
static uint64_t state_of(const struct tui_pool *p)
{
	return p->objects * 31 + p->epoch * 1000003 + p->short_ +
	       ((uint64_t)p->lost << 32) + p->donors_up * 7;
}

static void jump(struct tui_ui *u, enum tui_rows what)
{
	struct tui_list *l = &u->m->list;

	l->turn++;
	l->asked = l->count_asked = l->finding = false;
	u->listed_ms = u->m->now_ms;
	u->listed_state = state_of(&u->m->pool);
	ask(u, what, NULL, PAGE);
}

static void count_anew(struct tui_ui *u)
{
	u->counted_ms = u->m->now_ms;
	u->counted_objects = u->m->pool.objects;
	u->m->list.counting = 0;
	ask(u, TUI_ROWS_COUNT, NULL, 0);
}

void tui_browse_start(struct tui_ui *u)
{
	jump(u, TUI_ROWS_FIRST);
	u->m->list.counted = false;
	u->m->list.matches = 0;
	count_anew(u);
}

/* The first row, or the last, wherever that is. */
void tui_browse_end(struct tui_ui *u, bool last)
{
	struct tui_list *l = &u->m->list;

	if (last ? l->more_after : l->more_before) {
		jump(u, last ? TUI_ROWS_LAST : TUI_ROWS_FIRST);
		u->m->choice[TUI_IDS].any = false;
	} else {
		tui_model_go(u->m, last && l->n ? l->n - 1 : 0);
	}
}

/* What was looked for is no longer wanted. */
void tui_browse_stop(struct tui_ui *u)
{
	struct tui_list *l = &u->m->list;

	if (!l->finding)
		return;
	l->turn++;
	l->asked = l->count_asked = l->finding = false;
}

/* The next row that matches, behind `row`; round the end, too. */
void tui_browse_find(struct tui_ui *u, size_t row)
{
	struct tui_list *l = &u->m->list;

	l->turn++;
	l->asked = l->count_asked = false;
	l->finding = true;
	l->wrapped = l->not_found = false;
	memset(&l->find_at, 0, sizeof l->find_at);
	if (row < l->n)
		l->find_at = tui_rows_after(&l->row[row]);
	ask(u, TUI_ROWS_FIND, &l->find_at, 1);
}

static void ask_again(struct tui_ui *u)
{
	struct tui_list *l = &u->m->list;
	size_t top = u->m->choice[TUI_IDS].top;
	const struct lr_id *from = NULL;
	struct lr_id above;

	u->listed_ms = u->m->now_ms;
	u->listed_state = state_of(&u->m->pool);
	if (top && top <= l->n) {
		above = tui_rows_after(&l->row[top - 1]);
		from = &above;
	} else if (l->more_before) {
		from = &l->before;
	}
	ask(u, TUI_ROWS_AGAIN, from, AGAIN);
}

static void tick_rows(struct tui_ui *u, uint64_t now)
{
	struct tui_list *l = &u->m->list;
	size_t at = tui_model_at(u->m);

	if (l->stale) {
		l->stale = false;
		tui_browse_start(u);
	} else if (l->finding) {
		ask(u, TUI_ROWS_FIND, &l->find_at, 1);
	} else if (l->more_after && at + NEAR > l->n) {
		ask(u, TUI_ROWS_AFTER, &l->after, PAGE);
	} else if (l->more_before && at < NEAR) {
		ask(u, TUI_ROWS_BEFORE, &l->before, PAGE);
	} else if (state_of(&u->m->pool) != u->listed_state &&
		   now >= u->listed_ms + AGAIN_MS) {
		ask_again(u);
	}
}

static void tick_count(struct tui_ui *u, uint64_t now)
{
	struct tui_list *l = &u->m->list;

	if (!l->counted || l->counting)
		ask(u, TUI_ROWS_COUNT, &l->count_at, 0);
	else if (u->counted_objects != u->m->pool.objects &&
		 now >= u->counted_ms + RECOUNT_MS)
		count_anew(u);
}

void tui_browse_tick(struct tui_ui *u)
{
	struct tui_model *m = u->m;
	uint64_t now = m->now_ms;

	if (m->view != TUI_IDS || m->frozen)
		return;
	if (m->list.trouble[0] && now < u->asked_ms + FAILED_MS)
		return;
	if (m->list.not_found) {
		m->list.not_found = false;
		tui_model_notice(m, "not found");
	}
	if (!m->list.asked)
		tick_rows(u, now);
	if (!m->list.count_asked)
		tick_count(u, now);
}
