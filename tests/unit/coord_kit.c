/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coord_kit.h"

static void wrong(struct kit *k, const char *what, unsigned slot)
{
	if (!k->wrong[0])
		snprintf(k->wrong, sizeof k->wrong, "%s: slot %u at %llu ms",
			 what, slot, (unsigned long long)k->now);
}

static struct kit_donor *by_inc(struct kit *k, uint64_t inc)
{
	for (unsigned i = 0; i < k->n; i++)
		if (k->d[i].inc == inc)
			return &k->d[i];
	return NULL;
}

/* --- messages --- */

static void free_msg(struct kit_msg *m)
{
	free(m->slots);
	free(m->cfgs);
	free(m->reports);
}

/* In order on each link; later than `now`. */
static struct kit_msg *post(struct kit *k, enum kit_msg_kind kind,
			    struct kit_donor *d, size_t n)
{
	bool up = kind >= KIT_HELLO;
	struct kit_msg *m;

	if (k->n_msg == k->cap_msg) {
		k->cap_msg = k->cap_msg ? 2 * k->cap_msg : 64;
		k->msg = realloc(k->msg, k->cap_msg * sizeof *k->msg);
		assert_non_null(k->msg);
	}
	m = &k->msg[k->n_msg++];
	*m = (struct kit_msg){.kind = kind,
			      .at = k->now + draw(&k->seed, k->delay_ms + 1),
			      .inc = d->inc,
			      .gen = d->gen,
			      .run = k->p.run,
			      .donor = (unsigned)(d - k->d),
			      .n = n};
	if (m->at < d->fifo[up])
		m->at = d->fifo[up];
	d->fifo[up] = m->at;
	m->slots = calloc(n + 1, sizeof *m->slots);
	m->cfgs = calloc(n + 1, sizeof *m->cfgs);
	m->reports = calloc(n + 1, sizeof *m->reports);
	return m;
}

static struct lr_slot_report report(const struct kit_donor *d, unsigned s)
{
	return (struct lr_slot_report){.slot = s,
				       .result = LR_E_OK,
				       .prom = d->slot[s].prom,
				       .status = d->slot[s].status,
				       .inst = d->slot[s].inst};
}

static void post_all(struct kit *k, enum kit_msg_kind kind, struct kit_donor *d)
{
	struct kit_msg *m = post(k, kind, d, k->nslots);
	size_t n = 0;

	for (unsigned s = 0; s < k->nslots; s++) {
		if (!d->slot[s].prom)
			continue;
		m->reports[n] = report(d, s);
		/* The ce alone, as on the wire. */
		m->reports[n++].inst =
			(struct lr_cfg){.ce = d->slot[s].inst.ce};
	}
	m->n = n;
}

/* --- invariants --- */

static bool same_cfg(const struct lr_cfg *a, const struct lr_cfg *b)
{
	return a->n == b->n && a->src == b->src && a->lost == b->lost &&
	       !memcmp(a->mem, b->mem, a->n * sizeof a->mem[0]);
}

/* I1: at most one configuration for a slot and an epoch. */
static void check_one(struct kit *k, unsigned s, const struct lr_cfg *cfg)
{
	struct lr_cfg *past = &k->past[(size_t)s * KIT_PAST];

	if (!cfg->ce || k->nslots > KIT_SMALL)
		return;
	for (unsigned i = k->n_past[s]; i-- > 0;) {
		if (past[i].ce != cfg->ce)
			continue;
		if (!same_cfg(&past[i], cfg))
			wrong(k, "I1: two configurations of one epoch", s);
		return;
	}
	if (!lr_cfg_valid(cfg))
		wrong(k, "an impossible configuration", s);
	if (k->n_past[s] < KIT_PAST)
		past[k->n_past[s]++] = *cfg;
}

static bool acked(struct kit *k, uint64_t inc, unsigned s, uint64_t epoch)
{
	const struct kit_ack *a = &k->d[inc % KIT_DONORS].ack[s];

	return a->inc == inc && a->epoch == epoch;
}

/* What a member that sealed for `epoch` could bring. */
static bool could_be_source(struct kit *k, const struct lr_cfg *old, unsigned i,
			    unsigned s, uint64_t epoch)
{
	const struct kit_ack *a = &k->d[old->mem[i] % KIT_DONORS].ack[s];

	if (!acked(k, old->mem[i], s, epoch))
		return false;
	if (a->ce == old->ce)
		return a->synced;
	return old->src >> i & 1 && !(old->lost & LR_LOST_MERGE);
}

/* It said so itself, a later incarnation said hello, or an admin said so.
 * Incarnations tell their device: inc % KIT_DONORS. */
static bool proven(struct kit *k, uint64_t inc, unsigned s, uint64_t epoch)
{
	const struct kit_donor *d = &k->d[inc % KIT_DONORS];

	return acked(k, inc, s, epoch) || d->said > inc || d->forgot >= inc;
}

/* Nobody but the proof may call it lost: a host that is silent may be back. */
static void check_lost(struct kit *k, unsigned s, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	for (unsigned i = 0; i < old->n; i++) {
		struct kit_donor *d = by_inc(k, old->mem[i]);
		int at = lr_cfg_index(cfg, old->mem[i]);

		if (!proven(k, old->mem[i], s, cfg->ce))
			wrong(k, "lost without proof", s);
		if (!d || !d->alive || !d->held[s] ||
		    d->slot[s].inst.ce != old->ce)
			continue;
		if (could_be_source(k, old, i, s, cfg->ce))
			wrong(k, "lost, and a member has it all", s);
		if (at < 0 || !(cfg->src >> at & 1))
			wrong(k, "lost, and a holder is emptied", s);
	}
	k->lost++;
	k->acked[s] = 0;
}

static bool awaits_sync(struct kit *k, const struct lr_cfg *cfg)
{
	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = by_inc(k, cfg->mem[i]);

		if (!(cfg->src >> i & 1) && d && d->alive && d->linked &&
		    !d->leaving && k->now > d->cut_at + 3000)
			return true;
	}
	return false;
}

/* Who could stay goes only when its successor is synced, or its RAM is needed
 * there. */
static void check_removed(struct kit *k, unsigned s, const struct lr_cfg *old,
			  const struct lr_cfg *cfg)
{
	unsigned copies = s / (k->nslots / LR_CLASSES) + 1;

	if ((unsigned)__builtin_popcount(cfg->src) >= copies ||
	    !awaits_sync(k, cfg))
		return;
	for (unsigned i = 0; i < old->n; i++) {
		struct kit_donor *d = by_inc(k, old->mem[i]);

		if (d && d->alive && d->linked && k->now > d->cut_at + 3000 &&
		    d->pressure < LR_PRESSURE_HARD &&
		    lr_cfg_index(cfg, d->inc) < 0 &&
		    could_be_source(k, old, i, s, cfg->ce))
			wrong(k, "removed before its successor is synced", s);
	}
}

/* I3: each source was a synced member that sealed. */
static void check_next(struct kit *k, unsigned s, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	bool kept = false;

	if (!old->ce || old->ce == cfg->ce)
		return;
	if (cfg->ce < old->ce)
		wrong(k, "the epoch went back", s);
	check_removed(k, s, old, cfg);
	for (unsigned i = 0; i < old->n; i++) {
		int at = lr_cfg_index(cfg, old->mem[i]);

		if (at < 0 || !(cfg->src >> at & 1))
			continue;
		if (could_be_source(k, old, i, s, cfg->ce))
			kept = true;
		else if (!(cfg->lost & LR_LOST_MARK))
			wrong(k, "I3: a source that is not", s);
	}
	if (kept)
		return;
	if (!(cfg->lost & LR_LOST_MARK))
		wrong(k, "I3: nobody was kept", s);
	check_lost(k, s, old, cfg);
}

static void check_commit(struct kit *k, const struct lr_view *v)
{
	for (unsigned s = 0; s < k->nslots; s++) {
		check_one(k, s, &v->cfg[s]);
		if (v->cfg[s].ce == v->epoch) /* made by this change */
			check_next(k, s, &k->last[s], &v->cfg[s]);
		if (v->cfg[s].ce > k->last[s].ce)
			k->last[s] = v->cfg[s];
	}
}

static void check_told(struct kit *k, unsigned s, const struct lr_cfg *cfg)
{
	check_one(k, s, cfg);
	if (cfg->ce > k->last[s].ce)
		wrong(k, "told before it was persisted", s);
}

/* I4: where ALL of a cfg answer, who is synced has all that was acknowledged.
 */
static void check_read(struct kit *k, unsigned s)
{
	const struct lr_cfg *cfg = &k->known[s];

	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = by_inc(k, cfg->mem[i]);

		if (!d || !d->alive || lr_slot_admit(&d->slot[s], cfg->ce))
			return;
	}
	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = by_inc(k, cfg->mem[i]);

		if (d->slot[s].status == LR_SLOT_SYNCED &&
		    k->acked[s] & ~d->held[s])
			wrong(k, "an acknowledged write is not there", s);
	}
}

/* --- the coordinator's actions --- */

static void to_disk(struct kit *k)
{
	if (!k->saving)
		return;
	k->saving = false;
	if (!k->saving_view) {
		k->disk_prepared = k->save_prepared;
		return;
	}
	check_commit(k, &k->save_view);
	if (k->on_disk)
		lr_view_done(&k->disk);
	k->disk = k->save_view;
	k->on_disk = true;
	k->saving_view = false;
}

static void save(struct kit *k, const struct lr_view *v, uint64_t epoch)
{
	if (k->saving)
		to_disk(k); /* only where a rule was taken away */
	k->saving = true;
	k->saving_view = v != NULL;
	k->save_prepared = epoch;
	k->save_at = k->now + draw(&k->seed, k->delay_ms + 1);
	while (v && !lr_view_copy(&k->save_view, v))
		;
}

static void send_view(struct kit *k, struct kit_donor *d, const unsigned *slots,
		      size_t n)
{
	const struct lr_view *v = lr_coord_view(k->c);
	struct kit_msg *m = post(k, KIT_VIEW, d, n);

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
			send_view(k, &k->d[i], a->slots, a->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct lr_cfg *cfg = &v->cfg[a->slots[i]];

		check_told(k, a->slots[i], cfg);
		/* Writers miss one in four. */
		if (cfg->ce >= k->known[a->slots[i]].ce && draw(&k->seed, 4))
			k->known[a->slots[i]] = *cfg;
	}
}

static void send_slots(struct kit *k, const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(k->c);
	struct kit_donor *d = by_inc(k, a->inc);
	struct kit_msg *m;

	if (!d || !d->linked)
		return;
	k->seals += a->what == LR_DO_SEAL;
	if (a->what == LR_DO_SEAL && a->epoch > k->disk_prepared)
		wrong(k, "an epoch was used before it was persisted", 0);
	m = post(k, a->what == LR_DO_SEAL ? KIT_SEAL : KIT_INSTALL, d, a->n);
	m->epoch = a->epoch;
	for (size_t i = 0; i < a->n; i++) {
		m->slots[i] = a->slots[i];
		m->cfgs[i] = v->cfg[a->slots[i]];
		if (a->what == LR_DO_INSTALL)
			check_told(k, a->slots[i], &m->cfgs[i]);
	}
}

static void unlink_donor(struct kit *k, struct kit_donor *d)
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
	struct kit_donor *d = by_inc(k, a->inc), *t = by_inc(k, a->target);

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
			post(k, KIT_REACHED, d, 0)->epoch = t->inc;
		break;
	case LR_DO_CONNECT:
		if (t && t->alive && !t->cut)
			post(k, KIT_REACHED, t, 0)->epoch = t->inc;
		break;
	case LR_DO_SLOTS_GET:
		if (d && d->linked)
			post(k, KIT_SLOTS_GET, d, 0);
		break;
	case LR_DO_MAY_LEAVE:
		if (d && d->linked)
			post(k, KIT_MAY_LEAVE, d, 0);
		break;
	case LR_DO_CLOSE:
		if (d && d->linked)
			unlink_donor(k, d);
		break;
	case LR_DO_EVENT:
		k->events[a->event]++;
		break;
	case LR_DO_NONE:
		break;
	}
}

static void acts(struct kit *k)
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
	k->tick_at = k->now;
}

void kit_coord_crash(struct kit *k, bool written)
{
	if (k->saving && written)
		to_disk(k);
	if (k->saving && k->saving_view)
		lr_view_done(&k->save_view);
	k->saving = k->saving_view = false;
	lr_coord_free(k->c);
	k->c = NULL;
	for (unsigned i = 0; i < k->n; i++)
		if (k->d[i].linked)
			unlink_donor(k, &k->d[i]);
}

/* --- donors --- */

static void wipe(struct kit *k, struct kit_donor *d)
{
	memset(d->slot, 0, k->nslots * sizeof *d->slot);
	memset(d->held, 0, k->nslots * sizeof *d->held);
}

void kit_start(struct kit *k, unsigned donor)
{
	struct kit_donor *d = &k->d[donor];

	if (d->alive)
		return;
	wipe(k, d);
	k->next_inc += KIT_DONORS;
	d->inc = k->next_inc + donor;
	d->alive = true;
	d->silent = d->leaving = d->may_leave = false;
	unlink_donor(k, d);
}

void kit_kill(struct kit *k, unsigned donor, bool silent)
{
	struct kit_donor *d = &k->d[donor];

	if (!d->alive)
		return;
	d->alive = false;
	d->silent = silent;
	d->lost_at = d->linked ? k->now + 5 : 0;
	if (silent || d->cut || !d->linked || !k->c) {
		d->gen++;
		d->linked = false;
		return;
	}
	unlink_donor(k, d);
	lr_coord_link_lost(k->c, d->inc, k->now);
	acts(k);
}

void kit_cut(struct kit *k, unsigned donor, bool cut)
{
	struct kit_donor *d = &k->d[donor];

	if (d->cut == cut)
		return;
	d->cut = cut;
	d->cut_at = k->now;
	if (cut || !d->linked)
		return;
	/* What was under way is lost, so the link is. */
	unlink_donor(k, d);
	if (k->c)
		lr_coord_link_lost(k->c, d->inc, k->now);
	acts(k);
}

void kit_forget(struct kit *k, unsigned donor)
{
	struct kit_donor *d = &k->d[donor];

	if (!k->c || d->alive ||
	    lr_coord_forget(k->c, &d->dev, k->now) != LR_E_OK)
		return;
	d->forgot = d->inc;
	acts(k);
}

void kit_leave(struct kit *k, unsigned donor)
{
	struct kit_donor *d = &k->d[donor];

	if (!d->alive || d->leaving)
		return;
	d->leaving = true;
	d->leave_at = k->now + 20000;
	if (d->linked)
		post(k, KIT_LEAVE, d, 0);
}

static void exit_clean(struct kit *k, struct kit_donor *d)
{
	d->alive = d->linked = false;
	d->gen++;
	if (k->c && !d->cut)
		lr_coord_gone(k->c, d->inc, k->now);
	acts(k);
}

static bool can_pull(struct kit *k, const struct lr_cfg *cfg, unsigned i,
		     unsigned s)
{
	struct kit_donor *o = by_inc(k, cfg->mem[i]);

	return o && o->alive && !lr_slot_admit(&o->slot[s], cfg->ce);
}

/* One of the sources, or of a slot that merges, every other one. */
static bool pull(struct kit *k, struct kit_donor *d, unsigned s)
{
	const struct lr_cfg *cfg = &d->slot[s].inst;
	bool merge = cfg->lost & LR_LOST_MERGE;
	bool got = false;

	for (unsigned i = 0; i < cfg->n; i++) {
		if (!(cfg->src >> i & 1) || cfg->mem[i] == d->inc)
			continue;
		if (!can_pull(k, cfg, i, s)) {
			if (merge)
				return false;
			continue;
		}
		d->held[s] |= by_inc(k, cfg->mem[i])->held[s];
		got = true;
		if (!merge)
			return true;
	}
	return got;
}

static void sync_slots(struct kit *k, struct kit_donor *d)
{
	struct lr_slot_ce done[64], full[64];
	size_t n = 0, m = 0;

	for (unsigned s = 0; s < k->nslots; s++) {
		uint64_t ce = d->slot[s].inst.ce;

		if (d->slot[s].status != LR_SLOT_SYNCING || n == 64 || m == 64)
			continue;
		if (k->sync_ms > 10 && draw(&k->seed, k->sync_ms / 10))
			continue;
		if (d->full)
			full[m++] = (struct lr_slot_ce){s, ce};
		else if (pull(k, d, s) && lr_slot_synced(&d->slot[s], ce))
			done[n++] = (struct lr_slot_ce){s, ce};
	}
	if (n && d->linked) {
		struct kit_msg *msg = post(k, KIT_SYNCED, d, n);

		for (size_t i = 0; i < n; i++) {
			msg->slots[i] = done[i].slot;
			msg->cfgs[i].ce = done[i].ce;
		}
	}
	if (m && d->linked && k->c) {
		lr_coord_sync_full(k->c, d->inc, full, m, k->now);
		acts(k);
	}
}

static void beat(struct kit *k, struct kit_donor *d)
{
	struct lr_beat b = {
		.tick = ++d->tick, .lent = d->lent, .used = d->used,
		.pressure = d->pressure};

	d->beat_at = k->now + 100;
	for (unsigned s = 0; s < k->nslots; s++) {
		if (d->slot[s].prom > b.max_prom)
			b.max_prom = d->slot[s].prom;
		b.sealed += d->slot[s].prom > d->slot[s].inst.ce;
	}
	lr_coord_beat(k->c, d->inc, &b, k->now);
	acts(k);
}

/* Links of a donor that is cut off or dead are noticed after a while. */
static void watch_link(struct kit *k, struct kit_donor *d)
{
	if (d->cut && d->linked && k->now >= d->cut_at + 1000) {
		unlink_donor(k, d);
		lr_coord_link_lost(k->c, d->inc, k->now);
	}
	if (!d->alive && d->lost_at && k->now >= d->lost_at) {
		d->lost_at = 0;
		if (!d->silent && !d->cut)
			lr_coord_refused(k->c, d->inc, k->now);
	}
	acts(k);
}

static void live(struct kit *k, struct kit_donor *d)
{
	if (k->c)
		watch_link(k, d);
	if (!d->alive)
		return;
	if (d->leaving && (d->may_leave || k->now >= d->leave_at)) {
		exit_clean(k, d);
		return;
	}
	sync_slots(k, d);
	if (!k->c || d->cut)
		return;
	if (d->wants_link && !d->linked && k->now >= d->at) {
		d->linked = true;
		d->wants_link = false;
		post_all(k, KIT_HELLO, d);
		if (d->leaving)
			post(k, KIT_LEAVE, d, 0);
	}
	if (d->linked && k->now >= d->beat_at)
		beat(k, d);
}

/* --- messages arrive --- */

static void donor_view(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	(void)k;
	for (size_t i = 0; i < m->n; i++)
		if (lr_slot_left(&d->slot[m->slots[i]], d->inc, &m->cfgs[i]))
			d->held[m->slots[i]] = 0;
}

static void donor_seal(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	struct kit_msg *r = post(k, KIT_SEALED, d, m->n);

	r->epoch = m->epoch;
	for (size_t i = 0; i < m->n; i++) {
		unsigned s = m->slots[i];
		enum lr_err err = lr_slot_seal(&d->slot[s], m->epoch, m->run);

		r->reports[i] = report(d, s);
		r->reports[i].result = err;
		if (err == LR_E_OK)
			d->ack[s] = (struct kit_ack){
				d->inc, m->epoch, d->slot[s].inst.ce,
				d->slot[s].status == LR_SLOT_SYNCED};
	}
}

static void donor_install(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	struct kit_msg *r = post(k, KIT_INSTALLED, d, m->n);

	for (size_t i = 0; i < m->n; i++) {
		unsigned s = m->slots[i];
		enum lr_install did = lr_slot_install(&d->slot[s], d->inc,
						      &m->cfgs[i], m->run);

		if (did == LR_INSTALL_EMPTIED)
			d->held[s] = 0;
		r->reports[i] = report(d, s);
		if (did == LR_INSTALL_REFUSED)
			r->reports[i].result = LR_E_STALE;
	}
}

static void take_hello(struct kit *k, struct kit_donor *d, struct kit_msg *m)
{
	struct lr_coord_donor h = {.member = {.inc = d->inc,
					      .dev = d->dev,
					      .machine = d->dev,
					      .shards = 1},
				   .lent = d->lent,
				   .used = d->used};
	enum lr_err err;

	d->said = d->inc;
	err = lr_coord_hello(k->c, &h, m->reports, m->n, k->now);

	if (err == LR_E_PERMISSION) { /* superseded: it starts afresh */
		d->alive = d->linked = false;
		kit_start(k, (unsigned)(d - k->d));
		return;
	}
	acts(k);
	if (err != LR_E_OK) {
		unlink_donor(k, d); /* it tries again */
		return;
	}
	send_view(k, d, NULL, k->nslots);
}

static void take_synced(struct kit *k, struct kit_msg *m)
{
	struct lr_slot_ce *ce = calloc(m->n + 1, sizeof *ce);

	for (size_t i = 0; i < m->n; i++)
		ce[i] = (struct lr_slot_ce){m->slots[i], m->cfgs[i].ce};
	lr_coord_synced(k->c, m->inc, ce, m->n, k->now);
	free(ce);
}

static void arrive(struct kit *k, struct kit_msg *m)
{
	struct kit_donor *d = &k->d[m->donor];

	if (m->kind == KIT_REACHED) {
		if (k->c && m->run == k->p.run)
			lr_coord_reached(k->c, m->epoch, k->now);
		return;
	}
	if (m->gen != d->gen || m->inc != d->inc || d->cut || !d->alive ||
	    !k->c)
		return;
	switch (m->kind) {
	case KIT_SEAL:
		donor_seal(k, d, m);
		break;
	case KIT_INSTALL:
		donor_install(k, d, m);
		break;
	case KIT_VIEW:
		donor_view(k, d, m);
		break;
	case KIT_SLOTS_GET:
		post_all(k, KIT_SLOTS, d);
		break;
	case KIT_MAY_LEAVE:
		d->may_leave = true;
		break;
	case KIT_HELLO:
		take_hello(k, d, m);
		break;
	case KIT_SEALED:
		lr_coord_sealed(k->c, m->inc, m->epoch, m->reports, m->n,
				k->now);
		break;
	case KIT_INSTALLED:
		lr_coord_installed(k->c, m->inc, m->epoch, m->reports, m->n,
				   k->now);
		break;
	case KIT_SLOTS:
		lr_coord_slots(k->c, m->inc, m->reports, m->n, k->now);
		break;
	case KIT_SYNCED:
		take_synced(k, m);
		break;
	case KIT_LEAVE:
		lr_coord_leave(k->c, m->inc, k->now);
		break;
	case KIT_REACHED:
		break;
	}
	acts(k);
}

static void deliver(struct kit *k)
{
	for (size_t i = 0; i < k->n_msg;) {
		struct kit_msg m = k->msg[i];

		if (m.at > k->now) {
			i++;
			continue;
		}
		memmove(&k->msg[i], &k->msg[i + 1],
			(--k->n_msg - i) * sizeof m);
		arrive(k, &m);
		free_msg(&m);
	}
}

/* --- writers --- */

void kit_put(struct kit *k, unsigned slot)
{
	const struct lr_cfg *cfg = &k->known[slot];

	for (unsigned i = 0; i < KIT_OPS; i++) {
		struct kit_op *op = &k->op[i];

		if (op->on || !cfg->ce || k->next_bit[slot] == 64)
			continue;
		*op = (struct kit_op){.on = true,
				      .slot = slot,
				      .cfg = *cfg,
				      .bit = 1ull << k->next_bit[slot]++,
				      .left = (1u << cfg->n) - 1};
		return;
	}
}

static void put_step(struct kit *k, struct kit_op *op)
{
	unsigned i = draw(&k->seed, op->cfg.n);
	struct kit_donor *d = by_inc(k, op->cfg.mem[i]);
	unsigned s = op->slot;

	if (!(op->left >> i & 1))
		return;
	if (!d || !d->alive) {
		op->on = false; /* the outcome is unknown */
		return;
	}
	if (lr_slot_admit(&d->slot[s], op->cfg.ce) != LR_E_OK) {
		if (d->slot[s].inst.ce > k->known[s].ce)
			k->known[s] = d->slot[s].inst;
		op->on = false;
		return;
	}
	d->held[s] |= op->bit;
	op->left &= ~(1ull << i);
	if (op->left)
		return;
	k->acked[s] |= op->bit;
	k->acks++;
	op->on = false;
}

/* --- time --- */

void kit_step(struct kit *k)
{
	k->now += 10;
	if (k->saving && k->now >= k->save_at) {
		to_disk(k);
		lr_coord_persisted(k->c, k->now);
		acts(k);
	}
	deliver(k);
	for (unsigned i = 0; i < k->n; i++)
		live(k, &k->d[i]);
	for (unsigned i = 0; i < KIT_OPS; i++)
		if (k->op[i].on)
			put_step(k, &k->op[i]);
	if (k->c && k->now >= k->tick_at) {
		lr_coord_tick(k->c, k->now);
		k->tick_at = k->now + 20;
		acts(k);
	}
	if (k->nslots <= KIT_SMALL)
		for (unsigned s = 0; s < k->nslots; s++)
			check_read(k, s);
}

void kit_run(struct kit *k, unsigned ms)
{
	for (uint64_t end = k->now + ms; k->now < end && !k->wrong[0];)
		kit_step(k);
}

bool kit_until(struct kit *k, bool (*holds)(struct kit *), unsigned ms)
{
	for (uint64_t end = k->now + ms; k->now < end; kit_step(k))
		if (k->wrong[0] || holds(k))
			break;
	return !k->wrong[0] && holds(k);
}

static bool slot_healed(struct kit *k, unsigned s, unsigned up)
{
	const struct lr_cfg *cfg = &lr_coord_view(k->c)->cfg[s];
	unsigned copies = s / (k->nslots / LR_CLASSES) + 1;

	if (!cfg->ce || cfg->n != (copies < up ? copies : up))
		return false;
	for (unsigned i = 0; i < cfg->n; i++) {
		struct kit_donor *d = by_inc(k, cfg->mem[i]);

		if (!d || !d->alive || !lr_cfg_synced(cfg, d->inc) ||
		    lr_slot_admit(&d->slot[s], cfg->ce) != LR_E_OK ||
		    d->slot[s].status != LR_SLOT_SYNCED)
			return false;
		if (k->acked[s] & ~d->held[s])
			wrong(k, "an acknowledged write was lost", s);
	}
	return true;
}

bool kit_healed(struct kit *k)
{
	unsigned up = 0;

	if (!k->c)
		return false;
	for (unsigned i = 0; i < k->n; i++)
		up += k->d[i].alive && !k->d[i].leaving;
	for (unsigned s = 0; s < k->nslots; s++)
		if (!slot_healed(k, s, up))
			return false;
	return true;
}

unsigned kit_unavailable(struct kit *k)
{
	unsigned n = 0;

	for (unsigned s = 0; s < k->nslots; s++)
		n += lr_coord_slot_health(k->c, s) == LR_SLOTS_UNAVAILABLE;
	return n;
}

unsigned kit_holding(struct kit *k, unsigned donor)
{
	unsigned n = 0;

	for (unsigned s = 0; s < k->nslots; s++)
		n += lr_cfg_index(&lr_coord_view(k->c)->cfg[s],
				  k->d[donor].inc) >= 0;
	return n;
}

/* --- a life --- */

void kit_init(struct kit *k, unsigned nslots, unsigned donors, uint64_t seed)
{
	memset(k, 0, sizeof *k);
	k->nslots = nslots;
	k->n = donors;
	k->seed = seed * 7919 + 1;
	k->now = 1000;
	k->p = (struct lr_coord_params){.nslots = nslots,
					.suspect = lr_suspect_defaults,
					.seal_wait_ms = 200,
					.rebuild_delay_ms = 2000,
					.settle_ms = 300,
					.run = seed << 20};
	k->known = calloc(nslots, sizeof *k->known);
	k->last = calloc(nslots, sizeof *k->last);
	k->past = calloc((size_t)nslots * (nslots > KIT_SMALL ? 1 : KIT_PAST),
			 sizeof *k->past);
	k->n_past = calloc(nslots, sizeof *k->n_past);
	k->acked = calloc(nslots, sizeof *k->acked);
	k->next_bit = calloc(nslots, 1);
	for (unsigned i = 0; i < donors; i++) {
		k->d[i].dev.b[0] = (uint8_t)(i + 1);
		k->d[i].lent = 1u << 30;
		k->d[i].slot = calloc(nslots, sizeof *k->d[i].slot);
		k->d[i].held = calloc(nslots, sizeof *k->d[i].held);
		k->d[i].ack = calloc(nslots, sizeof *k->d[i].ack);
	}
	k->sync_ms = 10;
	kit_coord_start(k);
}

void kit_done(struct kit *k)
{
	if (k->c)
		kit_coord_crash(k, false);
	if (k->on_disk)
		lr_view_done(&k->disk);
	for (size_t i = 0; i < k->n_msg; i++)
		free_msg(&k->msg[i]);
	free(k->msg);
	for (unsigned i = 0; i < k->n; i++) {
		free(k->d[i].slot);
		free(k->d[i].held);
		free(k->d[i].ack);
	}
	free(k->known);
	free(k->last);
	free(k->past);
	free(k->n_past);
	free(k->acked);
	free(k->next_bit);
}
