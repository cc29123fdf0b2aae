/* SPDX-License-Identifier: Apache-2.0 */
#include "net/invitation.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/identity.h"

/* Of the form, not of a version of lanram. The second one ends with the last of
 * the pool's keys. */
#define PREFIX	    "lanram1:"
#define PREFIX_LAST "lanram2:"
static const char purpose[] = "lanram invitation 1";

void lr_invitation_make(const struct lr_dev *pool, struct lr_invitation *ret)
{
	*ret = (struct lr_invitation){ .pool = *pool };
	lr_random(&ret->secret, sizeof ret->secret);
}

/* --- as text -------------------------------------------------------------- */

char *lr_invitation_format(const struct lr_invitation *i, char *out)
{
	char pool[LR_DEV_TEXT + 1], secret[LR_DEV_TEXT + 1];
	char key[LR_DEV_TEXT + 1];
	int n = snprintf(out, LR_INVITATION_TEXT, "%s%s:%s",
			 i->last.n ? PREFIX_LAST : PREFIX,
			 lr_dev_format(&i->pool, pool),
			 lr_dev_format(&i->secret, secret));

	if (i->last.n)
		snprintf(out + n, LR_INVITATION_TEXT - (size_t)n, ":%hu:%s",
			 i->last.n, lr_dev_format(&i->last.key, key));
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

/* ":N:KEY". */
static bool parse_last(const char **at, struct lr_pool_key *ret)
{
	size_t digits = strspn(*at + (**at == ':'), "0123456789");

	if (*(*at)++ != ':' || !digits || digits > 2 || (*at)[digits] != ':')
		return false;
	ret->n = (uint16_t)strtoul(*at, NULL, 10);
	*at += digits + 1;
	return ret->n && parse_key(at, &ret->key);
}

bool lr_invitation_parse(const char *text, struct lr_invitation *ret)
{
	static const char blanks[] = " \t\r\n";
	struct lr_invitation i = {0};
	bool has_last;

	text += strspn(text, blanks);
	has_last = !strncmp(text, PREFIX_LAST, strlen(PREFIX_LAST));
	if (!has_last && strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	text += strlen(PREFIX);
	if (!parse_key(&text, &i.pool) || *text++ != ':' ||
	    !parse_key(&text, &i.secret) ||
	    (has_last && !parse_last(&text, &i.last)) ||
	    text[strspn(text, blanks)])
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
