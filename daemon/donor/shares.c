/* SPDX-License-Identifier: Apache-2.0 */
/* What all shards together hold and did, and how much each of them may hold:
 * what it does, and an equal share of what is free. */
#include "daemon/donor/donor.h"

#define PAGE UINT64_C(4096) /* to count in: no product overflows */
#define WORTH_BYTES (UINT64_C(1) << 20) /* less is not given out */

static void add(struct lr_totals *t, const struct lr_shard_stats *s)
{
	t->mapped += s->mapped;
	t->live += s->live;
	t->entries += s->entries;
	t->sync_left += s->sync_left;
	t->ops += s->ops;
	t->sealed += s->sealed;
	t->syncing += s->syncing;
	t->sole += s->sole;
	t->gets += s->gets;
	t->puts += s->puts;
	t->bytes_out += s->bytes_out;
	t->bytes_in += s->bytes_in;
	t->errors += s->errors;
	t->fetched_bytes += s->fetched_bytes;
	t->warm_bytes += s->warm_bytes;
	t->corrupt += s->corrupt;
	t->repaired += s->repaired;
	for (unsigned i = 0; i < LR_LINKS_KINDS; i++)
		t->links[i] += s->links[i];
}

struct lr_totals lr_donor_totals(const struct lr_donor *d)
{
	struct lr_totals t = { 0 };

	for (unsigned i = 0; i < d->n_shards; i++) {
		const struct lr_shard_stats *s = &d->shards[i].s.stats;
		uint64_t max_prom = s->max_prom;
		uint32_t p50_us = s->p50_us, p99_us = s->p99_us;

		add(&t, s);
		if (max_prom > t.max_prom)
			t.max_prom = max_prom;
		if (p50_us > t.p50_us)
			t.p50_us = p50_us;
		if (p99_us > t.p99_us)
			t.p99_us = p99_us;
	}
	return t;
}

void lr_shares(uint64_t lent, const uint64_t *mapped, unsigned n, uint64_t *ret)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += mapped[i];
	for (unsigned i = 0; i < n; i++)
		ret[i] = sum <= lent ?
				 mapped[i] + (lent - sum) / n :
				 (lent / PAGE) * (mapped[i] / PAGE) /
					 (sum / PAGE + 1) * PAGE;
}

static void tell(struct lr_donor_shard *p, uint64_t bytes)
{
	uint8_t meta[8];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	p->limit = bytes;
	lr_w_u64(&w, bytes);
	lr_mailbox_post(&p->s.inbox, 0, LR_MAIL_LIMIT, 0, meta, w.len, NULL, 0);
}

/* Only what a shard has heard of, and keeps to, is another's to have. */
static uint64_t free_now(const struct lr_donor *d)
{
	uint64_t given = 0;

	for (unsigned i = 0; i < d->n_shards; i++) {
		uint64_t heard = d->shards[i].s.stats.limit;
		uint64_t told = d->shards[i].limit;

		given += heard > told ? heard : told;
	}
	return d->lent > given ? d->lent - given : 0;
}

/* A shard that is told less drops what it keeps in case: only when less is lent
 * than was told, or somebody has under half of the room that it should have. */
static bool must_lower(const struct lr_donor *d, const uint64_t *mapped,
		       const uint64_t *want)
{
	uint64_t told = 0;
	bool narrow = false;

	for (unsigned i = 0; i < d->n_shards; i++) {
		uint64_t limit = d->shards[i].limit;
		uint64_t room = limit > mapped[i] ? limit - mapped[i] : 0;

		told += limit;
		narrow |= want[i] >= limit + LR_SEGMENT_BYTES &&
			  want[i] - mapped[i] > 2 * room;
	}
	return narrow || told > d->lent;
}

void lr_shares_set(struct lr_donor *d)
{
	uint64_t mapped[LR_SHARDS_MAX] = { 0 }, want[LR_SHARDS_MAX], left;
	bool lower;

	for (unsigned i = 0; i < d->n_shards; i++)
		mapped[i] = d->shards[i].s.stats.mapped;
	lr_shares(d->lent, mapped, d->n_shards, want);
	lower = must_lower(d, mapped, want);
	for (unsigned i = 0; lower && i < d->n_shards; i++)
		if (want[i] < d->shards[i].limit)
			tell(&d->shards[i], want[i]);
	left = free_now(d);
	for (unsigned i = 0; i < d->n_shards; i++) {
		struct lr_donor_shard *p = &d->shards[i];
		uint64_t by = want[i] > p->limit ? want[i] - p->limit : 0;

		if (by > left)
			by = left;
		if (!by || (d->n_shards > 1 && by < WORTH_BYTES))
			continue;
		left -= by;
		tell(p, p->limit + by);
	}
}
