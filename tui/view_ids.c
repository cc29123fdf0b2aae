/* SPDX-License-Identifier: Apache-2.0 */
/* Stored objects, a window of them, and one of them live. */
#include "tui/view.h"

#include <stdio.h>
#include <string.h>

static void draw_titles(struct tui_canvas *c, int y, int name)
{
	tui_cell(c, y, 2, 8, TUI_BOLD, "ID");
	tui_cell(c, y, 11, name, TUI_BOLD, "NAME");
	tui_cell_right(c, y, 11 + name, 6, TUI_BOLD, "SIZE");
	tui_cell_right(c, y, 17 + name, 7, TUI_BOLD, "COPIES");
	tui_cell_right(c, y, 24 + name, 6, TUI_BOLD, "AGE");
	tui_cell(c, y, 32 + name, 10, TUI_BOLD, "OWNER");
	tui_put(c, y, 43 + name, TUI_BOLD, "WHERE");
}

static void draw_object(const struct tui_model *m, const struct tui_object *o,
			struct tui_canvas *c, int y, int name)
{
	char id[LR_ID_TEXT + 1], a[16], copies[24];
	enum tui_style style = o->state == LR_OBJECT_LOST ? TUI_BAD :
			       o->copies < o->wanted	  ? TUI_WARN :
							    TUI_PLAIN;

	lr_id_format(&o->id, id);
	id[8] = '\0';
	tui_cell(c, y, 2, 8, TUI_PLAIN, id);
	tui_cell(c, y, 11, name - 1, TUI_BOLD, o->name);
	tui_cell_right(c, y, 11 + name, 6, TUI_PLAIN, tui_bytes(o->size, a));
	if (o->state == LR_OBJECT_LOST)
		strcpy(copies, "LOST");
	else
		snprintf(copies, sizeof copies, "%u/%u", o->copies, o->wanted);
	tui_cell_right(c, y, 17 + name, 7, style, copies);
	tui_cell_right(c, y, 24 + name, 6, TUI_PLAIN,
		       tui_span(m->now_ms > o->created_ms ?
					m->now_ms - o->created_ms :
					0,
				a));
	tui_cell(c, y, 32 + name, 10, TUI_PLAIN, o->owner);
	tui_put(c, y, 43 + name, TUI_PLAIN,
		o->size > LR_VALUE_MAX ? "chunks on many" : o->donors);
}

/* What the donor lacks of what it should have is not there, whatever the
 * coordinator thinks. */
static void draw_copy(const struct tui_model *m, const struct tui_copy *p,
		      struct tui_canvas *c, int y)
{
	uint64_t there = p->heard && p->there < p->synced ? p->there :
							    p->synced;
	char a[32], b[32], us[16], span[16], ago[24] = "-";

	if (p->heard && p->there)
		snprintf(ago, sizeof ago, "%s ago",
			 tui_span(m->now_ms > p->verified_ms ?
					  m->now_ms - p->verified_ms :
					  0,
				  span));
	tui_cell(c, y, 4, 16, TUI_BOLD, p->name);
	tui_cell(c, y, 21, 8, p->up ? TUI_GOOD : TUI_BAD,
		 p->up ? "up" : "away");
	tui_cell_right(c, y, 30, 10, TUI_PLAIN, tui_count(p->entries, a));
	tui_cell_right(c, y, 41, 10,
		       there < p->entries ? TUI_WARN : TUI_PLAIN,
		       tui_count(there, b));
	tui_cell_right(c, y, 52, 10, TUI_PLAIN, ago);
	tui_cell_right(c, y, 63, 10, TUI_PLAIN,
		       tui_us(p->heard ? p->trip_us : 0, us));
}

static void draw_open(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	char id[LR_ID_TEXT + 1], title[64], n[32];

	lr_id_format(&m->open_id, id);
	if (m->open_cut)
		id[LR_CUT_TEXT] = '\0';
	snprintf(title, sizeof title, "ID %s", id);
	tui_rule(c, y, title, "Esc closes");
	tui_putf(c, y + 1, 4, TUI_BOLD, "%-16s %-8s %10s %10s %10s %10s",
		 "DONOR", "STATE", "PIECES", "SYNCED", "VERIFIED",
		 "FROM HERE");
	for (int i = 0; i + 2 < h && (size_t)i < m->n_copies; i++)
		draw_copy(m, &m->copies[i], c, y + 2 + i);
	if (!m->n_copies && h > 2)
		tui_put(c, y + 2, 4, TUI_PLAIN, "asking ...");
	else if (h > (int)m->n_copies + 2)
		tui_putf(c, y + 2 + (int)m->n_copies, 4, TUI_PLAIN,
			 "%s pieces in all (manifest and chunks)",
			 tui_count(m->copies_entries, n));
}

static void tell_empty(struct tui_model *m, struct tui_canvas *c, int y)
{
	tui_put(c, y, 2, TUI_PLAIN,
		m->list.trouble[0]		? m->list.trouble :
		m->list.asked || !m->ever	? "asking ..." :
		m->choice[TUI_IDS].filter[0]	? "nothing of that name or ID" :
						  "nothing is stored: S stores "
						  "a file");
}

void tui_view_ids(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	int name = c->cols - 60 > 12 ? c->cols - 60 : 12;
	int detail = m->open ? (h > 12 ? (int)m->n_copies + 4 : h / 2) : 0;
	size_t top, at = tui_model_at(m);
	char right[200], a[32], b[32];

	if (detail > h / 2)
		detail = h / 2;
	snprintf(right, sizeof right, "%s%s%s%s%s of %s",
		 m->choice[TUI_IDS].filter[0] ? "filter: " : "",
		 m->choice[TUI_IDS].filter,
		 m->choice[TUI_IDS].filter[0] ? "  " : "",
		 tui_count(m->list.matches, a), m->list.counted ? "" : "+",
		 tui_count(m->pool.objects, b));
	tui_rule(c, y, "IDS", right);
	if (h > 1)
		draw_titles(c, y + 1, name);
	h -= detail;
	if (!m->list.n && h > 2)
		tell_empty(m, c, y + 2);
	top = tui_model_top(m, h > 2 ? (size_t)(h - 2) : 0);
	for (int i = 2; i < h && top + (size_t)i - 2 < m->list.n; i++) {
		size_t row = top + (size_t)i - 2;

		draw_object(m, &m->list.row[row], c, y + i, name);
		tui_row(m, c, y + i, row, row == at);
	}
	if (detail > 1)
		draw_open(m, c, y + h, detail);
}
