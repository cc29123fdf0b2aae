/* SPDX-License-Identifier: Apache-2.0 */
/* Invitations: the pool's fingerprint, so that a device knows whom it may
 * believe, and a signing key of its own, so that the pool knows who was
 * invited. The key's secret half never leaves the line of text: its holder
 * signs both sides' keys, and the coordinator keeps the public half. */
#ifndef LR_NET_INVITATION_H
#define LR_NET_INVITATION_H

#include "net/proof.h"
#include "net/succession.h"

#define LR_INVITATION_TEXT 192 /* bytes that the line takes */

struct lr_invitation {
	struct lr_dev pool;
	struct lr_dev secret; /* an Ed25519 seed */
	struct lr_pool_key last; /* of the pool's keys; n 0: the first */
};

void lr_invitation_make(const struct lr_dev *pool, struct lr_invitation *ret);
/* One word, longer where the pool's key was replaced; `out` takes LR_INVITATION_TEXT. */
char *lr_invitation_format(const struct lr_invitation *i, char *out);
/* White space around it is skipped. */
bool lr_invitation_parse(const char *text, struct lr_invitation *ret);
/* The first line of a file. */
bool lr_invitation_read(const char *path, struct lr_invitation *ret);

/* The public half: what the coordinator knows it by. */
bool lr_invitation_key(const struct lr_invitation *i, struct lr_dev *ret);
bool lr_invitation_sign(const struct lr_invitation *i,
			const struct lr_dev *device,
			uint8_t proof[LR_PROOF_BYTES]);
bool lr_invitation_verify(const struct lr_dev *key, const struct lr_dev *pool,
			  const struct lr_dev *device, const void *proof,
			  size_t len);

#endif
