/* SPDX-License-Identifier: Apache-2.0 */
/* Inside an attach. */
#ifndef LR_CLIENT_ATTACH_I_H
#define LR_CLIENT_ATTACH_I_H

#include "client/attach.h"
#include "net/succession.h"

#define CANDIDATES 16
struct candidate {
	struct lr_dev pool; /* zero: unknown */
	bool named;	    /* as ours is */
	char addrs[1024];
};

struct lr_attach {
	struct lr_attach_options o;
	const struct lr_attach_ops *ops;
	void *arg;
	uv_timer_t timer;
	struct candidate cand[CANDIDATES];
	unsigned n_cand, next;
	bool try_local; /* the local socket's turn */
	unsigned retry_ms;
	struct lr_dial *dial;
	struct lr_link *link; /* dialled or open */
	bool linked;	      /* link is open */
	enum lr_here_state state;
	struct lr_dev pool; /* pinned, or of the first contact */
	struct lr_dev device; /* who we are there; zero: our key */
	struct lr_pool_key last; /* of its keys that we have seen */
	uint16_t kept;	    /* last.n as pin_path has it */
	bool pinned;	    /* written to pin_path */
	bool stopped;
	uint64_t request; /* HELLO or ENROL outstanding; 0 = none */
	struct lr_invitation invitation;
	bool invitation_spent; /* it did not let us in */
	bool enrols_invited;   /* the request outstanding is by it */
	unsigned refused_ms;   /* to wait before we ask again */
	char code[64];
	char text[256]; /* why not, in the coordinator's words */
	char address[128], host[LR_NAME_MAX];
	char pool_name[LR_NAME_MAX], name[LR_NAME_MAX];
	char pin_path[4096], local_socket[108];
};

/* attach.c */
void lr_attach_set_state(struct lr_attach *a, enum lr_here_state state);
void lr_attach_dial_soon(struct lr_attach *a);

/* attach_pool.c. False: the link is to another pool than we want now. */
bool lr_attach_settle_pool(struct lr_attach *a);
/* The coordinator has answered to it: a single machine's has done its work; a
 * fleet's is not ours. */
void lr_attach_drop_invitation(struct lr_attach *a);
/* Admitted, and the pool uses that key: what is known of it is kept. */
void lr_attach_keep(struct lr_attach *a, const struct lr_pool_key *last);
/* The pool's keys, from its coordinator. */
void lr_attach_take_keys(struct lr_attach *a, const struct lr_frame *f);
/* NULL: none; WRONG_POOL is said where there are only others of our name. */
const struct candidate *lr_attach_next_candidate(struct lr_attach *a);

#endif
