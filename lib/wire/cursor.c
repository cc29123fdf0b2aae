/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cursor.h"

#include <endian.h>
#include <string.h>

struct lr_writer lr_writer(void *buf, size_t cap)
{
	return (struct lr_writer){ .p = buf, .cap = cap };
}

struct lr_reader lr_reader(const void *buf, size_t len)
{
	return (struct lr_reader){ .p = buf, .left = len };
}

static uint8_t *room(struct lr_writer *w, size_t n)
{
	uint8_t *at;

	if (w->bad || n > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	at = w->p + w->len;
	w->len += n;
	return at;
}

/* Of a constant size: one move. */
static inline void w_fixed(struct lr_writer *w, const void *p, size_t n)
{
	uint8_t *at = room(w, n);

	if (at)
		memcpy(at, p, n);
}

void lr_w_u8(struct lr_writer *w, uint8_t v)
{
	w_fixed(w, &v, sizeof v);
}

void lr_w_u16(struct lr_writer *w, uint16_t v)
{
	v = htole16(v);
	w_fixed(w, &v, sizeof v);
}

void lr_w_u32(struct lr_writer *w, uint32_t v)
{
	v = htole32(v);
	w_fixed(w, &v, sizeof v);
}

void lr_w_u64(struct lr_writer *w, uint64_t v)
{
	v = htole64(v);
	w_fixed(w, &v, sizeof v);
}

void lr_w_bytes(struct lr_writer *w, const void *p, size_t n)
{
	uint8_t *at = room(w, n);

	if (at && n)
		memcpy(at, p, n);
}

void lr_w_id(struct lr_writer *w, struct lr_id v)
{
	w_fixed(w, v.b, sizeof v.b);
}

void lr_w_dev(struct lr_writer *w, struct lr_dev v)
{
	w_fixed(w, v.b, sizeof v.b);
}

void lr_w_tag(struct lr_writer *w, struct lr_tag v)
{
	lr_w_u64(w, v.ts);
	lr_w_u64(w, v.writer);
	lr_w_u32(w, v.seq);
}

void lr_w_str(struct lr_writer *w, struct lr_str v)
{
	lr_w_u16(w, v.n);
	lr_w_bytes(w, v.p, v.n);
}

void lr_w_size(struct lr_writer *w, size_t at)
{
	struct lr_writer size = lr_writer(w->p + at, 2);

	if (w->bad || w->len - at - 2 > UINT16_MAX)
		w->bad = true;
	else
		lr_w_u16(&size, (uint16_t)(w->len - at - 2));
}

static inline const uint8_t *take(struct lr_reader *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->bad || n > r->left) {
		r->bad = true;
		r->left = 0;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return at;
}

const uint8_t *lr_r_bytes(struct lr_reader *r, size_t n)
{
	return take(r, n);
}

/* Leaves *ret alone after an overrun. */
static inline void r_fixed(struct lr_reader *r, void *ret, size_t n)
{
	const uint8_t *at = take(r, n);

	if (at)
		memcpy(ret, at, n);
}

uint8_t lr_r_u8(struct lr_reader *r)
{
	uint8_t v = 0;

	r_fixed(r, &v, sizeof v);
	return v;
}

uint16_t lr_r_u16(struct lr_reader *r)
{
	uint16_t v = 0;

	r_fixed(r, &v, sizeof v);
	return le16toh(v);
}

uint32_t lr_r_u32(struct lr_reader *r)
{
	uint32_t v = 0;

	r_fixed(r, &v, sizeof v);
	return le32toh(v);
}

uint64_t lr_r_u64(struct lr_reader *r)
{
	uint64_t v = 0;

	r_fixed(r, &v, sizeof v);
	return le64toh(v);
}

struct lr_id lr_r_id(struct lr_reader *r)
{
	struct lr_id v = { { 0 } };

	r_fixed(r, v.b, sizeof v.b);
	return v;
}

struct lr_dev lr_r_dev(struct lr_reader *r)
{
	struct lr_dev v = { { 0 } };

	r_fixed(r, v.b, sizeof v.b);
	return v;
}

struct lr_tag lr_r_tag(struct lr_reader *r)
{
	struct lr_tag v;

	v.ts = lr_r_u64(r);
	v.writer = lr_r_u64(r);
	v.seq = lr_r_u32(r);
	return v;
}

struct lr_str lr_r_str(struct lr_reader *r)
{
	struct lr_str v = { "", 0 };
	uint16_t n = lr_r_u16(r);
	const uint8_t *at = lr_r_bytes(r, n);

	if (at)
		v = (struct lr_str){ (const char *)at, n };
	return v;
}

struct lr_reader lr_r_sized(struct lr_reader *r)
{
	uint16_t n = lr_r_u16(r);
	const uint8_t *at = lr_r_bytes(r, n);

	return (struct lr_reader){ .p = at, .left = at ? n : 0, .bad = !at };
}

struct lr_str lr_str(const char *text)
{
	size_t n = strlen(text);

	return (struct lr_str){ text, n > UINT16_MAX ? UINT16_MAX : (uint16_t)n };
}

bool lr_str_copy(struct lr_str s, char *out, size_t cap)
{
	size_t n = s.n < cap ? s.n : cap - 1;

	memcpy(out, s.p, n);
	out[n] = '\0';
	return n == s.n && !memchr(s.p, 0, s.n);
}
