/* SPDX-License-Identifier: Apache-2.0 */
/* What came from a daemon, into the model: pushes of a watch, and answers. */
#include "tui/feed_i.h"

#include "wire/eventcodec.h"

/* --- pushes --------------------------------------------------------------- */

static void take_pool(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_watch_pool m;
	struct lr_rec_text reason;
	struct tui_pool p;

	if (!lr_dec_watch_pool(fr->meta, fr->h.meta, &m))
		return;
	p = (struct tui_pool){.run = m.run,
			      .epoch = m.epoch,
			      .lent = m.lent,
			      .held = m.held,
			      .stored = m.stored,
			      .usable = m.usable,
			      .objects = m.objects,
			      .rec_left = m.rec_left,
			      .gets = m.gets,
			      .puts = m.puts,
			      .bytes_out = m.bytes_out,
			      .bytes_in = m.bytes_in,
			      .errors = m.errors,
			      .p50_us = m.p50_us,
			      .p99_us = m.p99_us,
			      .donors_up = m.donors_up,
			      .donors_known = m.donors_known,
			      .full = m.slots_full,
			      .short_ = m.slots_short,
			      .unavailable = m.slots_unavailable,
			      .lost = m.slots_lost,
			      .health = m.health,
			      .paused = m.paused,
			      .encrypted = m.encrypted,
			      .survives_donor = m.survives_donor,
			      .survives_machine = m.survives_machine,
			      .complete = m.complete};
	lr_str_copy(m.pool_name, p.pool_name, sizeof p.pool_name);
	lr_str_copy(m.coordinator, p.coordinator, sizeof p.coordinator);
	while (r.left && p.n_reasons < 6 && lr_dec_rec_text(&r, &reason))
		lr_str_copy(reason.text, p.reasons[p.n_reasons++],
			    sizeof p.reasons[0]);
	f->watching = true;
	tui_model_pool(f->s.m, &p);
}

static void take_donors(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_watch_donors m;
	struct lr_rec_donor rec;

	if (!lr_dec_watch_donors(fr->meta, fr->h.meta, &m))
		return;
	if (m.whole)
		tui_model_donors_begin(f->s.m);
	while (r.left && lr_dec_rec_donor(&r, &rec)) {
		struct tui_donor d = {.dev = rec.dev,
				      .inc = rec.inc,
				      .lent = rec.lent,
				      .held = rec.held,
				      .host_available = rec.host_available,
				      .entries = rec.entries,
				      .since_ms = rec.since_ms,
				      .p50_us = rec.p50_us,
				      .p99_us = rec.p99_us,
				      .slots_lost = rec.slots_lost,
				      .slots_short = rec.slots_short,
				      .state = rec.state};

		lr_str_copy(rec.name, d.name, sizeof d.name);
		lr_str_copy(rec.address, d.address, sizeof d.address);
		lr_str_copy(rec.version, d.version, sizeof d.version);
		tui_model_donor(f->s.m, &d);
	}
	if (m.whole)
		tui_model_donors_end(f->s.m);
}

static void take_pending(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_rec_pending rec;
	struct tui_pending all[64];
	size_t n = 0;

	while (r.left && n < 64 && lr_dec_rec_pending(&r, &rec)) {
		struct tui_pending *p = &all[n++];

		*p = (struct tui_pending){.dev = rec.dev,
					  .since_ms = rec.since_ms,
					  .roles = rec.roles};
		lr_str_copy(rec.code, p->code, sizeof p->code);
		lr_str_copy(rec.name, p->name, sizeof p->name);
		lr_str_copy(rec.address, p->address, sizeof p->address);
	}
	tui_model_pending(f->s.m, all, n);
}

static void take_devices(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_devices m;
	struct lr_rec_device rec;
	bool first;

	if (!lr_dec_devices(fr->meta, fr->h.meta, &m))
		return;
	first = m.part == 0;
	while (r.left && lr_dec_rec_device(&r, &rec)) {
		struct tui_device d = {.dev = rec.dev, .roles = rec.roles};

		lr_str_copy(rec.name, d.name, sizeof d.name);
		tui_model_device(f->s.m, &d, first);
		first = false;
	}
}

static void take_events(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_watch_events m;
	struct lr_event e;

	if (!lr_dec_watch_events(fr->meta, fr->h.meta, &m))
		return;
	while (r.left && lr_dec_event(&r, &e))
		tui_model_event(f->s.m, m.run, &e);
}

void tui_feed_take_error(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_msg_error m;
	char text[256] = "the coordinator does not answer";

	if (lr_dec_error(fr->meta, fr->h.meta, &m) && m.text.n)
		lr_str_copy(m.text, text, sizeof text);
	tui_feed_away(f, text);
}

void tui_feed_take(struct tui_feed *f, const struct lr_frame *fr)
{
	switch (fr->h.type) {
	case LR_M_WATCH_POOL:
		take_pool(f, fr);
		break;
	case LR_M_WATCH_DONORS:
		take_donors(f, fr);
		break;
	case LR_M_WATCH_PENDING:
		take_pending(f, fr);
		break;
	case LR_M_WATCH_EVENTS:
		take_events(f, fr);
		break;
	case LR_M_DEVICES:
		take_devices(f, fr);
		break;
	default:
		break;
	}
}

/* --- answers -------------------------------------------------------------- */

static void take_browse(struct tui_feed *f, const struct lr_frame *fr,
			const struct tui_browse *b)
{
	struct lr_msg_browse_r m;

	if (!lr_dec_browse_r(fr->meta, fr->h.meta, &m))
		return;
	tui_rows_take(f->s.m, b, &m, lr_reader(fr->bulk, fr->h.bulk));
	f->s.answered_cb(f->s.arg);
}

/* The donors themselves are asked, by the requester of this machine; they know
 * whole IDs. */
static void ask_verified(struct tui_feed *f)
{
	struct lr_msg_verified m = {.id = f->s.m->open_id,
				    .entries = f->s.m->copies_entries};

	if (!f->s.m->open_cut)
		TUI_FEED_ASK(&f->conn[TUI_FEED_REQUESTER], VERIFIED, verified,
			     &m, NULL);
}

static void take_copies(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_rec_copy rec;
	struct lr_msg_copies_r m;
	struct tui_copy all[TUI_COPIES];
	size_t n = 0;

	if (!lr_dec_copies_r(fr->meta, fr->h.meta, &m))
		return;
	while (r.left && n < TUI_COPIES && lr_dec_rec_copy(&r, &rec)) {
		struct tui_copy *c = &all[n++];

		*c = (struct tui_copy){.dev = rec.dev,
				       .up = rec.up,
				       .entries = rec.entries,
				       .synced = rec.synced};
		lr_str_copy(rec.name, c->name, sizeof c->name);
	}
	tui_model_copies(f->s.m, all, n, m.entries);
	ask_verified(f);
}

static void take_verified(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_rec_verified rec;

	while (r.left && lr_dec_rec_verified(&r, &rec))
		tui_model_verified(f->s.m, &rec);
}

static void take_here(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_msg_here_r m;

	if (!lr_dec_here_r(fr->meta, fr->h.meta, &m))
		return;
	f->here.known = true;
	f->here.state = m.state;
	lr_str_copy(m.name, f->here.name, sizeof f->here.name);
	lr_str_copy(m.pool_name, f->here.pool_name, sizeof f->here.pool_name);
	lr_str_copy(m.coordinator, f->here.coordinator,
		    sizeof f->here.coordinator);
	lr_str_copy(m.code, f->here.code, sizeof f->here.code);
	tui_model_here(f->s.m, &f->here);
}

static void take_lend(struct tui_feed *f, const struct lr_frame *fr)
{
	struct lr_msg_lend_r m;

	if (!lr_dec_lend_r(fr->meta, fr->h.meta, &m))
		return;
	f->here.known = f->here.donor = true;
	f->here.lent = m.lent;
	f->here.used = m.used;
	f->here.host_available = m.host_available;
	lr_str_copy(m.spec, f->here.spec, sizeof f->here.spec);
	lr_str_copy(m.text, f->here.said, sizeof f->here.said);
	tui_model_here(f->s.m, &f->here);
	tui_model_given(f->s.m, lr_reader(fr->bulk, fr->h.bulk));
}

void tui_feed_take_answer(struct tui_feed *f, const struct lr_frame *fr,
			  const struct tui_feed_ask *a)
{
	struct tui_model *m = f->s.m;

	switch (fr->h.type) {
	case LR_M_BROWSE_R:
		take_browse(f, fr, &a->browse);
		break;
	case LR_M_WHATIF_R:
		m->whatif_known =
			lr_dec_whatif_r(fr->meta, fr->h.meta, &m->whatif);
		m->changes++;
		break;
	case LR_M_COPIES_R:
		take_copies(f, fr);
		break;
	case LR_M_VERIFIED_R:
		take_verified(f, fr);
		break;
	case LR_M_HERE_R:
		take_here(f, fr);
		break;
	case LR_M_LEND_R:
		take_lend(f, fr);
		break;
	default:
		break;
	}
}
