/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in the small pool: the protocol's invariants, and whether it
 * has healed. */
#include "tests/unit/coord_kit_i.h"

static bool same_cfg(const struct lr_cfg *a, const struct lr_cfg *b)
{
	return a->n == b->n && a->src == b->src && a->lost == b->lost &&
	       !memcmp(a->mem, b->mem, a->n * sizeof a->mem[0]);
}

/* I1: at most one configuration for a slot and an epoch. */
static void check_one(struct kit *k, unsigned s, const struct lr_cfg *cfg)
{
	struct lr_cfg *past = &k->past[(size_t)s * KIT_PAST];

	if (!cfg->ce || k->nslots > KIT_SMALL)
		return;
	for (unsigned i = k->n_past[s]; i-- > 0;) {
		if (past[i].ce != cfg->ce)
			continue;
		if (!same_cfg(&past[i], cfg))
			kit_wrong(k, "I1: two configurations of one epoch", s);
		return;
	}
	if (!lr_cfg_valid(cfg))
		kit_wrong(k, "an impossible configuration", s);
	if (k->n_past[s] < KIT_PAST)
		past[k->n_past[s]++] = *cfg;
}

static bool acked(struct kit *k, uint64_t inc, unsigned s, uint64_t epoch)
{
	const struct kit_ack *a = &k->d[inc % KIT_DONORS].ack[s];

	return a->inc == inc && a->epoch == epoch;
}

/* What a member that sealed for `epoch` could bring. */
static bool could_be_source(struct kit *k, const struct lr_cfg *old, unsigned i,
			    unsigned s, uint64_t epoch)
{
	const struct kit_ack *a = &k->d[old->mem[i] % KIT_DONORS].ack[s];

	if (!acked(k, old->mem[i], s, epoch))
		return false;
	if (a->ce == old->ce)
		return a->synced;
	return old->src >> i & 1 && !(old->lost & LR_LOST_MERGE);
}

/* It said so itself, a later incarnation said hello, or an admin said so.
 * Incarnations tell their device: inc % KIT_DONORS. */
static bool proven(struct kit *k, uint64_t inc, unsigned s, uint64_t epoch)
{
	const struct kit_donor *d = &k->d[inc % KIT_DONORS];

	return acked(k, inc, s, epoch) || d->said > inc || d->forgot >= inc;
}

/* Nobody but the proof may call it lost: a host that is silent may be back. */
static void check_lost(struct kit *k, unsigned s, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	for (unsigned i = 0; i < old->n; i++) {
		struct kit_donor *d = kit_by_inc(k, old->mem[i]);
		int at = lr_cfg_index(cfg, old->mem[i]);

		if (!proven(k, old->mem[i], s, cfg->ce))
			kit_wrong(k, "lost without proof", s);
		if (!d || !d->alive || !d->held[s] ||
		    d->slot[s].inst.ce != old->ce)
			continue;
		if (could_be_source(k, old, i, s, cfg->ce))
			kit_wrong(k, "lost, and a member has it all", s);
		if (at < 0 || !(cfg->src >> at & 1))
			kit_wrong(k, "lost, and a holder is emptied", s);
	}
	k->lost++;
	k->acked[s] = 0;
}

static bool awaits_sync(struct kit *k, const struct lr_cfg *cfg)
{
	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = kit_by_inc(k, cfg->mem[i]);

		if (!(cfg->src >> i & 1) && d && d->alive && d->linked &&
		    !d->leaving && k->now > d->cut_at + 3000)
			return true;
	}
	return false;
}

/* Who could stay goes only when its successor is synced, or its RAM is needed
 * there. */
static void check_removed(struct kit *k, unsigned s, const struct lr_cfg *old,
			  const struct lr_cfg *cfg)
{
	unsigned copies = s / (k->nslots / LR_CLASSES) + 1;

	if ((unsigned)__builtin_popcount(cfg->src) >= copies ||
	    !awaits_sync(k, cfg))
		return;
	for (unsigned i = 0; i < old->n; i++) {
		struct kit_donor *d = kit_by_inc(k, old->mem[i]);

		if (d && d->alive && d->linked && k->now > d->cut_at + 3000 &&
		    d->pressure < LR_PRESSURE_HARD &&
		    lr_cfg_index(cfg, d->inc) < 0 &&
		    could_be_source(k, old, i, s, cfg->ce))
			kit_wrong(k, "removed before its successor is synced",
				  s);
	}
}

/* I3: each source was a synced member that sealed. */
static void check_next(struct kit *k, unsigned s, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	bool kept = false;

	if (!old->ce || old->ce == cfg->ce)
		return;
	if (cfg->ce < old->ce)
		kit_wrong(k, "the epoch went back", s);
	check_removed(k, s, old, cfg);
	for (unsigned i = 0; i < old->n; i++) {
		int at = lr_cfg_index(cfg, old->mem[i]);

		if (at < 0 || !(cfg->src >> at & 1))
			continue;
		if (could_be_source(k, old, i, s, cfg->ce))
			kept = true;
		else if (!(cfg->lost & LR_LOST_MARK))
			kit_wrong(k, "I3: a source that is not", s);
	}
	if (kept)
		return;
	if (!(cfg->lost & LR_LOST_MARK))
		kit_wrong(k, "I3: nobody was kept", s);
	check_lost(k, s, old, cfg);
}

void kit_check_commit(struct kit *k, const struct lr_view *v)
{
	for (unsigned s = 0; s < k->nslots; s++) {
		check_one(k, s, &v->cfg[s]);
		if (v->cfg[s].ce == v->epoch) /* made by this change */
			check_next(k, s, &k->last[s], &v->cfg[s]);
		if (v->cfg[s].ce > k->last[s].ce)
			k->last[s] = v->cfg[s];
	}
}

void kit_check_told(struct kit *k, unsigned s, const struct lr_cfg *cfg)
{
	check_one(k, s, cfg);
	if (cfg->ce > k->last[s].ce)
		kit_wrong(k, "told before it was persisted", s);
}

void kit_check_read(struct kit *k, unsigned s)
{
	const struct lr_cfg *cfg = &k->known[s];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = kit_by_inc(k, cfg->mem[i]);

		if (!d || !d->alive || lr_slot_admit(&d->slot[s], cfg->ce))
			return;
	}
	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = kit_by_inc(k, cfg->mem[i]);

		if (d->slot[s].status == LR_SLOT_SYNCED &&
		    k->acked[s] & ~d->held[s])
			kit_wrong(k, "an acknowledged write is not there", s);
	}
}

static bool slot_healed(struct kit *k, unsigned s, unsigned up)
{
	const struct lr_cfg *cfg = &lr_coord_view(k->c)->cfg[s];
	unsigned copies = s / (k->nslots / LR_CLASSES) + 1;

	if (!cfg->ce || cfg->n != (copies < up ? copies : up))
		return false;
	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = kit_by_inc(k, cfg->mem[i]);

		if (!d || !d->alive || !lr_cfg_synced(cfg, d->inc) ||
		    lr_slot_admit(&d->slot[s], cfg->ce) != LR_E_OK ||
		    d->slot[s].status != LR_SLOT_SYNCED)
			return false;
		if (k->acked[s] & ~d->held[s])
			kit_wrong(k, "an acknowledged write was lost", s);
	}
	return true;
}

bool kit_healed(struct kit *k)
{
	unsigned up = 0;

	if (!k->c)
		return false;
	for (unsigned i = 0; i < k->n; i++)
		up += k->d[i].alive && !k->d[i].leaving;
	for (unsigned s = 0; s < k->nslots; s++)
		if (!slot_healed(k, s, up))
			return false;
	return true;
}

unsigned kit_unavailable(struct kit *k)
{
	unsigned n = 0;

	for (unsigned s = 0; s < k->nslots; s++)
		n += lr_coord_slot_health(k->c, s) == LR_SLOTS_UNAVAILABLE;
	return n;
}

unsigned kit_holding(struct kit *k, unsigned donor)
{
	unsigned n = 0;

	for (unsigned s = 0; s < k->nslots; s++)
		n += lr_cfg_index(&lr_coord_view(k->c)->cfg[s],
				  k->d[donor].inc) >= 0;
	return n;
}
