/* SPDX-License-Identifier: Apache-2.0 */
/* The small pool itself: messages and their arrival, writers, time. */
#include "tests/unit/coord_kit_i.h"

void kit_wrong(struct kit *k, const char *what, unsigned slot)
{
	if (!k->wrong[0])
		snprintf(k->wrong, sizeof k->wrong, "%s: slot %u at %llu ms",
			 what, slot, (unsigned long long)k->now);
}

struct kit_donor *kit_by_inc(struct kit *k, uint64_t inc)
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

struct kit_msg *kit_post(struct kit *k, enum kit_msg_kind kind,
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
			      .at = k->now + d->slow_ms +
				    draw(&k->seed, k->delay_ms + 1),
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

struct lr_slot_report kit_report(const struct kit_donor *d, unsigned s)
{
	return (struct lr_slot_report){.slot = s,
				       .result = LR_E_OK,
				       .prom = d->slot[s].prom,
				       .left = d->slot[s].left,
				       .status = d->slot[s].status,
				       .inst = d->slot[s].inst};
}

void kit_post_all(struct kit *k, enum kit_msg_kind kind, struct kit_donor *d)
{
	struct kit_msg *m = kit_post(k, kind, d, k->nslots);
	size_t n = 0;

	for (unsigned s = 0; s < k->nslots; s++) {
		if (!d->slot[s].prom)
			continue;
		m->reports[n] = kit_report(d, s);
		/* The ce alone, as on the wire. */
		m->reports[n++].inst =
			(struct lr_cfg){.ce = d->slot[s].inst.ce};
	}
	m->n = n;
}

/* --- messages arrive --- */

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
	kit_acts(k);
	if (err != LR_E_OK) {
		kit_unlink_donor(k, d); /* it tries again */
		return;
	}
	kit_send_view(k, d, NULL, k->nslots);
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
		kit_donor_seal(k, d, m);
		break;
	case KIT_INSTALL:
		kit_donor_install(k, d, m);
		break;
	case KIT_VIEW:
		kit_donor_view(k, d, m);
		break;
	case KIT_SLOTS_GET:
		kit_post_all(k, KIT_SLOTS, d);
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
	kit_acts(k);
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
	struct kit_donor *d = kit_by_inc(k, op->cfg.mem[i]);
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

static void see_links(struct kit *k)
{
	for (size_t i = 0; k->moves && i < k->n_msg; i++) {
		const struct kit_msg *m = &k->msg[i];
		const struct kit_donor *d = &k->d[m->donor];

		if (m->gen != d->gen || m->inc != d->inc || d->cut)
			continue;
		if (m->kind >= KIT_HELLO)
			lr_coord_heard(k->c, m->inc, k->now);
		else
			lr_coord_sending(k->c, m->inc, k->now);
	}
}

void kit_step(struct kit *k)
{
	k->now += 10;
	if (k->saving && k->now >= k->save_at) {
		kit_to_disk(k);
		lr_coord_persisted(k->c, k->now);
		kit_acts(k);
	}
	deliver(k);
	for (unsigned i = 0; i < k->n; i++)
		kit_live(k, &k->d[i]);
	for (unsigned i = 0; i < KIT_OPS; i++)
		if (k->op[i].on)
			put_step(k, &k->op[i]);
	if (k->c && k->now >= k->tick_at) {
		see_links(k);
		lr_coord_tick(k->c, k->now);
		k->tick_at = k->now + 20;
		kit_acts(k);
	}
	if (k->nslots <= KIT_SMALL)
		for (unsigned s = 0; s < k->nslots; s++)
			kit_check_read(k, s);
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

/* --- for tests of one behaviour --- */

void kit_assert_fine(struct kit *k)
{
	if (k->wrong[0])
		fail_msg("%s", k->wrong);
}

void kit_pool(struct kit *k, unsigned n, unsigned donors)
{
	kit_init(k, KIT_POOL_SLOTS, donors, 1);
	for (unsigned i = 0; i < n; i++)
		kit_start(k, i);
	assert_true(kit_until(k, kit_healed, 20000));
	for (unsigned i = 0; i < 3 * KIT_POOL_SLOTS; i++) {
		kit_put(k, i % KIT_POOL_SLOTS);
		kit_run(k, 200);
	}
	assert_true(k->acks > KIT_POOL_SLOTS);
	kit_assert_fine(k);
}

void kit_end(struct kit *k)
{
	kit_assert_fine(k);
	kit_done(k);
}
