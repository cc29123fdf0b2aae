/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed at a prompt: while it is, and when it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/ui.h"

void tui_prompt_typed(struct tui_ui *u)
{
	struct tui_model *m = u->m;

	if (u->asks == TUI_ASK_SEARCH) {
		snprintf(u->search, sizeof u->search, "%.127s", u->text);
		m->notice[0] = '\0';
		tui_act_search(u, tui_model_at(m));
	} else if (u->asks == TUI_ASK_FILTER) {
		snprintf(m->choice[m->view].filter, sizeof m->choice[0].filter,
			 "%.127s", u->text);
		m->choice[m->view].top = 0;
		if (m->view == TUI_IDS)
			tui_browse_start(u);
	}
}

static void remember(struct tui_ui *u)
{
	if (u->n_history && !strcmp(u->history[u->n_history - 1], u->text))
		return;
	if (u->n_history == TUI_HISTORY) {
		free(u->history[0]);
		memmove(u->history, u->history + 1,
			--u->n_history * sizeof *u->history);
	}
	u->history[u->n_history++] = tui_must(strdup(u->text));
}

static void run_typed(struct tui_ui *u)
{
	struct tui_args a = tui_args_split(u->text);

	if (!a.n)
		return;
	remember(u);
	if (!strcmp(a.v[0], "lanram") && a.n > 1) {
		free(a.v[0]);
		memmove(a.v, a.v + 1, (size_t)--a.n * sizeof *a.v);
	}
	tui_act_run(u, a);
}

void tui_prompt_done(struct tui_ui *u)
{
	struct tui_object *o;
	char id[LR_ID_TEXT + 1];

	switch (u->asks) {
	case TUI_ASK_COMMAND:
		run_typed(u);
		break;
	case TUI_ASK_STORE:
		if (u->text[0])
			tui_act_run(u, tui_args_of("store", u->text, NULL));
		break;
	case TUI_ASK_RETRIEVE:
		o = tui_model_object_at(u->m);
		if (o && u->text[0])
			tui_act_run(u, tui_args_of("retrieve",
						   tui_object_id(o, id), "-o",
						   u->text, NULL));
		break;
	default:
		break;
	}
}
