/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a manifest entry's value: what an object is. A value of up to
 * 256 KiB follows it inline; larger ones are in chunk entries, numbered from
 * 0, each of `chunk_bytes` but the last. Pure. */
#ifndef LR_WIRE_MANIFEST_H
#define LR_WIRE_MANIFEST_H

#include "wire/cursor.h"
#include "wire/messages.h"

#define LR_OBJECT_NAME_MAX 255

struct lr_manifest {
	uint8_t flags;	     /* LR_OBJECT_PUBLIC | LR_OBJECT_CLOSED */
	uint8_t sealed_with; /* 0: not encrypted end to end; others reserved */
	struct lr_dev owner;
	uint32_t uid;
	uint64_t size;			 /* of the object; 0 while open */
	uint64_t chunks;		 /* 0: the value is inline */
	uint32_t chunk_bytes;		 /* 262,144 */
	uint64_t created_ms, expires_ms; /* Unix time; expires 0 = never */
	uint8_t sha256[32];
	char name[LR_OBJECT_NAME_MAX + 1];
};

void lr_enc_manifest(struct lr_writer *w, const struct lr_manifest *m);
/* Reads the head; the reader is left at the inline value (whose length the
 * caller compares with `size`). An empty name is none. False: not one. */
bool lr_dec_manifest(struct lr_reader *r, struct lr_manifest *ret);
/* A local daemon stamps who stores, in an encoded head. False: not one. */
bool lr_manifest_stamp(void *head, size_t len, const struct lr_dev *owner,
		       uint32_t uid);
/* 1 to 255 bytes of UTF-8 without control characters. */
bool lr_object_name_valid(const char *name, size_t len);

#endif
