/* SPDX-License-Identifier: Apache-2.0 */
/* Going round the slots, as daemon/donor/sweep.c does: TOMBs that are old
 * enough, what has expired, open manifests that nobody touches, orphans. */
#include "tests/sim/sim.h"

#define OLD_MS 60000
#define OUT_MAX 4
#define DEADLINE_MS 5000

static void swept_cb(struct sim *s, struct cop *o)
{
	struct donor *d = o->arg;

	d->sweeps_out--;
	if (o->op.result != LR_E_OK)
		return;
	s->sweeps++;
	if (s->key[o->key].kind == KEY_OBJECT)
		oracle_swept(s, o->key, o->op.cfg.ce);
}

static void put_tomb(struct sim *s, struct donor *d, uint32_t key,
		     uint8_t kind, uint64_t there_ts, unsigned flags)
{
	struct lr_tag tag = object_tomb_tag(d->ag.writer, there_ts);
	struct cop *o;

	SAY(s, "dev %u sweeps key %u", d->dev, key);
	d->sweeps_out++;
	o = agent_op(s, &d->ag, LR_OP_PUT, key, &tag, LR_PUT_TOMB | flags,
		     DEADLINE_MS, swept_cb, d, d->life);
	o->kind = kind;
	agent_go(s, o);
}

static void parent_cb(struct sim *s, struct cop *o)
{
	struct donor *d = o->arg;
	uint32_t chunk = (uint32_t)o->val;

	d->sweeps_out--;
	if ((o->op.result == LR_E_ABSENT && o->op.found != LR_FOUND_VALUE) ||
	    (o->op.result == LR_E_LOST && o->op.found == LR_FOUND_NONE))
		put_tomb(s, d, chunk, LR_KIND_CHUNK, LR_TS_CLOSED, 0);
}

static void ask_parent(struct sim *s, struct donor *d, uint32_t chunk)
{
	struct cop *o;

	d->sweeps_out++;
	o = agent_op(s, &d->ag, LR_OP_GET, s->key[chunk].parent, NULL, 0,
		     DEADLINE_MS, parent_cb, d, d->life);
	o->val = chunk;
	agent_go(s, o);
}

static void look_at(struct sim *s, struct donor *d, const struct entry *e)
{
	bool old = s->now > e->stored_ms + OLD_MS;

	if (d->sweeps_out >= OUT_MAX || e->state != LR_FOUND_VALUE)
		return;
	if (e->kind == LR_KIND_MANIFEST && e->tag.ts == LR_TS_OPEN && old)
		put_tomb(s, d, e->key, e->kind, e->tag.ts, LR_PUT_IF_OPEN);
	else if (e->kind == LR_KIND_MANIFEST && e->expires &&
		 e->expires <= s->now)
		put_tomb(s, d, e->key, e->kind, e->tag.ts, 0);
	else if (e->kind == LR_KIND_CHUNK && old)
		ask_parent(s, d, e->key);
}

/* In a slot marked lost, a register's TOMB tells "removed since" from "lost". */
static bool may_collect(struct sim *s, const struct dslot *ds,
			const struct lr_cfg *viewed, const struct entry *e)
{
	return lr_slot_may_collect(&ds->st, viewed, e->stored_ms, s->now) &&
	       !(viewed->lost & LR_LOST_MARK &&
		 (e->kind == LR_KIND_REGISTER || e->kind == LR_KIND_NAME));
}

static void sweep_slot(struct sim *s, struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];
	const struct lr_cfg *viewed = &d->ag.rx.view.cfg[slot];
	bool first = lr_slot_is_first(&ds->st, viewed, d->inc);
	uint32_t life = d->life;

	for (unsigned i = 0; i < ds->n;) {
		struct entry e = ds->e[i];

		if (e.state == LR_FOUND_TOMB && may_collect(s, ds, viewed, &e)) {
			lr_slot_collected(&ds->st, e.kind, &e.tag);
			serve_drop(d, slot, e.key);
			s->collected++;
			continue;
		}
		if (first)
			look_at(s, d, &e);
		if (d->life != life)
			return;
		i++;
	}
}

/* Faster than in life: a run is short. */
void sweep_tick(struct sim *s, struct donor *d)
{
	for (unsigned k = 0; k < 1 + s->p.nslots / 8; k++) {
		d->cursor = (d->cursor + 1) % s->p.nslots;
		sweep_slot(s, d, d->cursor);
	}
}
