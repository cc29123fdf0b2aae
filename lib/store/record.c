/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include <string.h>

#include "store/internal.h"

#define SMALL_GONE UINT16_MAX /* says LR_TS_GONE, of which it is the end */

void lr_form_of(struct lr_store *s, const struct lr_entry *e,
		struct lr_form *ret)
{
	ret->dated = e->expires_ms != 0;
	ret->packed = lr_pack(s, e, ret);
	ret->wide = !ret->packed && e->tag.ts >= SMALL_GONE &&
		    e->tag.ts != LR_TS_GONE;
	if (ret->packed)
		return;
	ret->small = ret->wide ? 0 : (uint16_t)e->tag.ts;
	ret->bytes = e->state == LR_FOUND_VALUE ? e->bytes : 0;
	ret->value = e->value;
}

void lr_record_write(struct lr_record *r, unsigned slot,
		     const struct lr_entry *e, const struct lr_form *f,
		     uint64_t now_ms)
{
	*r = (struct lr_record){
		.id = e->id,
		.writer = e->tag.writer,
		.sum = e->sum,
		.seq = e->tag.seq,
		.bytes = f->bytes & ((1u << 20) - 1),
		.kind = e->kind,
		.state = e->state & 3u,
		.packed = f->packed,
		.dated = f->dated,
		.slot = slot & ((1u << 15) - 1),
		.wide = f->wide,
		.small = f->small,
	};
	lr_record_set_stored(r, now_ms);
	if (f->wide)
		r->words[0] = e->tag.ts;
	if (f->dated)
		r->words[f->wide] = e->expires_ms;
	if (f->bytes)
		memcpy(lr_record_value(r), f->value, f->bytes);
}

static uint64_t ts_of(const struct lr_record *r)
{
	if (r->packed)
		return LR_TS_CLOSED;
	if (r->small == SMALL_GONE)
		return LR_TS_GONE;
	return r->wide ? r->words[0] : r->small;
}

void lr_record_read(const struct lr_record *r, struct lr_entry *ret)
{
	uint32_t grows = r->packed ? LR_WHOLE_HEAD - LR_PACK_HEAD : 0;

	*ret = (struct lr_entry){
		.id = r->id,
		.tag = {.ts = ts_of(r), .writer = r->writer, .seq = r->seq},
		.kind = (uint8_t)r->kind,
		.state = (uint8_t)r->state,
		.bytes = r->bytes + grows,
		.expires_ms = r->dated ? r->words[r->wide] : 0,
		.sum = r->sum,
		.stored_ms = (uint64_t)r->stored * LR_STORED_UNIT_MS,
		.value = r->packed ? NULL : lr_record_value(r),
	};
}

void lr_record_whole(struct lr_store *s, const struct lr_record *r,
		     struct lr_entry *ret)
{
	lr_record_read(r, ret);
	if (!r->packed)
		return;
	ret->value = s->whole;
	if (!lr_unpack(s, r, s->whole))
		ret->bytes = 0; /* of which the sum is another */
}
