/* SPDX-License-Identifier: Apache-2.0 */
/* One donor as the coordinator sees it. SYNC is done as soon as a slot is
 * installed: nothing is copied. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/swarm.h"

#define LENT (64ull << 30)
#define WINDOW 512 /* reports out */
#define QUEUE (2u << 20)
#define REPORT_MS 30000
#define VIEW_MS 30000

static struct mimic_slot *slot_of(struct mimic *m, unsigned n)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		if (m->slots[i].n == n)
			return &m->slots[i];
	if (m->n_slots == m->cap_slots) {
		m->cap_slots = m->cap_slots ? m->cap_slots * 2 : 32;
		m->slots = realloc(m->slots, m->cap_slots * sizeof *m->slots);
		if (!m->slots)
			abort();
	}
	m->slots[m->n_slots] = (struct mimic_slot){.n = n};
	return &m->slots[m->n_slots++];
}

static void enc_state(struct lr_writer *w, const struct mimic_slot *s,
		      enum lr_err result)
{
	struct lr_rec_slot_state r = {.slot = (uint16_t)s->n,
				      .result = (uint16_t)result,
				      .prom = s->slot.prom,
				      .status = s->slot.status,
				      .ce = lr_slot_told_ce(&s->slot)};

	lr_enc_rec_slot_state(w, &r);
}

/* --- what the coordinator asks for ----------------------------------------- */

static uint8_t buffer[LR_BULK_MAX], buffer2[LR_BULK_MAX]; /* one thread */

static void sealed(struct mimic *m, struct lr_link *link,
		   const struct lr_frame *f)
{
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	struct lr_writer w = lr_writer(buffer, sizeof buffer);
	struct lr_msg_seal seal;
	struct lr_msg_seal_r reply = {.inc = m->inc};
	struct lr_rec_slotno no;

	if (!lr_dec_seal(f->meta, f->h.meta, &seal))
		return;
	while (r.left && lr_dec_rec_slotno(&r, &no)) {
		struct mimic_slot *s = slot_of(m, no.slot);

		enc_state(&w, s,
			  lr_slot_seal(&s->slot, seal.epoch, seal.run));
		lr_enc_cfg(&w, no.slot, &s->slot.inst);
	}
	reply.epoch = seal.epoch;
	LR_SEND(link, SEAL_R, seal_r, f->h.req, &reply,
		(&(struct lr_bulk){.p = buffer, .len = w.len}));
}

static void installed(struct mimic *m, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	struct lr_writer w = lr_writer(buffer, sizeof buffer);
	struct lr_writer done = lr_writer(buffer2, sizeof buffer2);
	struct lr_msg_install in;
	struct lr_msg_install_r reply = {.inc = m->inc};
	struct lr_msg_synced synced = {.inc = m->inc};
	struct lr_cfg cfg;
	unsigned n;

	if (!lr_dec_install(f->meta, f->h.meta, &in))
		return;
	while (r.left && lr_dec_cfg(&r, &n, &cfg)) {
		struct mimic_slot *s = slot_of(m, n);
		enum lr_install got =
			lr_slot_install(&s->slot, m->inc, &cfg, in.run);

		enc_state(&w, s,
			  got == LR_INSTALL_REFUSED ? LR_E_STALE : LR_E_OK);
		if (got != LR_INSTALL_REFUSED && lr_slot_synced(&s->slot, cfg.ce))
			lr_enc_rec_slot_ce(
				&done, &(struct lr_rec_slot_ce){(uint16_t)n,
								cfg.ce});
	}
	reply.epoch = in.epoch;
	LR_SEND(link, INSTALL_R, install_r, f->h.req, &reply,
		(&(struct lr_bulk){.p = buffer, .len = w.len}));
	if (done.len)
		LR_SEND(link, SYNCED, synced, 0, &synced,
			(&(struct lr_bulk){.p = buffer2, .len = done.len}));
}

static void tell_slots(struct mimic *m, struct lr_link *link, uint64_t req)
{
	struct lr_writer w = lr_writer(buffer, sizeof buffer);
	struct lr_msg_slots_r reply = {.inc = m->inc};

	for (unsigned i = 0; i < m->n_slots; i++) {
		m->slots[i].told_ce = 0;
		if (m->slots[i].slot.prom)
			enc_state(&w, &m->slots[i], LR_E_OK);
	}
	m->told = true;
	LR_SEND(link, SLOTS_R, slots_r, req, &reply,
		(&(struct lr_bulk){.p = buffer, .len = w.len}));
}

/* --- the view ------------------------------------------------------------------ */

static void view_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg);

static void ask_view(struct lr_link *link, struct mimic *m, unsigned part)
{
	struct lr_msg_view_get get = {.part = (uint16_t)part};

	LR_REQUEST(link, VIEW_GET, view_get, &get, NULL, VIEW_MS, view_cb, m);
}

/* Slots that the view gave to others go. */
static void leave_slots(struct swarm *w)
{
	for (unsigned i = 0; i < w->started; i++) {
		struct mimic *m = &w->donors[i];

		for (unsigned k = 0; k < m->n_slots; k++)
			lr_slot_left(&m->slots[k].slot, m->inc,
				     &w->rx.view.cfg[m->slots[k].n]);
	}
}

static void took(struct mimic *m, struct lr_link *link, enum lr_view_took got,
		 bool whole)
{
	if (got == LR_VIEW_APPLIED)
		leave_slots(m->w);
	else if (got == LR_VIEW_MORE && whole)
		ask_view(link, m, m->w->rx.part);
	else if (got == LR_VIEW_NEED_WHOLE)
		ask_view(link, m, 0);
}

/* A part of the whole view; only donor 0 keeps it. */
static void view_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct mimic *m = arg;
	struct lr_msg_view v;

	if (err || m->dead || !lr_dec_view(f->meta, f->h.meta, &v))
		return;
	if (m->index == 0)
		took(m, link,
		     lr_view_rx_whole(&m->w->rx, &v, f->bulk, f->h.bulk), true);
	else if (v.part + 1 < v.parts)
		ask_view(link, m, v.part + 1u);
}

static void delta(struct mimic *m, struct lr_link *link,
		  const struct lr_frame *f)
{
	struct lr_msg_view_delta d;

	if (!lr_dec_view_delta(f->meta, f->h.meta, &d))
		return;
	if (d.part + 1 == d.parts)
		m->epoch = d.epoch;
	if (m->index == 0)
		took(m, link,
		     lr_view_rx_delta(&m->w->rx, &d, f->bulk, f->h.bulk),
		     false);
}

/* --- reports ------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static void enc_object(struct lr_writer *w, const struct mimic *m, unsigned n,
		       uint64_t i)
{
	struct lr_rec_object o = {.state = LR_OBJECT_THERE,
				  .size = 2048,
				  .created_ms = 1700000000000u,
				  .owner = m->w->donors[0].machine};
	uint64_t a = mix(n * 1000003ull + i), b = mix(a);
	char name[32];

	memcpy(o.id.b, &a, 8);
	memcpy(o.id.b + 8, &b, 8);
	o.id.b[0] = (uint8_t)(n >> 6);
	o.id.b[1] = (uint8_t)((n << 2) | (a & 3));
	o.name = lr_str("");
	if (m->w->named) {
		snprintf(name, sizeof name, "object-%u-%llu", n,
			 (unsigned long long)i);
		o.name = lr_str(name);
	}
	lr_enc_rec_object(w, &o);
}

static void send_reports(struct mimic *m);

static void reported_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct mimic *m = arg;

	(void)link, (void)f;
	if (m->out)
		m->out--;
	if (!err && m->out < WINDOW / 2)
		send_reports(m);
}

static void send_report(struct mimic *m, struct lr_link *link,
			const struct mimic_slot *s, unsigned flags,
			uint64_t objects, size_t len)
{
	struct lr_msg_report r = {.slot = (uint16_t)s->n,
				  .ce = s->slot.inst.ce,
				  .flags = (uint8_t)flags,
				  .entries = objects,
				  .bytes = objects * 2130};

	LR_REQUEST(link, REPORT, report, &r,
		   (&(struct lr_bulk){.p = buffer, .len = len}), REPORT_MS,
		   reported_cb, m);
	m->out++;
}

static void report(struct mimic *m, struct lr_link *link, struct mimic_slot *s)
{
	uint64_t objects = lr_slot_class(s->n) == LR_NORMAL
				   ? m->w->objects / LR_SLOTS_PER_CLASS
				   : 0;
	struct lr_writer w = lr_writer(buffer, sizeof buffer);
	unsigned flags = LR_REPORT_FIRST;

	for (uint64_t i = 0; i < objects; i++) {
		enc_object(&w, m, s->n, i);
		if (w.cap - w.len > 1024)
			continue;
		send_report(m, link, s, flags, objects, w.len);
		flags = 0;
		w.len = 0;
	}
	send_report(m, link, s, flags | LR_REPORT_LAST, objects, w.len);
	s->told_ce = s->slot.inst.ce;
}

static bool is_to_report(const struct mimic *m, const struct mimic_slot *s)
{
	return s->slot.inst.ce && s->told_ce != s->slot.inst.ce &&
	       lr_slot_is_first(&s->slot, &m->w->rx.view.cfg[s->n], m->inc);
}

static void send_reports(struct mimic *m)
{
	struct lr_link *link = lr_attach_link(m->control);

	for (unsigned i = 0; i < m->n_slots; i++) {
		if (m->dead || !m->told || !link || m->out >= WINDOW ||
		    lr_link_queued(link) > QUEUE)
			return;
		if (is_to_report(m, &m->slots[i]))
			report(m, link, &m->slots[i]);
	}
}

/* --- links ----------------------------------------------------------------------- */

static void hello_cb(void *arg, struct lr_msg_hello *h, struct lr_bulk *b)
{
	struct mimic *m = arg;

	(void)b;
	h->inc = m->inc;
	h->port = lr_listener_port(m->listener);
	h->shards = 1;
	h->lent = LENT;
	h->addrs = lr_str(m->addrs);
	h->machine = m->machine;
}

static void ready_cb(void *arg, struct lr_link *link,
		     const struct lr_msg_welcome *w)
{
	struct mimic *m = arg;

	(void)link, (void)w;
	lr_attach_candidate(m->beat, NULL, false, m->w->coordinator);
	m->want_view = true;
	m->out = 0;
	m->told = false;
}

static void beat_ready_cb(void *arg, struct lr_link *link,
			  const struct lr_msg_welcome *w)
{
	(void)arg, (void)link, (void)w;
}

static void frame_cb(void *arg, struct lr_link *link, const struct lr_frame *f)
{
	struct mimic *m = arg;

	if (f->h.type == LR_M_SEAL)
		sealed(m, link, f);
	else if (f->h.type == LR_M_INSTALL)
		installed(m, link, f);
	else if (f->h.type == LR_M_SLOTS_GET)
		tell_slots(m, link, f->h.req);
	else if (f->h.type == LR_M_VIEW_DELTA)
		delta(m, link, f);
}

static void ignore_frame_cb(void *arg, struct lr_link *link,
			    const struct lr_frame *f)
{
	(void)arg, (void)link, (void)f;
}

static void state_cb(void *arg, enum lr_here_state state)
{
	(void)arg, (void)state;
}

static void beat(struct mimic *m)
{
	struct lr_link *link = lr_attach_link(m->beat);
	struct lr_msg_beat b = {.inc = m->inc,
				.seq = ++m->seq,
				.tick = m->seq,
				.lent = LENT,
				.host_available = LENT};

	for (unsigned i = 0; i < m->n_slots; i++) {
		const struct lr_slot *s = &m->slots[i].slot;

		if (s->prom > b.max_prom)
			b.max_prom = s->prom;
		b.sealed += s->prom > s->inst.ce;
	}
	if (link)
		LR_SEND(link, BEAT, beat, 0, &b, NULL);
}

void mimic_tick(struct mimic *m)
{
	struct lr_link *link = lr_attach_link(m->control);

	if (m->dead)
		return;
	beat(m);
	if (link && m->want_view) {
		m->want_view = false;
		ask_view(link, m, 0);
	}
	send_reports(m);
}

/* --- life ------------------------------------------------------------------------ */

static void closed_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
}

static void probe_frame_cb(struct lr_link *link, const struct lr_frame *f,
			   void *arg)
{
	(void)link, (void)f, (void)arg;
}

/* Whoever comes wants to know whether we are there. */
static void accept_cb(struct lr_link *link, void *arg)
{
	static const struct lr_link_ops ops = {.frame_cb = probe_frame_cb,
					       .close_cb = closed_cb};

	lr_link_set_ops(link, &ops, arg);
}

bool mimic_start(struct mimic *m)
{
	static const struct lr_attach_ops control = {hello_cb, ready_cb,
						     frame_cb, state_cb};
	static const struct lr_attach_ops beats = {hello_cb, beat_ready_cb,
						   ignore_frame_cb, state_cb};
	struct lr_attach_options o = {.loop = &m->w->loop,
				      .pool_name = "lanram",
				      .role = LR_LINK_DONOR,
				      .enrol_roles = LR_ROLE_DONOR,
				      .name = m->name};
	char why[256] = "out of memory";

	lr_random(&m->inc, sizeof m->inc);
	lr_random(&m->machine, sizeof m->machine);
	if (lr_identity_make(&m->identity) ||
	    !(m->tls = lr_tls_new(m->identity)) ||
	    lr_listen(&m->w->loop, "127.0.0.1:0", 0, m->tls, NULL, accept_cb, m,
		      &m->listener, why, sizeof why)) {
		fprintf(stderr, "swarm: %s\n", why);
		return false;
	}
	snprintf(m->name, sizeof m->name, "mimic%u", m->index);
	snprintf(m->addrs, sizeof m->addrs, "127.0.0.1:%u",
		 lr_listener_port(m->listener));
	o.tls = m->tls;
	o.self = *lr_identity_dev(m->identity);
	m->control = lr_attach_start(&o, &control, m);
	o.role = LR_LINK_BEAT;
	o.enrol_roles = 0;
	m->beat = lr_attach_start(&o, &beats, m);
	lr_attach_candidate(m->control, NULL, false, m->w->coordinator);
	return true;
}

bool mimic_is_in(const struct mimic *m)
{
	return lr_attach_state(m->control) == LR_HERE_READY &&
	       lr_attach_state(m->beat) == LR_HERE_READY;
}

void mimic_kill(struct mimic *m)
{
	m->dead = true;
	lr_listener_close(m->listener);
	lr_attach_stop(m->control);
	lr_attach_stop(m->beat);
}
