/* SPDX-License-Identifier: Apache-2.0 */
#include "small_world.h"

void small_start(struct small_world *w, uint64_t seed)
{
	w->seed = seed;
	w->now = 1;
	w->epoch = 1;
	w->cfg = (struct lr_cfg){.ce = 1, .n = 3, .src = 7};
	for (unsigned i = 0; i < SMALL_DONORS; i++) {
		w->d[i]->inc = ++w->incs;
		if (i < 3)
			w->cfg.mem[i] = w->incs;
	}
	w->old = w->cfg;
}

struct small_donor *small_find(struct small_world *w, uint64_t inc)
{
	for (unsigned i = 0; i < SMALL_DONORS; i++)
		if (w->d[i]->inc == inc)
			return w->d[i];
	return NULL;
}

static bool sealed_and_synced(const struct small_world *w,
			      const struct small_donor *d)
{
	const struct lr_cfg *c = &w->cfg;
	int i = lr_cfg_index(c, d->inc);

	return i >= 0 && (c->src >> i & 1u || (d->s.inst.ce == c->ce &&
					       d->s.status == LR_SLOT_SYNCED));
}

void small_change(struct small_world *w)
{
	struct lr_cfg c = {.ce = ++w->epoch};

	for (unsigned i = 0; i < SMALL_DONORS; i++) {
		struct small_donor *d = w->d[i];

		if (!d->cut && lr_cfg_index(&w->cfg, d->inc) >= 0 &&
		    lr_slot_seal(&d->s, c.ce, 1) == LR_E_OK &&
		    sealed_and_synced(w, d) &&
		    (c.n == 0 || !small_chance(w, 3))) {
			c.src |= (uint8_t)(1u << c.n);
			c.mem[c.n++] = d->inc;
		}
	}
	if (c.n == 0)
		return;
	for (unsigned i = 0; i < SMALL_DONORS; i++)
		if (c.n < 3 && lr_cfg_index(&c, w->d[i]->inc) < 0 &&
		    !small_chance(w, 3))
			c.mem[c.n++] = w->d[i]->inc;
	w->old = w->cfg;
	w->cfg = c;
}

void small_coordinate(struct small_world *w, struct small_donor *d,
		      unsigned install_in)
{
	const struct small_donor *from;

	if (small_chance(w, 100))
		d->cut = !d->cut;
	if (d->cut)
		return;
	if (small_chance(w, 20) && lr_slot_left(&d->s, d->inc, &w->cfg))
		d->e = (struct lr_stored){0};
	if (small_chance(w, install_in) &&
	    lr_slot_install(&d->s, d->inc, &w->cfg, 1) == LR_INSTALL_EMPTIED)
		d->e = (struct lr_stored){0};
	from = small_find(w, w->cfg.mem[0]);
	if (d->s.status == LR_SLOT_SYNCING && d->s.inst.ce == w->cfg.ce &&
	    from && from != d && small_chance(w, 20) &&
	    lr_slot_admit(&from->s, w->cfg.ce) == LR_E_OK) {
		if (from->e.found &&
		    lr_slot_put(&d->e, &from->e.tag, 0) == LR_PUT_STORE)
			d->e = from->e;
		lr_slot_raise_floor(&d->s, from->s.floor);
		lr_slot_synced(&d->s, w->cfg.ce);
	}
}

bool small_restart(struct small_world *w, struct small_donor *d)
{
	for (unsigned i = 0; i < SMALL_DONORS; i++)
		if (w->d[i] != d && sealed_and_synced(w, w->d[i])) {
			*d = (struct small_donor){.inc = ++w->incs};
			return true;
		}
	return false;
}
