/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/flaps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/drain.h"
#include "daemon/log.h"

#define TICK_MS 20
#define FIRST_BROWSE_MS 3000
#define EXIT_REFUSED 6 /* the unit does not restart on it */

const char *lr_coordinator_name_of(const struct lr_coordinator *k,
				   const struct lr_dev *dev)
{
	const struct lr_device_row *d = lr_devices_get(k, dev);

	return d ? d->name : "?";
}

/* --- what the rules ask for ------------------------------------------------ */

static void perform(struct lr_coordinator *k, const struct lr_coord_act *a)
{
	struct lr_peer *p;

	switch (a->what) {
	case LR_DO_NONE:
		break;
	case LR_DO_PREPARE:
		lr_state_prepare(k, a->epoch);
		break;
	case LR_DO_COMMIT:
		lr_state_commit(k);
		break;
	case LR_DO_SEAL:
		lr_donor_seal(k, a);
		break;
	case LR_DO_INSTALL:
		lr_donor_install(k, a);
		break;
	case LR_DO_PUBLISH:
		lr_push_changes(k, a);
		lr_watchers_changed(k);
		break;
	case LR_DO_PROBE:
		lr_donor_probe(k, a);
		break;
	case LR_DO_CONNECT:
		lr_donor_connect(k, a->target);
		break;
	case LR_DO_SLOTS_GET:
		lr_donor_slots_get(k, a->inc);
		break;
	case LR_DO_MAY_LEAVE:
		lr_donor_may_leave(k, a->inc);
		break;
	case LR_DO_CLOSE:
		p = lr_peers_donor(k, a->inc);
		if (p)
			lr_link_close(p->link, LR_E_CLOSED);
		break;
	case LR_DO_EVENT:
		lr_watchers_event(k, a->event, &a->dev, NULL, a->count, a->ms);
		break;
	}
}

void lr_coordinator_act(struct lr_coordinator *k)
{
	struct lr_coord_act a;

	if (k->stopped)
		return;
	for (a = lr_coord_pop(k->rules); a.what != LR_DO_NONE;
	     a = lr_coord_pop(k->rules))
		perform(k, &a);
}

static void tick_cb(uv_timer_t *timer)
{
	struct lr_coordinator *k = timer->data;
	uint64_t now = lr_now_ms();

	lr_donors_heard(k, now);
	lr_coord_tick(k->rules, now);
	lr_state_tick(k, now);
	lr_devices_tick(k, now);
	lr_objects_tick(k, now);
	lr_losses_tick(k, now);
	lr_watchers_tick(k, now);
	lr_push_tick(k, now);
	lr_coordinator_act(k);
}

/* --- first start: is the name taken? ---------------------------------------- */

/* A record may outlive its host: a pool is there if it proves its key. */
struct look {
	struct lr_coordinator *k;
	uv_timer_t timer;
	struct lr_browser *browser;
	struct lr_dial *dial;
	char host[256], dialled[256];
};

static void look_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
}

static void look_dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct look *l = arg;

	(void)why;
	l->dial = NULL;
	if (!link)
		return;
	lr_link_close(link, LR_E_OK);
	memcpy(l->host, l->dialled, sizeof l->host);
	uv_stop(&l->k->b.loop);
}

static void look_found_cb(const struct lr_found *found, size_t n, void *arg)
{
	static const struct lr_link_ops ops = { .close_cb = look_close_cb };
	struct look *l = arg;
	struct lr_link_options opt = { .tls = l->k->pool_tls,
				       .connect_ms = 2000 };

	for (size_t i = 0; i < n && !l->dial; i++) {
		if (strcmp(found[i].pool_name, l->k->b.cfg->pool) != 0 ||
		    lr_dev_eq(&found[i].pool, lr_coordinator_pool(l->k)))
			continue;
		opt.peer = &found[i].pool;
		snprintf(l->dialled, sizeof l->dialled, "%s", found[i].host);
		l->dial = lr_dial_start(&l->k->b.loop, found[i].addrs, &opt,
					&ops, NULL, look_dialled_cb, l);
	}
}

static void look_over_cb(uv_timer_t *timer)
{
	struct look *l = timer->data;

	uv_stop(&l->k->b.loop);
}

/* True: nobody else has a pool of this name. Asked to stop meanwhile: false. */
static bool name_is_free(struct lr_coordinator *k)
{
	static struct look l;

	if (!k->first_start || !k->b.cfg->discovery)
		return true;
	l.k = k;
	lr_info("first start: listening for a pool \"%s\" on this LAN",
		k->b.cfg->pool);
	l.browser = lr_browse_start(&k->b.loop, look_found_cb, &l);
	uv_timer_init(&k->b.loop, &l.timer);
	l.timer.data = &l;
	uv_timer_start(&l.timer, look_over_cb, FIRST_BROWSE_MS, 0);
	uv_run(&k->b.loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&l.timer, NULL);
	if (l.browser)
		lr_browse_stop(l.browser);
	if (l.dial)
		lr_dial_stop(l.dial);
	if (!l.host[0])
		return k->b.stops == 0;
	lr_error("a pool \"%s\" is on this LAN already, at %s: no second one "
		 "is made. To join it, this machine needs no coordinator; for "
		 "another pool, set `pool` in the configuration",
		 k->b.cfg->pool, l.host);
	k->exit_code = EXIT_REFUSED;
	return false;
}

/* --- start and stop ----------------------------------------------------------- */

static void stop(struct lr_coordinator *k)
{
	if (k->stopped)
		return;
	k->stopped = true;
	lr_base_notify("STOPPING=1");
	if (k->b.publisher)
		lr_publish_stop(k->b.publisher);
	k->b.publisher = NULL;
	if (k->tcp)
		lr_listener_close(k->tcp);
	if (k->local)
		lr_listener_close(k->local);
	lr_peers_close_all(k);
	uv_close((uv_handle_t *)&k->timer, NULL);
	lr_base_stop(&k->b);
}

static void stop_cb(struct lr_base *b)
{
	struct lr_coordinator *k = (struct lr_coordinator *)b; /* first field */

	if (k->rules)
		stop(k);
	else
		uv_stop(&b->loop); /* still looking whether the name is free */
}

static bool start_rules(struct lr_coordinator *k)
{
	struct lr_coord_params p = {
		.nslots = LR_SLOTS,
		.suspect = lr_suspect_defaults,
		.seal_wait_ms = 200,
		.rebuild_delay_ms = k->b.cfg->rebuild_delay_ms,
		.settle_ms = 300,
		.unix_s = lr_unix_ms() / 1000,
	};
	struct lr_view view;
	uint64_t prepared;
	bool found, good = false;

	p.suspect.dead_ms = k->b.cfg->dead_after_ms;
	lr_random(&p.run, sizeof p.run);
	if (!lr_view_init(&view, LR_SLOTS))
		return false;
	if (!lr_state_open(k, &view, &prepared, &found))
		goto out;
	k->first_start = !found;
	k->started_ms = lr_now_ms();
	if (!name_is_free(k))
		goto out;
	k->catalog = lr_catalog_new(LR_SLOTS);
	k->rules = lr_coord_new(&p, found ? &view : NULL, prepared,
				lr_now_ms());
	if (k->rules)
		lr_flaps_restore(k);
	if (k->rules && lr_state_in_doubt(k))
		lr_coord_doubt(k->rules);
	good = k->rules && k->catalog && lr_drain_restore(k) &&
	       lr_watchers_new(k) && lr_push_new(k);
	if (good && k->starts_paused)
		lr_coord_pause(k->rules, true);
out:
	lr_view_done(&view);
	return good;
}

static bool listen_all(struct lr_coordinator *k)
{
	struct lr_accept_limits limits = lr_base_limits(&k->b);
	char why[512];

	if (!lr_listen(&k->b.loop, k->b.cfg->coord_listen, 0, k->pool_tls,
		       &limits, lr_peers_accept_cb, k, &k->tcp, why,
		       sizeof why) &&
	    !lr_listen(&k->b.loop, lr_base_socket(&k->b, "coordinator.sock"),
		       0666, NULL, &limits, lr_peers_accept_cb, k, &k->local,
		       why, sizeof why))
		return lr_base_metrics(&k->b, k->b.cfg->coord_metrics,
				       lr_coordinator_metrics_cb, k);
	lr_error("%s", why);
	return false;
}

/* The first start makes the pool: its state is there from then on. */
static void announce(struct lr_coordinator *k)
{
	char id[LR_DEV_TEXT + 1];

	if (k->first_start)
		lr_state_changed(k);
	if (k->b.cfg->discovery) {
		k->b.publisher = lr_publish_start(k->b.cfg->pool,
						  lr_coordinator_pool(k),
						  PACKAGE_VERSION,
						  lr_listener_port(k->tcp));
		lr_base_watch_mdns(&k->b);
	}
	lr_info("pool \"%s\" (%s) on port %u, epoch %" PRIu64, k->b.cfg->pool,
		lr_dev_format(lr_coordinator_pool(k), id),
		lr_listener_port(k->tcp), lr_coord_view(k->rules)->epoch);
	lr_base_notify("READY=1");
}

static void done(struct lr_coordinator *k)
{
	lr_coord_free(k->rules);
	lr_catalog_free(k->catalog);
	lr_watchers_free(k);
	lr_push_free(k);
	lr_state_free(k);
	lr_tls_free(k->pool_tls);
	lr_identity_free(k->pool);
	lr_base_done(&k->b);
	free(k->flapped);
	free(k->devices);
	free(k->pending);
	free(k->invites);
	free(k);
}

int lr_run_coordinator(const struct lr_config *cfg)
{
	struct lr_coordinator *k = calloc(1, sizeof *k);
	int code;

	if (!k || !lr_base_start(&k->b, cfg, stop_cb))
		return 1;
	if (!lr_pool_key_open(k) || !start_rules(k)) {
		code = k->b.stops ? 0 : k->exit_code ? k->exit_code : 1;
		k->stopped = true;
		lr_base_stop(&k->b);
		lr_base_run(&k->b);
		done(k);
		return code;
	}
	uv_timer_init(&k->b.loop, &k->timer);
	k->timer.data = k;
	uv_timer_start(&k->timer, tick_cb, TICK_MS, TICK_MS);
	if (listen_all(k))
		announce(k);
	else
		k->exit_code = 1, stop(k);
	code = lr_base_run(&k->b) | k->exit_code;
	done(k);
	return code;
}
