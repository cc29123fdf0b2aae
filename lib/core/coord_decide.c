/* SPDX-License-Identifier: Apache-2.0 */
/* What a slot becomes, from the answers to its SEAL:
 *
 *   - synced members answered: they stay (those that are to leave, until as
 *     many others are synced as there shall be), others are added
 *   - none did, and each member is proven gone or says itself that it is not
 *     synced: the slot is lost; what sealed members hold of it is kept
 *   - else it is unavailable; also while a newer one may be somewhere
 */
#include "core/coord_internal.h"

#include <string.h>

static bool wanted(const struct lr_coord *c, unsigned slot, uint64_t inc)
{
	const struct lr_want *w = &c->want[slot];

	for (unsigned i = 0; i < w->n; i++)
		if (w->mem[i] == inc)
			return true;
	return false;
}

/* Members that are to leave on purpose, bits as in cfg.mem. */
struct surplus {
	uint8_t all;
	uint8_t leaving; /* told to stop */
	uint8_t shed;	 /* their RAM is needed: at once */
	uint8_t urgent;	 /* as these two, or soon so */
};

static void find_surplus(const struct lr_coord *c, unsigned slot,
			 uint8_t acked, struct surplus *ret)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned all = 0, leaving = 0, giving = 0;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);
		unsigned bit = 1u << i;

		if (r && r->leaving)
			leaving |= bit;
		if (r && coord_gives_back(r))
			giving |= bit;
		if (c->planned && !wanted(c, slot, cfg->mem[i]))
			all |= bit;
		else if (r && coord_draining(r))
			all |= bit;
	}
	all |= leaving | c->slots[slot].shed;
	*ret = (struct surplus){.all = (uint8_t)(all & acked),
				.leaving = (uint8_t)(leaving & acked),
				.shed = c->slots[slot].shed & acked,
				.urgent = (uint8_t)((leaving | giving) & acked)};
}

static void add_fresh(struct lr_coord *c, unsigned slot, unsigned room,
		      bool allowed, struct coord_shape *ret)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	const struct lr_want *w = &c->want[slot];

	for (unsigned i = 0; c->planned && i < w->n; i++) {
		if (lr_cfg_index(cfg, w->mem[i]) >= 0 ||
		    !coord_row_usable(coord_row(c, w->mem[i])))
			continue;
		if (ret->n_fresh >= room)
			return;
		if (!allowed) {
			ret->held = true;
			return;
		}
		ret->fresh[ret->n_fresh++] = w->mem[i];
	}
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned usable_members(const struct lr_coord *c, unsigned slot,
			       unsigned bits)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned n = 0;

	for (unsigned i = 0; i < cfg->n; i++)
		n += coord_has(bits, i) &&
		     coord_row_usable(coord_row(c, cfg->mem[i]));
	return n;
}

/* Enough synced copies stay without those that go on purpose? Who was told to
 * stop (SIGTERM) does not wait for copies that nobody has room for, and who
 * sheds only for one other. */
static uint8_t keep_surplus(const struct lr_coord *c, unsigned slot,
			    const struct surplus *go, uint8_t stay,
			    uint8_t synced, const struct coord_shape *s)
{
	unsigned copies = coord_copies(c, slot);
	unsigned have = usable_members(c, slot, stay & synced);
	unsigned need = least(copies, c->n_donors);
	unsigned may = least(copies,
			     coord_bits(stay) + s->n_fresh + (s->held ? 1 : 0));
	unsigned leaving = go->leaving & ~(unsigned)go->shed, keep = 0;

	if (LR_MUTANT("removed-before-synced") && coord_bits(stay) > 0)
		return 0;
	if (have < (need ? need : 1))
		keep |= go->all & ~(leaving | go->shed);
	if (have < (may ? may : 1))
		keep |= leaving;
	if (!usable_members(c, slot, (stay | keep) & synced))
		keep |= go->shed;
	return (uint8_t)(keep & synced);
}

void coord_shape(struct lr_coord *c, unsigned slot, uint8_t acked,
		 uint8_t synced, uint64_t now_ms, struct coord_shape *ret)
{
	unsigned copies = coord_copies(c, slot), room;
	struct surplus go;
	uint8_t stay;
	bool allowed;

	*ret = (struct coord_shape){0};
	find_surplus(c, slot, acked, &go);
	stay = (uint8_t)(acked & ~go.all);
	room = copies - least(copies, coord_bits(stay));
	/* Down to one copy of a class that wants more: nothing is waited for.
	 */
	allowed = now_ms >= c->slots[slot].hold_ms ||
		  (coord_bits(synced) <= 1 && copies > 1);
	if (c->paused && synced && !go.urgent)
		allowed = false;
	add_fresh(c, slot, room, allowed, ret);
	ret->keep = stay | keep_surplus(c, slot, &go, stay, synced, ret);
	/* Only what is not synced stayed: then whoever is synced does, too. */
	if (!(ret->keep & synced) && !LR_MUTANT("removed-before-synced"))
		ret->keep |= synced & acked;
}

static void cfg_add(struct lr_cfg *cfg, uint64_t inc, bool src)
{
	if (cfg->n == LR_MEM_MAX || lr_cfg_index(cfg, inc) >= 0)
		return;
	if (src)
		cfg->src |= (uint8_t)(1u << cfg->n);
	cfg->mem[cfg->n++] = inc;
}

static void note_lost(struct lr_coord *c, unsigned slot, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[slot];

	c->n_lost++;
	coord_loss_note(c, slot);
	sl->flags |= SLOT_LOST;
	sl->lost_ms = now_ms;
	/* What its donors had no time to tell is looked for: see
	 * lr_coord_lost(). */
	if (!(sl->flags & SLOT_KNOWN) || sl->entries) {
		sl->flags |= SLOT_LOST_HELD;
		c->n_lost_held++;
	}
}

static enum coord_decision decide_synced(struct lr_coord *c, unsigned slot,
					 uint8_t synced, struct lr_cfg *ret,
					 uint64_t now_ms)
{
	const struct lr_cfg *old = &c->view.cfg[slot];
	struct coord_shape shape;

	coord_shape(c, slot, c->slots[slot].acked | synced, synced, now_ms,
		    &shape);
	*ret = (struct lr_cfg){.ce = c->epoch,
			       .lost = old->lost & LR_LOST_MARK};
	for (unsigned i = 0; i < old->n; i++)
		if (coord_has(shape.keep, i))
			cfg_add(ret, old->mem[i], coord_has(synced, i));
	for (unsigned i = 0; i < shape.n_fresh; i++)
		cfg_add(ret, shape.fresh[i], false);
	if (!ret->src)
		return COORD_UNAVAILABLE;
	/* There was a newer one, and an admin said that nobody has it. */
	if (c->slots[slot].newest > old->ce) {
		ret->lost |= LR_LOST_MARK;
		note_lost(c, slot, now_ms);
	}
	return COORD_MADE;
}

/* --- loss --- */

/* Of EVERY member, known to be synced or not: a SYNCED report may be on its
 * way. Never a timeout, never a refused connection. */
static bool loss_is_proven(const struct lr_coord *c, unsigned slot)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (r && r->state == ROW_GONE)
			continue;
		if (coord_has(c->slots[slot].acked, i))
			continue;
		if (LR_MUTANT("proof-of-known-synced") &&
		    !lr_cfg_synced(cfg, cfg->mem[i]))
			continue;
		return false;
	}
	return true;
}

/* Sources of a lost slot: who was filling under the old cfg, or was a source
 * that merges and has not heard of it yet. */
static uint8_t salvage_bits(const struct lr_coord *c, unsigned slot)
{
	const struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned bits = sl->ack_at_ce;

	if (LR_MUTANT("lost-slot-emptied"))
		return 0;
	if (cfg->lost & LR_LOST_MERGE)
		bits |= cfg->src;
	return (uint8_t)(bits & sl->acked);
}

/* Fresh donors: the first is the source if nobody brings entries. A member that
 * holds something older than the cfg may join, but must be emptied. */
static void add_strangers(struct lr_coord *c, unsigned slot, struct lr_cfg *ret)
{
	const struct coord_slot *sl = &c->slots[slot];
	const struct lr_want *w = &c->want[slot];
	unsigned copies = coord_copies(c, slot);

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; c->planned && i < w->n; i++) {
			int m = lr_cfg_index(&c->view.cfg[slot], w->mem[i]);
			bool empty =
				m < 0 || coord_has(sl->ack_none, (unsigned)m);

			if (ret->n >= copies || empty != (pass == 0) ||
			    !coord_row_usable(coord_row(c, w->mem[i])))
				continue;
			if (pass == 1 && !coord_has(sl->acked, (unsigned)m))
				continue;
			if (LR_MUTANT("lost-slot-emptied"))
				empty = true;
			if (empty || ret->src)
				cfg_add(ret, w->mem[i], !ret->src);
		}
	}
}

static enum coord_decision decide_lost(struct lr_coord *c, unsigned slot,
				       struct lr_cfg *ret, uint64_t now_ms)
{
	struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *old = &c->view.cfg[slot];
	uint8_t salvage = salvage_bits(c, slot);

	*ret = (struct lr_cfg){.ce = c->epoch, .lost = LR_LOST_MARK};
	for (unsigned i = 0; i < old->n; i++)
		if (coord_has(salvage, i))
			cfg_add(ret, old->mem[i], true);
	if (ret->n > 1)
		ret->lost |= LR_LOST_MERGE;
	add_strangers(c, slot, ret);
	if (!ret->src) {
		sl->flags |= SLOT_NO_DONOR;
		return COORD_UNAVAILABLE;
	}
	note_lost(c, slot, now_ms);
	return COORD_MADE;
}

/* --- the first configuration --- */

static enum coord_decision decide_first(struct lr_coord *c, unsigned slot,
					struct lr_cfg *ret)
{
	const struct lr_want *w = &c->want[slot];

	*ret = (struct lr_cfg){.ce = c->epoch};
	for (unsigned i = 0; c->planned && i < w->n; i++)
		if (coord_row_usable(coord_row(c, w->mem[i])))
			cfg_add(ret, w->mem[i], true);
	return ret->n ? COORD_MADE : COORD_NOTHING;
}

/* An empty RAM that says the same name is taken for the old one. */
static uint8_t mistake_incarnations(const struct lr_coord *c,
				    struct lr_cfg *cfg)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < cfg->n; i++) {
		struct coord_row *old = coord_row(c, cfg->mem[i]), *r;

		if (!old || !old->device || old->state != ROW_GONE)
			continue;
		r = coord_row(c, old->device->cur);
		if (!coord_row_usable(r) ||
		    lr_cfg_index(cfg, r->d.member.inc) >= 0)
			continue;
		cfg->mem[i] = r->d.member.inc;
		bits |= 1u << i;
	}
	return (uint8_t)bits;
}

static enum coord_decision decide_mistaken(struct lr_coord *c, unsigned slot,
					   struct lr_cfg *ret)
{
	*ret = c->view.cfg[slot];
	if (!ret->ce || !mistake_incarnations(c, ret))
		return COORD_NOTHING;
	ret->ce = c->epoch;
	ret->src = coord_all_bits(ret);
	ret->synced = 0;
	return COORD_MADE;
}

/* It gives up waiting: the members go on as they are. */
static enum coord_decision decide_unsealed(struct lr_coord *c, unsigned slot,
					   struct lr_cfg *ret)
{
	*ret = c->view.cfg[slot];
	ret->ce = c->epoch;
	ret->src |= c->slots[slot].acked;
	ret->synced = 0;
	return COORD_MADE;
}

enum coord_decision coord_decide(struct lr_coord *c, unsigned slot,
				 struct lr_cfg *ret, uint64_t now_ms)
{
	const struct coord_slot *sl = &c->slots[slot];
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	unsigned synced = sl->ack_synced;

	if (LR_MUTANT("incarnation-ignored") &&
	    decide_mistaken(c, slot, ret) == COORD_MADE)
		return COORD_MADE;
	if (!coord_is_newest(c, slot))
		return COORD_UNAVAILABLE;
	if (!cfg->ce)
		return decide_first(c, slot, ret);
	if (!(cfg->lost & LR_LOST_MERGE))
		synced |= cfg->src & sl->acked;
	synced &= ~(unsigned)sl->ack_left;
	if (LR_MUTANT("unsynced-source"))
		synced = sl->acked;
	if (synced)
		return decide_synced(c, slot, (uint8_t)synced, ret, now_ms);
	if (loss_is_proven(c, slot))
		return decide_lost(c, slot, ret, now_ms);
	if (LR_MUTANT("slot-unsealed") && sl->acked)
		return decide_unsealed(c, slot, ret);
	return COORD_UNAVAILABLE;
}
