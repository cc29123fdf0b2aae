/* SPDX-License-Identifier: Apache-2.0 */
/* The four words that an admin compares. 40 bits, stretched: to find a key with
 * a given code, a forger must try 2^40 times some 50 ms. */
#include "net/identity.h"
#include "net/pairing_words.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 220000

void lr_pairing_code(const struct lr_dev *pool, const struct lr_dev *device,
		     char *out, size_t cap)
{
	static const uint8_t salt[] = "lanram pairing 1";
	char both[2 * sizeof pool->b];
	uint8_t b[5];
	uint64_t bits = 0;

	memcpy(both, pool->b, sizeof pool->b);
	memcpy(both + sizeof pool->b, device->b, sizeof device->b);
	if (!PKCS5_PBKDF2_HMAC(both, sizeof both, salt, sizeof salt - 1, ROUNDS,
			       EVP_sha256(), sizeof b, b))
		abort(); /* a code that is not from the keys must not be shown
			  */
	for (size_t i = 0; i < sizeof b; i++)
		bits = bits << 8 | b[i];
	snprintf(out, cap, "%s-%s-%s-%s", lr_pairing_words[bits >> 30],
		 lr_pairing_words[bits >> 20 & 1023],
		 lr_pairing_words[bits >> 10 & 1023],
		 lr_pairing_words[bits & 1023]);
}
