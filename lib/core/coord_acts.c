/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller is to do: a queue of actions that own their lists, and what
 * is to be published. */
#include "core/coord_internal.h"

#include <stdlib.h>
#include <string.h>

static bool grow_ring(struct lr_coord *c)
{
	size_t cap = c->ring_cap ? 2 * c->ring_cap : 64;
	struct coord_act *ring = calloc(cap, sizeof *ring);

	if (!ring)
		return false;
	for (size_t i = 0; i < c->ring_n; i++)
		ring[i] = c->ring[(c->ring_head + i) % c->ring_cap];
	free(c->ring);
	c->ring = ring;
	c->ring_cap = cap;
	c->ring_head = 0;
	return true;
}

/* Takes both lists over, on failure too. */
static bool push_owned(struct lr_coord *c, const struct lr_coord_act *a,
		       unsigned *slots, uint64_t *members)
{
	struct coord_act *to;

	if (c->ring_n == c->ring_cap && !grow_ring(c)) {
		free(slots);
		free(members);
		return false;
	}
	to = &c->ring[(c->ring_head + c->ring_n++) % c->ring_cap];
	*to = (struct coord_act){.a = *a, .slots = slots, .members = members};
	to->a.slots = slots;
	to->a.members = members;
	return true;
}

bool coord_act_push(struct lr_coord *c, const struct lr_coord_act *a)
{
	return push_owned(c, a, NULL, NULL);
}

bool coord_act_simple(struct lr_coord *c, enum lr_coord_do what, uint64_t inc)
{
	return coord_act_push(c,
			      &(struct lr_coord_act){.what = what, .inc = inc});
}

/* An event that finds no memory is not told: the log is not the pool. */
void coord_event(struct lr_coord *c, enum lr_event_kind kind,
		 const struct coord_row *r, uint64_t count, uint64_t ms)
{
	struct lr_coord_act a = {
		.what = LR_DO_EVENT, .event = kind, .count = count, .ms = ms};

	if (r) {
		a.inc = r->d.member.inc;
		a.dev = r->d.member.dev;
	}
	(void)coord_act_push(c, &a);
}

bool coord_batch_add(struct coord_row *r, unsigned slot)
{
	if (r->bat_n == r->bat_cap) {
		size_t cap = r->bat_cap ? 2 * r->bat_cap : 32;
		unsigned *bat = realloc(r->bat, cap * sizeof *bat);

		if (!bat)
			return false;
		r->bat = bat;
		r->bat_cap = cap;
	}
	r->bat[r->bat_n++] = slot;
	return true;
}

static bool send_row(struct lr_coord *c, struct coord_row *r,
		     struct lr_coord_act *a)
{
	unsigned *slots = r->bat;

	a->inc = r->d.member.inc;
	a->n = r->bat_n;
	r->bat = NULL;
	r->bat_n = r->bat_cap = 0;
	return push_owned(c, a, slots, NULL);
}

bool coord_batch_send(struct lr_coord *c, enum lr_coord_do what, uint64_t epoch)
{
	struct lr_coord_act a = {.what = what, .epoch = epoch};
	bool ok = true;

	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->bat_n)
			ok &= send_row(c, c->rows[i], &a);
	return ok;
}

void coord_batch_drop(struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		c->rows[i]->bat_n = 0;
}

void coord_slot_dirty(struct lr_coord *c, unsigned slot)
{
	c->view.rev++;
	if (c->slots[slot].flags & SLOT_DIRTY)
		return;
	c->slots[slot].flags |= SLOT_DIRTY;
	c->dirty[c->n_dirty++] = slot;
}

void coord_row_dirty(struct lr_coord *c, struct coord_row *r)
{
	c->view.rev++;
	r->dirty = true;
}

/* Only members that the view still names: who left says nothing new. */
static size_t list_members(const struct lr_coord *c, uint64_t *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->dirty && c->rows[i]->state != ROW_GONE)
			ret[n++] = c->rows[i]->d.member.inc;
	return n;
}

static void forget_dirty(struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_dirty; i++)
		c->slots[c->dirty[i]].flags &= (uint16_t)~SLOT_DIRTY;
	for (size_t i = 0; i < c->n_rows; i++)
		c->rows[i]->dirty = false;
	c->n_dirty = 0;
}

/* Made when it is popped, and last, so that it holds all up to view.rev. */
static bool pop_publish(struct lr_coord *c)
{
	struct coord_act *to = &c->popped;

	to->slots = malloc((c->n_dirty + 1) * sizeof *to->slots);
	to->members = malloc((c->n_rows + 1) * sizeof *to->members);
	if (!to->slots || !to->members) {
		free(to->slots);
		free(to->members);
		*to = (struct coord_act){0};
		return false;
	}
	memcpy(to->slots, c->dirty, c->n_dirty * sizeof *to->slots);
	to->a = (struct lr_coord_act){.what = LR_DO_PUBLISH,
				      .epoch = c->view.epoch,
				      .rev_from = c->published,
				      .slots = to->slots,
				      .n = c->n_dirty,
				      .members = to->members,
				      .m = list_members(c, to->members)};
	c->published = c->view.rev;
	c->publish = false;
	forget_dirty(c);
	return true;
}

struct lr_coord_act lr_coord_pop(struct lr_coord *c)
{
	free(c->popped.slots);
	free(c->popped.members);
	c->popped = (struct coord_act){0};
	c->show_next = false;
	if (!c->ring_n) {
		if (c->publish && c->published != c->view.rev)
			(void)pop_publish(c); /* no memory: the next pop */
		return c->popped.a;
	}
	c->popped = c->ring[c->ring_head];
	c->ring_head = (c->ring_head + 1) % c->ring_cap;
	c->ring_n--;
	c->show_next = c->popped.a.what == LR_DO_COMMIT;
	return c->popped.a;
}

void coord_acts_done(struct lr_coord *c)
{
	while (lr_coord_pop(c).what != LR_DO_NONE)
		;
	free(c->ring);
}
