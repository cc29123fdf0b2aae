/* SPDX-License-Identifier: Apache-2.0 */
/* A pool that is not there: the coordinator's own rules (core/coord.h) with
 * donors made of a few numbers, and a clock of its own. The same seed gives
 * the same pool at the same second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/simulate_i.h"

#define OBJECTS 420
#define LOOKED_AT 100000 /* at once */

/* --- asked ---------------------------------------------------------------- */

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
		unsigned kind = (unsigned)tui_sim_draw(s, 6);

		for (unsigned k = 0; k < 16; k++)
			o.id.b[k] = (uint8_t)tui_sim_draw(s, 256);
		lr_id_set_class(&o.id, LR_NORMAL);
		o.size = 1000 + tui_sim_draw(s, 1u << (10 + tui_sim_draw(s, 14)));
		o.created_ms = START_UNIX_MS - tui_sim_draw(s, 90000000);
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
		const struct sim_donor *d = tui_sim_by_inc(s, cfg->mem[i]);

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
		struct sim_donor *d = tui_sim_by_inc(s, cfg->mem[i]);
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
			.ago_ms = s->now_ms - tui_sim_held_of(d, slot)->synced_ms,
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
	tui_sim_show_here(s);
	if (s->lend < was && src->m->n_given < TUI_GIVEN)
		src->m->given[src->m->n_given++] =
			(struct tui_given){ tui_sim_unix_ms(s), was - s->lend, s->lend,
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
	tui_sim_tell_event(s, admit ? LR_EVENT_ADMITTED : LR_EVENT_REFUSED,
			   &s->pending.dev, s->pending.name, 0, 0);
	tui_sim_want_in(s, false);
	if (!admit)
		return "refused elm";
	d = by_name(s, "elm");
	if (!d)
		d = tui_sim_add_donor(s, "elm");
	if (d && !d->alive)
		tui_sim_start_donor(s, d);
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
	tui_sim_tell_event(s,
			   undo ? LR_EVENT_USED_AGAIN : LR_EVENT_DRAINING,
			   &d->dev, NULL, 0, 0);
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
	tui_sim_act(s);
	tui_sim_count_used(s);
	tui_sim_show(s);
	return true;
}

/* --- life ----------------------------------------------------------------- */

static void step(struct sim *s)
{
	if (!tui_sim_step(s))
		return;
	tui_sim_count_used(s);
	tui_sim_show(s);
	tui_model_tick(s->s.m, tui_sim_unix_ms(s));
}

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
	while (s->n < donors && s->n < DONORS_MAX && tui_sim_add_donor(s, NULL))
		;
	for (unsigned i = 0; i < s->n; i++)
		tui_sim_start_donor(s, &s->d[i]);
	tui_simulate_run(&s->s, 1200); /* slots made, nothing to copy yet */
	fill_slots(s);
	tui_simulate_run(&s->s, (uint64_t)(o->start_s * 1000));
	tui_sim_count_used(s);
	tui_sim_show(s);
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	s->real_ms = uv_now(loop);
	uv_timer_start(&s->timer, timer_cb, 50, 50);
	return &s->s;
}
