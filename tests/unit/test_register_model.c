/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names in a small world: one slot, four donors with the rules
 * of core/slot.h and core/update.h, a coordinator that changes the
 * configuration at once, donors that it cannot reach but clients can, donors
 * that come back empty, late and lost messages, some that arrive long after
 * they were given up, clients with old views. What the clients saw must be linearizable. Then rules are taken away, one by one:
 * that must show. */
#include "core/mutate.h"
#include "core/update.h"
#include "tests/sim/cas.h"

#include "unit.h"

#define DONORS	 4
#define CLIENTS	 4
#define JOBS	 8
#define MESSAGES 512
#define HISTORY	 4096
#ifndef STEPS
#define STEPS	 2500
#endif
#define RUNS	 2000
#define SOURCES	 (CLIENTS + DONORS)

const char *lr_mutation;

struct job { /* an update at a donor; the first of the queue runs */
	uint64_t ce;
	struct lr_update_request q;
	struct lr_update m;
	bool running, done;
	unsigned client, client_life;
	unsigned life;
};

struct donor {
	uint64_t inc;
	bool cut; /* off from the coordinator, still serving clients */
	uint64_t deaf_until; /* what comes waits in broken links */
	struct lr_slot s;
	struct lr_stored e;
	struct job jobs[JOBS];
	unsigned n_jobs;
};

struct message {
	uint64_t at, member, ce;
	unsigned from, life; /* who asked: a client, or a donor's job */
	bool reply, lost, putting;
	enum lr_op_ask ask;
	unsigned flags;
	uint64_t bar;
	struct lr_tag tag;
	struct lr_update_request q;
	struct lr_op_reply r;
	struct lr_cfg cfg;
};

enum step { READING, TAGGING, PUTTING, UPDATING };

struct client {
	bool busy;
	unsigned life;
	enum step step;
	struct lr_op op;
	struct lr_update_request q;
	struct cas_op h;
	struct lr_tag last; /* read last: expected next */
};

static struct world {
	uint64_t seed, now, epoch, incs, lives;
	bool names, wrong;
	struct lr_cfg cfg, old;
	struct donor d[DONORS];
	struct client c[CLIENTS];
	struct message m[MESSAGES];
	unsigned n, done, conflicts, unknown;
	struct cas_op h[HISTORY];
	size_t n_h;
} w;

static bool chance(unsigned of)
{
	return draw(&w.seed, of) == 0;
}

static struct donor *donor(uint64_t inc)
{
	for (unsigned i = 0; i < DONORS; i++)
		if (w.d[i].inc == inc)
			return &w.d[i];
	return NULL;
}

/* --- the coordinator ---------------------------------------------------- */

static bool sealed_and_synced(const struct donor *d)
{
	const struct lr_cfg *c = &w.cfg;
	int i = lr_cfg_index(c, d->inc);

	return i >= 0 && (c->src >> i & 1u || (d->s.inst.ce == c->ce &&
					       d->s.status == LR_SLOT_SYNCED));
}

static void change(void)
{
	struct lr_cfg c = {.ce = ++w.epoch};

	for (unsigned i = 0; i < DONORS; i++) {
		struct donor *d = &w.d[i];

		if (!d->cut && lr_cfg_index(&w.cfg, d->inc) >= 0 &&
		    lr_slot_seal(&d->s, c.ce, 1) == LR_E_OK &&
		    sealed_and_synced(d) && (c.n == 0 || !chance(3))) {
			c.src |= (uint8_t)(1u << c.n);
			c.mem[c.n++] = d->inc;
		}
	}
	if (c.n == 0)
		return;
	for (unsigned i = 0; i < DONORS; i++)
		if (c.n < 3 && lr_cfg_index(&c, w.d[i].inc) < 0 && !chance(3))
			c.mem[c.n++] = w.d[i].inc;
	w.old = w.cfg;
	w.cfg = c;
}

/* A donor starts anew, empty, where another keeps what it held. */
static void restart(struct donor *d)
{
	for (unsigned i = 0; i < DONORS; i++)
		if (&w.d[i] != d && sealed_and_synced(&w.d[i])) {
			*d = (struct donor){.inc = ++w.incs};
			return;
		}
}

static void coordinate(struct donor *d)
{
	const struct donor *from;

	if (chance(100))
		d->cut = !d->cut;
	if (d->cut)
		return;
	if (chance(20) && lr_slot_left(&d->s, d->inc, &w.cfg))
		d->e = (struct lr_stored){0};
	if (chance(10) &&
	    lr_slot_install(&d->s, d->inc, &w.cfg, 1) == LR_INSTALL_EMPTIED)
		d->e = (struct lr_stored){0};
	from = donor(w.cfg.mem[0]);
	if (d->s.status == LR_SLOT_SYNCING && d->s.inst.ce == w.cfg.ce &&
	    from && from != d && chance(20) &&
	    lr_slot_admit(&from->s, w.cfg.ce) == LR_E_OK) {
		if (from->e.found &&
		    lr_slot_put(&d->e, &from->e.tag, 0) == LR_PUT_STORE)
			d->e = from->e;
		lr_slot_raise_floor(&d->s, from->s.floor);
		lr_slot_synced(&d->s, w.cfg.ce);
	}
}

/* --- messages ----------------------------------------------------------- */

static void post(const struct message *m)
{
	assert_true(w.n < MESSAGES);
	w.m[w.n] = *m;
	w.m[w.n++].at = w.now + 1 + draw(&w.seed, chance(15) ? 300 : 5);
}

/* Of one name one update runs at a time: what bars it was set for others, and
 * would stop it, and those after it, for ever. */
static bool still_runs(const struct message *m)
{
	const struct donor *d;

	if (m->from < CLIENTS || m->from >= SOURCES)
		return false;
	d = &w.d[m->from - CLIENTS];
	return d->n_jobs && d->jobs[0].life == m->life;
}

static enum lr_err serve_put(struct donor *d, const struct message *m)
{
	unsigned kind = w.names ? LR_KIND_NAME : LR_KIND_REGISTER;
	struct lr_stored new = {.found = m->flags & LR_PUT_TOMB ?
						 LR_FOUND_TOMB :
						 LR_FOUND_VALUE,
				.tag = m->tag};

	if (lr_slot_put(&d->e, &m->tag, m->flags) != LR_PUT_STORE)
		return LR_E_OK;
	if (lr_slot_bars(&d->s, kind, &m->tag, m->flags)) {
		w.wrong |= still_runs(m);
		return LR_E_SUPERSEDED;
	}
	d->e = new;
	return LR_E_OK;
}

static void serve_entry(struct donor *d, struct message *m)
{
	struct lr_op_reply *r = &m->r;

	r->err = lr_slot_admit(&d->s, m->ce);
	if (r->err) {
		m->cfg = d->s.inst;
		return;
	}
	lr_slot_bar(&d->s, m->bar);
	if (m->ask == LR_ASK_PUT)
		r->err = serve_put(d, m);
	r->found = d->e.found;
	r->tag = d->e.tag;
	if (!r->found)
		r->tag = (struct lr_tag){.ts = d->s.floor};
	r->synced = d->s.status == LR_SLOT_SYNCED;
}

/* True: it stands in line, the answer comes later. */
static bool serve_update(struct donor *d, struct message *m)
{
	struct job *j;

	m->r.err = lr_update_admit(&d->s, m->ce, d->inc);
	if (m->r.err) {
		m->cfg = d->s.inst;
		return false;
	}
	if (d->n_jobs == JOBS) {
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
	if (k < CLIENTS && w.c[k].busy && w.c[k].life == m->life) {
		if (m->lost)
			lr_op_unreached(&w.c[k].op, m->member, m->ce, w.now);
		else
			lr_op_reply(&w.c[k].op, m->member, m->ce, &m->r,
				    w.now);
		return;
	}
	if (k < CLIENTS || k >= SOURCES)
		return;
	for (unsigned i = 0; i < w.d[k - CLIENTS].n_jobs; i++) {
		struct job *j = &w.d[k - CLIENTS].jobs[i];

		if (j->life != m->life)
			continue;
		if (m->lost)
			lr_update_unreached(&j->m, m->member, m->putting, true,
					    w.now);
		else
			lr_update_reply(&j->m, m->member, m->putting, &m->r,
					w.now);
	}
}

/* Given up by the sender, and read by the donor all the same, afterwards. */
static void post_late(const struct donor *d, struct message m)
{
	m.from = SOURCES; /* nobody waits for it */
	post(&m);
	w.m[w.n - 1].at = d->deaf_until + draw(&w.seed, 100);
}

static void deliver(struct message m)
{
	struct donor *d = donor(m.member);
	bool deaf = d && w.now < d->deaf_until;

	if (m.reply) {
		back(&m);
		return;
	}
	if (deaf && m.ask == LR_ASK_PUT && chance(3))
		post_late(d, m);
	m.reply = true;
	m.lost = !d || deaf || chance(120); /* before it arrived */
	if (!m.lost && m.ask == LR_ASK_UPDATE && serve_update(d, &m))
		return;
	if (!m.lost && m.ask != LR_ASK_UPDATE)
		serve_entry(d, &m);
	/* or the reply, or the sender did not wait for it: it may arrive yet */
	m.lost = m.lost || chance(120);
	post(&m);
}

static void deliver_due(void)
{
	for (unsigned i = 0; i < w.n; i++)
		if (w.m[i].at <= w.now) {
			struct message m = w.m[i];

			w.m[i--] = w.m[--w.n];
			deliver(m);
		}
}

/* --- updates at the donors ---------------------------------------------- */

static void answer(const struct donor *d, const struct job *j)
{
	struct message m = {.member = d->inc,
			    .ce = j->ce,
			    .from = j->client,
			    .life = j->client_life,
			    .reply = true,
			    .lost = chance(20),
			    .ask = LR_ASK_UPDATE};

	m.r = (struct lr_op_reply){.err = j->m.result,
				   .found = j->m.found,
				   .tag = j->m.tag};
	post(&m);
}

static void drop_first(struct donor *d)
{
	d->n_jobs--;
	memmove(d->jobs, d->jobs + 1, d->n_jobs * sizeof *d->jobs);
}

static void start_update(struct donor *d, struct job *j)
{
	unsigned ms = 50 + draw(&w.seed, 200);
	uint32_t seed = draw(&w.seed, 1u << 30);

	lr_update_init(&j->m, &j->q, &d->s, d->inc, w.now, ms, seed);
}

static void drive_donor(struct donor *d, unsigned place)
{
	struct job *j = &d->jobs[0];

	if (!d->n_jobs)
		return;
	if (!j->running) {
		j->running = true;
		j->m.done = lr_update_admit(&d->s, j->ce, d->inc) != LR_E_OK;
		j->m.result = LR_E_BUSY;
		if (!j->m.done)
			start_update(d, j);
	}
	for (;;) {
		struct lr_op_act a = {.what = LR_OP_DONE};
		struct message m;

		if (!j->m.done)
			a = lr_update_next(&j->m, &d->s, w.now);
		if (a.what == LR_OP_DONE) {
			answer(d, j);
			drop_first(d);
			return;
		}
		if (a.what != LR_OP_SEND)
			return;
		m = (struct message){.member = a.member,
				     .ce = j->ce,
				     .from = CLIENTS + place,
				     .life = j->life,
				     .putting = j->m.putting,
				     .ask = a.ask,
				     .tag = j->m.op.tag};
		if (j->m.putting ? j->q.flags & LR_UPDATE_REMOVE :
				   j->m.op.found == LR_FOUND_TOMB)
			m.flags = LR_PUT_TOMB;
		if (!j->m.putting)
			m.flags |= LR_PUT_REPAIR;
		if (a.ask != LR_ASK_PUT)
			m.bar = lr_update_bar(&d->s);
		post(&m);
	}
}

/* --- clients ------------------------------------------------------------ */

static const struct lr_id the_id;

static void start_op(struct client *c, enum lr_op_kind kind, enum step step,
		     const struct lr_tag *tag)
{
	unsigned ms = 400 + draw(&w.seed, 800);
	uint32_t seed = draw(&w.seed, 1u << 30);

	c->step = step;
	c->life = (unsigned)++w.lives;
	lr_op_init(&c->op, kind, &the_id, tag,
		   c->h.kind == CAS_REMOVE && kind == LR_OP_PUT ? LR_PUT_TOMB :
								  0,
		   w.now, ms, seed);
	lr_op_view(&c->op, chance(2) ? &w.old : &w.cfg, w.now);
}

/* What was written is told by (writer, seq): the seq is the ID. */
static void begin(struct client *c, unsigned place)
{
	uint32_t id = (uint32_t)++w.lives;

	c->busy = true;
	c->h = (struct cas_op){.inv = w.now * 8 + place,
			       .kind = draw(&w.seed, 5) < 3  ? CAS_SET :
				       draw(&w.seed, 5) == 0 ? CAS_REMOVE :
							       CAS_GET,
			       .id = id};
	c->q = (struct lr_update_request){the_id, 100 + place, id, 0, 0, {0}};
	if (c->h.kind == CAS_GET) {
		start_op(c, LR_OP_READ, READING, NULL);
		return;
	}
	if (!w.names) {
		c->h.blind = true;
		start_op(c, LR_OP_TAGS, TAGGING, NULL);
		return;
	}
	if (c->h.kind == CAS_REMOVE)
		c->q.flags = LR_UPDATE_REMOVE;
	if (chance(4)) {
		c->h.expect = CAS_NONE;
		c->q.expect = LR_EXPECT_NONE;
	} else if (!chance(3)) {
		c->h.expect = CAS_THIS;
		c->q.expect = LR_EXPECT_TAG;
		c->h.want = c->last.seq;
		c->q.want = c->last;
	}
	if (c->q.flags && c->q.expect == LR_EXPECT_NONE) {
		c->h.expect = CAS_ANY;
		c->q.expect = LR_EXPECT_ANY;
	}
	start_op(c, LR_OP_UPDATE, UPDATING, NULL);
}

static void record(struct client *c, unsigned place)
{
	c->busy = false;
	c->h.res = w.now * 8 + place;
	if (c->h.res <= c->h.inv)
		c->h.res = c->h.inv + 1;
	if (w.n_h < HISTORY)
		w.h[w.n_h++] = c->h;
}

static void was_read(struct client *c, unsigned place)
{
	const struct lr_op *op = &c->op;

	c->busy = false;
	if (op->result != LR_E_OK && op->result != LR_E_ABSENT)
		return;
	if (op->result == LR_E_OK && !lr_mutation)
		assert_true(op->has && lr_tag_cmp(&op->have, &op->tag) == 0);
	c->last = op->result ? (struct lr_tag){0} : op->tag;
	c->h.got = c->last.seq;
	record(c, place);
}

static void was_updated(struct client *c, unsigned place)
{
	switch (c->op.result) {
	case LR_E_OK:
		w.done++;
		break;
	case LR_E_CONFLICT:
		w.conflicts++;
		c->h.out = CAS_CONFLICT;
		break;
	case LR_E_ABSENT:
		c->h.out = CAS_ABSENT;
		break;
	case LR_E_UNKNOWN:
		w.unknown++;
		c->h.out = CAS_MAYBE;
		break;
	default:
		c->busy = false; /* certainly not done */
		return;
	}
	if (c->op.result == LR_E_OK || c->op.result == LR_E_CONFLICT)
		c->last = c->op.found == LR_FOUND_VALUE ? c->op.tag :
							  (struct lr_tag){0};
	record(c, place);
}

static void was_put(struct client *c, unsigned place)
{
	if (c->op.result == LR_E_UNKNOWN)
		c->h.out = CAS_MAYBE;
	else if (c->op.result && c->op.result != LR_E_SUPERSEDED) {
		c->busy = false;
		return;
	}
	w.done += !c->op.result;
	w.unknown += c->op.result == LR_E_UNKNOWN;
	record(c, place);
}

static void go_on(struct client *c, unsigned place)
{
	struct lr_tag tag;

	switch (c->step) {
	case READING:
		was_read(c, place);
		break;
	case TAGGING:
		if (c->op.result) {
			c->busy = false;
			break;
		}
		tag = lr_tag_next(&c->op.tag, c->q.writer, c->q.seq);
		start_op(c, LR_OP_PUT, PUTTING, &tag);
		break;
	case PUTTING:
		was_put(c, place);
		break;
	case UPDATING:
		was_updated(c, place);
		break;
	}
}

static void drive(struct client *c, unsigned place)
{
	if (!c->busy && chance(20))
		begin(c, place);
	if (c->busy && chance(50))
		lr_op_view(&c->op, &w.cfg, w.now);
	while (c->busy) {
		struct lr_op_act a = lr_op_next(&c->op, w.now, NULL, NULL);
		struct message m = {.member = a.member,
				    .ce = a.ce,
				    .from = place,
				    .life = c->life,
				    .ask = a.ask,
				    .tag = c->op.tag,
				    .flags = c->op.put_flags,
				    .q = c->q};

		if (a.what == LR_OP_DONE)
			go_on(c, place);
		else if (a.what != LR_OP_SEND)
			return;
		if (a.what != LR_OP_SEND)
			continue;
		if (c->op.kind == LR_OP_READ)
			m.flags = LR_PUT_REPAIR |
				  (c->op.found == LR_FOUND_TOMB ? LR_PUT_TOMB :
								  0);
		if (c->op.kind == LR_OP_UPDATE && c->op.doubt)
			m.q.flags |= LR_UPDATE_AGAIN;
		post(&m);
	}
}

/* --- runs --------------------------------------------------------------- */

/* What nobody heard the end of may have happened. */
static void close_history(void)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &w.c[i];

		if (!c->busy || c->step == READING || c->step == TAGGING)
			continue;
		c->h.out = CAS_MAYBE;
		record(c, i);
	}
}

static bool run_world(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	w.seed = seed;
	w.names = seed & 1;
	w.now = 1;
	w.epoch = 1;
	w.cfg = (struct lr_cfg){.ce = 1, .n = 3, .src = 7};
	for (unsigned i = 0; i < DONORS; i++) {
		w.d[i].inc = ++w.incs;
		if (i < 3)
			w.cfg.mem[i] = w.incs;
	}
	w.old = w.cfg;
	for (; w.now < STEPS; w.now++) {
		if (chance(150))
			change();
		for (unsigned i = 0; i < DONORS; i++) {
			coordinate(&w.d[i]);
			if (chance(2000))
				restart(&w.d[i]);
			if (chance(seed & 2 ? 400 : 2000))
				w.d[i].deaf_until =
					w.now + 50 + draw(&w.seed, 400);
		}
		deliver_due();
		for (unsigned i = 0; i < CLIENTS; i++)
			drive(&w.c[i], i);
		for (unsigned i = 0; i < DONORS; i++)
			drive_donor(&w.d[i], i);
	}
	close_history();
	return !w.wrong && cas_check(w.h, w.n_h);
}

#ifndef MODEL_FUZZED
/* All rules in force: every history is linearizable, and much gets done. */
static void holds(void **state)
{
	unsigned done = 0, conflicts = 0, unknown = 0;
	const char *more = getenv("LANRAM_SOAK");
	uint64_t runs = more ? 50 * RUNS : RUNS;

	(void)state;
	lr_mutation = NULL;
	for (uint64_t seed = 1; seed <= runs; seed++) {
		if (!run_world(seed))
			fail_msg("seed %llu", (unsigned long long)seed);
		done += w.done;
		conflicts += w.conflicts;
		unknown += w.unknown;
	}
	print_message("%u writes done, %u conflicts, %u unknown\n", done,
		      conflicts, unknown);
	assert_true(done > 5 * RUNS);
	assert_true(conflicts > RUNS / 2);
	assert_true(unknown > RUNS);
}

/* Each of these rules taken away is noticed. */
static void mutants_die(void **state)
{
	static const struct {
		const char *name;
		uint64_t before; /* seeds that are passed by: it is rare */
	} mutants[] = {
		{"no-write-back", 0},
		{"register-read-from-one-copy", 0},
		{"update-by-any-copy", 0},
		{"update-without-read", 0},
		{"retry-takes-a-new-tag", 0},
		{"no-seal-no-epoch-check", 0},
		{"update-ties-with-a-late-one", 0},
		{"update-without-bar", 29000},
	};

	(void)state;
	for (size_t i = 0; i < countof(mutants); i++) {
		uint64_t run = 1;

		lr_mutation = mutants[i].name;
		while (run <= 4 * RUNS && run_world(mutants[i].before + run))
			run++;
		lr_mutation = NULL;
		print_message("%s: seen in run %llu\n", mutants[i].name,
			      (unsigned long long)run);
		assert_true(run <= 4 * RUNS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds),
		cmocka_unit_test(mutants_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
