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
#include "tui/feed_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "wire/version.h"

#define RETRY_MS 500
#define ASK_MS	 15000
#define HERE_MS	 1000

static const char *const socket_names[] = {"coordinator", "requester", "donor"};

static void link_close_cb(struct lr_link *link, enum lr_err why, void *arg);
static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg);
static void open_cb(struct lr_link *link, void *arg);

static const struct lr_link_ops link_ops = {open_cb, frame_cb, link_close_cb,
					    NULL};

/* --- links ---------------------------------------------------------------- */

static void connect_to(struct tui_feed_conn *c)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (c->link || uv_now(c->f->loop) < c->retry_ms)
		return;
	c->retry_ms = uv_now(c->f->loop) + RETRY_MS;
	if ((size_t)snprintf(a.sun_path, sizeof a.sun_path, "%s/%s.sock",
			     c->f->cfg->run_dir,
			     socket_names[c->which]) >= sizeof a.sun_path)
		return;
	c->link = lr_link_connect(c->f->loop, (struct sockaddr *)&a, NULL,
				  &link_ops, c);
}

static void drop(struct tui_feed *f)
{
	for (size_t i = 0; i < TUI_FEED_SOCKETS; i++)
		if (f->conn[i].link)
			return;
	if (f->closing && f->timer_closed && !f->out)
		free(f);
}

void tui_feed_away(struct tui_feed *f, const char *why)
{
	f->watching = f->asked_watch = false;
	f->watch_ms = uv_now(f->loop) + RETRY_MS;
	tui_model_lost(f->s.m, why);
}

static void link_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct tui_feed_conn *c = arg;
	struct tui_feed *f = c->f;

	(void)link, (void)why;
	c->link = NULL;
	c->open = false;
	if (f->closing) {
		drop(f);
		return;
	}
	if (c == f->main) {
		f->main = NULL;
		tui_feed_away(f,
			      "the daemon on this machine went; trying again");
	}
	if (c->which == TUI_FEED_DONOR) {
		f->here.donor = false;
		tui_model_here(f->s.m, &f->here);
	}
}

static void asked_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *fr, void *arg);

/* --- asking --------------------------------------------------------------- */

void tui_feed_ask(struct tui_feed_conn *c, unsigned type,
		  const struct lr_writer *w, const struct tui_browse *browse)
{
	struct tui_feed_ask *a;

	if (!c || !c->open)
		return;
	a = tui_must(calloc(1, sizeof *a));
	a->f = c->f;
	if (browse)
		a->browse = *browse;
	c->f->out++;
	lr_link_request(c->link, type, w->p, w->len, NULL, ASK_MS, asked_cb, a);
}

static void watch(struct tui_feed *f)
{
	struct lr_msg_watch m = {0};

	if (f->watching || f->asked_watch || !f->main ||
	    uv_now(f->loop) < f->watch_ms)
		return;
	f->asked_watch = true;
	TUI_FEED_ASK(f->main, WATCH, watch, &m, NULL);
}

static void choose(struct tui_feed *f)
{
	if (f->main)
		return;
	for (size_t i = 0; i < TUI_FEED_DONOR; i++)
		if (f->conn[i].open) {
			f->main = &f->conn[i];
			f->watch_ms = 0;
			watch(f);
			return;
		}
}

static void open_cb(struct lr_link *link, void *arg)
{
	struct tui_feed_conn *c = arg;
	struct lr_msg_hello m = {.proto_min = lr_proto_min,
				 .proto_max = lr_proto_max,
				 .role = LR_LINK_LOCAL,
				 .name = lr_str("top"),
				 .version = lr_str(PACKAGE_VERSION),
				 .site = lr_str(""),
				 .addrs = lr_str("")};

	(void)link;
	if (c->f->closing)
		return;
	c->open = true;
	TUI_FEED_ASK(c, HELLO, hello, &m, NULL);
	c->f->here_ms = 0;
}

static void frame_cb(struct lr_link *link, const struct lr_frame *fr, void *arg)
{
	struct tui_feed_conn *c = arg;
	struct tui_feed *f = c->f;

	(void)link;
	if (f->closing || c != f->main)
		return;
	if (fr->h.type == LR_M_ERROR)
		tui_feed_take_error(f, fr);
	if (f->frozen)
		return;
	tui_feed_take(f, fr);
}

static void failed_browse(struct tui_feed *f, const struct lr_frame *fr,
			  const struct tui_browse *b)
{
	char text[160] = "the coordinator does not answer";
	struct lr_msg_error m;

	if (fr && lr_dec_error(fr->meta, fr->h.meta, &m) && m.text.n)
		lr_str_copy(m.text, text, sizeof text);
	tui_rows_failed(f->s.m, b, text);
}

/* Beside BROWSE, WATCH is the only one whose failure matters. */
static void failed(struct tui_feed *f, const struct lr_frame *fr,
		   const struct tui_browse *b)
{
	if (b->turn)
		failed_browse(f, fr, b);
	else if (!f->asked_watch || f->watching)
		return;
	else if (fr && fr->h.type == LR_M_ERROR)
		tui_feed_take_error(f, fr);
	else
		tui_feed_away(f,
			      "the coordinator does not answer; trying again");
}

static void asked_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *fr, void *arg)
{
	struct tui_feed_ask *a = arg;
	struct tui_feed *f = a->f;

	f->out--;
	if (!f->closing) {
		if (err || !fr)
			failed(f, fr, &a->browse);
		else if (fr->h.type == LR_M_WELCOME)
			choose(f);
		else
			tui_feed_take_answer(f, fr, a);
	}
	(void)link;
	free(a);
	if (f->closing)
		drop(f);
}

/* --- what the dashboard asks ---------------------------------------------- */

static void feed_browse(struct tui_source *s, const struct tui_browse *b)
{
	struct tui_feed *f = (struct tui_feed *)s;
	bool back = b->what == TUI_ROWS_LAST || b->what == TUI_ROWS_BEFORE;
	struct lr_msg_browse m = {.flags = LR_LIST_ALL,
				  .first = b->first,
				  .from = b->from,
				  .most = b->most,
				  .pattern = lr_str(b->pattern),
				  .find = lr_str(b->find)};

	m.flags |= back ? LR_BROWSE_BACK : 0;
	m.flags |= b->what == TUI_ROWS_COUNT ? LR_BROWSE_COUNT : 0;
	if (!f->main)
		tui_rows_failed(s->m, b, "");
	TUI_FEED_ASK(f->main, BROWSE, browse, &m, b);
}

static void feed_whatif(struct tui_source *s, const uint64_t *incs, size_t n)
{
	struct tui_feed *f = (struct tui_feed *)s;
	uint8_t raw[1600];
	struct lr_writer w = lr_writer(raw, sizeof raw);
	struct lr_msg_whatif m = {0};

	for (size_t i = 0; i < n; i++)
		lr_w_u64(&w, incs[i]);
	m.incs = (struct lr_str){(const char *)raw, (uint16_t)w.len};
	TUI_FEED_ASK(f->main, WHATIF, whatif, &m, NULL);
}

static void feed_copies(struct tui_source *s, const struct lr_id *id)
{
	struct tui_feed *f = (struct tui_feed *)s;
	struct lr_msg_copies m = {.id = *id};

	TUI_FEED_ASK(f->main, COPIES, copies, &m, NULL);
}

static void feed_lend(struct tui_source *s, const char *spec)
{
	struct tui_feed *f = (struct tui_feed *)s;
	struct lr_msg_lend m = {.spec = lr_str(spec)};

	f->here_ms = 0;
	if (spec[0])
		TUI_FEED_ASK(&f->conn[TUI_FEED_DONOR], LEND, lend, &m, NULL);
}

static void feed_freeze(struct tui_source *s, bool frozen)
{
	struct tui_feed *f = (struct tui_feed *)s;

	f->frozen = frozen;
	if (!frozen) {
		f->watching = f->asked_watch = false;
		f->watch_ms = 0;
		watch(f);
	}
}

static bool feed_command(struct tui_source *s, int argc, char **argv, char *out,
			 size_t cap)
{
	(void)s, (void)argc, (void)argv, (void)out, (void)cap;
	return false;
}

/* --- time ----------------------------------------------------------------- */

static void ask_here(struct tui_feed *f)
{
	struct lr_msg_here here = {0};
	struct lr_msg_lend lend = {.spec = lr_str("")};
	struct tui_feed_conn *c = f->conn[TUI_FEED_REQUESTER].open
					  ? &f->conn[TUI_FEED_REQUESTER]
					  : &f->conn[TUI_FEED_DONOR];

	if (f->s.m->view != TUI_HERE || uv_now(f->loop) < f->here_ms)
		return;
	f->here_ms = uv_now(f->loop) + HERE_MS;
	TUI_FEED_ASK(c, HERE, here, &here, NULL);
	TUI_FEED_ASK(&f->conn[TUI_FEED_DONOR], LEND, lend, &lend, NULL);
}

/* The requester serves where no coordinator is; the donor's for one screen. */
static void keep_links(struct tui_feed *f)
{
	bool here = f->s.m->view == TUI_HERE, open = f->s.m->open;

	if (!f->main || f->main->which == TUI_FEED_COORDINATOR)
		connect_to(&f->conn[TUI_FEED_COORDINATOR]);
	if (!f->conn[TUI_FEED_COORDINATOR].open || here || open)
		connect_to(&f->conn[TUI_FEED_REQUESTER]);
	if (here)
		connect_to(&f->conn[TUI_FEED_DONOR]);
	if (!f->main && !f->conn[TUI_FEED_COORDINATOR].open &&
	    !f->conn[TUI_FEED_REQUESTER].open &&
	    !f->conn[TUI_FEED_REQUESTER].link)
		tui_model_lost(f->s.m,
			       "no lanram daemon answers on this machine; "
			       "trying again. sudo systemctl start "
			       "lanram-requester");
	choose(f);
	watch(f);
}

static void timer_cb(uv_timer_t *timer)
{
	struct tui_feed *f = timer->data;

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
	struct tui_feed *f = h->data;

	f->timer_closed = true;
	drop(f);
}

static void feed_close(struct tui_source *s)
{
	struct tui_feed *f = (struct tui_feed *)s;

	f->closing = true;
	for (size_t i = 0; i < TUI_FEED_SOCKETS; i++)
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
	struct tui_feed *f = tui_must(calloc(1, sizeof *f));

	f->s = (struct tui_source){.ops = &ops, .m = m};
	f->loop = loop;
	f->cfg = cfg;
	for (int i = 0; i < TUI_FEED_SOCKETS; i++)
		f->conn[i] = (struct tui_feed_conn){
			.f = f, .which = (enum tui_feed_socket)i};
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	uv_timer_start(&f->timer, timer_cb, 0, 100);
	return &f->s;
}
