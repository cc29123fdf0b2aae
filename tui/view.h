/* SPDX-License-Identifier: Apache-2.0 */
/* Views: the model onto a canvas. They know no network and no terminal. */
#ifndef LR_TUI_VIEW_H
#define LR_TUI_VIEW_H

#include "tui/canvas.h"
#include "tui/model.h"

/* Each draws its rows [y, y + h). */
void tui_view_pool(struct tui_model *m, struct tui_canvas *c, int y, int h);
void tui_view_ids(struct tui_model *m, struct tui_canvas *c, int y, int h);
void tui_view_people(struct tui_model *m, struct tui_canvas *c, int y, int h);
void tui_view_events(struct tui_model *m, struct tui_canvas *c, int y, int h);
void tui_view_whatif(struct tui_model *m, struct tui_canvas *c, int y, int h);
void tui_view_here(struct tui_model *m, struct tui_canvas *c, int y, int h);

/* The first line: pool, epoch, health and why. */
void tui_view_header(struct tui_model *m, struct tui_canvas *c, int y);
/* How many rows the pool's first screen has with all of it (for --once). */
int tui_view_pool_rows(const struct tui_model *m);

/* --- shared by views -------------------------------------------------------- */

const char *tui_state_text(const struct tui_model *m,
			   const struct tui_donor *d, char *out); /* 24 */
enum tui_style tui_state_style(const struct tui_donor *d);
/* "14:02:07", local time. Takes 16. */
char *tui_clock(uint64_t unix_ms, char *out);
void tui_event_line(const struct tui_model *m, const struct lr_event *e,
		    struct tui_canvas *c, int y);
/* A column title that sorts when it is clicked. */
void tui_title(const struct tui_model *m, struct tui_canvas *c, int y, int x,
	       int w, const char *text, bool right, int sort);
/* Marks the chosen row and makes it clickable. */
void tui_row(struct tui_model *m, struct tui_canvas *c, int y, size_t row,
	     bool chosen);
const char *tui_roles(uint8_t roles);
extern const char *const tui_sort_names[TUI_SORTS];

/* Key of a click on the column that sorts by `n`. */
#define TUI_CLICK_SORT(n) (-100 - (n))

#endif
