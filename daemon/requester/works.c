/* SPDX-License-Identifier: Apache-2.0 */
/* What local programs ask of the pool. Every request is one struct work: its
 * link may close before the operation ends, then the answer is dropped. What
 * a user may do is settled here: the owner of what is stored is stamped by who
 * is at the other end, and only the owner (or root) may end an object. */
#include "daemon/requester/requester.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "core/sum.h"
#include "wire/manifest.h"

#define IN_FLIGHT 64
#define BYTES_IN_FLIGHT (32u << 20)
#define COPIES_ROWS 256

struct work {
	struct work *next, **prev;
	struct user *u; /* NULL: gone */
	struct requester *q;
	uint64_t req, begun_ns;
	enum work_kind kind;
	struct lr_put put; /* of a PUT, waiting for who owns what it ends */
	size_t bytes;
	uint8_t value[];
};

static void throttle(struct user *u)
{
	bool much = u->in_flight >= IN_FLIGHT || u->bytes >= BYTES_IN_FLIGHT;

	if (much != u->paused) {
		u->paused = much;
		lr_link_pause(u->link, much);
	}
}

static struct work *work_new(struct user *u, const struct lr_frame *f,
			     enum work_kind kind)
{
	struct work *w = malloc(sizeof *w + f->h.bulk);

	if (!w) {
		lr_link_send_error(u->link, f->h.req, LR_E_NO_MEMORY,
				   "out of memory");
		return NULL;
	}
	memset(w, 0, sizeof *w);
	w->u = u;
	w->q = u->q;
	w->req = f->h.req;
	w->begun_ns = uv_hrtime();
	w->kind = kind;
	w->bytes = f->h.bulk;
	if (f->h.bulk)
		memcpy(w->value, f->bulk, f->h.bulk);
	LR_LIST_ADD(u->works, w);
	u->in_flight++;
	u->q->running++;
	u->bytes += w->bytes;
	throttle(u);
	return w;
}

static void count(const struct work *w, enum lr_err err)
{
	struct requester *q = w->q;

	q->running--;
	q->ended[w->kind][err]++;
	lr_times_add(&q->times[w->kind], (uv_hrtime() - w->begun_ns) / 1000);
}

/* Answered, or given up. */
static void work_end(struct work *w, enum lr_err err)
{
	count(w, err);
	if (w->u) {
		LR_LIST_DEL(w);
		w->u->in_flight--;
		w->u->bytes -= w->bytes;
		throttle(w->u);
	}
	free(w);
}

/* --- GET ------------------------------------------------------------------ */

static void got_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_msg_get_r m = { .err = (uint16_t)r->err,
				  .found = r->found,
				  .synced = 1,
				  .kind = r->kind,
				  .tag = r->tag,
				  .expires_ms = r->expires_ms };
	struct lr_bulk bulk = { .p = r->value, .len = r->bytes };

	if (w->u && r->err) {
		lr_link_send_error(w->u->link, w->req, r->err, r->text);
	} else if (w->u) {
		m.sum = lr_sum(r->bytes ? r->value : NULL, r->bytes);
		LR_SEND(w->u->link, GET_R, get_r, w->req, &m,
			r->bytes ? &bulk : NULL);
		w->q->read_bytes += r->bytes;
	}
	work_end(w, r->err);
}

void lr_works_get(struct user *u, const struct lr_frame *f)
{
	struct lr_msg_get m;
	struct work *w;

	if (!lr_dec_get(f->meta, f->h.meta, &m) || m.ce) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	w = work_new(u, f, WORK_GET);
	if (w)
		u->q->entries->ops->get(u->q->entries, &m.id, m.flags,
					m.deadline_ms, got_cb, w);
}

/* --- PUT ------------------------------------------------------------------ */

static void put_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_msg_put_r m = { .err = (uint16_t)r->err,
				  .copies = r->copies,
				  .tag = r->tag,
				  .text = lr_str(r->text) };

	if (w->u)
		LR_SEND(w->u->link, PUT_R, put_r, w->req, &m, NULL);
	if (!r->err)
		w->q->written_bytes += w->bytes;
	work_end(w, r->err);
}

static void put(struct work *w)
{
	w->q->entries->ops->put(w->q->entries, &w->put, put_cb, w);
}

static bool owns(const struct work *w, const struct lr_manifest *m)
{
	return lr_link_uid(w->u->link) == 0 ||
	       (lr_dev_eq(&m->owner,
			  lr_attach_device(lr_direct_attach(w->q->pool))) &&
		m->uid == lr_link_uid(w->u->link));
}

/* Whose object is it that shall end? Anything but a manifest that is somebody
 * else's goes on: the donors have the last word. */
static void owner_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_reader rd = lr_reader(r->value, r->bytes);
	struct lr_manifest m;

	if (!w->u) {
		work_end(w, LR_E_INTERRUPTED);
	} else if (!r->err && r->kind == LR_KIND_MANIFEST &&
		   lr_dec_manifest(&rd, &m) && !owns(w, &m)) {
		lr_link_send_error(w->u->link, w->req, LR_E_PERMISSION,
				   "it is somebody else's: only the owner and "
				   "an admin may remove it");
		work_end(w, LR_E_PERMISSION);
	} else {
		put(w);
	}
}

/* False: it was no manifest, and that is the end of the link. */
static bool stamp(struct work *w)
{
	if (lr_manifest_stamp(w->value, w->bytes,
			      lr_attach_device(lr_direct_attach(w->q->pool)),
			      lr_link_uid(w->u->link)))
		return true;
	lr_link_close(w->u->link, LR_E_PROTOCOL);
	work_end(w, LR_E_PROTOCOL);
	return false;
}

void lr_works_put(struct user *u, const struct lr_frame *f)
{
	struct lr_msg_put m;
	struct work *w;

	if (!lr_dec_put(f->meta, f->h.meta, &m) || m.ce) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	if (m.kind == LR_KIND_NAME) {
		lr_link_send_error(u->link, f->h.req, LR_E_PERMISSION,
				   "names change by UPDATE only");
		return;
	}
	w = work_new(u, f, WORK_PUT);
	if (!w)
		return;
	w->put = (struct lr_put){ .id = m.id,
				  .tag = m.tag,
				  .kind = m.kind,
				  .flags = m.flags & (LR_PUT_TOMB |
						      LR_PUT_IF_OPEN |
						      LR_PUT_NEW),
				  .expires_ms = m.expires_ms,
				  .value = w->value,
				  .bytes = f->h.bulk,
				  .deadline_ms = m.deadline_ms };
	if (m.kind == LR_KIND_MANIFEST && m.flags & LR_PUT_TOMB)
		u->q->entries->ops->get(u->q->entries, &m.id, 0, m.deadline_ms,
					owner_cb, w);
	else if (m.kind != LR_KIND_MANIFEST || stamp(w))
		put(w);
}

/* --- UPDATE --------------------------------------------------------------- */

static void updated_cb(void *arg, const struct lr_entry_result *r)
{
	struct work *w = arg;
	struct lr_msg_update_r m = { .err = (uint16_t)r->err,
				     .found = r->found,
				     .tag = r->tag,
				     .text = lr_str(r->text) };

	if (w->u)
		LR_SEND(w->u->link, UPDATE_R, update_r, w->req, &m, NULL);
	if (!r->err)
		w->q->written_bytes += w->bytes;
	work_end(w, r->err);
}

void lr_works_update(struct user *u, const struct lr_frame *f)
{
	struct lr_entry_update up;
	struct lr_msg_update m;
	struct work *w;

	if (!lr_dec_update(f->meta, f->h.meta, &m) || m.ce ||
	    m.sum != lr_sum(f->bulk, f->h.bulk)) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	w = work_new(u, f, WORK_UPDATE);
	if (!w)
		return;
	up = (struct lr_entry_update){ .id = m.id,
				       .writer = m.writer,
				       .seq = m.seq,
				       .expect = m.expect,
				       .flags = m.flags,
				       .want = m.want,
				       .value = w->value,
				       .bytes = f->h.bulk,
				       .deadline_ms = m.deadline_ms };
	u->q->entries->ops->update(u->q->entries, &up, updated_cb, w);
}

/* --- what the coordinator answers ----------------------------------------- */

static void asked_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct work *w = arg;
	struct lr_bulk bulk = { 0 };

	if (w->u && !f) {
		lr_link_send_error(w->u->link, w->req, err, "");
	} else if (w->u) {
		bulk = (struct lr_bulk){ .p = f->bulk, .len = f->h.bulk };
		lr_link_send(w->u->link, f->h.type, w->req, f->meta, f->h.meta,
			     bulk.len ? &bulk : NULL);
	}
	work_end(w, err);
}

/* The asker's user is ours to say: it stands first in all of these. */
void lr_works_ask(struct user *u, const struct lr_frame *f)
{
	uint8_t meta[LR_META_MAX];
	struct lr_writer head = lr_writer(meta, 4);
	struct work *w;

	memcpy(meta, f->meta, f->h.meta);
	if (f->h.type != LR_M_DISCARD && f->h.type != LR_M_FIND) {
		if (f->h.meta < 4) {
			lr_link_close(u->link, LR_E_PROTOCOL);
			return;
		}
		lr_w_u32(&head, lr_link_uid(u->link));
	}
	w = work_new(u, f, WORK_ASK);
	if (w)
		u->q->entries->ops->ask(u->q->entries, f->h.type, meta,
					f->h.meta, 15000, asked_cb, w);
}

/* --- one object's copies -------------------------------------------------- */

static void copies_cb(void *arg, const struct lr_rec_verified *rows, size_t n)
{
	struct work *w = arg;
	uint8_t buf[COPIES_ROWS * 64];
	struct lr_writer out = lr_writer(buf, sizeof buf);
	struct lr_msg_verified_r m = { 0 };
	struct lr_bulk bulk = { .p = buf };

	for (size_t i = 0; i < n && i < COPIES_ROWS; i++)
		lr_enc_rec_verified(&out, &rows[i]);
	bulk.len = out.len;
	if (w->u)
		LR_SEND(w->u->link, VERIFIED_R, verified_r, w->req, &m, &bulk);
	work_end(w, LR_E_OK);
}

void lr_works_verified(struct user *u, const struct lr_frame *f)
{
	struct lr_msg_verified m;
	struct work *w;

	if (!lr_dec_verified(f->meta, f->h.meta, &m)) {
		lr_link_close(u->link, LR_E_PROTOCOL);
		return;
	}
	w = work_new(u, f, WORK_ASK);
	if (w && !lr_direct_copies(u->q->pool, &m.id, m.entries, copies_cb,
				   w)) {
		lr_link_send_error(u->link, f->h.req, LR_E_NO_MEMORY, "");
		work_end(w, LR_E_NO_MEMORY);
	}
}

void lr_works_orphan(struct user *u)
{
	while (u->works) {
		struct work *w = u->works;

		u->works = w->next;
		w->u = NULL;
	}
}
