/* SPDX-License-Identifier: Apache-2.0 */
/* The first screen. At 80x24 all of it; smaller, panels go in the order of
 * what matters least, down to the header alone. */
#include "tui/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- figures ---------------------------------------------------------------- */

static int bar_width(const struct tui_canvas *c)
{
	int w = c->cols - 38;

	return w < 10 ? 10 : w > 82 ? 82 : w;
}

static void draw_stored(const struct tui_model *m, struct tui_canvas *c, int y)
{
	const struct tui_pool *p = &m->pool;
	char a[16], b[16], n[32];
	int x = tui_put(c, y, 1, TUI_PLAIN, "Stored ");

	x = tui_bar(c, y, x, bar_width(c), TUI_GOOD,
		    p->usable ? (double)p->stored / (double)p->usable : 0);
	tui_putf(c, y, x + 1, TUI_PLAIN, "%s of %s usable, %s IDs",
		 tui_bytes(p->stored, a), tui_bytes(p->usable, b),
		 tui_count(p->objects, n));
}

static void draw_slots(const struct tui_model *m, struct tui_canvas *c, int y)
{
	const struct tui_pool *p = &m->pool;
	uint64_t all = (uint64_t)p->full + p->short_ + p->unavailable;
	char a[32], b[32], d[32];
	int x = tui_put(c, y, 1, TUI_PLAIN, "Slots  ");

	x = tui_bar(c, y, x, bar_width(c),
		    p->lost || p->unavailable ? TUI_BAD :
		    p->short_		      ? TUI_WARN :
						TUI_GOOD,
		    all ? (double)p->full / (double)all : 0);
	x = tui_putf(c, y, x + 1, TUI_PLAIN, "%s full", tui_count(p->full, a));
	x = tui_putf(c, y, x + 1, p->short_ ? TUI_WARN : TUI_PLAIN, "%s short",
		     tui_count(p->short_, b));
	if (p->unavailable)
		tui_putf(c, y, x + 1, TUI_BAD, "%s away",
			 tui_count(p->unavailable, d));
	else
		tui_putf(c, y, x + 1, p->lost ? TUI_BAD : TUI_PLAIN, "%s lost",
			 tui_count(p->lost, d));
}

static void draw_heal(const struct tui_model *m, struct tui_canvas *c, int y)
{
	struct lr_progress_now now;
	char a[16], b[16], span[16];
	int x = tui_put(c, y, 1, TUI_PLAIN, "Heal   ");

	lr_progress_show(&m->progress, m->now_ms, &now);
	x = tui_bar(c, y, x, bar_width(c),
		    m->pool.paused ? TUI_WARN : TUI_GOOD,
		    now.active ? now.percent / 100.0 : 1);
	if (!now.active) {
		tui_put(c, y, x + 1, m->pool.paused ? TUI_WARN : TUI_PLAIN,
			m->pool.paused ? "paused: p goes on" :
					 "nothing to copy");
		return;
	}
	x = tui_putf(c, y, x + 1, TUI_PLAIN, "%u%% %s left", now.percent,
		     tui_bytes(now.bytes_left, a));
	if (m->pool.paused) {
		tui_put(c, y, x + 1, TUI_WARN, "PAUSED");
		return;
	}
	x = tui_putf(c, y, x + 1, TUI_PLAIN, "%s/s",
		     tui_bytes(now.bytes_per_s, b));
	tui_putf(c, y, x + 1, TUI_PLAIN, "ETA %s",
		 now.eta_s == LR_ETA_NONE ? "?" :
					    tui_span(now.eta_s * 1000, span));
}

static void draw_ops(const struct tui_model *m, struct tui_canvas *c, int y)
{
	const struct tui_pool *p = &m->pool;
	char a[32], b[32], d[16], e[16], f[32];
	int w = c->cols >= 100 ? 24 : 10, x;

	x = tui_putf(c, y, 1, TUI_PLAIN, "Ops    get %s/s ",
		     tui_count(p->gets, a));
	x = tui_spark(c, y, x, w, m->gets.v, m->gets.n);
	x = tui_putf(c, y, x + 2, TUI_PLAIN, "put %s/s ",
		     tui_count(p->puts, b));
	x = tui_spark(c, y, x, w == 10 ? 6 : w, m->puts.v, m->puts.n);
	x = tui_putf(c, y, x + 2, TUI_PLAIN, "p50 %s p99 %s",
		     tui_us(p->p50_us, d), tui_us(p->p99_us, e));
	tui_putf(c, y, x + 2, p->errors ? TUI_BAD : TUI_PLAIN, "err %s",
		 tui_count(p->errors, f));
}

static void draw_bytes(const struct tui_model *m, struct tui_canvas *c, int y)
{
	char a[16], b[16], d[16], e[16];
	int w = c->cols >= 100 ? 24 : 10, x;

	x = tui_putf(c, y, 1, TUI_PLAIN, "Bytes  out %s/s ",
		     tui_bytes(m->pool.bytes_out, a));
	x = tui_spark(c, y, x, w, m->out.v, m->out.n);
	x = tui_putf(c, y, x + 2, TUI_PLAIN, "in %s/s ",
		     tui_bytes(m->pool.bytes_in, b));
	x = tui_spark(c, y, x, w == 10 ? 6 : w, m->in.v, m->in.n);
	tui_putf(c, y, x + 2, TUI_PLAIN, "held %s of %s lent",
		 tui_bytes(m->pool.held, d), tui_bytes(m->pool.lent, e));
}

/* --- donors -------------------------------------------------------------------- */

struct columns {
	int name, state, bar; /* widths */
};

static struct columns columns_of(const struct tui_canvas *c)
{
	int spare = c->cols - 80;

	if (spare <= 0)
		return (struct columns){ 8, 10, c->cols < 70 ? 0 : 11 };
	return (struct columns){ 8 + (spare / 3 > 24 ? 24 : spare / 3), 10,
				 11 + (spare / 4 > 30 ? 30 : spare / 4) };
}

static void draw_titles(const struct tui_model *m, struct tui_canvas *c, int y)
{
	struct columns w = columns_of(c);
	int x = 2;

	tui_title(m, c, y, x, w.name, "NAME", false, TUI_BY_NAME);
	x += w.name + 1;
	tui_title(m, c, y, x, w.state, "STATE", false, TUI_BY_STATE);
	x += w.state;
	tui_title(m, c, y, x, 11 + w.bar, "HELD / LENT", false, TUI_BY_HELD);
	x += 11 + w.bar;
	tui_title(m, c, y, x, 9, "HOST FREE", true, TUI_BY_HOST);
	tui_title(m, c, y, x + 9, 6, "P50", true, TUI_BY_P50);
	tui_title(m, c, y, x + 15, 6, "P99", true, TUI_BY_P99);
	tui_title(m, c, y, x + 23, 11, "IF GONE NOW", false, TUI_BY_IF_GONE);
}

static void draw_if_gone(const struct tui_model *m, const struct tui_donor *d,
			 struct tui_canvas *c, int y, int x)
{
	struct lr_progress_now now;
	char n[32];

	lr_progress_show(&m->progress, m->now_ms, &now);
	if (d->state == LR_DONOR_DOWN && now.active && m->pool.paused)
		tui_putf(c, y, x, TUI_WARN, "paused %u%%", now.percent);
	else if (d->state == LR_DONOR_DOWN && now.active)
		tui_putf(c, y, x, TUI_WARN, "healing %u%%", now.percent);
	else if (d->state == LR_DONOR_DOWN)
		tui_put(c, y, x, TUI_PLAIN, "-");
	else if (d->slots_lost)
		tui_putf(c, y, x, TUI_BAD, "%s lost",
			 tui_count(d->slots_lost, n));
	else if (d->slots_short)
		tui_putf(c, y, x, TUI_PLAIN, "%s short",
			 tui_count(d->slots_short, n));
	else
		tui_put(c, y, x, TUI_PLAIN, "nothing");
}

static void draw_donor(const struct tui_model *m, const struct tui_donor *d,
		       struct tui_canvas *c, int y)
{
	struct columns w = columns_of(c);
	bool up = d->state != LR_DONOR_DOWN;
	char a[16], text[24];
	int x = 2;

	tui_cell(c, y, x, w.name, TUI_BOLD, d->name);
	x += w.name + 1;
	tui_cell(c, y, x, w.state, tui_state_style(d),
		 tui_state_text(m, d, text));
	x += w.state;
	tui_cell_right(c, y, x, 5, TUI_PLAIN, up ? tui_bytes(d->held, a) : "-");
	if (w.bar)
		tui_bar(c, y, x + 6, w.bar, TUI_GOOD,
			d->lent && up ? (double)d->held / (double)d->lent : 0);
	x += 6 + w.bar;
	tui_cell_right(c, y, x, 5, TUI_PLAIN, up ? tui_bytes(d->lent, a) : "-");
	x += 5;
	tui_cell_right(c, y, x, 9, TUI_PLAIN,
		       up ? tui_bytes(d->host_available, a) : "-");
	tui_cell_right(c, y, x + 9, 6, TUI_PLAIN,
		       up ? tui_us(d->p50_us, a) : "-");
	tui_cell_right(c, y, x + 15, 6, TUI_PLAIN,
		       up ? tui_us(d->p99_us, a) : "-");
	draw_if_gone(m, d, c, y, x + 23);
}

static void draw_pending(const struct tui_model *m,
			 const struct tui_pending *p, struct tui_canvas *c,
			 int y)
{
	struct columns w = columns_of(c);
	int x;

	tui_put(c, y, 0, TUI_WARN, "?");
	tui_cell(c, y, 2, w.name, TUI_BOLD, p->name);
	tui_cell(c, y, 3 + w.name, w.state, TUI_WARN, "wants in");
	x = tui_putf(c, y, 3 + w.name + w.state, TUI_PLAIN, "%s  ",
		     tui_roles(p->roles));
	x = tui_put(c, y, x, TUI_BOLD, p->code);
	if (!m->readonly && c->cols - x > 15)
		tui_put(c, y, x + 2, TUI_KEY, "a admit  x no");
}

static void draw_donors(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	size_t n, *rows = tui_model_sorted(m, &n), all = n + m->n_pending;
	size_t top, at = tui_model_at(m);
	char right[64];

	snprintf(right, sizeof right, "%s%ssort: %s%s",
		 m->choice[TUI_POOL].filter[0] ? "filter: " : "",
		 m->choice[TUI_POOL].filter, tui_sort_names[m->sort],
		 m->reverse ? " up" : "");
	tui_rule(c, y, "DONORS", right);
	if (h > 1)
		draw_titles(m, c, y + 1);
	top = tui_model_top(m, h > 2 ? (size_t)(h - 2) : 0);
	for (int i = 2; i < h && top + (size_t)i - 2 < all; i++) {
		size_t row = top + (size_t)i - 2;

		if (row < n)
			draw_donor(m, &m->donors[rows[row]], c, y + i);
		else
			draw_pending(m, &m->pending[row - n], c, y + i);
		tui_row(m, c, y + i, row, row == at);
	}
	if (!all && h > 2)
		tui_put(c, y + 2, 2, TUI_PLAIN,
			m->ever ? "nobody lends RAM" : "");
	free(rows);
}

static void draw_events(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	size_t n, *rows = tui_model_events(m, &n);

	tui_rule(c, y, "EVENTS", "");
	for (int i = 1; i < h && (size_t)i - 1 < n; i++)
		tui_event_line(m, &m->events[rows[i - 1]], c, y + i);
	free(rows);
}

/* --- who gets room ------------------------------------------------------------- */

int tui_view_pool_rows(const struct tui_model *m)
{
	return 5 + 2 + (int)(m->n_donors + m->n_pending) + 1 + 5;
}

struct panels {
	bool stored, slots, heal, ops, bytes;
	int donors, events; /* rows with the rule; 0: none */
};

static int take(int *left, int rows)
{
	if (*left < rows)
		return 0;
	*left -= rows;
	return rows;
}

/* In the order of what matters most. */
static struct panels share_out(const struct tui_model *m, int h)
{
	int wish = (int)(m->n_donors + m->n_pending) + 2, more;
	struct panels p = { 0 };
	struct lr_progress_now now;

	lr_progress_show(&m->progress, m->now_ms, &now);
	p.slots = take(&h, 1);
	p.stored = take(&h, 1);
	p.heal = (now.active || m->pool.paused || h > 12) && take(&h, 1);
	p.donors = take(&h, 3);
	p.ops = take(&h, 1);
	p.events = take(&h, 3);
	p.bytes = h > 14 && take(&h, 1);
	if (p.donors) {
		more = wish - p.donors < h ? wish - p.donors : h;
		p.donors += more > 0 ? take(&h, more) : 0;
	}
	if (p.events)
		p.events += take(&h, h);
	else if (p.donors)
		p.donors += take(&h, h);
	return p;
}

void tui_view_pool(struct tui_model *m, struct tui_canvas *c, int y, int h)
{
	struct panels p = share_out(m, h);

	if (p.stored)
		draw_stored(m, c, y++);
	if (p.slots)
		draw_slots(m, c, y++);
	if (p.heal)
		draw_heal(m, c, y++);
	if (p.ops)
		draw_ops(m, c, y++);
	if (p.bytes)
		draw_bytes(m, c, y++);
	if (p.donors)
		draw_donors(m, c, y, p.donors);
	y += p.donors;
	if (p.events)
		draw_events(m, c, y, p.events);
}
