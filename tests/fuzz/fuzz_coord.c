/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules, with donors that say anything in any order: hellos,
 * heartbeats, acknowledgements that nobody asked for, of any epoch; links that
 * come and go; admins. What it does must hold all the same:
 *
 *   no SEAL leaves and nothing is committed with an epoch that is not persisted
 *   I1  one configuration a (slot, ce), and ce only grows
 *   I3  a new configuration has a source; each was in the old one, sealed it
 *       with that epoch, and was synced: unless the slot is marked lost, or a
 *       donor told of a configuration newer than ours
 *   INSTALL carries what was committed, to its members */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "core/coord.h"

#define SLOTS  6
#define DONORS 7

struct ack {
	uint64_t epoch; /* the highest acknowledged */
	bool synced;	/* it said so, of the ce committed then */
};

static struct world {
	struct lr_coord *c;
	uint64_t now, prepared, epoch, run;
	enum lr_coord_do writing; /* PREPARE, COMMIT or NONE */
	struct lr_cfg committed[SLOTS], next[SLOTS]; /* next: being written */
	struct ack ack[DONORS][SLOTS];
	bool told_newer[SLOTS];
} w;

/* --- what it does --- */

static bool was_synced(const struct lr_cfg *old, unsigned slot, uint64_t inc,
		       uint64_t ce)
{
	const struct ack *a = &w.ack[inc - 1][slot];
	int i = lr_cfg_index(old, inc);

	return i >= 0 && a->epoch >= ce && (old->src >> i & 1 || a->synced);
}

static void check_next(unsigned slot, const struct lr_cfg *old,
		       const struct lr_cfg *cfg)
{
	FUZZ_CHECK(lr_cfg_valid(cfg));
	FUZZ_CHECK(cfg->ce > old->ce);
	FUZZ_CHECK(cfg->ce <= w.prepared || w.told_newer[slot]);
	FUZZ_CHECK(cfg->src || cfg->lost & LR_LOST_MARK);
	if (w.told_newer[slot])
		return;
	FUZZ_CHECK((cfg->lost & LR_LOST_MARK) >= (old->lost & LR_LOST_MARK));
	if (!old->ce || cfg->lost & LR_LOST_MARK)
		return;
	for (unsigned i = 0; i < cfg->n; i++)
		if (cfg->src >> i & 1)
			FUZZ_CHECK(was_synced(old, slot, cfg->mem[i], cfg->ce));
}

static void check_commit(const struct lr_view *v)
{
	for (unsigned s = 0; s < SLOTS; s++) {
		const struct lr_cfg *old = &w.committed[s];
		const struct lr_cfg *cfg = &v->cfg[s];

		if (cfg->ce == old->ce)
			FUZZ_CHECK(cfg->n == old->n && cfg->src == old->src &&
				   !memcmp(cfg->mem, old->mem,
					   cfg->n * sizeof *cfg->mem));
		else
			check_next(s, old, cfg);
		w.next[s] = *cfg;
	}
}

static void check_install(unsigned slot, uint64_t inc,
			  const struct lr_cfg *cfg)
{
	FUZZ_CHECK(lr_cfg_index(cfg, inc) >= 0);
	FUZZ_CHECK(cfg->ce == w.committed[slot].ce || w.told_newer[slot]);
}

static void perform(const struct lr_coord_act *a)
{
	const struct lr_view *v = lr_coord_view(w.c);

	switch (a->what) {
	case LR_DO_PREPARE:
		FUZZ_CHECK(!w.writing);
		FUZZ_CHECK(a->epoch > w.prepared);
		w.writing = LR_DO_PREPARE;
		w.epoch = a->epoch;
		break;
	case LR_DO_COMMIT:
		FUZZ_CHECK(!w.writing);
		w.writing = LR_DO_COMMIT;
		check_commit(v);
		break;
	case LR_DO_SEAL:
		FUZZ_CHECK(a->epoch <= w.prepared && a->n);
		break;
	case LR_DO_INSTALL:
		for (size_t i = 0; i < a->n; i++)
			check_install(a->slots[i], a->inc,
				      &v->cfg[a->slots[i]]);
		break;
	default:
		break;
	}
}

static void pump(void)
{
	struct lr_coord_act a;

	for (unsigned n = 0; (a = lr_coord_pop(w.c)).what; n++) {
		FUZZ_CHECK(n < 10000);
		perform(&a);
	}
}

/* --- what it hears --- */

static uint64_t an_epoch(struct fuzz_in *in)
{
	switch (fuzz_below(in, 6)) {
	case 0:
		return 0;
	case 1:
		return fuzz_below(in, 8);
	case 2:
		return UINT64_MAX - fuzz_below(in, 2);
	default:
		return w.epoch - 1 + fuzz_below(in, 3);
	}
}

static void a_cfg(struct fuzz_in *in, unsigned slot, struct lr_cfg *ret)
{
	memset(ret, 0, sizeof *ret);
	if (fuzz_below(in, 4)) {
		*ret = w.committed[slot];
		return;
	}
	ret->ce = an_epoch(in);
	ret->n = (uint8_t)fuzz_below(in, 4);
	ret->src = ret->n ? 1 : 0;
	for (unsigned i = 0; i < ret->n; i++)
		ret->mem[i] = 1 + fuzz_below(in, DONORS);
	if (!lr_cfg_valid(ret))
		memset(ret, 0, sizeof *ret);
}

static size_t reports(struct fuzz_in *in, struct lr_slot_report *r)
{
	size_t n = fuzz_below(in, SLOTS + 1);

	for (size_t i = 0; i < n; i++) {
		struct lr_slot_report *one = &r[i];

		*one = (struct lr_slot_report){
			.slot = fuzz_below(in, SLOTS),
			.result = fuzz_below(in, 4) ? LR_E_OK : LR_E_STALE,
			.status = (uint8_t)fuzz_below(in, 3),
		};
		a_cfg(in, one->slot, &one->inst);
		one->prom = an_epoch(in);
		if (!one->inst.ce && one->prom & 1)
			one->left = one->prom;
		if (one->inst.ce > w.committed[one->slot].ce)
			w.told_newer[one->slot] = true;
	}
	return n;
}

static void note_acks(uint64_t inc, uint64_t epoch,
		      const struct lr_slot_report *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ack *a = &w.ack[inc - 1][r[i].slot];

		if (r[i].result != LR_E_OK || epoch < a->epoch)
			continue;
		a->epoch = epoch;
		a->synced = r[i].status == LR_SLOT_SYNCED &&
			    r[i].inst.ce == w.committed[r[i].slot].ce;
	}
}

static void hello(struct fuzz_in *in, uint64_t inc,
		  const struct lr_slot_report *r, size_t n)
{
	struct lr_coord_donor d = {
		.member = {.inc = inc, .shards = 1, .up = true},
		.lent = (uint64_t)fuzz_below(in, 256) << 20,
		.used = (uint64_t)fuzz_below(in, 256) << 20,
	};

	d.member.dev.b[0] = (uint8_t)(1 + (inc - 1) % 4);
	d.member.machine.b[0] = (uint8_t)fuzz_below(in, 3);
	snprintf(d.member.name, sizeof d.member.name, "d%u", (unsigned)inc);
	(void)lr_coord_hello(w.c, &d, r, n, w.now);
}

static void beat(struct fuzz_in *in, uint64_t inc)
{
	struct lr_beat b = {.ticks = {fuzz_int(in, 1)},
			    .shards = 1,
			    .lent = fuzz_int(in, 4),
			    .used = fuzz_int(in, 4),
			    .max_prom = an_epoch(in),
			    .sealed = fuzz_below(in, 3),
			    .syncing = fuzz_below(in, 3)};

	lr_coord_beat(w.c, inc, &b, w.now);
}

static void told_ces(struct fuzz_in *in, uint64_t inc, bool full)
{
	struct lr_slot_ce s[SLOTS];
	size_t n = fuzz_below(in, SLOTS + 1);

	for (size_t i = 0; i < n; i++) {
		s[i].slot = fuzz_below(in, SLOTS);
		s[i].ce = fuzz_below(in, 4) ? w.committed[s[i].slot].ce
					    : an_epoch(in);
	}
	if (full)
		lr_coord_sync_full(w.c, inc, s, n, w.now);
	else
		lr_coord_synced(w.c, inc, s, n, w.now);
}

static void written(void)
{
	if (!w.writing)
		return;
	if (w.writing == LR_DO_PREPARE)
		w.prepared = w.epoch;
	else
		memcpy(w.committed, w.next, sizeof w.next);
	w.writing = LR_DO_NONE;
	lr_coord_persisted(w.c, w.now);
}

static void an_admin(struct fuzz_in *in, uint64_t inc)
{
	struct lr_dev dev = {{(uint8_t)(1 + (inc - 1) % 4)}};
	struct lr_whatif what;

	switch (fuzz_below(in, 6)) {
	case 0:
		(void)lr_coord_drain(w.c, &dev, fuzz_below(in, 2), w.now);
		break;
	case 1:
		(void)lr_coord_forget(w.c, &dev, w.now);
		break;
	case 2:
		lr_coord_confirm(w.c);
		break;
	case 3:
		lr_coord_pause(w.c, fuzz_below(in, 2));
		break;
	case 4:
		lr_coord_whatif(w.c, &inc, 1, &what);
		break;
	default:
		lr_coord_slot_usage(w.c, fuzz_below(in, SLOTS),
				    fuzz_int(in, 2), fuzz_int(in, 4));
		break;
	}
}

static void step(struct fuzz_in *in)
{
	struct lr_slot_report r[SLOTS];
	uint64_t inc = 1 + fuzz_below(in, DONORS), epoch;
	size_t n;

	switch (fuzz_below(in, 16)) {
	case 0:
		n = reports(in, r);
		hello(in, inc, r, n);
		break;
	case 1:
		beat(in, inc);
		break;
	case 2:
		n = reports(in, r);
		lr_coord_slots(w.c, inc, r, n, w.now);
		break;
	case 3:
	case 4:
		n = reports(in, r);
		epoch = fuzz_below(in, 4) ? w.epoch : an_epoch(in);
		note_acks(inc, epoch, r, n);
		lr_coord_sealed(w.c, inc, epoch, r, n, w.now);
		break;
	case 5:
		n = reports(in, r);
		lr_coord_installed(w.c, inc, an_epoch(in), r, n, w.now);
		break;
	case 6:
		told_ces(in, inc, fuzz_below(in, 4) == 0);
		break;
	case 7:
		lr_coord_link_lost(w.c, inc, w.now);
		break;
	case 8:
		lr_coord_refused(w.c, inc, w.now);
		break;
	case 9:
		lr_coord_accused(w.c, inc, w.now);
		break;
	case 10:
		if (fuzz_below(in, 2))
			lr_coord_leave(w.c, inc, w.now);
		else
			lr_coord_gone(w.c, inc, w.now);
		break;
	case 11:
		an_admin(in, inc);
		break;
	case 12:
		lr_coord_reached(w.c, inc, w.now);
		break;
	case 13:
		written();
		break;
	default:
		w.now += 20u << fuzz_below(in, 9);
		lr_coord_tick(w.c, w.now);
		break;
	}
	pump();
}

static void look(void)
{
	struct lr_coord_row rows[DONORS * 2];
	struct lr_coord_summary s;

	FUZZ_CHECK(lr_coord_rows(w.c, rows, DONORS * 2) <= DONORS * 2);
	lr_coord_summarize(w.c, &s);
	FUZZ_CHECK(s.up <= s.known || !s.known);
	(void)lr_coord_recovery_left(w.c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};
	struct lr_coord_params p = {.nslots = SLOTS,
				    .suspect = lr_suspect_defaults,
				    .seal_wait_ms = 200,
				    .rebuild_delay_ms = 2000,
				    .settle_ms = 300,
				    .run = 7};

	memset(&w, 0, sizeof w);
	w.now = 1000;
	w.c = lr_coord_new(&p, NULL, 0, w.now);
	FUZZ_CHECK(w.c);
	pump();
	while (in.left)
		step(&in);
	look();
	lr_coord_free(w.c);
	return 0;
}
