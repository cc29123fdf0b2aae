/* SPDX-License-Identifier: Apache-2.0 */
#include "core/view.h"

#include <stdlib.h>
#include <string.h>

bool lr_view_init(struct lr_view *v, unsigned nslots)
{
	*v = (struct lr_view){.nslots = nslots};
	v->cfg = calloc(nslots ? nslots : 1, sizeof *v->cfg);
	return v->cfg != NULL;
}

void lr_view_done(struct lr_view *v)
{
	free(v->cfg);
	free(v->members);
	*v = (struct lr_view){0};
}

bool lr_view_copy(struct lr_view *to, const struct lr_view *from)
{
	if (!lr_view_init(to, from->nslots))
		return false;
	memcpy(to->cfg, from->cfg, from->nslots * sizeof *to->cfg);
	for (size_t i = 0; i < from->n_members; i++)
		if (!lr_view_put_member(to, &from->members[i]))
			goto fail;
	to->run = from->run;
	to->rev = from->rev;
	to->epoch = from->epoch;
	return true;
fail:
	lr_view_done(to);
	return false;
}

struct lr_member *lr_view_member(const struct lr_view *v, uint64_t inc)
{
	for (size_t i = 0; i < v->n_members; i++)
		if (v->members[i].inc == inc)
			return &v->members[i];
	return NULL;
}

static bool grow(struct lr_view *v)
{
	size_t cap = v->cap_members ? 2 * v->cap_members : 8;
	struct lr_member *m = realloc(v->members, cap * sizeof *m);

	if (!m)
		return false;
	v->members = m;
	v->cap_members = cap;
	return true;
}

struct lr_member *lr_view_put_member(struct lr_view *v,
				     const struct lr_member *m)
{
	struct lr_member *there = lr_view_member(v, m->inc);

	if (!there) {
		struct lr_member keep = *m; /* may be a row of ours */

		if (v->n_members == v->cap_members && !grow(v))
			return NULL;
		there = &v->members[v->n_members++];
		*there = keep;
	} else if (there != m) {
		*there = *m;
	}
	return there;
}

void lr_view_drop_member(struct lr_view *v, uint64_t inc)
{
	struct lr_member *there = lr_view_member(v, inc);

	if (!there)
		return;
	*there = v->members[v->n_members - 1];
	v->n_members--;
}

int lr_cfg_index(const struct lr_cfg *cfg, uint64_t inc)
{
	for (int i = 0; i < cfg->n; i++)
		if (cfg->mem[i] == inc)
			return i;
	return -1;
}

bool lr_cfg_synced(const struct lr_cfg *cfg, uint64_t inc)
{
	int i = lr_cfg_index(cfg, inc);
	unsigned bits = cfg->synced;

	if (i < 0)
		return false;
	if (!(cfg->lost & LR_LOST_MERGE))
		bits |= cfg->src;
	return bits >> i & 1u;
}

bool lr_cfg_eq(const struct lr_cfg *a, const struct lr_cfg *b)
{
	return a->ce == b->ce && a->n == b->n && a->src == b->src &&
	       a->synced == b->synced && a->lost == b->lost &&
	       memcmp(a->mem, b->mem, a->n * sizeof a->mem[0]) == 0;
}

bool lr_cfg_valid(const struct lr_cfg *cfg)
{
	unsigned all;

	if (cfg->ce == 0 || cfg->n == 0 || cfg->n > LR_MEM_MAX)
		return false;
	all = (1u << cfg->n) - 1;
	if (cfg->src == 0 || cfg->src & ~all || cfg->synced & ~all)
		return false;
	if (cfg->lost & ~(LR_LOST_MARK | LR_LOST_MERGE) ||
	    cfg->lost == LR_LOST_MERGE)
		return false;
	for (unsigned i = 0; i < cfg->n; i++) {
		if (cfg->mem[i] == 0)
			return false;
		for (unsigned k = 0; k < i; k++)
			if (cfg->mem[k] == cfg->mem[i])
				return false;
	}
	return true;
}
