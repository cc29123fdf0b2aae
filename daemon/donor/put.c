/* SPDX-License-Identifier: Apache-2.0 */
/* What is put here: by PUT, or passed on (forward.c). */
#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "wire/manifest.h"

/* Only the owner's machine, an admin's, or a donor (sync, sweep) may end an
 * object that is there. */
static bool may_remove(const struct lr_shard_link *l, unsigned slot,
		       const struct lr_id *id)
{
	struct lr_entry e;
	struct lr_reader r;
	struct lr_manifest m;

	if (l->roles & (LR_ROLE_ADMIN | LR_ROLE_DONOR) ||
	    !lr_store_get(l->s->store, slot, id, &e) ||
	    e.state != LR_FOUND_VALUE || e.kind != LR_KIND_MANIFEST)
		return true;
	r = lr_reader(e.value, e.bytes);
	return !lr_dec_manifest(&r, &m) ||
	       lr_dev_eq(&m.owner, &l->dev);
}

static struct lr_entry entry_of(const struct lr_msg_put *m,
				const struct lr_frame *f)
{
	bool value = !(m->flags & (LR_PUT_TOMB | LR_PUT_BAD));

	return (struct lr_entry){
		.id = m->id,
		.tag = m->tag,
		.kind = m->kind,
		.state = m->flags & LR_PUT_TOMB ? LR_FOUND_TOMB :
			 m->flags & LR_PUT_BAD	? LR_FOUND_BAD :
						  LR_FOUND_VALUE,
		.bytes = value ? f->h.bulk : 0,
		.expires_ms = m->expires_ms,
		.sum = m->sum,
		.value = value ? f->bulk : NULL,
	};
}

/* Only objects end for ever. */
static bool has_good_tag(const struct lr_msg_put *m)
{
	return !lr_tag_is_last(&m->tag) ||
	       (m->kind != LR_KIND_REGISTER && m->kind != LR_KIND_NAME);
}

static enum lr_err apply(struct lr_shard_link *l, const struct lr_msg_put *m,
			 const struct lr_frame *f, struct lr_tag *ret)
{
	struct lr_entry e = entry_of(m, f);
	struct lr_stored there;
	enum lr_err err;

	*ret = m->tag;
	if (!has_good_tag(m))
		return LR_E_USAGE;
	if (e.state == LR_FOUND_VALUE && !lr_store_verify(&e))
		return LR_E_CORRUPT;
	lr_shard_stored(l->s, m->slot, &m->id, &there);
	switch (lr_slot_put(&there, &m->tag, m->flags)) {
	case LR_PUT_STORE:
		if (lr_slot_bars(&l->s->slots[m->slot], m->kind, &m->tag,
				 m->flags)) {
			*ret = there.tag;
			return LR_E_SUPERSEDED;
		}
		if (e.state == LR_FOUND_TOMB &&
		    !may_remove(l, m->slot, &m->id))
			return LR_E_PERMISSION;
		err = lr_shard_put(l->s, m->slot, &e,
				   m->flags & LR_PUT_REPAIR);
		if (err)
			*ret = there.tag;
		return err;
	case LR_PUT_KEEP:
		*ret = there.tag;
		if (lr_tag_cmp(&there.tag, &m->tag) == 0)
			lr_store_touch(l->s->store, m->slot, &m->id, &m->tag,
				       lr_now_ms());
		return LR_E_OK;
	case LR_PUT_REFUSED:
		*ret = there.tag;
		return LR_E_CONFLICT;
	}
	return LR_E_FAILED;
}

static void note_refusal(struct lr_shard *s, enum lr_err err)
{
	if (err == LR_E_FULL)
		lr_refuse(s->o.refusals, LR_REFUSED_FULL);
	else if (err == LR_E_PERMISSION)
		lr_refuse(s->o.refusals, LR_REFUSED_PERMISSION);
}

enum lr_err lr_shard_apply_put(struct lr_shard_link *l,
			       const struct lr_msg_put *m,
			       const struct lr_frame *f, struct lr_tag *ret)
{
	struct lr_shard_stats *stats = &l->s->stats;
	enum lr_err err = apply(l, m, f, ret);

	note_refusal(l->s, err);
	stats->ops++;
	if (!(m->flags & LR_PUT_REPAIR)) {
		stats->puts++;
		stats->bytes_in += err ? 0 : f->h.bulk;
		stats->errors += err && err != LR_E_CONFLICT;
	}
	return err;
}

bool lr_shard_is_requester(const struct lr_shard_link *l)
{
	return l->roles & (LR_ROLE_REQUESTER | LR_ROLE_ADMIN);
}

bool lr_shard_is_member(const struct lr_shard_link *l, unsigned slot)
{
	const struct lr_cfg *cfg = &l->s->slots[slot].inst;

	for (unsigned i = 0; i < cfg->n; i++) {
		const struct lr_member *m =
			lr_view_member(&l->s->rx->view, cfg->mem[i]);

		if (m && lr_dev_eq(&m->dev, &l->dev))
			return true;
	}
	return false;
}

void lr_shard_refuse_donor(struct lr_shard_link *l, uint64_t req)
{
	lr_refuse(l->s->o.refusals, LR_REFUSED_PERMISSION);
	lr_link_send_error(l->link, req, LR_E_PERMISSION,
			   "this device is admitted as donor only: that needs "
			   "the requester role");
}

/* What only lends brings nothing of its own: like every donor, it ends what is
 * due, writes the names that it was asked to, and brings what it found another
 * copy of its own slots to lack (scrub.c). */
static bool may_put(const struct lr_shard_link *l, const struct lr_msg_put *m)
{
	return lr_shard_is_requester(l) || m->flags & LR_PUT_TOMB ||
	       m->kind == LR_KIND_NAME ||
	       (m->flags & LR_PUT_REPAIR && lr_shard_is_member(l, m->slot));
}

void lr_shard_serve_put(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_msg_put m;
	struct lr_msg_put_r r = { .text = lr_str("") };

	if (!lr_dec_put(f->meta, f->h.meta, &m)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (!may_put(l, &m)) {
		lr_shard_refuse_donor(l, f->h.req);
		return;
	}
	if (!lr_shard_admit(l, f->h.req, m.slot, m.ce, &m.id))
		return;
	r.err = (uint16_t)lr_shard_apply_put(l, &m, f, &r.tag);
	LR_SEND(l->link, PUT_R, put_r, f->h.req, &r, NULL);
}
