/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/requester/requester.h"

static const char *const kinds[WORK_KINDS] = { "get", "put", "update",
						  "ask" };

/* Several errors lead to one exit code. */
static void by_exit(struct requester *q, unsigned kind,
		    struct lr_metrics *m)
{
	static const int codes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 130 };
	char text[8];

	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		uint64_t n = 0;

		for (unsigned e = 0; e < LR_E_COUNT; e++)
			if (lr_err_exit((enum lr_err)e) == codes[i])
				n += q->ended[kind][e];
		snprintf(text, sizeof text, "%d", codes[i]);
		lr_metric(m, LR_METRIC_requester_operations_total,
			  LR_LABELS(kinds[kind], text), n);
	}
}

static void operations(struct requester *q, struct lr_metrics *m)
{
	for (unsigned i = 0; i < WORK_KINDS; i++)
		lr_metric_times(m, LR_METRIC_requester_operations_seconds,
				&kinds[i], &q->times[i]);
	for (unsigned i = 0; i < WORK_KINDS; i++)
		by_exit(q, i, m);
	lr_metric(m, LR_METRIC_requester_running, NULL, q->running);
	lr_metric(m, LR_METRIC_requester_read_bytes_total, NULL,
		  q->read_bytes);
	lr_metric(m, LR_METRIC_requester_written_bytes_total, NULL,
		  q->written_bytes);
}

void lr_requester_metrics_cb(void *arg, struct lr_metrics *m)
{
	struct requester *q = arg;
	uint64_t programs = 0;

	for (const struct user *u = q->users; u; u = u->next)
		programs++;
	lr_metric(m, LR_METRIC_requester_info,
		  LR_LABELS(q->b.cfg->pool, PACKAGE_VERSION), 1);
	lr_metric_ms(m, LR_METRIC_requester_start_time_seconds,
		     q->b.started_ms);
	lr_metric(m, LR_METRIC_requester_attached, NULL,
		  lr_attach_state(lr_direct_attach(q->pool)) == LR_HERE_READY);
	operations(q, m);
	lr_metric(m, LR_METRIC_requester_links, LR_LABELS("programs"),
		  programs);
	lr_metric(m, LR_METRIC_requester_links, LR_LABELS("donors"),
		  lr_direct_links(q->pool));
	lr_metric_refusals(m, LR_METRIC_requester_refusals_total,
			   &q->b.refusals, LR_REFUSED_VERSION + 1);
}
