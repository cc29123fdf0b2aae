/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's key is replaced, and the pool stays: its ID is the first key's hash,
 * and each key has signed the next. This line of keys stands in the
 * coordinator's certificate and beside its key in the file. Who has seen one
 * key follows only a line that it lies on: an older key is nothing to it, nor
 * is what an older key signs later. */
#ifndef LR_NET_SUCCESSION_H
#define LR_NET_SUCCESSION_H

#include <openssl/x509.h>

#include "net/identity.h"
#include "net/proof.h"

/* Keys after the first: a certificate of that many fits in what a handshake
 * may send and take. */
#define LR_SUCCESSION_MAX   16
#define LR_SUCCESSION_BYTES (32 + LR_SUCCESSION_MAX * (32 + LR_PROOF_BYTES))

/* The first key, then each next one with the signature of the one before. */
struct lr_succession {
	size_t len; /* 0: the first key is in use */
	uint8_t b[LR_SUCCESSION_BYTES];
};

/* The last key of a line, by its hash; it came after n others. */
struct lr_pool_key {
	struct lr_dev key;
	uint16_t n;
};

/* Follows a line from the pool's first key to its last. `shown`: the hash of
 * the key that the other side has proven, which must be the last one; NULL:
 * it was not asked. `since`: the last that we have seen, n 0 for none.
 * PROTOCOL: it is no such line; WRONG_PEER: not the one that we have seen. */
enum lr_err lr_succession_follow(const struct lr_succession *s,
				 const struct lr_dev *shown,
				 const struct lr_pool_key *since,
				 struct lr_dev *ret_pool,
				 struct lr_pool_key *ret_last);
/* From outside; false: too long. */
bool lr_succession_take(struct lr_succession *s, const void *p, size_t len);

/* A new key that `old` has signed takes its place at `path`, in one go; ret:
 * the identity made of it. LR_E_FULL: there are MAX. */
enum lr_err lr_succession_make(const struct lr_identity *old, const char *path,
			       struct lr_identity **ret, char *why, size_t cap);

/* In a certificate. False: out of memory, or too long. */
bool lr_succession_to_cert(const struct lr_succession *s, X509 *cert);
bool lr_succession_of_cert(struct lr_succession *s, const X509 *cert);

#endif
