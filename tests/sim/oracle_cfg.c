/* SPDX-License-Identifier: Apache-2.0 */
/* I1 and I3: configurations, and what became of their members. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The coordinator may have slept between that and the decision. */
#define HARD_MS 20000

static bool same_cfg(const struct lr_cfg *a, const struct lr_cfg *b)
{
	return a->n == b->n && a->src == b->src && a->lost == b->lost &&
	       !memcmp(a->mem, b->mem, a->n * sizeof a->mem[0]);
}

static void remember(struct sim *s, unsigned slot, const struct lr_cfg *cfg)
{
	struct past_cfg *p = &s->past[slot];

	for (unsigned i = p->n; i-- > 0;) {
		if (p->cfg[i].ce != cfg->ce)
			continue;
		if (!same_cfg(&p->cfg[i], cfg))
			sim_wrong(s, "I1: slot %u has two of ce %llu", slot,
				  oracle_u(cfg->ce));
		return;
	}
	if (!lr_cfg_valid(cfg))
		sim_wrong(s, "slot %u: an impossible configuration", slot);
	if (p->n == p->cap) {
		p->cap = p->cap * 2 + 16;
		p->cfg = realloc(p->cfg, p->cap * sizeof *p->cfg);
		if (!p->cfg)
			abort();
	}
	p->cfg[p->n++] = *cfg;
}

void oracle_cfg(struct sim *s, unsigned slot, const struct lr_cfg *cfg)
{
	if (!cfg->ce)
		return;
	remember(s, slot, cfg);
	if (cfg->ce > s->committed[slot].ce)
		sim_wrong(s, "slot %u: ce %llu is used before it is persisted",
			  slot, oracle_u(cfg->ce));
}

static const struct seal_ack *ack_of(struct sim *s, uint64_t inc,
				     unsigned slot, uint64_t epoch)
{
	const struct seal_ack *a = &s->ack[donor_dev(inc)][slot];

	return a->inc == inc && a->epoch == epoch ? a : NULL;
}

static bool could_be_source(struct sim *s, const struct lr_cfg *old,
			    unsigned i, unsigned slot, uint64_t epoch)
{
	const struct seal_ack *a = ack_of(s, old->mem[i], slot, epoch);

	if (!a)
		return false;
	if (a->ce == old->ce)
		return a->synced;
	return old->src >> i & 1 && !(old->lost & LR_LOST_MERGE);
}

static bool is_proven(struct sim *s, uint64_t inc, unsigned slot,
		      uint64_t epoch)
{
	const struct donor *d = &s->donor[donor_dev(inc)];

	return ack_of(s, inc, slot, epoch) || d->said_hello > inc ||
	       d->forgotten >= inc;
}

static void check_lost(struct sim *s, unsigned slot, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	for (unsigned i = 0; i < old->n; i++) {
		struct donor *d = donor_of(s, old->mem[i]);
		int at = lr_cfg_index(cfg, old->mem[i]);

		if (!is_proven(s, old->mem[i], slot, cfg->ce))
			sim_wrong(s, "slot %u is called lost without proof",
				  slot);
		if (d && could_be_source(s, old, i, slot, cfg->ce))
			sim_wrong(s, "slot %u is called lost, dev %u has it",
				  slot, donor_dev(old->mem[i]));
		if (d && d->slot[slot].n &&
		    d->slot[slot].st.inst.ce == old->ce &&
		    (at < 0 || !(cfg->src >> at & 1)))
			sim_wrong(s, "slot %u is lost, dev %u will be emptied",
				  slot, d->dev);
	}
}

static void check_next(struct sim *s, unsigned slot, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	bool kept = false;

	if (cfg->ce < old->ce)
		sim_wrong(s, "slot %u: the epoch went back", slot);
	for (unsigned i = 0; i < old->n; i++) {
		int at = lr_cfg_index(cfg, old->mem[i]);

		if (at < 0 || !(cfg->src >> at & 1))
			continue;
		if (could_be_source(s, old, i, slot, cfg->ce))
			kept = true;
		else if (!(cfg->lost & LR_LOST_MARK))
			sim_wrong(s, "I3: slot %u: dev %u is no source", slot,
				  donor_dev(old->mem[i]));
	}
	if (kept)
		return;
	if (!(cfg->lost & LR_LOST_MARK))
		sim_wrong(s, "I3: slot %u: no source was kept", slot);
	check_lost(s, slot, old, cfg);
}

static unsigned count_usable(struct sim *s)
{
	struct lr_coord_row *row = calloc(SIM_DEVS * 2, sizeof *row);
	size_t n = row ? lr_coord_rows(s->coord, row, SIM_DEVS * 2) : 0;
	unsigned up = 0;

	for (size_t i = 0; i < n && i < SIM_DEVS * 2; i++) {
		unsigned dev = donor_dev(row[i].d.member.inc);

		up += row[i].state == LR_DONOR_UP &&
		      net_alive(&s->peer[dev], 1) &&
		      s->peer[dev].c->hello_done;
	}
	free(row);
	return up;
}

/* The coordinator hears of it. */
void oracle_sealed(struct sim *s, const struct msg *m)
{
	for (size_t i = 0; i < m->blob->n; i++) {
		struct seal_ack *a =
			&s->ack[donor_dev(m->inc)][m->blob->reports[i].slot];

		if (a->inc == m->inc && a->epoch == m->epoch)
			a->heard = true;
	}
}

/* A removal on purpose leaves as many synced copies as there can be. Who was
 * told to stop does not wait for all of them, nor who wants its RAM back. */
static void check_removed(struct sim *s, unsigned slot,
			  const struct lr_cfg *old, const struct lr_cfg *cfg)
{
	unsigned copies = slot / (s->p.nslots / LR_CLASSES) + 1;
	unsigned src = (unsigned)__builtin_popcount(cfg->src), up;

	if (src >= copies)
		return;
	for (unsigned i = 0; i < old->n; i++) {
		struct donor *d = donor_of(s, old->mem[i]);

		if (!d || lr_cfg_index(cfg, old->mem[i]) >= 0 || d->leaving ||
		    (d->hard_ms && s->now < d->hard_ms + HARD_MS) ||
		    !could_be_source(s, old, i, slot, cfg->ce) ||
		    !s->ack[d->dev][slot].heard)
			continue;
		up = count_usable(s);
		if (src < (copies < up ? copies : up))
			sim_wrong(s, "slot %u: dev %u was removed too early",
				  slot, d->dev);
	}
}

void oracle_decided(struct sim *s, const struct lr_view *v)
{
	for (unsigned i = 0; i < s->p.nslots; i++)
		if (s->committed[i].ce && !s->imported[i] &&
		    v->cfg[i].ce > s->committed[i].ce)
			check_removed(s, i, &s->committed[i], &v->cfg[i]);
}

static void tell_commit(struct sim *s, unsigned slot, const struct lr_cfg *cfg)
{
	char buf[160];
	int n = 0;

	for (unsigned i = 0; i < cfg->n; i++)
		n += snprintf(buf + n, sizeof buf - (size_t)n, " %u%s",
			      donor_dev(cfg->mem[i]),
			      cfg->src >> i & 1 ? "*" : "");
	SAY(s, "committed: slot %u ce %llu =%s%s", slot, oracle_u(cfg->ce), buf,
	    cfg->lost ? " LOST" : "");
}

/* The first configuration after an import follows the newest that somebody had:
 * what was committed and never installed, nobody used. */
static void find_installed(struct sim *s, unsigned slot, struct lr_cfg *ret)
{
	*ret = (struct lr_cfg){ 0 };
	for (unsigned i = 0; i < s->n_devs; i++) {
		const struct donor *d = &s->donor[i];

		if (s->node[d->node].up && d->slot[slot].st.inst.ce > ret->ce)
			*ret = d->slot[slot].st.inst;
	}
}

/* All who had it have died, and with an old state an admin said that nobody has
 * a newer one than is known: what is older may come after it. */
static bool forgotten(const struct sim *s, unsigned slot,
		      const struct lr_cfg *cfg)
{
	return s->confirmed && s->lost_ce[slot] >= cfg->ce;
}

void oracle_commit(struct sim *s, const struct lr_view *v)
{
	for (unsigned i = 0; i < s->p.nslots; i++) {
		struct lr_cfg old = s->committed[i];
		const struct lr_cfg *cfg = &v->cfg[i];

		if (!cfg->ce || cfg->ce == old.ce ||
		    (s->imported[i] && cfg->ce < old.ce))
			continue;
		if (s->imported[i])
			find_installed(s, i, &old);
		s->imported[i] = false;
		if (s->verbose)
			tell_commit(s, i, cfg);
		remember(s, i, cfg);
		if (old.ce && !forgotten(s, i, &old))
			check_next(s, i, &old, cfg);
		s->committed[i] = *cfg;
		for (unsigned k = 0; k < cfg->n; k++) {
			struct donor *d = oracle_synced_member(s, i, cfg, k);

			if (d)
				oracle_check_all(s, d, i);
		}
		oracle_look_for_loss(s, i);
	}
	oracle_look_for_all_rot(s);
}

