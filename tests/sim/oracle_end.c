/* SPDX-License-Identifier: Apache-2.0 */
/* What clients see, and what must be there at the end. */
#include "tests/sim/sim.h"

#include <stdio.h>

/* --- what clients see ------------------------------------------------------------------ */

static void fetched_value(struct sim *s, const struct work *w,
			  const struct cop *o, const struct key *k)
{
	if (o->op.tag.ts != LR_TS_CLOSED) {
		if (oracle_must_be_there(s, k) &&
		    k->acked_ms < w->started_ms)
			sim_wrong(s, "object %u is open again", w->key);
		return;
	}
	if (o->got != k->val)
		sim_wrong(s, "object %u has a wrong value", w->key);
	/* Who missed a view may still get it, and what was never confirmed may
	 * be seen once more. */
	if (oracle_is_removed(s, k) && k->removed_ms < w->started_ms &&
	    o->op.cfg.ce >= k->removed_ce)
		sim_wrong(s, "object %u was removed and is back", w->key);
}

void oracle_fetched(struct sim *s, const struct work *w, const struct cop *o)
{
	const struct key *k = &s->key[w->key];
	bool must = k->state == KEY_STORED && k->acked_ms < w->started_ms &&
		    !k->remove_began &&
		    !(k->expires && s->now >= k->expires);

	SAY(s, "client %u fetched %u: %s", w->c->node - SIM_CLIENT0, w->key,
	    lr_err_name(o->op.result));
	switch (o->op.result) {
	case LR_E_OK:
		fetched_value(s, w, o, k);
		break;
	case LR_E_ABSENT:
		s->absents++;
		/* With an old state, nobody may know that there was a loss. */
		if (must && !(s->confirmed && k->may_lose))
			sim_wrong(s, "object %u is called absent", w->key);
		break;
	case LR_E_LOST:
		s->losts++;
		if (must && !k->may_lose)
			sim_wrong(s, "object %u is called lost", w->key);
		break;
	default:
		if (w->final)
			sim_wrong(s, "object %u cannot be read at the end: %s",
				  w->key, lr_err_name(o->op.result));
		break;
	}
}

/* The coordinator was told all of a slot under `ce`: what was stored or removed
 * under an older one is in that list. When all is well, what is a second old, or
 * as old as a message that was late, is. Before it was told anything in this
 * run: what it had heard of before, and had the time to note. */
static bool must_list(const struct sim *s, const struct key *k)
{
	uint64_t ce = s->listed_ce[k->slot];

	if (!oracle_must_be_there(s, k) || k->corrupted)
		return false;
	return s->final_next || (ce ? k->acked_ce < ce : list_noted(s, k));
}

void oracle_listed(struct sim *s)
{
	bool calm = s->final_next > 0;
	uint64_t lag = 1000 + s->p.late_ms;

	for (uint32_t i = 0; i < s->n_keys; i++) {
		const struct key *k = &s->key[i];
		uint64_t ce = s->listed_ce[k->slot];
		bool has;

		if (k->kind != KEY_OBJECT)
			continue;
		has = list_has(s, k);
		if (!has && must_list(s, k) && k->acked_ms + lag < s->now)
			sim_wrong(s, "object %u, stored under ce %llu, is not "
				     "in a list that is whole (ce %llu)", i,
				  oracle_u(k->acked_ce), oracle_u(ce));
		if (has && oracle_is_removed(s, k) &&
		    (k->removed_ce < ce || calm) &&
		    k->removed_ms + lag < s->now)
			sim_wrong(s, "object %u was removed and is listed", i);
	}
}

void oracle_found(struct sim *s, const struct work *w, uint64_t ce, bool found)
{
	const struct key *k = &s->key[w->key];

	s->finds++;
	SAY(s, "client %u looked for %u: %s", w->c->node - SIM_CLIENT0, w->key,
	    found ? "there" : "nothing");
	if (found && oracle_is_removed(s, k) &&
	    k->removed_ms < w->started_ms && ce >= k->removed_ce)
		sim_wrong(s, "FIND shows %u that was removed", w->key);
	if (!found && oracle_must_be_there(s, k) &&
	    k->acked_ms < w->started_ms)
		sim_wrong(s, "FIND does not show %u", w->key);
}

/* --- at the end ------------------------------------------------------------------------ */

static bool slot_healed(struct sim *s, unsigned slot, unsigned up, char *why,
			size_t cap)
{
	const struct lr_cfg *cfg = &lr_coord_view(s->coord)->cfg[slot];
	unsigned copies = slot / (s->p.nslots / LR_CLASSES) + 1;

	if (!cfg->ce || cfg->n != (copies < up ? copies : up)) {
		snprintf(why, cap, "slot %u has %u members", slot, cfg->n);
		return false;
	}
	/* Its members may be there while their links are not. */
	if (lr_coord_slot_health(s->coord, slot) == LR_SLOTS_UNAVAILABLE) {
		snprintf(why, cap, "slot %u is unavailable", slot);
		return false;
	}
	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = donor_of(s, cfg->mem[i]);

		if (d && lr_cfg_synced(cfg, d->inc) &&
		    lr_slot_admit(&d->slot[slot].st, cfg->ce) == LR_E_OK &&
		    d->slot[slot].st.status == LR_SLOT_SYNCED)
			continue;
		snprintf(why, cap,
			 "slot %u ce %llu: dev %u is %s, prom %llu", slot,
			 oracle_u(cfg->ce), donor_dev(cfg->mem[i]),
			 !d ? "gone" : "not synced",
			 d ? oracle_u(d->slot[slot].st.prom) : 0);
		return false;
	}
	return true;
}

bool oracle_healed(struct sim *s, char *why, size_t cap)
{
	unsigned up = 0;

	snprintf(why, cap, "no coordinator");
	if (!s->coord)
		return false;
	for (unsigned i = 0; i < s->n_devs; i++)
		up += s->node[s->donor[i].node].up && !s->donor[i].leaving &&
		      !s->donor[i].draining;
	for (unsigned i = 0; i < s->p.nslots; i++)
		if (!slot_healed(s, i, up, why, cap))
			return false;
	return true;
}

void oracle_final(struct sim *s)
{
	char why[200];

	for (unsigned i = 0; i < s->n_registers; i++) {
		const struct key *k = &s->key[i];

		if (k->may_lose)
			continue; /* what was lost may be read as before */
		s->lin_ops += k->n_hist;
		if (!lin_check(k->hist, k->n_hist, why, sizeof why))
			sim_wrong(s, "register %u: %s", i, why);
	}
	for (unsigned i = 0; i < s->n_names; i++)
		name_judge(s, s->n_registers + i);
}
