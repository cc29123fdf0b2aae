/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's (or a pool's) Ed25519 key, kept in a file of mode 0600, the
 * self-signed certificate made from it, and TLS contexts that show it. */
#ifndef LR_NET_IDENTITY_H
#define LR_NET_IDENTITY_H

#include "core/err.h"
#include "core/id.h"

struct lr_identity;
struct lr_succession;
struct lr_pool_key;
struct lr_tls;

/* From here on private keys lie in locked memory that no dump holds: before the
 * first key, once a process. False: not all of it could be done. */
bool lr_identity_lock_memory(void);
/* Reads the PEM key at `path`, or makes one (temporary file, fsync, rename).
 * A file that others can read is refused. `why` gets a sentence. */
enum lr_err lr_identity_open(const char *path, struct lr_identity **ret,
			     char *why, size_t why_cap);
/* A key that is never written: for tests and one-off clients. */
enum lr_err lr_identity_make(struct lr_identity **ret);
void lr_identity_free(struct lr_identity *id);
/* What peers know it by: the hash of its key; of a pool, of its first one. */
const struct lr_dev *lr_identity_dev(const struct lr_identity *id);
/* A pool's keys so far, and the last of them (succession.h). */
const struct lr_succession *lr_identity_line(const struct lr_identity *id);
const struct lr_pool_key *lr_identity_last(const struct lr_identity *id);

/* TLS 1.3 only, ALPN lanram/1, no tickets, no resumption; one context serves
 * both sides. May be shared by loops on several threads. */
struct lr_tls *lr_tls_new(const struct lr_identity *id);
void lr_tls_free(struct lr_tls *tls);
/* Sessions from here on show another key. False: out of memory, as it was. */
bool lr_tls_renew(struct lr_tls *tls, const struct lr_identity *id);

/* SHA-256 of this machine's ID (/etc/machine-id, salted); random per boot
 * where there is none. */
void lr_machine_hash(struct lr_dev *ret);
/* Cryptographic randomness; aborts if the system has none. */
void lr_random(void *p, size_t n);
/* The pairing code: four words from both keys, stretched; the same on both
 * screens. out: 64 bytes. Takes about 50 ms. */
void lr_pairing_code(const struct lr_dev *pool, const struct lr_dev *device,
		     char *out, size_t cap);

#endif
