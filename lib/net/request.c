/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for their replies.
 *
 * A request is in the table until its reply, its deadline, lr_link_forget or
 * the link's end, whichever comes first. What cannot be sent goes to `failed`,
 * which the next kick reports: no callback runs inside the caller's call. */
#include "net/link_i.h"

#include <stdlib.h>

#define FIRST_BUCKETS 64u
#define SPARES	      64u

static struct link_pending **bucket_of(const struct link_requests *rq,
				       uint64_t id)
{
	return &rq->bucket[(id >> 1) & (rq->buckets - 1)];
}

static void rehash(struct link_requests *rq, struct link_pending **bucket,
		   size_t n)
{
	struct link_requests next = {.bucket = bucket, .buckets = n};
	struct link_pending *p, **at;

	for (size_t i = 0; i < rq->buckets; i++) {
		while ((p = rq->bucket[i])) {
			rq->bucket[i] = p->next;
			at = bucket_of(&next, p->id);
			p->next = *at;
			*at = p;
		}
	}
	free(rq->bucket);
	rq->bucket = bucket;
	rq->buckets = n;
}

static bool make_room(struct link_requests *rq)
{
	size_t n = rq->buckets ? rq->buckets * 2 : FIRST_BUCKETS;
	struct link_pending **bucket;

	if (rq->count < rq->buckets)
		return true;
	bucket = calloc(n, sizeof(struct link_pending *));
	if (!bucket)
		return rq->buckets > 0; /* longer chains, then */
	rehash(rq, bucket, n);
	return true;
}

static struct link_pending *pending_new(struct link_requests *rq)
{
	struct link_pending *p = rq->spare;

	if (!p)
		return malloc(sizeof *p);
	rq->spare = p->next;
	rq->spares--;
	return p;
}

/* Out of memory: remembers one caller who must be told so. */
static struct link_pending *take_reserve(struct link_requests *rq)
{
	if (rq->reserve_used)
		return NULL;
	rq->reserve_used = true;
	return &rq->reserve;
}

static void pending_free(struct link_requests *rq, struct link_pending *p)
{
	if (p == &rq->reserve) {
		rq->reserve_used = false;
		return;
	}
	if (rq->spares >= SPARES) {
		free(p);
		return;
	}
	p->next = rq->spare;
	rq->spare = p;
	rq->spares++;
}

/* Takes the request out of the table; NULL: not there (any more). */
static struct link_pending *take(struct link_requests *rq, uint64_t id)
{
	struct link_pending **at, *p;

	if (!rq->buckets)
		return NULL;
	for (at = bucket_of(rq, id); (p = *at); at = &p->next) {
		if (p->id != id)
			continue;
		*at = p->next;
		rq->count--;
		return p;
	}
	return NULL;
}

static void drop_frame(struct lr_link *link, struct link_pending *p)
{
	if (p->tx)
		lr_link_tx_drop(link, p->tx);
	p->tx = NULL;
}

static void add_failed(struct lr_link *link, struct link_pending *p,
		       enum lr_err err)
{
	p->err = err;
	p->next = NULL;
	*link->rq.failed_last = p;
	link->rq.failed_last = &p->next;
	lr_link_kick(link);
}

/* --- asking --- */

static void arm(struct lr_link *link, uint64_t due)
{
	struct link_requests *rq = &link->rq;
	uint64_t now;

	if (rq->armed_ms && rq->armed_ms <= due)
		return;
	rq->armed_ms = due;
	uv_update_time(link->loop);
	now = lr_now_ms();
	uv_timer_start(&link->request_timer, lr_link_request_due_cb,
		       due > now ? due - now : 0, 0);
}

static enum lr_err send_request(struct lr_link *link, unsigned type,
				const void *meta, size_t meta_len,
				const struct lr_bulk *bulk,
				struct link_pending *p)
{
	struct lr_header h = {.bulk = (uint32_t)bulk->len,
			      .meta = (uint16_t)meta_len,
			      .type = (uint16_t)type,
			      .req = p->id};

	if (meta_len > LR_META_MAX || bulk->len > lr_msg_bulk_max(type))
		return LR_E_USAGE;
	if (!make_room(&link->rq))
		return LR_E_NO_MEMORY;
	return lr_link_queue(link, &h, meta, bulk, p);
}

static void enter(struct lr_link *link, struct link_pending *p)
{
	struct link_requests *rq = &link->rq;
	struct link_pending **at = bucket_of(rq, p->id);

	p->next = *at;
	*at = p;
	rq->count++;
	arm(link, p->due_ms);
}

uint64_t lr_link_request(struct lr_link *link, unsigned type, const void *meta,
			 size_t meta_len, const struct lr_bulk *bulk,
			 unsigned deadline_ms, lr_reply_cb cb, void *arg)
{
	struct lr_bulk none = {0}, b = bulk ? *bulk : none;
	struct link_pending *p = pending_new(&link->rq);
	bool made = p != NULL;
	enum lr_err err = LR_E_NO_MEMORY;
	uint64_t id = 0;

	if (!made)
		p = take_reserve(&link->rq);
	if (p) {
		id = link->rq.next_id;
		link->rq.next_id += 2;
		*p = (struct link_pending){.cb = cb, .arg = arg, .id = id};
		p->due_ms = lr_now_ms() + deadline_ms;
	}
	if (made)
		err = send_request(link, type, meta, meta_len, &b, p);
	if (err == LR_E_OK)
		enter(link, p);
	else if (p)
		add_failed(link, p, err);
	else /* the reserve is used up, too */
		lr_link_fail(link, err);
	if ((err != LR_E_OK || !b.len) && b.release)
		b.release(b.owner);
	return id;
}

uint64_t lr_link_request_enc(struct lr_link *link, unsigned type,
			     lr_enc_any enc, const void *msg,
			     const struct lr_bulk *bulk, unsigned deadline_ms,
			     lr_reply_cb cb, void *arg)
{
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	enc(&w, msg);
	return lr_link_request(link, type, meta,
			       w.bad ? LR_META_MAX + 1u : w.len, bulk,
			       deadline_ms, cb, arg);
}

static struct link_pending *take_failed(struct link_requests *rq, uint64_t id)
{
	struct link_pending **at, *p;

	for (at = &rq->failed; (p = *at); at = &p->next) {
		if (p->id != id)
			continue;
		*at = p->next;
		if (rq->failed_last == &p->next)
			rq->failed_last = at;
		return p;
	}
	return NULL;
}

void lr_link_forget(struct lr_link *link, uint64_t handle)
{
	struct link_pending *p = take(&link->rq, handle);

	if (!p)
		p = take_failed(&link->rq, handle);
	if (!p)
		return;
	drop_frame(link, p);
	pending_free(&link->rq, p);
}

/* --- answers --- */

/* Our numbers are odd where we connected and even where we accepted, so a
 * late reply is never taken for a request of the peer's. */
bool lr_link_is_reply(const struct lr_link *link, uint64_t id)
{
	return id && (id & 1) == (link->rq.next_id & 1);
}

static enum lr_err reply_error(const struct lr_frame *f)
{
	struct lr_msg_error m;
	enum lr_err err;

	if (!lr_msg_known(f->h.type))
		return LR_E_VERSION;
	if (f->h.type != LR_M_ERROR)
		return LR_E_OK;
	if (!lr_dec_error(f->meta, f->h.meta, &m))
		return LR_E_PROTOCOL;
	err = lr_err_from_wire(m.err);
	return err == LR_E_OK ? LR_E_FAILED : err;
}

void lr_link_reply(struct lr_link *link, const struct lr_frame *f)
{
	struct link_pending *p = take(&link->rq, f->h.req), done;
	enum lr_err err = reply_error(f);

	if (!p)
		return;
	drop_frame(link, p);
	done = *p;
	pending_free(&link->rq, p);
	done.cb(link, err, err == LR_E_VERSION && f->h.type != LR_M_ERROR ?
				   NULL : f, done.arg);
}

/* --- giving up --- */

/* Runs the callbacks that failed until now; false: more were added. */
bool lr_link_requests_report(struct lr_link *link)
{
	struct link_requests *rq = &link->rq;
	struct link_pending *p, done;
	size_t n = 0;

	for (p = rq->failed; p; p = p->next)
		n++;
	while (n-- && (p = rq->failed)) {
		rq->failed = p->next;
		if (!rq->failed)
			rq->failed_last = &rq->failed;
		drop_frame(link, p);
		done = *p;
		pending_free(rq, p);
		done.cb(link, done.err, NULL, done.arg);
	}
	return !rq->failed;
}

/* Every request still waiting gets CLOSED, at the next report. */
void lr_link_requests_fail(struct lr_link *link)
{
	struct link_requests *rq = &link->rq;
	struct link_pending *p;

	for (size_t i = 0; i < rq->buckets; i++) {
		while ((p = rq->bucket[i])) {
			rq->bucket[i] = p->next;
			rq->count--;
			add_failed(link, p, LR_E_CLOSED);
		}
	}
}

/* Moves what is due to `failed`; returns when the next will be. */
static uint64_t collect_due(struct lr_link *link, uint64_t now)
{
	struct link_requests *rq = &link->rq;
	struct link_pending **at, *p;
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < rq->buckets; i++) {
		for (at = &rq->bucket[i]; (p = *at);) {
			if (p->due_ms > now) {
				next = p->due_ms < next ? p->due_ms : next;
				at = &p->next;
				continue;
			}
			*at = p->next;
			rq->count--;
			add_failed(link, p, LR_E_TIMEOUT);
		}
	}
	return next;
}

void lr_link_request_due_cb(uv_timer_t *timer)
{
	struct lr_link *link = timer->data;
	uint64_t next = collect_due(link, lr_now_ms());

	link->rq.armed_ms = 0;
	if (next != UINT64_MAX)
		arm(link, next);
	lr_link_requests_report(link);
}

void lr_link_requests_done(struct lr_link *link)
{
	struct link_requests *rq = &link->rq;
	struct link_pending *p;

	while ((p = rq->failed)) { /* asked inside close_cb: nobody to tell */
		rq->failed = p->next;
		pending_free(rq, p);
	}
	while ((p = rq->spare)) {
		rq->spare = p->next;
		free(p);
	}
	free(rq->bucket);
	*rq = (struct link_requests){.failed_last = &link->rq.failed};
}
