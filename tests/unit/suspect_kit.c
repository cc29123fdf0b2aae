/* SPDX-License-Identifier: Apache-2.0 */
#include "suspect_kit.h"

void suspect_init(struct pool *p, size_t n)
{
	*p = (struct pool){.n = n, .now = 100000};
	lr_suspect_init(&p->s, &lr_suspect_defaults, p->now);
	for (size_t i = 0; i < n; i++)
		lr_watch_start(&p->d[i].w, p->now);
}

void suspect_tick(struct pool *p)
{
	struct lr_watch *all[SUSPECT_DONORS];

	for (size_t i = 0; i < p->n; i++)
		all[i] = &p->d[i].w;
	lr_suspect_tick(&p->s, all, p->n, p->now);
	for (size_t i = 0; i < p->n; i++) {
		struct donor *d = &p->d[i];

		switch (lr_watch_tick(&p->s, &d->w, p->now)) {
		case LR_VERDICT_CONFIRM:
			d->confirm_ms = p->now;
			d->confirms++;
			break;
		case LR_VERDICT_EVICT:
			d->evict_ms = p->now;
			d->evicts++;
			break;
		case LR_VERDICT_CLEARED:
			d->cleared_ms = p->now;
			break;
		case LR_VERDICT_NONE:
			break;
		}
	}
}

void suspect_beat(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct donor *d = &p->d[i];

		if (d->mute)
			continue;
		d->tick += !d->frozen;
		lr_watch_beat(&d->w,
			      (uint64_t[]){d->tick, p->now / SUSPECT_BEAT_MS},
			      2, p->now);
	}
}

void suspect_run(struct pool *p, unsigned ms)
{
	for (uint64_t end = p->now + ms; p->now < end;) {
		p->now += 10;
		if (p->now % SUSPECT_BEAT_MS == 0)
			suspect_beat(p);
		if (p->now % SUSPECT_TICK_MS == 0)
			suspect_tick(p);
	}
}
