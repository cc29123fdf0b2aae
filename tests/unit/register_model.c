/* SPDX-License-Identifier: Apache-2.0 */
#include "register_model.h"

#define SOURCES (REGISTER_CLIENTS + SMALL_DONORS)

struct world w;

/* --- messages ------------------------------------------------------------- */

void register_post(const struct message *m)
{
	assert_true(w.n < REGISTER_MESSAGES);
	w.m[w.n] = *m;
	w.m[w.n++].at = w.s.now + 1 +
			small_draw(&w.s, small_chance(&w.s, 15) ? 300 : 5);
}

/* Of one name one update runs at a time: what bars it was set for others, and
 * would stop it, and those after it, for ever. */
static bool still_runs(const struct message *m)
{
	const struct donor *d;

	if (m->from < REGISTER_CLIENTS || m->from >= SOURCES)
		return false;
	d = &w.d[m->from - REGISTER_CLIENTS];
	return d->n_jobs && d->jobs[0].life == m->life;
}

static enum lr_err serve_put(struct donor *d, const struct message *m)
{
	unsigned kind = w.names ? LR_KIND_NAME : LR_KIND_REGISTER;
	struct lr_stored new = {.found = m->flags & LR_PUT_TOMB
						 ? LR_FOUND_TOMB
						 : LR_FOUND_VALUE,
				.tag = m->tag};

	if (lr_slot_put(&d->b.e, &m->tag, m->flags) != LR_PUT_STORE)
		return LR_E_OK;
	if (lr_slot_bars(&d->b.s, kind, &m->tag, m->flags)) {
		w.wrong |= still_runs(m);
		return LR_E_SUPERSEDED;
	}
	d->b.e = new;
	return LR_E_OK;
}

static void serve_entry(struct donor *d, struct message *m)
{
	struct lr_op_reply *r = &m->r;

	r->err = lr_slot_admit(&d->b.s, m->ce);
	if (r->err) {
		m->cfg = d->b.s.inst;
		return;
	}
	lr_slot_bar(&d->b.s, m->bar);
	if (m->ask == LR_ASK_PUT)
		r->err = serve_put(d, m);
	r->found = d->b.e.found;
	r->tag = d->b.e.tag;
	if (!r->found)
		r->tag = (struct lr_tag){.ts = d->b.s.floor};
	r->synced = d->b.s.status == LR_SLOT_SYNCED;
}

/* True: it stands in line, the answer comes later. */
static bool serve_update(struct donor *d, struct message *m)
{
	struct job *j;

	m->r.err = lr_update_admit(&d->b.s, m->ce, d->b.inc);
	if (m->r.err) {
		m->cfg = d->b.s.inst;
		return false;
	}
	if (d->n_jobs == REGISTER_JOBS) {
		m->r.err = LR_E_BUSY;
		return false;
	}
	j = &d->jobs[d->n_jobs++];
	*j = (struct job){.ce = m->ce,
			  .q = m->q,
			  .client = m->from,
			  .client_life = m->life,
			  .life = (unsigned)++w.lives};
	return true;
}

/* By `from`: a client's operation or a donor's job. */
static void back(struct message *m)
{
	unsigned k = m->from;

	m->r.cfg = m->cfg.ce ? &m->cfg : NULL;
	m->r.ask = (uint8_t)m->ask;
	if (k < REGISTER_CLIENTS && w.c[k].busy && w.c[k].life == m->life) {
		if (m->lost)
			lr_op_unreached(&w.c[k].op, m->member, m->ce, w.s.now);
		else
			lr_op_reply(&w.c[k].op, m->member, m->ce, &m->r,
				    w.s.now);
		return;
	}
	if (k < REGISTER_CLIENTS || k >= SOURCES)
		return;
	for (unsigned i = 0; i < w.d[k - REGISTER_CLIENTS].n_jobs; i++) {
		struct job *j = &w.d[k - REGISTER_CLIENTS].jobs[i];

		if (j->life != m->life)
			continue;
		if (m->lost)
			lr_update_unreached(&j->m, m->member, m->putting, true,
					    w.s.now);
		else
			lr_update_reply(&j->m, m->member, m->putting, &m->r,
					w.s.now);
	}
}

/* Given up by the sender, and read by the donor all the same, afterwards. */
static void post_late(const struct donor *d, struct message m)
{
	m.from = SOURCES; /* nobody waits for it */
	register_post(&m);
	w.m[w.n - 1].at = d->deaf_until + small_draw(&w.s, 100);
}

static void deliver(struct message m)
{
	struct donor *d = (struct donor *)small_find(&w.s, m.member);
	bool deaf = d && w.s.now < d->deaf_until;

	if (m.reply) {
		back(&m);
		return;
	}
	if (deaf && m.ask == LR_ASK_PUT && small_chance(&w.s, 3))
		post_late(d, m);
	m.reply = true;
	m.lost = !d || deaf || small_chance(&w.s, 120); /* before it arrived */
	if (!m.lost && m.ask == LR_ASK_UPDATE && serve_update(d, &m))
		return;
	if (!m.lost && m.ask != LR_ASK_UPDATE)
		serve_entry(d, &m);
	/* or the reply, or the sender did not wait for it: it may arrive yet */
	m.lost = m.lost || small_chance(&w.s, 120);
	register_post(&m);
}

static void deliver_due(void)
{
	for (unsigned i = 0; i < w.n; i++)
		if (w.m[i].at <= w.s.now) {
			struct message m = w.m[i];

			w.m[i--] = w.m[--w.n];
			deliver(m);
		}
}

/* --- updates at the donors ------------------------------------------------ */

static void answer(const struct donor *d, const struct job *j)
{
	struct message m = {.member = d->b.inc,
			    .ce = j->ce,
			    .from = j->client,
			    .life = j->client_life,
			    .reply = true,
			    .lost = small_chance(&w.s, 20),
			    .ask = LR_ASK_UPDATE};

	m.r = (struct lr_op_reply){
		.err = j->m.result, .found = j->m.found, .tag = j->m.tag};
	register_post(&m);
}

static void drop_first(struct donor *d)
{
	d->n_jobs--;
	memmove(d->jobs, d->jobs + 1, d->n_jobs * sizeof *d->jobs);
}

static void start_update(struct donor *d, struct job *j)
{
	unsigned ms = 50 + small_draw(&w.s, 200);
	uint32_t seed = small_draw(&w.s, 1u << 30);

	lr_update_init(&j->m, &j->q, &d->b.s, d->b.inc, w.s.now, ms, seed);
}

static void drive_donor(struct donor *d, unsigned place)
{
	struct job *j = &d->jobs[0];

	if (!d->n_jobs)
		return;
	if (!j->running) {
		j->running = true;
		j->m.done =
			lr_update_admit(&d->b.s, j->ce, d->b.inc) != LR_E_OK;
		j->m.result = LR_E_BUSY;
		if (!j->m.done)
			start_update(d, j);
	}
	for (;;) {
		struct lr_op_act a = {.what = LR_OP_DONE};
		struct message m;

		if (!j->m.done)
			a = lr_update_next(&j->m, &d->b.s, w.s.now);
		if (a.what == LR_OP_DONE) {
			answer(d, j);
			drop_first(d);
			return;
		}
		if (a.what != LR_OP_SEND)
			return;
		m = (struct message){.member = a.member,
				     .ce = j->ce,
				     .from = REGISTER_CLIENTS + place,
				     .life = j->life,
				     .putting = j->m.putting,
				     .ask = a.ask,
				     .tag = j->m.op.tag};
		if (j->m.putting ? j->q.flags & LR_UPDATE_REMOVE
				 : j->m.op.found == LR_FOUND_TOMB)
			m.flags = LR_PUT_TOMB;
		if (!j->m.putting)
			m.flags |= LR_PUT_REPAIR;
		if (a.ask != LR_ASK_PUT)
			m.bar = lr_update_bar(&d->b.s);
		register_post(&m);
	}
}

/* --- a life --------------------------------------------------------------- */

static void restart(struct donor *d)
{
	if (small_restart(&w.s, &d->b))
		*d = (struct donor){.b = d->b};
}

bool register_run(uint64_t seed, unsigned steps, const uint8_t *told,
		  size_t n_told)
{
	memset(&w, 0, sizeof w);
	for (unsigned i = 0; i < SMALL_DONORS; i++)
		w.s.d[i] = &w.d[i].b;
	w.s.told = told;
	w.s.n_told = n_told;
	w.names = seed & 1;
	small_start(&w.s, seed);
	for (; w.s.now < steps; w.s.now++) {
		if (small_chance(&w.s, 150))
			small_change(&w.s);
		for (unsigned i = 0; i < SMALL_DONORS; i++) {
			small_coordinate(&w.s, &w.d[i].b, 10);
			if (small_chance(&w.s, 2000))
				restart(&w.d[i]);
			if (small_chance(&w.s, seed & 2 ? 400 : 2000))
				w.d[i].deaf_until =
					w.s.now + 50 + small_draw(&w.s, 400);
		}
		deliver_due();
		for (unsigned i = 0; i < REGISTER_CLIENTS; i++)
			register_drive(&w.c[i], i);
		for (unsigned i = 0; i < SMALL_DONORS; i++)
			drive_donor(&w.d[i], i);
	}
	register_close_history();
	return !w.wrong && cas_check(w.h, w.n_h);
}
