/* SPDX-License-Identifier: Apache-2.0 */
/* What admins say about devices: who is let in, and who is out again. */
#include <stdio.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"

/* --- pending -------------------------------------------------------------- */

void lr_query_pending(struct lr_coordinator *k, struct lr_writer *w)
{
	lr_devices_codes(k);
	for (size_t i = 0; i < k->n_pending; i++) {
		const struct lr_pending_row *row = &k->pending[i];
		struct lr_rec_pending rec = { .dev = row->dev,
					      .code = lr_str(row->code),
					      .name = lr_str(row->name),
					      .address = lr_str(row->address),
					      .roles = row->roles,
					      .since_ms = row->since_ms };

		if (!row->refused)
			lr_enc_rec_pending(w, &rec);
	}
}

static void serve_pending(struct lr_peer *p, const struct lr_frame *f)
{
	uint8_t buf[64 * 512];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_pending_r r = { 0 };

	lr_query_pending(p->k, &w);
	bulk.len = w.len;
	LR_SEND(p->link, PENDING_R, pending_r, f->h.req, &r, &bulk);
}

/* NULL: the answer went out. */
static struct lr_pending_row *
find_asking(struct lr_peer *p, const struct lr_frame *f, struct lr_str wanted)
{
	char ref[128], why[256];
	struct lr_pending_row *row;

	lr_str_copy(wanted, ref, sizeof ref);
	row = lr_devices_pending(p->k, ref, why, sizeof why);
	if (!row)
		lr_query_done(p, f, LR_E_ABSENT, why);
	return row;
}

static void serve_admit(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_admit m;
	struct lr_pending_row *row, asks;
	char text[192];
	uint8_t roles;

	if (!lr_dec_admit(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	row = find_asking(p, f, m.ref);
	if (!row)
		return;
	roles = m.roles ? m.roles : row->roles;
	asks = *row; /* which goes with its admission */
	snprintf(text, sizeof text, "admitted %s", asks.name);
	if (!lr_devices_admit(p->k, &asks.dev, roles, asks.name)) {
		lr_query_done(p, f, LR_E_NO_MEMORY, "out of memory");
		return;
	}
	lr_query_done(p, f, LR_E_OK, text);
}

static void serve_refuse(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_refuse m;
	struct lr_pending_row *row;
	char text[192];

	if (!lr_dec_refuse(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	row = find_asking(p, f, m.ref);
	if (!row)
		return;
	row->refused = true;
	lr_watchers_event(p->k, LR_EVENT_REFUSED, &row->dev, row->name, 0, 0);
	snprintf(text, sizeof text, "refused %s", row->name);
	lr_query_done(p, f, LR_E_OK, text);
}

static void serve_revoke(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_revoke m;
	struct lr_dev dev;
	char ref[128], why[256];

	if (!lr_dec_revoke(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	lr_str_copy(m.ref, ref, sizeof ref);
	if (!lr_devices_find(p->k, ref, &dev, why, sizeof why)) {
		lr_query_done(p, f, LR_E_ABSENT, why);
		return;
	}
	lr_devices_revoke(p->k, &dev);
	lr_query_done(p, f, LR_E_OK, "revoked: it is out, and what it held is gone");
}

/* --- invitations ---------------------------------------------------------- */

static void serve_invite(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_invite m;
	const struct lr_pool_key *last = lr_identity_last(p->k->pool);
	struct lr_msg_invite_r r = { .pool = *lr_coordinator_pool(p->k),
				     .text = lr_str(""),
				     .key_n = last->n,
				     .key = last->key };
	struct lr_invite i;

	if (!lr_dec_invite(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	i = (struct lr_invite){ .key = m.key,
				.roles = m.roles,
				.uses = m.uses,
				.created_ms = lr_unix_ms() };
	i.expires_ms = i.created_ms + m.ttl_ms;
	if (!m.roles || !m.uses || !m.ttl_ms) {
		lr_query_done(p, f, LR_E_USAGE,
			      "an invitation has a role, a use and a time");
	} else if (!lr_invites_add(p->k, &i)) {
		lr_query_done(p, f, LR_E_FULL,
			      "too many invitations stand: `lanram invite "
			      "--list` shows them, `--revoke` ends one");
	} else {
		LR_SEND(p->link, INVITE_R, invite_r, f->h.req, &r, NULL);
	}
}

static void serve_invites(struct lr_peer *p, const struct lr_frame *f)
{
	static uint8_t buf[LR_INVITES_MAX * 64]; /* one loop */
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };
	struct lr_msg_invites m;
	struct lr_msg_invites_r r = { 0 };

	if (!lr_dec_invites(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	lr_invites_list(p->k, &w);
	bulk.len = w.len;
	LR_SEND(p->link, INVITES_R, invites_r, f->h.req, &r, &bulk);
}

static void serve_uninvite(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_uninvite m;
	char ref[LR_DEV_TEXT + 1];

	if (!lr_dec_uninvite(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	if (!lr_str_copy(m.ref, ref, sizeof ref) ||
	    !lr_invites_remove(p->k, ref))
		lr_query_done(p, f, LR_E_ABSENT,
			      "no such invitation. `lanram invite --list` "
			      "shows those that stand");
	else
		lr_query_done(p, f, LR_E_OK,
			      "nobody is let in by it any more; who was, "
			      "stays (`lanram revoke`)");
}

/* --- a restored coordinator ------------------------------------------------- */

static void serve_confirm(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_confirm m;

	if (!lr_dec_confirm(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	if (!lr_coord_is_waiting(p->k->rules)) {
		lr_query_done(p, f, LR_E_OK, "it waits for nobody");
		return;
	}
	lr_coord_confirm(p->k->rules);
	lr_query_done(p, f, LR_E_OK,
		      "it goes on, above every epoch that donors have seen");
}

bool lr_admission_frame(struct lr_peer *p, const struct lr_frame *f)
{
	static const struct lr_question questions[] = {
		{ LR_M_PENDING, serve_pending },
		{ LR_M_ADMIT, serve_admit },
		{ LR_M_REFUSE, serve_refuse },
		{ LR_M_REVOKE, serve_revoke },
		{ LR_M_INVITE, serve_invite },
		{ LR_M_INVITES, serve_invites },
		{ LR_M_UNINVITE, serve_uninvite },
		{ LR_M_CONFIRM, serve_confirm },
		{ LR_M_POOL_ROTATE, lr_pool_key_rotate },
		{ 0 },
	};

	return lr_query_serve(questions, p, f);
}
