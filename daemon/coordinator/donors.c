/* SPDX-License-Identifier: Apache-2.0 */
/* Between donors' frames and the rules.
 *
 * A donor's control link, once admitted: SLOTS_GET is asked, and its answer
 * with what HELLO said is the rules' hello. SEALs and INSTALLs go out in
 * frames that their answers fit in, too; a SEAL counts as acknowledged when
 * all of its frames are. A link that closed is asked for at once: refused
 * means that the process is gone. */
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/log.h"

#define SLOTS_A_FRAME 4096
#define SLOTS_MS 20000
#define SEAL_MS 20000 /* no change waits longer */
#define LENT_MS 1500
#define CUT_OFF_MS 60000
#define STATE_BYTES 21 /* a slot_state record */

/* --- reports of slots ------------------------------------------------------ */

/* slot_state records, each followed by a cfg if `with_cfg`. NULL: malformed or
 * out of memory. */
static struct lr_slot_report *decode_slots(const struct lr_frame *f,
					   bool with_cfg, size_t *ret_n)
{
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	size_t n = 0, max = f->h.bulk / STATE_BYTES + 1;
	struct lr_slot_report *all = calloc(max, sizeof *all);
	struct lr_rec_slot_state rec;

	for (; all && r.left; n++) {
		struct lr_slot_report *one = &all[n];
		unsigned slot;

		if (n == max || n == LR_SLOTS ||
		    !lr_dec_rec_slot_state(&r, &rec) || rec.slot >= LR_SLOTS)
			goto bad;
		*one = (struct lr_slot_report){
			.slot = rec.slot,
			.result = lr_err_from_wire(rec.result),
			.prom = rec.prom,
			.status = rec.status,
		};
		if (rec.status == LR_SLOT_NONE)
			one->left = rec.ce;
		else
			one->inst.ce = rec.ce;
		if (with_cfg && (!lr_dec_cfg(&r, &slot, &one->inst) ||
				 slot != rec.slot))
			goto bad;
	}
	*ret_n = n;
	return all;
bad:
	free(all);
	return NULL;
}

/* --- hello ---------------------------------------------------------------- */

/* This run of the donor is proven gone: it must start afresh. */
static void send_away(struct lr_link *link)
{
	lr_link_send_error(link, 0, LR_E_PERMISSION,
			   "this run of the donor was given up");
	lr_link_close(link, LR_E_OK);
}

/* A reply may come after its link was replaced: the peer is found anew. */
static void slots_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct lr_peer *p = err == LR_E_CLOSED ? NULL : lr_link_arg(link);
	struct lr_slot_report *all;
	struct lr_msg_slots_r m;
	size_t n;

	(void)arg;
	if (!p || p->k->stopped)
		return;
	if (err || f->h.type != LR_M_SLOTS_R ||
	    !lr_dec_slots_r(f->meta, f->h.meta, &m) || m.inc != p->inc ||
	    !(all = decode_slots(f, false, &n))) {
		lr_link_close(link, err ? err : LR_E_PROTOCOL);
		return;
	}
	if (p->hello_done)
		lr_coord_slots(p->k->rules, p->inc, all, n, lr_now_ms());
	else if (lr_coord_hello(p->k->rules, p->donor, all, n, lr_now_ms()))
		send_away(link);
	else
		p->hello_done = true;
	free(all);
	lr_coordinator_act(p->k);
}

void lr_donor_greet(struct lr_peer *p)
{
	struct lr_msg_slots_get m = { 0 };

	LR_REQUEST(p->link, SLOTS_GET, slots_get, &m, NULL, SLOTS_MS, slots_cb,
		   NULL);
}

void lr_donor_slots_get(struct lr_coordinator *k, uint64_t inc)
{
	struct lr_peer *p = lr_peers_donor(k, inc);

	if (p)
		lr_donor_greet(p);
}

/* --- seal ------------------------------------------------------------------ */

struct seal {
	struct lr_coordinator *k;
	uint64_t inc, epoch;
	unsigned frames; /* still out */
	bool broken;
	struct lr_slot_report *all;
	size_t n, cap;
};

static void seal_take(struct seal *s, const struct lr_frame *f)
{
	struct lr_slot_report *part;
	size_t n;

	part = decode_slots(f, true, &n);
	if (!part || s->n + n > s->cap) {
		s->broken = true;
	} else {
		memcpy(s->all + s->n, part, n * sizeof *part);
		s->n += n;
	}
	free(part);
}

static void seal_cb(struct lr_link *link, enum lr_err err,
		    const struct lr_frame *f, void *arg)
{
	struct seal *s = arg;

	(void)link;
	if (err || f->h.type != LR_M_SEAL_R)
		s->broken = true;
	else
		seal_take(s, f);
	if (--s->frames)
		return;
	if (!s->broken && !s->k->stopped) {
		lr_coord_sealed(s->k->rules, s->inc, s->epoch, s->all, s->n,
				lr_now_ms());
		lr_coordinator_act(s->k);
	}
	free(s->all);
	free(s);
}

static void seal_send(struct seal *s, struct lr_peer *p, const unsigned *slots,
		      size_t n, uint64_t run)
{
	uint8_t buf[LR_SEAL_SLOTS_MAX * 2];
	struct lr_msg_seal m = { .epoch = s->epoch, .run = run };
	size_t at = 0;

	while (at < n) {
		struct lr_writer w = lr_writer(buf, sizeof buf);
		struct lr_bulk bulk = { .p = buf };

		for (unsigned i = 0; i < LR_SEAL_SLOTS_MAX && at < n; i++)
			lr_w_u16(&w, (uint16_t)slots[at++]);
		bulk.len = w.len;
		LR_REQUEST(p->link, SEAL, seal, &m, &bulk, SEAL_MS, seal_cb,
			   s);
	}
}

void lr_donor_seal(struct lr_coordinator *k, const struct lr_coord_act *a)
{
	struct lr_peer *p = lr_peers_donor(k, a->inc);
	struct seal *s = p && a->n ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return;
	*s = (struct seal){ .k = k,
			    .inc = a->inc,
			    .epoch = a->epoch,
			    .frames = (unsigned)((a->n + LR_SEAL_SLOTS_MAX - 1) /
						 LR_SEAL_SLOTS_MAX),
			    .all = calloc(a->n, sizeof *s->all),
			    .cap = a->n };
	if (!s->all) {
		free(s);
		return;
	}
	seal_send(s, p, a->slots, a->n, lr_coord_view(k->rules)->run);
}

/* --- install ---------------------------------------------------------------- */

static void install_cb(struct lr_link *link, enum lr_err err,
		       const struct lr_frame *f, void *arg)
{
	struct lr_peer *p = err == LR_E_CLOSED ? NULL : lr_link_arg(link);
	struct lr_slot_report *all;
	struct lr_msg_install_r m;
	size_t n;

	(void)arg;
	if (!p || p->k->stopped || err || f->h.type != LR_M_INSTALL_R ||
	    !lr_dec_install_r(f->meta, f->h.meta, &m))
		return;
	all = decode_slots(f, false, &n);
	if (!all)
		return;
	lr_coord_installed(p->k->rules, p->inc, m.epoch, all, n, lr_now_ms());
	free(all);
	lr_coordinator_act(p->k);
}

void lr_donor_install(struct lr_coordinator *k, const struct lr_coord_act *a)
{
	static uint8_t buf[SLOTS_A_FRAME * LR_CFG_BYTES_MAX]; /* one loop */
	const struct lr_view *v = lr_coord_view(k->rules);
	struct lr_peer *p = lr_peers_donor(k, a->inc);
	struct lr_msg_install m = { .epoch = a->epoch, .run = v->run };
	size_t at = 0;

	while (p && at < a->n) {
		struct lr_writer w = lr_writer(buf, LR_VALUE_MAX < sizeof buf ?
							    LR_VALUE_MAX :
							    sizeof buf);
		struct lr_bulk bulk = { .p = buf };

		for (unsigned i = 0; i < SLOTS_A_FRAME && at < a->n &&
				     w.cap - w.len > LR_CFG_BYTES_MAX;
		     i++, at++)
			lr_enc_cfg(&w, a->slots[at], &v->cfg[a->slots[at]]);
		bulk.len = w.len;
		LR_REQUEST(p->link, INSTALL, install, &m, &bulk, SEAL_MS,
			   install_cb, NULL);
	}
}

/* What is in the middle of a large answer is not silent. */
void lr_donors_heard(struct lr_coordinator *k, uint64_t now_ms)
{
	for (struct lr_peer *p = k->peers; p; p = p->next) {
		uint64_t bytes = lr_link_read_bytes(p->link);

		if (p->role != LR_LINK_DONOR || !p->admitted)
			continue;
		if (bytes != p->read_bytes)
			lr_coord_heard(k->rules, p->inc, now_ms);
		if (lr_link_is_sending(p->link))
			lr_coord_sending(k->rules, p->inc, now_ms);
		p->read_bytes = bytes;
	}
}

/* --- the end of a link ------------------------------------------------------- */

void lr_donor_closed(struct lr_peer *p)
{
	if (p->role != LR_LINK_DONOR || !p->hello_done ||
	    lr_peers_donor(p->k, p->inc))
		return;
	if (p->may_leave) {
		lr_coord_gone(p->k->rules, p->inc, lr_now_ms());
		return;
	}
	lr_coord_link_lost(p->k->rules, p->inc, lr_now_ms());
	lr_donor_connect(p->k, p->inc);
}

/* --- frames ------------------------------------------------------------------ */

/* The owner of the machine wanted it, or has it to spare again. Changes are
 * gathered; small ones are not worth a word. */
static void note_lent(struct lr_peer *p, uint64_t lent, uint64_t now)
{
	bool less = lent < p->lent;
	uint64_t by = less ? p->lent - lent : lent - p->lent;

	if (by <= p->lent / (less ? 16 : 4)) {
		p->lent_ms = 0;
		return;
	}
	if (!p->lent_ms)
		p->lent_ms = now;
	if (p->lent && now < p->lent_ms + LENT_MS)
		return;
	if (p->lent_known)
		lr_watchers_event(p->k,
				  less ? LR_EVENT_GAVE_BACK : LR_EVENT_GREW,
				  &p->dev, NULL, by, 0);
	p->lent = lent;
	p->lent_known = true;
	p->lent_ms = 0;
}

static void take_beat(struct lr_peer *p, const struct lr_frame *f)
{
	const struct lr_member *member;
	struct lr_reader ticks;
	struct lr_msg_beat m;
	struct lr_beat b;

	if (!lr_dec_beat(f->meta, f->h.meta, &m))
		return;
	member = lr_view_member(lr_coord_view(p->k->rules), m.inc);
	if (!member || !lr_dev_eq(&member->dev, &p->dev))
		return; /* not greeted yet, or somebody else's */
	b = (struct lr_beat){ .ticks = { m.tick },
			      .shards = 1,
			      .lent = m.lent,
			      .used = m.used,
			      .host_available = m.host_available,
			      .entries = m.entries,
			      .max_prom = m.max_prom,
			      .sealed = m.sealed,
			      .syncing = m.syncing,
			      .sync_left = m.sync_left,
			      .ops = m.ops,
			      .psi_some = m.psi_some,
			      .psi_full = m.psi_full,
			      .p50_us = m.p50_us,
			      .p99_us = m.p99_us,
			      .gets = m.gets,
			      .puts = m.puts,
			      .bytes_out = m.bytes_out,
			      .bytes_in = m.bytes_in,
			      .errors = m.errors,
			      .pressure = m.pressure > LR_PRESSURE_LAST ?
						  LR_PRESSURE_LAST :
						  m.pressure };
	ticks = lr_reader(m.ticks.p, m.ticks.n);
	while (ticks.left >= 8 && b.shards < LR_SHARDS_MAX)
		b.ticks[b.shards++] = lr_r_u64(&ticks);
	lr_coord_beat(p->k->rules, m.inc, &b, lr_now_ms());
	lr_rest_tell(p, &m);
	note_lent(p, m.lent, lr_now_ms());
}

static void take_synced(struct lr_peer *p, const struct lr_frame *f)
{
	static struct lr_slot_ce all[LR_SLOTS]; /* one loop */
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	struct lr_rec_slot_ce rec;
	size_t n = 0;

	while (n < LR_SLOTS && r.left && lr_dec_rec_slot_ce(&r, &rec))
		if (rec.slot < LR_SLOTS)
			all[n++] = (struct lr_slot_ce){ rec.slot, rec.ce };
	if (f->h.type == LR_M_SYNCED)
		lr_coord_synced(p->k->rules, p->inc, all, n, lr_now_ms());
	else
		lr_coord_sync_full(p->k->rules, p->inc, all, n, lr_now_ms());
}

void lr_donor_may_leave(struct lr_coordinator *k, uint64_t inc)
{
	struct lr_peer *p = lr_peers_donor(k, inc);

	if (p)
		p->may_leave = true;
}

static void take_repaired(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_repaired m;

	if (!lr_dec_repaired(f->meta, f->h.meta, &m))
		return;
	if (m.corrupt)
		lr_watchers_event(p->k, LR_EVENT_CORRUPT, &p->dev, NULL,
				  m.corrupt, 0);
	if (m.repaired)
		lr_watchers_event(p->k, LR_EVENT_REPAIRED, &p->dev, NULL,
				  m.repaired, 0);
}

static void take_leave(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_leave_r r = { .err = LR_E_BUSY };
	struct lr_coord_left left;

	lr_coord_leave(p->k->rules, p->inc, lr_now_ms());
	lr_coordinator_act(p->k);
	lr_coord_left(p->k->rules, &p->dev, lr_now_ms(), &left);
	r.slots_left = left.slots;
	r.slots_sole = left.sole;
	if (p->may_leave)
		r.err = LR_E_OK;
	LR_SEND(p->link, LEAVE_R, leave_r, f->h.req, &r, NULL);
}

/* Told at most once in CUT_OFF_MS a link, the first time at once. */
static void take_unreached(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_unreached m;
	uint64_t now = lr_now_ms();

	if (!lr_dec_unreached(f->meta, f->h.meta, &m) ||
	    lr_coord_accused(p->k->rules, m.inc, now) || now < p->cut_off_ms)
		return;
	p->cut_off_ms = now + CUT_OFF_MS;
	lr_watchers_cut_off(p->k, &m.dev, &p->dev);
}

bool lr_donor_frame(struct lr_peer *p, const struct lr_frame *f)
{
	if (f->h.type == LR_M_UNREACHED) {
		take_unreached(p, f);
		return true;
	}
	if (f->h.type == LR_M_BEAT && p->role == LR_LINK_BEAT) {
		take_beat(p, f);
		return true;
	}
	if (p->role != LR_LINK_DONOR || !p->hello_done)
		return false;
	switch (f->h.type) {
	case LR_M_SYNCED:
	case LR_M_SYNC_FULL:
		take_synced(p, f);
		return true;
	case LR_M_REPORT:
		lr_objects_report(p, f);
		return true;
	case LR_M_REPAIRED:
		take_repaired(p, f);
		return true;
	case LR_M_LEAVE:
		take_leave(p, f);
		return true;
	default:
		return false;
	}
}
