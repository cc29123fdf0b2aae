/* SPDX-License-Identifier: Apache-2.0 */
/* The view: an epoch-numbered table, slot -> configuration (its copies), with
 * the members that the configurations name.
 *
 * A member is one run of a donor, (device, incarnation); incarnations are
 * random 64-bit numbers, so configurations name members by them alone and the
 * member table binds each to its device. `rev` counts what one run of the
 * coordinator published: deltas name (run, from rev, to rev). */
#ifndef LR_CORE_VIEW_H
#define LR_CORE_VIEW_H

#include "core/id.h"

#define LR_MEM_MAX 8 /* members of one configuration, those leaving included */
#define LR_NAME_MAX 64
#define LR_ADDRS_MAX 512 /* "10.0.0.2:7451,[fe80::1]:7451" */
#define LR_SHARDS_MAX 16 /* of one donor; each listens on the next port */

struct lr_cfg {
	uint64_t ce; /* epoch in which this configuration was made; 0 = none */
	uint64_t mem[LR_MEM_MAX]; /* incarnations; the order is the reading order */
	uint8_t n;
	uint8_t src;	/* bit i: mem[i] was synced when this cfg was made */
	uint8_t synced; /* bit i: mem[i] has reported SYNCED for ce */
	uint8_t lost;	/* LR_LOST_*; the mark stays on all later cfgs */
};

#define LR_LOST_MARK 1	/* entries of this slot have been lost */
#define LR_LOST_MERGE 2 /* lost at this ce, several src: each pulls from all */

struct lr_member {
	uint64_t inc;
	struct lr_dev dev;
	struct lr_dev key;     /* what its links prove; zero: dev */
	struct lr_dev machine; /* hash of the machine ID: copies kept apart */
	uint16_t shards;
	bool up; /* the coordinator hears it */
	char name[LR_NAME_MAX];
	char addrs[LR_ADDRS_MAX];
};

/* What others say is not trusted. */
static inline unsigned lr_member_shards(const struct lr_member *m)
{
	return m->shards > LR_SHARDS_MAX ? LR_SHARDS_MAX :
	       m->shards		 ? m->shards :
					   1;
}

/* The one that has the slot. */
static inline unsigned lr_member_shard(const struct lr_member *m, unsigned slot)
{
	return slot % lr_member_shards(m);
}

static inline const struct lr_dev *lr_member_key(const struct lr_member *m)
{
	return lr_dev_is_zero(&m->key) ? &m->dev : &m->key;
}

struct lr_view {
	uint64_t run;	/* random, one a run of the coordinator */
	uint64_t rev;	/* 0 = nothing received yet */
	uint64_t epoch; /* highest committed */
	unsigned nslots;
	struct lr_cfg *cfg; /* [nslots] */
	struct lr_member *members; /* any order */
	size_t n_members, cap_members;
};

/* False: out of memory. */
bool lr_view_init(struct lr_view *v, unsigned nslots);
void lr_view_done(struct lr_view *v);
/* Initialises `to`, which holds nothing yet. False: out of memory. */
bool lr_view_copy(struct lr_view *to, const struct lr_view *from);

struct lr_member *lr_view_member(const struct lr_view *v, uint64_t inc);
/* Adds or replaces by incarnation. NULL: out of memory. */
struct lr_member *lr_view_put_member(struct lr_view *v,
				     const struct lr_member *m);
void lr_view_drop_member(struct lr_view *v, uint64_t inc);

/* Index of a member in the configuration, or -1. */
int lr_cfg_index(const struct lr_cfg *cfg, uint64_t inc);
/* synced(m, cfg): in src (unless src must merge first), or reported. */
bool lr_cfg_synced(const struct lr_cfg *cfg, uint64_t inc);
bool lr_cfg_eq(const struct lr_cfg *a, const struct lr_cfg *b);
/* A cfg that came from outside: counts, bits and ce are possible. */
bool lr_cfg_valid(const struct lr_cfg *cfg);

#endif
