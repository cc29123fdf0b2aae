/* SPDX-License-Identifier: Apache-2.0 */
/* Sees all donors at once. What must hold (doc/testing.md):
 *
 *   I1  at most one configuration of a slot and an epoch
 *   I2  a donor admits operations of one ce, never below its promise
 *   I3  each source of a new configuration was synced in the old one, and sealed
 *   I4  what ALL answered is at every member that counts as synced, always
 *   I5  a tag has one value
 *
 * Members that count as synced: sources of the committed configuration, and
 * those that hold it as SYNCED. Only where none of them is alive may anything be
 * lost. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long long u(uint64_t x)
{
	return x;
}

/* --- keys ------------------------------------------------------------------------ */

uint32_t oracle_key(struct sim *s, enum key_kind kind, unsigned slot)
{
	uint32_t n = s->n_keys++;
	struct key *k = &s->key[n];

	free(k->tags);
	free(k->hist);
	memset(k, 0, sizeof *k);
	k->kind = kind;
	k->slot = slot;
	k->id.b[0] = (uint8_t)(slot / (s->p.nslots / LR_CLASSES) << 6);
	k->id.b[14] = (uint8_t)(n >> 8);
	k->id.b[15] = (uint8_t)n;
	if (s->n_slot_key[slot] == s->cap_slot_key[slot]) {
		unsigned cap = s->cap_slot_key[slot] * 2 + 64;

		s->slot_key[slot] = realloc(s->slot_key[slot],
					    cap * sizeof(uint32_t));
		s->cap_slot_key[slot] = cap;
		if (!s->slot_key[slot])
			abort();
	}
	s->slot_key[slot][s->n_slot_key[slot]++] = n;
	return n;
}

unsigned oracle_hist(struct sim *s, uint32_t key, bool is_write, uint64_t val)
{
	struct key *k = &s->key[key];

	if (k->n_hist == k->cap_hist) {
		k->cap_hist = k->cap_hist * 2 + 64;
		k->hist = realloc(k->hist, k->cap_hist * sizeof *k->hist);
		if (!k->hist)
			abort();
	}
	k->hist[k->n_hist] = (struct lin_op){ .inv = ++s->lin_clock,
					      .res = LIN_NEVER,
					      .val = val,
					      .is_write = is_write,
					      .ignore = true };
	return k->n_hist++;
}

bool oracle_val(const struct sim *s, uint32_t key, const struct lr_tag *tag,
		uint64_t *ret)
{
	const struct key *k = &s->key[key];

	for (unsigned i = k->n_tags; i-- > 0;)
		if (lr_tag_cmp(&k->tags[i].tag, tag) == 0) {
			*ret = k->tags[i].val;
			return true;
		}
	return false;
}

void oracle_tag(struct sim *s, uint32_t key, const struct lr_tag *tag,
		uint64_t val)
{
	struct key *k = &s->key[key];
	uint64_t is;

	if (oracle_val(s, key, tag, &is)) {
		if (is != val)
			sim_wrong(s, "I5: a tag of key %u has two values", key);
		return;
	}
	if (k->n_tags == k->cap_tags) {
		k->cap_tags = k->cap_tags * 2 + 4;
		k->tags = realloc(k->tags, k->cap_tags * sizeof *k->tags);
		if (!k->tags)
			abort();
	}
	k->tags[k->n_tags++] = (struct tag_val){ *tag, val };
}

bool oracle_must_be_there(const struct sim *s, const struct key *k)
{
	if (k->state != KEY_STORED || k->remove_began || k->may_lose ||
	    (k->expires && s->now >= k->expires))
		return false;
	return k->kind != KEY_CHUNK ||
	       oracle_must_be_there(s, &s->key[k->parent]);
}

/* Removed, and the TOMB has not died with all copies of its slot. A store that
 * was never confirmed may go on for a while. */
static bool is_removed(const struct sim *s, const struct key *k)
{
	if (!k->removed_ms || s->lost_ce[k->slot] >= k->removed_ce)
		return false;
	return k->acked.ts || s->now > k->removed_ms + 45000;
}

/* --- who counts ----------------------------------------------------------------- */

static bool counts(const struct donor *d, unsigned slot,
		   const struct lr_cfg *cfg)
{
	const struct lr_slot *st = &d->slot[slot].st;
	int i = lr_cfg_index(cfg, d->inc);

	if (i < 0)
		return false;
	if (cfg->src >> i & 1 && !(cfg->lost & LR_LOST_MERGE))
		return true;
	return st->inst.ce == cfg->ce && st->status == LR_SLOT_SYNCED;
}

static struct donor *synced_member(struct sim *s, unsigned slot,
				   const struct lr_cfg *cfg, unsigned i)
{
	struct donor *d = donor_of(s, cfg->mem[i]);

	return d && counts(d, slot, cfg) ? d : NULL;
}

/* --- I4 -------------------------------------------------------------------------- */

static void check_has(struct sim *s, struct donor *d, unsigned slot,
		      uint32_t key)
{
	const struct key *k = &s->key[key];
	const struct entry *e = serve_find(d, slot, key);

	if (k->kind == KEY_REGISTER) {
		if (k->acked.ts && !k->has_removals &&
		    (!e || lr_tag_cmp(&e->tag, &k->acked) < 0))
			sim_wrong(s, "I4: dev %u lacks register %u ts %llu",
				  d->dev, key, u(k->acked.ts));
		return;
	}
	if (is_removed(s, k) && e && e->state == LR_FOUND_VALUE &&
	    d->slot[slot].st.inst.ce >= k->removed_ce)
		sim_wrong(s, "dev %u has %u that was removed", d->dev, key);
	if (!oracle_must_be_there(s, k))
		return;
	if (!e)
		sim_wrong(s, "I4: dev %u lacks %u, stored under ce %llu",
			  d->dev, key, u(k->acked_ce));
	else if (lr_tag_cmp(&e->tag, &k->acked) != 0 ||
		 (e->state != LR_FOUND_VALUE && !k->corrupted))
		sim_wrong(s, "I4: dev %u has key %u otherwise than stored",
			  d->dev, key);
}

static void check_all(struct sim *s, struct donor *d, unsigned slot)
{
	for (unsigned i = 0; i < s->n_slot_key[slot]; i++)
		check_has(s, d, slot, s->slot_key[slot][i]);
}

void oracle_donor_slot(struct sim *s, struct donor *d, unsigned slot)
{
	if (counts(d, slot, &s->committed[slot]))
		check_all(s, d, slot);
}

static void check_members(struct sim *s, unsigned slot, uint32_t key)
{
	const struct lr_cfg *cfg = &s->committed[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = synced_member(s, slot, cfg, i);

		if (d)
			check_has(s, d, slot, key);
	}
}

static void look_for_rot(struct sim *s, uint32_t key)
{
	struct key *k = &s->key[key];
	const struct lr_cfg *cfg = &s->committed[k->slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = synced_member(s, k->slot, cfg, i);
		struct entry *e = d ? serve_find(d, k->slot, key) : NULL;

		if (e && e->state == LR_FOUND_VALUE && !e->rotten &&
		    lr_tag_cmp(&e->tag, &k->acked) >= 0)
			return;
	}
	k->may_lose = true;
}

void oracle_acked(struct sim *s, uint32_t key, const struct lr_tag *tag,
		  uint64_t ce)
{
	struct key *k = &s->key[key];

	if (lr_tag_cmp(tag, &k->acked) <= 0)
		return;
	k->acked_ms = s->now;
	if (s->lost_ce[k->slot] && ce <= s->lost_ce[k->slot]) {
		k->may_lose = true; /* all that answered have died since */
		return;
	}
	k->acked = *tag;
	k->acked_ce = ce;
	if (k->kind != KEY_REGISTER)
		k->may_lose = false;
	if (k->corrupted)
		look_for_rot(s, key);
	check_members(s, k->slot, key);
}

void oracle_removed(struct sim *s, uint32_t key, uint64_t ce)
{
	struct key *k = &s->key[key];

	if (k->removed_ms)
		return;
	k->removed_ms = s->now;
	k->removed_ce = ce;
	check_members(s, k->slot, key);
}

void oracle_swept(struct sim *s, uint32_t key, uint64_t ce)
{
	s->key[key].swept = true;
	oracle_removed(s, key, ce);
}

/* --- loss ------------------------------------------------------------------------ */

static void note_loss(struct sim *s, unsigned slot)
{
	SAY(s, "oracle: slot %u ce %llu has no copy left", slot,
	    u(s->committed[slot].ce));
	s->lost_ce[slot] = s->committed[slot].ce;
	s->lost_at[slot] = s->now;
	for (unsigned i = 0; i < s->n_slot_key[slot]; i++) {
		struct key *k = &s->key[s->slot_key[slot][i]];

		k->may_lose = true;
		k->acked = (struct lr_tag){ 0 };
	}
}

static void look_for_loss(struct sim *s, unsigned slot)
{
	const struct lr_cfg *cfg = &s->committed[slot];

	if (!cfg->ce || s->lost_ce[slot] == cfg->ce)
		return;
	for (unsigned i = 0; i < cfg->n; i++)
		if (synced_member(s, slot, cfg, i))
			return;
	note_loss(s, slot);
}

static void look_for_all_rot(struct sim *s)
{
	for (uint32_t i = 0; s->n_corrupted && i < s->n_keys; i++)
		if (s->key[i].corrupted && !s->key[i].may_lose)
			look_for_rot(s, i);
}

void oracle_deaths(struct sim *s)
{
	for (unsigned i = 0; i < s->p.nslots; i++)
		look_for_loss(s, i);
	look_for_all_rot(s);
}

static bool is_solid(struct sim *s, const struct donor *d)
{
	return !s->node[d->node].paused_ms && !s->cut[d->node][SIM_COORD] &&
	       !s->cut[SIM_COORD][d->node] && !d->leaving;
}

static bool only_one(struct sim *s, const struct donor *d, unsigned slot,
		     const struct lr_cfg *cfg)
{
	if (!counts(d, slot, cfg))
		return false;
	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *o = synced_member(s, slot, cfg, i);

		if (o && o != d && is_solid(s, o))
			return false;
	}
	return true;
}

bool oracle_would_lose(struct sim *s, const struct donor *d)
{
	for (unsigned i = 0; i < s->p.nslots; i++)
		if (only_one(s, d, i, &s->committed[i]) ||
		    (s->job.busy && s->job.is_view &&
		     only_one(s, d, i, &s->job.view.cfg[i])))
			return true;
	return false;
}

/* --- I1, I3 ---------------------------------------------------------------------- */

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
				  u(cfg->ce));
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
			  slot, u(cfg->ce));
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
 * told to stop does not wait for all of them. */
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
		if (s->committed[i].ce && v->cfg[i].ce > s->committed[i].ce)
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
	SAY(s, "committed: slot %u ce %llu =%s%s", slot, u(cfg->ce), buf,
	    cfg->lost ? " LOST" : "");
}

void oracle_commit(struct sim *s, const struct lr_view *v)
{
	for (unsigned i = 0; i < s->p.nslots; i++) {
		struct lr_cfg old = s->committed[i];
		const struct lr_cfg *cfg = &v->cfg[i];

		if (!cfg->ce || cfg->ce == old.ce)
			continue;
		if (s->verbose)
			tell_commit(s, i, cfg);
		remember(s, i, cfg);
		if (old.ce)
			check_next(s, i, &old, cfg);
		s->committed[i] = *cfg;
		for (unsigned k = 0; k < cfg->n; k++) {
			struct donor *d = synced_member(s, i, cfg, k);

			if (d)
				check_all(s, d, i);
		}
		look_for_loss(s, i);
	}
	look_for_all_rot(s);
}

/* --- I2, and what is stored ---------------------------------------------------------- */

void oracle_admitted(struct sim *s, struct donor *d, unsigned slot,
		     uint64_t ce)
{
	const struct lr_slot *st = &d->slot[slot].st;

	if (st->inst.ce != ce || st->prom > ce)
		sim_wrong(s, "I2: dev %u admitted ce %llu in slot %u", d->dev,
			  u(ce), slot);
}

void oracle_stored(struct sim *s, struct donor *d, unsigned slot,
		   const struct entry *e)
{
	const struct key *k = &s->key[e->key];
	bool open = e->tag.ts == LR_TS_OPEN && k->kind == KEY_OBJECT;
	uint64_t val;

	/* At a copy that was left behind it does no harm. */
	if (e->state == LR_FOUND_TOMB && k->kind != KEY_REGISTER &&
	    counts(d, slot, &s->committed[slot]) && oracle_must_be_there(s, k))
		sim_wrong(s, "dev %u buries %u that is stored", d->dev,
			  e->key);
	if (e->state != LR_FOUND_VALUE)
		return;
	/* A store that was never confirmed may still try members that have not
	 * pulled its TOMB so far. */
	if (k->swept && !open && counts(d, slot, &s->committed[slot]) &&
	    s->lost_ce[slot] < k->removed_ce)
		sim_wrong(s, "dev %u stores %u after it was swept", d->dev,
			  e->key);
	if (is_removed(s, k) && d->slot[slot].st.inst.ce >= k->removed_ce)
		sim_wrong(s, "dev %u stores %u that was removed", d->dev,
			  e->key);
	if (!open && (!oracle_val(s, e->key, &e->tag, &val) || val != e->val))
		sim_wrong(s, "I5: dev %u stores key %u with another's tag",
			  d->dev, e->key);
}

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
	if (is_removed(s, k) && k->removed_ms < w->started_ms &&
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
		if (must)
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
	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = donor_of(s, cfg->mem[i]);

		if (d && lr_cfg_synced(cfg, d->inc) &&
		    lr_slot_admit(&d->slot[slot].st, cfg->ce) == LR_E_OK &&
		    d->slot[slot].st.status == LR_SLOT_SYNCED)
			continue;
		snprintf(why, cap,
			 "slot %u ce %llu: dev %u is %s, prom %llu", slot,
			 u(cfg->ce), donor_dev(cfg->mem[i]),
			 !d ? "gone" : "not synced",
			 d ? u(d->slot[slot].st.prom) : 0);
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
}
