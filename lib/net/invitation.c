/* SPDX-License-Identifier: Apache-2.0 */
#include "net/invitation.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/identity.h"

#define PREFIX "lanram1:" /* of the form, not of a version of lanram */
static const char purpose[] = "lanram invitation 1";

void lr_invitation_make(const struct lr_dev *pool, struct lr_invitation *ret)
{
	ret->pool = *pool;
	lr_random(&ret->secret, sizeof ret->secret);
}

/* --- as text -------------------------------------------------------------- */

char *lr_invitation_format(const struct lr_invitation *i, char *out)
{
	char pool[LR_DEV_TEXT + 1], secret[LR_DEV_TEXT + 1];

	snprintf(out, LR_INVITATION_TEXT, PREFIX "%s:%s",
		 lr_dev_format(&i->pool, pool),
		 lr_dev_format(&i->secret, secret));
	OPENSSL_cleanse(secret, sizeof secret);
	return out;
}

static bool parse_key(const char **at, struct lr_dev *ret)
{
	char text[LR_DEV_TEXT + 1];

	if (strlen(*at) < LR_DEV_TEXT)
		return false;
	memcpy(text, *at, LR_DEV_TEXT);
	text[LR_DEV_TEXT] = '\0';
	*at += LR_DEV_TEXT;
	return lr_dev_parse(text, ret);
}

bool lr_invitation_parse(const char *text, struct lr_invitation *ret)
{
	static const char blanks[] = " \t\r\n";
	struct lr_invitation i;

	text += strspn(text, blanks);
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	text += strlen(PREFIX);
	if (!parse_key(&text, &i.pool) || *text++ != ':' ||
	    !parse_key(&text, &i.secret) || text[strspn(text, blanks)])
		return false;
	*ret = i;
	return true;
}

bool lr_invitation_read(const char *path, struct lr_invitation *ret)
{
	char text[2 * LR_INVITATION_TEXT];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;
	bool good;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	good = lr_invitation_parse(text, ret);
	OPENSSL_cleanse(text, sizeof text);
	return good;
}

/* --- the key -------------------------------------------------------------- */

static EVP_PKEY *secret_key(const struct lr_invitation *i)
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
					    i->secret.b, sizeof i->secret.b);
}

bool lr_invitation_key(const struct lr_invitation *i, struct lr_dev *ret)
{
	EVP_PKEY *key = secret_key(i);
	size_t len = sizeof ret->b;
	bool good = key && EVP_PKEY_get_raw_public_key(key, ret->b, &len) == 1;

	EVP_PKEY_free(key);
	return good;
}

bool lr_invitation_sign(const struct lr_invitation *i,
			const struct lr_dev *device,
			uint8_t proof[LR_PROOF_BYTES])
{
	EVP_PKEY *key = secret_key(i);
	bool good = lr_proof_sign(key, purpose, &i->pool, device, proof);

	EVP_PKEY_free(key);
	return good;
}

bool lr_invitation_verify(const struct lr_dev *key, const struct lr_dev *pool,
			  const struct lr_dev *device, const void *proof,
			  size_t len)
{
	EVP_PKEY *invited = lr_proof_key(key);
	bool good = lr_proof_verify(invited, purpose, pool, device, proof, len);

	EVP_PKEY_free(invited);
	return good;
}
