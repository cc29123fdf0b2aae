/* SPDX-License-Identifier: Apache-2.0 */
/* When what is stored here was last found intact. An entry is verified when
 * it is stored, with its whole slot when that was synced (or scrubbed), and
 * when it is read. Reads are remembered in a table that forgets: a newer one
 * takes the place of another that has the same hash. */
#include <stdlib.h>
#include <string.h>

#include "daemon/base.h"
#include "daemon/donor/shard.h"

#define READS 8192u

struct lr_verified {
	uint64_t slot_ms[LR_SLOTS];
	struct {
		uint64_t key, ms;
	} read[READS];
};

struct lr_verified *lr_verified_new(void)
{
	return calloc(1, sizeof(struct lr_verified));
}

void lr_verified_slot(struct lr_verified *v, unsigned slot, uint64_t now_ms)
{
	v->slot_ms[slot] = now_ms;
}

/* IDs are random, or hashes: any bytes of them do. */
static uint64_t key_of(const struct lr_id *id)
{
	uint64_t key;

	memcpy(&key, id->b + 8, sizeof key);
	return key;
}

void lr_verified_entry(struct lr_verified *v, const struct lr_id *id,
		       uint64_t now_ms)
{
	uint64_t key = key_of(id);

	v->read[key % READS].key = key;
	v->read[key % READS].ms = now_ms;
}

static uint64_t last_ms(const struct lr_verified *v, unsigned slot,
			const struct lr_entry *e)
{
	uint64_t key = key_of(&e->id), ms = e->stored_ms;

	if (v->slot_ms[slot] > ms)
		ms = v->slot_ms[slot];
	if (v->read[key % READS].key == key && v->read[key % READS].ms > ms)
		ms = v->read[key % READS].ms;
	return ms;
}

/* Whoever has the ID may ask: nothing of the value is told. */
void lr_verified_serve(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_reader r = lr_reader(f->bulk, f->h.bulk);
	uint64_t now = lr_now_ms(), ms;
	struct lr_msg_verified_r a = { 0 };
	struct lr_rec_which rec;
	struct lr_entry e;

	while (r.left && lr_dec_rec_which(&r, &rec)) {
		unsigned slot = lr_id_slot(&rec.id);

		if (slot >= LR_SLOTS ||
		    !lr_store_get(l->s->store, slot, &rec.id, &e) ||
		    e.state != LR_FOUND_VALUE)
			continue;
		a.there++;
		ms = last_ms(l->s->verified, slot, &e);
		if (now > ms && now - ms > a.ago_ms)
			a.ago_ms = now - ms;
	}
	LR_SEND(l->link, VERIFIED_R, verified_r, f->h.req, &a, NULL);
}
