/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/msg.h"

#include <string.h>

#ifdef LR_GROWN /* a build for tests: each message and record has grown */
#define GROW(w) lr_w_bytes(w, "grow", 4)
#else
#define GROW(w) (void)0
#endif

#define ENC_FIELD(type, name) lr_w_##type(w, m->name);
#define DEC_FIELD(type, name) ret->name = lr_r_##type(r);

#define DEFINE_MSG(num, NAME, name, bulk, doc)                                 \
	void lr_enc_##name(struct lr_writer *w, const struct lr_msg_##name *m) \
	{                                                                      \
		LR_MSG_##NAME(ENC_FIELD)                                       \
		GROW(w);                                                       \
	}                                                                      \
	bool lr_dec_##name(const void *meta, size_t len,                       \
			   struct lr_msg_##name *ret)                          \
	{                                                                      \
		struct lr_reader reader = lr_reader(meta, len), *r = &reader;  \
		LR_MSG_##NAME(DEC_FIELD)                                       \
		return !r->bad;                                                \
	}
#define DEFINE_PLAIN(NAME, name)                                               \
	void lr_enc_rec_##name(struct lr_writer *w,                            \
			       const struct lr_rec_##name *m)                  \
	{                                                                      \
		LR_REC_##NAME(ENC_FIELD)                                       \
	}                                                                      \
	bool lr_dec_rec_##name(struct lr_reader *r, struct lr_rec_##name *ret) \
	{                                                                      \
		LR_REC_##NAME(DEC_FIELD)                                       \
		return !r->bad;                                                \
	}
#define DEFINE_SIZED(NAME, name)                                               \
	void lr_enc_rec_##name(struct lr_writer *w,                            \
			       const struct lr_rec_##name *m)                  \
	{                                                                      \
		size_t at = w->len;                                            \
		lr_w_u16(w, 0);                                                \
		LR_REC_##NAME(ENC_FIELD)                                       \
		GROW(w);                                                       \
		lr_w_size(w, at);                                              \
	}                                                                      \
	bool lr_dec_rec_##name(struct lr_reader *in,                           \
			       struct lr_rec_##name *ret)                      \
	{                                                                      \
		struct lr_reader reader = lr_r_sized(in), *r = &reader;        \
		LR_REC_##NAME(DEC_FIELD)                                       \
		in->bad = r->bad;                                              \
		return !r->bad;                                                \
	}

LR_MESSAGES(DEFINE_MSG)
LR_PLAIN_RECORDS(DEFINE_PLAIN)
LR_SIZED_RECORDS(DEFINE_SIZED)

struct row {
	const char *name;
	uint32_t bulk_max;
};

static const struct row rows[LR_MSG_NUMBERS] = {
#define ROW(num, NAME, name, bulk, doc) [num] = { #NAME, bulk },
	LR_MESSAGES(ROW)
#undef ROW
};

void lr_enc_header(uint8_t out[LR_HEADER_BYTES], const struct lr_header *h)
{
	struct lr_writer w = lr_writer(out, LR_HEADER_BYTES);

	lr_w_u32(&w, h->bulk);
	lr_w_u16(&w, h->meta);
	lr_w_u16(&w, h->type);
	lr_w_u64(&w, h->req);
}

bool lr_dec_header(const uint8_t in[LR_HEADER_BYTES], struct lr_header *ret)
{
	struct lr_reader r = lr_reader(in, LR_HEADER_BYTES);

	ret->bulk = lr_r_u32(&r);
	ret->meta = lr_r_u16(&r);
	ret->type = lr_r_u16(&r);
	ret->req = lr_r_u64(&r);
	return ret->type && ret->meta <= LR_META_MAX &&
	       ret->bulk <= (lr_msg_known(ret->type) ?
				     rows[ret->type].bulk_max :
				     LR_BULK_MAX);
}

bool lr_msg_known(unsigned type)
{
	return type < LR_MSG_NUMBERS && rows[type].name;
}

const char *lr_msg_name(unsigned type)
{
	return lr_msg_known(type) ? rows[type].name : "?";
}

uint32_t lr_msg_bulk_max(unsigned type)
{
	return type < LR_MSG_NUMBERS ? rows[type].bulk_max : 0;
}

void lr_enc_cfg(struct lr_writer *w, unsigned slot, const struct lr_cfg *cfg)
{
	lr_w_u16(w, (uint16_t)slot);
	lr_w_u64(w, cfg->ce);
	lr_w_u8(w, cfg->n);
	lr_w_u8(w, cfg->src);
	lr_w_u8(w, cfg->synced);
	lr_w_u8(w, cfg->lost);
	for (unsigned i = 0; i < cfg->n; i++)
		lr_w_u64(w, cfg->mem[i]);
}

bool lr_dec_cfg(struct lr_reader *r, unsigned *ret_slot, struct lr_cfg *ret)
{
	memset(ret, 0, sizeof *ret);
	*ret_slot = lr_r_u16(r);
	ret->ce = lr_r_u64(r);
	ret->n = lr_r_u8(r);
	ret->src = lr_r_u8(r);
	ret->synced = lr_r_u8(r);
	ret->lost = lr_r_u8(r);
	if (ret->n > LR_MEM_MAX)
		r->bad = true;
	for (unsigned i = 0; !r->bad && i < ret->n; i++)
		ret->mem[i] = lr_r_u64(r);
	if (!r->bad && !(ret->ce == 0 && ret->n == 0) && !lr_cfg_valid(ret))
		r->bad = true;
	return !r->bad;
}
