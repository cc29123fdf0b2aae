/* SPDX-License-Identifier: Apache-2.0 */
/* A donor of the pool in this process: entries in a map, and how it misbehaves.
 */
#include "pool_kit_i.h"

#include <xxhash.h>

struct pool_entry *pool_find(struct pool_donor *d, const struct lr_id *id)
{
	struct pool_entry *e;

	HASH_FIND(hh, d->map, id, sizeof *id, e);
	return e;
}

static struct pool_entry *entry_for(struct pool_donor *d,
				    const struct lr_id *id)
{
	struct pool_entry *e = pool_find(d, id);

	if (e)
		return e;
	e = calloc(1, sizeof *e);
	assert_non_null(e);
	e->id = *id;
	HASH_ADD(hh, d->map, id, sizeof e->id, e);
	return e;
}

static bool is_stale(struct pool_donor *d, struct lr_link *link,
		     const struct lr_frame *f, unsigned slot, uint64_t ce)
{
	const struct lr_cfg *cfg = &d->pool->truth.cfg[slot];
	struct lr_msg_stale m = {.slot = (uint16_t)slot, .prom = cfg->ce};
	uint8_t buf[LR_CFG_BYTES_MAX];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = {.p = buf};

	if (cfg->ce == ce)
		return false;
	lr_enc_cfg(&w, slot, cfg);
	bulk.len = w.len;
	LR_SEND(link, STALE, stale, f->h.req, &m, &bulk);
	return true;
}

static void serve_get(struct pool_donor *d, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_msg_get m;
	struct lr_msg_get_r r = {.synced = !d->unsynced};
	struct lr_bulk bulk = {0};
	struct pool_entry *e;

	d->gets++;
	assert_true(lr_dec_get(f->meta, f->h.meta, &m));
	if (is_stale(d, link, f, m.slot, m.ce))
		return;
	e = pool_find(d, &m.id);
	if (e) {
		r.found = e->found;
		r.tag = e->tag;
		r.kind = e->kind;
		r.sum = e->sum + d->corrupt;
		bulk = (struct lr_bulk){.p = e->value, .len = e->bytes};
	}
	if (m.flags & LR_GET_TAG_ONLY)
		bulk.len = 0;
	LR_SEND(link, GET_R, get_r, f->h.req, &r, bulk.len ? &bulk : NULL);
}

static void serve_put(struct pool_donor *d, struct lr_link *link,
		      const struct lr_frame *f)
{
	struct lr_msg_put m;
	struct lr_msg_put_r r = {.text = lr_str("")};
	struct pool_entry *e;

	d->puts++;
	assert_true(lr_dec_put(f->meta, f->h.meta, &m));
	d->last_tag = m.tag;
	if (is_stale(d, link, f, m.slot, m.ce))
		return;
	if (d->refuse) {
		lr_link_send_error(link, f->h.req, d->refuse, "no");
		return;
	}
	assert_true(XXH3_64bits(f->bulk ? f->bulk : (const void *)"",
				f->h.bulk) == m.sum);
	e = entry_for(d, &m.id);
	if (lr_tag_cmp(&m.tag, &e->tag) > 0) {
		free(e->value);
		e->value = malloc(f->h.bulk + 1u);
		assert_non_null(e->value);
		memcpy(e->value, f->bulk, f->h.bulk);
		e->bytes = f->h.bulk;
		e->tag = m.tag;
		e->kind = m.kind;
		e->sum = m.sum;
		e->found =
			m.flags & LR_PUT_TOMB ? LR_FOUND_TOMB : LR_FOUND_VALUE;
	}
	r.tag = e->tag;
	LR_SEND(link, PUT_R, put_r, f->h.req, &r, NULL);
}

static void serve_find(struct pool_donor *d, struct lr_link *link,
		       const struct lr_frame *f)
{
	struct lr_msg_find m;
	struct lr_msg_find_r r = {.err = 0};
	struct lr_bulk some = {.p = (const uint8_t *)"row", .len = 3};

	d->finds++;
	assert_true(lr_dec_find(f->meta, f->h.meta, &m));
	assert_int_equal(m.prefix.n, 6);
	if (!is_stale(d, link, f, m.slot, m.ce))
		LR_SEND(link, FIND_R, find_r, f->h.req, &r,
			d->finds_some ? &some : NULL);
}

static void serve_verified(struct pool_donor *d, struct lr_link *link,
			   const struct lr_frame *f)
{
	struct lr_reader rd = lr_reader(f->bulk, f->h.bulk);
	struct lr_msg_verified_r r = {.ago_ms = 1000 * (1 + d->nr)};
	struct lr_rec_which rec;

	while (rd.left && lr_dec_rec_which(&rd, &rec))
		r.there += pool_find(d, &rec.id) != NULL;
	LR_SEND(link, VERIFIED_R, verified_r, f->h.req, &r, NULL);
}

static void serve_ping(struct pool_donor *d, struct lr_link *link,
		       const struct lr_frame *f)
{
	struct lr_msg_ping_r r = {.inc = d->inc};

	LR_SEND(link, PING_R, ping_r, f->h.req, &r, NULL);
}

static void serve_hello(struct pool_donor *d, struct lr_link *link,
			const struct lr_frame *f)
{
	struct lr_msg_welcome w = pool_welcome_of(d->pool);
	struct lr_msg_hello m;

	assert_true(lr_dec_hello(f->meta, f->h.meta, &m));
	assert_int_equal(m.role, LR_LINK_DATA);
	w.inc = d->inc;
	LR_SEND(link, WELCOME, welcome, f->h.req, &w, NULL);
}

static void serve_clear(struct pool_donor *d, struct lr_link *link,
			const struct lr_frame *f)
{
	struct lr_msg_clear_r r = {.err = LR_E_OK};

	if (!d->clear) {
		lr_link_send_error(link, f->h.req, LR_E_PERMISSION, "no");
		return;
	}
	LR_SEND(link, CLEAR_R, clear_r, f->h.req, &r, NULL);
	lr_link_go_clear(link);
}

static void donor_frame_cb(struct lr_link *link, const struct lr_frame *f,
			   void *arg)
{
	struct pool_donor *d = arg;

	if (f->h.type == LR_M_HELLO) {
		serve_hello(d, link, f);
		return;
	}
	if (f->h.type == LR_M_CLEAR) {
		serve_clear(d, link, f);
		return;
	}
	if (f->h.type == LR_M_VIEW_GET) {
		d->views++;
		pool_send_view(&d->pool->truth, link, f);
		return;
	}
	d->requests++;
	if (d->hang_up_at && d->requests == d->hang_up_at)
		lr_link_close(link, LR_E_CLOSED);
	else if (d->mute)
		; /* as if it were stopped */
	else if (f->h.type == LR_M_GET)
		serve_get(d, link, f);
	else if (f->h.type == LR_M_PUT)
		serve_put(d, link, f);
	else if (f->h.type == LR_M_FIND)
		serve_find(d, link, f);
	else if (f->h.type == LR_M_VERIFIED)
		serve_verified(d, link, f);
	else if (f->h.type == LR_M_PING)
		serve_ping(d, link, f);
	else
		fail_msg("a donor got %s", lr_msg_name(f->h.type));
}

static void donor_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct pool_donor *d = arg;

	(void)why;
	pool_drop_link(d->pool, link);
}

static const struct lr_link_ops donor_ops = {NULL, donor_frame_cb,
					     donor_close_cb, NULL};

void pool_donor_accept_cb(struct lr_link *link, void *arg)
{
	struct pool_donor *d = arg;

	pool_add_link(d->pool, link);
	lr_link_set_ops(link, &donor_ops, d);
}
