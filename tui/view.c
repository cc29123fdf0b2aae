/* SPDX-License-Identifier: Apache-2.0 */
/* What several views draw. */
#include "tui/view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *const tui_sort_names[TUI_SORTS] = {
	"name", "state", "held", "host free", "p50", "p99", "if gone",
};

static const char *const health_names[] = { "OK", "DEGRADED", "CRITICAL" };
static const enum tui_style health_styles[] = { TUI_GOOD, TUI_WARN, TUI_BAD };

char *tui_clock(uint64_t unix_ms, char *out)
{
	time_t t = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!unix_ms || !localtime_r(&t, &tm) ||
	    !strftime(out, 16, "%H:%M:%S", &tm))
		strcpy(out, "--:--:--");
	return out;
}

const char *tui_state_text(const struct tui_model *m,
			   const struct tui_donor *d, char *out)
{
	static const char *const names[] = { "up", "suspect", "giving",
					     "draining", "left", "pending" };
	char span[16];

	if (d->state == LR_DONOR_DOWN)
		snprintf(out, 24, "left %s",
			 tui_span(m->now_ms > d->since_ms ?
					  m->now_ms - d->since_ms :
					  0,
				  span));
	else
		snprintf(out, 24, "%s",
			 d->state < sizeof names / sizeof *names ?
				 names[d->state] :
				 "?");
	return out;
}

enum tui_style tui_state_style(const struct tui_donor *d)
{
	switch (d->state) {
	case LR_DONOR_UP:
		return TUI_GOOD;
	case LR_DONOR_DOWN:
		return TUI_BAD;
	default:
		return TUI_WARN;
	}
}

const char *tui_roles(uint8_t roles)
{
	static const char *const names[] = {
		"-",		   "donor",	      "requester",
		"donor+requester", "admin",	      "donor+admin",
		"requester+admin", "donor+requester+admin"
	};

	return names[roles & 7];
}

/* Why, in a few words: the newest trouble says more than the sum. */
static void why(const struct tui_model *m, char *out, size_t cap)
{
	const struct tui_pool *p = &m->pool;
	const struct tui_donor *last = NULL;
	char span[16], n[32];

	out[0] = '\0';
	for (size_t i = 0; i < m->n_donors; i++) {
		const struct tui_donor *d = &m->donors[i];

		if (d->state == LR_DONOR_DOWN &&
		    (!last || d->since_ms > last->since_ms))
			last = d;
	}
	if (last && p->short_ + p->unavailable)
		snprintf(out, cap, "%s left %s ago, ", last->name,
			 tui_span(m->now_ms > last->since_ms ?
					  m->now_ms - last->since_ms :
					  0,
				  span));
	if (p->lost)
		snprintf(out + strlen(out), cap - strlen(out),
			 "%s slots lost data", tui_count(p->lost, n));
	else if (p->unavailable)
		snprintf(out + strlen(out), cap - strlen(out),
			 "%s slots cannot be read",
			 tui_count(p->unavailable, n));
	else if (p->short_)
		snprintf(out + strlen(out), cap - strlen(out),
			 "%s slots short", tui_count(p->short_, n));
	else if (p->n_reasons)
		snprintf(out, cap, "%s", p->reasons[0]);
}

void tui_view_header(struct tui_model *m, struct tui_canvas *c, int y)
{
	const struct tui_pool *p = &m->pool;
	unsigned h = p->health <= LR_HEALTH_CRITICAL ? p->health : 2;
	char text[320];
	int x;

	tui_paint(c, y, 0, c->cols, TUI_HEAD);
	x = tui_put(c, y, 1, TUI_HEAD, "lanram");
	if (!m->ever) {
		tui_putf(c, y, x + 2, TUI_HEAD, "%s",
			 m->trouble[0] ? m->trouble :
					 "asking the coordinator ...");
		return;
	}
	x = tui_putf(c, y, x + 2, TUI_HEAD, "%s%s%s  epoch %llu",
		     p->pool_name, p->coordinator[0] ? "@" : "",
		     p->coordinator, (unsigned long long)p->epoch);
	x = x + 5 < c->cols * 2 / 5 ? x + 5 : x + 2;
	if (!m->connected) {
		tui_putf(c, y, x, TUI_BAD, "AWAY  %s", m->trouble);
		return;
	}
	x = tui_put(c, y, x, m->frozen ? TUI_WARN : health_styles[h],
		    m->frozen ? "FROZEN" : health_names[h]);
	why(m, text, sizeof text);
	tui_putf(c, y, x + 2, TUI_HEAD, "%s", text);
}

void tui_event_line(const struct tui_model *m, const struct lr_event *e,
		    struct tui_canvas *c, int y)
{
	static const enum tui_style styles[] = { TUI_PLAIN, TUI_WARN,
						 TUI_BAD };
	char clock[16], text[256];
	int x, w = c->cols >= 100 ? 16 : 8;

	(void)m;
	tui_put(c, y, 1, TUI_PLAIN, tui_clock(e->at_ms, clock));
	x = tui_cell(c, y, 10, w, TUI_BOLD, e->name[0] ? e->name : "-");
	tui_put(c, y, x + 1, styles[lr_event_level(e->kind)],
		lr_event_text(e, text, sizeof text));
}

void tui_title(const struct tui_model *m, struct tui_canvas *c, int y, int x,
	       int w, const char *text, bool right, int sort)
{
	bool by_this = sort >= 0 && (int)m->sort == sort;

	(right ? tui_cell_right : tui_cell)(c, y, x, w,
					    by_this ? TUI_BOLD : TUI_PLAIN,
					    text);
	if (sort >= 0)
		tui_hot(c, y, x, w, TUI_CLICK_SORT(sort), 0);
}

void tui_row(struct tui_model *m, struct tui_canvas *c, int y, size_t row,
	     bool chosen)
{
	(void)m;
	if (chosen) {
		tui_put(c, y, 0, TUI_SELECTED, ">");
		for (int x = 0; x < c->cols; x++)
			c->cells[y * c->cols + x].style = TUI_SELECTED;
	}
	tui_hot(c, y, 0, c->cols, 0, (unsigned)row);
}
