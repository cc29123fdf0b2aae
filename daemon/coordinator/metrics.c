/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "daemon/coordinator/coordinator.h"

static enum lr_peer_kind kind_of(const struct lr_peer *p)
{
	if (!p->admitted)
		return LR_PEER_STRANGER;
	switch (p->role) {
	case LR_LINK_DONOR:
		return LR_PEER_DONOR;
	case LR_LINK_BEAT:
		return LR_PEER_BEAT;
	case LR_LINK_REQUESTER:
		return LR_PEER_REQUESTER;
	default:
		return LR_PEER_LOCAL;
	}
}

struct lr_times *lr_coordinator_times(struct lr_peer *p)
{
	return &p->k->times[kind_of(p)];
}

static const char *const kinds[LR_PEER_KINDS] = {
	"stranger", "donor", "beat", "requester", "local",
};

static void links(const struct lr_coordinator *k, struct lr_metrics *m)
{
	uint64_t n[LR_PEER_KINDS] = { 0 };

	for (const struct lr_peer *p = k->peers; p; p = p->next)
		n[kind_of(p)]++;
	for (unsigned i = 0; i < LR_PEER_KINDS; i++)
		lr_metric(m, LR_METRIC_coordinator_links, &kinds[i], n[i]);
}

static void slots(const struct lr_coord_summary *s, enum lr_health health,
		  struct lr_metrics *m)
{
	static const char *const states[] = { "ok", "degraded", "critical" };
	const struct {
		const char *state;
		unsigned n;
	} slots[] = { { "full", s->full },
		      { "short", s->short_ },
		      { "unavailable", s->unavailable },
		      { "lost", s->lost } };

	for (unsigned i = 0; i < 3; i++)
		lr_metric(m, LR_METRIC_coordinator_health, &states[i],
			  i == health);
	for (unsigned i = 0; i < 4; i++)
		lr_metric(m, LR_METRIC_coordinator_slots, &slots[i].state,
			  slots[i].n);
}

/* --- donors ----------------------------------------------------------------- */

static void donors(const struct lr_coordinator *k,
		   const struct lr_coord_row *rows, size_t n,
		   struct lr_metrics *m)
{
	static const char *const states[] = { "up",	  "suspect", "giving",
					      "draining", "down",    "pending" };
	uint64_t count[LR_DONOR_GONE] = { 0 };

	for (size_t i = 0; i < n; i++)
		count[rows[i].state]++;
	for (size_t i = 0; i < k->n_pending; i++)
		count[LR_DONOR_PENDING] +=
			k->pending[i].roles & LR_ROLE_DONOR &&
			!k->pending[i].refused;
	for (unsigned i = 0; i < LR_DONOR_GONE; i++)
		lr_metric(m, LR_METRIC_coordinator_donors, &states[i],
			  count[i]);
}

static void each_donor(const struct lr_coord_row *rows, size_t n,
		       struct lr_metrics *m)
{
	uint64_t lent = 0, held = 0;
	char id[LR_DEV_TEXT + 1];

	for (size_t i = 0; i < n; i++) {
		bool up = rows[i].state != LR_DONOR_DOWN;

		lr_dev_format(&rows[i].d.member.dev, id);
		lr_metric(m, LR_METRIC_coordinator_donor_up,
			  LR_LABELS(rows[i].d.member.name, id), up);
		lent += up ? rows[i].beat.lent : 0;
		held += up ? rows[i].beat.used : 0;
	}
	lr_metric(m, LR_METRIC_coordinator_lent_bytes, NULL, lent);
	lr_metric(m, LR_METRIC_coordinator_held_bytes, NULL, held);
}

static void all_donors(const struct lr_coordinator *k, struct lr_metrics *m)
{
	size_t n = lr_coord_rows(k->rules, NULL, 0);
	struct lr_coord_row *rows = calloc(n ? n : 1, sizeof *rows);

	if (!rows)
		return;
	n = lr_coord_rows(k->rules, rows, n);
	donors(k, rows, n, m);
	each_donor(rows, n, m);
	free(rows);
}

/* --- the whole --------------------------------------------------------------- */

static void rebuild(struct lr_coordinator *k, struct lr_metrics *m)
{
	uint64_t left, rate;

	lr_query_recovery(k, &left, &rate);
	lr_metric(m, LR_METRIC_coordinator_rebuild_left_bytes, NULL, left);
	lr_metric(m, LR_METRIC_coordinator_rebuild_bytes_per_second, NULL,
		  rate);
	lr_metric(m, LR_METRIC_coordinator_rebuild_paused, NULL,
		  lr_coord_is_paused(k->rules));
}

void lr_coordinator_metrics_cb(void *arg, struct lr_metrics *m)
{
	struct lr_coordinator *k = arg;
	struct lr_coord_summary s;
	uint8_t buf[4096];
	struct lr_writer w = lr_writer(buf, sizeof buf);

	lr_coord_summarize(k->rules, &s);
	lr_metric(m, LR_METRIC_coordinator_info,
		  LR_LABELS(k->b.cfg->pool, PACKAGE_VERSION), 1);
	lr_metric_ms(m, LR_METRIC_coordinator_start_time_seconds,
		     k->b.started_ms);
	slots(&s, lr_query_health(k, &s, &w), m);
	all_donors(k, m);
	lr_metric(m, LR_METRIC_coordinator_stored_bytes, NULL,
		  lr_catalog_bytes(k->catalog));
	lr_metric(m, LR_METRIC_coordinator_usable_bytes, NULL, s.usable);
	lr_metric(m, LR_METRIC_coordinator_objects, NULL,
		  lr_catalog_count(k->catalog));
	lr_metric(m, LR_METRIC_coordinator_epoch, NULL,
		  lr_coord_view(k->rules)->epoch);
	rebuild(k, m);
	links(k, m);
	lr_metric_refusals(m, LR_METRIC_coordinator_refusals_total,
			   &k->b.refusals, LR_REFUSED_STALE);
	for (unsigned i = 0; i < LR_PEER_KINDS; i++)
		lr_metric_times(m, LR_METRIC_coordinator_frame_seconds,
				&kinds[i], &k->times[i]);
}
