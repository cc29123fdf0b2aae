/* SPDX-License-Identifier: Apache-2.0 */
#include "client/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* Looking the algorithm up costs more than hashing a small value. */
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch_once(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* An OpenSSL without SHA-256 could not have made our key either. */
static const EVP_MD *algorithm(void)
{
	pthread_once(&once, fetch_once);
	if (!sha256)
		abort();
	return sha256;
}

struct lr_hash *lr_hash_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx && EVP_DigestInit_ex2(ctx, algorithm(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return (struct lr_hash *)ctx;
}

void lr_hash_add(struct lr_hash *h, const void *p, size_t n)
{
	if (EVP_DigestUpdate((EVP_MD_CTX *)h, p, n) != 1)
		abort();
}

void lr_hash_end(struct lr_hash *h, uint8_t ret[32])
{
	if (EVP_DigestFinal_ex((EVP_MD_CTX *)h, ret, NULL) != 1)
		abort();
	lr_hash_free(h);
}

void lr_hash_free(struct lr_hash *h)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void lr_hash_once(const void *p, size_t n, uint8_t ret[32])
{
	if (EVP_Digest(p, n, ret, NULL, algorithm(), NULL) != 1)
		abort();
}
