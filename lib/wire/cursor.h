/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded cursors over bytes, with a sticky error: after the first overrun
 * every read gives zero and every write does nothing, so that a caller checks
 * `bad` once, at the end. Pure. */
#ifndef LR_WIRE_CURSOR_H
#define LR_WIRE_CURSOR_H

#include "core/id.h"
#include "core/tag.h"

/* Text in somebody else's buffer: not NUL-terminated, not checked. */
struct lr_str {
	const char *p;
	uint16_t n;
};

struct lr_writer {
	uint8_t *p;
	size_t len, cap;
	bool bad;
};

struct lr_reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

struct lr_writer lr_writer(void *buf, size_t cap);
struct lr_reader lr_reader(const void *buf, size_t len);

void lr_w_u8(struct lr_writer *w, uint8_t v);
void lr_w_u16(struct lr_writer *w, uint16_t v);
void lr_w_u32(struct lr_writer *w, uint32_t v);
void lr_w_u64(struct lr_writer *w, uint64_t v);
void lr_w_bytes(struct lr_writer *w, const void *p, size_t n);
void lr_w_id(struct lr_writer *w, struct lr_id v);
void lr_w_dev(struct lr_writer *w, struct lr_dev v);
void lr_w_tag(struct lr_writer *w, struct lr_tag v);
void lr_w_str(struct lr_writer *w, struct lr_str v);
/* Puts the length of what was written since `at` into the u16 there. */
void lr_w_size(struct lr_writer *w, size_t at);

uint8_t lr_r_u8(struct lr_reader *r);
uint16_t lr_r_u16(struct lr_reader *r);
uint32_t lr_r_u32(struct lr_reader *r);
uint64_t lr_r_u64(struct lr_reader *r);
/* Where the next n bytes are, or NULL. */
const uint8_t *lr_r_bytes(struct lr_reader *r, size_t n);
struct lr_id lr_r_id(struct lr_reader *r);
struct lr_dev lr_r_dev(struct lr_reader *r);
struct lr_tag lr_r_tag(struct lr_reader *r);
struct lr_str lr_r_str(struct lr_reader *r);
/* What a u16 length announces, as a reader of its own. */
struct lr_reader lr_r_sized(struct lr_reader *r);

/* Fully consumed, without an overrun. */
static inline bool lr_r_done(const struct lr_reader *r)
{
	return !r->bad && r->left == 0;
}

/* `text` must outlive the result; longer than 65,535 bytes is cut. */
struct lr_str lr_str(const char *text);
/* Copies at most cap - 1 bytes and terminates; false if it was cut or holds
 * a NUL. */
bool lr_str_copy(struct lr_str s, char *out, size_t cap);

#endif
