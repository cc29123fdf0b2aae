/* SPDX-License-Identifier: Apache-2.0 */
/* The log: where the next record goes, and what happens when one dies. */
#include "store/internal.h"

/* Of the segments open to puts. Above it each put would move twenty times its
 * own size; what removes or repairs data still goes. */
#define CAP_PERCENT	    95u
#define CAP_RESERVE_PERCENT 98u

uint64_t lr_log_allowed(const struct lr_store *s, uint64_t extra)
{
	uint64_t other = s->fixed_bytes + s->index_bytes + extra;

	return s->limit > other ? (s->limit - other) / LR_SEGMENT_BYTES : 0;
}

bool lr_log_may_open(const struct lr_store *s)
{
	uint64_t after = (uint64_t)s->nsegs + (s->spare ? 0 : 1);

	return after + 1 <= lr_log_allowed(s, 0);
}

bool lr_log_may_index(const struct lr_store *s, uint64_t extra)
{
	uint64_t after = (uint64_t)s->nsegs + (s->spare ? 0 : 1);

	return after <= lr_log_allowed(s, extra);
}

uint64_t lr_log_cap(const struct lr_store *s, uint64_t extra, bool reserve)
{
	uint64_t n = lr_log_allowed(s, extra);
	unsigned percent = reserve ? CAP_RESERVE_PERCENT : CAP_PERCENT;

	return n ? (n - 1) * LR_SEGMENT_ROOM / 100 * percent : 0;
}

/* A TOMB may take the cleaner's segment when pins keep it from cleaning, and
 * goes beyond a limit that was lowered below what lives: it makes room. */
static bool may_open_over(const struct lr_store *s)
{
	return lr_log_may_index(s, 0) || s->live > lr_log_cap(s, 0, true);
}

static bool fits(const struct lr_segment *seg, uint32_t need)
{
	return seg && lr_segment_left(seg) >= need;
}

static void set_head(struct lr_store *s, struct lr_segment *seg)
{
	struct lr_segment *old = s->head;

	seg->role = LR_SEG_HEAD;
	s->head = seg;
	if (old)
		lr_segment_close(old);
}

/* The cleaner's segment is taken over rather than a new one opened, but not
 * while a victim's survivors may need it. */
static enum lr_err try_room(struct lr_store *s, uint32_t need, bool over)
{
	struct lr_segment *seg = s->cold;

	if (fits(s->head, need))
		return LR_E_OK;
	if (!s->victim && fits(seg, need)) {
		s->cold = NULL;
		set_head(s, seg);
		return LR_E_OK;
	}
	if (over ? !may_open_over(s) : !lr_log_may_open(s))
		return LR_E_FULL;
	seg = lr_segment_open(s, LR_SEG_HEAD);
	if (!seg)
		return LR_E_NO_MEMORY;
	set_head(s, seg);
	return LR_E_OK;
}

/* One victim is enough below the cap: on average 5 % of a segment is free,
 * more than the largest record, so the best victim leaves room for any. */
enum lr_err lr_log_room(struct lr_store *s, uint32_t need, bool over)
{
	enum lr_err err = try_room(s, need, false);

	if (err == LR_E_FULL && s->victim) {
		if (!lr_cleaner_finish(s))
			return LR_E_NO_MEMORY;
		err = try_room(s, need, false);
	}
	if (err == LR_E_FULL) {
		err = lr_cleaner_force(s, need);
		if (err == LR_E_OK)
			err = try_room(s, need, false);
	}
	if (err == LR_E_FULL && over)
		err = try_room(s, need, true);
	return err;
}

uint64_t lr_log_append(struct lr_store *s, unsigned slot, uint32_t hash,
		       const struct lr_entry *e, const struct lr_form *f,
		       uint64_t now_ms)
{
	uint32_t size = lr_form_size(f);
	struct lr_segment *seg = s->head;
	uint32_t at = seg->fill;

	assert(fits(seg, size));
	lr_record_write(lr_segment_at(seg, at), slot, e, f, now_ms);
	seg->fill += size;
	seg->live += size;
	s->appended += size;
	return lr_ref(hash, seg->no, at);
}

void lr_log_count(struct lr_store *s, struct lr_index *ix,
		  const struct lr_record *r, bool add)
{
	bool tomb = r->state == LR_FOUND_TOMB;
	uint32_t one = add ? 1 : UINT32_MAX; /* adding it takes one away */
	uint64_t size = lr_record_size(r);

	s->live += add ? size : 0 - size;
	ix->bytes += add ? size : 0 - size;
	if (ix >= s->slots + s->nslots) {
		s->shelved += add ? size : 0 - size;
		return;
	}
	if (tomb) {
		ix->tombs += one;
		s->tombs += add ? 1 : UINT64_MAX;
	} else {
		s->entries += add ? 1 : UINT64_MAX;
	}
}

/* A head in which nothing lives starts anew; a victim is left to the cleaner,
 * which knows where it is in it. */
void lr_log_kill(struct lr_store *s, struct lr_index *ix, uint64_t ref)
{
	struct lr_segment *seg = lr_ref_segment(s, ref);
	const struct lr_record *r = lr_ref_record(s, ref);
	uint32_t size = lr_record_size(r);

	assert(seg->live >= size);
	lr_log_count(s, ix, r, false);
	seg->live -= size;
	if (seg->live || seg->pins)
		return;
	if (seg->role == LR_SEG_CLOSED)
		lr_segment_release(seg);
	else if (seg->role != LR_SEG_VICTIM)
		seg->fill = sizeof(*seg);
}
