/* SPDX-License-Identifier: Apache-2.0 */
/* What users and admins ask, objects and admission apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/drain.h"
#include "daemon/log.h"

/* The asking user is root of a machine whose device is an admin's, or one that
 * the local socket trusts. */
bool lr_query_is_admin(const struct lr_peer *p, uint32_t uid)
{
	return p->admin && (p->role == LR_LINK_LOCAL || uid == 0);
}

void lr_query_done(struct lr_peer *p, const struct lr_frame *f,
		   enum lr_err err, const char *text)
{
	struct lr_msg_done m = { .err = (uint16_t)err, .text = lr_str(text) };

	LR_SEND(p->link, DONE, done, f->h.req, &m, NULL);
}

bool lr_query_must_be_admin(struct lr_peer *p, const struct lr_frame *f,
			    uint32_t uid)
{
	if (lr_query_is_admin(p, uid))
		return true;
	lr_refuse(&p->k->b.refusals, LR_REFUSED_PERMISSION);
	lr_query_done(p, f, LR_E_PERMISSION,
	     "only an admin may do that: root on the coordinator's machine, "
	     "or on a machine with the admin role");
	return false;
}

static void add_text(struct lr_writer *w, const char *text)
{
	struct lr_rec_text rec = { lr_str(text) };

	lr_enc_rec_text(w, &rec);
}

/* --- status --------------------------------------------------------------- */

static void names_of(const struct lr_coordinator *k, const struct lr_dev *devs,
		     size_t n, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s",
					i ? ", " : "",
					lr_coordinator_name_of(k, &devs[i]));
}

static void tell_unavailable(const struct lr_coordinator *k,
			     const struct lr_coord_summary *s,
			     struct lr_writer *w)
{
	struct lr_dev devs[LR_MEM_MAX];
	char names[256], text[512];

	for (unsigned n = 0; n < LR_SLOTS; n++) {
		if (!lr_coord_slot_holds(k->rules, n) ||
		    lr_coord_slot_health(k->rules, n) != LR_SLOTS_UNAVAILABLE)
			continue;
		names_of(k, devs, lr_coord_awaited(k->rules, n, devs), names,
			 sizeof names);
		snprintf(text, sizeof text,
			 "%u slots cannot be read: waiting for %s",
			 s->unavailable, names);
		add_text(w, text);
		return;
	}
}

enum lr_health lr_query_health(const struct lr_coordinator *k,
			       const struct lr_coord_summary *s,
			       struct lr_writer *w)
{
	char text[128];
	enum lr_health h = LR_HEALTH_OK;

	if (s->unavailable) {
		tell_unavailable(k, s, w);
		h = LR_HEALTH_CRITICAL;
	}
	if (s->lost) {
		snprintf(text, sizeof text, "%u slots have lost data", s->lost);
		add_text(w, text);
		h = LR_HEALTH_CRITICAL;
	}
	if (s->short_) {
		snprintf(text, sizeof text, "%u slots are short of copies%s",
			 s->short_, s->up < 2 ? ": another donor is needed" :
						"");
		add_text(w, text);
		if (h == LR_HEALTH_OK)
			h = LR_HEALTH_DEGRADED;
	}
	if (lr_coord_is_waiting(k->rules)) {
		add_text(w, "this coordinator's state is an old copy: slots "
			    "wait until every donor that may know more was "
			    "there. Will one not come? `lanram pool confirm`");
		if (h == LR_HEALTH_OK)
			h = LR_HEALTH_DEGRADED;
	}
	if (lr_coord_is_paused(k->rules))
		add_text(w, "the rebuild is paused: `lanram rebuild resume`");
	if (!s->up) {
		add_text(w, "no donor is up: nothing can be stored");
		if (h == LR_HEALTH_OK)
			h = LR_HEALTH_DEGRADED;
	}
	return h;
}

/* A rate over the time between two looks of at least 200 ms. */
void lr_query_recovery(struct lr_coordinator *k, uint64_t *ret_left,
		       uint64_t *ret_rate)
{
	uint64_t now = lr_now_ms(), left = lr_coord_recovery_left(k->rules);

	if (now - k->recovered_ms >= 200) {
		k->recovery_rate =
			k->recovery_last > left &&
					now - k->recovered_ms < 5000 ?
				(k->recovery_last - left) * 1000 /
					(now - k->recovered_ms) :
				0;
		k->recovery_last = left;
		k->recovered_ms = now;
	}
	*ret_left = left;
	*ret_rate = k->recovery_rate;
}

static void sum_donors(const struct lr_coordinator *k,
		       struct lr_msg_status_r *r)
{
	size_t n = lr_coord_rows(k->rules, NULL, 0);
	struct lr_coord_row *rows = calloc(n ? n : 1, sizeof *rows);

	if (!rows)
		return;
	n = lr_coord_rows(k->rules, rows, n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].state == LR_DONOR_DOWN)
			continue;
		r->lent += rows[i].beat.lent;
		r->held += rows[i].beat.used;
	}
	free(rows);
}

static void serve_status(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_coordinator *k = p->k;
	uint8_t buf[4096];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_coord_summary s;
	struct lr_msg_status_r r;

	lr_coord_summarize(k->rules, &s);
	r = (struct lr_msg_status_r){
		.pool = *lr_coordinator_pool(k),
		.epoch = lr_coord_view(k->rules)->epoch,
		.donors_up = s.up,
		.donors_known = s.known,
		.stored = lr_catalog_bytes(k->catalog),
		.usable = s.usable,
		.objects = lr_catalog_count(k->catalog),
		.slots_full = s.full,
		.slots_short = s.short_,
		.slots_unavailable = s.unavailable,
		.slots_lost = s.lost,
		.survives_donor = s.survives_donor,
		.survives_machine = s.survives_machine,
		.encrypted = k->b.cfg->encrypt_links,
		.complete = s.unheard == 0,
		.pool_name = lr_str(k->b.cfg->pool),
	};
	r.health = (uint8_t)lr_query_health(k, &s, &w);
	sum_donors(k, &r);
	lr_query_recovery(k, &r.recovery_left, &r.recovery_rate);
	bulk.len = w.len;
	LR_SEND(p->link, STATUS_R, status_r, f->h.req, &r, &bulk);
}

/* --- donors ---------------------------------------------------------------- */

struct lr_rec_donor lr_query_donor(const struct lr_coord_row *row,
				   char *address, size_t cap)
{
	uint64_t ago = lr_now_ms() - row->since_ms;

	snprintf(address, cap, "%.*s",
		 (int)strcspn(row->d.member.addrs, ","), row->d.member.addrs);
	return (struct lr_rec_donor){
		.dev = row->d.member.dev,
		.inc = row->d.member.inc,
		.name = lr_str(row->d.member.name),
		.address = lr_str(address),
		.state = (uint8_t)row->state,
		.lent = row->beat.lent,
		.held = row->beat.used,
		.host_available = row->beat.host_available,
		.entries = row->beat.entries,
		.p50_us = row->beat.p50_us,
		.p99_us = row->beat.p99_us,
		.version = lr_str(row->d.version),
		.since_ms = lr_unix_ms() - ago,
		.slots_lost = row->slots_lost,
		.slots_short = row->slots_short,
		.key = *lr_member_key(&row->d.member),
	};
}

static void add_pending_donors(const struct lr_coordinator *k,
			       struct lr_writer *w)
{
	for (size_t i = 0; i < k->n_pending; i++) {
		const struct lr_pending_row *row = &k->pending[i];
		struct lr_rec_donor d = { .dev = row->dev,
					  .name = lr_str(row->name),
					  .address = lr_str(row->address),
					  .version = lr_str(""),
					  .since_ms = row->since_ms,
					  .state = LR_DONOR_PENDING };

		if (row->roles & LR_ROLE_DONOR && !row->refused &&
		    w->cap - w->len > 512)
			lr_enc_rec_donor(w, &d);
	}
}

static void serve_donors(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_coordinator *k = p->k;
	static uint8_t buf[LR_BULK_MAX]; /* one loop */
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_donors_r r = { 0 };
	size_t n = lr_coord_rows(k->rules, NULL, 0);
	struct lr_coord_row *rows = calloc(n ? n : 1, sizeof *rows);
	char address[LR_ADDRS_MAX];

	n = rows ? lr_coord_rows(k->rules, rows, n) : 0;
	for (size_t i = 0; i < n && w.cap - w.len > 1024; i++) {
		struct lr_rec_donor d =
			lr_query_donor(&rows[i], address, sizeof address);

		lr_enc_rec_donor(&w, &d);
	}
	add_pending_donors(k, &w);
	free(rows);
	bulk.len = w.len;
	LR_SEND(p->link, DONORS_R, donors_r, f->h.req, &r, &bulk);
}

/* --- what if, and pause ------------------------------------------------------- */

static void serve_whatif(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_whatif m;
	struct lr_reader r;
	uint64_t incs[LR_META_MAX / 8];
	struct lr_whatif w;
	struct lr_msg_whatif_r a;
	size_t n = 0;

	if (!lr_dec_whatif(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	r = lr_reader(m.incs.p, m.incs.n);
	while (r.left >= 8)
		incs[n++] = lr_r_u64(&r);
	lr_coord_whatif(p->k->rules, incs, n, &w);
	a = (struct lr_msg_whatif_r){ .readable = w.readable,
				      .full = w.full,
				      .short_ = w.short_,
				      .lost = w.lost,
				      .unavailable = w.unavailable,
				      .donors_left = w.donors_left,
				      .lost_bytes = w.lost_bytes,
				      .copy_bytes = w.copy_bytes,
				      .room_bytes = w.room_bytes,
				      .fits = w.fits };
	LR_SEND(p->link, WHATIF_R, whatif_r, f->h.req, &a, NULL);
}

static void serve_pause(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_pause m;

	if (!lr_dec_pause(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	lr_coord_pause(p->k->rules, m.on);
	lr_state_changed(p->k);
	lr_query_done(p, f, LR_E_OK,
	     m.on ? "paused: missing copies stay missing until "
		    "`lanram rebuild resume`" :
		    "the rebuild goes on");
}

/* For who is on this machine: others have the HTTP address, if it is set. */
static void serve_metrics(struct lr_peer *p, const struct lr_frame *f)
{
	if (lr_link_is_local(p->link))
		lr_metrics_answer(p->link, f, lr_coordinator_metrics_cb, p->k);
	else
		lr_link_send_error(p->link, f->h.req, LR_E_PERMISSION,
				   "metrics are told to local programs");
}

bool lr_query_serve(const struct lr_question *questions, struct lr_peer *p,
		    const struct lr_frame *f)
{
	for (const struct lr_question *q = questions; q->serve; q++) {
		if (q->type != f->h.type)
			continue;
		q->serve(p, f);
		return true;
	}
	return false;
}

bool lr_query_frame(struct lr_peer *p, const struct lr_frame *f)
{
	static const struct lr_question questions[] = {
		{ LR_M_STATUS, serve_status },
		{ LR_M_DONORS, serve_donors },
		{ LR_M_DRAIN, lr_drain_serve },
		{ LR_M_DRAIN_STATE, lr_drain_serve_state },
		{ LR_M_FORGET, lr_drain_serve_forget },
		{ LR_M_WHATIF, serve_whatif },
		{ LR_M_PAUSE, serve_pause },
		{ LR_M_REBALANCE, lr_rebalance_serve },
		{ LR_M_METRICS, serve_metrics },
		{ 0 },
	};

	return lr_query_serve(questions, p, f);
}
