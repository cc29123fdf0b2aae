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

/* --- keys ------------------------------------------------------------------------ */

uint32_t oracle_key(struct sim *s, enum key_kind kind, unsigned slot)
{
	uint32_t n = s->n_keys++;
	struct key *k = &s->key[n];
	unsigned per;

	free(k->tags);
	free(k->hist);
	free(k->cas);
	memset(k, 0, sizeof *k);
	k->kind = kind;
	k->slot = slot;
	per = s->p.nslots / LR_CLASSES;
	k->id.b[0] = (uint8_t)(slot / per << 6);
	k->id.b[1] = (uint8_t)(slot % per << 2);
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

/* An update is carried out once: its tag is chosen once, too. */
void oracle_ordered(struct sim *s, uint32_t key, const struct lr_tag *tag,
		    uint64_t val)
{
	const struct key *k = &s->key[key];

	for (unsigned i = 0; i < k->n_tags; i++)
		if (k->tags[i].tag.writer == tag->writer &&
		    k->tags[i].tag.seq == tag->seq &&
		    k->tags[i].tag.ts != tag->ts)
			sim_wrong(s, "I5: an update of name %u is carried out "
				     "twice", key);
	oracle_tag(s, key, tag, val);
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
bool oracle_is_removed(const struct sim *s, const struct key *k)
{
	if (!k->removed_ms || s->lost_ce[k->slot] >= k->removed_ce)
		return false;
	return k->acked.ts || s->now > k->removed_ms + 45000;
}

/* --- who counts ----------------------------------------------------------------- */

bool oracle_counts(const struct donor *d, unsigned slot,
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

struct donor *oracle_synced_member(struct sim *s, unsigned slot,
				   const struct lr_cfg *cfg, unsigned i)
{
	struct donor *d = donor_of(s, cfg->mem[i]);

	return d && oracle_counts(d, slot, cfg) ? d : NULL;
}

/* --- I4 -------------------------------------------------------------------------- */

static void check_has(struct sim *s, struct donor *d, unsigned slot,
		      uint32_t key)
{
	const struct key *k = &s->key[key];
	const struct entry *e = serve_find(d, slot, key);

	if (key_is_mutable(k->kind)) {
		if (k->acked.ts && !k->has_removals &&
		    (!e || lr_tag_cmp(&e->tag, &k->acked) < 0))
			sim_wrong(s, "I4: dev %u lacks value %u ts %llu",
				  d->dev, key, oracle_u(k->acked.ts));
		return;
	}
	if (oracle_is_removed(s, k) && e && e->state == LR_FOUND_VALUE &&
	    d->slot[slot].st.inst.ce >= k->removed_ce)
		sim_wrong(s, "dev %u has %u that was removed", d->dev, key);
	if (!oracle_must_be_there(s, k))
		return;
	if (!e)
		sim_wrong(s, "I4: dev %u lacks %u, stored under ce %llu",
			  d->dev, key, oracle_u(k->acked_ce));
	else if (lr_tag_cmp(&e->tag, &k->acked) != 0 ||
		 (e->state != LR_FOUND_VALUE && !k->corrupted))
		sim_wrong(s, "I4: dev %u has key %u otherwise than stored",
			  d->dev, key);
}

void oracle_check_all(struct sim *s, struct donor *d, unsigned slot)
{
	for (unsigned i = 0; i < s->n_slot_key[slot]; i++)
		check_has(s, d, slot, s->slot_key[slot][i]);
}

void oracle_donor_slot(struct sim *s, struct donor *d, unsigned slot)
{
	if (oracle_counts(d, slot, &s->committed[slot]))
		oracle_check_all(s, d, slot);
}

static void check_members(struct sim *s, unsigned slot, uint32_t key)
{
	const struct lr_cfg *cfg = &s->committed[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = oracle_synced_member(s, slot, cfg, i);

		if (d)
			check_has(s, d, slot, key);
	}
}

static void look_for_rot(struct sim *s, uint32_t key)
{
	struct key *k = &s->key[key];
	const struct lr_cfg *cfg = &s->committed[k->slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *d = oracle_synced_member(s, k->slot, cfg, i);
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
	if (!key_is_mutable(k->kind))
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
	    oracle_u(s->committed[slot].ce));
	s->lost_ce[slot] = s->committed[slot].ce;
	s->lost_at[slot] = s->now;
	for (unsigned i = 0; i < s->n_slot_key[slot]; i++) {
		struct key *k = &s->key[s->slot_key[slot][i]];

		k->may_lose = true;
		k->acked = (struct lr_tag){ 0 };
	}
}

void oracle_look_for_loss(struct sim *s, unsigned slot)
{
	const struct lr_cfg *cfg = &s->committed[slot];

	if (!cfg->ce || s->lost_ce[slot] == cfg->ce)
		return;
	for (unsigned i = 0; i < cfg->n; i++)
		if (oracle_synced_member(s, slot, cfg, i))
			return;
	note_loss(s, slot);
}

void oracle_look_for_all_rot(struct sim *s)
{
	for (uint32_t i = 0; s->n_corrupted && i < s->n_keys; i++)
		if (s->key[i].corrupted && !s->key[i].may_lose)
			look_for_rot(s, i);
}

void oracle_deaths(struct sim *s)
{
	for (unsigned i = 0; i < s->p.nslots; i++)
		oracle_look_for_loss(s, i);
	oracle_look_for_all_rot(s);
}

static bool is_solid(struct sim *s, const struct donor *d)
{
	return !s->node[d->node].paused_ms && !s->cut[d->node][SIM_COORD] &&
	       !s->cut[SIM_COORD][d->node] && !d->leaving;
}

static bool only_one(struct sim *s, const struct donor *d, unsigned slot,
		     const struct lr_cfg *cfg)
{
	if (!oracle_counts(d, slot, cfg))
		return false;
	for (unsigned i = 0; i < cfg->n; i++) {
		struct donor *o = oracle_synced_member(s, slot, cfg, i);

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

/* --- I2, and what is stored ---------------------------------------------------------- */

void oracle_admitted(struct sim *s, struct donor *d, unsigned slot,
		     uint64_t ce)
{
	const struct lr_slot *st = &d->slot[slot].st;

	if (st->inst.ce != ce || st->prom > ce)
		sim_wrong(s, "I2: dev %u admitted ce %llu in slot %u", d->dev,
			  oracle_u(ce), slot);
}

void oracle_in_time(struct sim *s, const struct donor *d, const struct msg *m)
{
	if (m->born && s->now > m->born + 60000)
		sim_wrong(s, "dev %u took a PUT of key %u that began %llu ms "
			  "ago", d->dev, m->key, oracle_u(s->now - m->born));
}

void oracle_stored(struct sim *s, struct donor *d, unsigned slot,
		   const struct entry *e)
{
	const struct key *k = &s->key[e->key];
	bool open = e->tag.ts == LR_TS_OPEN && k->kind == KEY_OBJECT;
	uint64_t val;

	/* At a copy that was left behind it does no harm. */
	if (e->state == LR_FOUND_TOMB && !key_is_mutable(k->kind) &&
	    oracle_counts(d, slot, &s->committed[slot]) && oracle_must_be_there(s, k))
		sim_wrong(s, "dev %u buries %u that is stored", d->dev,
			  e->key);
	if (e->state != LR_FOUND_VALUE)
		return;
	/* A store that was never confirmed may still try members that have not
	 * pulled its TOMB so far. */
	if (k->swept && !open && oracle_counts(d, slot, &s->committed[slot]) &&
	    s->lost_ce[slot] < k->removed_ce)
		sim_wrong(s, "dev %u stores %u after it was swept", d->dev,
			  e->key);
	if (oracle_is_removed(s, k) && d->slot[slot].st.inst.ce >= k->removed_ce)
		sim_wrong(s, "dev %u stores %u that was removed", d->dev,
			  e->key);
	if (!open && (!oracle_val(s, e->key, &e->tag, &val) || val != e->val))
		sim_wrong(s, "I5: dev %u stores key %u with another's tag",
			  d->dev, e->key);
}

