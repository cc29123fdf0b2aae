/* SPDX-License-Identifier: Apache-2.0 */
/* The member's addresses are dialled, at its shard's port, HELLO, WELCOME must
 * say the same incarnation; where the pool chose so, no TLS from there on.
 * Whatever fails, or breaks later, is final: who wants it makes another. */
#include "daemon/donor/peer.h"

#include <stdlib.h>

#include "wire/version.h"

#define DIAL_MS 3000
#define HELLO_MS 3000

struct lr_peer {
	struct lr_shard *s; /* NULL: closing, freed by close_cb */
	struct lr_member m;
	uint8_t role;
	struct lr_dial *dial;
	struct lr_link *link;
	bool open, failed;
};

/* A donor that refuses was told otherwise, or nothing yet: TLS, then. */
static void clear_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_peer *p = arg;

	if (!p->s || p->link != link)
		return;
	if (!f || (!err && f->h.type != LR_M_CLEAR_R))
		lr_link_close(link, err ? err : LR_E_PROTOCOL);
	else
		p->open = err || lr_link_go_clear(link);
}

static void welcome_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct lr_peer *p = arg;
	struct lr_msg_clear clear = { 0 };
	struct lr_msg_welcome w;

	if (!p->s || p->link != link)
		return;
	if (err || f->h.type != LR_M_WELCOME ||
	    !lr_dec_welcome(f->meta, f->h.meta, &w) || w.inc != p->m.inc)
		lr_link_close(link, err ? err : LR_E_WRONG_PEER);
	else if (p->s->clear)
		LR_REQUEST(link, CLEAR, clear, &clear, NULL, HELLO_MS,
			   clear_cb, p);
	else
		p->open = true;
}

static void say_hello(struct lr_peer *p)
{
	const struct lr_shard *s = p->s;
	struct lr_msg_hello m = { .proto_min = lr_proto_min,
				  .proto_max = lr_proto_max,
				  .role = p->role,
				  .pool = s->pool,
				  .dev = s->o.self,
				  .inc = p->m.inc,
				  .name = lr_str(s->o.name),
				  .version = lr_str(PACKAGE_VERSION),
				  .site = lr_str(""),
				  .addrs = lr_str("") };

	LR_REQUEST(p->link, HELLO, hello, &m, NULL, HELLO_MS, welcome_cb, p);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	(void)arg;
	if (f->h.req)
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "a donor does not answer that here");
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_peer *p = arg;

	(void)why;
	if (p->link != link)
		return; /* an attempt of the dial that lost */
	p->link = NULL;
	p->open = false;
	p->failed = true;
	if (!p->s)
		free(p);
}

static const struct lr_link_ops link_ops = { NULL, frame_cb, close_cb, NULL };

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_peer *p = arg;

	(void)why;
	p->dial = NULL;
	p->link = link;
	p->failed = !link;
	if (link && p->role == LR_LINK_COPY)
		lr_link_set_turn(link, LR_COPY_TURN);
	if (link)
		say_hello(p);
}

unsigned lr_peer_shard(const struct lr_shard *s, uint64_t member, unsigned slot)
{
	const struct lr_member *m = lr_view_member(&s->rx->view, member);

	return m ? lr_member_shard(m, slot) : 0;
}

struct lr_peer *lr_peer_new(struct lr_shard *s, uint64_t member, unsigned slot,
			    uint8_t role)
{
	const struct lr_member *m = lr_view_member(&s->rx->view, member);
	struct lr_peer *p = m ? calloc(1, sizeof *p) : NULL;
	struct lr_link_options opt = { .tls = s->o.tls,
				       .connect_ms = DIAL_MS };
	char at[LR_ADDRS_MAX];

	if (!p)
		return NULL;
	p->s = s;
	p->m = *m;
	p->role = role;
	opt.peer = lr_member_key(&p->m);
	lr_addrs_of_shard(m->addrs, lr_member_shard(m, slot), at, sizeof at);
	p->dial = lr_dial_start(&s->loop, at, &opt, &link_ops, p,
				dialled_cb, p);
	p->failed = !p->dial;
	return p;
}

struct lr_link *lr_peer_link(const struct lr_peer *p)
{
	return p->open && lr_link_is_open(p->link) ? p->link : NULL;
}

bool lr_peer_has_failed(const struct lr_peer *p)
{
	return p->failed;
}

void lr_peer_free(struct lr_peer *p)
{
	if (p->dial)
		lr_dial_stop(p->dial);
	p->s = NULL;
	if (p->link)
		lr_link_close(p->link, LR_E_CLOSED);
	else
		free(p);
}
