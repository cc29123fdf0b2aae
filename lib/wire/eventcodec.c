/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/eventcodec.h"

void lr_enc_event(struct lr_writer *w, const struct lr_event *e)
{
	struct lr_rec_event rec = {.seq = e->seq,
				   .at_ms = e->at_ms,
				   .kind = (uint16_t)e->kind,
				   .dev = e->dev,
				   .name = lr_str(e->name),
				   .count = e->count,
				   .ms = e->ms,
				   .by = lr_str(e->by)};

	lr_enc_rec_event(w, &rec);
}

bool lr_dec_event(struct lr_reader *r, struct lr_event *ret)
{
	struct lr_rec_event rec;

	if (!lr_dec_rec_event(r, &rec))
		return false;
	*ret = (struct lr_event){.seq = rec.seq,
				 .at_ms = rec.at_ms,
				 .kind = (enum lr_event_kind)rec.kind,
				 .dev = rec.dev,
				 .count = rec.count,
				 .ms = rec.ms};
	lr_str_copy(rec.name, ret->name, sizeof ret->name);
	lr_str_copy(rec.by, ret->by, sizeof ret->by);
	return true;
}
