/* SPDX-License-Identifier: Apache-2.0 */
/* The requester: warm links to the pool for the programs of this machine, on
 * a Unix socket. The messages are those of the data path with ce = 0, each a
 * whole operation (works.c); what the coordinator answers is passed on. */
#include "daemon/requester/requester.h"

#include <stdlib.h>

#include "core/list.h"
#include "daemon/hello.h"
#include "daemon/log.h"
#include "daemon/rotate.h"

static void serve_here(struct user *u, uint64_t req)
{
	struct requester *q = u->q;
	const struct lr_attach *a = lr_direct_attach(q->pool);
	char interfaces[256];
	struct lr_msg_here_r r = {
		.state = (uint8_t)lr_attach_state(a),
		.dev = *lr_attach_device(a),
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

static void serve_hello(struct user *u, const struct lr_frame *f)
{
	struct requester *q = u->q;
	const struct lr_attach *a = lr_direct_attach(q->pool);
	struct lr_msg_hello m;
	struct lr_msg_welcome w = {
		.pool = *lr_attach_pool(a),
		.epoch = lr_direct_view(q->pool)->epoch,
		.admitted = lr_attach_state(a) == LR_HERE_READY,
		.pool_name = lr_str(q->b.cfg->pool),
		.name = lr_str(q->b.cfg->name),
		.version = lr_str(PACKAGE_VERSION),
	};

	w.proto = lr_hello_take(&q->b.refusals, u->link, f, "requester", &m);
	if (w.proto)
		LR_SEND(u->link, WELCOME, welcome, f->h.req, &w, NULL);
}

static void user_frame_cb(struct lr_link *link, const struct lr_frame *f,
			  void *arg)
{
	struct user *u = arg;

	switch (f->h.type) {
	case LR_M_HELLO:
		serve_hello(u, f);
		break;
	case LR_M_HERE:
		serve_here(u, f->h.req);
		break;
	case LR_M_GET:
		lr_works_get(u, f);
		break;
	case LR_M_PUT:
		lr_works_put(u, f);
		break;
	case LR_M_UPDATE:
		lr_works_update(u, f);
		break;
	case LR_M_VERIFIED:
		lr_works_verified(u, f);
		break;
	case LR_M_WATCH:
		u->watches = true;
		lr_works_ask(u, f);
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
		lr_works_ask(u, f);
		break;
	case LR_M_LINKS:
		serve_links(u, f->h.req);
		break;
	case LR_M_METRICS:
		lr_metrics_answer(link, f, lr_requester_metrics_cb, u->q);
		break;
	case LR_M_ROTATE_KEY:
		lr_rotate_serve(&u->q->b, lr_direct_attach(u->q->pool), link,
				f);
		break;
	default:
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "the requester does not answer that");
	}
}

/* --- users ---------------------------------------------------------------- */

static void user_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct user *u = arg;

	(void)link, (void)why;
	lr_works_orphan(u);
	lr_rotate_gone(&u->q->b, link);
	LR_LIST_DEL(u);
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
	LR_LIST_ADD(q->users, u);
	lr_link_set_ops(link, &user_ops, u);
}

/* --- who watches ---------------------------------------------------------- */

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

/* --- start and stop ------------------------------------------------------- */

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
	struct lr_accept_limits limits = lr_base_limits(&q->b);
	struct lr_attach_options o;
	char why[512];

	if (lr_listen(&q->b.loop, lr_base_socket(&q->b, "requester.sock"),
		      mode, NULL, &limits, accept_cb, q, &q->listener, why,
		      sizeof why)) {
		lr_error("%s", why);
		return false;
	}
	if (!lr_base_metrics(&q->b, q->b.cfg->requester_metrics,
			     lr_requester_metrics_cb, q))
		return false;
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
