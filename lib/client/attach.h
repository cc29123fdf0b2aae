/* SPDX-License-Identifier: Apache-2.0 */
/* Standing with a coordinator: find it among the candidates, prove it by its
 * key, say hello or ask to be let in, take its pushes, come back after every
 * failure. Donors, requesters and direct library handles all stand on it.
 *
 *   SEARCHING  no candidate, or none answers (dialled again, 0.1 to 2 s)
 *   PENDING    not admitted: ENROL is repeated every 2 s on the same link
 *   REFUSED    an admin said no (asked again every 60 s)
 *   WRONG_POOL only pools with another key than the pinned one answer
 *   VERSION    it speaks no version of the protocol that we do
 *   READY      welcome; AWAY: was READY, the link is gone, dialling again
 *
 * All calls and callbacks on the loop's thread. */
#ifndef LR_CLIENT_ATTACH_H
#define LR_CLIENT_ATTACH_H

#include "net/identity.h"
#include "net/invitation.h"
#include "net/link.h"

struct lr_attach;

#define LR_INVITATION_FILES 2

struct lr_attach_options {
	uv_loop_t *loop;
	struct lr_tls *tls;
	struct lr_dev self; /* what our key proves */
	/* Optional: what it proves now; asked before each dial. `replaced`: the
	 * coordinator says that our device has another one. */
	const struct lr_dev *(*look_cb)(void *look_arg, bool replaced);
	void *look_arg;
	const char *pool_name;
	const char *pin_path; /* where the pool ID is kept; NULL: not kept */
	struct lr_dev pool;   /* zero: from pin_path, else the first contact */
	enum lr_role_link role;
	uint8_t enrol_roles; /* LR_ROLE_* to ask for */
	/* Files that may hold an invitation, or NULL. The first is removed
	 * when the coordinator has answered to it. */
	const char *invitations[LR_INVITATION_FILES];
	const char *name;    /* of this machine */
	const char *local_socket; /* the coordinator's, tried first; or NULL */
	struct lr_spin *spin; /* looks at data links (direct.h); or NULL */
};

struct lr_attach_ops {
	/* Fills HELLO (role, name, pool and versions are set) and, for a donor,
	 * its bulk; called for each connection. */
	void (*hello_cb)(void *arg, struct lr_msg_hello *m, struct lr_bulk *b);
	void (*ready_cb)(void *arg, struct lr_link *link,
			 const struct lr_msg_welcome *w);
	void (*frame_cb)(void *arg, struct lr_link *link,
			 const struct lr_frame *f);
	/* Any change of state; also `lost` when the link of READY went. */
	void (*state_cb)(void *arg, enum lr_here_state state);
};

struct lr_attach *lr_attach_start(const struct lr_attach_options *o,
				  const struct lr_attach_ops *ops, void *arg);
/* What follows takes NULL too: the attach of a handle that has none, READY
 * without a link.
 *
 * "host:port,..." of one pool's coordinator, replacing what this pool's last
 * candidate said. `pool` NULL: not known (a static address). `named`: as our
 * pool is; another one is only for who has its pin or an invitation to it. */
void lr_attach_candidate(struct lr_attach *a, const struct lr_dev *pool,
			 bool named, const char *addrs);
void lr_attach_no_candidates(struct lr_attach *a);
enum lr_here_state lr_attach_state(const struct lr_attach *a);
struct lr_link *lr_attach_link(const struct lr_attach *a); /* READY, or NULL */
const struct lr_dev *lr_attach_pool(const struct lr_attach *a); /* zero: none */
const char *lr_attach_code(const struct lr_attach *a); /* PENDING: the words */
const char *lr_attach_text(const struct lr_attach *a); /* why not, or "" */
const char *lr_attach_host(const struct lr_attach *a); /* its name, or "" */
const char *lr_attach_address(const struct lr_attach *a); /* coordinator's */
/* Who we are in the pool: owner of what we store. Our key, as long as nobody
 * has said otherwise: it is the first one that our device had there. */
const struct lr_dev *lr_attach_device(const struct lr_attach *a);
void lr_attach_again(struct lr_attach *a); /* dial anew, at once */
void lr_attach_stop(struct lr_attach *a); /* no callback after it */

#endif
