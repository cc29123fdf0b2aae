/* SPDX-License-Identifier: Apache-2.0 */
/* Donors made of a few numbers, under the coordinator's own rules.
 *
 * Every PERIOD_S seconds one donor dies and comes back empty, one gives RAM
 * back to its owner, and a machine asks to be let in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/simulate_i.h"

#define BEAT_MS 100
#define SAMPLE_MS 500
#define PERIOD_S 90
#define PULL_BYTES_PER_S (40ull << 20) /* each donor's */

static const char *const names[] = {
	"birch", "cedar", "dune",  "fern",   "grove", "hazel", "iris",
	"juniper", "kelp", "larch", "maple", "nettle", "oak",  "pine",
	"quince", "rowan", "sage", "thistle", "umber", "vine", "willow", "yew",
};

uint64_t tui_sim_draw(struct sim *s, uint64_t below)
{
	uint64_t z = s->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below ? z % below : z;
}

uint64_t tui_sim_unix_ms(const struct sim *s)
{
	return START_UNIX_MS + s->now_ms;
}

/* --- donors --------------------------------------------------------------- */

struct sim_donor *tui_sim_by_inc(struct sim *s, uint64_t inc)
{
	unsigned lo = 0, hi = s->n_incs;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (s->by_inc[mid]->inc < inc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_incs && s->by_inc[lo]->inc == inc ? s->by_inc[lo] :
							      NULL;
}

static int compare_inc(const void *a, const void *b)
{
	uint64_t x = (*(struct sim_donor *const *)a)->inc;
	uint64_t y = (*(struct sim_donor *const *)b)->inc;

	return x < y ? -1 : x > y;
}

/* A donor has another incarnation. */
static void sort_incs(struct sim *s)
{
	s->n_incs = 0;
	for (unsigned i = 0; i < s->n; i++)
		if (s->d[i].inc)
			s->by_inc[s->n_incs++] = &s->d[i];
	qsort(s->by_inc, s->n_incs, sizeof *s->by_inc, compare_inc);
}

struct sim_donor *tui_sim_add_donor(struct sim *s, const char *name)
{
	struct sim_donor *d = &s->d[s->n];

	if (s->n == DONORS_MAX)
		return NULL;
	*d = (struct sim_donor){ .lent = (2 + tui_sim_draw(s, 4)) * GIB };
	d->free = d->lent + tui_sim_draw(s, 8) * GIB / 4;
	for (size_t i = 0; i < sizeof d->dev.b; i++)
		d->dev.b[i] = (uint8_t)tui_sim_draw(s, 256);
	if (name)
		snprintf(d->name, sizeof d->name, "%s", name);
	else if (s->next_name < sizeof names / sizeof *names)
		snprintf(d->name, sizeof d->name, "%s", names[s->next_name++]);
	else
		snprintf(d->name, sizeof d->name, "tree-%u", s->next_name++);
	d->at = tui_must(calloc(s->nslots, sizeof *d->at));
	d->queue = tui_must(calloc(s->nslots, sizeof *d->queue));
	s->n++;
	return d;
}

struct held *tui_sim_held_of(struct sim_donor *d, unsigned slot)
{
	if (d->at[slot])
		return &d->held[d->at[slot] - 1];
	if (d->n_held == d->cap_held) {
		d->cap_held = d->cap_held ? 2 * d->cap_held : 256;
		d->held = tui_must(realloc(d->held,
					   d->cap_held * sizeof *d->held));
	}
	d->held[d->n_held] = (struct held){ 0 };
	d->at[slot] = (uint16_t)++d->n_held;
	return &d->held[d->n_held - 1];
}

void tui_sim_start_donor(struct sim *s, struct sim_donor *d)
{
	struct lr_coord_donor hello = { .lent = d->lent };

	d->inc = tui_sim_draw(s, 0) | 1;
	sort_incs(s);
	d->alive = d->linked = s->moved = true;
	d->n_queue = d->n_held = 0;
	memset(d->at, 0, s->nslots * sizeof *d->at);
	hello.member.inc = d->inc;
	hello.member.dev = d->dev;
	hello.member.machine = d->dev;
	hello.member.shards = 1;
	snprintf(hello.member.name, sizeof hello.member.name, "%s", d->name);
	snprintf(hello.member.addrs, sizeof hello.member.addrs,
		 "10.7.0.%u:7451", (unsigned)(d - s->d) + 11);
	snprintf(hello.version, sizeof hello.version, "0.1.0");
	lr_coord_hello(s->c, &hello, NULL, 0, s->now_ms);
}

void tui_sim_kill_donor(struct sim *s, struct sim_donor *d)
{
	d->alive = d->linked = false;
	lr_coord_link_lost(s->c, d->inc, s->now_ms);
	lr_coord_refused(s->c, d->inc, s->now_ms);
}

static void beat(struct sim *s, struct sim_donor *d)
{
	uint32_t p50 = 22 + (uint32_t)tui_sim_draw(s, 9);
	struct lr_beat b = { .ticks = { s->now_ms / STEP_MS },
			     .shards = 1,
			     .lent = d->lent,
			     .used = d->used,
			     .host_available = d->free,
			     .entries = d->used / 200000,
			     .syncing = (uint32_t)d->n_queue,
			     .p50_us = p50,
			     .p99_us = p50 * (4 + (uint32_t)tui_sim_draw(s, 9)) };

	lr_coord_beat(s->c, d->inc, &b, s->now_ms);
}

void tui_sim_count_used(struct sim *s)
{
	const struct lr_view *v = lr_coord_view(s->c);

	if (!s->moved)
		return;
	s->moved = false;
	for (unsigned i = 0; i < s->n; i++)
		s->d[i].used = 0;
	for (unsigned n = s->first; n < s->first + s->nslots / 3; n++)
		for (unsigned i = 0; i < v->cfg[n].n; i++) {
			struct sim_donor *d = tui_sim_by_inc(s, v->cfg[n].mem[i]);

			if (d && tui_sim_held_of(d, n)->ce == v->cfg[n].ce)
				d->used += s->slot_bytes - tui_sim_held_of(d, n)->left;
		}
}

/* --- what the rules ask for ----------------------------------------------- */

static void add_reply(struct sim *s, const struct reply *r)
{
	s->replies = tui_must(realloc(s->replies, (s->n_replies + 1) *
							  sizeof *s->replies));
	s->replies[s->n_replies++] = *r;
}

static struct lr_slot_report report_of(const struct sim *s,
				       struct sim_donor *d, unsigned n)
{
	const struct held *h = tui_sim_held_of(d, n);
	const struct lr_cfg *cfg = &lr_coord_view(s->c)->cfg[n];
	struct lr_slot_report r = { .slot = n,
				    .result = LR_E_OK,
				    .prom = h->prom,
				    .status = h->status };

	if (h->ce && h->ce == cfg->ce)
		r.inst = *cfg;
	else
		r.inst.ce = h->ce;
	return r;
}

static void seal(struct sim *s, const struct lr_coord_act *a)
{
	struct sim_donor *d = tui_sim_by_inc(s, a->inc);
	struct reply r = { .to = LR_DO_SEAL, .epoch = a->epoch, .n = a->n };

	if (!d || !d->alive)
		return;
	r.donor = (unsigned)(d - s->d);
	r.reports = tui_must(calloc(a->n + 1, sizeof *r.reports));
	for (size_t i = 0; i < a->n; i++) {
		struct held *h = tui_sim_held_of(d, a->slots[i]);

		if (a->epoch > h->prom)
			h->prom = a->epoch;
		r.reports[i] = report_of(s, d, a->slots[i]);
	}
	add_reply(s, &r);
}

static void install_slot(struct sim *s, struct sim_donor *d, unsigned n)
{
	const struct lr_cfg *cfg = &lr_coord_view(s->c)->cfg[n];
	struct held *h = tui_sim_held_of(d, n);
	int me = lr_cfg_index(cfg, d->inc);
	bool had = h->status == LR_SLOT_SYNCED;
	bool holds = n >= s->first && n < s->first + s->nslots / 3;

	if (me < 0 || h->ce == cfg->ce)
		return;
	h->ce = h->prom = cfg->ce;
	s->moved = true;
	if (cfg->src >> me & 1) {
		if (h->status != LR_SLOT_SYNCED)
			h->synced_ms = s->now_ms;
		h->status = LR_SLOT_SYNCED;
		h->left = 0;
		return;
	}
	if (h->status != LR_SLOT_SYNCING)
		d->queue[d->n_queue++] = n;
	h->status = LR_SLOT_SYNCING;
	h->left = had || !holds ? 0 : (uint32_t)s->slot_bytes;
}

static void install(struct sim *s, const struct lr_coord_act *a)
{
	struct sim_donor *d = tui_sim_by_inc(s, a->inc);
	struct reply r = { .to = LR_DO_INSTALL, .epoch = a->epoch, .n = a->n };

	if (!d || !d->alive)
		return;
	r.donor = (unsigned)(d - s->d);
	r.reports = tui_must(calloc(a->n + 1, sizeof *r.reports));
	for (size_t i = 0; i < a->n; i++) {
		install_slot(s, d, a->slots[i]);
		r.reports[i] = report_of(s, d, a->slots[i]);
	}
	add_reply(s, &r);
}

void tui_sim_tell_event(struct sim *s, enum lr_event_kind kind,
			const struct lr_dev *dev, const char *name,
			uint64_t count, uint64_t ms)
{
	struct lr_event ev = { .at_ms = tui_sim_unix_ms(s),
			       .kind = kind,
			       .dev = *dev,
			       .count = count,
			       .ms = ms };

	for (unsigned i = 0; i < s->n && !name; i++)
		if (lr_dev_eq(&s->d[i].dev, dev))
			name = s->d[i].name;
	snprintf(ev.name, sizeof ev.name, "%s", name ? name : "");
	tui_model_event(s->s.m, 1, lr_events_add(s->events, &ev));
}

static void perform(struct sim *s, const struct lr_coord_act *a, bool *persist)
{
	struct sim_donor *d;

	switch (a->what) {
	case LR_DO_PREPARE:
	case LR_DO_COMMIT:
		*persist = true;
		break;
	case LR_DO_SEAL:
		seal(s, a);
		break;
	case LR_DO_INSTALL:
		install(s, a);
		break;
	case LR_DO_EVENT:
		tui_sim_tell_event(s, a->event, &a->dev, NULL, a->count, a->ms);
		break;
	case LR_DO_PROBE:
	case LR_DO_CONNECT:
	case LR_DO_MAY_LEAVE:
		add_reply(s, &(struct reply){ .to = a->what,
					      .target = a->what ==
							LR_DO_MAY_LEAVE ?
							a->inc :
							a->target });
		break;
	case LR_DO_CLOSE:
		d = tui_sim_by_inc(s, a->inc);
		if (d)
			d->linked = false;
		break;
	default:
		break;
	}
}

static void answer(struct sim *s, const struct reply *r)
{
	struct sim_donor *d = tui_sim_by_inc(s, r->target);

	switch (r->to) {
	case LR_DO_SEAL:
		lr_coord_sealed(s->c, s->d[r->donor].inc, r->epoch, r->reports,
				r->n, s->now_ms);
		break;
	case LR_DO_INSTALL:
		lr_coord_installed(s->c, s->d[r->donor].inc, r->epoch,
				   r->reports, r->n, s->now_ms);
		break;
	case LR_DO_MAY_LEAVE:
		if (d) {
			d->alive = d->linked = false;
			lr_coord_gone(s->c, d->inc, s->now_ms);
		}
		break;
	default:
		if (d && d->alive)
			lr_coord_reached(s->c, r->target, s->now_ms);
		else
			lr_coord_refused(s->c, r->target, s->now_ms);
		break;
	}
}

/* Until the rules have nothing more to say. */
void tui_sim_act(struct sim *s)
{
	struct lr_coord_act a;
	bool persist;

	do {
		struct reply *all;
		size_t n;

		persist = false;
		for (a = lr_coord_pop(s->c); a.what != LR_DO_NONE;
		     a = lr_coord_pop(s->c))
			perform(s, &a, &persist);
		all = s->replies;
		n = s->n_replies;
		s->replies = NULL;
		s->n_replies = 0;
		if (persist)
			lr_coord_persisted(s->c, s->now_ms);
		for (size_t i = 0; i < n; i++) {
			answer(s, &all[i]);
			free(all[i].reports);
		}
		free(all);
		persist |= n > 0;
	} while (persist);
}

/* --- time ----------------------------------------------------------------- */

static void pull(struct sim *s, struct sim_donor *d)
{
	uint64_t budget = PULL_BYTES_PER_S * STEP_MS / 1000;
	struct lr_slot_ce done[256];
	size_t n = 0, kept = 0, i;

	for (i = 0; i < d->n_queue && n < 256 && budget; i++) {
		unsigned slot = d->queue[i];
		struct held *h = tui_sim_held_of(d, slot);
		uint64_t take = h->left < budget ? h->left : budget;

		if (lr_coord_may_rest(s->c) && h->left)
			break;
		h->left -= (uint32_t)take;
		s->moved = true;
		budget -= take;
		if (h->status != LR_SLOT_SYNCING)
			continue;
		if (h->left) {
			break;
		}
		h->status = LR_SLOT_SYNCED;
		h->synced_ms = s->now_ms;
		done[n++] = (struct lr_slot_ce){ slot, h->ce };
	}
	for (; i < d->n_queue; i++)
		d->queue[kept++] = d->queue[i];
	d->n_queue = kept;
	if (n)
		lr_coord_synced(s->c, d->inc, done, n, s->now_ms);
}

void tui_sim_want_in(struct sim *s, bool on)
{
	struct lr_dev dev = { { 0x77 } };

	s->wants_in = on;
	s->pending = (struct tui_pending){ .dev = dev,
					   .since_ms = tui_sim_unix_ms(s),
					   .roles = LR_ROLE_DONOR |
						    LR_ROLE_REQUESTER };
	strcpy(s->pending.code, "tulip-otter-crane-wren");
	strcpy(s->pending.name, "elm");
	strcpy(s->pending.address, "10.7.0.77:49152");
	tui_model_pending(s->s.m, &s->pending, on);
	if (on)
		tui_sim_tell_event(s, LR_EVENT_WANTS_IN, &dev, "elm", 0, 0);
}

static void give_back(struct sim *s, struct sim_donor *d)
{
	uint64_t bytes = GIB;

	if (!d->alive || d->lent < 3 * GIB)
		return;
	d->lent -= bytes;
	d->free += bytes / 2;
	tui_sim_tell_event(s, LR_EVENT_GAVE_BACK, &d->dev, NULL, bytes, 300);
}

/* What happens in a second of the story. */
static void play(struct sim *s, uint64_t second)
{
	struct sim_donor *d;

	switch (second % PERIOD_S) {
	case 14:
		give_back(s, &s->d[tui_sim_draw(s, s->n)]);
		break;
	case 20:
		s->victim = (unsigned)tui_sim_draw(s, s->n);
		d = &s->d[s->victim];
		if (d->alive)
			tui_sim_kill_donor(s, d);
		break;
	case 24:
		if (!s->wants_in && s->n < DONORS_MAX)
			tui_sim_want_in(s, true);
		break;
	case 55:
		d = &s->d[s->victim];
		if (!d->alive)
			tui_sim_start_donor(s, d);
		break;
	default:
		break;
	}
}

bool tui_sim_step(struct sim *s)
{
	s->now_ms += STEP_MS;
	if (s->now_ms >= s->script_ms + 1000) {
		s->script_ms += 1000;
		play(s, s->script_ms / 1000);
	}
	if (s->now_ms >= s->beat_ms) {
		s->beat_ms = s->now_ms + BEAT_MS;
		for (unsigned i = 0; i < s->n; i++)
			if (s->d[i].linked)
				beat(s, &s->d[i]);
	}
	for (unsigned i = 0; i < s->n; i++)
		if (s->d[i].n_queue && s->d[i].alive)
			pull(s, &s->d[i]);
	lr_coord_tick(s->c, s->now_ms);
	tui_sim_act(s);
	if (s->now_ms < s->sample_ms)
		return false;
	s->sample_ms = s->now_ms + SAMPLE_MS;
	return true;
}
