/* SPDX-License-Identifier: Apache-2.0 */
/* What if the marked machines went now. */
#include "tui/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void advise(const struct tui_model *m, char *out, size_t cap)
{
	const struct lr_msg_whatif_r *w = &m->whatif;
	char a[16], b[16];
	struct lr_progress_now now;

	lr_progress_show(&m->progress, m->now_ms, &now);
	if (!w->donors_left)
		snprintf(out, cap, "Nobody would be left");
	else if (w->lost && now.active)
		snprintf(out, cap, "First: wait, the pool is %u%% healed",
			 now.percent);
	else if (w->lost)
		snprintf(out, cap, "First: drain one of them (d), wait until "
			 "it is drained, then the next");
	else if (!w->fits)
		snprintf(out, cap, "First: lend more elsewhere: %s to copy, "
			 "%s free", tui_bytes(w->copy_bytes, a),
			 tui_bytes(w->room_bytes, b));
	else if (w->short_)
		snprintf(out, cap, "They may go; drained first (d), no slot "
			 "is ever short");
	else
		snprintf(out, cap, "They may go: nothing is missing then");
}

static void draw_answer(const struct tui_model *m, struct tui_canvas *c, int y,
			int h)
{
	const struct lr_msg_whatif_r *w = &m->whatif;
	char a[32], b[32], d[32], text[160];
	int x;

	if (!m->whatif_known) {
		tui_put(c, y, 2, TUI_PLAIN, "asking ...");
		return;
	}
	x = tui_putf(c, y, 2, TUI_PLAIN, "Readable %s slots   ",
		     tui_count(w->readable, a));
	x = tui_putf(c, y, x, w->short_ ? TUI_WARN : TUI_PLAIN, "short %s   ",
		     tui_count(w->short_, b));
	tui_putf(c, y, x, w->lost ? TUI_BAD : TUI_GOOD, "lost %s (%s)",
		 tui_count(w->lost, d), tui_bytes(w->lost_bytes, text));
	if (h < 2)
		return;
	x = tui_putf(c, y + 1, 2, TUI_PLAIN, "To copy  %s   free at the %u "
		     "donors left %s   ", tui_bytes(w->copy_bytes, a),
		     w->donors_left, tui_bytes(w->room_bytes, b));
	tui_put(c, y + 1, x, w->fits ? TUI_GOOD : TUI_BAD,
		!w->donors_left ? "" :
		w->fits		? "there is room" :
				  "NO ROOM to rebuild");
	advise(m, text, sizeof text);
	if (h > 2)
		tui_put(c, y + 2, 2, TUI_BOLD, text);
}

void tui_view_whatif(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	size_t n, *rows = tui_model_sorted(m, &n), at = tui_model_at(m), top;
	uint64_t incs[1];
	bool any = tui_model_marked(m, incs, 1) > 0;
	int list = h > 6 ? h - 5 : h;
	char text[24], a[16], b[32];

	tui_rule(c, y, "WHAT IF THESE WENT NOW?", "Space marks");
	top = tui_model_top(m, list > 1 ? (size_t)(list - 1) : 0);
	for (int i = 1; i < list && top + (size_t)i - 1 < n; i++) {
		size_t row = top + (size_t)i - 1;
		const struct tui_donor *d = &m->donors[rows[row]];

		tui_put(c, y + i, 2, d->marked ? TUI_BAD : TUI_PLAIN,
			d->marked ? "[x]" : "[ ]");
		tui_cell(c, y + i, 6, 16, TUI_BOLD, d->name);
		tui_cell(c, y + i, 23, 10, tui_state_style(d),
			 tui_state_text(m, d, text));
		tui_putf(c, y + i, 34, TUI_PLAIN, "holds %-6s alone: %s slots",
			 tui_bytes(d->held, a), tui_count(d->slots_lost, b));
		tui_row(m, c, y + i, row, row == at);
	}
	free(rows);
	if (list == h)
		return;
	tui_rule(c, y + list, "THEN", "");
	if (any)
		draw_answer(m, c, y + list + 1, h - list - 1);
	else
		tui_put(c, y + list + 1, 2, TUI_PLAIN,
			"Mark machines with Space.");
}
