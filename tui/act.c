/* SPDX-License-Identifier: Apache-2.0 */
/* What keys do. Whatever changes the pool is a lanram command, run by a child
 * process (or by the simulated pool), and asked about first where it matters.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tui/ui.h"

#define LEND_STEP (512ull << 20)

static void run(struct tui_ui *u, const struct tui_args *args)
{
	static char no_wait[] = "--no-wait"; /* the dashboard shows how far */
	struct tui_args a = *args;
	char out[256];

	if (!args->n)
		return;
	if (u->src->ops->command(u->src, args->n, (char **)args->v, out,
				 sizeof out)) {
		tui_model_notice(u->m, out);
		return;
	}
	if (!strcmp(a.v[0], "drain") && a.n < TUI_ARGS)
		a.v[a.n++] = no_wait;
	tui_run_start(u, &a);
}

void tui_act_run(struct tui_ui *u, struct tui_args args)
{
	run(u, &args);
	tui_args_done(&args);
}

__attribute__((format(printf, 3, 4))) static void
ask(struct tui_ui *u, struct tui_args then, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(u->question, sizeof u->question, fmt, ap);
	va_end(ap);
	tui_args_done(&u->then);
	u->then = then;
	u->mode = TUI_CONFIRM;
}

static void prompt(struct tui_ui *u, enum tui_asks what, const char *text)
{
	u->mode = TUI_PROMPT;
	u->asks = what;
	snprintf(u->text, sizeof u->text, "%s", text);
	u->at_history = u->n_history;
}

/* --- donors and devices --------------------------------------------------- */

static const char *dev_text(const struct lr_dev *dev, char *out)
{
	return lr_dev_format(dev, out);
}

static void act_pending(struct tui_ui *u, enum tui_action a)
{
	struct tui_pending *p = tui_model_pending_at(u->m);

	if (!p && u->m->n_pending == 1)
		p = &u->m->pending[0];
	if (!p) {
		tui_model_notice(u->m, "choose a device that wants in");
		return;
	}
	if (a == TUI_DO_ADMIT)
		ask(u, tui_args_of("admit", p->code, NULL),
		    "Let %s in? Its screen must show %s", p->name, p->code);
	else
		ask(u, tui_args_of("refuse", p->code, NULL), "Refuse %s?",
		    p->name);
}

static void act_donor(struct tui_ui *u, enum tui_action a)
{
	struct tui_donor *d = tui_model_donor_at(u->m);
	char dev[LR_DEV_TEXT + 1], bytes[16];

	if (!d) {
		tui_model_notice(u->m, "choose a donor first");
		return;
	}
	dev_text(&d->dev, dev);
	switch (a) {
	case TUI_DO_DRAIN:
		ask(u, tui_args_of("drain", dev, NULL), "Move %s off %s?",
		    tui_bytes(d->held, bytes), d->name);
		break;
	case TUI_DO_UNDO:
		tui_act_run(u, tui_args_of("drain", dev, "--undo", NULL));
		break;
	default:
		ask(u, tui_args_of("forget", dev, NULL),
		    "Forget %s? What is on it alone is lost for good", d->name);
		break;
	}
}

static void act_revoke(struct tui_ui *u, enum tui_action a)
{
	struct tui_device *d = tui_model_device_at(u->m);
	char dev[LR_DEV_TEXT + 1];

	(void)a;
	if (d)
		ask(u, tui_args_of("revoke", dev_text(&d->dev, dev), NULL),
		    "Revoke %s? Its links are closed, its data is dropped",
		    d->name);
	else
		tui_model_notice(u->m, "choose an admitted device first");
}

static void act_pause(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	if (u->m->pool.paused)
		tui_act_run(u, tui_args_of("rebuild", "resume", NULL));
	else
		ask(u, tui_args_of("rebuild", "pause", NULL),
		    "Pause the rebuild? Missing copies stay missing");
}

static void act_mark(struct tui_ui *u, enum tui_action a)
{
	struct tui_donor *d = tui_model_donor_at(u->m);
	uint64_t incs[200];
	size_t n;

	(void)a;
	if (!d)
		return;
	d->marked = !d->marked;
	u->m->whatif_known = false;
	n = tui_model_marked(u->m, incs, 200);
	if (n)
		u->src->ops->whatif(u->src, incs, n);
}

static void act_lend(struct tui_ui *u, enum tui_action a)
{
	uint64_t lent = u->m->here.lent;
	char spec[32];

	if (!u->m->here.donor) {
		tui_model_notice(u->m, "no donor runs on this machine");
		return;
	}
	lent = a == TUI_DO_MORE	  ? lent + LEND_STEP
	       : lent > LEND_STEP ? lent - LEND_STEP
				  : 0;
	if (a == TUI_DO_AUTO)
		snprintf(spec, sizeof spec, "auto");
	else
		snprintf(spec, sizeof spec, "%lluMiB",
			 (unsigned long long)(lent >> 20));
	u->src->ops->lend(u->src, spec);
}

/* --- objects -------------------------------------------------------------- */

static void act_object(struct tui_ui *u, enum tui_action a)
{
	struct tui_object *o = tui_model_object_at(u->m);
	char id[LR_ID_TEXT + 1], text[300];

	if (!o) {
		tui_model_notice(u->m, "choose an object first");
		return;
	}
	tui_object_id(o, id);
	switch (a) {
	case TUI_DO_OPEN:
		u->m->open = true;
		u->m->open_id = o->id;
		u->m->open_cut = o->flags & LR_OBJECT_CUT;
		u->m->n_copies = 0;
		u->copies_ms = u->m->now_ms;
		u->src->ops->copies(u->src, &o->id);
		break;
	case TUI_DO_RETRIEVE:
		prompt(u, TUI_ASK_RETRIEVE, o->name);
		break;
	case TUI_DO_REMOVE:
		ask(u, tui_args_of("remove", id, NULL), "Remove %s (%s)?",
		    o->name, id);
		break;
	default:
		if (u->copy_cb)
			u->copy_cb(id);
		snprintf(text, sizeof text, "copied: %s", id);
		tui_model_notice(u->m, text);
		break;
	}
}

/* --- moving --------------------------------------------------------------- */

static void go_to(struct tui_ui *u, enum tui_view view)
{
	u->m->view = view;
	u->m->open = false;
	if (view == TUI_IDS && !u->m->frozen)
		tui_browse_start(u);
	if (view == TUI_HERE)
		u->src->ops->lend(u->src, "");
}

void tui_act_search(struct tui_ui *u, size_t from)
{
	size_t n = tui_model_rows(u->m);
	bool window = u->m->view == TUI_IDS &&
		      (u->m->list.more_before || u->m->list.more_after);
	char text[512];

	tui_browse_stop(u);
	for (size_t i = 0; u->search[0] && i < n; i++) {
		size_t row = (from + i) % n;

		if (window && from + i >= n)
			break;
		tui_model_text(u->m, row, text, sizeof text);
		if (!tui_model_matches(u->search, text))
			continue;
		tui_model_go(u->m, row);
		return;
	}
	if (u->search[0] && window)
		tui_browse_find(u, n - 1);
	else if (u->search[0])
		tui_model_notice(u->m, "not found");
}

static void move(struct tui_ui *u, enum tui_action a)
{
	size_t at = tui_model_at(u->m), n = tui_model_rows(u->m);
	size_t page = u->page > 1 ? u->page - 1 : 1;

	if (u->m->view == TUI_IDS && (a == TUI_DO_HOME || a == TUI_DO_END)) {
		tui_browse_end(u, a == TUI_DO_END);
		return;
	}
	switch (a) {
	case TUI_DO_UP:
		at -= at > 0;
		break;
	case TUI_DO_DOWN:
		at++;
		break;
	case TUI_DO_PAGE_UP:
		at -= at < page ? at : page;
		break;
	case TUI_DO_PAGE_DOWN:
		at += page;
		break;
	case TUI_DO_HOME:
		at = 0;
		break;
	default:
		at = n ? n - 1 : 0;
		break;
	}
	tui_model_go(u->m, at);
}

static void back(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	if (u->run) {
		tui_run_stop(u);
		tui_model_notice(u->m, "stopped");
		return;
	}
	if (u->m->open) {
		u->m->open = false;
	} else if (u->m->choice[u->m->view].filter[0]) {
		u->m->choice[u->m->view].filter[0] = '\0';
		if (u->m->view == TUI_IDS)
			tui_browse_start(u);
	}
	u->m->notice[0] = '\0';
}

static void freeze(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	u->m->frozen = !u->m->frozen;
	u->src->ops->freeze(u->src, u->m->frozen);
}

static void act_view(struct tui_ui *u, enum tui_action a)
{
	go_to(u, (enum tui_view)(a - TUI_DO_POOL));
}

static void act_beside(struct tui_ui *u, enum tui_action a)
{
	unsigned step = a == TUI_DO_LEFT ? TUI_VIEWS - 1 : 1;

	go_to(u, (enum tui_view)((u->m->view + step) % TUI_VIEWS));
}

static void act_kind(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	if (++u->m->event_kind == LR_EVENT_KINDS)
		u->m->event_kind = -1;
}

static void act_sort(struct tui_ui *u, enum tui_action a)
{
	unsigned step = a == TUI_DO_SORT_LEFT ? TUI_SORTS - 1 : 1;

	if (a == TUI_DO_REVERSE)
		u->m->reverse = !u->m->reverse;
	else
		u->m->sort = (enum tui_sort)((u->m->sort + step) % TUI_SORTS);
}

static void act_ask(struct tui_ui *u, enum tui_action a)
{
	prompt(u,
	       a == TUI_DO_STORE     ? TUI_ASK_STORE
	       : a == TUI_DO_COMMAND ? TUI_ASK_COMMAND
				     : TUI_ASK_SEARCH,
	       "");
}

static void act_filter(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	snprintf(u->before, sizeof u->before, "%s",
		 u->m->choice[u->m->view].filter);
	prompt(u, TUI_ASK_FILTER, u->before);
}

static void act_again(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	tui_act_search(u, tui_model_at(u->m) + 1);
}

static void act_mouse(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	u->mouse = !u->mouse;
	tui_model_notice(u->m, u->mouse ? "mouse on" : "mouse off");
}

static void act_colour(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	u->colour = !u->colour;
}

static void act_help(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	u->mode = TUI_HELP;
	u->output_top = 0;
}

static void act_redraw(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	u->redraw = true;
}

static void act_quit(struct tui_ui *u, enum tui_action a)
{
	(void)a;
	u->quit = true;
}

static void (*const acts[])(struct tui_ui *u, enum tui_action a) = {
	[TUI_DO_POOL] = act_view,
	[TUI_DO_IDS] = act_view,
	[TUI_DO_PEOPLE] = act_view,
	[TUI_DO_EVENTS] = act_view,
	[TUI_DO_WHATIF] = act_view,
	[TUI_DO_HERE] = act_view,
	[TUI_DO_LEFT] = act_beside,
	[TUI_DO_RIGHT] = act_beside,
	[TUI_DO_ADMIT] = act_pending,
	[TUI_DO_REFUSE] = act_pending,
	[TUI_DO_DRAIN] = act_donor,
	[TUI_DO_UNDO] = act_donor,
	[TUI_DO_FORGET] = act_donor,
	[TUI_DO_REVOKE] = act_revoke,
	[TUI_DO_PAUSE] = act_pause,
	[TUI_DO_MARK] = act_mark,
	[TUI_DO_OPEN] = act_object,
	[TUI_DO_RETRIEVE] = act_object,
	[TUI_DO_REMOVE] = act_object,
	[TUI_DO_COPY] = act_object,
	[TUI_DO_STORE] = act_ask,
	[TUI_DO_COMMAND] = act_ask,
	[TUI_DO_SEARCH] = act_ask,
	[TUI_DO_FILTER] = act_filter,
	[TUI_DO_AGAIN] = act_again,
	[TUI_DO_KIND] = act_kind,
	[TUI_DO_MORE] = act_lend,
	[TUI_DO_LESS] = act_lend,
	[TUI_DO_AUTO] = act_lend,
	[TUI_DO_SORT] = act_sort,
	[TUI_DO_SORT_LEFT] = act_sort,
	[TUI_DO_REVERSE] = act_sort,
	[TUI_DO_UP] = move,
	[TUI_DO_DOWN] = move,
	[TUI_DO_PAGE_UP] = move,
	[TUI_DO_PAGE_DOWN] = move,
	[TUI_DO_HOME] = move,
	[TUI_DO_END] = move,
	[TUI_DO_FREEZE] = freeze,
	[TUI_DO_MOUSE] = act_mouse,
	[TUI_DO_COLOUR] = act_colour,
	[TUI_DO_BACK] = back,
	[TUI_DO_REDRAW] = act_redraw,
	[TUI_DO_HELP] = act_help,
	[TUI_DO_QUIT] = act_quit,
};

void tui_act(struct tui_ui *u, enum tui_action a)
{
	if (acts[a])
		acts[a](u, a);
}
