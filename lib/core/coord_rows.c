/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is. An incarnation that a configuration names always has a row;
 * one that a configuration names and the view's member table does not has been
 * proven gone (so the proof outlives the coordinator). */
#include "core/coord_internal.h"

#include <stdlib.h>
#include <string.h>

static size_t place(const struct lr_coord *c, uint64_t inc)
{
	return (size_t)(inc * 0x9e3779b97f4a7c15u >> 20) & (c->tab_size - 1);
}

struct coord_row *coord_row(const struct lr_coord *c, uint64_t inc)
{
	if (!c->tab_size)
		return NULL;
	for (size_t i = place(c, inc);; i = (i + 1) & (c->tab_size - 1)) {
		if (!c->tab[i] || c->tab[i]->d.member.inc == inc)
			return c->tab[i];
	}
}

static void index_row(struct lr_coord *c, struct coord_row *r)
{
	size_t i = place(c, r->d.member.inc);

	while (c->tab[i])
		i = (i + 1) & (c->tab_size - 1);
	c->tab[i] = r;
}

static void index_all(struct lr_coord *c)
{
	memset(c->tab, 0, c->tab_size * sizeof(struct coord_row *));
	for (size_t i = 0; i < c->n_rows; i++)
		index_row(c, c->rows[i]);
}

/* All three or none: the table is kept at most half full. */
static bool grow_rows(struct lr_coord *c)
{
	size_t cap = c->cap_rows ? 2 * c->cap_rows : 16;
	struct coord_row **rows = calloc(cap, sizeof(struct coord_row *));
	struct coord_row **tab = calloc(2 * cap, sizeof(struct coord_row *));
	struct lr_watch **watches = calloc(cap, sizeof(struct lr_watch *));

	if (!rows || !tab || !watches)
		goto fail;
	if (c->n_rows)
		memcpy(rows, c->rows, c->n_rows * sizeof(struct coord_row *));
	free(c->rows);
	free(c->tab);
	free(c->watches);
	c->rows = rows;
	c->tab = tab;
	c->watches = watches;
	c->cap_rows = cap;
	c->tab_size = 2 * cap;
	index_all(c);
	return true;
fail:
	free(rows);
	free(tab);
	free(watches);
	return false;
}

struct coord_row *coord_row_add(struct lr_coord *c, const struct lr_member *m,
				uint64_t now_ms)
{
	struct coord_row *r;

	if (c->n_rows == c->cap_rows && !grow_rows(c))
		return NULL;
	r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	if (!lr_dev_is_zero(&m->dev)) {
		r->device = coord_device(c, &m->dev, true);
		if (!r->device) {
			free(r);
			return NULL;
		}
	}
	r->d.member = *m;
	r->d.member.up = false;
	r->since_ms = now_ms;
	r->await_until_ms = now_ms + COORD_GRACE_MS;
	c->rows[c->n_rows++] = r;
	index_row(c, r);
	return r;
}

static void free_row(struct coord_row *r)
{
	free(r->bat);
	free(r);
}

void coord_rows_drop(struct lr_coord *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		struct coord_row *r = c->rows[i];

		if (r->refs || r->state == ROW_UP) {
			c->rows[kept++] = r;
			continue;
		}
		lr_view_drop_member(&c->view, r->d.member.inc);
		free_row(r);
	}
	if (kept == c->n_rows)
		return;
	c->n_rows = kept;
	index_all(c);
}

void coord_rows_done(struct lr_coord *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		free_row(c->rows[i]);
	for (size_t i = 0; i < c->n_devices; i++) {
		free(c->devices[i]->warm);
		free(c->devices[i]);
	}
	free(c->rows);
	free(c->tab);
	free(c->watches);
	free(c->devices);
}

struct coord_device *coord_device(struct lr_coord *c, const struct lr_dev *dev,
				  bool add)
{
	struct coord_device *v;

	for (size_t i = 0; i < c->n_devices; i++)
		if (lr_dev_eq(&c->devices[i]->dev, dev))
			return c->devices[i];
	if (!add)
		return NULL;
	if (c->n_devices == c->cap_devices) {
		size_t cap = c->cap_devices ? 2 * c->cap_devices : 16;
		struct coord_device **all = realloc(
			c->devices, cap * sizeof(struct coord_device *));

		if (!all)
			return NULL;
		c->devices = all;
		c->cap_devices = cap;
	}
	v = calloc(1, sizeof *v);
	if (!v)
		return NULL;
	v->dev = *dev;
	c->devices[c->n_devices++] = v;
	return v;
}

bool coord_device_gone(const struct coord_device *v, uint64_t inc)
{
	for (unsigned i = 0; i < COORD_GONE_MAX; i++)
		if (v->gone[i] == inc)
			return true;
	return false;
}

/* Slots that wait for proof, or for this very member, are looked at again. */
static void again_where_member(struct lr_coord *c, const struct coord_row *r)
{
	if (!r->refs)
		return;
	for (unsigned s = 0; s < c->p.nslots; s++)
		if (c->slots[s].flags & SLOT_UNAVAIL &&
		    lr_cfg_index(&c->view.cfg[s], r->d.member.inc) >= 0)
			coord_slot_again(c, s);
}

void coord_row_gone(struct lr_coord *c, struct coord_row *r)
{
	if (r->state == ROW_GONE)
		return;
	r->state = ROW_GONE;
	if (r->device) {
		struct coord_device *v = r->device;

		v->gone[v->n_gone++ % COORD_GONE_MAX] = r->d.member.inc;
	}
	lr_view_drop_member(&c->view, r->d.member.inc);
	c->force = c->scan = c->replan = true;
	c->save |= r->refs > 0;
	again_where_member(c, r);
}

uint8_t coord_cfg_synced_bits(const struct lr_cfg *cfg)
{
	unsigned bits = cfg->synced;

	if (!(cfg->lost & LR_LOST_MERGE))
		bits |= cfg->src;
	return (uint8_t)(bits & coord_all_bits(cfg));
}

static unsigned unsynced(const struct lr_cfg *cfg)
{
	return cfg->n - coord_bits(coord_cfg_synced_bits(cfg));
}

static void count_refs(struct lr_coord *c, const struct lr_cfg *cfg, int by)
{
	for (unsigned i = 0; i < cfg->n; i++) {
		struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (r)
			r->refs = (unsigned)((int)r->refs + by);
	}
}

void coord_cfg_set(struct lr_coord *c, unsigned slot, const struct lr_cfg *cfg)
{
	struct lr_cfg *old = &c->view.cfg[slot];

	c->n_syncing -= unsynced(old);
	c->n_syncing += unsynced(cfg);
	count_refs(c, old, -1);
	count_refs(c, cfg, 1);
	*old = *cfg;
	c->slots[slot].installed = c->slots[slot].shed = 0;
	coord_slot_dirty(c, slot);
}

bool coord_cfg_adopt(struct lr_coord *c, unsigned slot,
		     const struct lr_cfg *cfg, uint64_t now_ms)
{
	if (cfg->ce > COORD_EPOCH_MAX)
		return false;
	for (unsigned i = 0; i < cfg->n; i++) {
		/* Nothing is known of it but that it may hold data. */
		struct lr_member m = {.inc = cfg->mem[i]};

		if (coord_row(c, cfg->mem[i]))
			continue;
		if (!lr_view_put_member(&c->view, &m) ||
		    !coord_row_add(c, &m, now_ms))
			return false;
	}
	coord_cfg_set(c, slot, cfg);
	if (cfg->ce > c->view.epoch)
		c->view.epoch = cfg->ce;
	return true;
}

void coord_slot_again(struct lr_coord *c, unsigned slot)
{
	c->slots[slot].flags |= SLOT_AGAIN;
	c->force = true;
}

/* `up` in the view follows the row's state. */
void coord_member_up(struct lr_coord *c, struct coord_row *r)
{
	struct lr_member *m = lr_view_member(&c->view, r->d.member.inc);
	bool up = r->state == ROW_UP;

	if (!m || m->up == up)
		return;
	m->up = up;
	coord_row_dirty(c, r);
}

unsigned coord_copies(const struct lr_coord *c, unsigned slot)
{
	return lr_class_copies(slot / (c->p.nslots / LR_CLASSES));
}
