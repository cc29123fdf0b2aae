/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to actions, by mode. */
#include "tui/ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view.h"

#define COPIES_MS 1000 /* how often an open object is asked for */

const struct tui_binding tui_bindings[] = {
#define BINDING(action, key, or_key, shown, footer, where, acts, help) \
	{ TUI_DO_##action, key,	 or_key, shown,                        \
	  footer,	   where, acts,	 help },
	TUI_KEYS(BINDING)
#undef BINDING
};
const size_t tui_n_bindings = sizeof tui_bindings / sizeof *tui_bindings;

static void answered_cb(void *arg)
{
	tui_browse_tick(arg);
}

void tui_ui_init(struct tui_ui *u, struct tui_model *m,
		 struct tui_source *src, uv_loop_t *loop,
		 const struct tui_options *o)
{
	memset(u, 0, sizeof *u);
	u->m = m;
	u->src = src;
	u->loop = loop;
	u->o = o;
	u->mouse = !o->no_mouse;
	u->colour = true;
	u->changed = true;
	m->readonly = o->readonly;
	src->answered_cb = answered_cb;
	src->arg = u;
}

void tui_ui_done(struct tui_ui *u)
{
	tui_run_stop(u);
	tui_args_done(&u->then);
	free(u->output);
	for (size_t i = 0; i < u->n_history; i++)
		free(u->history[i]);
}

/* --- the prompt ------------------------------------------------------------- */

static void type_char(struct tui_ui *u, int key)
{
	size_t n = strlen(u->text);
	uint32_t c = (uint32_t)key;

	if (n + 5 > sizeof u->text || key < 0x20 || key == 0x7f)
		return;
	if (c < 0x80) {
		u->text[n++] = (char)c;
	} else if (c < 0x800) {
		u->text[n++] = (char)(0xc0 | c >> 6);
		u->text[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		u->text[n++] = (char)(0xe0 | c >> 12);
		u->text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		u->text[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		u->text[n++] = (char)(0xf0 | c >> 18);
		u->text[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		u->text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		u->text[n++] = (char)(0x80 | (c & 0x3f));
	}
	u->text[n] = '\0';
}

static void rub_out(struct tui_ui *u)
{
	size_t n = strlen(u->text);

	while (n && ((unsigned char)u->text[--n] & 0xc0) == 0x80)
		;
	u->text[n] = '\0';
}

static void recall(struct tui_ui *u, bool older)
{
	if (u->asks != TUI_ASK_COMMAND)
		return;
	if (older && u->at_history > 0)
		u->at_history--;
	else if (!older && u->at_history < u->n_history)
		u->at_history++;
	snprintf(u->text, sizeof u->text, "%s",
		 u->at_history < u->n_history ? u->history[u->at_history] :
						"");
}

static void give_up(struct tui_ui *u)
{
	u->mode = TUI_LIST;
	if (u->asks == TUI_ASK_FILTER) {
		snprintf(u->m->choice[u->m->view].filter,
			 sizeof u->m->choice[0].filter, "%s", u->before);
		if (u->m->view == TUI_IDS)
			tui_browse_start(u);
	}
}

static void prompt_key(struct tui_ui *u, int key)
{
	switch (key) {
	case TUI_K_ESC:
		give_up(u);
		return;
	case TUI_K_ENTER:
		u->mode = TUI_LIST;
		tui_prompt_done(u);
		return;
	case TUI_K_BACKSPACE:
		if (!u->text[0]) {
			give_up(u);
			return;
		}
		rub_out(u);
		break;
	case 21: /* Ctrl-U */
		u->text[0] = '\0';
		break;
	case TUI_K_UP:
	case TUI_K_DOWN:
		recall(u, key == TUI_K_UP);
		return;
	case TUI_K_TAB:
		if (u->asks == TUI_ASK_COMMAND)
			tui_complete(u);
		return;
	default:
		if (key < TUI_K_UP)
			type_char(u, key);
		break;
	}
	tui_prompt_typed(u);
}

/* --- other modes ------------------------------------------------------------- */

static void confirm_key(struct tui_ui *u, int key)
{
	struct tui_args args = u->then;

	memset(&u->then, 0, sizeof u->then);
	u->mode = TUI_LIST;
	if (key == 'y' || key == 'Y') {
		tui_act_run(u, args);
	} else {
		tui_model_notice(u->m, "nothing was done");
		tui_args_done(&args);
	}
}

/* Help and output are read alike. */
static void page_key(struct tui_ui *u, int key)
{
	size_t page = u->page > 1 ? u->page - 1 : 1;

	switch (key) {
	case TUI_K_UP:
	case 'k':
		u->output_top -= u->output_top > 0;
		break;
	case TUI_K_DOWN:
	case 'j':
		u->output_top++;
		break;
	case TUI_K_PGUP:
		u->output_top -= u->output_top < page ? u->output_top : page;
		break;
	case TUI_K_PGDN:
	case ' ':
		u->output_top += page;
		break;
	case TUI_K_HOME:
	case 'g':
		u->output_top = 0;
		break;
	case 12:
		u->redraw = true;
		break;
	default:
		u->mode = TUI_LIST;
		break;
	}
}

static enum tui_action action_of(const struct tui_ui *u, int key)
{
	for (size_t i = 0; i < tui_n_bindings; i++) {
		const struct tui_binding *b = &tui_bindings[i];

		if (key != b->key && (!b->or_key || key != b->or_key))
			continue;
		if (!(b->where & TUI_IN(u->m->view)))
			continue;
		return b->acts && u->m->readonly ? TUI_DO_NOTHING : b->action;
	}
	return TUI_DO_NOTHING;
}

void tui_ui_key(struct tui_ui *u, int key)
{
	u->changed = true;
	switch (u->mode) {
	case TUI_PROMPT:
		prompt_key(u, key);
		break;
	case TUI_CONFIRM:
		confirm_key(u, key);
		break;
	case TUI_HELP:
	case TUI_OUTPUT:
		page_key(u, key);
		break;
	case TUI_LIST:
		tui_act(u, action_of(u, key));
		break;
	}
}

static void click_sort(struct tui_ui *u, enum tui_sort sort)
{
	if (u->m->sort == sort)
		u->m->reverse = !u->m->reverse;
	u->m->sort = sort;
}

void tui_ui_click(struct tui_ui *u, const struct tui_canvas *c, int y, int x)
{
	u->changed = true;
	for (size_t i = c->n_hot; i-- > 0;) {
		const struct tui_hot *h = &c->hot[i];

		if (h->y != y || x < h->x || x >= h->x + h->w)
			continue;
		if (u->mode != TUI_LIST)
			u->mode = u->mode == TUI_PROMPT ? TUI_PROMPT :
							  TUI_LIST;
		else if (h->key == 0)
			tui_model_go(u->m, h->row);
		else if (h->key <= TUI_CLICK_SORT(0))
			click_sort(u, (enum tui_sort)(-100 - h->key));
		else
			tui_ui_key(u, h->key);
		return;
	}
}

void tui_ui_wheel(struct tui_ui *u, int rows)
{
	size_t at = tui_model_at(u->m);

	u->changed = true;
	if (u->mode == TUI_LIST)
		tui_model_go(u->m, rows < 0 && at < (size_t)-rows ?
					   0 :
					   at + (size_t)rows);
}

/* --- now and then ---------------------------------------------------------------- */

void tui_ui_tick(struct tui_ui *u)
{
	struct tui_model *m = u->m;

	tui_browse_tick(u);
	if (m->open && !m->frozen && m->now_ms >= u->copies_ms + COPIES_MS) {
		u->copies_ms = m->now_ms;
		u->src->ops->copies(u->src, &m->open_id);
	}
}
