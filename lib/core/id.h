/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers: 128-bit entry IDs, 256-bit device IDs, and how they print.
 *
 * An entry ID is class (2 bits) + 126 random or derived bits; its top 14 bits
 * are its slot. IDs print as 26 lower-case Crockford base32 characters (two
 * zero bits, then the 128), device IDs as 52 (the 256 bits, then four zero
 * bits). Pure: callers bring the randomness. */
#ifndef LR_CORE_ID_H
#define LR_CORE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_ID_TEXT 26
#define LR_DEV_TEXT 52
#define LR_PREFIX_MIN 6 /* characters: 28 bits, so a prefix names its slot */

/* Copies of an entry: class 0, 1, 2 = 1, 2, 3 copies; 3 is reserved. */
enum lr_class { LR_SCRATCH, LR_NORMAL, LR_SAFE, LR_CLASSES };

#define LR_SLOTS_PER_CLASS 4096u
#define LR_SLOTS (LR_CLASSES * LR_SLOTS_PER_CLASS)

struct lr_id {
	uint8_t b[16];
};

/* SHA-256 of a public key (SPKI): a device, or the pool itself. */
struct lr_dev {
	uint8_t b[32];
};

/* The first `bits` bits of an ID; the rest of `id` is zero. */
struct lr_prefix {
	struct lr_id id;
	unsigned bits; /* 28 to 128 */
};

static inline unsigned lr_class_copies(unsigned cls) { return cls + 1; }

/* Slots are numbered through: class * 4,096 + number within the class. */
static inline unsigned lr_id_slot(const struct lr_id *id)
{
	return (unsigned)id->b[0] << 6 | id->b[1] >> 2;
}
static inline unsigned lr_id_class(const struct lr_id *id)
{
	return id->b[0] >> 6;
}
static inline unsigned lr_slot_class(unsigned slot)
{
	return slot / LR_SLOTS_PER_CLASS;
}

/* Overwrites the top two bits of 16 random bytes with the class. */
void lr_id_set_class(struct lr_id *id, enum lr_class cls);

/* Derived IDs keep the class given and hash the rest (XXH3, 128 bits). */
void lr_id_of_chunk(struct lr_id *ret, const struct lr_id *object, uint64_t n);
void lr_id_of_register(struct lr_id *ret, enum lr_class cls, const char *name,
		       size_t len);
void lr_id_of_name(struct lr_id *ret, enum lr_class cls, const char *space,
		   size_t space_len, const char *name, size_t len);

int lr_id_cmp(const struct lr_id *a, const struct lr_id *b);
bool lr_id_eq(const struct lr_id *a, const struct lr_id *b);
bool lr_dev_eq(const struct lr_dev *a, const struct lr_dev *b);
bool lr_dev_is_zero(const struct lr_dev *d);

/* `out` takes 27 and 53 bytes; the result is `out`, NUL-terminated. */
char *lr_id_format(const struct lr_id *id, char *out);
char *lr_dev_format(const struct lr_dev *dev, char *out);

/* Upper case and Crockford's look-alikes (o, i, l) are read too. False: not
 * an ID (length, characters, or a class or padding that cannot be). */
bool lr_id_parse(const char *text, struct lr_id *ret);
bool lr_dev_parse(const char *text, struct lr_dev *ret);

/* 6 to 26 characters. A whole ID is a prefix of 128 bits. */
bool lr_prefix_parse(const char *text, struct lr_prefix *ret);
bool lr_prefix_matches(const struct lr_prefix *p, const struct lr_id *id);
/* Keeps what the first `letters` say; the rest becomes zero. */
void lr_id_cut(struct lr_id *id, unsigned letters);
/* A device matches a text prefix of 6 or more characters. */
bool lr_dev_matches(const char *prefix, const struct lr_dev *dev);

#endif
