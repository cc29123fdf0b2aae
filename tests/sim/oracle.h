/* SPDX-License-Identifier: Apache-2.0 */
/* What the oracle knows, and is told. */
#ifndef LR_TESTS_SIM_ORACLE_H
#define LR_TESTS_SIM_ORACLE_H

#include "tests/sim/cas.h"
#include "tests/sim/client.h"
#include "tests/sim/donor.h"
#include "tests/sim/lin.h"

enum key_kind { KEY_OBJECT, KEY_CHUNK, KEY_REGISTER, KEY_NAME };
static inline bool key_is_mutable(enum key_kind kind)
{
	return kind == KEY_REGISTER || kind == KEY_NAME;
}

enum key_state { KEY_PENDING, KEY_STORED, KEY_FAILED, KEY_UNKNOWN };

struct tag_val {
	struct lr_tag tag;
	uint64_t val;
};

struct key {
	enum key_kind kind;
	enum key_state state;
	struct lr_id id;
	unsigned slot;
	uint32_t parent, chunk[SIM_CHUNKS];
	unsigned n_chunks;
	uint64_t val, expires;
	uint64_t acked_ce, acked_ms;
	uint64_t told_ms; /* the coordinator heard of it */
	struct lr_tag acked; /* highest that ALL had */
	uint64_t remove_began, removed_ms, removed_ce; /* 0: not */
	bool swept;
	bool may_lose, corrupted, has_removals, expiring;
	struct tag_val *tags;
	unsigned n_tags, cap_tags;
	struct lin_op *hist;
	unsigned n_hist, cap_hist;
	struct cas_op *cas; /* of a name; inv 0: it told nothing */
	unsigned n_cas, cap_cas;
};

struct past_cfg {
	struct lr_cfg *cfg;
	unsigned n, cap;
};

/* oracle.c */
uint32_t oracle_key(struct sim *s, enum key_kind kind, unsigned slot);
void oracle_cfg(struct sim *s, unsigned slot, const struct lr_cfg *cfg);
void oracle_commit(struct sim *s, const struct lr_view *v);
/* No PUT is taken when the TOMB that forbids it may be collected. */
void oracle_in_time(struct sim *s, const struct donor *d, const struct msg *m);
void oracle_admitted(struct sim *s, struct donor *d, unsigned slot,
		     uint64_t ce);
void oracle_stored(struct sim *s, struct donor *d, unsigned slot,
		   const struct entry *e);
void oracle_donor_slot(struct sim *s, struct donor *d, unsigned slot);
/* A PUT of `tag` (or more) was answered by ALL under `ce`. */
void oracle_acked(struct sim *s, uint32_t key, const struct lr_tag *tag,
		  uint64_t ce);
void oracle_removed(struct sim *s, uint32_t key, uint64_t ce);
/* A sweep's TOMB was taken by ALL. */
void oracle_swept(struct sim *s, uint32_t key, uint64_t ce);
/* What the coordinator is about to commit. */
void oracle_decided(struct sim *s, const struct lr_view *v);
void oracle_sealed(struct sim *s, const struct msg *m);
void oracle_deaths(struct sim *s); /* somebody died, or rotted */
bool oracle_would_lose(struct sim *s, const struct donor *d);
void oracle_fetched(struct sim *s, const struct work *w, const struct cop *o);
bool oracle_must_be_there(const struct sim *s, const struct key *k);
/* A tag was chosen for a value: never another one's. */
void oracle_tag(struct sim *s, uint32_t key, const struct lr_tag *tag,
		uint64_t val);
/* Of an update: it bears one tag, ever. */
void oracle_ordered(struct sim *s, uint32_t key, const struct lr_tag *tag,
		    uint64_t val);
/* A list that is said to be whole is given. */
void oracle_listed(struct sim *s);
/* What FIND under `ce` said of an object. */
void oracle_found(struct sim *s, const struct work *w, uint64_t ce, bool found);
bool oracle_val(const struct sim *s, uint32_t key, const struct lr_tag *tag,
		uint64_t *ret);
void oracle_final(struct sim *s);
bool oracle_healed(struct sim *s, char *why, size_t cap);
unsigned oracle_hist(struct sim *s, uint32_t key, bool is_write, uint64_t val);

/* --- what its own parts share ------------------------------------------------ */

static inline unsigned long long oracle_u(uint64_t x)
{
	return x;
}
/* It counts as synced: a source, or SYNCED under that very cfg. */
bool oracle_counts(const struct donor *d, unsigned slot,
		   const struct lr_cfg *cfg);
/* Member i of the cfg if it is alive and counts; else NULL. */
struct donor *oracle_synced_member(struct sim *s, unsigned slot,
				   const struct lr_cfg *cfg, unsigned i);
/* Removed, and the TOMB has not died with all copies of its slot. */
bool oracle_is_removed(const struct sim *s, const struct key *k);
void oracle_check_all(struct sim *s, struct donor *d, unsigned slot);
void oracle_look_for_loss(struct sim *s, unsigned slot);
void oracle_look_for_all_rot(struct sim *s);

#endif
