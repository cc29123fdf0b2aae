/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator says of a donor's slots, and what it is told of them. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

/* What was admitted and is not applied: its sender is told that it failed. */
void donor_kill_slow(struct sim *s, struct donor *d, unsigned slot)
{
	struct slow_put **at = &d->slow, *p;

	while ((p = *at)) {
		struct msg *r;

		if (p->m.slot != slot) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		if (net_alive(&p->link, 1)) {
			r = net_reply(s, MSG_PUT_R, &p->m);
			r->err = LR_E_BUSY;
			net_send(s, p->link.c, 0, r);
		}
		serve_drop_slow(p);
	}
}

static struct lr_slot_report report(const struct donor *d, unsigned slot,
				    enum lr_err err, bool with_cfg)
{
	const struct lr_slot *st = &d->slot[slot].st;
	struct lr_slot_report r = { .slot = slot,
				    .result = err,
				    .prom = st->prom,
				    .left = st->left,
				    .status = st->status };

	if (with_cfg)
		r.inst = st->inst;
	else
		r.inst.ce = st->inst.ce;
	return r;
}

static struct msg *reports(struct sim *s, enum msg_type type, size_t n)
{
	struct msg *m = net_msg(s, type);

	m->blob = blob_new(n, sizeof(struct lr_slot_report));
	return m;
}

void donor_seal(struct sim *s, struct donor *d, struct conn *c,
		      struct msg *m)
{
	struct msg *r = reports(s, MSG_SEALED, m->blob->n);

	r->epoch = m->epoch;
	r->inc = d->inc;
	for (size_t i = 0; i < m->blob->n; i++) {
		unsigned slot = m->blob->slots[i];
		struct dslot *ds = &d->slot[slot];
		enum lr_err err = lr_slot_seal(&ds->st, m->epoch, m->run);

		if (!err && !LR_MUTANT("seal-before-applied"))
			donor_kill_slow(s, d, slot);
		r->blob->reports[i] = report(d, slot, err, true);
		if (!err)
			s->ack[d->dev][slot] = (struct seal_ack){
				d->inc, m->epoch, ds->st.inst.ce,
				ds->st.status == LR_SLOT_SYNCED, false };
	}
	net_send(s, c, 1, r);
}

static void drop_mutable(struct donor *d, unsigned slot)
{
	struct dslot *ds = &d->slot[slot];
	unsigned n = 0;

	for (unsigned i = 0; i < ds->n; i++)
		if (ds->e[i].kind != LR_KIND_REGISTER &&
		    ds->e[i].kind != LR_KIND_NAME)
			ds->e[n++] = ds->e[i];
	d->entries -= ds->n - n;
	ds->n = n;
}

static enum lr_err install_one(struct sim *s, struct donor *d, unsigned slot,
			       const struct lr_cfg *cfg, uint64_t run)
{
	struct dslot *ds = &d->slot[slot];

	switch (lr_slot_install(&ds->st, d->inc, cfg, run)) {
	case LR_INSTALL_REFUSED:
		return LR_E_STALE;
	case LR_INSTALL_EMPTIED:
		shelf_take_slot(d, slot);
		break;
	case LR_INSTALL_SALVAGED:
		drop_mutable(d, slot);
		break;
	case LR_INSTALL_KEPT:
		break;
	}
	if (!LR_MUTANT("seal-before-applied"))
		donor_kill_slow(s, d, slot);
	s->installs++;
	SAY(s, "dev %u installs slot %u ce %llu, status %u, %u entries", d->dev,
	    slot, (unsigned long long)cfg->ce, ds->st.status, ds->n);
	oracle_cfg(s, slot, cfg);
	if (!(cfg->src >> lr_cfg_index(cfg, d->inc) & 1) && ds->n)
		sim_wrong(s, "dev %u keeps old entries in slot %u", d->dev,
			  slot);
	oracle_donor_slot(s, d, slot);
	report_slot(d, slot);
	pull_slot(s, d, slot);
	return LR_E_OK;
}

void donor_install(struct sim *s, struct donor *d, struct conn *c,
			 struct msg *m)
{
	struct msg *r = reports(s, MSG_INSTALLED, m->blob->n);

	r->epoch = m->epoch;
	for (size_t i = 0; i < m->blob->n; i++) {
		unsigned slot = m->blob->slots[i];
		enum lr_err err = install_one(s, d, slot, &m->blob->cfgs[i],
					      m->run);

		r->blob->reports[i] = report(d, slot, err, false);
	}
	net_send(s, c, 1, r);
}

void donor_tell_slots(struct sim *s, struct donor *d, struct conn *c)
{
	struct msg *r = reports(s, MSG_SLOTS, s->p.nslots);
	size_t n = 0;

	for (unsigned i = 0; i < s->p.nslots; i++)
		if (d->slot[i].st.prom)
			r->blob->reports[n++] = report(d, i, LR_E_OK, false);
	r->blob->n = n;
	r->val = d->lent;
	d->slots_told = true;
	net_send(s, c, 1, r);
}

/* SYNCED and FULL, as lists. */
void donor_tell(struct sim *s, struct donor *d)
{
	struct msg *m[2];

	if (!net_alive(&d->control, 0) || !d->slots_told)
		return;
	for (unsigned k = 0; k < 2; k++) {
		m[k] = net_msg(s, k ? MSG_SYNC_FULL : MSG_SYNCED);
		m[k]->blob = blob_new(s->p.nslots, sizeof(struct lr_slot_ce));
		m[k]->blob->n = 0;
	}
	for (unsigned i = 0; i < s->p.nslots; i++) {
		struct dslot *ds = &d->slot[i];
		struct blob *b = m[!ds->tell_synced]->blob;

		if (!ds->tell_synced && !ds->tell_full)
			continue;
		b->ces[b->n++] = (struct lr_slot_ce){ i, ds->tell_ce };
		ds->tell_synced = ds->tell_full = false;
	}
	net_send(s, d->control.c, 1, m[0]);
	net_send(s, d->control.c, 1, m[1]);
}
