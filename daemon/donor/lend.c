/* SPDX-License-Identifier: Apache-2.0 */
/* How much is lent. */
#include <stdio.h>
#include <string.h>

#include "daemon/donor/donor.h"
#include "daemon/log.h"

#define HOST_MS 250

static void set_lent(struct lr_donor *d)
{
	uint8_t meta[8];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	uint64_t bytes;

	if (!lr_lend_bytes(d->lend, d->b.cfg->reserve, &d->host,
			   d->shard.stats.mapped, &bytes) ||
	    bytes == d->lent)
		return;
	d->lent = bytes;
	lr_w_u64(&w, bytes);
	lr_mailbox_post(&d->shard.inbox, 0, LR_MAIL_LIMIT, 0, meta, w.len,
			NULL, 0);
}

void lr_lend_tick(struct lr_donor *d, uint64_t now)
{
	if (now < d->host_ms)
		return;
	d->host_ms = now + HOST_MS;
	lr_host_read(&d->host);
	/* "auto" follows the host; a share of the total does not move. */
	if (!strcmp(d->lend, "auto"))
		set_lent(d);
}

bool lr_lend_set(struct lr_donor *d, const char *spec)
{
	uint64_t bytes;

	if (!lr_lend_bytes(spec, d->b.cfg->reserve, &d->host, 0, &bytes))
		return false;
	snprintf(d->lend, sizeof d->lend, "%s", spec);
	lr_host_read(&d->host);
	set_lent(d);
	lr_info("lending %s: %llu bytes", d->lend,
		(unsigned long long)d->lent);
	return true;
}

bool lr_lend_start(struct lr_donor *d)
{
	snprintf(d->lend, sizeof d->lend, "%s", d->b.cfg->lend);
	lr_host_read(&d->host);
	return lr_lend_bytes(d->lend, d->b.cfg->reserve, &d->host, 0,
			     &d->lent);
}
