/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of the small pool: what it wants done, and its disk. */
#include "tests/unit/coord_kit_i.h"

void kit_to_disk(struct kit *k)
{
	if (!k->saving)
		return;
	k->saving = false;
	k->disk_doubt = k->save_doubt;
	if (!k->saving_view) {
		k->disk_prepared = k->save_prepared;
		return;
	}
	kit_check_commit(k, &k->save_view);
	if (k->on_disk)
		lr_view_done(&k->disk);
	k->disk = k->save_view;
	k->on_disk = true;
	k->saving_view = false;
}

static void save(struct kit *k, const struct lr_view *v, uint64_t epoch)
{
	if (k->saving)
		kit_to_disk(k); /* only where a rule was taken away */
	k->saving = true;
	k->saving_view = v != NULL;
	k->save_doubt = lr_coord_is_waiting(k->c);
	k->save_prepared = epoch;
	k->save_at = k->now + draw(&k->seed, k->delay_ms + 1);
	while (v && !lr_view_copy(&k->save_view, v))
		;
}

void kit_send_view(struct kit *k, struct kit_donor *d, const unsigned *slots,
		   size_t n)
{
	const struct lr_view *v = lr_coord_view(k->c);
	struct kit_msg *m = kit_post(k, KIT_VIEW, d, n);

	for (size_t i = 0; i < n; i++) {
		m->slots[i] = slots ? slots[i] : (unsigned)i;
		m->cfgs[i] = v->cfg[m->slots[i]];
	}
}

static void publish(struct kit *k, const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(k->c);

	for (unsigned i = 0; i < k->n; i++)
		if (k->d[i].linked)
			kit_send_view(k, &k->d[i], a->slots, a->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct lr_cfg *cfg = &v->cfg[a->slots[i]];

		kit_check_told(k, a->slots[i], cfg);
		/* Writers miss one in four. */
		if (cfg->ce >= k->known[a->slots[i]].ce && draw(&k->seed, 4))
			k->known[a->slots[i]] = *cfg;
	}
}

static void send_slots(struct kit *k, const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(k->c);
	struct kit_donor *d = kit_by_inc(k, a->inc);
	struct kit_msg *m;

	if (!d || !d->linked)
		return;
	k->seals += a->what == LR_DO_SEAL;
	if (a->what == LR_DO_SEAL && a->epoch > k->disk_prepared)
		kit_wrong(k, "an epoch was used before it was persisted", 0);
	m = kit_post(k, a->what == LR_DO_SEAL ? KIT_SEAL : KIT_INSTALL, d,
		     a->n);
	m->epoch = a->epoch;
	for (size_t i = 0; i < a->n; i++) {
		m->slots[i] = a->slots[i];
		m->cfgs[i] = v->cfg[a->slots[i]];
		if (a->what == LR_DO_INSTALL)
			kit_check_told(k, a->slots[i], &m->cfgs[i]);
	}
}

void kit_unlink_donor(struct kit *k, struct kit_donor *d)
{
	(void)k;
	d->gen++;
	d->linked = false;
	d->wants_link = true;
	d->at = k->now + 50;
	d->fifo[0] = d->fifo[1] = 0;
}

static void act(struct kit *k, const struct lr_coord_act *a)
{
	struct kit_donor *d = kit_by_inc(k, a->inc),
			 *t = kit_by_inc(k, a->target);

	switch (a->what) {
	case LR_DO_PREPARE:
		save(k, NULL, a->epoch);
		break;
	case LR_DO_COMMIT:
		save(k, lr_coord_view(k->c), 0);
		break;
	case LR_DO_SEAL:
	case LR_DO_INSTALL:
		send_slots(k, a);
		break;
	case LR_DO_PUBLISH:
		publish(k, a);
		break;
	case LR_DO_PROBE:
		if (d && d->linked && t && t->alive)
			kit_post(k, KIT_REACHED, d, 0)->epoch = t->inc;
		break;
	case LR_DO_CONNECT:
		if (t && t->alive && !t->cut)
			kit_post(k, KIT_REACHED, t, 0)->epoch = t->inc;
		break;
	case LR_DO_SLOTS_GET:
		if (d && d->linked)
			kit_post(k, KIT_SLOTS_GET, d, 0);
		break;
	case LR_DO_MAY_LEAVE:
		if (d && d->linked)
			kit_post(k, KIT_MAY_LEAVE, d, 0);
		break;
	case LR_DO_CLOSE:
		if (d && d->linked)
			kit_unlink_donor(k, d);
		break;
	case LR_DO_EVENT:
		k->events[a->event]++;
		break;
	case LR_DO_NONE:
		break;
	}
}

void kit_acts(struct kit *k)
{
	while (k->c) {
		struct lr_coord_act a = lr_coord_pop(k->c);

		if (a.what == LR_DO_NONE)
			return;
		act(k, &a);
	}
}

void kit_coord_start(struct kit *k)
{
	k->p.run++;
	do
		k->c = lr_coord_new(&k->p, k->on_disk ? &k->disk : NULL,
				    k->disk_prepared, k->now);
	while (!k->c);
	if (k->disk_doubt)
		lr_coord_doubt(k->c);
	k->tick_at = k->now;
}

void kit_coord_crash(struct kit *k, bool written)
{
	if (k->saving && written)
		kit_to_disk(k);
	if (k->saving && k->saving_view)
		lr_view_done(&k->save_view);
	k->saving = k->saving_view = false;
	lr_coord_free(k->c);
	k->c = NULL;
	for (unsigned i = 0; i < k->n; i++)
		if (k->d[i].linked)
			kit_unlink_donor(k, &k->d[i]);
}
