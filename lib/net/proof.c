/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proof.h"

#include <string.h>

struct text {
	uint8_t b[32 + 2 * sizeof(struct lr_dev)];
	size_t n;
};

/* The purpose with its final zero, so that none begins another. */
static void what_is_signed(struct text *t, const char *purpose,
			   const struct lr_dev *pool,
			   const struct lr_dev *device)
{
	t->n = strlen(purpose) + 1;
	memcpy(t->b, purpose, t->n);
	memcpy(t->b + t->n, pool->b, sizeof pool->b);
	t->n += sizeof pool->b;
	memcpy(t->b + t->n, device->b, sizeof device->b);
	t->n += sizeof device->b;
}

EVP_PKEY *lr_proof_key(const struct lr_dev *raw)
{
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw->b,
					   sizeof raw->b);
}

bool lr_proof_sign(EVP_PKEY *key, const char *purpose,
		   const struct lr_dev *pool, const struct lr_dev *device,
		   uint8_t proof[LR_PROOF_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = LR_PROOF_BYTES;
	struct text t;
	bool good;

	what_is_signed(&t, purpose, pool, device);
	good = key && ctx &&
	       EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestSign(ctx, proof, &len, t.b, t.n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

bool lr_proof_verify(EVP_PKEY *key, const char *purpose,
		     const struct lr_dev *pool, const struct lr_dev *device,
		     const void *proof, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct text t;
	bool good;

	what_is_signed(&t, purpose, pool, device);
	good = key && ctx && len == LR_PROOF_BYTES &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, proof, len, t.b, t.n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}
