/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rotation.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/identity_i.h"

static const char purpose[] = "lanram rotation 1";
#define SIGNED_BYTES (sizeof purpose + 2 * sizeof(struct lr_dev))

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

/* Both keys of now: replayed later, or at another pool, it says nothing. */
static void what_is_signed(const struct lr_dev *pool, const struct lr_dev *old,
			   uint8_t out[SIGNED_BYTES])
{
	memcpy(out, purpose, sizeof purpose);
	memcpy(out + sizeof purpose, pool->b, sizeof pool->b);
	memcpy(out + sizeof purpose + sizeof pool->b, old->b, sizeof old->b);
}

bool lr_rotation_sign(const struct lr_identity *fresh,
		      const struct lr_dev *pool, const struct lr_dev *old,
		      struct lr_dev *ret_key, uint8_t proof[LR_PROOF_BYTES])
{
	uint8_t text[SIGNED_BYTES];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t key_len = sizeof ret_key->b, len = LR_PROOF_BYTES;
	bool good;

	what_is_signed(pool, old, text);
	good = ctx &&
	       EVP_PKEY_get_raw_public_key(fresh->key, ret_key->b,
					   &key_len) == 1 &&
	       EVP_DigestSignInit(ctx, NULL, NULL, NULL, fresh->key) == 1 &&
	       EVP_DigestSign(ctx, proof, &len, text, sizeof text) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

bool lr_rotation_verify(const struct lr_dev *key, const struct lr_dev *pool,
			const struct lr_dev *old, const void *proof, size_t len,
			struct lr_dev *ret_new)
{
	uint8_t text[SIGNED_BYTES];
	EVP_PKEY *fresh = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						      key->b, sizeof key->b);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	what_is_signed(pool, old, text);
	good = fresh && ctx && len == LR_PROOF_BYTES &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, fresh) == 1 &&
	       EVP_DigestVerify(ctx, proof, len, text, sizeof text) == 1 &&
	       lr_identity_hash(fresh, ret_new);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(fresh);
	return good;
}
