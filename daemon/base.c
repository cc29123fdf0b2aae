/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "daemon/log.h"
#include "daemon/rotate.h"

static void signal_cb(uv_signal_t *s, int signum)
{
	struct lr_base *b = s->data;

	(void)signum;
	b->stops++;
	b->stop_cb(b);
}

static void watch_signal(struct lr_base *b, uv_signal_t *s, int signum)
{
	uv_signal_init(&b->loop, s);
	s->data = b;
	uv_signal_start(s, signal_cb, signum);
}

/* The state folder is private; the run folder holds sockets for all. */
static bool make_folder(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return true;
	lr_error("%s: %s. Create it, or set state_dir and run_dir in the "
		 "configuration to folders that this user may write",
		 path, strerror(errno));
	return false;
}

bool lr_base_key_changed(struct lr_base *b)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof path, "%s/device.key", b->cfg->state_dir);
	if (stat(path, &st) != 0 ||
	    (st.st_ino == b->key_file &&
	     !memcmp(&st.st_mtim, &b->key_time, sizeof st.st_mtim)))
		return false;
	b->key_file = st.st_ino;
	b->key_time = st.st_mtim;
	return true;
}

bool lr_base_start(struct lr_base *b, const struct lr_config *cfg,
		   void (*stop_cb)(struct lr_base *b))
{
	char path[512], why[512];

	memset(b, 0, sizeof *b);
	b->cfg = cfg;
	b->started_ms = lr_unix_ms();
	b->stop_cb = stop_cb;
	if (!make_folder(cfg->state_dir, 0700) ||
	    !make_folder(cfg->run_dir, 0755))
		return false;
	snprintf(path, sizeof path, "%s/device.key", cfg->state_dir);
	if (lr_identity_open(path, &b->identity, why, sizeof why)) {
		lr_error("%s", why);
		return false;
	}
	(void)lr_base_key_changed(b);
	b->tls = lr_tls_new(b->identity);
	if (!b->tls || uv_loop_init(&b->loop) != 0) {
		lr_error("out of memory");
		return false;
	}
	watch_signal(b, &b->sigterm, SIGTERM);
	watch_signal(b, &b->sigint, SIGINT);
	uv_timer_init(&b->loop, &b->mdns);
	b->mdns.data = b;
	return true;
}

/* --- mDNS --------------------------------------------------------------- */

/* A word when it goes, and when it is there again. */
static void mdns_cb(uv_timer_t *timer)
{
	struct lr_base *b = timer->data;
	enum lr_disco_state state =
		b->publisher ? lr_publish_state(b->publisher) :
		b->browser   ? lr_browse_state(b->browser) :
			       LR_DISCO_STARTING;
	bool away = state == LR_DISCO_NO_DAEMON;

	if (state == LR_DISCO_STARTING || away == b->mdns_away)
		return;
	b->mdns_away = away;
	if (away)
		lr_warn("no mDNS here: avahi-daemon, or its D-Bus, does not "
			"run. Install and start avahi-daemon, or set "
			"coordinator = \"host:port\"; %s",
			b->publisher ? "on the other machines" :
				       "in the configuration");
	else
		lr_info("avahi-daemon answers");
}

void lr_base_watch_mdns(struct lr_base *b)
{
	uv_timer_start(&b->mdns, mdns_cb, 2000, 2000);
}

/* --- searching ---------------------------------------------------------- */

static void found_cb(const struct lr_found *found, size_t n, void *arg)
{
	struct lr_base *b = arg;

	for (unsigned k = 0; k < 2; k++) {
		struct lr_attach *a = b->attach[k];

		if (!a)
			continue;
		lr_attach_no_candidates(a);
		for (size_t i = 0; i < n; i++)
			lr_attach_candidate(a, &found[i].pool,
					    !strcmp(found[i].pool_name,
						    b->cfg->pool),
					    found[i].addrs);
	}
}

void lr_base_search(struct lr_base *b)
{
	if (b->cfg->coordinator[0]) {
		for (unsigned k = 0; k < 2; k++)
			if (b->attach[k])
				lr_attach_candidate(b->attach[k], NULL, true,
						    b->cfg->coordinator);
	} else if (b->cfg->discovery) {
		b->browser = lr_browse_start(&b->loop, found_cb, b);
		lr_base_watch_mdns(b);
	}
}

void lr_base_attach_options(struct lr_base *b, enum lr_role_link role,
			    uint8_t enrol_roles, struct lr_attach_options *ret)
{
	static char pin[1024], invitation[512];

	snprintf(invitation, sizeof invitation, "%s/invitation",
		 b->cfg->state_dir);
	snprintf(pin, sizeof pin, "%s/pool.%s", b->cfg->state_dir,
		 b->cfg->pool);
	*ret = (struct lr_attach_options){
		.loop = &b->loop,
		.tls = b->tls,
		.self = *lr_identity_dev(b->identity),
		.look_cb = lr_rotate_look,
		.look_arg = b,
		.pool_name = b->cfg->pool,
		.pin_path = pin,
		.role = role,
		.enrol_roles = enrol_roles,
		.invitations = { invitation, b->cfg->invitation[0] ?
						     b->cfg->invitation :
						     NULL },
		.name = b->cfg->name,
		.local_socket = lr_base_socket(b, "coordinator.sock"),
	};
}

const char *lr_base_socket(struct lr_base *b, const char *name)
{
	snprintf(b->socket, sizeof b->socket, "%.100s/%s", b->cfg->run_dir,
		 name);
	return b->socket;
}

void lr_base_notify(const char *state)
{
	sd_notify(0, state);
}

void lr_base_say_state(struct lr_base *b, struct lr_attach *a,
		       enum lr_here_state state)
{
	char status[1024] = "";

	switch (state) {
	case LR_HERE_SEARCHING:
		snprintf(status, sizeof status,
			 "searching for the coordinator of pool \"%s\"",
			 b->cfg->pool);
		break;
	case LR_HERE_PENDING:
		snprintf(status, sizeof status,
			 "not admitted yet: pool \"%s\" at %s has this "
			 "machine's request, code %s. There: lanram admit "
			 "%s%s%s",
			 b->cfg->pool, lr_attach_address(a), lr_attach_code(a),
			 lr_attach_code(a), *lr_attach_text(a) ? ". " : "",
			 lr_attach_text(a));
		break;
	case LR_HERE_REFUSED:
		snprintf(status, sizeof status,
			 "pool \"%s\" refused this machine%s%s", b->cfg->pool,
			 *lr_attach_text(a) ? ": " : "", lr_attach_text(a));
		break;
	case LR_HERE_WRONG_POOL:
		if (*lr_attach_text(a))
			snprintf(status, sizeof status, "%s",
				 lr_attach_text(a));
		else
			snprintf(status, sizeof status,
				 "another pool calls itself \"%s\" here: its "
				 "key is "
				 "not the one this machine knows. If the pool "
				 "was made anew, or restored with a key that "
				 "was replaced since, remove %s/pool.%s and "
				 "restart",
				 b->cfg->pool, b->cfg->state_dir, b->cfg->pool);
		break;
	case LR_HERE_VERSION:
		snprintf(status, sizeof status,
			 "pool \"%s\" at %s cannot be spoken to: %s",
			 b->cfg->pool, lr_attach_address(a), lr_attach_text(a));
		break;
	case LR_HERE_READY:
		snprintf(status, sizeof status, "in pool \"%s\" through %s",
			 b->cfg->pool, lr_attach_address(a));
		break;
	case LR_HERE_AWAY:
		snprintf(status, sizeof status,
			 "the coordinator of \"%s\" is away, searching",
			 b->cfg->pool);
		break;
	}
	lr_info("%s", status);
	sd_notifyf(0, "STATUS=%s", status);
}

/* --- strangers ---------------------------------------------------------- */

static void note_cb(void *arg, const char *cause)
{
	lr_refuse(arg, LR_REFUSED_LIMITS);
	lr_warn("turned away: %s", cause);
}

struct lr_accept_limits lr_base_limits(struct lr_base *b)
{
	return (struct lr_accept_limits){ .half_open = b->cfg->half_open,
					  .half_open_each =
						  b->cfg->half_open_each,
					  .strangers = 256,
					  .note = note_cb,
					  .note_arg = &b->refusals };
}

bool lr_base_metrics(struct lr_base *b, const char *where, lr_metrics_cb cb,
		     void *arg)
{
	char why[512];

	if (!*where ||
	    lr_metrics_listen(&b->loop, where, cb, arg, &b->http, why,
			      sizeof why))
		return true;
	lr_error("metrics_listen: %s", why);
	return false;
}

/* --- the end ------------------------------------------------------------ */

void lr_base_stop(struct lr_base *b)
{
	if (b->browser)
		lr_browse_stop(b->browser);
	b->browser = NULL;
	lr_metrics_close(b->http);
	b->http = NULL;
	if (!uv_is_closing((uv_handle_t *)&b->sigterm)) {
		uv_close((uv_handle_t *)&b->sigterm, NULL);
		uv_close((uv_handle_t *)&b->sigint, NULL);
		uv_close((uv_handle_t *)&b->mdns, NULL);
	}
}

int lr_base_run(struct lr_base *b)
{
	uv_run(&b->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&b->loop) == 0)
		return 0;
	lr_error("handles were left open on the loop");
	uv_print_all_handles(&b->loop, stderr);
	return 1;
}

void lr_base_done(struct lr_base *b)
{
	lr_tls_free(b->tls);
	lr_identity_free(b->identity);
}
