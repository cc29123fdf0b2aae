/* SPDX-License-Identifier: Apache-2.0 */
/* The cleaner: takes the segment in which least lives (the victim), moves its
 * survivors to its own segment (the cold one), and gives the victim back.
 *
 * It works in steps of 64 KiB, so a victim may be half done when other calls
 * come; what dies meanwhile is not moved. Pinned segments are left alone. A
 * victim's survivors never need more than one new segment: all of them fit in
 * a whole one. */
#include <string.h>
#include <time.h>

#include "store/internal.h"

#define STEP_BYTES	  (64u << 10)
#define FETCH_BYTES	  4096u
#define TOUCH_BYTES	  (64u << 10)
#define AHEAD_BYTES	  (256u << 10)
#define PAGE_BYTES	  4096u
#define MAKE_ROOM_VICTIMS 64u

/* Free bytes in a segment that make it worth moving the rest. Packed segments
 * have less: at most one record (3.2 %) does not fit at their end. */
#define FREE_BUSY     (LR_SEGMENT_ROOM / 2)  /* a byte moved for a byte back */
#define FREE_IDLE     (LR_SEGMENT_ROOM / 4)  /* three of them */
#define FREE_TIGHT    (LR_SEGMENT_ROOM / 10) /* near the limit */
#define FREE_LEAST    (LR_SEGMENT_ROOM / 20)
#define TIGHT_PERCENT 80u

struct survey {
	struct lr_segment *best; /* where least lives, or NULL */
	uint64_t live;		 /* of all candidates */
	uint32_t candidates;
	uint32_t held; /* dead, kept by pins */
};

static void survey_one(struct survey *v, struct lr_segment *seg,
		       uint32_t min_free)
{
	if (seg->pins) {
		v->held += seg->live == 0;
		return;
	}
	if (seg->stuck || LR_SEGMENT_ROOM - seg->live < min_free)
		return;
	v->candidates++;
	v->live += seg->live;
	if (!v->best || seg->live < v->best->live)
		v->best = seg;
}

/* `heads`: those still written to are candidates too. */
static struct survey survey(const struct lr_store *s, uint32_t min_free,
			    bool heads)
{
	struct survey v = {0};
	uint32_t i;

	for (i = 1; i < s->segs_cap; i++) {
		struct lr_segment *seg = s->segs[i];

		if (!seg)
			continue;
		if (seg->role == LR_SEG_CLOSED ||
		    (heads && seg->role <= LR_SEG_COLD))
			survey_one(&v, seg, min_free);
	}
	return v;
}

/* The survivors may need one more segment. Above a lowered limit, or where a
 * TOMB took the cleaner's, that is let pass for as long as it takes, but not
 * while pins keep the cleaner from giving anything back. */
static bool may_start(const struct lr_store *s, const struct survey *v)
{
	uint64_t after = (uint64_t)s->nsegs + (s->spare ? 0 : 1);

	return v->held == 0 || after <= lr_log_allowed(s, 0);
}

static void start(struct lr_store *s, struct lr_segment *seg)
{
	assert(!s->victim);
	if (seg == s->head)
		s->head = NULL;
	if (seg == s->cold)
		s->cold = NULL;
	seg->role = LR_SEG_VICTIM;
	s->victim = seg;
	s->victim_at = sizeof(*seg);
}

/* Something is left only where a damaged header hides it: not tried again. */
static void finish(struct lr_store *s)
{
	struct lr_segment *seg = s->victim;

	s->victim = NULL;
	seg->stuck = seg->live > 0;
	lr_segment_close(seg);
}

static bool cold_takes(struct lr_store *s, uint32_t size)
{
	struct lr_segment *seg = s->cold;

	if (seg && lr_segment_left(seg) >= size)
		return true;
	s->cold = NULL;
	if (seg)
		lr_segment_close(seg);
	s->cold = lr_segment_open(s, LR_SEG_COLD);
	return s->cold != NULL;
}

/* False: out of memory. */
static bool move(struct lr_store *s, const struct lr_record *r, uint32_t size)
{
	struct lr_index *ix = &s->slots[r->slot];
	uint32_t hash = lr_index_hash(s, &r->id);
	uint64_t *place;

	place = lr_index_find_ref(ix,
				  lr_ref(hash, s->victim->no, s->victim_at));
	if (!place)
		return true; /* dead */
	if (!cold_takes(s, size))
		return false;
	memcpy(lr_segment_at(s->cold, s->cold->fill), r, size);
	*place = lr_ref(hash, s->cold->no, s->cold->fill);
	s->cold->fill += size;
	s->cold->live += size;
	s->victim->live -= size;
	return true;
}

static bool is_sane(const struct lr_store *s, uint32_t at,
		    const struct lr_record *r)
{
	return at + lr_record_size(r) <= s->victim->fill &&
	       r->slot < 2 * s->nslots;
}

/* Asks memory for the places of records from `at` on that the victim's next
 * FETCH_BYTES hold; where that ended: what follows a damaged one may be no
 * record. */
static uint32_t fetch(const struct lr_store *s, uint32_t at)
{
	uint32_t end = s->victim_at + FETCH_BYTES;

	while (at < s->victim->fill && at < end) {
		const struct lr_record *r = lr_segment_at(s->victim, at);

		if (!is_sane(s, at, r))
			break;
		lr_index_prefetch(&s->slots[r->slot], lr_index_hash(s, &r->id));
		at += lr_record_size(r);
	}
	return at;
}

/* One step. False: out of memory, to be tried again later. */
static bool step(struct lr_store *s)
{
	struct lr_segment *v = s->victim;
	uint32_t end = s->victim_at + STEP_BYTES, fetched = s->victim_at;

	while (v->live && s->victim_at < v->fill && s->victim_at < end) {
		struct lr_record *r = lr_segment_at(v, s->victim_at);
		uint32_t size = lr_record_size(r);

		fetched = fetch(s, fetched);
		if (!is_sane(s, s->victim_at, r)) {
			s->victim_at = v->fill;
			break;
		}
		if (!move(s, r, size))
			return false;
		s->victim_at += size;
	}
	if (v->live == 0 || s->victim_at >= v->fill)
		finish(s);
	return true;
}

static void let_go(struct lr_segment **head, bool even_filled)
{
	struct lr_segment *seg = *head;

	if (!seg || (seg->live && !even_filled))
		return;
	*head = NULL;
	lr_segment_close(seg);
}

/* One half-filled segment is enough where least RAM is wanted: the head serves
 * the cleaner, and puts take it over from there. */
static void settle(struct lr_store *s)
{
	if (s->victim)
		return;
	let_go(&s->cold, s->cold && s->cold->live < s->cold->fill / 2);
	let_go(&s->head,
	       s->head && (s->cold || s->head->live < s->head->fill / 2));
	if (!s->head || s->cold)
		return;
	s->cold = s->head;
	s->cold->role = LR_SEG_COLD;
	s->head = NULL;
}

bool lr_cleaner_finish(struct lr_store *s)
{
	while (s->victim)
		if (!step(s))
			return false;
	return true;
}

enum lr_err lr_cleaner_force(struct lr_store *s, uint32_t need)
{
	struct survey v = survey(s, need, true);

	if (!v.best || !may_start(s, &v))
		return LR_E_FULL;
	start(s, v.best);
	return lr_cleaner_finish(s) ? LR_E_OK : LR_E_NO_MEMORY;
}

bool lr_cleaner_make_room(struct lr_store *s, uint64_t extra)
{
	unsigned n;

	for (n = 0; n < MAKE_ROOM_VICTIMS; n++) {
		struct survey v;

		if (!lr_cleaner_finish(s))
			return false;
		if (lr_log_may_index(s, extra))
			return true;
		settle(s);
		v = survey(s, FREE_LEAST / 2, false);
		if (!v.best || !may_start(s, &v))
			return false;
		start(s, v.best);
	}
	return lr_cleaner_finish(s) && lr_log_may_index(s, extra);
}

static uint32_t min_free(const struct lr_store *s, enum lr_clean how)
{
	if (how == LR_CLEAN_ALL || s->nsegs > lr_log_allowed(s, 0))
		return FREE_LEAST;
	if (s->nsegs * 100ull >= TIGHT_PERCENT * lr_log_allowed(s, 0))
		return FREE_TIGHT;
	return how == LR_CLEAN_IDLE ? FREE_IDLE : FREE_BUSY;
}

/* Would the candidates' survivors need fewer segments than they fill? About
 * one record of average size is lost at the end of each. */
static bool gains(const struct lr_store *s, const struct survey *v)
{
	uint64_t count = s->entries + s->tombs;
	uint64_t tail = count ? s->live / count : 0;
	uint64_t room = LR_SEGMENT_ROOM - tail, live = v->live;
	uint64_t cold = s->cold ? lr_segment_left(s->cold) : 0;

	live -= live < cold ? live : cold;
	return (live + room - 1) / room < v->candidates;
}

static struct lr_segment *worth(const struct lr_store *s, enum lr_clean how)
{
	struct survey v = survey(s, min_free(s, how), false);

	if (!v.best || !may_start(s, &v) || !gains(s, &v))
		return NULL;
	return v.best;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* True: time is up before all is touched. */
static bool touch(struct lr_segment *seg, uint32_t end, uint64_t end_us)
{
	uint32_t at = seg->touched > seg->fill ? seg->touched : seg->fill;

	at = (at + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	for (; at < end; at += PAGE_BYTES) {
		*(volatile uint8_t *)lr_segment_at(seg, at) = 0;
		seg->touched = at + PAGE_BYTES;
		if (at % TOUCH_BYTES == 0 && now_us() >= end_us)
			return true;
	}
	return false;
}

static struct lr_segment *spare(struct lr_store *s)
{
	if (!s->spare && lr_log_may_open(s))
		s->spare = lr_segment_open(s, LR_SEG_SPARE);
	return s->spare;
}

/* No put shall wait for the host: twice what was put since the last call is
 * made ready, in the next segment, too. */
static bool touch_ahead(struct lr_store *s, uint64_t end_us)
{
	uint64_t ahead = AHEAD_BYTES + 2 * s->appended;
	uint32_t left;

	s->appended = 0;
	if (!s->head)
		return false;
	left = lr_segment_left(s->head);
	if (ahead <= left)
		return touch(s->head, s->head->fill + (uint32_t)ahead, end_us);
	if (touch(s->head, LR_SEGMENT_BYTES, end_us))
		return true;
	ahead -= left;
	if (ahead > LR_SEGMENT_BYTES)
		ahead = LR_SEGMENT_BYTES;
	return spare(s) && touch(s->spare, (uint32_t)ahead, end_us);
}

bool lr_store_clean(struct lr_store *s, unsigned budget_us, enum lr_clean how)
{
	uint64_t end_us = now_us() + budget_us;
	struct lr_segment *next;

	do {
		if (how == LR_CLEAN_ALL)
			settle(s);
		next = s->victim ? NULL : worth(s, how);
		if (next)
			start(s, next);
		if (!s->victim)
			break;
		if (!step(s))
			return false;
	} while (now_us() < end_us);
	if (s->victim || worth(s, how))
		return true;
	if (how != LR_CLEAN_ALL)
		return touch_ahead(s, end_us);
	lr_segment_drop_spare(s);
	return false;
}
