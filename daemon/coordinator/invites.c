/* SPDX-License-Identifier: Apache-2.0 */
/* Invitations that stand: the public half of each, what it is good for, and
 * how often it was used. They go with their time or their last use. */
#include <stdlib.h>
#include <string.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/state_codec.h"
#include "net/invitation.h"

struct lr_invites {
	struct lr_invite at[LR_INVITES_MAX];
	size_t n;
};

static bool is_over(const struct lr_invite *i, uint64_t unix_ms)
{
	return i->used >= i->uses || i->expires_ms <= unix_ms;
}

/* False: there was nothing to drop. */
static bool drop_over(struct lr_invites *all)
{
	uint64_t now = lr_unix_ms();
	size_t before = all->n;

	for (size_t i = all->n; i-- > 0;)
		if (is_over(&all->at[i], now))
			all->at[i] = all->at[--all->n];
	return all->n != before;
}

bool lr_invites_add(struct lr_coordinator *k, const struct lr_invite *i)
{
	if (!k->invites)
		k->invites = calloc(1, sizeof *k->invites);
	if (!k->invites)
		return false;
	drop_over(k->invites);
	if (k->invites->n == LR_INVITES_MAX)
		return false;
	k->invites->at[k->invites->n++] = *i;
	lr_state_changed(k);
	return true;
}

bool lr_invites_remove(struct lr_coordinator *k, const char *ref)
{
	struct lr_invites *all = k->invites;

	for (size_t i = 0; all && i < all->n; i++) {
		if (!lr_dev_matches(ref, &all->at[i].key))
			continue;
		all->at[i] = all->at[--all->n];
		lr_state_changed(k);
		return true;
	}
	return false;
}

static void enc_invite(struct lr_writer *w, const struct lr_invite *i)
{
	struct lr_rec_invite rec = { i->key,	    i->roles,
				     i->uses,	    i->used,
				     i->created_ms, i->expires_ms };

	lr_enc_rec_invite(w, &rec);
}

void lr_invites_list(struct lr_coordinator *k, struct lr_writer *w)
{
	if (!k->invites)
		return;
	if (drop_over(k->invites))
		lr_state_changed(k);
	for (size_t i = 0; i < k->invites->n; i++)
		enc_invite(w, &k->invites->at[i]);
}

/* --- an invited device ---------------------------------------------------- */

static struct lr_invite *find(struct lr_coordinator *k,
			      const struct lr_dev *key)
{
	struct lr_invites *all = k->invites;

	if (all && drop_over(all))
		lr_state_changed(k);
	for (size_t i = 0; all && i < all->n; i++)
		if (lr_dev_eq(&all->at[i].key, key))
			return &all->at[i];
	return NULL;
}

/* A device that comes back with its invitation uses it once. */
const char *lr_invites_use(struct lr_coordinator *k, const struct lr_dev *dev,
			   const struct lr_msg_enrol_invited *m)
{
	const struct lr_device_row *d = lr_devices_get(k, dev);
	struct lr_invite *i = find(k, &m->key);
	char name[LR_NAME_MAX];

	if (!i || !lr_invitation_verify(&m->key, lr_coordinator_pool(k), dev,
					m->proof.p, m->proof.n))
		return "the invitation is used up, expired or revoked: ask "
		       "for a new one";
	if (d && !d->roles)
		return "this device was revoked: an invitation does not bring "
		       "it back";
	if (!d || (d->roles & i->roles) != i->roles) {
		lr_str_copy(m->name, name, sizeof name);
		if (!lr_devices_admit(k, dev, i->roles, name))
			return "the coordinator is out of memory";
		i->used++;
		lr_state_changed(k);
	}
	return i->roles & m->roles ? NULL :
				     "the invitation is not for that role";
}

/* --- in the state file ---------------------------------------------------- */

size_t lr_invites_room(const struct lr_coordinator *k)
{
	return k->invites ? k->invites->n * 64 : 0;
}

void lr_invites_save(const struct lr_coordinator *k, struct lr_writer *w)
{
	for (size_t i = 0; k->invites && i < k->invites->n; i++)
		enc_invite(w, &k->invites->at[i]);
}

bool lr_invites_load(struct lr_coordinator *k, struct lr_reader *r)
{
	struct lr_rec_invite rec;

	k->invites = calloc(1, sizeof *k->invites);
	while (k->invites && r->left) {
		if (k->invites->n == LR_INVITES_MAX ||
		    !lr_dec_rec_invite(r, &rec))
			return false;
		k->invites->at[k->invites->n++] = (struct lr_invite){
			rec.key,  rec.roles,	  rec.uses,
			rec.used, rec.created_ms, rec.expires_ms
		};
	}
	return k->invites != NULL;
}
