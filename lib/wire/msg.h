/* SPDX-License-Identifier: Apache-2.0 */
/* What the table in messages.h gives: for each message a number LR_MSG_NAME,
 * struct lr_msg_name, lr_enc_name() and lr_dec_name(); for each record struct
 * lr_rec_name, lr_enc_rec_name() and lr_dec_rec_name(). Pure.
 *
 * A decoder takes a message's whole meta part, or a record by its length; what
 * stands behind the fields it knows was written by a newer version, and is left
 * alone. Strings point into the frame. */
#ifndef LR_WIRE_MSG_H
#define LR_WIRE_MSG_H

#include "core/err.h"
#include "core/view.h"
#include "wire/cursor.h"
#include "wire/messages.h"

enum lr_msg {
	LR_MSG_NONE = 0,
#define LR_MSG_ENUM(num, NAME, name, bulk, doc) LR_M_##NAME = num,
	LR_MESSAGES(LR_MSG_ENUM)
#undef LR_MSG_ENUM
};
#define LR_MSG_NUMBERS 256

typedef uint8_t lr_t_u8;
typedef uint16_t lr_t_u16;
typedef uint32_t lr_t_u32;
typedef uint64_t lr_t_u64;
typedef struct lr_id lr_t_id;
typedef struct lr_dev lr_t_dev;
typedef struct lr_tag lr_t_tag;
typedef struct lr_str lr_t_str;

/* Fields that were appended to a message or record that older versions send:
 * zero (or the empty text) where the bytes end before them. */
#define LR_LATER(type)                                                         \
	typedef lr_t_##type lr_t_later_##type;                                 \
	static inline void lr_w_later_##type(struct lr_writer *w,              \
					     lr_t_##type v)                    \
	{                                                                      \
		lr_w_##type(w, v);                                             \
	}                                                                      \
	static inline lr_t_##type lr_r_later_##type(struct lr_reader *r)       \
	{                                                                      \
		struct lr_reader none = { .bad = true };                       \
		return lr_r_##type(r->left ? r : &none);                       \
	}
LR_LATER(u8)
LR_LATER(u16)
LR_LATER(u32)
LR_LATER(u64)
LR_LATER(id)
LR_LATER(dev)
LR_LATER(str)
#undef LR_LATER

#define LR_FIELD(type, name) lr_t_##type name;
#define LR_DECLARE_MSG(num, NAME, name, bulk, doc)                             \
	struct lr_msg_##name {                                                 \
		LR_MSG_##NAME(LR_FIELD)                                        \
	};                                                                     \
	void lr_enc_##name(struct lr_writer *w, const struct lr_msg_##name *m); \
	bool lr_dec_##name(const void *meta, size_t len,                       \
			   struct lr_msg_##name *ret);
#define LR_DECLARE_REC(NAME, name)                                             \
	struct lr_rec_##name {                                                 \
		LR_REC_##NAME(LR_FIELD)                                        \
	};                                                                     \
	void lr_enc_rec_##name(struct lr_writer *w,                            \
			       const struct lr_rec_##name *m);                 \
	bool lr_dec_rec_##name(struct lr_reader *r, struct lr_rec_##name *ret);

LR_MESSAGES(LR_DECLARE_MSG)
LR_RECORDS(LR_DECLARE_REC)

#undef LR_DECLARE_MSG
#undef LR_DECLARE_REC

struct lr_header {
	uint32_t bulk;
	uint16_t meta;
	uint16_t type;
	uint64_t req; /* 0: pushed, wants no reply */
};

void lr_enc_header(uint8_t out[LR_HEADER_BYTES], const struct lr_header *h);
/* Reads 16 bytes and checks the lengths against the table; false: the peer
 * speaks something else, close the link. A number that is not in the table may
 * be a newer version's. */
bool lr_dec_header(const uint8_t in[LR_HEADER_BYTES], struct lr_header *ret);

bool lr_msg_known(unsigned type);
const char *lr_msg_name(unsigned type); /* "GET", or "?" */
uint32_t lr_msg_bulk_max(unsigned type);

/* A configuration as bulk carries it: slot, ce, counts, members. */
#define LR_CFG_BYTES_MAX (2 + 8 + 4 + 8 * LR_MEM_MAX)
void lr_enc_cfg(struct lr_writer *w, unsigned slot, const struct lr_cfg *cfg);
/* A SEAL names at most so many slots: the answer has the state and the
 * configuration of each, in one frame. */
#define LR_SLOT_STATE_BYTES (2 + 2 + 8 + 1 + 8)
#define LR_SEAL_SLOTS_MAX \
	(LR_BULK_MAX / (LR_SLOT_STATE_BYTES + LR_CFG_BYTES_MAX))
/* False: cut, or a configuration that cannot be (see lr_cfg_valid; ce = 0 is
 * allowed here and means "none"). */
bool lr_dec_cfg(struct lr_reader *r, unsigned *ret_slot, struct lr_cfg *ret);

#endif
