/* SPDX-License-Identifier: Apache-2.0 */
/* Events, and who watches the pool (WATCH): pushed the whole first, then what
 * changed. What the rules publish and what happens is pushed at most every
 * PUSH_MS; figures of heartbeats every FIGURES_MS; where nothing moves nothing
 * is sent. One link that watches may stand for many (a requester): a WATCH
 * again makes it whole again.
 *
 * Which rows were pushed is kept once for all links, as checksums. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/log.h"
#include "wire/eventcodec.h"

#define PUSH_MS 100
#define FIGURES_MS 1000
#define QUEUE_MAX (4u << 20) /* a watcher that does not read is cut off */
#define FIRST_EVENTS 200

struct seen { /* a donor's row, as pushed last */
	uint64_t inc, sum, since_ms;
	struct lr_dev dev;
	uint64_t gets, puts, bytes_out, bytes_in, errors; /* its counters */
	bool there, counted;
};

struct lr_watchers {
	struct seen *seen;
	size_t n_seen;
	uint64_t pool_sum, pending_sum;
	uint64_t push_ms, figures_ms, rates_ms;
	bool changed;
	uint64_t gets, puts, bytes_out, bytes_in, errors; /* a second */
	uint32_t p50_us, p99_us;
	uint8_t buf[LR_BULK_MAX];
};

bool lr_watchers_new(struct lr_coordinator *k)
{
	k->watchers = calloc(1, sizeof *k->watchers);
	return k->watchers != NULL;
}

void lr_watchers_free(struct lr_coordinator *k)
{
	if (k->watchers)
		free(k->watchers->seen);
	free(k->watchers);
}

void lr_watchers_changed(struct lr_coordinator *k)
{
	if (k->watchers)
		k->watchers->changed = true;
}

/* --- events -------------------------------------------------------------- */

static void log_event(const struct lr_event *ev)
{
	static const enum lr_log_level levels[] = {
		[LR_EVENT_INFO] = LR_LOG_INFO,
		[LR_EVENT_WARNING] = LR_LOG_WARNING,
		[LR_EVENT_ERROR] = LR_LOG_ERROR,
	};
	static char cause[LR_EVENT_KINDS]; /* their addresses count */
	char safe[LR_NAME_MAX * 4], text[256];

	lr_log_escape(ev->name, strlen(ev->name), safe, sizeof safe);
	lr_log(levels[lr_event_level(ev->kind)], &cause[ev->kind], "%s%s%s",
	       safe, *safe ? " " : "", lr_event_text(ev, text, sizeof text));
}

static void add_event(struct lr_coordinator *k, struct lr_event *ev,
		      const char *name)
{
	ev->at_ms = lr_unix_ms();
	if (!name)
		name = lr_dev_is_zero(&ev->dev)
			       ? ""
			       : lr_coordinator_name_of(k, &ev->dev);
	snprintf(ev->name, sizeof ev->name, "%s", name);
	lr_events_add(&k->events, ev);
	log_event(ev);
	lr_watchers_changed(k);
}

void lr_watchers_event(struct lr_coordinator *k, enum lr_event_kind kind,
		       const struct lr_dev *dev, const char *name,
		       uint64_t count, uint64_t ms)
{
	struct lr_event ev = {
		.kind = kind, .dev = *dev, .count = count, .ms = ms};

	add_event(k, &ev, name);
}

void lr_watchers_cut_off(struct lr_coordinator *k, const struct lr_dev *dev,
			 const struct lr_dev *by)
{
	struct lr_event ev = {.kind = LR_EVENT_CUT_OFF, .dev = *dev};

	snprintf(ev.by, sizeof ev.by, "%s", lr_coordinator_name_of(k, by));
	add_event(k, &ev, NULL);
}

/* From above `after`; returns the last that found room. */
static uint64_t enc_events(const struct lr_coordinator *k, uint64_t after,
			   struct lr_writer *w)
{
	const struct lr_event *ev;

	while (w->cap - w->len > 256 &&
	       (ev = lr_events_next(&k->events, after))) {
		lr_enc_event(w, ev);
		after = ev->seq;
	}
	return after;
}

static void push_events(struct lr_peer *p)
{
	struct lr_coordinator *k = p->k;
	struct lr_msg_watch_events m = { .run = lr_coord_view(k->rules)->run };
	struct lr_writer w = lr_writer(k->watchers->buf,
				       sizeof k->watchers->buf);
	struct lr_bulk bulk = { .p = w.p };

	if (p->watch_whole)
		p->watch_seq = k->events.last > FIRST_EVENTS ?
				       k->events.last - FIRST_EVENTS :
				       0;
	p->watch_seq = enc_events(k, p->watch_seq, &w);
	bulk.len = w.len;
	if (w.len)
		LR_SEND(p->link, WATCH_EVENTS, watch_events, 0, &m, &bulk);
}

static void serve_events(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_coordinator *k = p->k;
	struct lr_msg_events m;
	struct lr_msg_events_r r = { .run = lr_coord_view(k->rules)->run };
	struct lr_writer w = lr_writer(k->watchers->buf,
				       sizeof k->watchers->buf);
	struct lr_bulk bulk = { .p = w.p };

	if (!lr_dec_events(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	r.more = enc_events(k, m.after, &w) < k->events.last;
	bulk.len = w.len;
	LR_SEND(p->link, EVENTS_R, events_r, f->h.req, &r, &bulk);
}

/* --- rates --------------------------------------------------------------- */

static struct seen *seen_of(struct lr_watchers *w, const struct lr_coord_row *r)
{
	struct seen *all;

	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].inc == r->d.member.inc)
			return &w->seen[i];
	all = realloc(w->seen, (w->n_seen + 1) * sizeof *all);
	if (!all)
		return NULL;
	w->seen = all;
	all[w->n_seen] = (struct seen){ .inc = r->d.member.inc,
					.dev = r->d.member.dev };
	return &all[w->n_seen++];
}

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void add_rates(struct lr_watchers *w, struct seen *s,
		      const struct lr_beat *b)
{
	if (s->counted) {
		w->gets += grown(b->gets, s->gets);
		w->puts += grown(b->puts, s->puts);
		w->bytes_out += grown(b->bytes_out, s->bytes_out);
		w->bytes_in += grown(b->bytes_in, s->bytes_in);
		w->errors += grown(b->errors, s->errors);
	}
	s->counted = true;
	s->gets = b->gets;
	s->puts = b->puts;
	s->bytes_out = b->bytes_out;
	s->bytes_in = b->bytes_in;
	s->errors = b->errors;
}

static uint64_t a_second(uint64_t n, uint64_t ms)
{
	return ms ? n * 1000 / ms : 0;
}

/* The p50 of the pool is the median of its donors', its p99 their worst. */
static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sum_latencies(struct lr_watchers *w,
			  const struct lr_coord_row *rows, size_t n)
{
	uint32_t *p50 = calloc(n + 1, sizeof *p50);
	size_t up = 0;

	w->p99_us = w->p50_us = 0;
	for (size_t i = 0; p50 && i < n; i++) {
		if (rows[i].state == LR_DONOR_DOWN || !rows[i].beat.p50_us)
			continue;
		p50[up++] = rows[i].beat.p50_us;
		if (rows[i].beat.p99_us > w->p99_us)
			w->p99_us = rows[i].beat.p99_us;
	}
	if (up) {
		qsort(p50, up, sizeof *p50, by_number);
		w->p50_us = p50[up / 2];
	}
	free(p50);
}

static void figures(struct lr_watchers *w, const struct lr_coord_row *rows,
		    size_t n, uint64_t now_ms)
{
	uint64_t ms = now_ms - w->rates_ms;

	w->gets = w->puts = w->bytes_out = w->bytes_in = w->errors = 0;
	for (size_t i = 0; i < n; i++) {
		struct seen *s = seen_of(w, &rows[i]);

		if (s)
			add_rates(w, s, &rows[i].beat);
	}
	w->gets = a_second(w->gets, ms);
	w->puts = a_second(w->puts, ms);
	w->bytes_out = a_second(w->bytes_out, ms);
	w->bytes_in = a_second(w->bytes_in, ms);
	w->errors = a_second(w->errors, ms);
	w->rates_ms = now_ms;
	sum_latencies(w, rows, n);
}

/* --- parts --------------------------------------------------------------- */

static void fill_pool(struct lr_coordinator *k, const struct lr_coord_row *rows,
		      size_t n, struct lr_msg_watch_pool *m,
		      struct lr_writer *w)
{
	const struct lr_watchers *v = k->watchers;
	struct lr_coord_summary s;

	lr_coord_summarize(k->rules, &s);
	*m = (struct lr_msg_watch_pool){
		.run = lr_coord_view(k->rules)->run,
		.pool = *lr_coordinator_pool(k),
		.epoch = lr_coord_view(k->rules)->epoch,
		.health = (uint8_t)lr_query_health(k, &s, w),
		.donors_up = s.up,
		.donors_known = s.known,
		.stored = lr_catalog_bytes(k->catalog),
		.usable = s.usable,
		.objects = lr_catalog_count(k->catalog),
		.slots_full = s.full,
		.slots_short = s.short_,
		.slots_unavailable = s.unavailable,
		.slots_lost = s.lost,
		.rec_left = lr_coord_recovery_left(k->rules),
		.paused = lr_coord_is_paused(k->rules),
		.survives_donor = s.survives_donor,
		.survives_machine = s.survives_machine,
		.encrypted = k->b.cfg->encrypt_links,
		.complete = s.unheard == 0,
		.gets = v->gets,
		.puts = v->puts,
		.bytes_out = v->bytes_out,
		.bytes_in = v->bytes_in,
		.errors = v->errors,
		.p50_us = v->p50_us,
		.p99_us = v->p99_us,
		.pool_name = lr_str(k->b.cfg->pool),
		.coordinator = lr_str(k->b.cfg->name),
	};
	for (size_t i = 0; i < n; i++) {
		if (rows[i].state == LR_DONOR_DOWN)
			continue;
		m->lent += rows[i].beat.lent;
		m->held += rows[i].beat.used;
	}
}

static void push_pool(struct lr_coordinator *k, const struct lr_coord_row *rows,
		      size_t n)
{
	struct lr_watchers *v = k->watchers;
	uint8_t text[4096], meta[LR_META_MAX];
	struct lr_writer w = lr_writer(text, sizeof text);
	struct lr_writer mw = lr_writer(meta, sizeof meta);
	struct lr_bulk bulk = { .p = text };
	struct lr_msg_watch_pool m;
	uint64_t sum;

	fill_pool(k, rows, n, &m, &w);
	lr_enc_watch_pool(&mw, &m);
	bulk.len = w.len;
	sum = XXH3_64bits_withSeed(meta, mw.len, XXH3_64bits(text, w.len));
	for (struct lr_peer *p = k->peers; p; p = p->next)
		if (p->watches && (p->watch_whole || sum != v->pool_sum))
			lr_link_send(p->link, LR_M_WATCH_POOL, 0, meta, mw.len,
				     bulk.len ? &bulk : NULL);
	v->pool_sum = sum;
}

static void push_pending(struct lr_coordinator *k)
{
	struct lr_watchers *v = k->watchers;
	struct lr_writer w = lr_writer(v->buf, sizeof v->buf);
	struct lr_bulk bulk = { .p = v->buf };
	struct lr_msg_watch_pending m = { 0 };
	uint64_t sum;

	lr_query_pending(k, &w);
	bulk.len = w.len;
	sum = XXH3_64bits(v->buf, w.len);
	for (struct lr_peer *p = k->peers; p; p = p->next)
		if (p->watches && (p->watch_whole || sum != v->pending_sum))
			LR_SEND(p->link, WATCH_PENDING, watch_pending, 0, &m,
				bulk.len ? &bulk : NULL);
	v->pending_sum = sum;
}

/* `since` is told by the wall clock: only a real change is one. */
static void enc_donor(struct lr_watchers *v, const struct lr_coord_row *row,
		      struct lr_writer *w, bool all)
{
	struct seen *s = seen_of(v, row);
	size_t at = w->len;
	char address[LR_ADDRS_MAX];
	struct lr_rec_donor d = lr_query_donor(row, address, sizeof address);
	uint64_t sum, moved;

	if (!s || w->cap - w->len < 1024)
		return;
	moved = d.since_ms > s->since_ms ? d.since_ms - s->since_ms :
					   s->since_ms - d.since_ms;
	if (moved < 1000)
		d.since_ms = s->since_ms;
	s->since_ms = d.since_ms;
	s->there = true;
	lr_enc_rec_donor(w, &d);
	sum = XXH3_64bits(w->p + at, w->len - at);
	if (!all && sum == s->sum)
		w->len = at;
	if (!all)
		s->sum = sum;
}

/* Rows that were pushed and are no more. */
static void enc_gone(struct lr_watchers *v, struct lr_writer *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n_seen; i++) {
		struct lr_rec_donor d = { .dev = v->seen[i].dev,
					  .inc = v->seen[i].inc,
					  .state = LR_DONOR_GONE };

		if (v->seen[i].there) {
			v->seen[kept++] = v->seen[i];
			continue;
		}
		lr_enc_rec_donor(w, &d);
	}
	v->n_seen = kept;
}

static void send_donors(struct lr_coordinator *k, bool whole,
			const struct lr_writer *w)
{
	struct lr_msg_watch_donors m = { .whole = whole };
	struct lr_bulk bulk = { .p = w->p, .len = w->len };

	for (struct lr_peer *p = k->peers; p; p = p->next)
		if (p->watches && p->watch_whole == whole)
			LR_SEND(p->link, WATCH_DONORS, watch_donors, 0, &m,
				bulk.len ? &bulk : NULL);
}

static void push_donors(struct lr_coordinator *k,
			const struct lr_coord_row *rows, size_t n, bool newcomer)
{
	struct lr_watchers *v = k->watchers;
	struct lr_writer w = lr_writer(v->buf, sizeof v->buf);

	for (size_t i = 0; i < v->n_seen; i++)
		v->seen[i].there = false;
	for (size_t i = 0; i < n; i++)
		enc_donor(v, &rows[i], &w, false);
	enc_gone(v, &w);
	if (w.len)
		send_donors(k, false, &w);
	if (!newcomer)
		return;
	w.len = 0;
	for (size_t i = 0; i < n; i++)
		enc_donor(v, &rows[i], &w, true);
	send_donors(k, true, &w);
}

/* --- pushing --------------------------------------------------------------- */

static void push(struct lr_coordinator *k, bool newcomer, uint64_t now_ms)
{
	size_t n = lr_coord_rows(k->rules, NULL, 0);
	struct lr_coord_row *rows = calloc(n ? n : 1, sizeof *rows);

	if (!rows)
		return;
	n = lr_coord_rows(k->rules, rows, n);
	if (now_ms >= k->watchers->figures_ms) {
		figures(k->watchers, rows, n, now_ms);
		k->watchers->figures_ms = now_ms + FIGURES_MS;
	}
	push_pool(k, rows, n);
	push_donors(k, rows, n, newcomer);
	push_pending(k);
	free(rows);
	for (struct lr_peer *p = k->peers; p; p = p->next) {
		if (!p->watches)
			continue;
		push_events(p);
		if (p->watch_whole)
			lr_push_devices_to(p);
		p->watch_whole = false;
		if (lr_link_queued(p->link) > QUEUE_MAX)
			lr_link_close(p->link, LR_E_TIMEOUT);
	}
}

void lr_watchers_tick(struct lr_coordinator *k, uint64_t now_ms)
{
	struct lr_watchers *v = k->watchers;
	bool anyone = false, newcomer = false;

	for (struct lr_peer *p = k->peers; p; p = p->next) {
		anyone |= p->watches;
		newcomer |= p->watches && p->watch_whole;
	}
	if (!anyone || now_ms < v->push_ms)
		return;
	if (!v->changed && !newcomer && now_ms < v->figures_ms)
		return;
	v->push_ms = now_ms + PUSH_MS;
	v->changed = false;
	push(k, newcomer, now_ms);
}

static void serve_watch(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_done r = { .text = lr_str("") };

	p->watches = p->watch_whole = true;
	LR_SEND(p->link, DONE, done, f->h.req, &r, NULL);
}

bool lr_watchers_frame(struct lr_peer *p, const struct lr_frame *f)
{
	static const struct lr_question questions[] = {
		{ LR_M_WATCH, serve_watch },
		{ LR_M_EVENTS, serve_events },
		{ 0 },
	};

	return lr_query_serve(questions, p, f);
}
