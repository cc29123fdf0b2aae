/* SPDX-License-Identifier: Apache-2.0 */
/* One slot at a donor: promise, installed configuration, status (protocol:
 * "The donor"). Pure decisions; the caller owns entries and links and does
 * what is answered, in one go, on the shard's thread. */
#ifndef LR_CORE_SLOT_H
#define LR_CORE_SLOT_H

#include "core/err.h"
#include "core/tag.h"
#include "core/terms.h"
#include "core/view.h"

struct lr_slot {
	uint64_t prom;	   /* highest epoch promised */
	uint64_t prom_run; /* the coordinator's run that got it */
	struct lr_cfg inst; /* inst.ce = 0: none */
	/* The cfg that I am out of, 0 while one is installed: a coordinator with
	 * an old state, which counts me in still, learns by it that it is old. */
	uint64_t left;
	uint8_t status;	   /* LR_SLOT_* */
	/* The highest ts of a register or name that may have been used here and
	 * is no more to be seen: of collected TOMBs, and what updates took.
	 * GET of an entry that is not there answers with it in the tag, SCAN
	 * carries it to members that sync, and new tags stay above: a TOMB that
	 * a slow reader still writes back cannot overrule what came later. */
	uint64_t floor;
	/* Under inst alone, of updates of names (core/update.h): at src[1] the
	 * highest ts of one that was given up and may still be on its way; at
	 * every copy, up to where they are refused. */
	uint64_t abandoned, barred;
};

/* What the coordinator is told: a status of NONE makes it the one I left. */
static inline uint64_t lr_slot_told_ce(const struct lr_slot *s)
{
	return s->inst.ce ? s->inst.ce : s->left;
}

static inline void lr_slot_raise_floor(struct lr_slot *s, uint64_t ts)
{
	if (ts > s->floor)
		s->floor = ts;
}
/* Call before a TOMB is collected. */
void lr_slot_collected(struct lr_slot *s, unsigned kind,
		       const struct lr_tag *tag);

/* src[1] gave updates up: those up to `ts` are refused from now on. What its
 * READ saw, or comes as a write-back, had been at some copy before. */
void lr_slot_bar(struct lr_slot *s, uint64_t ts);
/* SUPERSEDED, rather than LR_PUT_STORE. */
bool lr_slot_bars(const struct lr_slot *s, unsigned kind,
		  const struct lr_tag *tag, unsigned put_flags);

/* OK, or STALE: inst[s].ce == ce and prom[s] <= ce. */
enum lr_err lr_slot_admit(const struct lr_slot *s, uint64_t ce);

/* What an admitted PUT does to the entry that is there. */
enum lr_put_verdict {
	LR_PUT_STORE,	/* store it; reply with the tag put */
	LR_PUT_KEEP,	/* what is there is as new or newer; reply with its tag */
	LR_PUT_REFUSED, /* a conditional TOMB met a closed manifest; its tag */
};
struct lr_stored {
	uint8_t found; /* LR_FOUND_* */
	struct lr_tag tag;
	bool open; /* a manifest that is not closed */
};
enum lr_put_verdict lr_slot_put(const struct lr_stored *there,
				const struct lr_tag *tag, unsigned put_flags);

/* OK: promised, reply with the state as it is now. STALE: refused. Call only
 * when no admitted operation of the slot is still being applied. */
enum lr_err lr_slot_seal(struct lr_slot *s, uint64_t epoch, uint64_t run);

enum lr_install {
	LR_INSTALL_REFUSED, /* not a member, below the promise, or old */
	LR_INSTALL_KEPT,    /* I am a source: entries stay, SYNCED (or merging) */
	LR_INSTALL_EMPTIED, /* not a source: drop all entries, SYNCING */
	/* An unsynced source of a lost slot: objects stay, registers and names
	 * are dropped; SYNCED (or merging). */
	LR_INSTALL_SALVAGED,
};
enum lr_install lr_slot_install(struct lr_slot *s, uint64_t me,
				const struct lr_cfg *cfg, uint64_t run);

/* A committed cfg was seen in a view. True: I am out of it, drop the slot. */
bool lr_slot_left(struct lr_slot *s, uint64_t me, const struct lr_cfg *cfg);

/* All was pulled under `ce`; false: it is no longer that cfg. */
bool lr_slot_synced(struct lr_slot *s, uint64_t ce);

/* TOMB collection: all members synced (as the view tells) and 60 s since. */
bool lr_slot_may_collect(const struct lr_slot *s, const struct lr_cfg *viewed,
			 uint64_t stored_ms, uint64_t now_ms);
/* The slot's first SYNCED copy reports, expires and sweeps. */
bool lr_slot_is_first(const struct lr_slot *s, const struct lr_cfg *viewed,
		      uint64_t me);

#endif
