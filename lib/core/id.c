/* SPDX-License-Identifier: Apache-2.0 */
#include "core/id.h"

#include <string.h>

#define XXH_INLINE_ALL /* the state on the stack is no library's ABI */
#include <xxhash.h>

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void lr_id_set_class(struct lr_id *id, enum lr_class cls)
{
	id->b[0] = (uint8_t)((id->b[0] & 0x3f) | (unsigned)cls << 6);
}

/* --- derived IDs -------------------------------------------------------- */

static void hash_u64(XXH3_state_t *h, uint64_t v)
{
	uint8_t le[8];

	for (size_t i = 0; i < sizeof le; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	XXH3_128bits_update(h, le, sizeof le);
}

static void hash_start(XXH3_state_t *h, const char *kind)
{
	XXH3_128bits_reset(h);
	XXH3_128bits_update(h, kind, 1);
}

static void hash_end(XXH3_state_t *h, enum lr_class cls, struct lr_id *ret)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h));
	_Static_assert(sizeof c.digest == sizeof ret->b, "128 bits");
	memcpy(ret->b, c.digest, sizeof ret->b);
	lr_id_set_class(ret, cls);
}

void lr_id_of_chunk(struct lr_id *ret, const struct lr_id *object, uint64_t n)
{
	XXH3_state_t h;
	enum lr_class cls = (enum lr_class)lr_id_class(object);

	hash_start(&h, "c");
	XXH3_128bits_update(&h, object->b, sizeof object->b);
	hash_u64(&h, n);
	hash_end(&h, cls, ret);
}

void lr_id_of_register(struct lr_id *ret, enum lr_class cls, const char *name,
		       size_t len)
{
	XXH3_state_t h;

	hash_start(&h, "r");
	XXH3_128bits_update(&h, name, len);
	hash_end(&h, cls, ret);
}

/* The length keeps ("ab", "c") and ("a", "bc") apart. */
void lr_id_of_name(struct lr_id *ret, enum lr_class cls, const char *space,
		   size_t space_len, const char *name, size_t len)
{
	XXH3_state_t h;

	hash_start(&h, "n");
	hash_u64(&h, space_len);
	XXH3_128bits_update(&h, space, space_len);
	XXH3_128bits_update(&h, name, len);
	hash_end(&h, cls, ret);
}

/* --- comparing ---------------------------------------------------------- */

int lr_id_cmp(const struct lr_id *a, const struct lr_id *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}

bool lr_id_eq(const struct lr_id *a, const struct lr_id *b)
{
	return lr_id_cmp(a, b) == 0;
}

bool lr_dev_eq(const struct lr_dev *a, const struct lr_dev *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool lr_dev_is_zero(const struct lr_dev *d)
{
	static const struct lr_dev zero;

	return lr_dev_eq(d, &zero);
}

/* --- text: five bits a character, from the top -------------------------- */

/* Bit `i` of `n` bytes; outside of them all bits are zero. */
static unsigned bit_get(const uint8_t *b, size_t n, long i)
{
	if (i < 0 || (size_t)i >= 8 * n)
		return 0;
	return (unsigned)b[i / 8] >> (7 - i % 8) & 1u;
}

/* `lead`: zero bits in front of the bytes. */
static char *format(const uint8_t *b, size_t n, long lead, char *out,
		    size_t chars)
{
	for (size_t c = 0; c < chars; c++) {
		unsigned v = 0;

		for (int k = 0; k < 5; k++)
			v = v << 1 | bit_get(b, n, (long)c * 5 + k - lead);
		out[c] = digits[v];
	}
	out[chars] = '\0';
	return out;
}

static int digit_value(char c)
{
	const char *at;

	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	if (c == 'o')
		c = '0';
	if (c == 'i' || c == 'l')
		c = '1';
	at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* False: a one where there can only be zeros. */
static bool put_byte(uint8_t *b, size_t n, size_t at, unsigned v)
{
	if (at < n)
		b[at] = (uint8_t)v;
	return at < n || !(v & 0xff);
}

static bool parse(const char *text, size_t chars, uint8_t *b, size_t n,
		  unsigned lead)
{
	unsigned bits = 0, have = 0; /* not put yet */
	size_t at = 0;

	memset(b, 0, n);
	for (size_t c = 0; c < chars; c++) {
		int v = digit_value(text[c]);

		if (v < 0 || (c == 0 && (unsigned)v >> (5 - lead)))
			return false;
		bits = bits << 5 | (unsigned)v;
		have += c ? 5 : 5 - lead;
		if (have < 8)
			continue;
		have -= 8;
		if (!put_byte(b, n, at++, bits >> have))
			return false;
	}
	return !have || put_byte(b, n, at, bits << (8 - have));
}

char *lr_id_format(const struct lr_id *id, char *out)
{
	return format(id->b, sizeof id->b, 2, out, LR_ID_TEXT);
}

char *lr_dev_format(const struct lr_dev *dev, char *out)
{
	return format(dev->b, sizeof dev->b, 0, out, LR_DEV_TEXT);
}

bool lr_prefix_parse(const char *text, struct lr_prefix *ret)
{
	struct lr_prefix p;
	size_t n = strnlen(text, LR_ID_TEXT + 1);

	if (n < LR_PREFIX_MIN || n > LR_ID_TEXT ||
	    !parse(text, n, p.id.b, sizeof p.id.b, 2) ||
	    lr_id_class(&p.id) >= LR_CLASSES)
		return false;
	p.bits = (unsigned)n * 5 - 2;
	*ret = p;
	return true;
}

bool lr_id_parse(const char *text, struct lr_id *ret)
{
	struct lr_prefix p;

	if (!lr_prefix_parse(text, &p) || p.bits != 128)
		return false;
	*ret = p.id;
	return true;
}

bool lr_dev_parse(const char *text, struct lr_dev *ret)
{
	struct lr_dev d;

	if (strnlen(text, LR_DEV_TEXT + 1) != LR_DEV_TEXT ||
	    !parse(text, LR_DEV_TEXT, d.b, sizeof d.b, 0))
		return false;
	*ret = d;
	return true;
}

bool lr_prefix_matches(const struct lr_prefix *p, const struct lr_id *id)
{
	size_t whole = p->bits / 8;
	unsigned rest = p->bits % 8;

	if (memcmp(p->id.b, id->b, whole) != 0)
		return false;
	return !rest || (p->id.b[whole] ^ id->b[whole]) >> (8 - rest) == 0;
}

void lr_id_cut(struct lr_id *id, unsigned letters)
{
	unsigned bits = letters * 5 - 2;

	for (unsigned i = 0; i < sizeof id->b; i++) {
		unsigned keep = bits < 8 * i	 ? 0 :
				bits < 8 * i + 8 ? bits - 8 * i :
						   8;

		id->b[i] &= (uint8_t)(0xff00u >> keep);
	}
}

bool lr_dev_matches(const char *prefix, const struct lr_dev *dev)
{
	char text[LR_DEV_TEXT + 1];
	size_t n = strnlen(prefix, LR_DEV_TEXT + 1);

	if (n < LR_PREFIX_MIN || n > LR_DEV_TEXT)
		return false;
	lr_dev_format(dev, text);
	for (size_t i = 0; i < n; i++)
		if (digit_value(prefix[i]) != digit_value(text[i]))
			return false;
	return true;
}
