/* SPDX-License-Identifier: Apache-2.0 */
/* What the user has chosen of the model: order, filters, the selected row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tui/model.h"

bool tui_model_matches(const char *filter, const char *text)
{
	return !filter[0] || strcasestr(text, filter) != NULL;
}

/* --- order of donors --------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by(enum tui_sort sort, const struct tui_donor *a,
	      const struct tui_donor *b)
{
	int c;

	switch (sort) {
	case TUI_BY_STATE:
		return compare(a->state, b->state);
	case TUI_BY_HELD:
		return compare(b->held, a->held);
	case TUI_BY_HOST:
		return compare(a->host_available, b->host_available);
	case TUI_BY_P50:
		return compare(b->p50_us, a->p50_us);
	case TUI_BY_P99:
		return compare(b->p99_us, a->p99_us);
	case TUI_BY_IF_GONE:
		c = compare(b->slots_lost, a->slots_lost);
		return c ? c : compare(b->slots_short, a->slots_short);
	default:
		return 0;
	}
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct tui_model *m = arg;
	const struct tui_donor *x = &m->donors[*(const size_t *)a];
	const struct tui_donor *y = &m->donors[*(const size_t *)b];
	int c = by(m->sort, x, y);

	if (!c)
		c = strcasecmp(x->name, y->name);
	if (!c)
		c = compare(x->inc, y->inc);
	return m->reverse ? -c : c;
}

size_t *tui_model_sorted(const struct tui_model *m, size_t *ret_n)
{
	size_t *rows = tui_must(calloc(m->n_donors + 1, sizeof *rows)), n = 0;
	const char *filter = m->choice[m->view].filter;

	if (m->view != TUI_POOL && m->view != TUI_WHATIF)
		filter = "";
	for (size_t i = 0; i < m->n_donors; i++)
		if (tui_model_matches(filter, m->donors[i].name))
			rows[n++] = i;
	qsort_r(rows, n, sizeof *rows, compare_rows, (void *)m);
	*ret_n = n;
	return rows;
}

size_t *tui_model_events(const struct tui_model *m, size_t *ret_n)
{
	size_t *rows = tui_must(calloc(m->n_events + 1, sizeof *rows)), n = 0;
	const char *filter = m->view == TUI_EVENTS ?
				     m->choice[TUI_EVENTS].filter :
				     "";
	char text[256];

	for (size_t i = m->n_events; i-- > 0;) {
		const struct lr_event *e = &m->events[i];

		if (m->view == TUI_EVENTS && m->event_kind >= 0 &&
		    (int)e->kind != m->event_kind)
			continue;
		lr_event_text(e, text, sizeof text);
		if (tui_model_matches(filter, e->name) ||
		    tui_model_matches(filter, text))
			rows[n++] = i;
	}
	*ret_n = n;
	return rows;
}

/* --- rows of the view ---------------------------------------------------------- */

size_t tui_model_rows(struct tui_model *m)
{
	size_t n = 0;

	switch (m->view) {
	case TUI_POOL:
		free(tui_model_sorted(m, &n));
		return n + m->n_pending;
	case TUI_WHATIF:
		free(tui_model_sorted(m, &n));
		return n;
	case TUI_IDS:
		return m->list.n;
	case TUI_PEOPLE:
		return m->n_pending + m->n_devices;
	case TUI_EVENTS:
		free(tui_model_events(m, &n));
		return n;
	default:
		return 0;
	}
}

static bool donor_key(struct tui_model *m, size_t row, uint8_t key[32])
{
	size_t n, *rows = tui_model_sorted(m, &n);
	bool found = row < n;

	if (found) {
		memcpy(key, m->donors[rows[row]].dev.b, 32);
	} else if (m->view == TUI_POOL && row - n < m->n_pending) {
		memcpy(key, m->pending[row - n].dev.b, 32);
		found = true;
	}
	free(rows);
	return found;
}

bool tui_model_key(struct tui_model *m, size_t row, uint8_t key[32])
{
	size_t n, *rows;
	bool found = false;

	memset(key, 0, 32);
	switch (m->view) {
	case TUI_POOL:
	case TUI_WHATIF:
		return donor_key(m, row, key);
	case TUI_IDS:
		found = row < m->list.n;
		if (found)
			memcpy(key, m->list.row[row].id.b, 16);
		return found;
	case TUI_PEOPLE:
		if (row < m->n_pending)
			memcpy(key, m->pending[row].dev.b, 32);
		else if (row - m->n_pending < m->n_devices)
			memcpy(key, m->devices[row - m->n_pending].dev.b, 32);
		else
			return false;
		return true;
	case TUI_EVENTS:
		rows = tui_model_events(m, &n);
		found = row < n;
		if (found)
			memcpy(key, &m->events[rows[row]].seq, 8);
		free(rows);
		return found;
	default:
		return false;
	}
}

/* Row of a key in a list that is made once; n: not there. */
static size_t find_key(struct tui_model *m, const uint8_t want[32], size_t n)
{
	size_t some, *rows, at = n;
	uint8_t key[32];

	if (m->view == TUI_EVENTS) {
		rows = tui_model_events(m, &some);
		for (size_t i = 0; i < some && at == n; i++)
			if (!memcmp(&m->events[rows[i]].seq, want, 8))
				at = i;
		free(rows);
		return at;
	}
	for (size_t i = 0; i < n; i++)
		if (tui_model_key(m, i, key) && !memcmp(key, want, 32))
			return i;
	return n;
}

size_t tui_model_at(struct tui_model *m)
{
	struct tui_choice *c = &m->choice[m->view];
	size_t n = tui_model_rows(m), at;
	uint8_t key[32];

	if (!n)
		return 0;
	if (c->any && c->at < n && tui_model_key(m, c->at, key) &&
	    !memcmp(key, c->key, 32))
		return c->at;
	at = c->any ? find_key(m, c->key, n) : n;
	if (at < n)
		c->at = at;
	else if (c->at >= n)
		c->at = n - 1;
	return c->at;
}

void tui_model_go(struct tui_model *m, size_t row)
{
	struct tui_choice *c = &m->choice[m->view];
	size_t n = tui_model_rows(m);

	if (!n)
		return;
	c->at = row < n ? row : n - 1;
	c->any = tui_model_key(m, c->at, c->key);
	m->changes++;
}

size_t tui_model_top(struct tui_model *m, size_t height)
{
	struct tui_choice *c = &m->choice[m->view];
	size_t at = tui_model_at(m), n = tui_model_rows(m);

	if (!height)
		return 0;
	if (at < c->top)
		c->top = at;
	if (at >= c->top + height)
		c->top = at - height + 1;
	if (c->top + height > n)
		c->top = n > height ? n - height : 0;
	return c->top;
}

struct tui_donor *tui_model_donor_at(struct tui_model *m)
{
	size_t at = tui_model_at(m);
	uint8_t key[32];

	if (m->view != TUI_POOL && m->view != TUI_WHATIF &&
	    m->view != TUI_PEOPLE)
		return NULL;
	if (!tui_model_key(m, at, key))
		return NULL;
	for (size_t i = 0; i < m->n_donors; i++)
		if (!memcmp(m->donors[i].dev.b, key, 32))
			return &m->donors[i];
	return NULL;
}

struct tui_pending *tui_model_pending_at(struct tui_model *m)
{
	size_t at = tui_model_at(m);
	uint8_t key[32];

	if ((m->view != TUI_POOL && m->view != TUI_PEOPLE) ||
	    !tui_model_key(m, at, key))
		return NULL;
	for (size_t i = 0; i < m->n_pending; i++)
		if (!memcmp(m->pending[i].dev.b, key, 32))
			return &m->pending[i];
	return NULL;
}

struct tui_object *tui_model_object_at(struct tui_model *m)
{
	size_t at = tui_model_at(m);

	return m->view == TUI_IDS && at < m->list.n ? &m->list.row[at] :
							 NULL;
}

char *tui_object_id(const struct tui_object *o, char *out)
{
	lr_id_format(&o->id, out);
	if (o->flags & LR_OBJECT_CUT)
		out[LR_CUT_TEXT] = '\0';
	return out;
}

struct tui_device *tui_model_device_at(struct tui_model *m)
{
	uint8_t key[32];

	if (m->view != TUI_PEOPLE ||
	    !tui_model_key(m, tui_model_at(m), key))
		return NULL;
	for (size_t i = 0; i < m->n_devices; i++)
		if (!memcmp(m->devices[i].dev.b, key, 32))
			return &m->devices[i];
	return NULL;
}

size_t tui_model_marked(const struct tui_model *m, uint64_t *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_donors && n < cap; i++)
		if (m->donors[i].marked)
			ret[n++] = m->donors[i].inc;
	return n;
}

const char *tui_model_text(struct tui_model *m, size_t row, char *out,
			   size_t cap)
{
	size_t n, *rows;
	char text[256];

	out[0] = '\0';
	switch (m->view) {
	case TUI_POOL:
	case TUI_WHATIF:
		rows = tui_model_sorted(m, &n);
		if (row < n)
			snprintf(out, cap, "%s", m->donors[rows[row]].name);
		else if (row - n < m->n_pending)
			snprintf(out, cap, "%s", m->pending[row - n].name);
		free(rows);
		break;
	case TUI_IDS:
		if (row < m->list.n)
			snprintf(out, cap, "%s", m->list.row[row].name);
		break;
	case TUI_PEOPLE:
		if (row < m->n_pending)
			snprintf(out, cap, "%s", m->pending[row].name);
		else if (row - m->n_pending < m->n_devices)
			snprintf(out, cap, "%s",
				 m->devices[row - m->n_pending].name);
		break;
	case TUI_EVENTS:
		rows = tui_model_events(m, &n);
		if (row < n)
			snprintf(out, cap, "%s %s", m->events[rows[row]].name,
				 lr_event_text(&m->events[rows[row]], text,
					       sizeof text));
		free(rows);
		break;
	default:
		break;
	}
	return out;
}
