/* SPDX-License-Identifier: Apache-2.0 */
/* Inside an identity; for lib/net only. */
#ifndef LR_NET_IDENTITY_I_H
#define LR_NET_IDENTITY_I_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "net/succession.h"

struct lr_identity {
	EVP_PKEY *key;
	X509 *cert; /* self-signed, made at each start */
	struct lr_succession line;
	struct lr_pool_key last; /* of the line: this key */
	struct lr_dev dev;
};

bool lr_identity_hash(EVP_PKEY *key, struct lr_dev *ret);
/* Written to `path`.new, replacing what lies there. Takes the key over. */
enum lr_err lr_identity_save_new(const char *path, EVP_PKEY *key,
				 const struct lr_succession *line,
				 struct lr_identity **ret, char *why,
				 size_t cap);
/* The folder of the file is on disk as it is. */
bool lr_identity_sync(const char *path);

#endif
