/* SPDX-License-Identifier: Apache-2.0 */
/* Donors that an admin takes out: drained (and how far that is), forgotten. Who
 * is drained stays so when the coordinator starts anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/drain.h"

/* A donor by unique name or ID prefix; false: answered. */
static bool find_donor(struct lr_peer *p, const struct lr_frame *f,
		       struct lr_str ref, struct lr_dev *ret)
{
	struct lr_coordinator *k = p->k;
	size_t n = lr_coord_rows(k->rules, NULL, 0), found = 0;
	struct lr_coord_row *rows = calloc(n ? n : 1, sizeof *rows);
	char name[LR_NAME_MAX], text[256];

	lr_str_copy(ref, name, sizeof name);
	n = rows ? lr_coord_rows(k->rules, rows, n) : 0;
	for (size_t i = 0; i < n; i++) {
		const struct lr_member *m = &rows[i].d.member;

		if (strcmp(m->name, name) && !lr_dev_matches(name, &m->dev))
			continue;
		if (!found || !lr_dev_eq(ret, &m->dev))
			found++;
		*ret = m->dev;
	}
	free(rows);
	if (found == 1)
		return true;
	snprintf(text, sizeof text,
		 found ? "\"%s\" means more than one donor: use its ID" :
			 "no donor \"%s\". `lanram donors` shows them",
		 name);
	lr_query_done(p, f, found ? LR_E_AMBIGUOUS : LR_E_ABSENT, text);
	return false;
}

void lr_drain_serve(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_drain m;
	struct lr_dev dev;
	enum lr_err err;

	if (!lr_dec_drain(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid) || !find_donor(p, f, m.ref, &dev))
		return;
	err = lr_coord_drain(p->k->rules, &dev, m.undo, lr_now_ms());
	if (!err)
		lr_state_changed(p->k);
	if (!err)
		lr_watchers_event(p->k,
				  m.undo ? LR_EVENT_USED_AGAIN :
					   LR_EVENT_DRAINING,
				  &dev, NULL, 0, 0);
	lr_query_done(p, f, err,
	     err == LR_E_FULL ? "the other donors have no room for what it "
				"holds; it stays. Start another donor, or "
				"lend more" :
	     err	      ? "it is not up now" :
	     m.undo	      ? "back in use" :
				"draining: `lanram donors` shows how far");
}

void lr_drain_serve_forget(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_forget m;
	struct lr_dev dev;
	enum lr_err err;

	if (!lr_dec_forget(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid) || !find_donor(p, f, m.ref, &dev))
		return;
	err = lr_coord_forget(p->k->rules, &dev, lr_now_ms());
	if (!err)
		lr_watchers_event(p->k, LR_EVENT_FORGOTTEN, &dev, NULL, 0, 0);
	lr_query_done(p, f, err,
	     err == LR_E_BUSY ? "it is up: drain it instead" :
	     err	      ? "it is not known" :
				"forgotten: what was on it alone is lost");
}

void lr_drain_serve_state(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_drain_state m;
	struct lr_msg_drain_state_r r = { 0 };
	struct lr_coord_left left;
	struct lr_dev dev;

	if (!lr_dec_drain_state(f->meta, f->h.meta, &m)) {
		lr_link_close(p->link, LR_E_PROTOCOL);
		return;
	}
	if (!find_donor(p, f, m.ref, &dev))
		return;
	lr_coord_left(p->k->rules, &dev, lr_now_ms(), &left);
	r.draining = left.draining;
	r.stuck = left.stuck;
	r.slots = left.slots;
	r.sole = left.sole;
	r.bytes = left.bytes;
	LR_SEND(p->link, DRAIN_STATE_R, drain_state_r, f->h.req, &r, NULL);
}

/* --- kept in the state file ----------------------------------------------- */

size_t lr_drain_room(const struct lr_coordinator *k)
{
	return lr_coord_drained(k->rules, NULL, 0) * sizeof(struct lr_dev);
}

void lr_drain_save(const struct lr_coordinator *k, struct lr_writer *w)
{
	size_t n = lr_coord_drained(k->rules, NULL, 0);
	struct lr_dev *all = calloc(n ? n : 1, sizeof *all);

	if (!all) {
		w->bad = true;
		return;
	}
	n = lr_coord_drained(k->rules, all, n);
	for (size_t i = 0; i < n; i++)
		lr_w_bytes(w, all[i].b, sizeof all[i].b);
	free(all);
}

bool lr_drain_load(struct lr_coordinator *k, struct lr_reader *r)
{
	size_t n = r->left / sizeof(struct lr_dev);

	k->drained = calloc(n ? n : 1, sizeof *k->drained);
	if (!k->drained)
		return false;
	for (; k->n_drained < n; k->n_drained++)
		memcpy(k->drained[k->n_drained].b,
		       lr_r_bytes(r, sizeof(struct lr_dev)),
		       sizeof(struct lr_dev));
	return lr_r_done(r);
}

bool lr_drain_restore(struct lr_coordinator *k)
{
	bool good = true;

	for (size_t i = 0; i < k->n_drained; i++)
		good = good && lr_coord_drain_restore(k->rules, &k->drained[i]);
	free(k->drained);
	k->drained = NULL;
	k->n_drained = 0;
	return good;
}
