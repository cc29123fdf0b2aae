/* SPDX-License-Identifier: Apache-2.0 */
/* Levelling: the last step of placement. Copies of one donor are chained, a
 * receiver is fed until it is content or nobody can give it more. */
#include <string.h>

#include "core/placement_i.h"

#define EPS 1e-6

static double above(const struct place_donor *d)
{
	return d->load - d->node.target;
}

static void chain_copy(struct place *p, uint32_t copy)
{
	const struct place_row *r = &p->row[copy / PLACE_COPIES];
	struct place_chain *c = &p->chain[r->mem[copy % PLACE_COPIES]];

	p->next[copy] = c->head;
	c->head = copy;
}

/* Copies that the plan itself has just given go first: they are still on
 * their way, so to send them elsewhere costs nothing. */
static void chain_all(struct place *p)
{
	for (unsigned i = 0; i < p->t.n; i++)
		p->chain[i].head = PLACE_NONE;
	for (int fresh = 0; fresh < 2; fresh++) {
		for (unsigned k = 0; k < p->slots; k++) {
			uint32_t s = p->order[k];
			const struct place_row *r = &p->row[s];

			for (uint32_t i = 0; i < r->n; i++) {
				uint64_t inc = p->t.donors[r->mem[i]].inc;
				int at = lr_cfg_index(&p->cfg[s], inc);

				if ((at < 0) == fresh)
					chain_copy(p, s * PLACE_COPIES + i);
			}
		}
	}
}

static bool may_move(const struct place *p, uint32_t copy, unsigned to)
{
	const struct place_row *r = &p->row[copy / PLACE_COPIES];
	struct place_row moved = *r;

	if (lr_place_holds(r, to))
		return false;
	moved.mem[copy % PLACE_COPIES] = to;
	return lr_place_spread(p, &moved) >= lr_place_spread(p, r);
}

static void rewind_chain(struct place_chain *c)
{
	c->at = c->head;
	c->before = PLACE_NONE;
	c->spent = false;
}

/* Goes on to the next copy of `from` that `to` may get. A chain is walked once
 * a receiver, for what was no use to it stays so. */
static bool find_copy(struct place *p, unsigned from, unsigned to)
{
	struct place_chain *c = &p->chain[from];

	while (c->at != PLACE_NONE && !may_move(p, c->at, to)) {
		c->before = c->at;
		c->at = p->next[c->at];
	}
	c->spent = c->at == PLACE_NONE;
	return !c->spent;
}

/* Moves the copy that was found. */
static void give(struct place *p, unsigned from, unsigned to)
{
	struct place_chain *c = &p->chain[from];
	uint32_t copy = c->at;

	c->at = p->next[copy];
	if (c->before == PLACE_NONE)
		c->head = c->at;
	else
		p->next[c->before] = c->at;
	lr_place_replace(p, &p->row[copy / PLACE_COPIES], copy % PLACE_COPIES,
			 to);
	chain_copy(p, copy);
}

static bool worth(const struct place_donor *from, const struct place_donor *to)
{
	double over = above(from), under = -above(to);

	return over > EPS && under > EPS && (over > 1 - EPS || under > 1 - EPS);
}

static uint32_t giver_for(const struct place *p, unsigned to)
{
	uint32_t best = PLACE_NONE;

	for (unsigned i = 0; i < p->t.n; i++) {
		const struct place_donor *d = &p->t.donors[i];

		if (p->chain[i].spent || !worth(d, &p->t.donors[to]))
			continue;
		if (best == PLACE_NONE || above(d) > above(&p->t.donors[best]))
			best = i;
	}
	return best;
}

static bool feed(struct place *p, unsigned to)
{
	bool moved = false;
	uint32_t from;

	for (unsigned i = 0; i < p->t.n; i++)
		rewind_chain(&p->chain[i]);
	while ((from = giver_for(p, to)) != PLACE_NONE) {
		if (!find_copy(p, from, to))
			continue;
		give(p, from, to);
		moved = true;
	}
	return moved;
}

static uint32_t hungriest(const struct place *p)
{
	uint32_t best = PLACE_NONE;

	for (unsigned i = 0; i < p->t.n; i++) {
		const struct place_donor *d = &p->t.donors[i];

		if (p->fed[i] || above(d) > -EPS)
			continue;
		if (best == PLACE_NONE || above(d) < above(&p->t.donors[best]))
			best = i;
	}
	return best;
}

/* Ends: each move lowers the sum of the squares of what is off target. */
void lr_place_level(struct place *p)
{
	bool moved = true;

	chain_all(p);
	while (moved) {
		uint32_t to;

		moved = false;
		memset(p->fed, 0, p->t.n * sizeof *p->fed);
		while ((to = hungriest(p)) != PLACE_NONE) {
			p->fed[to] = true;
			moved |= feed(p, to);
		}
	}
}
