/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/manifest.h"

#include <string.h>

#define LAYOUT 1 /* first byte of every head */
/* Where the owner stands: after layout, flags and sealed_with. */
#define OWNER_AT 3
#define UID_AT	 (OWNER_AT + 32)

void lr_enc_manifest(struct lr_writer *w, const struct lr_manifest *m)
{
	lr_w_u8(w, LAYOUT);
	lr_w_u8(w, m->flags);
	lr_w_u8(w, m->sealed_with);
	lr_w_dev(w, m->owner);
	lr_w_u32(w, m->uid);
	lr_w_u64(w, m->size);
	lr_w_u64(w, m->chunks);
	lr_w_u32(w, m->chunk_bytes);
	lr_w_u64(w, m->created_ms);
	lr_w_u64(w, m->expires_ms);
	lr_w_bytes(w, m->sha256, sizeof m->sha256);
	lr_w_str(w, lr_str(m->name));
}

/* Size, chunks and chunk length agree; an open one knows none of them yet. */
static bool sizes_valid(const struct lr_manifest *m)
{
	if (m->chunk_bytes > LR_VALUE_MAX)
		return false;
	if (!(m->flags & LR_OBJECT_CLOSED))
		return true;
	if (m->chunks == 0)
		return m->size <= LR_VALUE_MAX;
	if (m->chunk_bytes == 0 || m->size == 0)
		return false;
	return (m->size - 1) / m->chunk_bytes + 1 == m->chunks;
}

static bool name_valid(struct lr_str name)
{
	return name.n == 0 || lr_object_name_valid(name.p, name.n);
}

bool lr_dec_manifest(struct lr_reader *r, struct lr_manifest *ret)
{
	uint8_t layout = lr_r_u8(r);
	const uint8_t *sha256;
	struct lr_str name;

	memset(ret, 0, sizeof *ret);
	ret->flags = lr_r_u8(r);
	ret->sealed_with = lr_r_u8(r);
	ret->owner = lr_r_dev(r);
	ret->uid = lr_r_u32(r);
	ret->size = lr_r_u64(r);
	ret->chunks = lr_r_u64(r);
	ret->chunk_bytes = lr_r_u32(r);
	ret->created_ms = lr_r_u64(r);
	ret->expires_ms = lr_r_u64(r);
	sha256 = lr_r_bytes(r, sizeof ret->sha256);
	if (sha256)
		memcpy(ret->sha256, sha256, sizeof ret->sha256);
	name = lr_r_str(r);
	if (layout != LAYOUT ||
	    ret->flags & ~(LR_OBJECT_PUBLIC | LR_OBJECT_CLOSED) ||
	    ret->sealed_with != 0 || !sizes_valid(ret) || !name_valid(name) ||
	    !lr_str_copy(name, ret->name, sizeof ret->name))
		r->bad = true;
	return !r->bad;
}

bool lr_manifest_stamp(void *head, size_t len, const struct lr_dev *owner,
		       uint32_t uid)
{
	struct lr_reader r = lr_reader(head, len);
	struct lr_writer w;
	struct lr_manifest m;

	if (!lr_dec_manifest(&r, &m))
		return false;
	w = lr_writer((uint8_t *)head + OWNER_AT, sizeof *owner + sizeof uid);
	_Static_assert(UID_AT == OWNER_AT + sizeof *owner, "uid follows");
	lr_w_dev(&w, *owner);
	lr_w_u32(&w, uid);
	return true;
}

/* Bytes of the UTF-8 character at `p`, or 0: cut, too long a form, a
 * surrogate, beyond Unicode, or a control character. */
static size_t utf8_char(const uint8_t *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = p[0];

	if (n == 1)
		return c < 0x20 || c == 0x7f ? 0 : 1;
	if (c < 0xc0 || c > 0xf7 || n > left)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return c < 0xa0 ? 0 : n; /* 0x80 to 0x9f are control characters too */
}

bool lr_object_name_valid(const char *name, size_t len)
{
	const uint8_t *p = (const uint8_t *)name;
	size_t n;

	if (len == 0 || len > LR_OBJECT_NAME_MAX)
		return false;
	for (; len; p += n, len -= n) {
		n = utf8_char(p, len);
		if (n == 0)
			return false;
	}
	return true;
}
