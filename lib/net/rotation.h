/* SPDX-License-Identifier: Apache-2.0 */
/* A device's new key: made beside the one in use, proven to the coordinator,
 * and put in its place when that has taken it. */
#ifndef LR_NET_ROTATION_H
#define LR_NET_ROTATION_H

#include "net/identity.h"
#include "net/proof.h"

/* Makes `path`.new, replacing what a rotation that was given up left there. */
enum lr_err lr_rotation_make(const char *path, struct lr_identity **ret,
			     char *why, size_t cap);
/* `path`.new becomes `path`. False: there is none, or errno. */
bool lr_rotation_settle(const char *path);
void lr_rotation_discard(const char *path);

/* The new key's own words: from now on I am in the place of `old` in that
 * pool. ret_key: its public half. */
bool lr_rotation_sign(const struct lr_identity *fresh,
		      const struct lr_dev *pool, const struct lr_dev *old,
		      struct lr_dev *ret_key, uint8_t proof[LR_PROOF_BYTES]);
/* ret_new: what links prove with that key. False: it did not say so. */
bool lr_rotation_verify(const struct lr_dev *key, const struct lr_dev *pool,
			const struct lr_dev *old, const void *proof, size_t len,
			struct lr_dev *ret_new);

#endif
