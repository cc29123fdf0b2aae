/* SPDX-License-Identifier: Apache-2.0 */
/* The requester: warm links to the pool for the programs of this machine, on
 * a Unix socket. The messages are those of the data path with ce = 0, each a
 * whole operation; what the coordinator answers is passed on.
 *
 * Every request is one struct work: its link may close before the operation
 * ends, then the answer is dropped. What a user may do is settled here: the
 * owner of what is stored is stamped by who is at the other end, and only the
 * owner (or root) may end an object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "client/direct.h"
#include "daemon/base.h"
#include "daemon/log.h"
#include "discovery/discovery.h"
#include "wire/manifest.h"

#define IN_FLIGHT 64
#define BYTES_IN_FLIGHT (32u << 20)
#define COPIES_ROWS 256

struct requester {
	struct lr_base b;
	struct lr_direct *pool;
	struct lr_entries *entries;
	struct lr_listener *listener;
	struct user *users;
	bool stopped;
};

struct user { /* a local program */
	struct user *next, **prev;
	struct requester *q;
	struct lr_link *link;
	struct work *works;
	unsigned in_flight;
	size_t bytes;
	bool paused;
	bool watches; /* asked WATCH: the coordinator's pushes go there */
};

struct work {
	struct work *next, **prev;
	struct user *u; /* NULL: gone */
	struct requester *q;
	uint64_t req;
	struct lr_put put; /* of a PUT, waiting for who owns what it ends */
	size_t bytes;
	uint8_t value[];
};

/* --- works ------------------------------------------------------------------- */

static void throttle(struct user *u)
{
	bool much = u->in_flight >= IN_FLIGHT || u->bytes >= BYTES_IN_FLIGHT;

	if (much != u->paused) {
		u->paused = much;
		lr_link_pause(u->link, much);
	}
}

static struct work *work_new(struct user *u, const struct lr_frame *f)
{
	struct work *w = malloc(sizeof *w + f->h.bulk);

	if (!w) {
		lr_link_send_error(u->link, f->h.req, LR_E_NO_MEMORY,
				   "out of memory");
		return NULL;
	}
	memset(w, 0, sizeof *w);
	w->u = u;
	w->q = u->q;
	w->req = f->h.req;
	w->bytes = f->h.bulk;
	if (f->h.bulk)
		memcpy(w->value, f->bulk, f->h.bulk);
	w->next = u->works;
	w->prev = &u->works;
	if (w->next)
		w->next->prev = &w->next;
	u->works = w;
	u->in_flight++;
	u->bytes += w->bytes;
	throttle(u);
	return w;
}

static void work_free(struct work *w)
{
	if (w->u) {
		*w->prev = w->next;
		if (w->next)
			w->next->prev = w->prev;
		w->u->in_flight--;
		w->u->bytes -= w->bytes;
		throttle(w->u);
	}
	free(w);
}

/* --- GET --------------------------------------------------------------------- */

static void got_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_msg_get_r m = { .err = (uint16_t)r->err,
				  .found = r->found,
				  .synced = 1,
				  .kind = r->kind,
				  .tag = r->tag,
				  .expires_ms = r->expires_ms };
	struct lr_bulk bulk = { .p = r->value, .len = r->bytes };

	if (w->u && r->err) {
		lr_link_send_error(w->u->link, w->req, r->err, r->text);
	} else if (w->u) {
		m.sum = XXH3_64bits(r->bytes ? r->value : NULL, r->bytes);
		LR_SEND(w->u->link, GET_R, get_r, w->req, &m,
			r->bytes ? &bulk : NULL);
	}
	work_free(w);
}

static void serve_get(struct user *u, const struct lr_frame *f)
{
	struct lr_msg_get m;
	struct work *w;

	if (!lr_dec_get(f->meta, f->h.meta, &m) || m.ce) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	w = work_new(u, f);
	if (w)
		u->q->entries->ops->get(u->q->entries, &m.id, m.flags,
					m.deadline_ms, got_cb, w);
}

/* --- PUT --------------------------------------------------------------------- */

static void put_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_msg_put_r m = { .err = (uint16_t)r->err,
				  .copies = r->copies,
				  .tag = r->tag,
				  .text = lr_str(r->text) };

	if (w->u)
		LR_SEND(w->u->link, PUT_R, put_r, w->req, &m, NULL);
	work_free(w);
}

static void put(struct work *w)
{
	w->q->entries->ops->put(w->q->entries, &w->put, put_cb, w);
}

static bool owns(const struct work *w, const struct lr_manifest *m)
{
	return lr_link_uid(w->u->link) == 0 ||
	       (lr_dev_eq(&m->owner, lr_identity_dev(w->q->b.identity)) &&
		m->uid == lr_link_uid(w->u->link));
}

/* Whose object is it that shall end? Anything but a manifest that is somebody
 * else's goes on: the donors have the last word. */
static void owner_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_reader rd = lr_reader(r->value, r->bytes);
	struct lr_manifest m;

	if (!w->u) {
		work_free(w);
	} else if (!r->err && r->kind == LR_KIND_MANIFEST &&
		   lr_dec_manifest(&rd, &m) && !owns(w, &m)) {
		lr_link_send_error(w->u->link, w->req, LR_E_PERMISSION,
				   "it is somebody else's: only the owner and "
				   "an admin may remove it");
		work_free(w);
	} else {
		put(w);
	}
}

static void serve_put(struct user *u, const struct lr_frame *f)
{
	struct lr_msg_put m;
	struct work *w;

	if (!lr_dec_put(f->meta, f->h.meta, &m) || m.ce) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	if (m.kind == LR_KIND_NAME) {
		lr_link_send_error(u->link, f->h.req, LR_E_PERMISSION,
				   "names change by UPDATE only");
		return;
	}
	w = work_new(u, f);
	if (!w)
		return;
	w->put = (struct lr_put){ .id = m.id,
				  .tag = m.tag,
				  .kind = m.kind,
				  .flags = m.flags & (LR_PUT_TOMB |
						      LR_PUT_IF_OPEN),
				  .expires_ms = m.expires_ms,
				  .value = w->value,
				  .bytes = f->h.bulk,
				  .deadline_ms = m.deadline_ms };
	if (m.kind == LR_KIND_MANIFEST && m.flags & LR_PUT_TOMB)
		u->q->entries->ops->get(u->q->entries, &m.id, 0, m.deadline_ms,
					owner_cb, w);
	else if (m.kind == LR_KIND_MANIFEST &&
		 !lr_manifest_stamp(w->value, f->h.bulk,
				    lr_identity_dev(u->q->b.identity),
				    lr_link_uid(u->link)))
		lr_link_close(u->link, LR_E_PROTOCOL);
	else
		put(w);
}

/* --- UPDATE ------------------------------------------------------------------ */

static void updated_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_msg_update_r m = { .err = (uint16_t)r->err,
				     .found = r->found,
				     .tag = r->tag,
				     .text = lr_str(r->text) };

	if (w->u)
		LR_SEND(w->u->link, UPDATE_R, update_r, w->req, &m, NULL);
	work_free(w);
}

static void serve_update(struct user *u, const struct lr_frame *f)
{
	struct lr_entry_update up;
	struct lr_msg_update m;
	struct work *w;

	if (!lr_dec_update(f->meta, f->h.meta, &m) || m.ce ||
	    m.sum != XXH3_64bits(f->bulk, f->h.bulk)) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	w = work_new(u, f);
	if (!w)
		return;
	up = (struct lr_entry_update){ .id = m.id,
				       .writer = m.writer,
				       .seq = m.seq,
				       .expect = m.expect,
				       .flags = m.flags,
				       .want = m.want,
				       .value = w->value,
				       .bytes = f->h.bulk,
				       .deadline_ms = m.deadline_ms };
	u->q->entries->ops->update(u->q->entries, &up, updated_cb, w);
}

/* --- what the coordinator answers ---------------------------------------------- */

static void asked_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct work *w = arg;
	struct lr_bulk bulk = { 0 };

	if (w->u && !f) {
		lr_link_send_error(w->u->link, w->req, err, "");
	} else if (w->u) {
		bulk = (struct lr_bulk){ .p = f->bulk, .len = f->h.bulk };
		lr_link_send(w->u->link, f->h.type, w->req, f->meta, f->h.meta,
			     bulk.len ? &bulk : NULL);
	}
	work_free(w);
}

/* The asker's user is ours to say: it stands first in all of these. */
static void serve_ask(struct user *u, const struct lr_frame *f)
{
	uint8_t meta[LR_META_MAX];
	struct lr_writer head = lr_writer(meta, 4);
	struct work *w;

	memcpy(meta, f->meta, f->h.meta);
	if (f->h.type != LR_M_DISCARD && f->h.type != LR_M_FIND) {
		if (f->h.meta < 4) {
			lr_link_close(u->link, LR_E_PROTOCOL);
			return;
		}
		lr_w_u32(&head, lr_link_uid(u->link));
	}
	w = work_new(u, f);
	if (w)
		u->q->entries->ops->ask(u->q->entries, f->h.type, meta,
					f->h.meta, 15000, asked_cb, w);
}

/* --- one object's copies ---------------------------------------------------------- */

static void copies_cb(void *arg, const struct lr_rec_verified *rows, size_t n)
{
	struct work *w = arg;
	uint8_t buf[COPIES_ROWS * 64];
	struct lr_writer out = lr_writer(buf, sizeof buf);
	struct lr_msg_verified_r m = { 0 };
	struct lr_bulk bulk = { .p = buf };

	for (size_t i = 0; i < n && i < COPIES_ROWS; i++)
		lr_enc_rec_verified(&out, &rows[i]);
	bulk.len = out.len;
	if (w->u)
		LR_SEND(w->u->link, VERIFIED_R, verified_r, w->req, &m, &bulk);
	work_free(w);
}

static void serve_verified(struct user *u, const struct lr_frame *f)
{
	struct lr_msg_verified m;
	struct work *w;

	if (!lr_dec_verified(f->meta, f->h.meta, &m)) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	w = work_new(u, f);
	if (w && !lr_direct_copies(u->q->pool, &m.id, m.entries, copies_cb,
				   w)) {
		lr_link_send_error(u->link, f->h.req, LR_E_NO_MEMORY, "");
		work_free(w);
	}
}

static void serve_here(struct user *u, uint64_t req)
{
	struct requester *q = u->q;
	const struct lr_attach *a = lr_direct_attach(q->pool);
	char interfaces[256];
	struct lr_msg_here_r r = {
		.state = (uint8_t)lr_attach_state(a),
		.dev = *lr_identity_dev(q->b.identity),
		.pool = *lr_attach_pool(a),
		.uid = lr_link_uid(u->link),
		.name = lr_str(q->b.cfg->name),
		.pool_name = lr_str(q->b.cfg->pool),
		.coordinator = lr_str(lr_attach_address(a)),
		.code = lr_str(lr_attach_code(a)),
		.text = lr_str(lr_attach_text(a)),
	};

	lr_browse_interfaces(interfaces, sizeof interfaces);
	r.detail = lr_str(r.state == LR_HERE_SEARCHING ? interfaces
						       : lr_attach_host(a));
	LR_SEND(u->link, HERE_R, here_r, req, &r, NULL);
}

static void serve_links(struct user *u, uint64_t req)
{
	static uint8_t buf[LR_BULK_MAX]; /* one loop */
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_links_r r = { 0 };

	lr_direct_reach(u->q->pool, &w);
	bulk.len = w.len;
	LR_SEND(u->link, LINKS_R, links_r, req, &r, &bulk);
}

static void serve_hello(struct user *u, uint64_t req)
{
	struct requester *q = u->q;
	const struct lr_attach *a = lr_direct_attach(q->pool);
	struct lr_msg_welcome w = {
		.proto = LR_PROTO_MAX,
		.pool = *lr_attach_pool(a),
		.epoch = lr_direct_view(q->pool)->epoch,
		.admitted = lr_attach_state(a) == LR_HERE_READY,
		.pool_name = lr_str(q->b.cfg->pool),
		.name = lr_str(q->b.cfg->name),
		.version = lr_str(PACKAGE_VERSION),
	};

	LR_SEND(u->link, WELCOME, welcome, req, &w, NULL);
}

static void user_frame_cb(struct lr_link *link, const struct lr_frame *f,
			  void *arg)
{
	struct user *u = arg;

	switch (f->h.type) {
	case LR_M_HELLO:
		serve_hello(u, f->h.req);
		break;
	case LR_M_HERE:
		serve_here(u, f->h.req);
		break;
	case LR_M_GET:
		serve_get(u, f);
		break;
	case LR_M_PUT:
		serve_put(u, f);
		break;
	case LR_M_UPDATE:
		serve_update(u, f);
		break;
	case LR_M_VERIFIED:
		serve_verified(u, f);
		break;
	case LR_M_WATCH:
		u->watches = true;
		serve_ask(u, f);
		break;
	case LR_M_FIND:
	case LR_M_STATUS:
	case LR_M_DONORS:
	case LR_M_LIST:
	case LR_M_BROWSE:
	case LR_M_RESOLVE:
	case LR_M_PENDING:
	case LR_M_ADMIT:
	case LR_M_REFUSE:
	case LR_M_DRAIN:
	case LR_M_DRAIN_STATE:
	case LR_M_FORGET:
	case LR_M_REVOKE:
	case LR_M_INVITE:
	case LR_M_INVITES:
	case LR_M_UNINVITE:
	case LR_M_CONFIRM:
	case LR_M_DISCARD:
	case LR_M_EVENTS:
	case LR_M_WHATIF:
	case LR_M_REBALANCE:
	case LR_M_PAUSE:
	case LR_M_COPIES:
	case LR_M_CHECK:
	case LR_M_LOSS:
		serve_ask(u, f);
		break;
	case LR_M_LINKS:
		serve_links(u, f->h.req);
		break;
	default:
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "the requester does not answer that");
	}
}

/* --- users --------------------------------------------------------------------- */

static void user_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct user *u = arg;

	(void)link, (void)why;
	while (u->works) {
		struct work *w = u->works;

		u->works = w->next;
		w->u = NULL;
	}
	*u->prev = u->next;
	if (u->next)
		u->next->prev = u->prev;
	free(u);
}

static const struct lr_link_ops user_ops = { NULL, user_frame_cb,
					     user_close_cb, NULL };

static void accept_cb(struct lr_link *link, void *arg)
{
	struct requester *q = arg;
	struct user *u = calloc(1, sizeof *u);

	if (!u || q->stopped) {
		free(u);
		lr_link_close(link, LR_E_CLOSED);
		return;
	}
	u->q = q;
	u->link = link;
	u->next = q->users;
	u->prev = &q->users;
	if (u->next)
		u->next->prev = &u->next;
	q->users = u;
	lr_link_set_ops(link, &user_ops, u);
}

/* --- who watches ----------------------------------------------------------------- */

#define WATCH_QUEUE_MAX (4u << 20) /* who does not read is cut off */

/* One WATCH at the coordinator serves all; each new one makes all whole. */
static void push_cb(void *arg, const struct lr_frame *f)
{
	struct requester *q = arg;
	struct lr_bulk bulk = { .p = f->bulk, .len = f->h.bulk };

	if (f->h.type != LR_M_DEVICES &&
	    (f->h.type < LR_M_WATCH_POOL || f->h.type > LR_M_WATCH_EVENTS))
		return;
	for (struct user *u = q->users; u && !q->stopped; u = u->next) {
		if (!u->watches)
			continue;
		if (lr_link_queued(u->link) > WATCH_QUEUE_MAX) {
			lr_link_close(u->link, LR_E_TIMEOUT);
			u->watches = false;
			continue;
		}
		lr_link_send(u->link, f->h.type, 0, f->meta, f->h.meta,
			     bulk.len ? &bulk : NULL);
	}
}

/* The coordinator is away: watching ends, and its watchers are told so. */
static void end_watches(struct requester *q)
{
	struct lr_msg_error m = { .err = LR_E_UNREACHABLE,
				  .text = lr_str("the coordinator does not "
						 "answer") };

	for (struct user *u = q->users; u; u = u->next) {
		if (u->watches)
			LR_SEND(u->link, ERROR, error, 0, &m, NULL);
		u->watches = false;
	}
}

/* --- start and stop -------------------------------------------------------------- */

static void stop_cb(struct lr_base *b)
{
	struct requester *q = (struct requester *)b; /* its first field */

	if (q->stopped)
		return;
	q->stopped = true;
	lr_base_notify("STOPPING=1");
	lr_listener_close(q->listener);
	for (struct user *u = q->users; u; u = u->next)
		lr_link_close(u->link, LR_E_OK);
	lr_direct_close(q->pool);
	lr_base_stop(&q->b);
}

static void state_cb(void *arg, enum lr_here_state state)
{
	struct requester *q = arg;

	if (!q->stopped && state != LR_HERE_READY)
		end_watches(q);
	if (!q->stopped)
		lr_base_say_state(&q->b, lr_direct_attach(q->pool), state);
}

static bool start(struct requester *q)
{
	unsigned mode = (unsigned)strtoul(q->b.cfg->socket_mode, NULL, 8);
	struct lr_accept_limits limits = lr_base_limits(q->b.cfg);
	struct lr_attach_options o;
	char why[512];

	if (lr_listen(&q->b.loop, lr_base_socket(&q->b, "requester.sock"),
		      mode, NULL, &limits, accept_cb, q, &q->listener, why,
		      sizeof why)) {
		lr_error("%s", why);
		return false;
	}
	lr_base_attach_options(&q->b, LR_LINK_REQUESTER, LR_ROLE_REQUESTER,
			       &o);
	q->pool = lr_direct_new(&o);
	if (!q->pool)
		return false;
	q->entries = lr_direct_entries(q->pool);
	lr_direct_on_state(q->pool, state_cb, q);
	lr_direct_on_push(q->pool, push_cb, q);
	q->b.attach[0] = lr_direct_attach(q->pool);
	lr_base_search(&q->b);
	return true;
}

int lr_run_requester(const struct lr_config *cfg)
{
	struct requester *q = calloc(1, sizeof *q);
	int leaked;

	if (!q || !lr_base_start(&q->b, cfg, stop_cb) || !start(q))
		return 1;
	lr_base_notify("READY=1");
	leaked = lr_base_run(&q->b);
	lr_base_done(&q->b);
	free(q);
	return leaked;
}
