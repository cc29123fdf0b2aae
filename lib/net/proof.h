/* SPDX-License-Identifier: Apache-2.0 */
/* What a key says of a device in a pool: an Ed25519 signature over a purpose
 * and both IDs. For another device, another pool or another purpose it is
 * nothing. */
#ifndef LR_NET_PROOF_H
#define LR_NET_PROOF_H

#include <openssl/evp.h>

#include "core/id.h"

#define LR_PROOF_BYTES 64

/* A public key of `raw`; NULL: it is none. Free with EVP_PKEY_free. */
EVP_PKEY *lr_proof_key(const struct lr_dev *raw);
/* purpose: 31 bytes at most. A NULL key proves nothing. */
bool lr_proof_sign(EVP_PKEY *key, const char *purpose,
		   const struct lr_dev *pool, const struct lr_dev *device,
		   uint8_t proof[LR_PROOF_BYTES]);
bool lr_proof_verify(EVP_PKEY *key, const char *purpose,
		     const struct lr_dev *pool, const struct lr_dev *device,
		     const void *proof, size_t len);

#endif
