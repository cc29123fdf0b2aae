/* SPDX-License-Identifier: Apache-2.0 */
/* Names: compare-and-set, one request to the copy that orders them (order.c),
 * and linearizable reads. What clients saw is judged at the end (cas.h). */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 10000

static struct cas_op *record(struct sim *s, const struct work *w)
{
	return &s->key[w->key].cas[w->hist];
}

static unsigned begin_record(struct sim *s, uint32_t key,
			     const struct cas_op *op)
{
	struct key *k = &s->key[key];

	if (k->n_cas == k->cap_cas) {
		k->cap_cas = k->cap_cas * 2 + 64;
		k->cas = realloc(k->cas, k->cap_cas * sizeof *k->cas);
		if (!k->cas)
			abort();
	}
	k->cas[k->n_cas] = *op;
	k->cas[k->n_cas].inv = ++s->lin_clock;
	k->cas[k->n_cas].out = CAS_MAYBE;
	return k->n_cas++;
}

/* It told nothing, or certainly was not done. */
static void end_without(struct sim *s, struct work *w)
{
	record(s, w)->inv = 0;
	work_over(s, w);
}

static void end_record(struct sim *s, struct work *w, enum cas_out out)
{
	struct cas_op *h = record(s, w);

	h->out = out;
	h->res = ++s->lin_clock;
	work_over(s, w);
}

static struct seen *seen_of(struct sim *s, const struct work *w)
{
	return &w->c->seen[w->key - s->n_registers];
}

/* What is current, as the answer says. */
static void see(struct sim *s, const struct work *w, const struct cop *o)
{
	struct seen *seen = seen_of(s, w);

	*seen = (struct seen){ { 0 }, 0 };
	if (o->op.found != LR_FOUND_VALUE)
		return;
	seen->tag = o->op.tag;
	if (!oracle_val(s, w->key, &seen->tag, &seen->val))
		sim_wrong(s, "name %u has a tag that nobody chose", w->key);
}

static void check_not_lost(struct sim *s, const struct work *w)
{
	const struct key *k = &s->key[w->key];

	s->losts++;
	if (k->acked.ts && !k->may_lose)
		sim_wrong(s, "name %u is called lost", w->key);
}

/* --- reading ---------------------------------------------------------------- */

static void got_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	SAY(s, "client %u got name %u: %s %llu", w->c->node - SIM_CLIENT0,
	    w->key, lr_err_name(o->op.result), (unsigned long long)o->got);
	if (o->op.result == LR_E_OK || o->op.result == LR_E_ABSENT) {
		see(s, w, o);
		record(s, w)->got = o->op.result ? 0 : o->got;
		if (o->op.found != LR_FOUND_NONE)
			oracle_acked(s, w->key, &o->op.tag, o->op.cfg.ce);
		s->reads++;
		end_record(s, w, CAS_DONE);
		return;
	}
	if (o->op.result == LR_E_LOST)
		check_not_lost(s, w);
	else if (w->final)
		sim_wrong(s, "name %u cannot be read at the end", w->key);
	end_without(s, w);
}

static void begin_get(struct sim *s, struct work *w)
{
	struct cas_op h = { .kind = CAS_GET };

	w->hist = begin_record(s, w->key, &h);
	agent_go(s, agent_op(s, &w->c->ag, LR_OP_READ, w->key, NULL, 0,
			     DEADLINE_MS, got_cb, w, w->life));
}

/* --- updating --------------------------------------------------------------- */

static void updated_cb(struct sim *s, struct cop *o)
{
	struct work *w = work_of(o);

	if (!w)
		return;
	SAY(s, "client %u updated name %u to %llu: %s",
	    w->c->node - SIM_CLIENT0, w->key, (unsigned long long)w->val,
	    lr_err_name(o->op.result));
	switch (o->op.result) {
	case LR_E_OK:
		s->updates++;
		oracle_acked(s, w->key, &o->op.tag, o->op.cfg.ce);
		see(s, w, o);
		end_record(s, w, CAS_DONE);
		break;
	case LR_E_CONFLICT:
		s->conflicts++;
		see(s, w, o);
		end_record(s, w, CAS_CONFLICT);
		break;
	case LR_E_ABSENT:
		end_record(s, w, CAS_ABSENT);
		break;
	case LR_E_UNKNOWN:
		s->unknowns++;
		end_record(s, w, CAS_MAYBE);
		break;
	case LR_E_LOST:
		check_not_lost(s, w);
		/* fall through */
	default:
		end_without(s, w);
	}
}

/* Mostly what was seen last is expected. */
static void draw_update(struct sim *s, const struct work *w,
			struct lr_update_request *q, struct cas_op *h)
{
	const struct seen *seen = seen_of(s, w);
	unsigned at = sim_draw(s, 10);

	h->kind = s->p.removals && sim_chance(s, 250) ? CAS_REMOVE : CAS_SET;
	h->id = w->val;
	if (at < 6 && seen->tag.ts) {
		h->expect = CAS_THIS;
		h->want = seen->val;
		q->expect = LR_EXPECT_TAG;
		q->want = seen->tag;
	} else if (at < 8 && h->kind == CAS_SET) {
		h->expect = CAS_NONE;
		q->expect = LR_EXPECT_NONE;
	}
	if (h->kind == CAS_REMOVE)
		q->flags = LR_UPDATE_REMOVE;
}

static void begin_update(struct sim *s, struct work *w)
{
	struct client *c = w->c;
	struct lr_update_request q = { .id = s->key[w->key].id,
				       .writer = c->writer[w->handle],
				       .seq = ++c->seq[w->handle] };
	struct cas_op h = { 0 };
	struct cop *o;

	w->val = ++s->next_val;
	draw_update(s, w, &q, &h);
	s->key[w->key].has_removals |= h.kind == CAS_REMOVE;
	w->hist = begin_record(s, w->key, &h);
	o = agent_op(s, &c->ag, LR_OP_UPDATE, w->key, NULL, 0, DEADLINE_MS,
		     updated_cb, w, w->life);
	o->q = q;
	o->val = w->val;
	o->kind = LR_KIND_NAME;
	agent_go(s, o);
}

void name_begin(struct sim *s, struct work *w)
{
	if (!w->final) {
		if (!s->n_names) {
			work_over(s, w);
			return;
		}
		w->key = s->n_registers + sim_draw(s, s->n_names);
	}
	if (w->kind == WORK_NAME_GET)
		begin_get(s, w);
	else
		begin_update(s, w);
}

/* --- at the end --------------------------------------------------------------- */

/* Reads that were never answered say nothing. */
static unsigned told_something(struct cas_op *h, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (h[i].inv && !(h[i].kind == CAS_GET &&
				  h[i].out == CAS_MAYBE))
			h[kept++] = h[i];
	return kept;
}

void name_judge(struct sim *s, uint32_t key)
{
	struct key *k = &s->key[key];

	if (k->may_lose)
		return; /* what was lost may be read as before */
	k->n_cas = told_something(k->cas, k->n_cas);
	s->cas_ops += k->n_cas;
	if (!cas_check(k->cas, k->n_cas))
		sim_wrong(s, "name %u: its %u operations have no order", key,
			  k->n_cas);
}
