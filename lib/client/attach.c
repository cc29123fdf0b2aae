/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of an attach:
 *
 *   1 dial: the local socket if there is one, else the next candidate
 *   2 the peer's key must be the pinned one, or an invitation's; without
 *     either, any
 *   3 HELLO; WELCOME tells pool, name and whether we are admitted
 *   4 admitted: pin, READY; frames go to the owner until the link ends
 *   5 not admitted: ENROL_INVITED with an invitation, else (or if that is no
 *     good) ENROL every 2 s on this link until ENROL_R says admitted, then
 *     HELLO again
 *
 * A coordinator that speaks no version of ours says which side is too old:
 * VERSION, until one that does answers.
 *
 * Any failure: close, wait (0.1 s doubling to 2 s), step 1. */
#include "client/attach_i.h"
#include "wire/version.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
#define ENROL_MS 2000
#define REFUSED_MS 60000
#define HELLO_AGAIN_MS 100
#define REPLY_MS 5000

static void timer_cb(uv_timer_t *timer);
static void say_hello(struct lr_attach *a);
static void enrol(struct lr_attach *a);

void lr_attach_set_state(struct lr_attach *a, enum lr_here_state state)
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

void lr_attach_dial_soon(struct lr_attach *a)
{
	a->retry_ms = RETRY_MIN_MS;
	again_in(a, 0);
}

/* Back to step 1 after a while. */
static void retry(struct lr_attach *a)
{
	again_in(a, a->retry_ms);
	a->retry_ms = !a->retry_ms			  ? RETRY_MIN_MS :
		      a->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS :
						       a->retry_ms * 2;
	if (a->state == LR_HERE_READY)
		lr_attach_set_state(a, LR_HERE_AWAY);
	else if (a->state == LR_HERE_PENDING)
		lr_attach_set_state(a, LR_HERE_SEARCHING);
}

static void drop_link(struct lr_attach *a, enum lr_err why)
{
	if (a->link)
		lr_link_close(a->link, why);
}

/* --- hello and enrol ---------------------------------------------------- */

/* Another one than our link has shown. */
static bool has_new_key(struct lr_attach *a, bool replaced)
{
	struct lr_dev was = a->o.self;

	if (a->o.look_cb)
		a->o.self = *a->o.look_cb(a->o.look_arg, replaced);
	if (lr_dev_eq(&was, &a->o.self))
		return false;
	a->code[0] = '\0';
	return true;
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
	if (m.text.n)
		lr_str_copy(m.text, a->text, sizeof a->text);
	if (a->enrols_invited)
		lr_attach_drop_invitation(a);
	if (m.state == LR_ENROL_ADMITTED) {
		say_hello(a);
		return;
	}
	if (m.state == LR_ENROL_REPLACED) {
		m.state = LR_ENROL_REFUSED;
		if (has_new_key(a, true)) {
			lr_attach_again(a);
			return;
		}
	}
	if (a->enrols_invited) { /* then as anybody else */
		a->invitation_spent = true;
		enrol(a);
		return;
	}
	if (!a->code[0]) /* slow by design: only who has to wait needs it */
		lr_pairing_code(&a->pool, &a->o.self, a->code,
				sizeof a->code);
	a->refused_ms = m.state == LR_ENROL_REFUSED ? REFUSED_MS : 0;
	lr_attach_set_state(a, m.state == LR_ENROL_REFUSED ? LR_HERE_REFUSED :
						   LR_HERE_PENDING);
	again_in(a, ENROL_MS);
}

static bool enrol_invited(struct lr_attach *a)
{
	uint8_t proof[LR_PROOF_BYTES];
	struct lr_msg_enrol_invited m = {
		.roles = a->o.enrol_roles,
		.proof = { (const char *)proof, sizeof proof },
		.name = lr_str(a->name),
		.version = lr_str(PACKAGE_VERSION),
	};

	if (!lr_invitation_key(&a->invitation, &m.key) ||
	    !lr_invitation_sign(&a->invitation, &a->o.self, proof))
		return false;
	a->request = LR_REQUEST(a->link, ENROL_INVITED, enrol_invited, &m,
				NULL, REPLY_MS, enrol_reply_cb, a);
	return true;
}

static void enrol(struct lr_attach *a)
{
	struct lr_msg_enrol m = { .roles = a->o.enrol_roles,
				  .name = lr_str(a->name),
				  .version = lr_str(PACKAGE_VERSION) };

	a->enrols_invited = lr_dev_eq(&a->invitation.pool, &a->pool) &&
			    !a->invitation_spent && enrol_invited(a);
	if (a->enrols_invited)
		return;
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

/* Another key than the pinned one, or, at an address from the configuration,
 * another name than the configured one. */
static void wrong_pool(struct lr_attach *a, const struct lr_msg_welcome *w)
{
	char name[LR_NAME_MAX] = "";

	a->text[0] = '\0';
	lr_str_copy(w->pool_name, name, sizeof name);
	if (lr_dev_is_zero(&a->pool) && strcmp(name, a->pool_name) != 0)
		snprintf(a->text, sizeof a->text,
			 "the pool at %s is \"%s\", not \"%s\": set `pool` or "
			 "`coordinator` in lanram.conf right, and restart",
			 lr_attach_address(a), name, a->pool_name);
	lr_attach_set_state(a, LR_HERE_WRONG_POOL);
	drop_link(a, LR_E_WRONG_PEER);
}

static void welcomed(struct lr_attach *a, const struct lr_msg_welcome *w)
{
	bool proven = lr_link_is_local(a->link) ||
		      lr_dev_eq(&w->pool, lr_link_peer(a->link));

	lr_str_copy(w->name, a->host, sizeof a->host);
	if (!proven || !is_our_pool(a, w)) {
		wrong_pool(a, w);
		return;
	}
	a->pool = w->pool;
	a->device = w->device;
	a->retry_ms = RETRY_MIN_MS;
	if (w->admitted) {
		a->text[0] = '\0';
		lr_attach_keep(a, lr_link_pool_key(a->link));
		uv_timer_stop(&a->timer);
		lr_attach_set_state(a, LR_HERE_READY);
		a->ops->ready_cb(a->arg, a->link, w);
	} else if (a->o.enrol_roles) {
		enrol(a);
	} else {
		again_in(a, HELLO_AGAIN_MS); /* another link asks for us */
	}
}

/* It says which side is to be upgraded. */
static void wrong_version(struct lr_attach *a, const struct lr_frame *f)
{
	struct lr_msg_error m;

	if (f && lr_dec_error(f->meta, f->h.meta, &m))
		lr_str_copy(m.text, a->text, sizeof a->text);
	lr_attach_set_state(a, LR_HERE_VERSION);
}

static void hello_reply_cb(struct lr_link *link, enum lr_err err,
			   const struct lr_frame *f, void *arg)
{
	struct lr_attach *a = arg;
	struct lr_msg_welcome w;

	if (a->stopped)
		return;
	a->request = 0;
	if (err == LR_E_VERSION)
		wrong_version(a, f);
	/* Not for us: another user's coordinator. */
	if (err == LR_E_PERMISSION && lr_link_is_local(link))
		a->try_local = false;
	if (err || f->h.type != LR_M_WELCOME ||
	    !lr_dec_welcome(f->meta, f->h.meta, &w))
		drop_link(a, err ? err : LR_E_PROTOCOL);
	else
		welcomed(a, &w);
}

static void say_hello(struct lr_attach *a)
{
	struct lr_msg_hello m = { .proto_min = lr_proto_min,
				  .proto_max = lr_proto_max,
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
	lr_link_set_control(link);
	snprintf(a->address, sizeof a->address, "%s", lr_link_address(link));
	say_hello(a);
}

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	struct lr_attach *a = arg;

	if (a->stopped || a->state != LR_HERE_READY)
		return;
	if (f->h.type == LR_M_POOL_KEYS)
		lr_attach_take_keys(a, f);
	else
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
		lr_attach_set_state(a, LR_HERE_WRONG_POOL);
	retry(a);
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
		.since = &a->last,
	};
	const struct candidate *c;

	if (dial_local(a))
		return;
	a->try_local = true;
	c = lr_attach_next_candidate(a);
	if (c)
		a->dial = lr_dial_start(a->o.loop, c->addrs, &opt, &link_ops,
					a, dialled_cb, a);
	if (!a->dial)
		retry(a);
}

/* Who was refused asks seldom, unless it has an invitation now. */
static void enrol_again(struct lr_attach *a)
{
	if (a->refused_ms > ENROL_MS &&
	    (a->invitation_spent || lr_dev_is_zero(&a->invitation.pool))) {
		a->refused_ms -= ENROL_MS;
		again_in(a, ENROL_MS);
		return;
	}
	enrol(a);
}

static void timer_cb(uv_timer_t *timer)
{
	struct lr_attach *a = timer->data;

	if (a->stopped || a->dial)
		return;
	if (has_new_key(a, false) && a->link)
		lr_attach_again(a);
	else if (!lr_attach_settle_pool(a))
		drop_link(a, LR_E_WRONG_PEER);
	else if (!a->link)
		dial(a);
	else if (a->linked && a->o.enrol_roles)
		enrol_again(a);
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
	a->pinned = !lr_dev_is_zero(&a->pool);
	uv_timer_init(o->loop, &a->timer);
	a->timer.data = a;
	again_in(a, 0);
	return a;
}

void lr_attach_again(struct lr_attach *a)
{
	a->retry_ms = 0;
	drop_link(a, LR_E_CLOSED);
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
