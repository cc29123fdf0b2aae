/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's key, and another one in its place:
 *
 *   1 POOL_ROTATE comes from an admin on this machine; nobody who is there
 *     runs a version that takes a new key for another pool's
 *   2 a new key, signed by the one in use, is written beside it and takes its
 *     place: one rename, on disk before anything else is done
 *   3 links that are made from now on show it; those that are there stay
 *   4 POOL_KEYS tells the members that are there, which keep it; the others
 *     find it in the certificate when they come
 *
 * Killed before the rename, the old key is the pool's, and what lies beside it
 * goes at the next start. Killed after it, it is the new one, and who was not
 * told finds it. */
#include <stdio.h>

#include "daemon/coordinator/coordinator.h"
#include "daemon/log.h"
#include "net/rotation.h"
#include "wire/version.h"

static void key_path(const struct lr_coordinator *k, char *out, size_t cap)
{
	snprintf(out, cap, "%.250s/pool.key", k->b.cfg->state_dir);
}

bool lr_pool_key_open(struct lr_coordinator *k)
{
	char path[512], why[512];

	key_path(k, path, sizeof path);
	lr_rotation_discard(path);
	if (lr_identity_open(path, &k->pool, why, sizeof why)) {
		lr_error("%s", why);
		return false;
	}
	k->pool_tls = lr_tls_new(k->pool);
	return k->pool_tls != NULL;
}

static void tell(struct lr_coordinator *k)
{
	const struct lr_succession *line = lr_identity_line(k->pool);
	struct lr_bulk bulk = { .p = line->b, .len = line->len };
	struct lr_msg_pool_keys m = { 0 };

	for (struct lr_peer *p = k->peers; p; p = p->next)
		if (p->pushes)
			LR_SEND(p->link, POOL_KEYS, pool_keys, 0, &m, &bulk);
}

/* Steps 2 and 3. */
static enum lr_err replace(struct lr_coordinator *k, char *why, size_t cap)
{
	struct lr_identity *fresh;
	char path[512];
	enum lr_err err;

	key_path(k, path, sizeof path);
	err = lr_succession_make(k->pool, path, &fresh, why, cap);
	if (err)
		return err;
	if (!lr_tls_renew(k->pool_tls, fresh)) {
		lr_identity_free(fresh);
		snprintf(why, cap, "the new key is in its place, but there is "
			 "no memory to use it: restart the coordinator");
		return LR_E_NO_MEMORY;
	}
	lr_identity_free(k->pool);
	k->pool = fresh;
	return LR_E_OK;
}

/* False: `why` names one that would be locked out. */
static bool all_know(const struct lr_coordinator *k, char *why, size_t cap)
{
	for (const struct lr_peer *p = k->peers; p; p = p->next) {
		if (!p->pushes || p->proto >= LR_PROTO_SUCCESSION)
			continue;
		snprintf(why, cap,
			 "lanram on %s is too old to know the pool by a new "
			 "key, and would not find it again: upgrade it first",
			 lr_coordinator_name_of(k, &p->dev));
		return false;
	}
	return true;
}

void lr_pool_key_rotate(struct lr_peer *p, const struct lr_frame *f)
{
	struct lr_msg_pool_rotate m;
	char why[512];
	enum lr_err err;

	if (!lr_dec_pool_rotate(f->meta, f->h.meta, &m) ||
	    !lr_query_must_be_admin(p, f, m.uid))
		return;
	if (!lr_link_is_local(p->link)) {
		lr_query_done(p, f, LR_E_PERMISSION,
			      "the pool's key is replaced on the "
			      "coordinator's machine alone");
		return;
	}
	err = all_know(p->k, why, sizeof why) ?
		      replace(p->k, why, sizeof why) :
		      LR_E_VERSION;
	if (err) {
		lr_query_done(p, f, err, why);
		return;
	}
	lr_info("the pool's key was replaced, %u times by now",
		lr_identity_last(p->k->pool)->n);
	tell(p->k);
	lr_query_done(p, f, LR_E_OK,
		      "the pool has a new key; a backup with the old one is "
		      "of no use any more: lanram pool export");
}
