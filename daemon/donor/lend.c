/* SPDX-License-Identifier: Apache-2.0 */
/* How much is lent: what the owner of the machine allows, as far as the machine
 * does not need it itself (core/elastic.h). Its RAM is looked at each 250 ms,
 * and more often while it is short and something could be given back. */
#include <stdio.h>
#include <string.h>

#include "daemon/donor/donor.h"
#include "daemon/log.h"

#define LOOK_MS	      250
#define LOOK_SHORT_MS 25
#define WATCH_MS      2000 /* so long after it was short */
#define HELD_BYTES    (UINT64_C(16) << 20) /* of a shard: begun, spare */

static void set_lent(struct lr_donor *d, uint64_t bytes)
{
	if (bytes == d->lent)
		return;
	d->lent = bytes;
	lr_shares_set(d); /* those that start later, start with it */
}

/* Once for each time that RAM is short, and once more if that gets worse. */
static void say(struct lr_donor *d)
{
	enum lr_pressure level = d->elastic.level;
	unsigned long long left = d->host.available >> 20;

	if (level == LR_PRESSURE_CALM && d->said)
		lr_info("RAM is there again (%llu MiB available): lending more",
			left);
	else if (level <= d->said)
		return;
	else if (level == LR_PRESSURE_SOFT)
		lr_info("this machine is short of RAM (%llu MiB available): "
			"lending no more than is used",
			left);
	else
		lr_warn("this machine needs its RAM (%llu MiB available): "
			"giving back",
			left);
	d->said = level;
}

static bool gather(struct lr_donor *d, struct lr_elastic_in *in)
{
	*in = (struct lr_elastic_in){ .n = d->host.n,
				      .used = lr_donor_totals(d).mapped };
	for (unsigned i = 0; i < in->n; i++) {
		in->ram[i] = d->host.ram[i];
		if (!lr_parse_size(d->b.cfg->reserve, in->ram[i].total,
				   &in->ram[i].reserve))
			return false;
	}
	return lr_lend_bytes(d->lend, d->b.cfg->reserve, &d->host, in->used,
			     &in->want);
}

/* False: the configuration makes no sense. */
static bool look(struct lr_donor *d)
{
	enum lr_pressure was = d->elastic.level;
	uint64_t lent = d->lent;
	struct lr_elastic_in in;

	lr_host_read("", &d->host);
	if (!gather(d, &in))
		return false;
	lr_elastic_step(&d->elastic, &in, lr_now_ms());
	set_lent(d, d->elastic.offer);
	if (in.used <= d->lent + HELD_BYTES * d->n_shards)
		d->at_once = false; /* it is given back */
	say(d);
	if (d->beat && (d->elastic.level > was ||
			(was >= LR_PRESSURE_HARD && d->lent < lent)))
		lr_donor_beat(d); /* at once: RAM is needed */
	return true;
}

static void host_cb(uv_timer_t *timer)
{
	struct lr_donor *d = timer->data;
	uint64_t now = lr_now_ms();
	bool hurry = d->elastic.cut &&
		     lr_donor_totals(d).mapped > HELD_BYTES * d->n_shards &&
		     now < d->elastic.calm_ms + WATCH_MS;

	look(d);
	uv_timer_start(timer, host_cb, hurry ? LOOK_SHORT_MS : LOOK_MS, 0);
}

bool lr_lend_set(struct lr_donor *d, const char *spec, bool at_once)
{
	uint64_t bytes;

	if (!lr_lend_bytes(spec, d->b.cfg->reserve, &d->host, 0, &bytes))
		return false;
	snprintf(d->lend, sizeof d->lend, "%s", spec);
	d->at_once = at_once;
	look(d);
	lr_info("lending %s: %llu bytes%s", d->lend,
		(unsigned long long)d->lent, at_once ? ", now" : "");
	if (at_once)
		lr_donor_beat(d);
	return true;
}

enum lr_pressure lr_lend_pressure(const struct lr_donor *d)
{
	if (d->hurry)
		return LR_PRESSURE_LAST;
	if (d->at_once && d->elastic.level < LR_PRESSURE_HARD)
		return LR_PRESSURE_HARD;
	return d->elastic.level;
}

bool lr_lend_start(struct lr_donor *d)
{
	snprintf(d->lend, sizeof d->lend, "%s", d->b.cfg->lend);
	uv_timer_init(&d->b.loop, &d->host_timer);
	d->host_timer.data = d;
	if (!look(d)) {
		lr_error("lend and reserve take a size (8GiB) or a share "
			 "(25%%); lend also auto and off");
		return false;
	}
	return uv_timer_start(&d->host_timer, host_cb, LOOK_MS, 0) == 0;
}

void lr_lend_stop(struct lr_donor *d)
{
	uv_close((uv_handle_t *)&d->host_timer, NULL);
}
