/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/coordinator/state_codec.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FORMAT 2
#define RECORD_HEAD 5 /* tag, length */

/* --- encoding ------------------------------------------------------------ */

static void encode_devices(const struct lr_coordinator *k, struct lr_writer *w)
{
	lr_w_u64(w, k->devices_version);
	lr_w_u32(w, (uint32_t)k->n_devices);
	for (size_t i = 0; i < k->n_devices; i++) {
		struct lr_rec_device rec = { k->devices[i].dev,
					     k->devices[i].roles,
					     lr_str(k->devices[i].name),
					     k->devices[i].key,
					     k->devices[i].old };

		lr_enc_rec_device(w, &rec);
	}
}

static void encode_view(struct lr_view_enc *enc, unsigned parts,
			struct lr_writer *w)
{
	for (unsigned i = 0; i < parts; i++) {
		struct lr_writer part = lr_writer(w->p + w->len + 4,
						  LR_VALUE_MAX);

		if (!lr_view_enc_next(enc, &part))
			break;
		lr_w_u32(w, (uint32_t)part.len);
		w->len += part.len;
	}
}

static size_t records_room(const struct lr_coordinator *k,
			   const struct lr_state_record *records)
{
	size_t room = 0;

	for (; records->tag; records++)
		room += RECORD_HEAD + records->room(k);
	return room;
}

static void encode_record(const struct lr_coordinator *k,
			  const struct lr_state_record *rec,
			  struct lr_writer *w)
{
	struct lr_writer body = lr_writer(w->p + w->len + RECORD_HEAD,
					  rec->room(k));

	rec->save(k, &body);
	if (body.bad)
		w->bad = true;
	if (body.bad || !body.len)
		return;
	lr_w_u8(w, rec->tag);
	lr_w_u32(w, (uint32_t)body.len);
	w->len += body.len;
}

bool lr_state_encode(const struct lr_coordinator *k,
		     const struct lr_state_record *records,
		     const struct lr_bytes *kept,
		     const uint8_t holds[LR_SLOTS / 8], struct lr_bytes *ret)
{
	const struct lr_view *v = lr_coord_view(k->rules);
	struct lr_view_enc enc;
	unsigned parts;
	size_t cap;
	struct lr_writer w;

	lr_view_enc_whole(&enc, v);
	parts = lr_view_enc_parts(&enc, LR_VALUE_MAX);
	cap = parts * (LR_VALUE_MAX + 4) + k->n_devices * 192 + LR_SLOTS / 8 +
	      records_room(k, records) + kept->len + 256;
	w = lr_writer(malloc(cap), cap);
	if (!w.p)
		return false;
	lr_w_u64(&w, LR_STATE_MAGIC);
	lr_w_u32(&w, FORMAT);
	lr_w_str(&w, lr_str(k->b.cfg->pool));
	encode_devices(k, &w);
	lr_w_u64(&w, v->epoch);
	lr_w_u32(&w, parts);
	encode_view(&enc, parts, &w);
	lr_w_bytes(&w, holds, LR_SLOTS / 8);
	for (; records->tag; records++)
		encode_record(k, records, &w);
	lr_w_bytes(&w, kept->p, kept->len);
	lr_w_u64(&w, XXH3_64bits(w.p, w.len));
	*ret = (struct lr_bytes){ w.p, w.len };
	if (w.bad)
		free(w.p);
	return !w.bad;
}

/* --- decoding ------------------------------------------------------------ */

static bool decode_devices(struct lr_coordinator *k, struct lr_reader *r)
{
	uint32_t n;
	struct lr_rec_device rec;

	k->devices_version = lr_r_u64(r);
	n = lr_r_u32(r);
	if (r->bad || n > r->left / 37)
		return false;
	k->devices = calloc(n ? n : 1, sizeof *k->devices);
	if (!k->devices)
		return false;
	for (; k->n_devices < n; k->n_devices++) {
		struct lr_device_row *d = &k->devices[k->n_devices];

		if (!lr_dec_rec_device(r, &rec))
			return false;
		d->dev = rec.dev;
		d->roles = rec.roles;
		d->key = rec.key;
		d->old = rec.old;
		lr_str_copy(rec.name, d->name, sizeof d->name);
	}
	return true;
}

static bool decode_view(struct lr_reader *r, struct lr_view *v)
{
	uint32_t parts;

	v->epoch = lr_r_u64(r);
	parts = lr_r_u32(r);
	for (uint32_t i = 0; i < parts && !r->bad; i++) {
		uint32_t len = lr_r_u32(r);
		const uint8_t *at = lr_r_bytes(r, len);

		if (!at || lr_view_apply(v, at, len) != LR_E_OK)
			return false;
	}
	return !r->bad;
}

static bool keep(struct lr_bytes *kept, uint8_t tag, const uint8_t *at,
		 uint32_t len)
{
	uint8_t *p = realloc(kept->p, kept->len + RECORD_HEAD + len);
	struct lr_writer w;

	if (!p)
		return false;
	w = lr_writer(p + kept->len, RECORD_HEAD + len);
	lr_w_u8(&w, tag);
	lr_w_u32(&w, len);
	lr_w_bytes(&w, at, len);
	*kept = (struct lr_bytes){ p, kept->len + w.len };
	return true;
}

static bool decode_record(struct lr_coordinator *k,
			  const struct lr_state_record *rec,
			  struct lr_reader *r, struct lr_bytes *kept,
			  bool seen[256])
{
	uint8_t tag = lr_r_u8(r);
	uint32_t len = lr_r_u32(r);
	const uint8_t *at = lr_r_bytes(r, len);
	struct lr_reader body;

	if (!at || !tag || seen[tag])
		return false;
	seen[tag] = true;
	while (rec->tag && rec->tag != tag)
		rec++;
	if (!rec->tag)
		return keep(kept, tag, at, len);
	body = lr_reader(at, len);
	return rec->load(k, &body) && lr_r_done(&body);
}

bool lr_state_is_ours(const struct lr_bytes *b)
{
	struct lr_reader r = lr_reader(b->p, b->len);

	return lr_r_u64(&r) == LR_STATE_MAGIC && lr_r_u32(&r) == FORMAT;
}

bool lr_state_decode(struct lr_coordinator *k,
		     const struct lr_state_record *records,
		     const struct lr_bytes *b, struct lr_view *ret_view,
		     struct lr_bytes *ret_kept)
{
	struct lr_reader r = lr_reader(b->p, b->len);
	bool seen[256] = { false };
	const uint8_t *at;

	*ret_kept = (struct lr_bytes){ 0 };
	if (!lr_state_is_ours(b))
		return false;
	lr_r_bytes(&r, 12);
	lr_r_str(&r);
	if (!decode_devices(k, &r) || !decode_view(&r, ret_view))
		return false;
	at = lr_r_bytes(&r, LR_SLOTS / 8);
	for (unsigned n = 0; at && n < LR_SLOTS; n++)
		k->used[n].entries = at[n / 8] >> n % 8 & 1;
	while (!r.bad && r.left)
		if (!decode_record(k, records, &r, ret_kept, seen))
			return false;
	return lr_r_done(&r);
}
