/* SPDX-License-Identifier: Apache-2.0 */
/* The control side of a donor: its links to the coordinator (control, and one
 * for heartbeats alone), its local socket, what it lends, and leaving.
 *
 * Leaving (SIGTERM):
 *   1 LEAVE is asked; the coordinator moves what is here and answers "go"
 *   2 go, or leave_wait_s is over with nothing here alone: stop
 *   3 over, but something is here alone: waits on, and says so
 *   4 a second SIGTERM, or no coordinator: stop at once, say what is lost
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base.h"
#include "daemon/donor/host.h"
#include "daemon/donor/shard.h"
#include "daemon/log.h"

#define BEAT_MS 100
#define HOST_MS 250
#define LEAVE_ASK_MS 200
#define REPORT_MS 30000
#define VIEW_MS 5000

struct donor {
	struct lr_base b;
	struct lr_shard shard;
	struct lr_mailbox mail; /* from the shard */
	struct lr_attach *control, *beat;
	uint64_t link; /* counts control links; 0 before the first */
	bool linked;
	uv_timer_t timer;
	struct lr_listener *local;
	struct local_link *locals;
	struct lr_host host;
	char lend[256];
	uint64_t inc, lent, seq, host_ms, leave_ms, leave_ask_ms;
	char addrs[LR_ADDRS_MAX];
	bool leaving, stopped, said_alone;
	bool again; /* run anew, as another incarnation */
};

static void stop(struct donor *d);

/* --- lending ------------------------------------------------------------ */

static void set_lent(struct donor *d)
{
	uint8_t meta[8];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	uint64_t bytes;

	if (!lr_lend_bytes(d->lend, d->b.cfg->reserve, &d->host,
			   d->shard.stats.mapped, &bytes) ||
	    bytes == d->lent)
		return;
	d->lent = bytes;
	lr_w_u64(&w, bytes);
	lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_LIMIT, 0, meta, w.len,
			NULL, 0);
}

static void watch_host(struct donor *d, uint64_t now)
{
	if (now < d->host_ms)
		return;
	d->host_ms = now + HOST_MS;
	lr_host_read(&d->host);
	/* "auto" follows the host; a share of the total does not move. */
	if (!strcmp(d->lend, "auto"))
		set_lent(d);
}

/* --- the coordinator ---------------------------------------------------- */

static void hello_cb(void *arg, struct lr_msg_hello *m, struct lr_bulk *b)
{
	struct donor *d = arg;

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
	struct donor *d = arg;
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
	struct donor *d;
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

static void probe(struct donor *d, const struct lr_frame *f)
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
static void take_error(struct donor *d, const struct lr_frame *f)
{
	struct lr_msg_error m;

	if (!lr_dec_error(f->meta, f->h.meta, &m) ||
	    m.err != LR_E_PERMISSION)
		return;
	lr_warn("this donor was given up while it was away: what it held is "
		"dropped, it starts afresh");
	d->again = true;
	stop(d);
}

static void control_frame_cb(void *arg, struct lr_link *link,
			     const struct lr_frame *f)
{
	struct donor *d = arg;

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
		lr_mailbox_forward(&d->shard.inbox, d->link, f);
		break;
	}
}

static void control_state_cb(void *arg, enum lr_here_state state)
{
	struct donor *d = arg;

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
	struct donor *d = arg;
	struct lr_msg_beat_r m;

	(void)link;
	if (f->h.type == LR_M_BEAT_R && lr_dec_beat_r(f->meta, f->h.meta, &m))
		d->shard.stats.rest = m.rest;
}
static void beat_state_cb(void *arg, enum lr_here_state state)
{
	struct donor *d = arg;

	if (state != LR_HERE_READY)
		d->shard.stats.rest = false;
}

static const struct lr_attach_ops beat_ops = { hello_cb, beat_ready_cb,
					       beat_frame_cb, beat_state_cb };

static void beat(struct donor *d)
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
				 .errors = s->errors };

	if (link)
		LR_SEND(link, BEAT, beat, 0, &m, NULL);
}

/* --- mail from the shard -------------------------------------------------- */

static void reported_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct donor *d = arg;

	(void)link, (void)err, (void)f;
	if (!d->stopped)
		lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_REPORTED, 0, NULL,
				0, NULL, 0);
}

static void view_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct donor *d = arg;

	(void)link;
	if (!d->stopped && !err)
		lr_mailbox_forward(&d->shard.inbox, d->link, f);
}

static void mail_cb(void *arg, const struct lr_mail *m)
{
	struct donor *d = arg;
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

/* --- leaving ------------------------------------------------------------ */

static void leave_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct donor *d = arg;
	struct lr_msg_leave_r m;

	(void)link;
	if (d->stopped || err || f->h.type != LR_M_LEAVE_R ||
	    !lr_dec_leave_r(f->meta, f->h.meta, &m))
		return;
	if (m.err == LR_E_OK) {
		lr_info("every copy has moved, leaving");
		stop(d);
	}
}

static void ask_leave(struct donor *d, uint64_t now)
{
	struct lr_link *link = lr_attach_link(d->control);
	struct lr_msg_leave m = { 0 };

	if (!link || now < d->leave_ask_ms)
		return;
	d->leave_ask_ms = now + LEAVE_ASK_MS;
	LR_REQUEST(link, LEAVE, leave, &m, NULL, LEAVE_ASK_MS * 10, leave_cb,
		   d);
}

/* Nobody can move what is here: it goes with us. */
static void give_up(struct donor *d)
{
	uint32_t sole = d->shard.stats.sole;

	if (sole)
		lr_warn("leaving now: %u slots were here alone and are lost",
			sole);
	stop(d);
}

static void leave_tick(struct donor *d, uint64_t now)
{
	uint32_t sole = d->shard.stats.sole;

	if (!lr_attach_link(d->control)) {
		give_up(d);
		return;
	}
	ask_leave(d, now);
	if (now < d->leave_ms + d->b.cfg->leave_wait_s * 1000u)
		return;
	if (sole == 0) {
		lr_info("leave_wait_s is over; nothing is here alone, leaving");
		stop(d);
	} else if (!d->said_alone) {
		d->said_alone = true;
		lr_warn("%u slots are on this machine alone and have nowhere "
			"to go: waiting. Start another donor, or stop again "
			"to give them up",
			sole);
		lr_base_notify("EXTEND_TIMEOUT_USEC=60000000");
	}
}

static void stop_cb(struct lr_base *b)
{
	struct donor *d = (struct donor *)b; /* its first field */

	if (d->stopped)
		return;
	lr_base_notify("STOPPING=1");
	if (b->stops == 1 && lr_attach_link(d->control)) {
		d->leaving = true;
		d->leave_ms = lr_now_ms();
		lr_info("leaving: moving what is here to other donors");
		return;
	}
	give_up(d);
}

/* --- the local socket ----------------------------------------------------- */

struct local_link {
	struct local_link *next, **prev;
	struct donor *d;
	struct lr_link *link;
};

static void local_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct local_link *l = arg;

	(void)link, (void)why;
	*l->prev = l->next;
	if (l->next)
		l->next->prev = l->prev;
	free(l);
}

static void serve_lend(struct donor *d, struct lr_link *link,
		       const struct lr_frame *f)
{
	struct lr_msg_lend m;
	struct lr_msg_lend_r r = { .text = lr_str("") };
	char spec[sizeof d->lend];
	uint32_t uid = lr_link_uid(link);
	uint64_t bytes;

	if (!lr_dec_lend(f->meta, f->h.meta, &m) ||
	    !lr_str_copy(m.spec, spec, sizeof spec)) {
		lr_link_close(link, LR_E_PROTOCOL);
		return;
	}
	if (spec[0] && uid != 0 && uid != (uint32_t)getuid()) {
		r.err = LR_E_PERMISSION;
		r.text = lr_str("only root may change what this machine lends");
	} else if (spec[0] && !lr_lend_bytes(spec, d->b.cfg->reserve, &d->host,
					     0, &bytes)) {
		r.err = LR_E_USAGE;
		r.text = lr_str("lend takes a size (8GiB), a share (25%), "
				"auto or off");
	} else if (spec[0]) {
		memcpy(d->lend, spec, sizeof spec);
		lr_host_read(&d->host);
		set_lent(d);
		lr_info("lending %s: %llu bytes", d->lend,
			(unsigned long long)d->lent);
	}
	r.lent = d->lent;
	r.used = d->shard.stats.mapped;
	r.host_available = d->host.available;
	r.spec = lr_str(d->lend);
	LR_SEND(link, LEND_R, lend_r, f->h.req, &r, NULL);
}

static void serve_here(struct donor *d, struct lr_link *link,
		       const struct lr_frame *f)
{
	struct lr_msg_here_r r = {
		.state = (uint8_t)lr_attach_state(d->control),
		.dev = *lr_identity_dev(d->b.identity),
		.pool = *lr_attach_pool(d->control),
		.uid = lr_link_uid(link),
		.name = lr_str(d->b.cfg->name),
		.pool_name = lr_str(d->b.cfg->pool),
		.coordinator = lr_str(lr_attach_address(d->control)),
		.code = lr_str(lr_attach_code(d->control)),
		.detail = lr_str(""),
	};

	LR_SEND(link, HERE_R, here_r, f->h.req, &r, NULL);
}

static void local_frame_cb(struct lr_link *link, const struct lr_frame *f,
			   void *arg)
{
	struct local_link *l = arg;
	struct lr_msg_welcome w = { .proto = LR_PROTO_MAX,
				    .pool = *lr_attach_pool(l->d->control),
				    .inc = l->d->inc,
				    .admitted = 1,
				    .pool_name = lr_str(l->d->b.cfg->pool),
				    .name = lr_str(l->d->b.cfg->name),
				    .version = lr_str(PACKAGE_VERSION) };

	switch (f->h.type) {
	case LR_M_HELLO:
		LR_SEND(link, WELCOME, welcome, f->h.req, &w, NULL);
		break;
	case LR_M_LEND:
		serve_lend(l->d, link, f);
		break;
	case LR_M_HERE:
		serve_here(l->d, link, f);
		break;
	default:
		lr_link_send_error(link, f->h.req, LR_E_PROTOCOL,
				   "the donor does not answer that");
	}
}

static const struct lr_link_ops local_ops = { NULL, local_frame_cb,
					      local_close_cb, NULL };

static void local_accept_cb(struct lr_link *link, void *arg)
{
	struct donor *d = arg;
	struct local_link *l = calloc(1, sizeof *l);

	if (!l) {
		lr_link_close(link, LR_E_NO_MEMORY);
		return;
	}
	*l = (struct local_link){ d->locals, &d->locals, d, link };
	if (d->locals)
		d->locals->prev = &l->next;
	d->locals = l;
	lr_link_set_ops(link, &local_ops, l);
}

/* --- start and stop ------------------------------------------------------- */

static void tick_cb(uv_timer_t *timer)
{
	struct donor *d = timer->data;
	uint64_t now = lr_now_ms();

	watch_host(d, now);
	beat(d);
	if (d->leaving)
		leave_tick(d, now);
}

static void stop(struct donor *d)
{
	if (d->stopped)
		return;
	d->stopped = true;
	lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_STOP, 0, NULL, 0, NULL, 0);
	lr_attach_stop(d->control);
	lr_attach_stop(d->beat);
	lr_listener_close(d->local);
	for (struct local_link *l = d->locals; l; l = l->next)
		lr_link_close(l->link, LR_E_OK);
	uv_close((uv_handle_t *)&d->timer, NULL);
	lr_mailbox_close(&d->mail);
	lr_base_stop(&d->b);
}

static bool start_shard(struct donor *d)
{
	struct lr_shard_options o = { .tls = d->b.tls,
				      .self = *lr_identity_dev(d->b.identity),
				      .inc = d->inc,
				      .limit = d->lent,
				      .listen = d->b.cfg->donor_listen,
				      .name = d->b.cfg->name,
				      .to_control = &d->mail };
	char why[512];

	if (lr_shard_start(&d->shard, &o, why, sizeof why))
		return true;
	lr_error("%s", why);
	return false;
}

static bool start_local(struct donor *d)
{
	char why[512];

	if (!lr_listen(&d->b.loop, lr_base_socket(&d->b, "donor.sock"), 0666,
		       NULL, NULL, local_accept_cb, d, &d->local, why,
		       sizeof why))
		return true;
	lr_error("%s", why);
	return false;
}

static void start_attaches(struct donor *d)
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
	struct donor *d = calloc(1, sizeof *d);
	bool again;
	int leaked;

	if (!d || !lr_base_start(&d->b, cfg, stop_cb))
		return 1;
	lr_random(&d->inc, sizeof d->inc);
	snprintf(d->lend, sizeof d->lend, "%s", cfg->lend);
	lr_host_read(&d->host);
	if (!lr_lend_bytes(d->lend, cfg->reserve, &d->host, 0, &d->lent) ||
	    !lr_mailbox_init(&d->mail, &d->b.loop, mail_cb, d) ||
	    !start_local(d) || !start_shard(d))
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
