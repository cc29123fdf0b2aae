/* SPDX-License-Identifier: Apache-2.0 */
/* What sources bring. What the user chooses is in choose.c. */
#include "tui/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALE_MS 1000 /* of traces */

void *tui_must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void tui_model_init(struct tui_model *m)
{
	memset(m, 0, sizeof *m);
	m->sort = TUI_BY_IF_GONE;
	m->event_kind = -1;
	m->events = tui_must(calloc(TUI_KEPT_EVENTS, sizeof *m->events));
}

void tui_model_done(struct tui_model *m)
{
	tui_rows_done(m);
	free(m->donors);
	free(m->pending);
	free(m->events);
	free(m->devices);
}

void tui_model_notice(struct tui_model *m, const char *text)
{
	snprintf(m->notice, sizeof m->notice, "%s", text);
	m->notice_ms = m->now_ms;
	m->changes++;
}

/* --- the pool ---------------------------------------------------------------- */

void tui_model_pool(struct tui_model *m, const struct tui_pool *p)
{
	if (m->pool.run != p->run)
		memset(&m->progress, 0, sizeof m->progress);
	m->pool = *p;
	m->connected = m->ever = true;
	m->trouble[0] = '\0';
	m->heard_ms = m->now_ms;
	lr_progress_feed(&m->progress, p->rec_left, m->now_ms);
	m->changes++;
}

void tui_model_lost(struct tui_model *m, const char *why)
{
	if (!m->connected && !strcmp(m->trouble, why))
		return;
	m->connected = false;
	snprintf(m->trouble, sizeof m->trouble, "%s", why);
	m->changes++;
}

/* --- donors ------------------------------------------------------------------ */

static struct tui_donor *find_donor(struct tui_model *m, uint64_t inc,
				    const struct lr_dev *dev)
{
	for (size_t i = 0; i < m->n_donors; i++)
		if (m->donors[i].inc == inc &&
		    lr_dev_eq(&m->donors[i].dev, dev))
			return &m->donors[i];
	return NULL;
}

static struct tui_donor *add_donor(struct tui_model *m)
{
	struct tui_donor *d;

	if (m->n_donors == m->cap_donors) {
		m->cap_donors = m->cap_donors ? 2 * m->cap_donors : 16;
		m->donors = tui_must(realloc(
			m->donors, m->cap_donors * sizeof *m->donors));
	}
	d = &m->donors[m->n_donors++];
	memset(d, 0, sizeof *d);
	d->arrived = ++m->arrivals;
	return d;
}

static void drop_donor(struct tui_model *m, struct tui_donor *d)
{
	size_t i = (size_t)(d - m->donors);

	m->n_donors--;
	memmove(d, d + 1, (m->n_donors - i) * sizeof *d);
}

void tui_model_donor(struct tui_model *m, const struct tui_donor *d)
{
	struct tui_donor *to = find_donor(m, d->inc, &d->dev);
	bool marked;
	uint64_t arrived;

	m->changes++;
	if (d->state == LR_DONOR_GONE || d->state == LR_DONOR_PENDING) {
		if (to)
			drop_donor(m, to);
		return;
	}
	if (!to)
		to = add_donor(m);
	marked = to->marked;
	arrived = to->arrived;
	*to = *d;
	to->marked = marked;
	to->arrived = arrived | (uint64_t)1 << 63; /* brought: see _end */
}

void tui_model_donors_begin(struct tui_model *m)
{
	for (size_t i = 0; i < m->n_donors; i++)
		m->donors[i].arrived &= UINT64_MAX >> 1;
}

void tui_model_donors_end(struct tui_model *m)
{
	for (size_t i = m->n_donors; i-- > 0;)
		if (!(m->donors[i].arrived >> 63))
			drop_donor(m, &m->donors[i]);
	m->changes++;
}

void tui_model_pending(struct tui_model *m, const struct tui_pending *all,
		       size_t n)
{
	free(m->pending);
	m->pending = tui_must(calloc(n ? n : 1, sizeof *m->pending));
	if (n)
		memcpy(m->pending, all, n * sizeof *all);
	m->n_pending = n;
	m->changes++;
}

void tui_model_device(struct tui_model *m, const struct tui_device *d,
		      bool first)
{
	if (first)
		m->n_devices = 0;
	m->devices = tui_must(realloc(m->devices, (m->n_devices + 1) *
							  sizeof *m->devices));
	m->devices[m->n_devices++] = *d;
	m->changes++;
}

/* --- events ------------------------------------------------------------------ */

void tui_model_event(struct tui_model *m, uint64_t run,
		     const struct lr_event *ev)
{
	if (run == m->events_run && m->n_events &&
	    ev->seq <= m->events[m->n_events - 1].seq)
		return;
	m->events_run = run;
	if (m->n_events == TUI_KEPT_EVENTS) {
		m->n_events--;
		memmove(m->events, m->events + 1,
			m->n_events * sizeof *m->events);
	}
	m->events[m->n_events++] = *ev;
	m->changes++;
}

/* --- the open object --------------------------------------------------------- */

static struct tui_copy *find_copy(struct tui_model *m, const struct lr_dev *dev)
{
	for (size_t i = 0; i < m->n_copies; i++)
		if (lr_dev_eq(&m->copies[i].dev, dev))
			return &m->copies[i];
	return NULL;
}

void tui_model_copies(struct tui_model *m, const struct tui_copy *all,
		      size_t n, uint64_t entries)
{
	struct tui_copy now[TUI_COPIES];

	for (size_t i = 0; i < n; i++) {
		const struct tui_copy *was = find_copy(m, &all[i].dev);

		now[i] = all[i];
		if (!was || !was->heard)
			continue;
		now[i].heard = true;
		now[i].there = was->there;
		now[i].verified_ms = was->verified_ms;
		now[i].trip_us = was->trip_us;
	}
	memcpy(m->copies, now, n * sizeof *now);
	m->n_copies = n;
	m->copies_entries = entries;
	m->changes++;
}

void tui_model_verified(struct tui_model *m, const struct lr_rec_verified *v)
{
	struct tui_copy *c = find_copy(m, &v->dev);

	if (!c)
		return;
	c->heard = !v->err;
	c->there = v->there;
	c->verified_ms = m->now_ms - v->ago_ms;
	c->trip_us = v->trip_us;
	m->changes++;
}

/* --- this machine ------------------------------------------------------------ */

void tui_model_here(struct tui_model *m, const struct tui_here *h)
{
	if (memcmp(&m->here, h, sizeof *h)) {
		m->here = *h;
		m->changes++;
	}
}

void tui_model_given(struct tui_model *m, struct lr_reader r)
{
	struct lr_rec_given rec;

	m->n_given = 0;
	while (r.left && m->n_given < TUI_GIVEN && lr_dec_rec_given(&r, &rec))
		m->given[m->n_given++] =
			(struct tui_given){ m->now_ms - rec.ago_ms, rec.bytes,
					    rec.left, rec.why };
	m->changes++;
}

/* --- time -------------------------------------------------------------------- */

static void sample(struct tui_trace *t, double v)
{
	if (t->n == TUI_TRACE)
		memmove(t->v, t->v + 1, --t->n * sizeof *t->v);
	t->v[t->n++] = v;
}

void tui_model_tick(struct tui_model *m, uint64_t now_ms)
{
	m->now_ms = now_ms;
	if (now_ms < m->sampled_ms + STALE_MS && m->sampled_ms)
		return;
	m->sampled_ms = now_ms;
	if (m->connected) {
		sample(&m->gets, (double)m->pool.gets);
		sample(&m->puts, (double)m->pool.puts);
		sample(&m->in, (double)m->pool.bytes_in);
		sample(&m->out, (double)m->pool.bytes_out);
	}
	m->changes++; /* ages */
}
