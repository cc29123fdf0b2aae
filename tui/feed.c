/* SPDX-License-Identifier: Apache-2.0 */
/* The pool into the model, through a daemon of this machine:
 *
 *   1 connect to coordinator.sock, or to requester.sock where that is not
 *   2 HELLO, then WATCH; what is pushed from then on goes into the model
 *   3 the link breaks, WATCH is refused, or the daemon says that the
 *     coordinator is away: told, and from 1 (or WATCH) again after RETRY_MS
 *
 * Beside it, a link to donor.sock and HERE of the requester tell how this
 * machine stands, asked once in HERE_MS while that screen is looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/link.h"
#include "tui/source.h"

#define RETRY_MS 500
#define ASK_MS 15000
#define HERE_MS 1000

enum socket { COORDINATOR, REQUESTER, DONOR, SOCKETS };

static const char *const socket_names[] = { "coordinator", "requester",
					    "donor" };

struct feed;

struct conn { /* to one daemon */
	struct feed *f;
	enum socket which;
	struct lr_link *link; /* NULL: none */
	bool open, refused;
	uint64_t retry_ms;
};

struct feed {
	struct tui_source s;
	uv_loop_t *loop;
	const struct lr_config *cfg;
	struct conn conn[SOCKETS];
	uv_timer_t timer;
	struct conn *main; /* who is watched */
	bool watching, asked_watch, frozen, closing;
	uint64_t watch_ms, here_ms, run;
	unsigned out; /* requests on their way */
	bool timer_closed;
	struct tui_here here;
};

static void link_close_cb(struct lr_link *link, enum lr_err why, void *arg);
static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg);
static void open_cb(struct lr_link *link, void *arg);

static const struct lr_link_ops link_ops = { open_cb, frame_cb, link_close_cb,
					     NULL };

/* --- links ------------------------------------------------------------------------ */

static void connect_to(struct conn *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (c->link || uv_now(c->f->loop) < c->retry_ms)
		return;
	c->retry_ms = uv_now(c->f->loop) + RETRY_MS;
	if ((size_t)snprintf(a.sun_path, sizeof a.sun_path, "%s/%s.sock",
			     c->f->cfg->run_dir, socket_names[c->which]) >=
	    sizeof a.sun_path)
		return;
	c->link = lr_link_connect(c->f->loop, (struct sockaddr *)&a, NULL,
				  &link_ops, c);
}

static void drop(struct feed *f)
{
	for (size_t i = 0; i < SOCKETS; i++)
		if (f->conn[i].link)
			return;
	if (f->closing && f->timer_closed && !f->out)
		free(f);
}

static void away(struct feed *f, const char *why)
{
	f->watching = f->asked_watch = false;
	f->watch_ms = uv_now(f->loop) + RETRY_MS;
	tui_model_lost(f->s.m, why);
}

static void link_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct conn *c = arg;
	struct feed *f = c->f;

	(void)link, (void)why;
	c->link = NULL;
	c->open = false;
	if (f->closing) {
		drop(f);
		return;
	}
	if (c == f->main) {
		f->main = NULL;
		away(f, "the daemon on this machine went; trying again");
	}
	if (c->which == DONOR) {
		f->here.donor = false;
		tui_model_here(f->s.m, &f->here);
	}
}

static void take_lend(struct feed *f, const struct lr_frame *fr);

static void asked_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *fr, void *arg);

/* --- asking ----------------------------------------------------------------------- */

struct ask {
	struct feed *f;
	struct tui_browse browse; /* of a BROWSE, which has a turn */
};

static void ask(struct conn *c, unsigned type, const struct lr_writer *w,
		const struct tui_browse *browse)
{
	struct ask *a;

	if (!c || !c->open)
		return;
	a = tui_must(calloc(1, sizeof *a));
	a->f = c->f;
	if (browse)
		a->browse = *browse;
	c->f->out++;
	lr_link_request(c->link, type, w->p, w->len, NULL, ASK_MS, asked_cb, a);
}

#define ASK(c, NAME, name, m, browse)                          \
	do {                                                   \
		uint8_t meta_[LR_META_MAX];                    \
		struct lr_writer w_ = lr_writer(meta_, sizeof meta_); \
		lr_enc_##name(&w_, m);                         \
		if (!w_.bad)                                   \
			ask(c, LR_M_##NAME, &w_, browse);      \
	} while (0)

static void watch(struct feed *f)
{
	struct lr_msg_watch m = { 0 };

	if (f->watching || f->asked_watch || !f->main ||
	    uv_now(f->loop) < f->watch_ms)
		return;
	f->asked_watch = true;
	ASK(f->main, WATCH, watch, &m, NULL);
}

static void choose(struct feed *f)
{
	if (f->main)
		return;
	for (size_t i = 0; i < DONOR; i++)
		if (f->conn[i].open && !f->conn[i].refused) {
			f->main = &f->conn[i];
			f->watch_ms = 0;
			watch(f);
			return;
		}
}

static void open_cb(struct lr_link *link, void *arg)
{
	struct conn *c = arg;
	struct lr_msg_hello m = { .proto_min = LR_PROTO_MIN,
				  .proto_max = LR_PROTO_MAX,
				  .role = LR_LINK_LOCAL,
				  .name = lr_str("top"),
				  .version = lr_str(PACKAGE_VERSION),
				  .site = lr_str(""),
				  .addrs = lr_str("") };

	(void)link;
	if (c->f->closing)
		return;
	c->open = true;
	ASK(c, HELLO, hello, &m, NULL);
	c->f->here_ms = 0;
}

/* --- frames ----------------------------------------------------------------------- */

static void take_pool(struct feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_watch_pool m;
	struct lr_rec_text reason;
	struct tui_pool p;

	if (!lr_dec_watch_pool(fr->meta, fr->h.meta, &m))
		return;
	p = (struct tui_pool){ .run = m.run,
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
			       .complete = m.complete };
	lr_str_copy(m.pool_name, p.pool_name, sizeof p.pool_name);
	lr_str_copy(m.coordinator, p.coordinator, sizeof p.coordinator);
	while (r.left && p.n_reasons < 6 && lr_dec_rec_text(&r, &reason))
		lr_str_copy(reason.text, p.reasons[p.n_reasons++],
			    sizeof p.reasons[0]);
	f->watching = true;
	tui_model_pool(f->s.m, &p);
}

static void take_donors(struct feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_watch_donors m;
	struct lr_rec_donor rec;

	if (!lr_dec_watch_donors(fr->meta, fr->h.meta, &m))
		return;
	if (m.whole)
		tui_model_donors_begin(f->s.m);
	while (r.left && lr_dec_rec_donor(&r, &rec)) {
		struct tui_donor d = { .dev = rec.dev,
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
				       .state = rec.state };

		lr_str_copy(rec.name, d.name, sizeof d.name);
		lr_str_copy(rec.address, d.address, sizeof d.address);
		lr_str_copy(rec.version, d.version, sizeof d.version);
		tui_model_donor(f->s.m, &d);
	}
	if (m.whole)
		tui_model_donors_end(f->s.m);
}

static void take_pending(struct feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_rec_pending rec;
	struct tui_pending all[64];
	size_t n = 0;

	while (r.left && n < 64 && lr_dec_rec_pending(&r, &rec)) {
		struct tui_pending *p = &all[n++];

		*p = (struct tui_pending){ .dev = rec.dev,
					   .since_ms = rec.since_ms,
					   .roles = rec.roles };
		lr_str_copy(rec.code, p->code, sizeof p->code);
		lr_str_copy(rec.name, p->name, sizeof p->name);
		lr_str_copy(rec.address, p->address, sizeof p->address);
	}
	tui_model_pending(f->s.m, all, n);
}

static void take_devices(struct feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_devices m;
	struct lr_rec_device rec;
	bool first;

	if (!lr_dec_devices(fr->meta, fr->h.meta, &m))
		return;
	first = m.part == 0;
	while (r.left && lr_dec_rec_device(&r, &rec)) {
		struct tui_device d = { .dev = rec.dev, .roles = rec.roles };

		lr_str_copy(rec.name, d.name, sizeof d.name);
		tui_model_device(f->s.m, &d, first);
		first = false;
	}
}

static void take_events(struct feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_msg_watch_events m;
	struct lr_rec_event rec;

	if (!lr_dec_watch_events(fr->meta, fr->h.meta, &m))
		return;
	while (r.left && lr_dec_rec_event(&r, &rec)) {
		struct lr_event e = { .seq = rec.seq,
				      .at_ms = rec.at_ms,
				      .kind = (enum lr_event_kind)rec.kind,
				      .dev = rec.dev,
				      .count = rec.count,
				      .ms = rec.ms };

		lr_str_copy(rec.name, e.name, sizeof e.name);
		tui_model_event(f->s.m, m.run, &e);
	}
}

static void take_error(struct feed *f, const struct lr_frame *fr)
{
	struct lr_msg_error m;
	char text[256] = "the coordinator does not answer";

	if (lr_dec_error(fr->meta, fr->h.meta, &m) && m.text.n)
		lr_str_copy(m.text, text, sizeof text);
	away(f, text);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *fr, void *arg)
{
	struct conn *c = arg;
	struct feed *f = c->f;

	(void)link;
	if (f->closing || c != f->main)
		return;
	if (fr->h.type == LR_M_ERROR)
		take_error(f, fr);
	if (f->frozen)
		return;
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

/* --- answers ---------------------------------------------------------------------- */

static void take_browse(struct feed *f, const struct lr_frame *fr,
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
static void ask_verified(struct feed *f)
{
	struct lr_msg_verified m = { .id = f->s.m->open_id,
				     .entries = f->s.m->copies_entries };

	if (!f->s.m->open_cut)
		ASK(&f->conn[REQUESTER], VERIFIED, verified, &m, NULL);
}

static void take_copies(struct feed *f, const struct lr_frame *fr)
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

		*c = (struct tui_copy){ .dev = rec.dev,
					.up = rec.up,
					.entries = rec.entries,
					.synced = rec.synced };
		lr_str_copy(rec.name, c->name, sizeof c->name);
	}
	tui_model_copies(f->s.m, all, n, m.entries);
	ask_verified(f);
}

static void take_verified(struct feed *f, const struct lr_frame *fr)
{
	struct lr_reader r = lr_reader(fr->bulk, fr->h.bulk);
	struct lr_rec_verified rec;

	while (r.left && lr_dec_rec_verified(&r, &rec))
		tui_model_verified(f->s.m, &rec);
}

static void take_here(struct feed *f, const struct lr_frame *fr)
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

static void take_lend(struct feed *f, const struct lr_frame *fr)
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

static void take_answer(struct feed *f, const struct lr_frame *fr,
			const struct ask *a)
{
	struct tui_model *m = f->s.m;

	switch (fr->h.type) {
	case LR_M_BROWSE_R:
		take_browse(f, fr, &a->browse);
		break;
	case LR_M_WHATIF_R:
		m->whatif_known = lr_dec_whatif_r(fr->meta, fr->h.meta,
						  &m->whatif);
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

static void failed_browse(struct feed *f, const struct lr_frame *fr,
			  const struct tui_browse *b)
{
	char text[160] = "the coordinator does not answer";
	struct lr_msg_error m;

	if (fr && lr_dec_error(fr->meta, fr->h.meta, &m) && m.text.n)
		lr_str_copy(m.text, text, sizeof text);
	tui_rows_failed(f->s.m, b, text);
}

/* Beside BROWSE, WATCH is the only one whose failure matters. */
static void failed(struct feed *f, const struct lr_frame *fr,
		   const struct tui_browse *b)
{
	if (b->turn)
		failed_browse(f, fr, b);
	else if (!f->asked_watch || f->watching)
		return;
	else if (fr && fr->h.type == LR_M_ERROR)
		take_error(f, fr);
	else
		away(f, "the coordinator does not answer; trying again");
}

static void asked_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *fr, void *arg)
{
	struct ask *a = arg;
	struct feed *f = a->f;

	f->out--;
	if (!f->closing) {
		if (err || !fr)
			failed(f, fr, &a->browse);
		else if (fr->h.type == LR_M_WELCOME)
			choose(f);
		else
			take_answer(f, fr, a);
	}
	(void)link;
	free(a);
	if (f->closing)
		drop(f);
}

/* --- what the dashboard asks -------------------------------------------------------- */

static void feed_browse(struct tui_source *s, const struct tui_browse *b)
{
	struct feed *f = (struct feed *)s;
	bool back = b->what == TUI_ROWS_LAST || b->what == TUI_ROWS_BEFORE;
	struct lr_msg_browse m = { .flags = LR_LIST_ALL,
				   .first = b->first,
				   .from = b->from,
				   .most = b->most,
				   .pattern = lr_str(b->pattern),
				   .find = lr_str(b->find) };

	m.flags |= back ? LR_BROWSE_BACK : 0;
	m.flags |= b->what == TUI_ROWS_COUNT ? LR_BROWSE_COUNT : 0;
	if (!f->main)
		tui_rows_failed(s->m, b, "");
	ASK(f->main, BROWSE, browse, &m, b);
}

static void feed_whatif(struct tui_source *s, const uint64_t *incs, size_t n)
{
	struct feed *f = (struct feed *)s;
	uint8_t raw[1600];
	struct lr_writer w = lr_writer(raw, sizeof raw);
	struct lr_msg_whatif m = { 0 };

	for (size_t i = 0; i < n; i++)
		lr_w_u64(&w, incs[i]);
	m.incs = (struct lr_str){ (const char *)raw, (uint16_t)w.len };
	ASK(f->main, WHATIF, whatif, &m, NULL);
}

static void feed_copies(struct tui_source *s, const struct lr_id *id)
{
	struct feed *f = (struct feed *)s;
	struct lr_msg_copies m = { .id = *id };

	ASK(f->main, COPIES, copies, &m, NULL);
}

static void feed_lend(struct tui_source *s, const char *spec)
{
	struct feed *f = (struct feed *)s;
	struct lr_msg_lend m = { .spec = lr_str(spec) };

	f->here_ms = 0;
	if (spec[0])
		ASK(&f->conn[DONOR], LEND, lend, &m, NULL);
}

static void feed_freeze(struct tui_source *s, bool frozen)
{
	struct feed *f = (struct feed *)s;

	f->frozen = frozen;
	if (!frozen) {
		f->watching = f->asked_watch = false;
		f->watch_ms = 0;
		watch(f);
	}
}

static bool feed_command(struct tui_source *s, int argc, char **argv,
			 char *out, size_t cap)
{
	(void)s, (void)argc, (void)argv, (void)out, (void)cap;
	return false;
}

/* --- time --------------------------------------------------------------------------- */

static void ask_here(struct feed *f)
{
	struct lr_msg_here here = { 0 };
	struct lr_msg_lend lend = { .spec = lr_str("") };
	struct conn *c = f->conn[REQUESTER].open ? &f->conn[REQUESTER] :
						   &f->conn[DONOR];

	if (f->s.m->view != TUI_HERE || uv_now(f->loop) < f->here_ms)
		return;
	f->here_ms = uv_now(f->loop) + HERE_MS;
	ASK(c, HERE, here, &here, NULL);
	ASK(&f->conn[DONOR], LEND, lend, &lend, NULL);
}

/* The requester serves where no coordinator is; the donor's for one screen. */
static void keep_links(struct feed *f)
{
	bool here = f->s.m->view == TUI_HERE, open = f->s.m->open;

	if (!f->main || f->main->which == COORDINATOR)
		connect_to(&f->conn[COORDINATOR]);
	if (!f->conn[COORDINATOR].open || here || open)
		connect_to(&f->conn[REQUESTER]);
	if (here)
		connect_to(&f->conn[DONOR]);
	if (!f->main && !f->conn[COORDINATOR].open && !f->conn[REQUESTER].open &&
	    !f->conn[REQUESTER].link)
		tui_model_lost(f->s.m,
			       "no lanram daemon answers on this machine; "
			       "trying again. sudo systemctl start "
			       "lanram-requester");
	choose(f);
	watch(f);
}

static void timer_cb(uv_timer_t *timer)
{
	struct feed *f = timer->data;

	if (f->closing)
		return;
	keep_links(f);
	ask_here(f);
}

static void feed_tick(struct tui_source *s)
{
	(void)s;
}

static void timer_closed_cb(uv_handle_t *h)
{
	struct feed *f = h->data;

	f->timer_closed = true;
	drop(f);
}

static void feed_close(struct tui_source *s)
{
	struct feed *f = (struct feed *)s;

	f->closing = true;
	for (size_t i = 0; i < SOCKETS; i++)
		if (f->conn[i].link)
			lr_link_close(f->conn[i].link, LR_E_CLOSED);
	uv_close((uv_handle_t *)&f->timer, timer_closed_cb);
}

static const struct tui_source_ops ops = {
	feed_browse, feed_whatif,  feed_copies, feed_lend,
	feed_freeze, feed_command, feed_tick,	feed_close,
};

struct tui_source *tui_feed_new(struct tui_model *m, uv_loop_t *loop,
				const struct lr_config *cfg)
{
	struct feed *f = tui_must(calloc(1, sizeof *f));

	f->s = (struct tui_source){ .ops = &ops, .m = m };
	f->loop = loop;
	f->cfg = cfg;
	for (int i = 0; i < SOCKETS; i++)
		f->conn[i] = (struct conn){ .f = f, .which = (enum socket)i };
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	uv_timer_start(&f->timer, timer_cb, 0, 100);
	return &f->s;
}
