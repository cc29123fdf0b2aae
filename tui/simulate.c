/* SPDX-License-Identifier: Apache-2.0 */
/* A pool that is not there: the coordinator's own rules (core/coord.h) with
 * donors made of a few numbers, and a clock of its own. The same seed gives
 * the same pool at the same second.
 *
 * Every PERIOD_S seconds one donor dies and comes back empty, one gives RAM
 * back to its owner, and a machine asks to be let in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "core/coord.h"
#include "tui/source.h"

#define STEP_MS 20
#define BEAT_MS 100
#define SAMPLE_MS 500
#define PERIOD_S 90
#define START_UNIX_MS 1767276000000u /* 2026-01-01 14:00:00 UTC */
#define DONORS_MAX 200
#define OBJECTS 420
#define LOOKED_AT 100000 /* at once */
#define GIB (1ull << 30)
#define PULL_BYTES_PER_S (40ull << 20) /* each donor's */

struct held { /* a donor's slot */
	uint64_t prom, ce;
	uint64_t synced_ms;
	uint32_t left; /* bytes to pull */
	uint8_t status;
};

struct sim_donor {
	struct lr_dev dev;
	uint64_t inc, lent, used, free;
	char name[LR_NAME_MAX];
	bool alive, linked;
	struct held *held; /* those it had to do with: few of all slots */
	unsigned n_held, cap_held;
	uint16_t *at; /* of each slot in `held`, from 1 */
	unsigned *queue; /* SYNCING slots */
	size_t n_queue;
};

struct reply { /* to the rules, after the actions */
	enum lr_coord_do to;
	unsigned donor;
	uint64_t epoch, target;
	struct lr_slot_report *reports;
	size_t n;
};

struct sim {
	struct tui_source s;
	uv_timer_t timer;
	uint64_t seed, now_ms, real_ms, beat_ms, sample_ms, script_ms;
	struct lr_coord *c;
	struct sim_donor *d, *by_inc[DONORS_MAX];
	unsigned n, n_incs, nslots, first;
	struct reply *replies;
	size_t n_replies;
	struct lr_events *events;
	struct tui_pending pending;
	bool wants_in, frozen, closing, still;
	bool moved; /* what donors hold, since it was counted */
	unsigned victim, next_name;
	struct lr_catalog *catalog;
	uint64_t lend;
	uint64_t slot_bytes;
};

static const char *const names[] = {
	"birch", "cedar", "dune",  "fern",   "grove", "hazel", "iris",
	"juniper", "kelp", "larch", "maple", "nettle", "oak",  "pine",
	"quince", "rowan", "sage", "thistle", "umber", "vine", "willow", "yew",
};

static uint64_t draw(struct sim *s, uint64_t below)
{
	uint64_t z = s->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below ? z % below : z;
}

static uint64_t unix_ms(const struct sim *s)
{
	return START_UNIX_MS + s->now_ms;
}

/* --- donors ------------------------------------------------------------------- */

static struct sim_donor *by_inc(struct sim *s, uint64_t inc)
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

static struct sim_donor *add_donor(struct sim *s, const char *name)
{
	struct sim_donor *d = &s->d[s->n];

	if (s->n == DONORS_MAX)
		return NULL;
	*d = (struct sim_donor){ .lent = (2 + draw(s, 4)) * GIB };
	d->free = d->lent + draw(s, 8) * GIB / 4;
	for (size_t i = 0; i < sizeof d->dev.b; i++)
		d->dev.b[i] = (uint8_t)draw(s, 256);
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

/* Good until it is asked for another one. */
static struct held *held_of(struct sim_donor *d, unsigned slot)
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

/* A new life, empty. */
static void start_donor(struct sim *s, struct sim_donor *d)
{
	struct lr_coord_donor hello = { .lent = d->lent };

	d->inc = draw(s, 0) | 1;
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

static void kill_donor(struct sim *s, struct sim_donor *d)
{
	d->alive = d->linked = false;
	lr_coord_link_lost(s->c, d->inc, s->now_ms);
	lr_coord_refused(s->c, d->inc, s->now_ms);
}

static void beat(struct sim *s, struct sim_donor *d)
{
	uint32_t p50 = 22 + (uint32_t)draw(s, 9);
	struct lr_beat b = { .tick = s->now_ms / STEP_MS,
			     .lent = d->lent,
			     .used = d->used,
			     .host_available = d->free,
			     .entries = d->used / 200000,
			     .syncing = (uint32_t)d->n_queue,
			     .p50_us = p50,
			     .p99_us = p50 * (4 + (uint32_t)draw(s, 9)) };

	lr_coord_beat(s->c, d->inc, &b, s->now_ms);
}

/* What each holds follows from the view, and from what was pulled. */
static void count_used(struct sim *s)
{
	const struct lr_view *v = lr_coord_view(s->c);

	if (!s->moved)
		return;
	s->moved = false;
	for (unsigned i = 0; i < s->n; i++)
		s->d[i].used = 0;
	for (unsigned n = s->first; n < s->first + s->nslots / 3; n++)
		for (unsigned i = 0; i < v->cfg[n].n; i++) {
			struct sim_donor *d = by_inc(s, v->cfg[n].mem[i]);

			if (d && held_of(d, n)->ce == v->cfg[n].ce)
				d->used += s->slot_bytes - held_of(d, n)->left;
		}
}

/* --- what the rules ask for ---------------------------------------------------- */

static void add_reply(struct sim *s, const struct reply *r)
{
	s->replies = tui_must(realloc(s->replies, (s->n_replies + 1) *
							  sizeof *s->replies));
	s->replies[s->n_replies++] = *r;
}

static struct lr_slot_report report_of(const struct sim *s,
				       struct sim_donor *d, unsigned n)
{
	const struct held *h = held_of(d, n);
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
	struct sim_donor *d = by_inc(s, a->inc);
	struct reply r = { .to = LR_DO_SEAL, .epoch = a->epoch, .n = a->n };

	if (!d || !d->alive)
		return;
	r.donor = (unsigned)(d - s->d);
	r.reports = tui_must(calloc(a->n + 1, sizeof *r.reports));
	for (size_t i = 0; i < a->n; i++) {
		struct held *h = held_of(d, a->slots[i]);

		if (a->epoch > h->prom)
			h->prom = a->epoch;
		r.reports[i] = report_of(s, d, a->slots[i]);
	}
	add_reply(s, &r);
}

static void install_slot(struct sim *s, struct sim_donor *d, unsigned n)
{
	const struct lr_cfg *cfg = &lr_coord_view(s->c)->cfg[n];
	struct held *h = held_of(d, n);
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
	struct sim_donor *d = by_inc(s, a->inc);
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

static void tell_event(struct sim *s, enum lr_event_kind kind,
		       const struct lr_dev *dev, const char *name,
		       uint64_t count, uint64_t ms)
{
	struct lr_event ev = { .at_ms = unix_ms(s),
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
		tell_event(s, a->event, &a->dev, NULL, a->count, a->ms);
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
		d = by_inc(s, a->inc);
		if (d)
			d->linked = false;
		break;
	default:
		break;
	}
}

static void answer(struct sim *s, const struct reply *r)
{
	struct sim_donor *d = by_inc(s, r->target);

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
static void act(struct sim *s)
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

/* --- time ------------------------------------------------------------------------ */

static void pull(struct sim *s, struct sim_donor *d)
{
	uint64_t budget = PULL_BYTES_PER_S * STEP_MS / 1000;
	struct lr_slot_ce done[256];
	size_t n = 0, kept = 0, i;

	for (i = 0; i < d->n_queue && n < 256 && budget; i++) {
		unsigned slot = d->queue[i];
		struct held *h = held_of(d, slot);
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

static void want_in(struct sim *s, bool on)
{
	struct lr_dev dev = { { 0x77 } };

	s->wants_in = on;
	s->pending = (struct tui_pending){ .dev = dev,
					   .since_ms = unix_ms(s),
					   .roles = LR_ROLE_DONOR |
						    LR_ROLE_REQUESTER };
	strcpy(s->pending.code, "tulip-otter-crane-wren");
	strcpy(s->pending.name, "elm");
	strcpy(s->pending.address, "10.7.0.77:49152");
	tui_model_pending(s->s.m, &s->pending, on);
	if (on)
		tell_event(s, LR_EVENT_WANTS_IN, &dev, "elm", 0, 0);
}

static void give_back(struct sim *s, struct sim_donor *d)
{
	uint64_t bytes = GIB;

	if (!d->alive || d->lent < 3 * GIB)
		return;
	d->lent -= bytes;
	d->free += bytes / 2;
	tell_event(s, LR_EVENT_GAVE_BACK, &d->dev, NULL, bytes, 300);
}

/* What happens in a second of the story. */
static void play(struct sim *s, uint64_t second)
{
	struct sim_donor *d;

	switch (second % PERIOD_S) {
	case 14:
		give_back(s, &s->d[draw(s, s->n)]);
		break;
	case 20:
		s->victim = (unsigned)draw(s, s->n);
		d = &s->d[s->victim];
		if (d->alive)
			kill_donor(s, d);
		break;
	case 24:
		if (!s->wants_in && s->n < DONORS_MAX)
			want_in(s, true);
		break;
	case 55:
		d = &s->d[s->victim];
		if (!d->alive)
			start_donor(s, d);
		break;
	default:
		break;
	}
}

static void show(struct sim *s);

static void step(struct sim *s)
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
	act(s);
	if (s->now_ms >= s->sample_ms) {
		s->sample_ms = s->now_ms + SAMPLE_MS;
		count_used(s);
		show(s);
		tui_model_tick(s->s.m, unix_ms(s));
	}
}

/* --- into the model ---------------------------------------------------------------- */

static void show_pool(struct sim *s, const struct lr_coord_row *rows, size_t n)
{
	struct lr_coord_summary sum;
	struct tui_pool p = { .run = 1, .encrypted = true, .complete = true };
	unsigned wave = (unsigned)(s->now_ms / 1000 % 24);

	lr_coord_summarize(s->c, &sum);
	p.epoch = lr_coord_view(s->c)->epoch;
	p.stored = s->slot_bytes * (s->nslots / 3);
	p.usable = sum.usable;
	p.objects = lr_catalog_count(s->catalog);
	p.donors_up = sum.up;
	p.donors_known = sum.known;
	p.full = sum.full;
	p.short_ = sum.short_;
	p.unavailable = sum.unavailable;
	p.lost = sum.lost;
	p.survives_donor = sum.survives_donor;
	p.survives_machine = sum.survives_machine;
	p.rec_left = lr_coord_recovery_left(s->c);
	p.paused = lr_coord_is_paused(s->c);
	p.health = sum.unavailable || sum.lost ? LR_HEALTH_CRITICAL :
		   sum.short_		       ? LR_HEALTH_DEGRADED :
						 LR_HEALTH_OK;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].state == LR_DONOR_DOWN)
			continue;
		p.lent += rows[i].beat.lent;
		p.held += rows[i].beat.used;
		p.p50_us = rows[i].beat.p50_us;
		if (rows[i].beat.p99_us > p.p99_us)
			p.p99_us = rows[i].beat.p99_us;
	}
	p.gets = 700 + (wave < 12 ? wave : 24 - wave) * 60 + draw(s, 120);
	p.puts = 40 + draw(s, 80);
	p.bytes_out = p.gets * 46000;
	p.bytes_in = p.puts * 190000;
	strcpy(p.pool_name, "home");
	strcpy(p.coordinator, "anvil");
	if (p.paused)
		strcpy(p.reasons[p.n_reasons++], "the rebuild is paused");
	tui_model_pool(s->s.m, &p);
}

static void show_donor(struct sim *s, const struct lr_coord_row *row)
{
	struct tui_donor d = { .dev = row->d.member.dev,
			       .inc = row->d.member.inc,
			       .lent = row->beat.lent,
			       .held = row->beat.used,
			       .host_available = row->beat.host_available,
			       .entries = row->beat.entries,
			       .since_ms = START_UNIX_MS + row->since_ms,
			       .p50_us = row->beat.p50_us,
			       .p99_us = row->beat.p99_us,
			       .slots_lost = row->slots_lost,
			       .slots_short = row->slots_short,
			       .state = (uint8_t)row->state };

	snprintf(d.name, sizeof d.name, "%s", row->d.member.name);
	snprintf(d.address, sizeof d.address, "%.90s", row->d.member.addrs);
	snprintf(d.version, sizeof d.version, "%s", row->d.version);
	tui_model_donor(s->s.m, &d);
}

static void show_devices(struct sim *s)
{
	struct tui_device d = { .dev = { { 0x11 } },
				.roles = LR_ROLE_REQUESTER | LR_ROLE_ADMIN };

	strcpy(d.name, "anvil");
	tui_model_device(s->s.m, &d, true);
	for (unsigned i = 0; i < s->n; i++) {
		d = (struct tui_device){ .dev = s->d[i].dev,
					 .roles = LR_ROLE_DONOR |
						  LR_ROLE_REQUESTER };
		snprintf(d.name, sizeof d.name, "%s", s->d[i].name);
		tui_model_device(s->s.m, &d, false);
	}
}

static void show_here(struct sim *s)
{
	struct tui_here h = { .known = true,
			      .donor = true,
			      .state = LR_HERE_READY,
			      .lent = s->lend,
			      .used = s->lend / 2,
			      .host_available = 12 * GIB - s->lend };

	strcpy(h.name, "anvil");
	strcpy(h.pool_name, "home");
	strcpy(h.coordinator, "10.7.0.1:7450");
	snprintf(h.spec, sizeof h.spec, "%llu GiB",
		 (unsigned long long)(s->lend / GIB));
	tui_model_here(s->s.m, &h);
}

static void show(struct sim *s)
{
	size_t n = lr_coord_rows(s->c, NULL, 0);
	struct lr_coord_row *rows = tui_must(calloc(n + 1, sizeof *rows));

	s->s.m->now_ms = unix_ms(s);
	n = lr_coord_rows(s->c, rows, n);
	show_pool(s, rows, n);
	tui_model_donors_begin(s->s.m);
	for (size_t i = 0; i < n; i++)
		show_donor(s, &rows[i]);
	tui_model_donors_end(s->s.m);
	show_here(s);
	show_devices(s);
	free(rows);
}

/* --- asked ------------------------------------------------------------------------- */

static void make_objects(struct sim *s, unsigned n)
{
	static const char *const kinds[] = { "photos", "build", "backup",
					     "notes",  "video", "dataset" };
	static const char *const ends[] = { "tar", "img", "zst", "txt", "mkv",
					    "parquet" };
	struct lr_object o = { .flags = LR_OBJECT_CLOSED,
			       .state = LR_OBJECT_THERE };
	char name[40];

	o.name = name;
	for (unsigned i = 0; i < n; i++) {
		unsigned kind = (unsigned)draw(s, 6);

		for (unsigned k = 0; k < 16; k++)
			o.id.b[k] = (uint8_t)draw(s, 256);
		lr_id_set_class(&o.id, LR_NORMAL);
		o.size = 1000 + draw(s, 1u << (10 + draw(s, 14)));
		o.created_ms = START_UNIX_MS - draw(s, 90000000);
		snprintf(name, sizeof name, "%s-%03u.%s", kinds[kind], i,
			 ends[kind]);
		if (!lr_catalog_put(s->catalog, &o))
			tui_must(NULL);
	}
}

static unsigned synced_copies(struct sim *s, unsigned slot, char *donors,
			      size_t cap)
{
	const struct lr_cfg *cfg = &lr_coord_view(s->c)->cfg[slot];
	unsigned n = 0;

	donors[0] = '\0';
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct sim_donor *d = by_inc(s, cfg->mem[i]);

		if (!d || !d->alive || !lr_cfg_synced(cfg, cfg->mem[i]))
			continue;
		snprintf(donors + strlen(donors), cap - strlen(donors), "%s%s",
			 n++ ? "," : "", d->name);
	}
	return n;
}

struct piece {
	struct sim *s;
	struct lr_writer w;
	uint64_t matches;
	const struct tui_browse *b;
};

static bool piece_cb(void *arg, const struct lr_object *o)
{
	struct piece *p = arg;
	char donors[200];
	struct lr_rec_listed r = { .id = o->id,
				   .size = o->size,
				   .created_ms = o->created_ms,
				   .wanted = 2,
				   .name = lr_str(o->name),
				   .owner_name = lr_str("anvil") };

	if (p->b->what == TUI_ROWS_COUNT) {
		p->matches++;
		return true;
	}
	if (p->matches == p->b->most || p->w.cap - p->w.len < 1200)
		return false;
	p->matches++;
	r.copies = (uint8_t)synced_copies(
		p->s, lr_id_slot(&o->id) % p->s->nslots, donors, sizeof donors);
	r.donors = lr_str(donors);
	lr_enc_rec_listed(&p->w, &r);
	return true;
}

static void sim_browse(struct tui_source *src, const struct tui_browse *b)
{
	static uint8_t buf[LR_BULK_MAX];
	struct sim *s = (struct sim *)src;
	struct piece p = { .s = s, .w = lr_writer(buf, sizeof buf), .b = b };
	struct lr_asker who = { .admin = true };
	struct lr_catalog_browse q = {
		.who = &who,
		.pattern = b->pattern,
		.find = b->find,
		.from = b->first ? NULL : &b->from,
		.back = b->what == TUI_ROWS_LAST || b->what == TUI_ROWS_BEFORE,
		.most = LOOKED_AT
	};
	struct lr_msg_browse_r r = { .at = b->from };

	r.more = !lr_catalog_browse(s->catalog, &q, &r.at, piece_cb, &p);
	r.matches = p.matches;
	tui_rows_take(src->m, b, &r, lr_reader(buf, p.w.len));
}

static void sim_whatif(struct tui_source *src, const uint64_t *incs, size_t n)
{
	struct sim *s = (struct sim *)src;
	struct lr_whatif w;

	lr_coord_whatif(s->c, incs, n, &w);
	src->m->whatif = (struct lr_msg_whatif_r){
		.readable = w.readable,	    .full = w.full,
		.short_ = w.short_,	    .lost = w.lost,
		.unavailable = w.unavailable, .donors_left = w.donors_left,
		.lost_bytes = w.lost_bytes,   .copy_bytes = w.copy_bytes,
		.room_bytes = w.room_bytes,   .fits = w.fits
	};
	src->m->whatif_known = true;
	src->m->changes++;
}

static void sim_copies(struct tui_source *src, const struct lr_id *id)
{
	struct sim *s = (struct sim *)src;
	unsigned slot = lr_id_slot(id) % s->nslots;
	const struct lr_cfg *cfg = &lr_coord_view(s->c)->cfg[slot];
	struct tui_copy all[LR_MEM_MAX];
	struct lr_rec_verified said[LR_MEM_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < cfg->n; i++) {
		struct sim_donor *d = by_inc(s, cfg->mem[i]);
		bool synced = d && lr_cfg_synced(cfg, d->inc);

		if (!d)
			continue;
		all[n] = (struct tui_copy){ .dev = d->dev,
					    .up = d->alive,
					    .entries = 1,
					    .synced = synced };
		snprintf(all[n].name, sizeof all[n].name, "%s", d->name);
		said[n++] = (struct lr_rec_verified){
			.dev = d->dev,
			.err = d->alive ? LR_E_OK : LR_E_UNREACHABLE,
			.there = synced,
			.ago_ms = s->now_ms - held_of(d, slot)->synced_ms,
			.trip_us = 140 + d->dev.b[0] % 40
		};
	}
	tui_model_copies(src->m, all, n, 1);
	for (size_t i = 0; i < n; i++)
		tui_model_verified(src->m, &said[i]);
}

static void sim_lend(struct tui_source *src, const char *spec)
{
	struct sim *s = (struct sim *)src;
	uint64_t bytes, was = s->lend;

	if (!strcmp(spec, "auto"))
		s->lend = 4 * GIB;
	else if (lr_parse_size(spec, 16 * GIB, &bytes))
		s->lend = bytes < 12 * GIB ? bytes : 12 * GIB;
	show_here(s);
	if (s->lend < was && src->m->n_given < TUI_GIVEN)
		src->m->given[src->m->n_given++] =
			(struct tui_given){ unix_ms(s), was - s->lend, s->lend,
					    LR_GIVEN_ASKED };
}

static void sim_freeze(struct tui_source *src, bool frozen)
{
	struct sim *s = (struct sim *)src;

	s->frozen = frozen;
	s->still = false;
	s->real_ms = uv_now(s->timer.loop);
}

static struct sim_donor *by_name(struct sim *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->d[i].name, name) ||
		    lr_dev_matches(name, &s->d[i].dev))
			return &s->d[i];
	return NULL;
}

static const char *sim_admit(struct sim *s, const char *ref, bool admit)
{
	struct sim_donor *d;

	if (!s->wants_in || (strcmp(ref, s->pending.code) &&
			     strcmp(ref, s->pending.name)))
		return "no device with that code or name asks to be let in";
	tell_event(s, admit ? LR_EVENT_ADMITTED : LR_EVENT_REFUSED,
		   &s->pending.dev, s->pending.name, 0, 0);
	want_in(s, false);
	if (!admit)
		return "refused elm";
	d = by_name(s, "elm");
	if (!d)
		d = add_donor(s, "elm");
	if (d && !d->alive)
		start_donor(s, d);
	return "admitted elm";
}

static const char *sim_donor_command(struct sim *s, int argc, char **argv)
{
	struct sim_donor *d = argc > 1 ? by_name(s, argv[1]) : NULL;
	bool undo = argc > 2 && !strcmp(argv[2], "--undo");

	if (!d)
		return "no such donor";
	if (!strcmp(argv[0], "forget"))
		return lr_coord_forget(s->c, &d->dev, s->now_ms) ?
			       "it is up: drain it instead" :
			       "forgotten: what was on it alone is lost";
	if (lr_coord_drain(s->c, &d->dev, undo, s->now_ms))
		return "the other donors have no room for what it holds";
	tell_event(s, undo ? LR_EVENT_USED_AGAIN : LR_EVENT_DRAINING, &d->dev,
		   NULL, 0, 0);
	return undo ? "back in use" : "draining";
}

static const char *run_command(struct sim *s, int argc, char **argv)
{
	const char *name = argv[0], *arg = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "admit") || !strcmp(name, "refuse"))
		return sim_admit(s, arg, name[0] == 'a');
	if (!strcmp(name, "drain") || !strcmp(name, "forget"))
		return sim_donor_command(s, argc, argv);
	if (!strcmp(name, "rebuild") && (!strcmp(arg, "pause") ||
					 !strcmp(arg, "resume"))) {
		lr_coord_pause(s->c, arg[0] == 'p');
		return arg[0] == 'p' ? "paused" : "the rebuild goes on";
	}
	return "this pool is simulated: there is nothing for this command";
}

static bool sim_command(struct tui_source *src, int argc, char **argv,
			char *out, size_t cap)
{
	struct sim *s = (struct sim *)src;

	snprintf(out, cap, "%s", run_command(s, argc, argv));
	act(s);
	count_used(s);
	show(s);
	return true;
}

/* --- life ------------------------------------------------------------------------- */

void tui_simulate_run(struct tui_source *src, uint64_t ms)
{
	struct sim *s = (struct sim *)src;

	for (; ms >= STEP_MS; ms -= STEP_MS)
		step(s);
}

static void timer_cb(uv_timer_t *timer)
{
	struct sim *s = timer->data;
	uint64_t now = uv_now(timer->loop), ms = now - s->real_ms;

	if (s->closing)
		return;
	if (s->frozen || s->still) {
		s->real_ms = now;
		return;
	}
	ms -= ms % STEP_MS;
	s->real_ms += ms;
	tui_simulate_run(&s->s, ms < 1000 ? ms : 1000);
}

static void sim_tick(struct tui_source *src)
{
	(void)src; /* its own time is in the model */
}

static void closed_cb(uv_handle_t *h)
{
	struct sim *s = h->data;

	lr_coord_free(s->c);
	lr_catalog_free(s->catalog);
	for (unsigned i = 0; i < s->n; i++) {
		free(s->d[i].held);
		free(s->d[i].at);
		free(s->d[i].queue);
	}
	free(s->d);
	free(s->events);
	free(s);
}

static void sim_close(struct tui_source *src)
{
	struct sim *s = (struct sim *)src;

	s->closing = true;
	uv_close((uv_handle_t *)&s->timer, closed_cb);
}

static const struct tui_source_ops ops = {
	sim_browse, sim_whatif,	 sim_copies, sim_lend,
	sim_freeze, sim_command, sim_tick,   sim_close,
};

static void fill_slots(struct sim *s)
{
	for (unsigned n = 0; n < s->nslots; n++) {
		bool holds = n >= s->first && n < s->first + s->nslots / 3;

		lr_coord_slot_usage(s->c, n, holds ? 4 : 0,
				    holds ? s->slot_bytes : 0);
	}
}

struct tui_source *tui_simulate_new(struct tui_model *m, uv_loop_t *loop,
				    const struct tui_simulation *o)
{
	struct sim *s = tui_must(calloc(1, sizeof *s));
	unsigned donors = o->donors ? o->donors : 5;
	struct lr_coord_params p = { .nslots = LR_SLOTS,
				     .suspect = lr_suspect_defaults,
				     .seal_wait_ms = 200,
				     .rebuild_delay_ms = 2000,
				     .settle_ms = 300,
				     .run = 1 };

	s->s = (struct tui_source){ .ops = &ops, .m = m };
	s->seed = o->seed;
	s->now_ms = 1000;
	s->nslots = p.nslots;
	s->first = s->nslots / 3; /* the class of two copies */
	s->slot_bytes = donors * (600ull << 20) / (s->nslots / 3);
	s->lend = 4 * GIB;
	s->still = o->still;
	s->d = tui_must(calloc(DONORS_MAX, sizeof *s->d));
	s->events = tui_must(calloc(1, sizeof *s->events));
	s->c = tui_must(lr_coord_new(&p, NULL, 0, s->now_ms));
	m->simulated = true;
	s->catalog = tui_must(lr_catalog_new(s->nslots));
	make_objects(s, o->objects ? o->objects : OBJECTS);
	while (s->n < donors && s->n < DONORS_MAX && add_donor(s, NULL))
		;
	for (unsigned i = 0; i < s->n; i++)
		start_donor(s, &s->d[i]);
	tui_simulate_run(&s->s, 1200); /* slots made, nothing to copy yet */
	fill_slots(s);
	tui_simulate_run(&s->s, (uint64_t)(o->start_s * 1000));
	count_used(s);
	show(s);
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	s->real_ms = uv_now(loop);
	uv_timer_start(&s->timer, timer_cb, 50, 50);
	return &s->s;
}
