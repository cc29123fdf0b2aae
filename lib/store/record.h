/* SPDX-License-Identifier: Apache-2.0 */
/* An entry as it lies in a segment: 48 bytes, a word for each of ts and
 * expires_ms that cannot be said in less, and the value, padded to 8 bytes.
 *
 * A small object is kept packed (pack.c): most of its manifest can be made of
 * the record, of the value, and of a table of owners. That is nobody's business
 * outside: what is read is what was put, byte for byte. */
#ifndef LR_STORE_RECORD_H
#define LR_STORE_RECORD_H

#include "core/terms.h"
#include "store/store.h"
#include "wire/manifest.h"

#define LR_STORED_UNIT_MS 64u

struct lr_record {
	struct lr_id id;
	uint64_t writer;
	uint64_t sum;
	uint32_t seq;
	uint32_t stored; /* in LR_STORED_UNIT_MS, rounded up */
	uint32_t bytes : 20; /* of the value, as it is here */
	uint32_t kind : 8;
	uint32_t state : 2;
	uint32_t packed : 1; /* ts is LR_TS_CLOSED, and `small` the owner */
	uint32_t dated : 1;  /* expires_ms is the last word; otherwise never */
	uint32_t slot : 15;
	uint32_t wide : 1;   /* ts is the first word; otherwise in `small` */
	uint32_t small : 16;
	uint64_t words[];
};

_Static_assert(sizeof(struct lr_record) == 48, "the cost of an entry");
_Static_assert(LR_BULK_MAX < 1u << 20, "fits lr_record.bytes");

/* A value that long gains little, and would be hashed for every retrieve. */
#define LR_PACK_INLINE_MAX 256u
#define LR_PACK_HEAD	   16u /* flags, created, of the SHA-256, length */
#define LR_WHOLE_HEAD	   109u /* a manifest without a name */
#define LR_PACK_REST	   (LR_OBJECT_NAME_MAX + LR_PACK_INLINE_MAX)
#define LR_PACK_MAX	   (LR_PACK_HEAD + LR_PACK_REST)
#define LR_WHOLE_MAX	   (LR_WHOLE_HEAD + LR_PACK_REST)

/* How an entry is going to be kept. */
struct lr_form {
	uint32_t bytes; /* of what follows the words */
	const void *value;
	bool packed, wide, dated;
	uint16_t small;
	uint8_t buf[LR_PACK_MAX];
};

void lr_form_of(struct lr_store *s, const struct lr_entry *e,
		struct lr_form *ret);
void lr_record_write(struct lr_record *r, unsigned slot,
		     const struct lr_entry *e, const struct lr_form *f,
		     uint64_t now_ms);
/* A packed value is not unpacked: ret->value is NULL. */
void lr_record_read(const struct lr_record *r, struct lr_entry *ret);
/* With its value, in the store's own buffer where it was packed. */
void lr_record_whole(struct lr_store *s, const struct lr_record *r,
		     struct lr_entry *ret);

static inline uint32_t lr_record_bytes(unsigned words, uint32_t value_bytes)
{
	return ((uint32_t)sizeof(struct lr_record) + 8 * words + value_bytes +
		7) & ~7u;
}
static inline uint32_t lr_form_size(const struct lr_form *f)
{
	return lr_record_bytes((unsigned)f->wide + f->dated, f->bytes);
}
static inline uint32_t lr_record_size(const struct lr_record *r)
{
	return lr_record_bytes(r->wide + r->dated, r->bytes);
}
static inline void *lr_record_value(const struct lr_record *r)
{
	return (void *)(uintptr_t)(r->words + r->wide + r->dated);
}
static inline void lr_record_set_stored(struct lr_record *r, uint64_t now_ms)
{
	r->stored = (uint32_t)((now_ms + LR_STORED_UNIT_MS - 1) /
			       LR_STORED_UNIT_MS);
}

/* --- pack.c ------------------------------------------------------------- */

/* Who owns small objects, numbered from 1; numbers are never given back. */
#define LR_OWNERS_MAX 4096u
struct lr_owners {
	struct lr_owner *rows;
	uint32_t n, cap;
	uint16_t places[2 * LR_OWNERS_MAX]; /* by hash; 0: empty */
};

/* False: not a small object, or not exactly what unpacking would give. */
bool lr_pack(struct lr_store *s, const struct lr_entry *e, struct lr_form *ret);
/* Into `out` of LR_WHOLE_MAX bytes. False: the record cannot be right. */
bool lr_unpack(struct lr_store *s, const struct lr_record *r, uint8_t *out);

#endif
