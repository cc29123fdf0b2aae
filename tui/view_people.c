/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants in, with codes, and who is in. */
#include "tui/view.h"

static void draw_pending(const struct tui_model *m,
			 const struct tui_pending *p, struct tui_canvas *c,
			 int y)
{
	char span[16];

	tui_cell(c, y, 2, 16, TUI_BOLD, p->name);
	tui_cell(c, y, 19, 10, TUI_WARN, "wants in");
	tui_cell(c, y, 30, 16, TUI_PLAIN, tui_roles(p->roles));
	tui_cell_right(c, y, 46, 5, TUI_PLAIN,
		       tui_span(m->now_ms > p->since_ms ?
					m->now_ms - p->since_ms :
					0,
				span));
	tui_put(c, y, 53, TUI_BOLD, p->code);
}

static const struct tui_donor *donor_of(const struct tui_model *m,
					const struct lr_dev *dev)
{
	for (size_t i = 0; i < m->n_donors; i++)
		if (lr_dev_eq(&m->donors[i].dev, dev))
			return &m->donors[i];
	return NULL;
}

static void draw_device(const struct tui_model *m, const struct tui_device *p,
			struct tui_canvas *c, int y)
{
	const struct tui_donor *d = donor_of(m, &p->dev);
	char state[24], span[16], id[LR_DEV_TEXT + 1];

	tui_cell(c, y, 2, 16, TUI_BOLD, p->name);
	tui_cell(c, y, 19, 10, d ? tui_state_style(d) : TUI_PLAIN,
		 d ? tui_state_text(m, d, state) : "admitted");
	tui_cell(c, y, 30, 16, TUI_PLAIN, tui_roles(p->roles));
	if (d)
		tui_cell_right(c, y, 46, 5, TUI_PLAIN,
			       tui_span(m->now_ms > d->since_ms ?
						m->now_ms - d->since_ms :
						0,
					span));
	lr_dev_format(&p->dev, id);
	id[10] = '\0';
	tui_putf(c, y, 53, TUI_PLAIN, "%s  %s", id, d ? d->address : "");
}

void tui_view_people(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	size_t n = m->n_pending + m->n_devices, at = tui_model_at(m);
	size_t top = tui_model_top(m, h > 2 ? (size_t)(h - 2) : 0);

	tui_rule(c, y, "PEOPLE",
		 m->n_pending && !m->readonly ? "a admits  x refuses" : "");
	if (h > 1)
		tui_putf(c, y + 1, 2, TUI_BOLD, "%-16s %-10s %-15s %5s  %s",
			 "NAME", "STATE", "ROLES", "SINCE",
			 "CODE, OR ID AND ADDRESS");
	for (int i = 2; i < h && top + (size_t)i - 2 < n; i++) {
		size_t row = top + (size_t)i - 2;

		if (row < m->n_pending)
			draw_pending(m, &m->pending[row], c, y + i);
		else
			draw_device(m, &m->devices[row - m->n_pending], c,
				    y + i);
		tui_row(m, c, y + i, row, row == at);
	}
	if (!n && h > 2)
		tui_put(c, y + 2, 2, TUI_PLAIN, "nobody so far");
}
