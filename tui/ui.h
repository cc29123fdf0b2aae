/* SPDX-License-Identifier: Apache-2.0 */
/* Between the keys and the rest: modes, prompts, actions. Knows no terminal:
 * keys come in as numbers, the frame goes out on a canvas. */
#ifndef LR_TUI_UI_H
#define LR_TUI_UI_H

#include "tui/canvas.h"
#include "tui/keys.h"
#include "tui/source.h"
#include "tui/top.h"

enum tui_mode {
	TUI_LIST,
	TUI_PROMPT,
	TUI_CONFIRM,
	TUI_HELP,
	TUI_OUTPUT,
};

enum tui_asks { /* what a prompt is for */
	TUI_ASK_SEARCH,
	TUI_ASK_FILTER,
	TUI_ASK_COMMAND,
	TUI_ASK_RETRIEVE,
	TUI_ASK_STORE,
};

#define TUI_ARGS 24
#define TUI_HISTORY 50

struct tui_args { /* of a lanram command */
	int n;
	char *v[TUI_ARGS + 1];
};

struct tui_run; /* a command that runs */

struct tui_ui {
	struct tui_model *m;
	struct tui_source *src;
	uv_loop_t *loop;
	const struct tui_options *o;
	enum tui_mode mode;
	enum tui_asks asks;
	char text[512]; /* of the prompt */
	char before[128]; /* the filter, if it is given up */
	char search[128];
	char *history[TUI_HISTORY];
	size_t n_history, at_history;
	char question[256];
	struct tui_args then; /* if yes */
	char title[128];
	char *output; /* shown; malloc'ed */
	size_t output_top;
	struct tui_run *run;
	size_t page; /* rows of the list as drawn last */
	/* browse.c */
	uint64_t asked_ms, listed_ms, listed_state, counted_ms, counted_objects;
	uint64_t copies_ms;
	bool quit, redraw, mouse, colour;
	bool changed; /* draw again */
	void (*copy_cb)(const char *text);
};

void tui_ui_init(struct tui_ui *u, struct tui_model *m,
		 struct tui_source *src, uv_loop_t *loop,
		 const struct tui_options *o);
void tui_ui_done(struct tui_ui *u);
void tui_ui_key(struct tui_ui *u, int key);
void tui_ui_click(struct tui_ui *u, const struct tui_canvas *c, int y, int x);
void tui_ui_wheel(struct tui_ui *u, int rows);
/* Now and then: pages that are due, what runs. */
void tui_ui_tick(struct tui_ui *u);

/* draw.c: the whole frame; c is reset to that size. */
void tui_draw(struct tui_ui *u, struct tui_canvas *c, int rows, int cols);

/* act.c: what keys do. */
void tui_act(struct tui_ui *u, enum tui_action a);
/* Runs a command, whose arguments it frees; its output is shown. */
void tui_act_run(struct tui_ui *u, struct tui_args args);
void tui_act_search(struct tui_ui *u, size_t from); /* the next match */
/* prompt.c */
void tui_prompt_done(struct tui_ui *u);	 /* Enter in a prompt */
void tui_prompt_typed(struct tui_ui *u); /* its text changed */
/* args.c */
struct tui_args tui_args_of(const char *first, ...); /* NULL ends the list */
/* Words; 'quotes' and "quotes" keep blanks. */
struct tui_args tui_args_split(const char *text);
void tui_args_done(struct tui_args *a);
/* browse.c: the list of objects, from its beginning, by the filter; to one of
 * its ends; to the next match; what is due. */
void tui_browse_start(struct tui_ui *u);
void tui_browse_end(struct tui_ui *u, bool last);
void tui_browse_find(struct tui_ui *u, size_t row);
void tui_browse_stop(struct tui_ui *u);
void tui_browse_tick(struct tui_ui *u);
/* complete.c: the word at the end of the command. */
void tui_complete(struct tui_ui *u);
/* run.c: a child process of ours. */
void tui_run_start(struct tui_ui *u, const struct tui_args *args);
void tui_run_stop(struct tui_ui *u);

#endif
