/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rotation.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "net/identity_i.h"

static const char purpose[] = "lanram rotation 1";

/* --- files ---------------------------------------------------------------- */

static bool name_new(const char *path, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s.new", path) < PATH_MAX;
}

void lr_rotation_discard(const char *path)
{
	char fresh[PATH_MAX];

	if (name_new(path, fresh))
		unlink(fresh);
}

enum lr_err lr_rotation_make(const char *path, struct lr_identity **ret,
			     char *why, size_t cap)
{
	char fresh[PATH_MAX];

	if (!name_new(path, fresh))
		return LR_E_USAGE;
	unlink(fresh);
	return lr_identity_open(fresh, ret, why, cap);
}

bool lr_rotation_settle(const char *path)
{
	char fresh[PATH_MAX];

	return name_new(path, fresh) && rename(fresh, path) == 0 &&
	       lr_identity_sync(path);
}

/* --- proof ---------------------------------------------------------------- */

/* Both keys of now are in it: replayed later, it says nothing. */
bool lr_rotation_sign(const struct lr_identity *fresh,
		      const struct lr_dev *pool, const struct lr_dev *old,
		      struct lr_dev *ret_key, uint8_t proof[LR_PROOF_BYTES])
{
	size_t len = sizeof ret_key->b;

	return EVP_PKEY_get_raw_public_key(fresh->key, ret_key->b, &len) == 1 &&
	       lr_proof_sign(fresh->key, purpose, pool, old, proof);
}

bool lr_rotation_verify(const struct lr_dev *key, const struct lr_dev *pool,
			const struct lr_dev *old, const void *proof, size_t len,
			struct lr_dev *ret_new)
{
	EVP_PKEY *fresh = lr_proof_key(key);
	bool good = lr_proof_verify(fresh, purpose, pool, old, proof, len) &&
		    lr_identity_hash(fresh, ret_new);

	EVP_PKEY_free(fresh);
	return good;
}
