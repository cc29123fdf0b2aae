/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, newest first. */
#include "tui/view.h"

#include <stdio.h>
#include <stdlib.h>

void tui_view_events(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	size_t n, *rows = tui_model_events(m, &n), at = tui_model_at(m);
	size_t top = tui_model_top(m, h > 1 ? (size_t)(h - 1) : 0);
	char right[200];

	snprintf(right, sizeof right, "%s%s  kind: %s",
		 m->choice[TUI_EVENTS].filter[0] ? "filter: " : "",
		 m->choice[TUI_EVENTS].filter,
		 m->event_kind < 0 ? "all" :
				     lr_event_name((enum lr_event_kind)
							   m->event_kind));
	tui_rule(c, y, "EVENTS", right);
	for (int i = 1; i < h && top + (size_t)i - 1 < n; i++) {
		size_t row = top + (size_t)i - 1;

		tui_event_line(m, &m->events[rows[row]], c, y + i);
		tui_row(m, c, y + i, row, row == at);
	}
	if (!n && h > 1)
		tui_put(c, y + 1, 2, TUI_PLAIN, "nothing happened");
	free(rows);
}
