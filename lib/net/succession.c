/* SPDX-License-Identifier: Apache-2.0 */
#include "net/succession.h"

#include <stdio.h>
#include <string.h>

#include "net/identity_i.h"
#include "net/rotation.h"

#define KEY_BYTES  32u
#define STEP_BYTES (KEY_BYTES + LR_PROOF_BYTES)
/* An OID of the UUID 5c1f8e7e-3d0a-4f0e-9b57-6a1d2f84c0b3, ours alone. */
#define OID	   "2.25.122452826918630083491839723518518673587"
static const char purpose[] = "lanram succession 1";

bool lr_succession_take(struct lr_succession *s, const void *p, size_t len)
{
	if (len > sizeof s->b)
		return false;
	if (len)
		memcpy(s->b, p, len);
	s->len = len;
	return true;
}

/* --- following ------------------------------------------------------------ */

/* The first key, or a next one: 0 to n. */
static const uint8_t *raw_key(const struct lr_succession *s, unsigned i)
{
	return s->b + (i ? KEY_BYTES + (i - 1) * STEP_BYTES : 0);
}

static EVP_PKEY *public_key(const struct lr_succession *s, unsigned i,
			    struct lr_dev *ret_hash)
{
	struct lr_dev raw;
	EVP_PKEY *key;

	memcpy(raw.b, raw_key(s, i), sizeof raw.b);
	key = lr_proof_key(&raw);
	if (key && lr_identity_hash(key, ret_hash))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* Key i has signed key i + 1, which becomes *key. */
static bool step(const struct lr_succession *s, unsigned i, EVP_PKEY **key,
		 const struct lr_dev *pool, struct lr_dev *ret_hash)
{
	EVP_PKEY *next = public_key(s, i + 1, ret_hash);
	bool good = next &&
		    lr_proof_verify(*key, purpose, pool, ret_hash,
				    raw_key(s, i + 1) + KEY_BYTES,
				    LR_PROOF_BYTES);

	EVP_PKEY_free(*key);
	*key = next;
	return good;
}

static enum lr_err follow(const struct lr_succession *s, unsigned n,
			  const struct lr_pool_key *since,
			  struct lr_dev *ret_pool, struct lr_pool_key *ret_last)
{
	EVP_PKEY *key = public_key(s, 0, ret_pool);
	enum lr_err err = key ? LR_E_OK : LR_E_PROTOCOL;
	struct lr_dev hash = *ret_pool;

	for (unsigned i = 0; i < n && err == LR_E_OK; i++) {
		if (!step(s, i, &key, ret_pool, &hash))
			err = LR_E_PROTOCOL;
		else if (i + 1 == since->n && !lr_dev_eq(&hash, &since->key))
			err = LR_E_WRONG_PEER;
	}
	EVP_PKEY_free(key);
	*ret_last = (struct lr_pool_key){ hash, (uint16_t)n };
	return err;
}

enum lr_err lr_succession_follow(const struct lr_succession *s,
				 const struct lr_dev *shown,
				 const struct lr_pool_key *since,
				 struct lr_dev *ret_pool,
				 struct lr_pool_key *ret_last)
{
	size_t n = s->len ? (s->len - KEY_BYTES) / STEP_BYTES : 0;
	struct lr_pool_key last;
	struct lr_dev pool;
	enum lr_err err;

	if (!s->len && shown) {
		pool = *shown;
		last = (struct lr_pool_key){ pool, 0 };
	} else {
		if (s->len < KEY_BYTES || s->len != KEY_BYTES + n * STEP_BYTES)
			return LR_E_PROTOCOL;
		err = follow(s, (unsigned)n, since, &pool, &last);
		if (err)
			return err;
	}
	if (shown && !lr_dev_eq(&last.key, shown))
		return LR_E_PROTOCOL;
	if (last.n < since->n)
		return LR_E_WRONG_PEER;
	*ret_pool = pool;
	*ret_last = last;
	return LR_E_OK;
}

/* --- the next key --------------------------------------------------------- */

static bool add_raw(struct lr_succession *s, EVP_PKEY *key)
{
	size_t len = KEY_BYTES;
	bool good = EVP_PKEY_get_raw_public_key(key, s->b + s->len, &len) == 1;

	s->len += KEY_BYTES;
	return good;
}

static bool add(const struct lr_identity *old, EVP_PKEY *fresh,
		struct lr_succession *ret)
{
	struct lr_dev hash;

	*ret = old->line;
	if ((!ret->len && !add_raw(ret, old->key)) || !add_raw(ret, fresh) ||
	    !lr_identity_hash(fresh, &hash) ||
	    !lr_proof_sign(old->key, purpose, &old->dev, &hash,
			   ret->b + ret->len))
		return false;
	ret->len += LR_PROOF_BYTES;
	return true;
}

enum lr_err lr_succession_make(const struct lr_identity *old, const char *path,
			       struct lr_identity **ret, char *why, size_t cap)
{
	EVP_PKEY *fresh;
	struct lr_succession line;
	enum lr_err err = LR_E_NO_MEMORY;

	if (old->last.n == LR_SUCCESSION_MAX) {
		snprintf(why, cap, "the pool's key was replaced %u times, "
			 "which is the most",
			 (unsigned)LR_SUCCESSION_MAX);
		return LR_E_FULL;
	}
	snprintf(why, cap, "the new key cannot be made or put in its place");
	fresh = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (fresh && add(old, fresh, &line))
		err = lr_identity_save_new(path, fresh, &line, ret, why, cap);
	else
		EVP_PKEY_free(fresh);
	if (!err && !lr_rotation_settle(path)) {
		lr_identity_free(*ret);
		err = LR_E_IO;
	}
	return err;
}

/* --- where it stands ------------------------------------------------------ */

bool lr_succession_to_cert(const struct lr_succession *s, X509 *cert)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(OID, 1);
	ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	bool good;

	if (oid && text && ASN1_OCTET_STRING_set(text, s->b, (int)s->len))
		ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, text);
	good = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(text);
	ASN1_OBJECT_free(oid);
	return good;
}

bool lr_succession_of_cert(struct lr_succession *s, const X509 *cert)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(OID, 1);
	int at = oid ? X509_get_ext_by_OBJ(cert, oid, -1) : -1;
	const ASN1_OCTET_STRING *text =
		at < 0 ? NULL :
			 X509_EXTENSION_get_data(X509_get_ext(cert, at));

	ASN1_OBJECT_free(oid);
	s->len = 0;
	return oid && (!text || lr_succession_take(
				       s, ASN1_STRING_get0_data(text),
				       (size_t)ASN1_STRING_length(text)));
}
