/* SPDX-License-Identifier: Apache-2.0 */
/* The control side of a donor: its links to the coordinator (control, and one
 * for heartbeats alone), start and stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/donor/donor.h"
#include "daemon/log.h"

#define BEAT_MS 100
#define REPORT_MS 30000
#define VIEW_MS 5000

/* --- the coordinator ---------------------------------------------------- */

static void hello_cb(void *arg, struct lr_msg_hello *m, struct lr_bulk *b)
{
	struct lr_donor *d = arg;

	(void)b;
	lr_host_addresses(d->b.cfg->donor_listen, d->shard.port, d->addrs,
			  sizeof d->addrs);
	m->inc = d->inc;
	m->port = d->shard.port;
	m->shards = 1;
	m->lent = d->lent;
	m->used = d->shard.stats.mapped;
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
	lr_mailbox_post(&d->shard.inbox, d->link, LR_MAIL_ATTACHED, 0, meta,
			mw.len, NULL, 0);
}

/* "Can you reach that donor": a TCP connection with its key proven. */
struct probe {
	struct lr_donor *d;
	uint64_t link, req;
};

static void probe_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
}

static void probed_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct probe *p = arg;
	struct lr_link *control = lr_attach_link(p->d->control);
	struct lr_msg_done m = { .err = (uint16_t)why, .text = lr_str("") };

	if (link)
		lr_link_close(link, LR_E_OK);
	if (control && p->link == p->d->link)
		LR_SEND(control, DONE, done, p->req, &m, NULL);
	free(p);
}

static void probe(struct lr_donor *d, const struct lr_frame *f)
{
	static const struct lr_link_ops ops = { .close_cb = probe_close_cb };
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
	if (!lr_dial_start(&d->b.loop, addrs, &opt, &ops, NULL, probed_cb, p))
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
		lr_mailbox_forward(&d->shard.inbox, d->link, f);
		break;
	}
}

static void control_state_cb(void *arg, enum lr_here_state state)
{
	struct lr_donor *d = arg;

	if (d->linked && state != LR_HERE_READY) {
		d->linked = false;
		lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_DETACHED, 0, NULL,
				0, NULL, 0);
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
static void beat_frame_cb(void *arg, struct lr_link *link,
			  const struct lr_frame *f)
{
	struct lr_donor *d = arg;
	struct lr_msg_beat_r m;
	struct lr_msg_copy_limit limit;

	(void)link;
	if (f->h.type == LR_M_BEAT_R && lr_dec_beat_r(f->meta, f->h.meta, &m))
		d->shard.stats.rest = m.rest;
	else if (f->h.type == LR_M_COPY_LIMIT &&
		 lr_dec_copy_limit(f->meta, f->h.meta, &limit))
		d->shard.stats.copy_limit = limit.bytes_per_s;
}
static void beat_state_cb(void *arg, enum lr_here_state state)
{
	struct lr_donor *d = arg;

	if (state != LR_HERE_READY)
		d->shard.stats.rest = false;
}

static const struct lr_attach_ops beat_ops = { hello_cb, beat_ready_cb,
					       beat_frame_cb, beat_state_cb };

void lr_donor_beat(struct lr_donor *d)
{
	struct lr_link *link = lr_attach_link(d->beat);
	const struct lr_shard_stats *s = &d->shard.stats;
	struct lr_msg_beat m = { .inc = d->inc,
				 .seq = ++d->seq,
				 .tick = s->tick,
				 .lent = d->lent,
				 .used = s->mapped,
				 .host_available = d->host.available,
				 .psi_some = d->host.psi_some,
				 .psi_full = d->host.psi_full,
				 .entries = s->entries,
				 .max_prom = s->max_prom,
				 .sealed = s->sealed,
				 .syncing = s->syncing,
				 .sync_left = s->sync_left,
				 .ops = s->ops,
				 .p50_us = s->p50_us,
				 .p99_us = s->p99_us,
				 .gets = s->gets,
				 .puts = s->puts,
				 .bytes_out = s->bytes_out,
				 .bytes_in = s->bytes_in,
				 .errors = s->errors,
				 .pressure = (uint8_t)lr_lend_pressure(d) };

	if (link)
		LR_SEND(link, BEAT, beat, 0, &m, NULL);
}

/* --- mail from the shard -------------------------------------------------- */

static void reported_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct lr_donor *d = arg;

	(void)link, (void)err, (void)f;
	if (!d->stopped)
		lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_REPORTED, 0, NULL,
				0, NULL, 0);
}

static void view_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct lr_donor *d = arg;

	(void)link;
	if (!d->stopped && !err)
		lr_mailbox_forward(&d->shard.inbox, d->link, f);
}

static void mail_cb(void *arg, const struct lr_mail *m)
{
	struct lr_donor *d = arg;
	struct lr_link *link = lr_attach_link(d->control);
	struct lr_bulk bulk = { .p = lr_mail_bulk(m), .len = m->h.bulk };

	if (!link || m->link != d->link)
		return;
	switch (m->h.type) {
	case LR_M_REPORT:
		lr_link_request(link, m->h.type, m->bytes, m->h.meta, &bulk,
				REPORT_MS, reported_cb, d);
		break;
	case LR_M_VIEW_GET:
		lr_link_request(link, m->h.type, m->bytes, m->h.meta, NULL,
				VIEW_MS, view_cb, d);
		break;
	default:
		lr_link_send(link, m->h.type, m->h.req, m->bytes, m->h.meta,
			     m->h.bulk ? &bulk : NULL);
	}
}

/* --- start and stop ------------------------------------------------------- */

static void tick_cb(uv_timer_t *timer)
{
	struct lr_donor *d = timer->data;
	uint64_t now = lr_now_ms();

	lr_donor_beat(d);
	lr_given_look(&d->given, d->lent, d->shard.stats.mapped, now);
	if (d->leaving)
		lr_leave_tick(d, now);
}

void lr_donor_stop(struct lr_donor *d)
{
	if (d->stopped)
		return;
	d->stopped = true;
	lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_STOP, 0, NULL, 0, NULL, 0);
	lr_attach_stop(d->control);
	lr_attach_stop(d->beat);
	lr_local_stop(d);
	lr_lend_stop(d);
	uv_close((uv_handle_t *)&d->timer, NULL);
	lr_mailbox_close(&d->mail);
	lr_base_stop(&d->b);
}

static bool start_shard(struct lr_donor *d)
{
	struct lr_shard_options o = { .tls = d->b.tls,
				      .self = *lr_identity_dev(d->b.identity),
				      .inc = d->inc,
				      .limit = d->lent,
				      .busy_poll_us =
					      d->b.cfg->busy_poll_us,
				      .scrub_ms = d->b.cfg->scrub_s *
						  UINT64_C(1000),
				      .listen = d->b.cfg->donor_listen,
				      .accept = lr_base_limits(&d->b),
				      .name = d->b.cfg->name,
				      .refusals = &d->b.refusals,
				      .to_control = &d->mail };
	char why[512];

	if (lr_shard_start(&d->shard, &o, why, sizeof why))
		return true;
	lr_error("%s", why);
	return false;
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
	    !lr_mailbox_init(&d->mail, &d->b.loop, mail_cb, d) ||
	    !lr_local_start(d) ||
	    !lr_base_metrics(&d->b, cfg->donor_metrics, lr_donor_metrics_cb,
			     d) ||
	    !start_shard(d))
		return 1;
	start_attaches(d);
	uv_timer_init(&d->b.loop, &d->timer);
	d->timer.data = d;
	uv_timer_start(&d->timer, tick_cb, BEAT_MS, BEAT_MS);
	lr_info("lending %llu bytes on port %u", (unsigned long long)d->lent,
		d->shard.port);
	lr_base_notify("READY=1");
	leaked = lr_base_run(&d->b);
	leaked |= lr_shard_join(&d->shard) != 0;
	again = d->again && !leaked;
	lr_mailbox_done(&d->mail);
	lr_base_done(&d->b);
	free(d);
	return again ? LR_RUN_AGAIN : leaked;
}
