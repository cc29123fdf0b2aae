/* SPDX-License-Identifier: Apache-2.0 */
/* This machine, as its owner sees it. */
#include "tui/view.h"

#include <stdio.h>

static const char *standing(const struct tui_here *h, char *out, size_t cap)
{
	switch (h->state) {
	case LR_HERE_READY:
		snprintf(out, cap, "in pool %s, coordinator %s", h->pool_name,
			 h->coordinator);
		break;
	case LR_HERE_PENDING:
		snprintf(out, cap, "waits to be admitted, code %s", h->code);
		break;
	case LR_HERE_REFUSED:
		snprintf(out, cap, "was refused by pool %s", h->pool_name);
		break;
	case LR_HERE_WRONG_POOL:
		snprintf(out, cap, "meets another pool of the name %s",
			 h->pool_name);
		break;
	case LR_HERE_VERSION:
		snprintf(out, cap, "pool %s is of another version",
			 h->pool_name);
		break;
	case LR_HERE_AWAY:
		snprintf(out, cap, "in pool %s; its coordinator does not answer",
			 h->pool_name);
		break;
	default:
		snprintf(out, cap, "looks for pool %s", h->pool_name);
		break;
	}
	return out;
}

static void draw_lending(const struct tui_model *m, struct tui_canvas *c, int y)
{
	const struct tui_here *h = &m->here;
	char a[16], b[16], d[16];
	int w = c->cols - 38, x;

	x = tui_put(c, y, 1, TUI_PLAIN, "Lent   ");
	x = tui_bar(c, y, x, w < 10 ? 10 : w, TUI_GOOD,
		    h->lent ? (double)h->used / (double)h->lent : 0);
	tui_putf(c, y, x + 1, TUI_PLAIN, "%s held of %s lent",
		 tui_bytes(h->used, a), tui_bytes(h->lent, b));
	tui_putf(c, y + 1, 1, TUI_PLAIN,
		 "Rule   lend %s; %s of this machine's RAM is free", h->spec,
		 tui_bytes(h->host_available, d));
	tui_putf(c, y + 2, 1, TUI_KEY, "%s",
		 m->readonly ? "" : "+ lend more   - lend less   0 automatic");
	tui_put(c, y + 3, 1, TUI_BOLD, h->said);
}

static void draw_given(const struct tui_given *g, struct tui_canvas *c, int y)
{
	char clock[16], a[16], b[16];

	tui_putf(c, y, 1, TUI_PLAIN, "%s  %s given back, %s still lent%s",
		 tui_clock(g->at_ms, clock), tui_bytes(g->bytes, a),
		 tui_bytes(g->left, b),
		 g->why == LR_GIVEN_ASKED ? ", as asked" :
					    ": this machine needs it");
}

void tui_view_here(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	const struct tui_here *me = &m->here;
	char text[512];
	int i = 1;

	tui_rule(c, y, "HERE", me->name);
	if (!me->known) {
		tui_put(c, y + 1, 1, TUI_PLAIN,
			me->said[0] ? me->said :
				      "no lanram daemon runs on this machine");
		return;
	}
	tui_putf(c, y + i++, 1, TUI_PLAIN, "This machine %s",
		 standing(me, text, sizeof text));
	if (!me->donor) {
		tui_put(c, y + i, 1, TUI_PLAIN,
			"No donor runs here: nothing is lent. "
			"sudo systemctl enable --now lanram-donor");
		return;
	}
	draw_lending(m, c, y + i);
	i += 4;
	if (i < h)
		tui_rule(c, y + i++, "GIVEN BACK", "since the donor started");
	for (size_t k = m->n_given; k-- > 0 && i < h;)
		draw_given(&m->given[k], c, y + i++);
	if (!m->n_given && i < h)
		tui_put(c, y + i, 1, TUI_PLAIN, "nothing so far");
}
