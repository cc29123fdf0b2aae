/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon/coordinator does around the rules: a disk with two files that are
 * written one after the other, a control link a donor, pushes of the view. The
 * crash may come before or after any of its writes. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS 20
#define BULK (256 * 1024)

/* --- the disk -------------------------------------------------------------- */

static void to_disk(struct sim *s)
{
	struct disk_job *j = &s->job;

	if (!j->busy)
		return;
	j->busy = false;
	s->disk_doubt = j->doubt;
	if (!j->is_view) {
		if (j->epoch > s->disk_prepared)
			s->disk_prepared = j->epoch;
		return;
	}
	if (s->on_disk)
		lr_view_done(&s->disk);
	s->disk = j->view;
	s->on_disk = true;
	s->changes++;
	oracle_commit(s, &s->disk);
}

static void written_cb(struct sim *s, void *arg, uint64_t gen)
{
	(void)arg;
	if (gen != s->coord_gen || !s->coord)
		return;
	if (s->node[SIM_COORD].paused_ms) {
		to_disk(s);
		sim_at(s, s->node[SIM_COORD].paused_ms + 1, written_cb, NULL,
		       gen);
		return;
	}
	to_disk(s);
	lr_coord_persisted(s->coord, s->now);
	coord_acts(s);
}

static void save(struct sim *s, const struct lr_view *v, uint64_t epoch)
{
	struct disk_job *j = &s->job;

	if (j->busy)
		to_disk(s); /* only where a rule was taken away */
	*j = (struct disk_job){ .busy = true,
				.is_view = v,
				.doubt = lr_coord_is_waiting(s->coord),
				.epoch = epoch };
	if (v && !lr_view_copy(&j->view, v))
		abort();
	sim_at(s, s->now + 1 + sim_draw(s, 1 + s->p.jitter_ms * 2), written_cb,
	       NULL, s->coord_gen);
	if (!s->healing && s->p.faults & 1u << 0 && sim_chance(s, 15))
		sim_at(s, s->now + sim_draw(s, 1 + s->p.jitter_ms * 2),
		       nemesis_coord_crash, NULL, s->coord_gen);
}

/* --- what it sends ------------------------------------------------------------ */

static struct conn *peer_of(struct sim *s, uint64_t inc)
{
	struct link *l = &s->peer[donor_dev(inc)];

	return net_alive(l, 1) && l->c->inc == inc ? l->c : NULL;
}

static void send_slots(struct sim *s, const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(s->coord);
	struct conn *c = peer_of(s, a->inc);
	bool seal = a->what == LR_DO_SEAL;
	struct msg *m;

	if (seal && a->epoch > s->disk_prepared)
		sim_wrong(s, "epoch %llu was used before it was persisted",
			  (unsigned long long)a->epoch);
	if (!c)
		return;
	s->seals += seal;
	m = net_msg(s, seal ? MSG_SEAL : MSG_INSTALL);
	m->epoch = a->epoch;
	m->run = v->run;
	m->blob = blob_new(a->n, sizeof(struct lr_cfg));
	m->blob->slots = calloc(a->n + 1, sizeof(unsigned));
	for (size_t i = 0; i < a->n; i++) {
		m->blob->slots[i] = a->slots[i];
		m->blob->cfgs[i] = v->cfg[a->slots[i]];
		if (!seal)
			oracle_cfg(s, a->slots[i], &m->blob->cfgs[i]);
	}
	net_send(s, c, 0, m);
}

static struct blob *encode(struct lr_view_enc *enc)
{
	static uint8_t buf[BULK];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct blob *b;

	lr_view_enc_next(enc, &w);
	b = blob_new(w.len, 1);
	memcpy(b->bytes, buf, w.len);
	return b;
}

struct blob *coord_whole_view(const struct lr_view *v, struct msg *m)
{
	struct lr_view_enc enc;

	m->run = v->run;
	m->to = v->rev;
	m->epoch = v->epoch;
	lr_view_enc_whole(&enc, v);
	return m->blob = encode(&enc);
}

static void push(struct sim *s, struct link *l, const struct lr_coord_act *a,
		 struct blob *b)
{
	const struct lr_view *v = lr_coord_view(s->coord);
	struct msg *m;

	if (!net_alive(l, 1))
		return;
	m = net_msg(s, MSG_DELTA);
	m->run = v->run;
	m->from = a->rev_from;
	m->to = v->rev;
	m->epoch = v->epoch;
	m->blob = b;
	b->refs++;
	net_send(s, l->c, 0, m);
}

static void publish(struct sim *s, const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(s->coord);
	struct lr_view_enc enc;
	struct blob *b;

	lr_view_enc_delta(&enc, v, a->slots, a->n, a->members, a->m);
	b = encode(&enc);
	for (size_t i = 0; i < a->n; i++)
		oracle_cfg(s, a->slots[i], &v->cfg[a->slots[i]]);
	for (unsigned i = 0; i < s->n_devs; i++)
		push(s, &s->peer[i], a, b);
	for (unsigned i = 0; i < s->p.clients; i++)
		push(s, &s->requester[i], a, b);
	blob_drop(b);
}

/* --- is it there? -------------------------------------------------------------- */

static void connected_cb(struct sim *s, void *arg, uint64_t gen)
{
	struct donor *d = arg;
	uint64_t inc = d->inc;

	if (gen != s->coord_gen || !s->coord || s->node[SIM_COORD].paused_ms)
		return;
	if (net_reaches(s, SIM_COORD, d->node))
		lr_coord_reached(s->coord, inc, s->now);
	else if (net_refuses(s, SIM_COORD, d->node))
		lr_coord_refused(s->coord, inc, s->now);
	coord_acts(s);
}

static void connect_to(struct sim *s, uint64_t inc)
{
	struct donor *d = &s->donor[donor_dev(inc)];

	if (d->inc == inc)
		sim_at(s, s->now + 1 + 2 * s->p.delay_ms, connected_cb, d,
		       s->coord_gen);
}

static void probe(struct sim *s, const struct lr_coord_act *a)
{
	struct conn *c = peer_of(s, a->inc);
	struct msg *m;

	if (!c)
		return;
	m = net_msg(s, MSG_PROBE);
	m->inc = a->target;
	net_send(s, c, 0, m);
}

static void ask_slots(struct sim *s, struct conn *c)
{
	net_send(s, c, 0, net_msg(s, MSG_SLOTS_GET));
}

static void tell_event(struct sim *s, const struct lr_coord_act *a)
{
	SAY(s, "coordinator: %s dev %d x%llu", lr_event_name(a->event),
	    a->inc ? (int)donor_dev(a->inc) : -1,
	    (unsigned long long)a->count);
	if (a->event == LR_EVENT_LOST)
		s->cfgs_lost += a->count;
}

static void perform(struct sim *s, const struct lr_coord_act *a)
{
	struct conn *c = a->inc ? peer_of(s, a->inc) : NULL;

	switch (a->what) {
	case LR_DO_PREPARE:
		SAY(s, "coordinator: prepare %llu",
		    (unsigned long long)a->epoch);
		save(s, NULL, a->epoch);
		break;
	case LR_DO_COMMIT:
		SAY(s, "coordinator: commit %llu",
		    (unsigned long long)a->epoch);
		oracle_decided(s, lr_coord_view(s->coord));
		save(s, lr_coord_view(s->coord), 0);
		break;
	case LR_DO_SEAL:
	case LR_DO_INSTALL:
		send_slots(s, a);
		break;
	case LR_DO_PUBLISH:
		publish(s, a);
		break;
	case LR_DO_PROBE:
		probe(s, a);
		break;
	case LR_DO_CONNECT:
		connect_to(s, a->target);
		break;
	case LR_DO_SLOTS_GET:
		if (c)
			ask_slots(s, c);
		break;
	case LR_DO_MAY_LEAVE:
		if (c)
			c->may_leave = true;
		break;
	case LR_DO_CLOSE:
		if (c)
			net_close(s, c, 1);
		break;
	case LR_DO_EVENT:
		tell_event(s, a);
		break;
	case LR_DO_NONE:
		break;
	}
}

void coord_acts(struct sim *s)
{
	while (s->coord) {
		struct lr_coord_act a = lr_coord_pop(s->coord);

		if (a.what == LR_DO_NONE)
			return;
		perform(s, &a);
	}
}

/* --- what it hears ----------------------------------------------------------------- */

/* Of several links the one that was made last counts. */
static void hello_on(struct link *l, struct conn *c)
{
	if (!net_alive(l, 1) || l->c->no < c->no)
		*l = (struct link){ c, c->gen };
}

static void take_hello(struct sim *s, struct conn *c, struct msg *m)
{
	c->inc = m->inc;
	hello_on(&s->peer[donor_dev(m->inc)], c);
	ask_slots(s, c);
}

static void take_slots(struct sim *s, struct conn *c, struct msg *m)
{
	struct donor *d = &s->donor[donor_dev(c->inc)];
	struct lr_coord_donor h = { .member = { .inc = c->inc, .shards = 1 },
				    .lent = m->val };
	uint32_t n = d->dev + 1;

	if (c->hello_done) {
		lr_coord_slots(s->coord, c->inc, m->blob->reports, m->blob->n,
			       s->now);
		return;
	}
	memcpy(h.member.dev.b, &n, sizeof n);
	h.member.dev.b[31] = 1;
	h.member.machine = h.member.dev;
	if (c->inc > d->said_hello)
		d->said_hello = c->inc;
	if (lr_coord_hello(s->coord, &h, m->blob->reports, m->blob->n, s->now))
		net_close(s, c, 1);
	else
		c->hello_done = true;
}

static void take_leave(struct sim *s, struct conn *c)
{
	struct msg *r;

	lr_coord_leave(s->coord, c->inc, s->now);
	coord_acts(s);
	r = net_msg(s, MSG_LEAVE_R);
	r->err = c->may_leave ? LR_E_OK : LR_E_BUSY;
	net_send(s, c, 0, r);
}

static void take_closed(struct sim *s, struct conn *c)
{
	if (c->kind != CONN_CONTROL || !c->hello_done || peer_of(s, c->inc))
		return;
	if (c->may_leave) {
		lr_coord_gone(s->coord, c->inc, s->now);
		return;
	}
	lr_coord_link_lost(s->coord, c->inc, s->now);
	connect_to(s, c->inc);
}

static void take_view_get(struct sim *s, struct conn *c)
{
	struct msg *r = net_msg(s, MSG_VIEW);

	coord_whole_view(lr_coord_view(s->coord), r);
	net_send(s, c, 0, r);
}

static void take_beat(struct sim *s, const struct msg *m)
{
	if (!lr_view_member(lr_coord_view(s->coord), m->inc))
		return;
	if (m->beat.pressure >= LR_PRESSURE_HARD)
		s->donor[donor_dev(m->inc)].hard_ms = s->now;
	lr_coord_beat(s->coord, m->inc, &m->beat, s->now);
}

static void take(struct sim *s, struct conn *c, struct msg *m)
{
	switch (m->type) {
	case MSG_EOF:
		take_closed(s, c);
		break;
	case MSG_HELLO:
		if (c->kind == CONN_CLIENT)
			hello_on(&s->requester[c->node[0] - SIM_CLIENT0], c);
		else
			take_hello(s, c, m);
		break;
	case MSG_VIEW_GET:
		take_view_get(s, c);
		break;
	case MSG_SLOTS:
		take_slots(s, c, m);
		break;
	case MSG_BEAT:
		take_beat(s, m);
		break;
	case MSG_PROBED:
		lr_coord_reached(s->coord, m->inc, s->now);
		break;
	case MSG_ACCUSE:
		lr_coord_accused(s->coord, m->inc, s->now);
		break;
	case MSG_LIST:
		list_asked(s, c, m);
		break;
	default:
		break;
	}
	if (!c->hello_done)
		return;
	switch (m->type) {
	case MSG_SEALED:
		oracle_sealed(s, m);
		lr_coord_sealed(s->coord, c->inc, m->epoch, m->blob->reports,
				m->blob->n, s->now);
		break;
	case MSG_INSTALLED:
		lr_coord_installed(s->coord, c->inc, m->epoch,
				   m->blob->reports, m->blob->n, s->now);
		break;
	case MSG_SYNCED:
		lr_coord_synced(s->coord, c->inc, m->blob->ces, m->blob->n,
				s->now);
		break;
	case MSG_SYNC_FULL:
		lr_coord_sync_full(s->coord, c->inc, m->blob->ces, m->blob->n,
				   s->now);
		break;
	case MSG_LEAVE:
		take_leave(s, c);
		break;
	case MSG_REPORT:
		list_report(s, c, m);
		break;
	default:
		break;
	}
}

void coord_recv(struct sim *s, struct conn *c, struct msg *m)
{
	if (!s->coord)
		return;
	take(s, c, m);
	coord_acts(s);
}

/* --- life --------------------------------------------------------------------- */

/* Where messages trickle it is seen that they are on their way. */
static void see_links(struct sim *s)
{
	for (size_t i = 0; s->p.trickle && i < s->n_conn; i++) {
		struct conn *c = &s->conn[i];

		if (!c->used || c->kind != CONN_CONTROL || !c->hello_done ||
		    !net_reaches(s, SIM_COORD, c->node[0]))
			continue;
		if (c->to[1].head)
			lr_coord_heard(s->coord, c->inc, s->now);
		if (c->to[0].head)
			lr_coord_sending(s->coord, c->inc, s->now);
	}
}

static void tick_cb(struct sim *s, void *arg, uint64_t gen)
{
	(void)arg;
	if (gen != s->coord_gen || !s->coord)
		return;
	if (s->node[SIM_COORD].paused_ms) {
		sim_at(s, s->node[SIM_COORD].paused_ms + 1, tick_cb, NULL, gen);
		return;
	}
	see_links(s);
	lr_coord_tick(s->coord, s->now);
	coord_acts(s);
	list_tick(s);
	sim_at(s, s->now + TICK_MS, tick_cb, NULL, gen);
}

void coord_start(struct sim *s)
{
	s->params.run = sim_random(s) | 1;
	s->coord_gen++;
	s->coord = lr_coord_new(&s->params, s->on_disk ? &s->disk : NULL,
				s->disk_prepared, s->now);
	if (!s->coord)
		abort();
	if (s->disk_doubt)
		lr_coord_doubt(s->coord);
	list_start(s);
	s->node[SIM_COORD].up = true;
	s->node[SIM_COORD].host_dead = false;
	SAY(s, "coordinator starts, prepared %llu, committed %llu",
	    (unsigned long long)s->disk_prepared,
	    (unsigned long long)(s->on_disk ? s->disk.epoch : 0));
	tick_cb(s, NULL, s->coord_gen);
}

void coord_kill(struct sim *s, bool written)
{
	if (!s->coord)
		return;
	SAY(s, "coordinator dies%s", written ? ", its write landed" : "");
	if (written)
		to_disk(s);
	if (s->job.busy && s->job.is_view)
		lr_view_done(&s->job.view);
	s->job.busy = false;
	s->coord_gen++;
	lr_coord_free(s->coord);
	s->coord = NULL;
	list_stop(s);
	net_node_dies(s, SIM_COORD, false);
}
