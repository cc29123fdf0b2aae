/* SPDX-License-Identifier: Apache-2.0 */
#include "core/slot.h"

#include "core/mutate.h"

/* Twice the longest deadline: no PUT that this TOMB forbids is under way. */
#define TOMB_KEEP_MS 60000u

enum lr_err lr_slot_admit(const struct lr_slot *s, uint64_t ce)
{
	if (s->inst.ce == 0)
		return LR_E_STALE;
	if (LR_MUTANT("no-seal-no-epoch-check"))
		return LR_E_OK;
	return s->inst.ce == ce && s->prom <= ce ? LR_E_OK : LR_E_STALE;
}

/* A copy that could not be verified keeps its tag: 1 was an open manifest. */
static bool is_closed(const struct lr_stored *there)
{
	if (there->found == LR_FOUND_BAD)
		return there->tag.ts != LR_TS_OPEN;
	return there->found == LR_FOUND_VALUE && !there->open;
}

enum lr_put_verdict lr_slot_put(const struct lr_stored *there,
				const struct lr_tag *tag, unsigned put_flags)
{
	int cmp;

	if (there->found == LR_FOUND_NONE)
		return LR_PUT_STORE;
	if (put_flags & LR_PUT_IF_OPEN && is_closed(there) &&
	    !LR_MUTANT("sweep-without-if-open"))
		return LR_PUT_REFUSED;
	cmp = lr_tag_cmp(tag, &there->tag);
	if (cmp > 0)
		return LR_PUT_STORE;
	/* An intact copy of the same write heals one that is not. */
	if (cmp == 0 && there->found == LR_FOUND_BAD &&
	    !(put_flags & LR_PUT_BAD))
		return LR_PUT_STORE;
	return LR_PUT_KEEP;
}

void lr_slot_bar(struct lr_slot *s, uint64_t ts)
{
	if (ts > s->barred)
		s->barred = ts;
}

bool lr_slot_bars(const struct lr_slot *s, unsigned kind,
		  const struct lr_tag *tag, unsigned put_flags)
{
	return kind == LR_KIND_NAME && !(put_flags & LR_PUT_REPAIR) &&
	       tag->ts <= s->barred;
}

enum lr_err lr_slot_seal(struct lr_slot *s, uint64_t epoch, uint64_t run)
{
	if (LR_MUTANT("no-seal-no-epoch-check"))
		return LR_E_OK;
	if (epoch < s->prom || (epoch == s->prom && run != s->prom_run))
		return LR_E_STALE;
	s->prom = epoch;
	s->prom_run = run;
	return LR_E_OK;
}

enum lr_install lr_slot_install(struct lr_slot *s, uint64_t me,
				const struct lr_cfg *cfg, uint64_t run)
{
	int i = lr_cfg_index(cfg, me);
	bool unsynced = s->status == LR_SLOT_SYNCING;

	if (i < 0 || cfg->ce < s->prom || s->inst.ce >= cfg->ce)
		return LR_INSTALL_REFUSED;
	s->prom = cfg->ce;
	s->prom_run = run;
	s->inst = *cfg;
	s->abandoned = s->barred = 0; /* ADMIT refuses all of an older ce */
	s->left = 0;
	if (!(cfg->src >> i & 1u)) {
		s->status = LR_SLOT_SYNCING;
		if (LR_MUTANT("old-entries-kept-at-install"))
			return LR_INSTALL_KEPT;
		return LR_INSTALL_EMPTIED;
	}
	s->status = LR_SLOT_SYNCED;
	if (cfg->lost & LR_LOST_MERGE)
		s->status = LR_SLOT_SYNCING;
	/* Only a lost slot makes an unsynced member a source. */
	if (cfg->lost & LR_LOST_MARK && unsynced)
		return LR_INSTALL_SALVAGED;
	return LR_INSTALL_KEPT;
}

bool lr_slot_left(struct lr_slot *s, uint64_t me, const struct lr_cfg *cfg)
{
	if (s->inst.ce == 0 || cfg->ce <= s->inst.ce ||
	    lr_cfg_index(cfg, me) >= 0)
		return false;
	/* Whose epoch this is, a view does not say: no run may repeat it. */
	if (cfg->ce > s->prom) {
		s->prom = cfg->ce;
		s->prom_run = 0;
	}
	s->inst = (struct lr_cfg){0};
	if (!LR_MUTANT("left-not-told"))
		s->left = cfg->ce;
	s->abandoned = s->barred = 0;
	s->status = LR_SLOT_NONE;
	return true;
}

bool lr_slot_synced(struct lr_slot *s, uint64_t ce)
{
	if (ce == 0 || s->inst.ce != ce)
		return false;
	s->status = LR_SLOT_SYNCED;
	return true;
}

/* The view speaks of the very configuration that serves here. */
static bool serves_viewed(const struct lr_slot *s, const struct lr_cfg *viewed)
{
	return s->status == LR_SLOT_SYNCED && s->inst.ce == viewed->ce &&
	       s->prom <= viewed->ce;
}

bool lr_slot_may_collect(const struct lr_slot *s, const struct lr_cfg *viewed,
			 uint64_t stored_ms, uint64_t now_ms)
{
	if (LR_MUTANT("tomb-collected-early"))
		return true;
	if (!serves_viewed(s, viewed))
		return false;
	for (unsigned i = 0; i < viewed->n; i++)
		if (!lr_cfg_synced(viewed, viewed->mem[i]))
			return false;
	return now_ms >= stored_ms && now_ms - stored_ms >= TOMB_KEEP_MS;
}

void lr_slot_collected(struct lr_slot *s, unsigned kind,
		       const struct lr_tag *tag)
{
	if (LR_MUTANT("tags-begin-anew"))
		return;
	if (kind == LR_KIND_REGISTER || kind == LR_KIND_NAME)
		lr_slot_raise_floor(s, tag->ts);
}

bool lr_slot_is_first(const struct lr_slot *s, const struct lr_cfg *viewed,
		      uint64_t me)
{
	if (!serves_viewed(s, viewed))
		return false;
	for (unsigned i = 0; i < viewed->n; i++)
		if (lr_cfg_synced(viewed, viewed->mem[i]))
			return viewed->mem[i] == me;
	return false;
}
