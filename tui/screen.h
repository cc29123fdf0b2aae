/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal, through ncurses: a canvas goes out, keys come in. Restored on
 * every way out: at close, at exit, and by handlers of deadly signals. */
#ifndef LR_TUI_SCREEN_H
#define LR_TUI_SCREEN_H

#include "tui/canvas.h"

struct tui_input {
	enum { TUI_NO_INPUT, TUI_TYPED, TUI_CLICKED, TUI_WHEELED, TUI_GONE } what;
	int key; /* TYPED: a character or enum tui_key; WHEELED: rows */
	int y, x;
};

/* The terminal can show screens: is one, is known, can move its cursor. */
bool tui_screen_usable(void);
bool tui_screen_open(void);
void tui_screen_close(void);
void tui_screen_size(int *rows, int *cols);
/* Only cells that differ from the last frame are sent. `anew`: all. */
void tui_screen_draw(const struct tui_canvas *c, bool colour, bool anew);
void tui_screen_mouse(bool on);
struct tui_input tui_screen_input(void);
void tui_screen_copy(const char *text); /* OSC 52, where it is understood */
/* "UTF-8" is what the locale speaks. */
bool tui_screen_utf8(void);

#endif
