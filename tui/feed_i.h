/* SPDX-License-Identifier: Apache-2.0 */
/* What feed.c (links, questions, time) and feed_take.c (what came, into the
 * model) share. */
#ifndef LR_TUI_FEED_I_H
#define LR_TUI_FEED_I_H

#include "net/link.h"
#include "tui/source.h"

enum tui_feed_socket {
	TUI_FEED_COORDINATOR,
	TUI_FEED_REQUESTER,
	TUI_FEED_DONOR,
	TUI_FEED_SOCKETS
};

struct tui_feed_conn { /* to one daemon */
	struct tui_feed *f;
	enum tui_feed_socket which;
	struct lr_link *link; /* NULL: none */
	bool open;
	uint64_t retry_ms;
};

struct tui_feed {
	struct tui_source s;
	uv_loop_t *loop;
	const struct lr_config *cfg;
	struct tui_feed_conn conn[TUI_FEED_SOCKETS];
	uv_timer_t timer;
	struct tui_feed_conn *main; /* who is watched */
	bool watching, asked_watch, frozen, closing;
	uint64_t watch_ms, here_ms;
	unsigned out; /* requests on their way */
	bool timer_closed;
	struct tui_here here;
};

struct tui_feed_ask {
	struct tui_feed *f;
	struct tui_browse browse; /* of a BROWSE, which has a turn */
};

/* feed.c */
void tui_feed_ask(struct tui_feed_conn *c, unsigned type,
		  const struct lr_writer *w, const struct tui_browse *browse);
void tui_feed_away(struct tui_feed *f, const char *why);

#define TUI_FEED_ASK(c, NAME, name, m, browse)                        \
	do {                                                          \
		uint8_t meta_[LR_META_MAX];                           \
		struct lr_writer w_ = lr_writer(meta_, sizeof meta_); \
		lr_enc_##name(&w_, m);                                \
		if (!w_.bad)                                          \
			tui_feed_ask(c, LR_M_##NAME, &w_, browse);    \
	} while (0)

/* feed_take.c */
/* A frame that was pushed. */
void tui_feed_take(struct tui_feed *f, const struct lr_frame *fr);
void tui_feed_take_answer(struct tui_feed *f, const struct lr_frame *fr,
			  const struct tui_feed_ask *a);
void tui_feed_take_error(struct tui_feed *f, const struct lr_frame *fr);

#endif
