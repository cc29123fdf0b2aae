/* SPDX-License-Identifier: Apache-2.0 */
/* What donors are told of copying, where it changed, as answers to heartbeats:
 * when to stop and when to go on; and how fast, where an admin has set a limit
 * (rebuild_mbytes_per_s). The limit is the pool's: those that copy share it. */
#include "daemon/coordinator/coordinator.h"

/* --- an admin's pause outlives a restart ----------------------------------- */

size_t lr_rest_room(const struct lr_coordinator *k)
{
	(void)k;
	return 1;
}

void lr_rest_save(const struct lr_coordinator *k, struct lr_writer *w)
{
	if (lr_coord_is_paused(k->rules))
		lr_w_u8(w, 1);
}

bool lr_rest_load(struct lr_coordinator *k, struct lr_reader *r)
{
	k->starts_paused = lr_r_u8(r);
	return true;
}

/* --- what donors are told --------------------------------------------------- */

static void tell_rest(struct lr_peer *p, uint64_t seq)
{
	bool rest = lr_coord_may_rest(p->k->rules);
	struct lr_msg_beat_r r = { .seq = seq, .rest = rest };

	if (rest == p->resting)
		return;
	p->resting = rest;
	LR_SEND(p->link, BEAT_R, beat_r, 0, &r, NULL);
}

static unsigned count_copying(const struct lr_coordinator *k)
{
	unsigned n = 0;

	for (const struct lr_peer *p = k->peers; p; p = p->next)
		n += p->copying;
	return n ? n : 1;
}

static void tell_limit(struct lr_peer *p)
{
	uint64_t all = p->k->b.cfg->rebuild_mbytes_per_s * UINT64_C(1000000);
	struct lr_msg_copy_limit m = { all / count_copying(p->k) };

	if (m.bytes_per_s == p->copy_limit)
		return;
	p->copy_limit = m.bytes_per_s;
	LR_SEND(p->link, COPY_LIMIT, copy_limit, 0, &m, NULL);
}

void lr_rest_tell(struct lr_peer *p, const struct lr_msg_beat *m)
{
	p->copying = m->syncing > 0;
	tell_rest(p, m->seq);
	if (p->k->b.cfg->rebuild_mbytes_per_s)
		tell_limit(p);
}
