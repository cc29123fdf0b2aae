/* SPDX-License-Identifier: Apache-2.0 */
/* Operations against a small world: four donors (each with the rules of
 * core/slot.h and one entry), a coordinator that changes the configuration at
 * once, donors that it cannot reach but clients can, late and lost messages,
 * clients with old views. Checked: nobody says "absent" of what was
 * acknowledged, no tag read is lower than one acknowledged before, no retry
 * changes a tag. Then some rules are taken away, one by one: that must show. */
#include "core/mutate.h"
#include "core/op.h"

#include "small_world.h"

#define OPS	 4
#define MESSAGES 256
#define STEPS	 3000
#define RUNS	 1000

const char *lr_mutation;

struct message {
	uint64_t at, member, ce;
	unsigned op, life; /* of which use of the op's place */
	bool reply, lost;
	enum lr_op_kind kind;
	struct lr_tag tag;
	struct lr_op_reply r;
	struct lr_cfg cfg;
};

struct client_op {
	struct lr_op op;
	bool busy;
	unsigned life;
	struct lr_tag first; /* PUT: the tag it began with */
	uint64_t floor;	     /* acknowledged before it began */
};

static struct world {
	struct small_world s;
	struct small_donor d[SMALL_DONORS];
	uint64_t writes, acked;
	struct client_op ops[OPS];
	struct message m[MESSAGES];
	unsigned n, violations, done, absent;
} w;

/* --- messages ------------------------------------------------------------- */

static void post(const struct message *m)
{
	assert_true(w.n < MESSAGES);
	w.m[w.n] = *m;
	w.m[w.n++].at = w.s.now + 1 +
			small_draw(&w.s, small_chance(&w.s, 20) ? 400 : 5);
}

static void serve(struct small_donor *d, struct message *m)
{
	struct lr_op_reply *r = &m->r;

	r->err = lr_slot_admit(&d->s, m->ce);
	if (r->err) {
		m->cfg = d->s.inst;
		return;
	}
	if (m->kind == LR_OP_PUT &&
	    lr_slot_put(&d->e, &m->tag, 0) == LR_PUT_STORE)
		d->e = (struct lr_stored){.found = LR_FOUND_VALUE,
					  .tag = m->tag};
	r->found = d->e.found;
	r->tag = d->e.tag;
	r->synced = d->s.status == LR_SLOT_SYNCED;
}

static void deliver(struct message m)
{
	struct client_op *o = &w.ops[m.op];
	struct small_donor *d = small_find(&w.s, m.member);

	if (!m.reply) {
		m.reply = true;
		m.lost = !d || small_chance(&w.s, 30); /* before it arrived */
		if (!m.lost)
			serve(d, &m);
		m.lost = m.lost || small_chance(&w.s, 30); /* or the reply */
		post(&m);
	} else if (o->busy && o->life == m.life) {
		m.r.cfg = m.cfg.ce ? &m.cfg : NULL;
		if (m.lost)
			lr_op_unreached(&o->op, m.member, m.ce, w.s.now);
		else
			lr_op_reply(&o->op, m.member, m.ce, &m.r, w.s.now);
	}
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

/* --- clients -------------------------------------------------------------- */

static void begin(struct client_op *o, unsigned place)
{
	enum lr_op_kind kind = (enum lr_op_kind)small_draw(&w.s, 3);
	struct lr_id id = {{0}};

	o->first = (struct lr_tag){0, 100 + place, ++o->life};
	if (kind == LR_OP_PUT)
		o->first.ts = ++w.writes;
	o->floor = w.acked;
	o->busy = true;
	lr_op_init(&o->op, kind, &id, &o->first, 0, w.s.now, 0,
		   small_draw(&w.s, 1u << 30));
	lr_op_view(&o->op, small_chance(&w.s, 2) ? &w.s.old : &w.s.cfg,
		   w.s.now);
}

static void violation(const struct client_op *o)
{
	w.violations++;
	if (!lr_mutation)
		print_message("kind %d result %s tag %llu floor %llu at %llu\n",
			      (int)o->op.kind, lr_err_name(o->op.result),
			      (unsigned long long)o->op.tag.ts,
			      (unsigned long long)o->floor,
			      (unsigned long long)w.s.now);
}

static void judge(struct client_op *o)
{
	const struct lr_op *op = &o->op;

	o->busy = false;
	w.done += op->result == LR_E_OK;
	w.absent += op->result == LR_E_ABSENT;
	if (op->kind == LR_OP_PUT && op->result == LR_E_OK &&
	    lr_tag_cmp(&op->tag, &o->first) != 0)
		violation(o);
	if (op->kind == LR_OP_PUT &&
	    (op->result == LR_E_OK || op->result == LR_E_SUPERSEDED) &&
	    o->first.ts > w.acked)
		w.acked = o->first.ts;
	if (op->kind == LR_OP_GET && op->result == LR_E_ABSENT && o->floor)
		violation(o);
	if (op->kind == LR_OP_TAGS && op->result == LR_E_OK &&
	    op->tag.ts < o->floor)
		violation(o);
}

static void drive(struct client_op *o, unsigned place)
{
	if (!o->busy && small_chance(&w.s, 20))
		begin(o, place);
	if (o->busy && small_chance(&w.s, 50))
		lr_op_view(&o->op, &w.s.cfg, w.s.now);
	while (o->busy) {
		struct lr_op_act a = lr_op_next(&o->op, w.s.now, NULL, NULL);
		struct message m = {.member = a.member,
				    .ce = a.ce,
				    .op = place,
				    .life = o->life,
				    .kind = o->op.kind,
				    .tag = o->op.tag};

		if (a.what == LR_OP_DONE)
			judge(o);
		if (a.what != LR_OP_SEND)
			return;
		post(&m);
	}
}

/* --- runs ----------------------------------------------------------------- */

static void run_world(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	for (unsigned i = 0; i < SMALL_DONORS; i++)
		w.s.d[i] = &w.d[i];
	small_start(&w.s, seed);
	w.writes = LR_TS_OPEN; /* open ones are no answer to a GET */
	for (; w.s.now < STEPS; w.s.now++) {
		if (small_chance(&w.s, 60))
			small_change(&w.s);
		for (unsigned i = 0; i < SMALL_DONORS; i++) {
			small_coordinate(&w.s, &w.d[i], 20);
			if (small_chance(&w.s, 1000))
				small_restart(&w.s, &w.d[i]);
		}
		deliver_due();
		for (unsigned i = 0; i < OPS; i++)
			drive(&w.ops[i], i);
	}
}

/* All rules in force: no violation, and operations do get done. */
static void holds(void **state)
{
	unsigned done = 0, absent = 0;

	(void)state;
	lr_mutation = NULL;
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		run_world(seed);
		if (w.violations)
			fail_msg("seed %llu", (unsigned long long)seed);
		done += w.done;
		absent += w.absent;
	}
	print_message("%u operations done, %u absent\n", done, absent);
	assert_true(done > 20 * RUNS);
	assert_true(absent > 0);
}

/* Each of these rules taken away is noticed. */
static void mutants_die(void **state)
{
	static const char *const mutants[] = {
		"retry-takes-a-new-tag",
		"absent-from-one-copy",
		"register-read-from-one-copy",
		"no-seal-no-epoch-check",
	};

	(void)state;
	for (size_t i = 0; i < countof(mutants); i++) {
		uint64_t seed = 1;

		lr_mutation = mutants[i];
		for (; seed <= RUNS; seed++) {
			run_world(seed);
			if (w.violations)
				break;
		}
		print_message("%s: seen in run %llu\n", mutants[i],
			      (unsigned long long)seed);
		assert_true(seed <= RUNS);
	}
	lr_mutation = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds),
		cmocka_unit_test(mutants_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
