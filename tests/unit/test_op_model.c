/* SPDX-License-Identifier: Apache-2.0 */
/* Operations against a small world: four donors (each with the rules of
 * core/slot.h and one entry), a coordinator that changes the configuration at
 * once, donors that it cannot reach but clients can, late and lost messages,
 * clients with old views. Checked: nobody says "absent" of what was
 * acknowledged, no tag read is lower than one acknowledged before, no retry
 * changes a tag. Then some rules are taken away, one by one: that must show. */
#include "core/mutate.h"
#include "core/op.h"

#include "unit.h"

#define DONORS	 4
#define OPS	 4
#define MESSAGES 256
#define STEPS	 3000
#define RUNS	 1000

const char *lr_mutation;

struct donor {
	uint64_t inc;
	bool cut; /* off from the coordinator, still serving clients */
	struct lr_slot s;
	struct lr_stored e;
};

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
	uint64_t seed, now, epoch, incs, writes, acked;
	struct lr_cfg cfg, old;
	struct donor d[DONORS];
	struct client_op ops[OPS];
	struct message m[MESSAGES];
	unsigned n, violations, done, absent;
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
	if (chance(20))
		lr_slot_left(&d->s, d->inc, &w.cfg);
	if (chance(20) &&
	    lr_slot_install(&d->s, d->inc, &w.cfg, 1) == LR_INSTALL_EMPTIED)
		d->e = (struct lr_stored){0};
	from = donor(w.cfg.mem[0]);
	if (d->s.status == LR_SLOT_SYNCING && d->s.inst.ce == w.cfg.ce &&
	    from && from != d && chance(20) &&
	    lr_slot_admit(&from->s, w.cfg.ce) == LR_E_OK) {
		if (from->e.found &&
		    lr_slot_put(&d->e, &from->e.tag, 0) == LR_PUT_STORE)
			d->e = from->e;
		lr_slot_synced(&d->s, w.cfg.ce);
	}
}

/* --- messages ----------------------------------------------------------- */

static void post(const struct message *m)
{
	assert_true(w.n < MESSAGES);
	w.m[w.n] = *m;
	w.m[w.n++].at = w.now + 1 + draw(&w.seed, chance(20) ? 400 : 5);
}

static void serve(struct donor *d, struct message *m)
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
	struct donor *d = donor(m.member);

	if (!m.reply) {
		m.reply = true;
		m.lost = !d || chance(30); /* before it arrived */
		if (!m.lost)
			serve(d, &m);
		m.lost = m.lost || chance(30); /* or the reply */
		post(&m);
	} else if (o->busy && o->life == m.life) {
		m.r.cfg = m.cfg.ce ? &m.cfg : NULL;
		if (m.lost)
			lr_op_unreached(&o->op, m.member, m.ce, w.now);
		else
			lr_op_reply(&o->op, m.member, m.ce, &m.r, w.now);
	}
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

/* --- clients ------------------------------------------------------------ */

static void begin(struct client_op *o, unsigned place)
{
	enum lr_op_kind kind = (enum lr_op_kind)draw(&w.seed, 3);
	struct lr_id id = {{0}};

	o->first = (struct lr_tag){0, 100 + place, ++o->life};
	if (kind == LR_OP_PUT)
		o->first.ts = ++w.writes;
	o->floor = w.acked;
	o->busy = true;
	lr_op_init(&o->op, kind, &id, &o->first, 0, w.now, 0,
		   draw(&w.seed, 1u << 30));
	lr_op_view(&o->op, chance(2) ? &w.old : &w.cfg, w.now);
}

static void violation(const struct client_op *o)
{
	w.violations++;
	if (!lr_mutation)
		print_message("kind %d result %s tag %llu floor %llu at %llu\n",
			      (int)o->op.kind, lr_err_name(o->op.result),
			      (unsigned long long)o->op.tag.ts,
			      (unsigned long long)o->floor,
			      (unsigned long long)w.now);
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
	if (!o->busy && chance(20))
		begin(o, place);
	if (o->busy && chance(50))
		lr_op_view(&o->op, &w.cfg, w.now);
	while (o->busy) {
		struct lr_op_act a = lr_op_next(&o->op, w.now, NULL, NULL);
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

/* --- runs --------------------------------------------------------------- */

static void run_world(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	w.seed = seed;
	w.now = 1;
	w.epoch = 1;
	w.writes = LR_TS_OPEN; /* open ones are no answer to a GET */
	w.cfg = (struct lr_cfg){.ce = 1, .n = 3, .src = 7};
	for (unsigned i = 0; i < DONORS; i++) {
		w.d[i].inc = ++w.incs;
		if (i < 3)
			w.cfg.mem[i] = w.incs;
	}
	w.old = w.cfg;
	for (; w.now < STEPS; w.now++) {
		if (chance(60))
			change();
		for (unsigned i = 0; i < DONORS; i++) {
			coordinate(&w.d[i]);
			if (chance(1000))
				restart(&w.d[i]);
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
