/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator says of slots, applied on the shard's thread. */
#include <stdlib.h>
#include <string.h>

#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "daemon/log.h"

#define VIEW_MS 10000 /* a part, on a slow network */
#define BACK_MS 1000 /* what was missed may come as several views */

static void enc_state(struct lr_writer *w, const struct lr_slot *slot,
		      unsigned n, enum lr_err result)
{
	struct lr_rec_slot_state r = { .slot = (uint16_t)n,
				       .result = (uint16_t)result,
				       .prom = slot->prom,
				       .status = slot->status,
				       .ce = lr_slot_told_ce(slot) };

	lr_enc_rec_slot_state(w, &r);
}

static void reply(struct lr_shard *s, const struct lr_mail *m, unsigned type,
		  uint64_t epoch, const struct lr_writer *bulk)
{
	uint8_t meta[32];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_msg_seal_r r = { .epoch = epoch, .inc = s->o.inc };

	lr_enc_seal_r(&w, &r); /* INSTALL_R has the same fields */
	lr_shard_send(s, type, m->h.req, meta, w.len, bulk->p, bulk->len);
}

/* Answers only once all slots named have promised: nothing that was admitted
 * is still being applied, because a PUT is applied whole on this thread. */
void lr_shard_seal(struct lr_shard *s, const struct lr_mail *m)
{
	struct lr_reader r = lr_reader(lr_mail_bulk(m), m->h.bulk);
	uint8_t *buf = malloc(LR_BULK_MAX);
	struct lr_writer w = lr_writer(buf, LR_BULK_MAX);
	struct lr_msg_seal seal;
	struct lr_rec_slotno no;

	if (!buf || !lr_dec_seal(m->bytes, m->h.meta, &seal))
		goto out;
	while (r.left) {
		struct lr_slot *slot;
		enum lr_err err;

		if (!lr_dec_rec_slotno(&r, &no) || no.slot >= LR_SLOTS)
			goto out;
		slot = &s->slots[no.slot];
		err = lr_slot_seal(slot, seal.epoch, seal.run);
		enc_state(&w, slot, no.slot, err);
		lr_enc_cfg(&w, no.slot, &slot->inst);
	}
	s->slots_changed = true;
	if (w.bad)
		lr_warn("sealed more slots than one answer can name");
	else
		reply(s, m, LR_M_SEAL_R, seal.epoch, &w);
out:
	free(buf);
}

/* A lost slot's registers and names: what survived may not be the newest. */
static void drop_mutable(struct lr_shard *s, unsigned n)
{
	static _Thread_local struct lr_entry page[256];
	struct lr_id after;
	size_t got, i;
	bool any = false;

	do {
		got = lr_store_scan(s->store, n, any ? &after : NULL, page,
				    256);
		for (i = 0; i < got; i++) {
			after = page[i].id;
			any = true;
			if (page[i].kind == LR_KIND_REGISTER ||
			    page[i].kind == LR_KIND_NAME)
				lr_store_drop(s->store, n, &page[i].id);
		}
	} while (got == 256);
}

static enum lr_err install_one(struct lr_shard *s, unsigned n,
			       const struct lr_cfg *cfg, uint64_t run)
{
	switch (lr_slot_install(&s->slots[n], s->o.inc, cfg, run)) {
	case LR_INSTALL_REFUSED:
		return LR_E_STALE;
	case LR_INSTALL_EMPTIED:
		lr_pull_shelve(s->pull, n);
		break;
	case LR_INSTALL_SALVAGED:
		drop_mutable(s, n);
		break;
	case LR_INSTALL_KEPT:
		break;
	}
	lr_pull_slot(s->pull, n);
	lr_reports_slot(s->reports, n);
	return LR_E_OK;
}

void lr_shard_install(struct lr_shard *s, const struct lr_mail *m)
{
	struct lr_reader r = lr_reader(lr_mail_bulk(m), m->h.bulk);
	uint8_t *buf = malloc(LR_BULK_MAX);
	struct lr_writer w = lr_writer(buf, LR_BULK_MAX);
	struct lr_msg_install in;
	struct lr_cfg cfg;
	unsigned n;

	if (!buf || !lr_dec_install(m->bytes, m->h.meta, &in))
		goto out;
	while (r.left && !w.bad) {
		enum lr_err err;

		if (!lr_dec_cfg(&r, &n, &cfg) || n >= LR_SLOTS || !cfg.ce)
			goto out;
		err = install_one(s, n, &cfg, in.run);
		enc_state(&w, &s->slots[n], n, err);
	}
	s->slots_changed = true;
	if (!w.bad)
		reply(s, m, LR_M_INSTALL_R, in.epoch, &w);
out:
	free(buf);
}

void lr_shard_tell_slots(struct lr_shard *s, uint64_t req)
{
	uint8_t *buf = malloc(LR_BULK_MAX);
	struct lr_writer w = lr_writer(buf, LR_BULK_MAX);
	struct lr_msg_slots_r m = { .inc = s->o.inc };
	uint8_t meta[16];
	struct lr_writer mw = lr_writer(meta, sizeof meta);

	if (!buf)
		return;
	for (unsigned n = 0; n < LR_SLOTS; n++)
		if (s->slots[n].prom)
			enc_state(&w, &s->slots[n], n, LR_E_OK);
	lr_enc_slots_r(&mw, &m);
	lr_shard_send(s, LR_M_SLOTS_R, req, meta, mw.len, buf, w.len);
	s->slots_told = true;
	free(buf);
}

/* --- the view ----------------------------------------------------------- */

/* Who was away and is back may well get the slot again: what it held is set
 * aside. Who was here gave it up on purpose: its RAM returns to the host. */
static void leave_slot(struct lr_shard *s, unsigned n)
{
	if (!s->caught_up || lr_now_ms() < s->back_ms + BACK_MS)
		lr_pull_shelve(s->pull, n);
	else
		lr_store_drop_slot(s->store, n);
	lr_pull_slot(s->pull, n);
	s->slots_changed = true;
}

/* Slots that a committed view gave to others go; the rest look again. */
static void view_changed(struct lr_shard *s)
{
	for (unsigned n = 0; n < LR_SLOTS; n++) {
		const struct lr_cfg *cfg = &s->rx->view.cfg[n];
		struct lr_slot *slot = &s->slots[n];

		if (lr_slot_left(slot, s->o.inc, cfg))
			leave_slot(s, n);
		lr_reports_slot(s->reports, n);
	}
	s->caught_up = true;
	lr_direct_changed(s->net);
	if (s->hold_until_ms)
		s->hold_until_ms = 1; /* the next tick serves again */
}

void lr_shard_want_view(struct lr_shard *s, unsigned part)
{
	uint8_t meta[8];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_msg_view_get m = { .part = (uint16_t)part };

	if (s->view_asked_ms && lr_now_ms() < s->view_asked_ms + VIEW_MS)
		return; /* what comes begins as new as what is wanted */
	s->view_asked_ms = lr_now_ms();
	lr_enc_view_get(&w, &m);
	lr_shard_send(s, LR_M_VIEW_GET, 0, meta, w.len, NULL, 0);
}

static enum lr_view_took take(struct lr_shard *s, const struct lr_mail *m)
{
	struct lr_msg_view whole;
	struct lr_msg_view_delta delta;

	if (m->h.type == LR_M_VIEW)
		return lr_dec_view(m->bytes, m->h.meta, &whole) ?
			       lr_view_rx_whole(s->rx, &whole,
						lr_mail_bulk(m), m->h.bulk) :
			       LR_VIEW_BAD;
	return lr_dec_view_delta(m->bytes, m->h.meta, &delta) ?
		       lr_view_rx_delta(s->rx, &delta, lr_mail_bulk(m),
					m->h.bulk) :
		       LR_VIEW_BAD;
}

void lr_shard_take_view(struct lr_shard *s, const struct lr_mail *m)
{
	if (m->h.type == LR_M_VIEW)
		s->view_asked_ms = 0;
	switch (take(s, m)) {
	case LR_VIEW_APPLIED:
	case LR_VIEW_OLD:
		view_changed(s);
		break;
	case LR_VIEW_MORE:
		if (m->h.type == LR_M_VIEW)
			lr_shard_want_view(s, s->rx->part);
		break;
	case LR_VIEW_NEED_WHOLE:
		lr_shard_want_view(s, 0);
		break;
	case LR_VIEW_BAD:
		lr_warn("the coordinator sent a view that cannot be");
		break;
	case LR_VIEW_NO_MEMORY:
		lr_error("out of memory for the view");
		break;
	}
}

/* --- who may come in ---------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lr_dev));
}

const struct lr_device *lr_shard_device(const struct lr_shard *s,
					const struct lr_dev *key)
{
	return s->n_devices ? bsearch(key, s->devices, s->n_devices,
				      sizeof *s->devices, by_key) :
			      NULL;
}

/* Who is out is cut off at once; who stays may have other roles. */
static void judge_links(struct lr_shard *s)
{
	for (struct lr_shard_link *l = s->links, *next; l; l = next) {
		const struct lr_device *d =
			lr_shard_device(s, lr_link_peer(l->link));

		next = l->next;
		if (!l->roles)
			continue;
		if (d)
			l->roles = d->roles;
		else
			lr_link_close(l->link, LR_E_NOT_ADMITTED);
	}
}

/* Part 0 starts a list; the last part makes it count. */
void lr_shard_take_devices(struct lr_shard *s, const struct lr_mail *m)
{
	struct lr_reader r = lr_reader(lr_mail_bulk(m), m->h.bulk);
	struct lr_msg_devices d;
	struct lr_rec_device rec;
	size_t n = 0;
	struct lr_device *list;

	if (!lr_dec_devices(m->bytes, m->h.meta, &d))
		return;
	list = calloc(m->h.bulk / (sizeof(struct lr_dev) + 3) + 1 +
			      (d.part ? s->n_devices : 0),
		      sizeof *list);
	if (!list)
		return;
	if (d.part && s->n_devices) {
		n = s->n_devices;
		memcpy(list, s->devices, n * sizeof *list);
	}
	while (r.left && lr_dec_rec_device(&r, &rec))
		list[n++] = (struct lr_device){
			lr_dev_is_zero(&rec.key) ? rec.dev : rec.key, rec.dev,
			rec.roles
		};
	qsort(list, n, sizeof *list, by_key);
	free(s->devices);
	s->devices = list;
	s->n_devices = n;
	if (d.part + 1 == d.parts)
		judge_links(s);
}

/* A link in clear ends at once when the pool encrypts again; that it has TLS
 * still where it need not is left to who dialled it. */
void lr_shard_take_policy(struct lr_shard *s, const struct lr_mail *m)
{
	struct lr_msg_policy msg;

	if (!lr_dec_policy(m->bytes, m->h.meta, &msg))
		return;
	if (s->clear != msg.clear)
		lr_forwards_hang_up(s->forwards);
	s->clear = msg.clear;
	lr_direct_set_clear(s->net, s->clear);
	for (struct lr_shard_link *l = s->links; l && !s->clear; l = l->next)
		if (lr_link_is_clear(l->link))
			lr_link_close(l->link, LR_E_CLOSED);
}
