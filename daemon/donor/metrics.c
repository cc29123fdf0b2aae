/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/donor/donor.h"

static void memory(const struct lr_donor *d, const struct lr_totals *s,
		   struct lr_metrics *m)
{
	lr_metric(m, LR_METRIC_donor_lent_bytes, NULL, d->lent);
	lr_metric(m, LR_METRIC_donor_held_bytes, NULL, s->mapped);
	lr_metric(m, LR_METRIC_donor_live_bytes, NULL, s->live);
	lr_metric(m, LR_METRIC_donor_host_available_bytes, NULL,
		  d->host.available);
	lr_metric(m, LR_METRIC_donor_entries, NULL, s->entries);
	lr_metric(m, LR_METRIC_donor_returned_bytes_total, LR_LABELS("asked"),
		  d->given.total[0]);
	lr_metric(m, LR_METRIC_donor_returned_bytes_total, LR_LABELS("host"),
		  d->given.total[1]);
}

static void copies(const struct lr_totals *s, struct lr_metrics *m)
{
	lr_metric(m, LR_METRIC_donor_slots, LR_LABELS("syncing"), s->syncing);
	lr_metric(m, LR_METRIC_donor_slots, LR_LABELS("sealed"), s->sealed);
	lr_metric(m, LR_METRIC_donor_slots, LR_LABELS("sole"), s->sole);
	lr_metric(m, LR_METRIC_donor_copy_left_bytes, NULL, s->sync_left);
	lr_metric(m, LR_METRIC_donor_copied_bytes_total, LR_LABELS("donors"),
		  s->fetched_bytes);
	lr_metric(m, LR_METRIC_donor_copied_bytes_total, LR_LABELS("shelf"),
		  s->warm_bytes);
	lr_metric(m, LR_METRIC_donor_corrupt_total, NULL, s->corrupt);
	lr_metric(m, LR_METRIC_donor_repaired_total, NULL, s->repaired);
}

static void served(const struct lr_donor *d, const struct lr_totals *s,
		   struct lr_metrics *m)
{
	static const char *const kinds[LR_SERVED_KINDS] = {
		"get", "put", "update", "list", "copy", "other",
	};

	for (unsigned i = 0; i < LR_SERVED_KINDS; i++) {
		struct lr_times all = { 0 };

		for (unsigned k = 0; k < d->n_shards; k++)
			lr_times_join(&all, &d->shards[k].s.stats.times[i]);
		lr_metric_times(m, LR_METRIC_donor_operations_seconds,
				&kinds[i], &all);
	}
	lr_metric(m, LR_METRIC_donor_read_bytes_total, NULL, s->bytes_out);
	lr_metric(m, LR_METRIC_donor_written_bytes_total, NULL, s->bytes_in);
	lr_metric(m, LR_METRIC_donor_errors_total, NULL, s->errors);
}

static void links(const struct lr_totals *s, struct lr_metrics *m)
{
	static const char *const kinds[LR_LINKS_KINDS] = { "data", "copy",
							   "stranger" };

	for (unsigned i = 0; i < LR_LINKS_KINDS; i++)
		lr_metric(m, LR_METRIC_donor_links, &kinds[i], s->links[i]);
}

void lr_donor_metrics_cb(void *arg, struct lr_metrics *m)
{
	struct lr_donor *d = arg;
	const struct lr_totals t = lr_donor_totals(d);

	lr_given_look(&d->given, d->lent, t.mapped, lr_now_ms());
	lr_metric(m, LR_METRIC_donor_info,
		  LR_LABELS(d->b.cfg->pool, PACKAGE_VERSION), 1);
	lr_metric_ms(m, LR_METRIC_donor_start_time_seconds, d->b.started_ms);
	lr_metric(m, LR_METRIC_donor_attached, NULL,
		  lr_attach_state(d->control) == LR_HERE_READY);
	memory(d, &t, m);
	copies(&t, m);
	served(d, &t, m);
	links(&t, m);
	lr_metric_refusals(m, LR_METRIC_donor_refusals_total, &d->b.refusals,
			   LR_REFUSALS);
}
