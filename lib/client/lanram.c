/* SPDX-License-Identifier: Apache-2.0 */
/* A pool handle: one loop, run inside the calls that block. */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/relay.h"
#include "net/identity.h"
#include "net/spin.h"

#define SOCKET	"/run/lanram/requester.sock"
#define SPIN_US 50u
#define TURN_NS 1000000u /* so often at least the loop runs */
#define MEET_MS 3000u

/* --- the loop
 * ------------------------------------------------------------------ */

void lr_client_moved(struct lanram *p)
{
	p->moved = true;
	if (p->turning)
		uv_stop(&p->loop);
}

static void turn(struct lanram *p, uv_run_mode mode)
{
	p->turning = true;
	uv_run(&p->loop, mode);
	p->turning = false;
	p->turned_ns = uv_hrtime();
}

void lr_client_run(struct lanram *p, bool spin)
{
	p->moved = false;
	if (spin)
		lr_spin_until(p->spin, &p->moved);
	if (!p->moved)
		turn(p, UV_RUN_ONCE);
	else if (uv_hrtime() - p->turned_ns > TURN_NS)
		turn(p, UV_RUN_NOWAIT);
}

/* Asking the kernel who we are takes 0.2 us, before every call: being told of
 * a fork() takes nothing. */
static unsigned forks;

static void forked(void)
{
	forks++;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forked);
}

bool lr_client_enter(struct lanram *p)
{
	if (p->forks != forks) {
		lr_client_fail(p, LR_E_USAGE,
			       "a handle cannot be used after fork(): open "
			       "another");
		return false;
	}
	uv_update_time(&p->loop);
	return true;
}

enum lanram_err lr_client_fail(struct lanram *p, enum lr_err err,
			       const char *text)
{
	snprintf(p->error, sizeof p->error, "%s",
		 text && text[0] ? text : lr_err_text(err));
	return (enum lanram_err)lr_err_exit(err);
}

struct lr_entries *lr_client_entries(struct lanram *p)
{
	return p->entries;
}

uv_loop_t *lr_client_loop(struct lanram *p)
{
	return &p->loop;
}

static void wake_cb(uv_async_t *wake)
{
	struct lanram *p = wake->data;

	lr_client_moved(p);
}

void lr_client_interrupt(struct lanram *p)
{
	p->interrupted = true;
	uv_async_send(&p->wake);
}

/* By poll, on the loop and `fd` together: uv_poll would leave `fd`, and so
 * everybody who shares it (a terminal, a script), in non-blocking mode. */
bool lr_client_wait_readable(struct lanram *p, int fd)
{
	struct pollfd on[] = {
		{.fd = fd, .events = POLLIN},
		{.fd = uv_backend_fd(&p->loop), .events = POLLIN},
	};

	if (!lr_client_enter(p))
		return false;
	while (!p->interrupted) {
		uv_run(&p->loop, UV_RUN_NOWAIT);
		if (!p->interrupted &&
		    poll(on, 2, uv_backend_timeout(&p->loop)) > 0 &&
		    on[0].revents)
			return true;
	}
	return false;
}

/* --- questions
 * ------------------------------------------------------------------- */

struct asking {
	struct lanram *p;
	bool done;
	enum lr_err err;
	struct lr_answer *ret;
};

static bool copy_frame(struct lr_answer *to, const struct lr_frame *f)
{
	memset(to, 0, sizeof *to);
	if (!f)
		return true;
	to->bytes = malloc((size_t)f->h.meta + f->h.bulk + 1);
	if (!to->bytes)
		return false;
	to->f.h = f->h;
	to->f.meta = to->bytes;
	to->f.bulk = to->bytes + f->h.meta;
	if (f->h.meta)
		memcpy(to->bytes, f->meta, f->h.meta);
	if (f->h.bulk)
		memcpy(to->bytes + f->h.meta, f->bulk, f->h.bulk);
	return true;
}

static void asked_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct asking *a = arg;

	a->err = err;
	if (!copy_frame(a->ret, f))
		a->err = LR_E_NO_MEMORY;
	a->done = true;
	lr_client_moved(a->p);
}

enum lr_err lr_client_ask(struct lanram *p, unsigned type, const void *meta,
			  size_t len, struct lr_answer *ret)
{
	struct asking a = {.p = p, .ret = ret};
	char text[LR_OBJECT_TEXT];

	if (!lr_client_enter(p))
		return LR_E_USAGE;
	p->entries->ops->ask(p->entries, type, meta, len, p->env.deadline_ms,
			     asked_cb, &a);
	while (!a.done)
		lr_client_run(p, false);
	if (a.err) {
		lr_text_of_frame(ret->f.h.type ? &ret->f : NULL, text,
				 sizeof text);
		lr_client_fail(p, a.err, text);
	}
	return a.err;
}

void lr_answer_done(struct lr_answer *a)
{
	free(a->bytes);
	memset(a, 0, sizeof *a);
}

struct resolving {
	struct lanram *p;
	bool done;
	enum lr_err err;
	struct lr_id id;
	char text[LR_OBJECT_TEXT];
};

static void resolved_cb(void *arg, enum lr_err err, const struct lr_id *id,
			const char *text)
{
	struct resolving *r = arg;

	r->err = err;
	r->id = *id;
	snprintf(r->text, sizeof r->text, "%s", text);
	r->done = true;
	lr_client_moved(r->p);
}

enum lanram_err lr_client_resolve(struct lanram *p, const char *ref,
				  struct lr_id *ret)
{
	struct resolving r = {.p = p};

	if (!lr_client_enter(p))
		return LANRAM_USAGE;
	if (strlen(ref) == LR_ID_TEXT && lr_id_parse(ref, ret))
		return LANRAM_OK;
	if (!ref[0] || strlen(ref) > LR_OBJECT_NAME_MAX)
		return lr_client_fail(p, LR_E_USAGE,
				      "an ID, a prefix of 6 or more "
				      "characters, or a name is needed");
	lr_object_resolve(&p->env, ref, resolved_cb, &r);
	while (!r.done)
		lr_client_run(p, false);
	*ret = r.id;
	return r.err ? lr_client_fail(p, r.err, r.text) : LANRAM_OK;
}

/* --- open and close
 * ----------------------------------------------------------------- */

static bool start_relay(struct lanram *p, const struct lanram_options *opt)
{
	p->entries = lr_relay_new(&p->loop,
				  opt && opt->socket ? opt->socket : SOCKET,
				  p->spin);
	return p->entries != NULL;
}

static enum lr_err open_identity(struct lanram *p, const char *state_dir)
{
	char path[4096], why[256];

	snprintf(path, sizeof path, "%s/key.pem", state_dir);
	if (lr_identity_open(path, &p->identity, why, sizeof why))
		return LR_E_IO;
	p->tls = lr_tls_new(p->identity);
	return p->tls ? LR_E_OK : LR_E_NO_MEMORY;
}

static enum lr_err start_direct(struct lanram *p,
				const struct lanram_options *opt)
{
	char host[LR_NAME_MAX] = "", pin[4096];
	struct lr_attach_options o = {
		.loop = &p->loop,
		.pool_name = opt->pool ? opt->pool : "lanram",
		.pin_path = pin,
		.enrol_roles = LR_ROLE_REQUESTER,
		.name = host,
		.spin = p->spin,
	};
	enum lr_err err;

	if (!opt->state_dir || !opt->state_dir[0])
		return LR_E_USAGE;
	err = open_identity(p, opt->state_dir);
	if (err)
		return err;
	gethostname(host, sizeof host - 1);
	snprintf(pin, sizeof pin, "%s/pool.id", opt->state_dir);
	o.tls = p->tls;
	o.self = *lr_identity_dev(p->identity);
	p->direct = lr_direct_new(&o);
	if (!p->direct)
		return LR_E_NO_MEMORY;
	lr_attach_candidate(lr_direct_attach(p->direct), NULL, true,
			    opt->coordinator);
	p->entries = lr_direct_entries(p->direct);
	return LR_E_OK;
}

/* The loop turns only inside calls: a handle that is left alone at once would
 * never have been welcomed. Operations tell the reason if it is not. */
static void meet_pool(struct lanram *p)
{
	uint64_t until = uv_now(&p->loop) + MEET_MS;
	enum lr_here_state state;

	do {
		uv_run(&p->loop, UV_RUN_ONCE);
		state = lr_attach_state(lr_direct_attach(p->direct));
	} while (uv_now(&p->loop) < until &&
		 (state == LR_HERE_SEARCHING ||
		  (state == LR_HERE_READY &&
		   !lr_direct_view(p->direct)->rev)));
	p->env.owner = *lr_attach_device(lr_direct_attach(p->direct));
}

static void close_loop(struct lanram *p)
{
	uv_close((uv_handle_t *)&p->wake, NULL);
	uv_close((uv_handle_t *)&p->timer, NULL);
	lr_spin_stop(p->spin);
	while (uv_loop_alive(&p->loop)) /* a stop may be left over */
		uv_run(&p->loop, UV_RUN_DEFAULT);
	uv_loop_close(&p->loop);
	lr_spin_free(p->spin);
	lr_tls_free(p->tls);
	lr_identity_free(p->identity);
	free(p);
}

static unsigned spin_us(const struct lanram_options *opt)
{
	if (!opt || !opt->busy_poll_us)
		return SPIN_US;
	return opt->busy_poll_us > 0 ? (unsigned)opt->busy_poll_us : 0;
}

enum lanram_err lanram_open(const struct lanram_options *opt,
			    struct lanram **ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct lanram *p = calloc(1, sizeof *p);
	enum lr_err err = LR_E_OK;

	if (!p)
		return LANRAM_FAILED;
	if (uv_loop_init(&p->loop)) {
		free(p);
		return LANRAM_FAILED;
	}
	uv_async_init(&p->loop, &p->wake, wake_cb);
	p->wake.data = p;
	uv_timer_init(&p->loop, &p->timer);
	p->timer.data = p;
	pthread_once(&once, watch_forks);
	p->forks = forks;
	p->env = (struct lr_object_env){
		.loop = &p->loop,
		.uid = (uint32_t)geteuid(),
		.deadline_ms =
			opt && opt->deadline_ms ? opt->deadline_ms : 10000,
	};
	p->spin = lr_spin_new(&p->loop, spin_us(opt));
	while (!p->env.writer)
		lr_random(&p->env.writer, sizeof p->env.writer);
	if (!p->spin)
		err = LR_E_NO_MEMORY;
	else if (opt && opt->coordinator && opt->coordinator[0])
		err = start_direct(p, opt);
	else if (!start_relay(p, opt))
		err = LR_E_USAGE;
	if (err) {
		close_loop(p);
		return (enum lanram_err)lr_err_exit(err);
	}
	p->env.entries = p->entries;
	if (p->direct)
		meet_pool(p);
	*ret = p;
	return LANRAM_OK;
}

/* Writers and readers must be gone; operations end with CLOSED. */
void lanram_close(struct lanram *p)
{
	if (!p || p->forks != forks)
		return; /* a child leaves its parent's links alone */
	p->entries->ops->close(p->entries);
	close_loop(p);
}

const char *lanram_error(const struct lanram *p)
{
	return p->error;
}
