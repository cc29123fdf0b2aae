/* SPDX-License-Identifier: Apache-2.0 */
/* A grid of characters with styles: what views draw on. It knows no terminal;
 * screen.c puts it on one, --once prints it. All drawing is clipped. */
#ifndef LR_TUI_CANVAS_H
#define LR_TUI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <wchar.h>

enum tui_style {
	TUI_PLAIN,
	TUI_BOLD,
	TUI_GOOD,
	TUI_WARN,
	TUI_BAD,
	TUI_HEAD,     /* column titles, the header and the footer */
	TUI_SELECTED, /* the row that keys act on */
	TUI_KEY,      /* names of keys */
	TUI_STYLES
};

struct tui_cell {
	wchar_t ch; /* 0: the right half of a wide one */
	uint8_t style;
};

struct tui_hot { /* where a click means a key */
	int y, x, w;
	int key;
	unsigned row; /* or the nth row of the list, key 0 */
};

#define TUI_HOT_MAX 160

struct tui_canvas { /* all zero: none */
	int rows, cols;
	bool utf8; /* else ASCII alone */
	struct tui_cell *cells;
	struct tui_hot hot[TUI_HOT_MAX];
	size_t n_hot;
};

/* Blank, of that size. Out of memory ends the program. */
void tui_canvas_reset(struct tui_canvas *c, int rows, int cols);
void tui_canvas_done(struct tui_canvas *c);

/* Returns the column after it. What cannot be shown becomes '?'. */
int tui_put(struct tui_canvas *c, int y, int x, enum tui_style style,
	    const char *text);
__attribute__((format(printf, 5, 6))) int
tui_putf(struct tui_canvas *c, int y, int x, enum tui_style style,
	 const char *fmt, ...);
/* In exactly `w` columns: cut, or filled with blanks. */
int tui_cell(struct tui_canvas *c, int y, int x, int w, enum tui_style style,
	     const char *text);
int tui_cell_right(struct tui_canvas *c, int y, int x, int w,
		   enum tui_style style, const char *text);
/* The whole row from x on takes the style. */
void tui_paint(struct tui_canvas *c, int y, int x, int w,
	       enum tui_style style);
/* "--TITLE------right-": a line across. */
void tui_rule(struct tui_canvas *c, int y, const char *title,
	      const char *right);
/* "[####....]" in w columns; part / whole, clipped to 0..1. */
int tui_bar(struct tui_canvas *c, int y, int x, int w, enum tui_style style,
	    double part);
/* The last w values, each as high as its share of the highest. */
int tui_spark(struct tui_canvas *c, int y, int x, int w, const double *v,
	      size_t n);
void tui_hot(struct tui_canvas *c, int y, int x, int w, int key, unsigned row);
int tui_width(const char *text); /* in columns */

/* Lines without blanks at their ends; nothing but text. */
void tui_canvas_print(const struct tui_canvas *c, FILE *out);

/* "5.5G", "0.7G", "180K", "12B": at most 5 characters. `out` takes 16. */
char *tui_bytes(uint64_t bytes, char *out);
char *tui_count(uint64_t n, char *out); /* "1,208"; takes 32 */
char *tui_us(uint32_t us, char *out);	/* "24u", "1.2m", "-" for 0; 16 */
char *tui_span(uint64_t ms, char *out); /* "4s", "3m", "5h", "2d"; 16 */

#endif
