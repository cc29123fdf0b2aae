/* SPDX-License-Identifier: Apache-2.0 */
/* The window of the list of objects: pieces that come are put at its ends, and
 * what is far from the chosen row goes at the other end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/model.h"

#define KEPT 4000

static void free_rows(struct tui_object *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(row[i].name);
		free(row[i].owner);
		free(row[i].donors);
	}
}

/* Many may begin as a cut ID does: behind all of them. */
struct lr_id tui_rows_after(const struct tui_object *o)
{
	struct lr_id id = o->id, kept;

	if (!(o->flags & LR_OBJECT_CUT))
		return id;
	memset(&kept, 0xff, sizeof kept);
	lr_id_cut(&kept, LR_CUT_TEXT);
	for (size_t i = 0; i < sizeof id.b; i++)
		id.b[i] |= (uint8_t)~kept.b[i];
	return id;
}

void tui_rows_done(struct tui_model *m)
{
	free_rows(m->list.row, m->list.n);
	free(m->list.row);
}

static char *copy_str(struct lr_str s)
{
	return tui_must(strndup(s.n ? s.p : "", s.n));
}

static struct tui_object object_of(const struct lr_rec_listed *o)
{
	return (struct tui_object){ .id = o->id,
				    .size = o->size,
				    .created_ms = o->created_ms,
				    .expires_ms = o->expires_ms,
				    .uid = o->uid,
				    .state = o->state,
				    .flags = o->flags,
				    .copies = o->copies,
				    .wanted = o->wanted,
				    .name = copy_str(o->name),
				    .owner = copy_str(o->owner_name),
				    .donors = copy_str(o->donors) };
}

/* Puts `n` rows in the place of those of [lo, hi). What is chosen stays where
 * it is on the screen. */
static void splice(struct tui_model *m, size_t lo, size_t hi,
		   const struct tui_object *rows, size_t n)
{
	struct tui_list *l = &m->list;
	struct tui_choice *c = &m->choice[TUI_IDS];
	size_t after = l->n - hi;

	free_rows(l->row + lo, hi - lo);
	if (lo + n + after > l->cap) {
		l->cap = 2 * (lo + n + after);
		l->row = tui_must(realloc(l->row, l->cap * sizeof *l->row));
	}
	if (after)
		memmove(l->row + lo + n, l->row + hi, after * sizeof *l->row);
	if (n)
		memcpy(l->row + lo, rows, n * sizeof *rows);
	l->n = lo + n + after;
	if (after && c->at >= hi)
		c->at = c->at + n - (hi - lo);
	if (after && c->top >= hi)
		c->top = c->top + n - (hi - lo);
}

static void append(struct tui_model *m, const struct tui_object *rows, size_t n)
{
	struct tui_list *l = &m->list;

	splice(m, l->n, l->n, rows, n);
	if (l->n <= KEPT)
		return;
	splice(m, 0, l->n - KEPT, NULL, 0);
	l->more_before = true;
	l->before = l->row[0].id;
}

static void prepend(struct tui_model *m, const struct tui_object *rows,
		    size_t n)
{
	struct tui_list *l = &m->list;

	splice(m, 0, 0, rows, n);
	if (l->n <= KEPT)
		return;
	splice(m, KEPT, l->n, NULL, 0);
	l->more_after = true;
	l->after = tui_rows_after(&l->row[l->n - 1]);
}

/* The first row above the ID. */
static size_t above(const struct tui_list *l, const struct lr_id *id)
{
	size_t i = 0;

	while (i < l->n && lr_id_cmp(&l->row[i].id, id) <= 0)
		i++;
	return i;
}

static void again(struct tui_model *m, const struct tui_browse *b,
		  const struct lr_msg_browse_r *r,
		  const struct tui_object *rows, size_t n)
{
	struct tui_list *l = &m->list;
	size_t lo = b->first ? 0 : above(l, &b->from);
	size_t hi = r->more ? above(l, &r->at) : l->n;

	if (hi == l->n) {
		l->more_after = r->more;
		l->after = r->at;
	}
	splice(m, lo, hi < lo ? lo : hi, rows, n);
}

/* The window begins anew, around that row; or goes on looking. */
static void found(struct tui_model *m, const struct lr_msg_browse_r *r,
		  const struct tui_object *rows, size_t n)
{
	struct tui_choice *c = &m->choice[TUI_IDS];
	struct tui_list *l = &m->list;

	if (!n) {
		l->find_at = r->more ? r->at : (struct lr_id){ { 0 } };
		l->finding = r->more || !l->wrapped;
		l->not_found = !l->finding;
		l->wrapped |= !r->more;
		return;
	}
	l->finding = false;
	splice(m, 0, l->n, rows, n);
	l->more_before = l->more_after = true;
	l->before = rows[0].id;
	l->after = tui_rows_after(&rows[0]);
	memset(c->key, 0, sizeof c->key);
	memcpy(c->key, rows[0].id.b, sizeof rows[0].id);
	c->any = true;
	c->at = c->top = 0;
}

static void turn_round(struct tui_object *rows, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct tui_object o = rows[i];

		rows[i] = rows[n - 1 - i];
		rows[n - 1 - i] = o;
	}
}

static void count(struct tui_list *l, const struct lr_msg_browse_r *r)
{
	l->count_asked = false;
	l->counting += r->matches;
	l->count_at = r->at;
	if (!l->counted || !r->more)
		l->matches = l->counting;
	l->counted |= !r->more;
	if (!r->more)
		l->counting = 0;
}

static void place(struct tui_model *m, const struct tui_browse *b,
		  const struct lr_msg_browse_r *r, struct tui_object *rows,
		  size_t n)
{
	struct tui_list *l = &m->list;
	struct tui_choice *c = &m->choice[TUI_IDS];
	bool last = b->what == TUI_ROWS_LAST;
	bool back = last || b->what == TUI_ROWS_BEFORE;

	if (back)
		turn_round(rows, n);
	if (last || b->what == TUI_ROWS_FIRST) {
		splice(m, 0, l->n, NULL, 0);
		l->more_before = l->more_after = false;
		c->at = c->top = 0;
	}
	if (b->what == TUI_ROWS_FIND) {
		found(m, r, rows, n);
	} else if (b->what == TUI_ROWS_AGAIN) {
		again(m, b, r, rows, n);
	} else if (back) {
		l->more_before = r->more;
		l->before = r->at;
		prepend(m, rows, n);
	} else {
		l->more_after = r->more;
		l->after = r->at;
		append(m, rows, n);
	}
	if (last && n)
		c->at = n - 1;
}

void tui_rows_take(struct tui_model *m, const struct tui_browse *b,
		   const struct lr_msg_browse_r *r, struct lr_reader rows)
{
	struct tui_object *got = NULL;
	struct lr_rec_listed rec;
	size_t n = 0, cap = 0;

	if (b->turn != m->list.turn)
		return; /* typed on meanwhile */
	m->changes++;
	if (b->what == TUI_ROWS_COUNT) {
		count(&m->list, r);
		return;
	}
	while (rows.left && lr_dec_rec_listed(&rows, &rec)) {
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			got = tui_must(realloc(got, cap * sizeof *got));
		}
		got[n++] = object_of(&rec);
	}
	m->list.asked = false;
	m->list.trouble[0] = '\0';
	place(m, b, r, got, n);
	free(got);
}

void tui_rows_failed(struct tui_model *m, const struct tui_browse *b,
		     const char *why)
{
	struct tui_list *l = &m->list;

	if (b->turn != l->turn)
		return;
	if (b->what == TUI_ROWS_COUNT)
		l->count_asked = false;
	else
		l->asked = l->finding = false;
	l->stale |= b->what == TUI_ROWS_FIRST || b->what == TUI_ROWS_LAST;
	if (why[0])
		snprintf(l->trouble, sizeof l->trouble, "%s", why);
	m->changes++;
}
