/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/donor/shard.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "daemon/base.h"
#include "daemon/log.h"
#include "net/spin.h"

#define TICK_MS 25
#define LATE_MS 300   /* our loop was stopped: ask for the view first */
#define HOLD_MS 1000  /* and wait so long for it */
#define STALE_MS 10000
#define OPS_MAX 64 /* of a link, that are not answered yet */
#define OPS_BYTES (4u << 20)
#define CLEAN_US 2000
#define IDLE_US 6000  /* of TICK_MS: nobody asked anything for IDLE_MS */
#define IDLE_MS 200
#define GIVE_US 15000 /* RAM is wanted back */

void lr_shard_send(struct lr_shard *s, unsigned type, uint64_t req,
		   const void *meta, size_t meta_len, const void *bulk,
		   size_t bulk_len)
{
	if (s->control)
		lr_mailbox_post(s->o.to_control, s->control, type, req, meta,
				meta_len, bulk, bulk_len);
}

/* --- data links to us --------------------------------------------------- */

static void link_frame_cb(struct lr_link *link, const struct lr_frame *f,
			  void *arg)
{
	(void)link;
	lr_shard_serve(arg, f);
}

static void link_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_shard_link *l = arg;

	(void)link, (void)why;
	lr_updates_gone(l->s->updates, l);
	lr_forwards_gone(l->s->forwards, l);
	lr_vias_gone(l->s, l);
	LR_LIST_DEL(l);
	free(l);
}

static const struct lr_link_ops link_ops = { NULL, link_frame_cb,
					     link_close_cb, NULL };

static void accept_cb(struct lr_link *link, void *arg)
{
	struct lr_shard *s = arg;
	struct lr_shard_link *l = calloc(1, sizeof *l);

	if (!l || s->stopping ||
	    lr_link_set_in_flight(link, OPS_MAX, OPS_BYTES) != LR_E_OK) {
		free(l);
		lr_link_close(link, LR_E_CLOSED);
		return;
	}
	*l = (struct lr_shard_link){ .s = s, .link = link };
	LR_LIST_ADD(s->links, l);
	lr_link_set_ops(link, &link_ops, l);
	lr_link_set_spin(link, s->spin);
	lr_link_set_stale_ms(link, STALE_MS);
	if (s->hold_until_ms)
		lr_link_pause(link, true);
}

/* --- late loops --------------------------------------------------------- */

static void hold(struct lr_shard *s, uint64_t until_ms)
{
	s->hold_until_ms = until_ms;
	for (struct lr_shard_link *l = s->links; l; l = l->next)
		lr_link_pause(l->link, until_ms != 0);
}

/* We were stopped, swapped or suspended: others may have moved on. Nothing is
 * served until the view is here, or nobody gave it for a second; after ten,
 * what stands unread in the data links is too old to be applied, or passed
 * on. */
static void look_for_lateness(struct lr_shard *s, uint64_t now)
{
	uint64_t late = now - s->last_tick_ms;

	s->last_tick_ms = now;
	if (late > STALE_MS) {
		lr_forwards_hang_up(s->forwards);
		for (struct lr_shard_link *l = s->links; l; l = l->next)
			lr_link_close(l->link, LR_E_TIMEOUT);
	}
	if (late > LATE_MS && s->control) {
		lr_info("this loop was late by %llu ms: asking for the view",
			(unsigned long long)late);
		s->view_wanted = true;
		s->view_asked_ms = 0; /* what comes may be as old as we were */
		s->back_ms = now;
		s->caught_up = false;
		hold(s, now + HOLD_MS);
	} else if (s->hold_until_ms && now >= s->hold_until_ms) {
		hold(s, 0);
	}
}

/* --- the tick ----------------------------------------------------------- */

static bool holds_alone(const struct lr_shard *s, unsigned n)
{
	const struct lr_cfg *cfg = &s->slots[n].inst;

	if (s->slots[n].status != LR_SLOT_SYNCED)
		return false;
	if (s->rx->view.cfg[n].ce == cfg->ce)
		cfg = &s->rx->view.cfg[n];
	for (unsigned i = 0; i < cfg->n; i++)
		if (cfg->mem[i] != s->o.inc && lr_cfg_synced(cfg, cfg->mem[i]))
			return false;
	return lr_store_slot(s->store, n).entries > 0;
}

static void count_slots(struct lr_shard *s)
{
	uint64_t max_prom = s->rx->view.epoch; /* others may have promised it */
	uint32_t sealed = 0, syncing = 0, sole = 0;

	for (unsigned n = 0; n < LR_SLOTS; n++) {
		const struct lr_slot *slot = &s->slots[n];

		if (slot->prom > max_prom)
			max_prom = slot->prom;
		sealed += slot->inst.ce && slot->prom > slot->inst.ce;
		syncing += slot->status == LR_SLOT_SYNCING;
		sole += holds_alone(s, n);
	}
	s->stats.max_prom = max_prom;
	s->stats.sealed = sealed;
	s->stats.syncing = syncing;
	s->stats.sole = sole;
}

static void count_links(struct lr_shard *s)
{
	uint32_t n[LR_LINKS_KINDS] = { 0 };

	for (const struct lr_shard_link *l = s->links; l; l = l->next)
		n[!l->roles  ? LR_LINKS_STRANGER :
		  l->copies ? LR_LINKS_COPY :
			      LR_LINKS_DATA]++;
	for (unsigned i = 0; i < LR_LINKS_KINDS; i++)
		s->stats.links[i] = n[i];
}

static void tell_stats(struct lr_shard *s)
{
	struct lr_store_usage u = lr_store_usage(s->store);

	s->stats.mapped = u.mapped;
	s->stats.live = u.live;
	s->stats.entries = u.entries;
	s->stats.p50_us = (uint32_t)lr_hist_percentile(&s->hist, 50);
	s->stats.p99_us = (uint32_t)lr_hist_percentile(&s->hist, 99);
	count_slots(s);
	count_links(s);
	s->slots_changed = false;
}

static bool is_idle(struct lr_shard *s, uint64_t now)
{
	if (s->ops_seen != s->stats.ops) {
		s->ops_seen = s->stats.ops;
		s->asked_ms = now;
	}
	return now > s->asked_ms + IDLE_MS;
}

/* More is held than may be: RAM goes back as fast as it can, and what the
 * allocator keeps of freed indexes goes, too. */
static void clean(struct lr_shard *s, uint64_t now)
{
	struct lr_store_usage u = lr_store_usage(s->store);
	bool over = u.mapped > u.limit;

	if (over) /* what is only kept in case goes first */
		lr_store_drop_shelves(s->store);
	if (over)
		lr_store_clean(s->store, GIVE_US, LR_CLEAN_ALL);
	else if (is_idle(s, now))
		lr_store_clean(s->store, IDLE_US, LR_CLEAN_IDLE);
	else
		lr_store_clean(s->store, CLEAN_US, LR_CLEAN_BUSY);
	if (over)
		s->stats.mapped = lr_store_usage(s->store).mapped;
	else if (s->was_over)
		malloc_trim(0);
	s->was_over = over;
}

static void tick_cb(uv_timer_t *timer)
{
	struct lr_shard *s = timer->data;
	uint64_t now = lr_now_ms();

	look_for_lateness(s, now);
	if (s->view_wanted) {
		s->view_wanted = false;
		lr_shard_want_view(s, 0);
	}
	lr_pull_tick(s->pull, now);
	lr_reports_tick(s->reports, now);
	lr_sweep_tick(s->sweep, now);
	lr_scrub_tick(s->scrub, now);
	lr_updates_tick(s->updates, now);
	lr_forwards_tick(s->forwards, now);
	clean(s, now);
	s->stats.tick++;
	if (s->slots_changed || s->stats.tick % 8 == 0)
		tell_stats(s);
}

/* --- mail from the control thread ---------------------------------------- */

static void attached(struct lr_shard *s, const struct lr_mail *m)
{
	struct lr_msg_welcome w;

	if (!lr_dec_welcome(m->bytes, m->h.meta, &w))
		return;
	s->pool = w.pool;
	s->control = m->link;
	s->slots_told = false;
	s->back_ms = lr_now_ms();
	s->caught_up = false;
	s->view_asked_ms = 0;
	lr_shard_want_view(s, 0);
	lr_reports_attached(s->reports);
}

static void stop(struct lr_shard *s)
{
	s->stopping = true;
	lr_listener_close(s->listener);
	for (struct lr_shard_link *l = s->links; l; l = l->next)
		lr_link_close(l->link, LR_E_OK);
	lr_pull_free(s->pull);
	lr_updates_free(s->updates);
	s->updates = NULL;
	lr_vias_gone(s, NULL);
	lr_forwards_free(s->forwards);
	s->forwards = NULL;
	lr_sweep_free(s->sweep);
	lr_scrub_free(s->scrub);
	lr_reports_free(s->reports);
	lr_direct_close(s->net);
	lr_spin_stop(s->spin);
	uv_close((uv_handle_t *)&s->timer, NULL);
	lr_mailbox_close(&s->inbox);
}

static void mail_cb(void *arg, const struct lr_mail *m)
{
	struct lr_shard *s = arg;
	struct lr_reader r;

	switch (m->h.type) {
	case LR_MAIL_ATTACHED:
		attached(s, m);
		break;
	case LR_MAIL_DETACHED:
		s->control = 0;
		break;
	case LR_MAIL_LIMIT:
		r = lr_reader(m->bytes, m->h.meta);
		s->stats.limit = lr_r_u64(&r);
		lr_store_set_limit(s->store, s->stats.limit);
		break;
	case LR_MAIL_REPORTED:
		lr_reports_acked(s->reports);
		break;
	case LR_MAIL_STOP:
		stop(s);
		break;
	case LR_M_SEAL:
		lr_shard_seal(s, m);
		break;
	case LR_M_INSTALL:
		lr_shard_install(s, m);
		break;
	case LR_M_SLOTS_GET:
		lr_shard_tell_slots(s, m->h.req);
		break;
	case LR_M_VIEW:
	case LR_M_VIEW_DELTA:
		lr_shard_take_view(s, m);
		break;
	case LR_M_DEVICES:
		lr_shard_take_devices(s, m);
		break;
	case LR_M_POLICY:
		lr_shard_take_policy(s, m);
		break;
	}
}

/* --- start and end -------------------------------------------------------- */

static void thread_main(void *arg)
{
	struct lr_shard *s = arg;
	char name[16]; /* as top -H shows it */

	snprintf(name, sizeof name, "shard %u", s->o.nth);
	pthread_setname_np(pthread_self(), name);
	lr_budget_share(s->o.shards);
	uv_run(&s->loop, UV_RUN_DEFAULT);
}

static bool open_all(struct lr_shard *s, char *why, size_t cap)
{
	struct lr_attach_options o = { .loop = &s->loop,
				       .tls = s->o.tls,
				       .self = s->o.self,
				       .name = s->o.name,
				       .pool_name = "" };

	if (lr_listen(&s->loop, s->o.listen, 0, s->o.tls, &s->o.accept,
		      accept_cb, s, &s->listener, why, cap))
		return false;
	s->port = lr_listener_port(s->listener);
	s->spin = lr_spin_new(&s->loop, s->o.busy_poll_us);
	s->store = lr_store_new(LR_SLOTS, s->o.limit);
	s->net = lr_direct_fed(&o);
	s->rx = s->net ? lr_direct_rx(s->net) : NULL;
	s->pull = lr_pull_new(s);
	s->reports = lr_reports_new(s);
	s->sweep = lr_sweep_new(s);
	s->scrub = lr_scrub_new(s);
	s->updates = lr_updates_new(s);
	s->forwards = lr_forwards_new(s);
	s->verified = lr_verified_new();
	if (s->spin && s->store && s->net && s->pull && s->reports &&
	    s->sweep && s->updates && s->forwards && s->verified &&
	    s->scrub)
		return true;
	snprintf(why, cap, "out of memory");
	return false;
}

bool lr_shard_open(struct lr_shard *s, const struct lr_shard_options *o,
		   char *why, size_t cap)
{
	memset(s, 0, sizeof *s);
	s->o = *o;
	s->stats.limit = o->limit;
	snprintf(why, cap, "out of memory");
	if (uv_loop_init(&s->loop) ||
	    !lr_mailbox_init(&s->inbox, &s->loop, mail_cb, s) ||
	    !open_all(s, why, cap))
		return false;
	s->last_tick_ms = lr_now_ms();
	uv_timer_init(&s->loop, &s->timer);
	s->timer.data = s;
	uv_timer_start(&s->timer, tick_cb, TICK_MS, TICK_MS);
	lr_spin_start(s->spin);
	return true;
}

bool lr_shard_run(struct lr_shard *s)
{
	return uv_thread_create(&s->thread, thread_main, s) == 0;
}

int lr_shard_join(struct lr_shard *s)
{
	int left;

	uv_thread_join(&s->thread);
	left = uv_loop_close(&s->loop);
	if (left)
		uv_print_all_handles(&s->loop, stderr);
	lr_mailbox_done(&s->inbox);
	lr_spin_free(s->spin);
	lr_store_free(s->store);
	free(s->verified);
	free(s->devices);
	return left;
}
