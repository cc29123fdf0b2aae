/* SPDX-License-Identifier: Apache-2.0 */
/* Small objects, packed: of a manifest's 109 bytes and its name, 24 and the
 * name stay.
 *
 *   owner and user   a number in the store's table
 *   size, chunks     follow from the value's length
 *   expires_ms       the record has it
 *   SHA-256          its first 8 bytes stay, the others are made of the value
 *
 * A value that is damaged here has, by the bytes that stay, another SHA-256
 * than the one it is handed out with, as it has another sum (64 bits each): who
 * retrieves it notices as before. What came with a SHA-256 that is not its own
 * is not packed. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <xxhash.h>

#include "store/internal.h"

#define KEPT 8u /* bytes of a SHA-256 */

struct lr_owner {
	struct lr_dev dev;
	uint32_t uid;
};

/* --- the owners ---------------------------------------------------------- */

static bool add_row(struct lr_store *s, const struct lr_owner *o)
{
	struct lr_owners *t = &s->owners;
	uint32_t cap = t->cap ? 2 * t->cap : 16;
	struct lr_owner *rows;

	if (t->n == LR_OWNERS_MAX)
		return false;
	if (t->n == t->cap) {
		rows = realloc(t->rows, cap * sizeof(*rows));
		if (!rows)
			return false;
		s->fixed_bytes += (cap - t->cap) * sizeof(*rows);
		t->rows = rows;
		t->cap = cap;
	}
	t->rows[t->n++] = *o;
	return true;
}

/* 0: no more are taken. */
static uint16_t owner_number(struct lr_store *s, const struct lr_owner *o)
{
	struct lr_owners *t = &s->owners;
	uint64_t i = XXH3_64bits_withSeed(o, sizeof(*o), s->seed);

	for (;; i++) {
		uint16_t *no = &t->places[i % (2 * LR_OWNERS_MAX)];

		if (*no && memcmp(&t->rows[*no - 1], o, sizeof(*o)))
			continue;
		if (!*no && add_row(s, o))
			*no = (uint16_t)t->n;
		return *no;
	}
}

/* --- values --------------------------------------------------------------- */

/* Made once, with the store: what is used here needs no memory. */
static void sha256(struct lr_store *s, const void *p, size_t n, uint8_t *ret)
{
	bool ok = EVP_DigestInit_ex(s->sha256, NULL, NULL) &&
		  EVP_DigestUpdate(s->sha256, p, n) &&
		  EVP_DigestFinal_ex(s->sha256, ret, NULL);

	assert(ok);
}

/* All that a packed one does not say is as it would be made up. */
static bool is_plain(struct lr_store *s, const struct lr_entry *e,
		     const struct lr_manifest *m, const struct lr_reader *rest)
{
	uint8_t sum[32];

	if (!(m->flags & LR_OBJECT_CLOSED) || m->chunks ||
	    m->chunk_bytes != LR_VALUE_MAX || m->size != rest->left ||
	    m->size > LR_PACK_INLINE_MAX || m->expires_ms != e->expires_ms ||
	    m->created_ms >> 48)
		return false;
	sha256(s, rest->p, rest->left, sum);
	return !memcmp(sum, m->sha256, sizeof(sum));
}

bool lr_pack(struct lr_store *s, const struct lr_entry *e, struct lr_form *ret)
{
	struct lr_reader r = lr_reader(e->value, e->bytes);
	struct lr_writer w = lr_writer(ret->buf, sizeof(ret->buf));
	struct lr_manifest m;
	size_t name;

	if (e->state != LR_FOUND_VALUE || e->kind != LR_KIND_MANIFEST ||
	    e->tag.ts != LR_TS_CLOSED || e->bytes > LR_WHOLE_MAX ||
	    !lr_dec_manifest(&r, &m) || !is_plain(s, e, &m, &r))
		return false;
	ret->small = owner_number(s, &(struct lr_owner){m.owner, m.uid});
	if (!ret->small)
		return false;
	name = strlen(m.name);
	lr_w_u8(&w, m.flags);
	lr_w_u16(&w, (uint16_t)(m.created_ms >> 32));
	lr_w_u32(&w, (uint32_t)m.created_ms);
	lr_w_bytes(&w, m.sha256, KEPT);
	lr_w_u8(&w, (uint8_t)name);
	lr_w_bytes(&w, m.name, name);
	lr_w_bytes(&w, r.p, r.left);
	assert(!w.bad);
	ret->bytes = (uint32_t)w.len;
	ret->value = ret->buf;
	return true;
}

/* What was damaged may say anything: then the sum is not that of what comes
 * of it. */
static void manifest_of(struct lr_store *s, struct lr_reader *r,
			struct lr_manifest *m)
{
	const uint8_t *kept, *name;
	uint8_t n;

	m->flags = lr_r_u8(r);
	m->created_ms = (uint64_t)lr_r_u16(r) << 32;
	m->created_ms |= lr_r_u32(r);
	kept = lr_r_bytes(r, KEPT);
	n = lr_r_u8(r);
	name = lr_r_bytes(r, n);
	if (name)
		memcpy(m->name, name, n);
	m->size = r->left;
	sha256(s, r->p, r->left, m->sha256);
	if (kept)
		memcpy(m->sha256, kept, KEPT);
}

bool lr_unpack(struct lr_store *s, const struct lr_record *rec, uint8_t *out)
{
	const struct lr_owner *o = s->owners.rows + rec->small - 1;
	struct lr_reader r = lr_reader(lr_record_value(rec), rec->bytes);
	struct lr_writer w = lr_writer(out, LR_WHOLE_MAX);
	struct lr_manifest m = {.chunk_bytes = LR_VALUE_MAX};

	if (!rec->small || rec->small > s->owners.n ||
	    rec->bytes < LR_PACK_HEAD || rec->bytes > LR_PACK_MAX)
		return false;
	m.owner = o->dev;
	m.uid = o->uid;
	m.expires_ms = rec->dated ? rec->words[rec->wide] : 0;
	manifest_of(s, &r, &m);
	lr_enc_manifest(&w, &m);
	lr_w_bytes(&w, r.p, r.left);
	return !r.bad && w.len == rec->bytes + LR_WHOLE_HEAD - LR_PACK_HEAD;
}
