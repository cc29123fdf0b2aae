/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling the slots in which this donor is SYNCING, by the rules of
 * core/sync.h: those with the fewest copies left first, at most PULL_ACTIVE
 * slots and PULL_OUT requests at a time, as fast as core/pace.h allows.
 *
 *   1 a slot is queued when its INSTALL leaves it SYNCING
 *   2 active: the machine says what to ask of whom; replies go back to it
 *   3 DONE: SYNCED is told to the coordinator; FULL: that is told, and the slot
 *     tried again after 10 s
 *   4 another INSTALL, or the slot left: what is out is forgotten on arrival
 *   5 none of its sources can be asked: others have the turn, it rests for 2 s
 */
#include <stdlib.h>

#include "daemon/base.h"
#include "daemon/donor/pull_i.h"
#include "daemon/log.h"

#define FULL_AGAIN_MS 10000
#define REST_MS 2000
#define SHELF_MS 600000 /* as long as flapping is remembered */

struct lr_pull *lr_pull_new(struct lr_shard *s)
{
	struct lr_pull *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->s = s;
	lr_pace_init(&p->pace, lr_now_ms());
	p->done_w = lr_writer(p->done, sizeof p->done);
	p->full_w = lr_writer(p->full, sizeof p->full);
	return p;
}

static void cancel(struct lr_pull *p, unsigned i)
{
	struct pull_slot *a = p->active[i];

	lr_sync_free(a->sync);
	a->sync = NULL;
	p->active[i] = NULL;
	if (!a->out)
		free(a);
}

/* Of a slot whose copies the coordinator does not hear, either: as if many
 * were left, so behind all others. */
static unsigned copies_of(const struct lr_pull *p, unsigned n)
{
	const struct lr_cfg *cfg = &p->s->slots[n].inst;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct lr_member *m =
			cfg->src >> i & 1 ?
				lr_view_member(&p->s->rx->view, cfg->mem[i]) :
				NULL;

		if (m && m->up)
			return (unsigned)__builtin_popcount(cfg->src);
	}
	return LR_MEM_MAX;
}

void lr_pull_slot(struct lr_pull *p, unsigned n)
{
	const struct lr_slot *slot = &p->s->slots[n];

	for (unsigned i = 0; i < PULL_ACTIVE; i++)
		if (p->active[i] && p->active[i]->slot == n)
			cancel(p, i);
	if (slot->status == LR_SLOT_SYNCING)
		lr_turns_put(&p->turns, n, copies_of(p, n));
	else
		lr_turns_drop(&p->turns, n);
	p->n_rest -= p->rests[n];
	p->rests[n] = false;
}

void lr_pull_shelve(struct lr_pull *p, unsigned n)
{
	lr_store_shelve(p->s->store, n);
	p->shelved_ms = lr_now_ms();
}

/* --- one slot ----------------------------------------------------------- */

static void have_cb(void *arg, const struct lr_id *id, struct lr_stored *ret)
{
	struct lr_shard *s = arg;

	lr_shard_stored(s, lr_id_slot(id), id, ret);
}

static enum lr_err store_mark(struct lr_pull *p, struct pull_slot *a,
			      const struct lr_sync_act *act)
{
	struct lr_entry e = { .id = act->entry.id,
			      .tag = act->entry.tag,
			      .kind = act->entry.kind,
			      .state = act->what == LR_SYNC_TOMB ?
					       LR_FOUND_TOMB :
					       LR_FOUND_BAD };

	if (e.state == LR_FOUND_BAD)
		lr_warn("slot %u: an entry could not be verified at any "
			"source; it is kept as bad until an intact copy comes",
			a->slot);
	return lr_shard_put(p->s, a->slot, &e, true);
}

static void deactivate(struct lr_pull *p, const struct pull_slot *a)
{
	for (unsigned i = 0; i < PULL_ACTIVE; i++)
		if (p->active[i] == a)
			cancel(p, i);
}

static void ended(struct lr_pull *p, struct pull_slot *a, bool synced)
{
	struct lr_rec_slot_ce rec = { .slot = (uint16_t)a->slot,
				      .ce = lr_sync_ce(a->sync) };

	if (synced) {
		lr_store_drop_shelf(p->s->store, a->slot);
		lr_verified_slot(p->s->verified, a->slot, lr_now_ms());
	}
	if (synced && lr_slot_synced(&p->s->slots[a->slot], rec.ce))
		lr_enc_rec_slot_ce(&p->done_w, &rec);
	else if (!synced && p->full_w.cap - p->full_w.len >= 10)
		lr_enc_rec_slot_ce(&p->full_w, &rec);
	p->s->slots_changed = true;
	lr_reports_slot(p->s->reports, a->slot);
	deactivate(p, a);
}

static bool may_ask(struct lr_pull *p)
{
	return p->out < PULL_OUT && !p->s->stats.rest &&
	       lr_pace_may(&p->pace, p->out_bytes, lr_now_ms());
}

static void rest(struct lr_pull *p, struct pull_slot *a)
{
	if (!p->n_rest++)
		p->rest_ms = lr_now_ms() + REST_MS;
	p->rests[a->slot] = true;
	deactivate(p, a);
}

void pull_pump(struct lr_pull *p, struct pull_slot *a)
{
	while (a->sync && may_ask(p)) {
		struct lr_sync_act act = lr_sync_next(a->sync, lr_now_ms(),
						      have_cb, p->s);

		switch (act.what) {
		case LR_SYNC_WAIT:
			a->wake_ms = act.at_ms;
			if (!a->out && p->turns.waiting)
				rest(p, a);
			return;
		case LR_SYNC_SCAN:
		case LR_SYNC_FETCH:
			if (!pull_ask(p, a, &act))
				return;
			break;
		case LR_SYNC_TOMB:
		case LR_SYNC_BAD:
			if (store_mark(p, a, &act))
				lr_sync_full(a->sync);
			break;
		case LR_SYNC_DONE:
		case LR_SYNC_FULL:
			ended(p, a, act.what == LR_SYNC_DONE);
			return;
		}
	}
	a->wake_ms = 1; /* no room for more requests now: next tick */
}

/* Whose copies fell silent since it was queued goes behind. */
static bool take_turn(struct lr_pull *p, unsigned *ret)
{
	unsigned then, now;

	while (lr_turns_take(&p->turns, ret, &then)) {
		now = copies_of(p, *ret);
		if (now <= then)
			return true;
		lr_turns_put(&p->turns, *ret, now);
	}
	return false;
}

static bool activate(struct lr_pull *p, unsigned i)
{
	struct pull_slot *a = calloc(1, sizeof *a);

	if (!a || !take_turn(p, &a->slot)) {
		free(a);
		return false;
	}
	a->sync = lr_sync_new(a->slot, &p->s->slots[a->slot].inst,
			      p->s->o.inc, lr_now_ms());
	if (!a->sync) {
		lr_pull_slot(p, a->slot);
		free(a);
		return false;
	}
	p->active[i] = a;
	pull_pump(p, a);
	return true;
}

/* At once, not at the next tick: empty slots are many and quick. */
void pull_refill(struct lr_pull *p)
{
	for (unsigned i = 0; i < PULL_ACTIVE && p->turns.waiting && may_ask(p);
	     i++)
		while (!p->active[i] && may_ask(p))
			if (!activate(p, i))
				return;
}

/* How much of a rebuild was still here, once it is over. */
static void say_moved(struct lr_pull *p)
{
	if (p->turns.waiting || p->out || !(p->fetched_bytes + p->warm_bytes))
		return;
	for (unsigned i = 0; i < PULL_ACTIVE; i++)
		if (p->active[i])
			return;
	lr_info("copied %llu bytes from other donors; %llu more were still "
		"here",
		(unsigned long long)p->fetched_bytes,
		(unsigned long long)p->warm_bytes);
	p->fetched_bytes = p->warm_bytes = 0;
}

/* --- the tick ----------------------------------------------------------- */

static void tell(struct lr_pull *p, unsigned type, struct lr_writer *w)
{
	uint8_t meta[16];
	struct lr_writer mw = lr_writer(meta, sizeof meta);
	struct lr_msg_synced m = { .inc = p->s->o.inc };

	if (!w->len || !p->s->control || !p->s->slots_told)
		return;
	lr_enc_synced(&mw, &m); /* SYNC_FULL has the same field */
	lr_shard_send(p->s, type, 0, meta, mw.len, w->p, w->len);
	w->len = 0;
}

static void pump_all(struct lr_pull *p, uint64_t now_ms)
{
	for (unsigned i = 0; i < PULL_ACTIVE; i++) {
		struct pull_slot *a = p->active[i];

		if (a && a->wake_ms && now_ms >= a->wake_ms)
			pull_pump(p, a);
	}
	pull_refill(p);
}

static bool is_active(const struct lr_pull *p, unsigned n)
{
	for (unsigned i = 0; i < PULL_ACTIVE; i++)
		if (p->active[i] && p->active[i]->slot == n)
			return true;
	return false;
}

/* Slots that had no room: the coordinator may not have heard of it, the link
 * broke, or it left them here and there is room by now. */
static void try_full(struct lr_pull *p, uint64_t now_ms)
{
	if (now_ms < p->full_ms)
		return;
	p->full_ms = now_ms + FULL_AGAIN_MS;
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (p->s->slots[n].status == LR_SLOT_SYNCING &&
		    !lr_turns_waits(&p->turns, n) && !p->rests[n] &&
		    !is_active(p, n))
			lr_pull_slot(p, n);
}

static void try_rested(struct lr_pull *p, uint64_t now_ms)
{
	if (!p->n_rest || now_ms < p->rest_ms)
		return;
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (p->rests[n])
			lr_pull_slot(p, n);
}

void lr_pull_tick(struct lr_pull *p, uint64_t now_ms)
{
	try_full(p, now_ms);
	try_rested(p, now_ms);
	if (now_ms >= p->shelved_ms + SHELF_MS)
		lr_store_drop_shelves(p->s->store);
	pull_links_tick(p, now_ms);
	pump_all(p, now_ms);
	tell(p, LR_M_SYNCED, &p->done_w);
	tell(p, LR_M_SYNC_FULL, &p->full_w);
	pull_repair_tick(p, now_ms);
	say_moved(p);
}

void lr_pull_free(struct lr_pull *p)
{
	pull_forget_all(p);
	pull_links_close(p);
	for (unsigned i = 0; i < PULL_ACTIVE; i++)
		if (p->active[i])
			cancel(p, i);
	pull_repairs_free(p);
	free(p);
}
