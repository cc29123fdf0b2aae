/* SPDX-License-Identifier: Apache-2.0 */
/* The control side of a donor: its links to the coordinator (control, and one
 * for heartbeats alone), start and stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/donor/donor.h"
#include "daemon/log.h"

#define BEAT_MS 100
#define SHARD_BYTES (UINT64_C(64) << 20) /* with less it has few segments */

/* --- the coordinator ---------------------------------------------------- */

static void hello_cb(void *arg, struct lr_msg_hello *m, struct lr_bulk *b)
{
	struct lr_donor *d = arg;
	uint16_t port = d->shards[0].s.port;

	(void)b;
	lr_host_addresses(d->b.cfg->donor_listen, port, d->addrs,
			  sizeof d->addrs);
	m->inc = d->inc;
	m->port = port;
	m->shards = (uint16_t)d->n_shards;
	m->lent = d->lent;
	m->used = lr_donor_totals(d).mapped;
	m->site = lr_str(d->b.cfg->site);
	m->addrs = lr_str(d->addrs);
	lr_machine_hash(&m->machine);
}

static void control_ready_cb(void *arg, struct lr_link *link,
			     const struct lr_msg_welcome *w)
{
	struct lr_donor *d = arg;
	uint8_t meta[LR_META_MAX];
	struct lr_writer mw = lr_writer(meta, sizeof meta);

	(void)link;
	d->link++;
	d->linked = true;
	lr_enc_welcome(&mw, w);
	lr_gather_drop(d);
	lr_gather_tell(d, d->link, LR_MAIL_ATTACHED, meta, mw.len);
}

/* "Can you reach that donor": TCP connections with its key proven. */
struct probe {
	struct lr_donor *d;
	uint64_t link, req;
};

static void probed_cb(void *arg, enum lr_err why)
{
	struct probe *p = arg;
	struct lr_link *control =
		p->d->stopped ? NULL : lr_attach_link(p->d->control);
	struct lr_msg_done m = { .err = (uint16_t)why, .text = lr_str("") };

	if (control && p->link == p->d->link)
		LR_SEND(control, DONE, done, p->req, &m, NULL);
	free(p);
}

static void probe(struct lr_donor *d, const struct lr_frame *f)
{
	struct lr_msg_probe m;
	char addrs[LR_ADDRS_MAX];
	struct lr_link_options opt = { .tls = d->b.tls, .connect_ms = 1000 };
	struct probe *p;

	if (!lr_dec_probe(f->meta, f->h.meta, &m) ||
	    !lr_str_copy(m.addrs, addrs, sizeof addrs))
		return;
	p = malloc(sizeof *p);
	if (!p)
		return;
	*p = (struct probe){ d, d->link, f->h.req };
	opt.peer = &m.dev;
	if (m.shards > LR_SHARDS_MAX ||
	    !lr_reach_start(&d->b.loop, addrs, m.shards, &opt, probed_cb, p))
		free(p);
}

/* An admin gave this run up while it was away: another may join, empty. */
static void take_error(struct lr_donor *d, const struct lr_frame *f)
{
	struct lr_msg_error m;

	if (!lr_dec_error(f->meta, f->h.meta, &m) ||
	    m.err != LR_E_PERMISSION)
		return;
	lr_warn("this donor was given up while it was away: what it held is "
		"dropped, it starts afresh");
	d->again = true;
	lr_donor_stop(d);
}

static void control_frame_cb(void *arg, struct lr_link *link,
			     const struct lr_frame *f)
{
	struct lr_donor *d = arg;

	(void)link;
	switch (f->h.type) {
	case LR_M_PROBE:
		probe(d, f);
		break;
	case LR_M_ERROR:
		take_error(d, f);
		break;
	case LR_M_SEAL:
	case LR_M_INSTALL:
	case LR_M_SLOTS_GET:
	case LR_M_VIEW:
	case LR_M_VIEW_DELTA:
	case LR_M_DEVICES:
	case LR_M_POLICY:
		lr_gather_frame(d, f);
		break;
	}
}

static void control_state_cb(void *arg, enum lr_here_state state)
{
	struct lr_donor *d = arg;

	if (d->linked && state != LR_HERE_READY) {
		d->linked = false;
		lr_gather_drop(d);
		lr_gather_tell(d, 0, LR_MAIL_DETACHED, NULL, 0);
	}
	lr_base_say_state(&d->b, d->control, state);
}

static const struct lr_attach_ops control_ops = {
	hello_cb, control_ready_cb, control_frame_cb, control_state_cb
};

static void beat_ready_cb(void *arg, struct lr_link *link,
			  const struct lr_msg_welcome *w)
{
	(void)arg, (void)link, (void)w;
}
static void set_rest(struct lr_donor *d, bool rest)
{
	for (unsigned i = 0; i < d->n_shards; i++)
		d->shards[i].s.stats.rest = rest;
}

static void set_copy_limit(struct lr_donor *d, uint64_t bytes_per_s)
{
	uint64_t each = (bytes_per_s + d->n_shards - 1) / d->n_shards;

	for (unsigned i = 0; i < d->n_shards; i++)
		d->shards[i].s.stats.copy_limit = each;
}

static void beat_frame_cb(void *arg, struct lr_link *link,
			  const struct lr_frame *f)
{
	struct lr_donor *d = arg;
	struct lr_msg_beat_r m;
	struct lr_msg_copy_limit limit;

	(void)link;
	if (f->h.type == LR_M_BEAT_R && lr_dec_beat_r(f->meta, f->h.meta, &m))
		set_rest(d, m.rest);
	else if (f->h.type == LR_M_COPY_LIMIT &&
		 lr_dec_copy_limit(f->meta, f->h.meta, &limit))
		set_copy_limit(d, limit.bytes_per_s);
}
static void beat_state_cb(void *arg, enum lr_here_state state)
{
	struct lr_donor *d = arg;

	if (state != LR_HERE_READY)
		set_rest(d, false);
}

static const struct lr_attach_ops beat_ops = { hello_cb, beat_ready_cb,
					       beat_frame_cb, beat_state_cb };

/* Of all shards but the first. */
static struct lr_str other_ticks(const struct lr_donor *d,
				 uint8_t buf[8 * LR_SHARDS_MAX])
{
	struct lr_writer w = lr_writer(buf, 8 * LR_SHARDS_MAX);

	for (unsigned i = 1; i < d->n_shards; i++)
		lr_w_u64(&w, d->shards[i].s.stats.tick);
	return (struct lr_str){ (const char *)buf, (uint16_t)w.len };
}

void lr_donor_beat(struct lr_donor *d)
{
	struct lr_link *link = lr_attach_link(d->beat);
	const struct lr_totals s = lr_donor_totals(d);
	uint8_t ticks[8 * LR_SHARDS_MAX];
	struct lr_msg_beat m = { .inc = d->inc,
				 .seq = ++d->seq,
				 .tick = d->shards[0].s.stats.tick,
				 .lent = d->lent,
				 .used = s.mapped,
				 .host_available = d->host.available,
				 .psi_some = d->host.psi_some,
				 .psi_full = d->host.psi_full,
				 .entries = s.entries,
				 .max_prom = s.max_prom,
				 .sealed = s.sealed,
				 .syncing = s.syncing,
				 .sync_left = s.sync_left,
				 .ops = s.ops,
				 .p50_us = s.p50_us,
				 .p99_us = s.p99_us,
				 .gets = s.gets,
				 .puts = s.puts,
				 .bytes_out = s.bytes_out,
				 .bytes_in = s.bytes_in,
				 .errors = s.errors,
				 .pressure = (uint8_t)lr_lend_pressure(d),
				 .ticks = other_ticks(d, ticks) };

	if (link)
		LR_SEND(link, BEAT, beat, 0, &m, NULL);
}

/* --- start and stop ------------------------------------------------------- */

static void tick_cb(uv_timer_t *timer)
{
	struct lr_donor *d = timer->data;
	uint64_t now = lr_now_ms();

	lr_donor_beat(d);
	lr_gather_tick(d, now);
	lr_shares_set(d);
	lr_given_look(&d->given, d->lent, lr_donor_totals(d).mapped, now);
	if (d->leaving)
		lr_leave_tick(d, now);
}

void lr_donor_stop(struct lr_donor *d)
{
	if (d->stopped)
		return;
	d->stopped = true;
	lr_gather_drop(d);
	lr_gather_tell(d, 0, LR_MAIL_STOP, NULL, 0);
	lr_attach_stop(d->control);
	lr_attach_stop(d->beat);
	lr_local_stop(d);
	lr_lend_stop(d);
	uv_close((uv_handle_t *)&d->timer, NULL);
	for (unsigned i = 0; i < d->n_shards; i++)
		lr_mailbox_close(&d->shards[i].mail);
	lr_base_stop(&d->b);
}

static bool open_shard(struct lr_donor *d, unsigned nth)
{
	struct lr_donor_shard *p = &d->shards[nth];
	const struct lr_config *cfg = d->b.cfg;
	struct lr_shard_options o = { .tls = d->b.tls,
				      .self = *lr_identity_dev(d->b.identity),
				      .inc = d->inc,
				      .nth = nth,
				      .shards = cfg->shards,
				      .limit = d->lent / cfg->shards,
				      .busy_poll_us = cfg->busy_poll_us,
				      .scrub_ms = cfg->scrub_s * UINT64_C(1000),
				      .listen = cfg->donor_listen,
				      .accept = lr_base_limits(&d->b),
				      .name = cfg->name,
				      .refusals = &d->b.refusals,
				      .to_control = &p->mail };
	char why[512];

	p->d = d;
	p->limit = o.limit;
	if (nth) {
		lr_addrs_of_shard(cfg->donor_listen, nth, p->listen,
				  sizeof p->listen);
		o.listen = p->listen;
	}
	if (!lr_mailbox_init(&p->mail, &d->b.loop, lr_gather_mail_cb, p))
		return false;
	if (lr_shard_open(&p->s, &o, why, sizeof why))
		return true;
	lr_error("%s", why);
	return false;
}

/* No thread runs before all can. */
static bool start_shards(struct lr_donor *d)
{
	unsigned n = d->b.cfg->shards;

	d->shards = calloc(n, sizeof *d->shards);
	if (!d->shards)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!open_shard(d, i))
			return false;
	d->n_shards = n;
	if (n > 1 && d->lent / n < SHARD_BYTES)
		lr_warn("%u shards share %llu MiB: values may find no room in "
			"one while there is some in another",
			n, (unsigned long long)d->lent >> 20);
	for (unsigned i = 0; i < n; i++)
		if (!lr_shard_run(&d->shards[i].s))
			return false;
	return true;
}

/* Nonzero: handles leaked. */
static int join_shards(struct lr_donor *d)
{
	int leaked = 0;

	for (unsigned i = 0; i < d->n_shards; i++) {
		leaked |= lr_shard_join(&d->shards[i].s) != 0;
		lr_mailbox_done(&d->shards[i].mail);
	}
	free(d->shards);
	return leaked;
}

static void start_attaches(struct lr_donor *d)
{
	struct lr_attach_options o;

	lr_base_attach_options(&d->b, LR_LINK_DONOR, LR_ROLE_DONOR, &o);
	d->control = lr_attach_start(&o, &control_ops, d);
	o.role = LR_LINK_BEAT;
	o.enrol_roles = 0;
	d->beat = lr_attach_start(&o, &beat_ops, d);
	d->b.attach[0] = d->control;
	d->b.attach[1] = d->beat;
	lr_base_search(&d->b);
}

int lr_run_donor(const struct lr_config *cfg)
{
	struct lr_donor *d = calloc(1, sizeof *d);
	bool again;
	int leaked;

	if (!d || !lr_base_start(&d->b, cfg, lr_leave_stop_cb))
		return 1;
	lr_random(&d->inc, sizeof d->inc);
	if (!lr_lend_start(d) ||
	    !lr_local_start(d) ||
	    !lr_base_metrics(&d->b, cfg->donor_metrics, lr_donor_metrics_cb,
			     d) ||
	    !start_shards(d))
		return 1;
	start_attaches(d);
	uv_timer_init(&d->b.loop, &d->timer);
	d->timer.data = d;
	uv_timer_start(&d->timer, tick_cb, BEAT_MS, BEAT_MS);
	lr_info("lending %llu bytes on port %u", (unsigned long long)d->lent,
		d->shards[0].s.port);
	lr_base_notify("READY=1");
	leaked = lr_base_run(&d->b);
	leaked |= join_shards(d);
	again = d->again && !leaked;
	lr_base_done(&d->b);
	free(d);
	return again ? LR_RUN_AGAIN : leaked;
}
