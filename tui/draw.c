/* SPDX-License-Identifier: Apache-2.0 */
/* The frame: header, the view, footer, and what lies over them. */
#include <stdio.h>
#include <string.h>

#include "tui/ui.h"
#include "tui/view.h"

static void (*const views[TUI_VIEWS])(struct tui_model *m,
				      struct tui_canvas *c, int y, int h) = {
	tui_view_pool,	 tui_view_ids,	  tui_view_people,
	tui_view_events, tui_view_whatif, tui_view_here,
};

/* --- the footer ------------------------------------------------------------------ */

static bool is_shown(const struct tui_ui *u, const struct tui_binding *b)
{
	if (!b->footer[0] || !(b->where & TUI_IN(u->m->view)) ||
	    (b->acts && u->m->readonly))
		return false;
	/* There the rows themselves name the key, and help has its corner. */
	return b->action != TUI_DO_HELP &&
	       !(b->action == TUI_DO_ADMIT && u->m->view == TUI_POOL);
}

static int put_key(const struct tui_ui *u, struct tui_canvas *c, int y, int x,
		   const struct tui_binding *b)
{
	bool view = b->action <= TUI_DO_HERE;
	int at = x;

	x = tui_put(c, y, x, view ? TUI_KEY : TUI_BOLD, b->shown);
	if (!view)
		x++;
	x = tui_put(c, y, x,
		    view && u->m->view == (enum tui_view)(b->action -
							  TUI_DO_POOL) ?
			    TUI_SELECTED :
			    TUI_PLAIN,
		    b->action == TUI_DO_PAUSE && u->m->pool.paused ?
			    "resume heal" :
			    b->footer);
	tui_hot(c, y, at, x - at, b->key, 0);
	return x + (view ? 1 : 2);
}

static void draw_keys(const struct tui_ui *u, struct tui_canvas *c, int y)
{
	int x = 1, end = c->cols - 2;

	for (size_t i = 0, gap = 0; i < tui_n_bindings; i++) {
		const struct tui_binding *b = &tui_bindings[i];
		int w = tui_width(b->shown) + tui_width(b->footer) +
			(b->action > TUI_DO_HERE);

		if (!is_shown(u, b))
			continue;
		if (b->action > TUI_DO_HERE && !gap++)
			x++;
		if (x + w <= end)
			x = put_key(u, c, y, x, b);
	}
	if (c->cols < 20)
		return;
	x = x + 6 <= c->cols ? c->cols - 6 : c->cols - 1;
	tui_put(c, y, x, TUI_BOLD, x < c->cols - 1 ? "? help" : "?");
	tui_hot(c, y, x, 6, '?', 0);
}

static const char *prompt_of(const struct tui_ui *u)
{
	switch (u->asks) {
	case TUI_ASK_SEARCH:
		return "/";
	case TUI_ASK_FILTER:
		return "\\";
	case TUI_ASK_COMMAND:
		return ":";
	case TUI_ASK_RETRIEVE:
		return "retrieve to file: ";
	default:
		return "store file: ";
	}
}

static void draw_footer(const struct tui_ui *u, struct tui_canvas *c, int y)
{
	int x;

	if (u->mode == TUI_PROMPT) {
		x = tui_put(c, y, 0, TUI_BOLD, prompt_of(u));
		x = tui_put(c, y, x, TUI_PLAIN, u->text);
		tui_put(c, y, x < c->cols ? x : c->cols - 1, TUI_SELECTED,
			" ");
	} else if (u->mode == TUI_CONFIRM) {
		x = tui_putf(c, y, 1, TUI_WARN, "%s ", u->question);
		tui_put(c, y, x < c->cols - 5 ? x : c->cols - 5, TUI_BOLD,
			"y / n");
	} else if (u->m->notice[0] &&
		   u->m->now_ms < u->m->notice_ms + 8000) {
		tui_put(c, y, 1, TUI_BOLD, u->m->notice);
	} else {
		draw_keys(u, c, y);
	}
}

/* --- over the view ----------------------------------------------------------------- */

static void draw_help(struct tui_ui *u, struct tui_canvas *c, int y, int h)
{
	size_t n = 0, top;

	tui_rule(c, y, "KEYS", "any other key closes");
	for (size_t i = 0; i < tui_n_bindings; i++)
		n += !(tui_bindings[i].acts && u->m->readonly);
	if (h > 1 && u->output_top + (size_t)h - 1 > n)
		u->output_top = n > (size_t)h - 1 ? n - ((size_t)h - 1) : 0;
	top = u->output_top;
	for (size_t i = 0, row = 0; i < tui_n_bindings; i++) {
		const struct tui_binding *b = &tui_bindings[i];

		if (b->acts && u->m->readonly)
			continue;
		if (row >= top && row - top < (size_t)h - 1) {
			int at = y + 1 + (int)(row - top);

			tui_put(c, at, 2, TUI_KEY, b->shown);
			tui_put(c, at, 12, TUI_PLAIN, b->help);
		}
		row++;
	}
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void draw_output(struct tui_ui *u, struct tui_canvas *c, int y, int h)
{
	const char *at = u->output ? u->output : "";
	size_t n = count_lines(at), room = h > 1 ? (size_t)h - 1 : 1;
	char line[1024];

	tui_rule(c, y, u->title, u->run ? "runs" : "any other key closes");
	if (u->output_top + room > n)
		u->output_top = n > room ? n - room : 0;
	for (size_t i = 0; i < u->output_top && at; i++)
		at = strchr(at, '\n') + 1;
	for (int i = 1; i < h && *at; i++) {
		size_t len = strcspn(at, "\n");

		snprintf(line, sizeof line, "%.*s",
			 (int)(len < 1000 ? len : 1000), at);
		tui_put(c, y + i, 1, TUI_PLAIN, line);
		at += len + (at[len] == '\n');
	}
}

void tui_draw(struct tui_ui *u, struct tui_canvas *c, int rows, int cols)
{
	bool footer = rows >= 4 || (rows >= 2 && u->mode != TUI_LIST);
	int h = rows - 1 - footer;

	tui_canvas_reset(c, rows, cols);
	if (rows < 1 || cols < 1)
		return;
	tui_view_header(u->m, c, 0);
	u->page = h > 2 ? (size_t)h - 2 : 1;
	if (h > 0 && u->mode == TUI_HELP)
		draw_help(u, c, 1, h);
	else if (h > 0 && u->mode == TUI_OUTPUT)
		draw_output(u, c, 1, h);
	else if (h > 0)
		views[u->m->view](u->m, c, 1, h);
	if (footer)
		draw_footer(u, c, rows - 1);
	else if (rows == 1 && u->mode != TUI_LIST)
		draw_footer(u, c, 0);
}
