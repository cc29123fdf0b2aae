/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of an attach:
 *
 *   1 dial: the local socket if there is one, else the next candidate
 *   2 the peer's key must be the pinned one; with none pinned, any
 *   3 HELLO; WELCOME tells pool, name and whether we are admitted
 *   4 admitted: pin, READY; frames go to the owner until the link ends
 *   5 not admitted: ENROL every 2 s on this link until ENROL_R says
 *     admitted, then HELLO again
 *
 * Any failure: close, wait (0.1 s doubling to 2 s), step 1. */
#include "client/attach.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CANDIDATES 16
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
#define ENROL_MS 2000
#define REFUSED_MS 60000
#define HELLO_AGAIN_MS 100
#define REPLY_MS 5000

struct candidate {
	struct lr_dev pool; /* zero: unknown */
	char addrs[1024];
};

struct lr_attach {
	struct lr_attach_options o;
	const struct lr_attach_ops *ops;
	void *arg;
	uv_timer_t timer;
	struct candidate cand[CANDIDATES];
	unsigned n_cand, next;
	bool try_local; /* the local socket's turn */
	unsigned retry_ms;
	struct lr_dial *dial;
	struct lr_link *link; /* dialled or open */
	bool linked;	      /* link is open */
	enum lr_here_state state;
	struct lr_dev pool; /* pinned, or of the first contact */
	bool pinned;	    /* written to pin_path */
	bool stopped;
	uint64_t request; /* HELLO or ENROL outstanding; 0 = none */
	char code[64];
	char address[128];
	char pool_name[LR_NAME_MAX], name[LR_NAME_MAX];
	char pin_path[4096], local_socket[108];
};

static void timer_cb(uv_timer_t *timer);
static void say_hello(struct lr_attach *a);

static void set_state(struct lr_attach *a, enum lr_here_state state)
{
	if (a->state == state)
		return;
	a->state = state;
	a->ops->state_cb(a->arg, state);
}

static void again_in(struct lr_attach *a, unsigned ms)
{
	uv_timer_start(&a->timer, timer_cb, ms, 0);
}

/* Back to step 1 after a while. */
static void retry(struct lr_attach *a)
{
	again_in(a, a->retry_ms);
	a->retry_ms = a->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS :
						       a->retry_ms * 2;
	if (a->state == LR_HERE_READY)
		set_state(a, LR_HERE_AWAY);
	else if (a->state == LR_HERE_PENDING)
		set_state(a, LR_HERE_SEARCHING);
}

/* --- the pin ------------------------------------------------------------ */

static void read_pin(struct lr_attach *a)
{
	char text[LR_DEV_TEXT + 1] = "";
	int fd;
	ssize_t n;

	if (!a->pin_path[0])
		return;
	fd = open(a->pin_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, LR_DEV_TEXT);
	close(fd);
	a->pinned = n == LR_DEV_TEXT && lr_dev_parse(text, &a->pool);
}

/* A pin that cannot be written is written at the next welcome. */
static void write_pin(struct lr_attach *a)
{
	char tmp[4096 + 8], text[LR_DEV_TEXT + 2];
	int fd;
	bool good;

	if (a->pinned || !a->pin_path[0])
		return;
	snprintf(tmp, sizeof tmp, "%s.tmp", a->pin_path);
	lr_dev_format(&a->pool, text);
	strcat(text, "\n");
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
	       fsync(fd) == 0;
	close(fd);
	a->pinned = good && rename(tmp, a->pin_path) == 0;
}

/* --- hello and enrol ---------------------------------------------------- */

static void drop_link(struct lr_attach *a, enum lr_err why)
{
	if (a->link)
		lr_link_close(a->link, why);
}

static void enrol_reply_cb(struct lr_link *link, enum lr_err err,
			   const struct lr_frame *f, void *arg)
{
	struct lr_attach *a = arg;
	struct lr_msg_enrol_r m;

	(void)link;
	if (a->stopped)
		return;
	a->request = 0;
	if (err || f->h.type != LR_M_ENROL_R ||
	    !lr_dec_enrol_r(f->meta, f->h.meta, &m)) {
		drop_link(a, err ? err : LR_E_PROTOCOL);
		return;
	}
	if (m.state == LR_ENROL_ADMITTED) {
		say_hello(a);
		return;
	}
	set_state(a, m.state == LR_ENROL_REFUSED ? LR_HERE_REFUSED :
						   LR_HERE_PENDING);
	again_in(a, m.state == LR_ENROL_REFUSED ? REFUSED_MS : ENROL_MS);
}

static void enrol(struct lr_attach *a)
{
	struct lr_msg_enrol m = { .roles = a->o.enrol_roles,
				  .name = lr_str(a->name),
				  .version = lr_str(PACKAGE_VERSION) };

	a->request = LR_REQUEST(a->link, ENROL, enrol, &m, NULL, REPLY_MS,
				enrol_reply_cb, a);
}

/* Whom we speak to is settled by the key; the local socket has none. */
static bool is_our_pool(const struct lr_attach *a,
			const struct lr_msg_welcome *w)
{
	char name[LR_NAME_MAX];

	if (!lr_dev_is_zero(&a->pool))
		return lr_dev_eq(&w->pool, &a->pool);
	return lr_str_copy(w->pool_name, name, sizeof name) &&
	       !strcmp(name, a->pool_name);
}

static void welcomed(struct lr_attach *a, const struct lr_msg_welcome *w)
{
	bool proven = lr_link_is_local(a->link) ||
		      lr_dev_eq(&w->pool, lr_link_peer(a->link));

	if (!proven || !is_our_pool(a, w)) {
		set_state(a, LR_HERE_WRONG_POOL);
		drop_link(a, LR_E_WRONG_PEER);
		return;
	}
	a->pool = w->pool;
	a->retry_ms = RETRY_MIN_MS;
	if (w->admitted) {
		write_pin(a);
		uv_timer_stop(&a->timer);
		set_state(a, LR_HERE_READY);
		a->ops->ready_cb(a->arg, a->link, w);
	} else if (a->o.enrol_roles) {
		if (!a->code[0])
			lr_pairing_code(&a->pool, &a->o.self, a->code,
					sizeof a->code);
		enrol(a);
	} else {
		again_in(a, HELLO_AGAIN_MS); /* another link asks for us */
	}
}

static void hello_reply_cb(struct lr_link *link, enum lr_err err,
			   const struct lr_frame *f, void *arg)
{
	struct lr_attach *a = arg;
	struct lr_msg_welcome w;

	(void)link;
	if (a->stopped)
		return;
	a->request = 0;
	if (err || f->h.type != LR_M_WELCOME ||
	    !lr_dec_welcome(f->meta, f->h.meta, &w))
		drop_link(a, err ? err : LR_E_PROTOCOL);
	else
		welcomed(a, &w);
}

static void say_hello(struct lr_attach *a)
{
	struct lr_msg_hello m = { .proto_min = LR_PROTO_MIN,
				  .proto_max = LR_PROTO_MAX,
				  .role = (uint8_t)a->o.role,
				  .pool = a->pool,
				  .dev = a->o.self,
				  .name = lr_str(a->name),
				  .version = lr_str(PACKAGE_VERSION),
				  .site = lr_str(""),
				  .addrs = lr_str("") };
	struct lr_bulk bulk = { 0 };

	if (a->ops->hello_cb)
		a->ops->hello_cb(a->arg, &m, &bulk);
	a->request = LR_REQUEST(a->link, HELLO, hello, &m,
				bulk.len ? &bulk : NULL, REPLY_MS,
				hello_reply_cb, a);
}

/* --- the link ----------------------------------------------------------- */

static void open_cb(struct lr_link *link, void *arg)
{
	struct lr_attach *a = arg;

	if (a->stopped)
		return;
	a->link = link;
	a->linked = true;
	snprintf(a->address, sizeof a->address, "%s", lr_link_address(link));
	say_hello(a);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	struct lr_attach *a = arg;

	if (a->stopped || a->state != LR_HERE_READY)
		return;
	a->ops->frame_cb(a->arg, link, f);
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_attach *a = arg;

	(void)why;
	if (a->stopped || a->link != link)
		return;
	if (!a->linked && lr_link_is_local(link))
		a->try_local = false; /* nobody there: candidates' turn */
	a->link = NULL;
	a->linked = false;
	a->request = 0;
	retry(a);
}

static const struct lr_link_ops link_ops = { open_cb, frame_cb, close_cb,
					     NULL };

static void orphan_open_cb(struct lr_link *link, void *arg)
{
	(void)arg;
	lr_link_close(link, LR_E_CLOSED);
}
static void orphan_frame_cb(struct lr_link *l, const struct lr_frame *f, void *a)
{
	(void)l, (void)f, (void)a;
}
static void orphan_close_cb(struct lr_link *l, enum lr_err why, void *a)
{
	(void)l, (void)why, (void)a;
}
static const struct lr_link_ops orphan_ops = { orphan_open_cb, orphan_frame_cb,
					       orphan_close_cb, NULL };

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_attach *a = arg;

	a->dial = NULL;
	if (link) {
		open_cb(link, a);
		return;
	}
	if (why == LR_E_WRONG_PEER)
		set_state(a, LR_HERE_WRONG_POOL);
	retry(a);
}

/* Candidates with another key than ours are not even dialled. */
static const struct candidate *next_candidate(struct lr_attach *a)
{
	bool others = false;

	for (unsigned i = 0; i < a->n_cand; i++) {
		const struct candidate *c =
			&a->cand[(a->next + i) % a->n_cand];

		if (lr_dev_is_zero(&c->pool) || lr_dev_is_zero(&a->pool) ||
		    lr_dev_eq(&c->pool, &a->pool)) {
			a->next = (a->next + i + 1) % a->n_cand;
			return c;
		}
		others = true;
	}
	if (others && (a->state == LR_HERE_SEARCHING ||
		       a->state == LR_HERE_AWAY))
		set_state(a, LR_HERE_WRONG_POOL);
	return NULL;
}

static bool dial_local(struct lr_attach *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct lr_link_options opt = { 0 };
	struct stat st;

	if (!a->local_socket[0] || !a->try_local ||
	    stat(a->local_socket, &st) != 0)
		return false;
	memcpy(un.sun_path, a->local_socket, sizeof a->local_socket);
	a->link = lr_link_connect(a->o.loop, (struct sockaddr *)&un, &opt,
				  &link_ops, a);
	return a->link != NULL;
}

static void dial(struct lr_attach *a)
{
	struct lr_link_options opt = {
		.tls = a->o.tls,
		.peer = lr_dev_is_zero(&a->pool) ? NULL : &a->pool,
	};
	const struct candidate *c;

	if (dial_local(a))
		return;
	a->try_local = true;
	c = next_candidate(a);
	if (c)
		a->dial = lr_dial_start(a->o.loop, c->addrs, &opt, &link_ops,
					a, dialled_cb, a);
	if (!a->dial)
		retry(a);
}

static void timer_cb(uv_timer_t *timer)
{
	struct lr_attach *a = timer->data;

	if (a->stopped || a->dial)
		return;
	if (!a->link)
		dial(a);
	else if (a->linked && a->o.enrol_roles)
		enrol(a);
	else if (a->linked)
		say_hello(a);
}

/* --- the owner's side --------------------------------------------------- */

struct lr_attach *lr_attach_start(const struct lr_attach_options *o,
				  const struct lr_attach_ops *ops, void *arg)
{
	struct lr_attach *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->o = *o;
	a->ops = ops;
	a->arg = arg;
	a->try_local = true;
	a->retry_ms = RETRY_MIN_MS;
	a->state = LR_HERE_SEARCHING;
	a->pool = o->pool;
	snprintf(a->pool_name, sizeof a->pool_name, "%s", o->pool_name);
	snprintf(a->name, sizeof a->name, "%s", o->name);
	snprintf(a->pin_path, sizeof a->pin_path, "%s",
		 o->pin_path ? o->pin_path : "");
	snprintf(a->local_socket, sizeof a->local_socket, "%s",
		 o->local_socket ? o->local_socket : "");
	if (lr_dev_is_zero(&a->pool))
		read_pin(a);
	uv_timer_init(o->loop, &a->timer);
	a->timer.data = a;
	again_in(a, 0);
	return a;
}

static struct candidate *candidate_of(struct lr_attach *a,
				      const struct lr_dev *pool)
{
	for (unsigned i = 0; i < a->n_cand; i++)
		if (lr_dev_eq(&a->cand[i].pool, pool))
			return &a->cand[i];
	return a->n_cand < CANDIDATES ? &a->cand[a->n_cand++] : NULL;
}

void lr_attach_candidate(struct lr_attach *a, const struct lr_dev *pool,
			 const char *addrs)
{
	static const struct lr_dev unknown;
	struct candidate *c = candidate_of(a, pool ? pool : &unknown);

	if (!c)
		return;
	c->pool = pool ? *pool : unknown;
	snprintf(c->addrs, sizeof c->addrs, "%s", addrs);
	if (!a->link && !a->dial) {
		a->retry_ms = RETRY_MIN_MS;
		again_in(a, 0);
	}
}

void lr_attach_no_candidates(struct lr_attach *a)
{
	a->n_cand = 0;
	a->next = 0;
}

enum lr_here_state lr_attach_state(const struct lr_attach *a)
{
	return a ? a->state : LR_HERE_READY;
}

struct lr_link *lr_attach_link(const struct lr_attach *a)
{
	return a && a->state == LR_HERE_READY ? a->link : NULL;
}

const struct lr_dev *lr_attach_pool(const struct lr_attach *a)
{
	static const struct lr_dev unknown;

	return a ? &a->pool : &unknown;
}

const char *lr_attach_code(const struct lr_attach *a)
{
	return a ? a->code : "";
}

const char *lr_attach_address(const struct lr_attach *a)
{
	return a ? a->address : "";
}

static void freed_cb(uv_handle_t *h)
{
	free(h->data);
}

void lr_attach_stop(struct lr_attach *a)
{
	if (!a || a->stopped)
		return;
	a->stopped = true;
	if (a->dial)
		lr_dial_stop(a->dial);
	if (a->link) {
		if (a->request)
			lr_link_forget(a->link, a->request);
		lr_link_set_ops(a->link, &orphan_ops, NULL);
		lr_link_close(a->link, LR_E_OK);
	}
	uv_close((uv_handle_t *)&a->timer, freed_cb);
}
