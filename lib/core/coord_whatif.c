/* SPDX-License-Identifier: Apache-2.0 */
/* What if these donors went at once? From what is known, without a change. */
#include "core/coord_internal.h"

static bool is_gone(uint64_t inc, const uint64_t *gone, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gone[i] == inc)
			return true;
	return false;
}

/* Synced members that are up, before and after. */
static void count_left(const struct lr_coord *c, unsigned slot,
		       const uint64_t *gone, size_t n, unsigned *had,
		       unsigned *left)
{
	const struct lr_cfg *cfg = &c->view.cfg[slot];
	uint8_t synced = coord_cfg_synced_bits(cfg);

	*had = *left = 0;
	for (unsigned i = 0; i < cfg->n; i++) {
		const struct coord_row *r = coord_row(c, cfg->mem[i]);

		if (!coord_has(synced, i) || !r || r->state != ROW_UP)
			continue;
		++*had;
		*left += !is_gone(cfg->mem[i], gone, n);
	}
}

static void take_slot(const struct lr_coord *c, unsigned slot,
		      const uint64_t *gone, size_t n, struct lr_whatif *ret)
{
	unsigned had, left, want = coord_copies(c, slot);
	uint64_t bytes = c->slots[slot].bytes;

	count_left(c, slot, gone, n, &had, &left);
	if (left)
		ret->readable++;
	if (!had) {
		ret->unavailable++;
	} else if (!left) {
		ret->lost++;
		ret->lost_bytes += bytes;
	} else if (left >= want) {
		ret->full++;
	} else {
		ret->short_++;
		if (want > ret->donors_left)
			want = ret->donors_left;
		ret->copy_bytes += want > left ? (want - left) * bytes : 0;
	}
}

static void take_donors(const struct lr_coord *c, const uint64_t *gone,
			size_t n, struct lr_whatif *ret)
{
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coord_row *r = c->rows[i];

		if (r->state != ROW_UP || r->leaving || coord_draining(r) ||
		    is_gone(r->d.member.inc, gone, n))
			continue;
		ret->donors_left++;
		if (!r->full && r->d.lent > r->d.used)
			ret->room_bytes += r->d.lent - r->d.used;
	}
}

void lr_coord_whatif(const struct lr_coord *c, const uint64_t *gone, size_t n,
		     struct lr_whatif *ret)
{
	*ret = (struct lr_whatif){ 0 };
	take_donors(c, gone, n, ret);
	for (unsigned s = 0; s < c->p.nslots; s++)
		if (lr_coord_slot_holds(c, s))
			take_slot(c, s, gone, n, ret);
	ret->fits = ret->copy_bytes <= ret->room_bytes;
}

uint64_t lr_coord_recovery_left(const struct lr_coord *c)
{
	unsigned up = 0, had, left;
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->n_rows; i++)
		up += c->rows[i]->state == ROW_UP;
	for (unsigned s = 0; s < c->p.nslots; s++) {
		unsigned want = coord_copies(c, s);

		if (!c->slots[s].entries)
			continue;
		count_left(c, s, NULL, 0, &had, &left);
		if (want > up)
			want = up;
		if (left && left < want)
			bytes += (want - left) * c->slots[s].bytes;
	}
	return bytes;
}
