/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks that a client sends here once, for other copies too (protocol:
 * "Forwarding"):
 *
 *   1 FORWARD is admitted and applied here as a PUT is
 *   2 the value, where it now lies, goes to each other member named, over a
 *     link for that alone (a FORWARD that names nobody); each admits it itself
 *   3 all have answered, or will not within HOP_MS: FORWARD_R with this copy's
 *     answer and theirs. No link yet, or its queue is full: "not passed on",
 *     at once; the client sends to that copy itself
 *   4 the slot is sealed, or given to others: what is known by then is told
 *
 * Until it is answered, the client's link counts the request as unanswered:
 * who sends faster than the others take it is read no further. */
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "daemon/base.h"
#include "daemon/donor/peer.h"

/* With the client's 30 s, and 10 s unread at each end, it is far below the 60 s
 * that a TOMB is kept: no late chunk meets a TOMB's absence. */
#define HOP_MS 5000
#define QUEUE_MAX (8u << 20) /* of bytes that wait for one donor */
#define REST_MAX (LR_MEM_MAX - 1)
#define IDLE_MS 60000
#define AGAIN_MS 1000 /* after a link that failed */

struct hop {
	struct job *j;
	struct lr_link *link;
	uint64_t handle, inc;
	bool out; /* its callback is due */
	uint16_t err;
	struct lr_tag tag;
};

struct job {
	struct job *next, **prev;
	struct lr_shard_link *l;
	uint64_t req, ce;
	unsigned slot, n, out;
	struct lr_msg_forward_r r;
	struct hop hop[REST_MAX];
};

struct route { /* to one donor's shard */
	struct route *next;
	uint64_t inc, used_ms, failed_ms;
	unsigned shard;
	struct lr_peer *peer; /* NULL: it failed */
};

struct lr_forwards {
	struct lr_shard *s;
	struct job *jobs;
	struct route *routes;
};

struct lr_forwards *lr_forwards_new(struct lr_shard *s)
{
	struct lr_forwards *f = calloc(1, sizeof *f);

	if (f)
		f->s = s;
	return f;
}

/* --- links -------------------------------------------------------------- */

static struct route *route_to(struct lr_forwards *f, uint64_t inc,
			      unsigned slot)
{
	unsigned shard = lr_peer_shard(f->s, inc, slot);
	struct route *r = f->routes;

	while (r && (r->inc != inc || r->shard != shard))
		r = r->next;
	if (r || !(r = calloc(1, sizeof *r)))
		return r;
	r->inc = inc;
	r->shard = shard;
	r->next = f->routes;
	f->routes = r;
	return r;
}

struct lr_link *lr_forwards_link(struct lr_forwards *f, uint64_t inc,
				 unsigned slot)
{
	struct route *r = route_to(f, inc, slot);
	uint64_t now = lr_now_ms();
	struct lr_link *link;

	if (!r)
		return NULL;
	r->used_ms = now;
	if (!r->peer && now >= r->failed_ms + AGAIN_MS)
		r->peer = lr_peer_new(f->s, inc, slot, LR_LINK_DATA);
	link = r->peer ? lr_peer_link(r->peer) : NULL;
	return link && lr_link_queued(link) < QUEUE_MAX ? link : NULL;
}

static void drop_peer(struct route *r)
{
	if (r->peer)
		lr_peer_free(r->peer);
	r->peer = NULL;
}

void lr_forwards_hang_up(struct lr_forwards *f)
{
	for (struct route *r = f->routes; r; r = r->next)
		drop_peer(r);
}

static void tend_routes(struct lr_forwards *f, uint64_t now_ms)
{
	struct route **at = &f->routes, *r;

	while ((r = *at) != NULL) {
		if (r->peer && lr_peer_has_failed(r->peer)) {
			drop_peer(r);
			r->failed_ms = now_ms;
		}
		if (now_ms < r->used_ms + IDLE_MS &&
		    lr_view_member(&f->s->rx->view, r->inc)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		drop_peer(r);
		free(r);
	}
}

/* --- one chunk ---------------------------------------------------------- */

static void end_job(struct job *j)
{
	LR_LIST_DEL(j);
	for (unsigned i = 0; i < j->n; i++)
		if (j->hop[i].out)
			lr_link_forget(j->hop[i].link, j->hop[i].handle);
	free(j);
}

static void answer(struct job *j)
{
	uint8_t buf[REST_MAX * 64];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_bulk bulk = { .p = buf };

	for (unsigned i = 0; i < j->n; i++) {
		struct lr_rec_passed rec = { j->hop[i].inc, j->hop[i].err,
					     j->hop[i].tag };

		lr_enc_rec_passed(&w, &rec);
	}
	bulk.len = w.len;
	LR_SEND(j->l->link, FORWARD_R, forward_r, j->req, &j->r,
		bulk.len ? &bulk : NULL);
	end_job(j);
}

static void hop_cb(struct lr_link *link, enum lr_err err,
		   const struct lr_frame *f, void *arg)
{
	struct hop *h = arg;
	struct job *j = h->j;
	struct lr_msg_forward_r m;

	(void)link;
	h->out = false;
	j->out--;
	if (!err && f->h.type == LR_M_FORWARD_R &&
	    lr_dec_forward_r(f->meta, f->h.meta, &m)) {
		h->err = m.err;
		h->tag = m.tag;
	} else {
		h->err = (uint16_t)(!err && f->h.type == LR_M_STALE ?
					    LR_E_STALE :
				    err ? err : LR_E_PROTOCOL);
	}
	if (!j->out)
		answer(j);
}

/* The copy here is what is sent: the log keeps it until it has left. */
static void pass_on(struct lr_forwards *f, struct job *j, struct hop *h,
		    const struct lr_msg_forward *m, const struct lr_entry *e)
{
	struct lr_link *link = lr_forwards_link(f, h->inc, j->slot);
	struct lr_pin *pin = link ? lr_store_pin(f->s->store, e) : NULL;
	struct lr_bulk bulk = { e->value, e->bytes,
				pin ? lr_store_unpin : NULL, pin };
	struct lr_msg_forward to = *m;

	h->j = j;
	h->err = LR_E_UNREACHABLE;
	if (!link)
		return;
	if (to.deadline_ms > HOP_MS)
		to.deadline_ms = HOP_MS;
	to.rest = lr_str("");
	h->link = link;
	h->handle = LR_REQUEST(link, FORWARD, forward, &to, &bulk,
			       to.deadline_ms, hop_cb, h);
	h->out = h->handle != 0;
	j->out += h->out;
}

/* What is there is the very value that was put. */
static bool is_stored(const struct lr_shard *s, const struct lr_msg_forward *m,
		      struct lr_entry *ret)
{
	return lr_store_get(s->store, m->slot, &m->id, ret) &&
	       ret->state == LR_FOUND_VALUE &&
	       lr_tag_cmp(&ret->tag, &m->tag) == 0;
}

static void begin(struct lr_forwards *f, struct job *j,
		  const struct lr_msg_forward *m)
{
	struct lr_reader rest = lr_reader(m->rest.p, m->rest.n);
	struct lr_entry e;
	bool there = !j->r.err && is_stored(f->s, m, &e);

	LR_LIST_ADD(f->jobs, j);
	while (rest.left && there) {
		struct hop *h = &j->hop[j->n++];

		h->inc = lr_r_u64(&rest);
		pass_on(f, j, h, m, &e);
	}
	if (!j->out)
		answer(j);
}

/* --- from outside ------------------------------------------------------- */

/* A donor brings what another device stores, to copies of its own slots. */
static bool may_forward(const struct lr_shard_link *l,
			const struct lr_msg_forward *m)
{
	return lr_shard_is_requester(l) ||
	       (!m->rest.n && l->roles & LR_ROLE_DONOR &&
		lr_shard_is_member(l, m->slot));
}

static bool is_sound(const struct lr_msg_forward *m)
{
	return m->slot < LR_SLOTS && m->rest.n % 8 == 0 &&
	       m->rest.n <= 8 * REST_MAX;
}

void lr_forwards_serve(struct lr_forwards *f, struct lr_shard_link *l,
		       const struct lr_frame *frame)
{
	struct lr_msg_forward m;
	struct lr_msg_put put;
	struct job *j;

	if (!lr_dec_forward(frame->meta, frame->h.meta, &m) || !is_sound(&m)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (!may_forward(l, &m)) {
		lr_shard_refuse_donor(l, frame->h.req);
		return;
	}
	if (!lr_shard_admit(l, frame->h.req, m.slot, m.ce, &m.id))
		return;
	j = calloc(1, sizeof *j);
	if (!j) {
		lr_link_send_error(l->link, frame->h.req, LR_E_NO_MEMORY, "");
		return;
	}
	put = (struct lr_msg_put){ .slot = m.slot,
				   .ce = m.ce,
				   .id = m.id,
				   .tag = m.tag,
				   .kind = LR_KIND_CHUNK,
				   .expires_ms = m.expires_ms,
				   .sum = m.sum };
	j->l = l;
	j->req = frame->h.req;
	j->ce = m.ce;
	j->slot = m.slot;
	j->r.err = (uint16_t)lr_shard_apply_put(l, &put, frame, &j->r.tag);
	begin(f, j, &m);
}

void lr_forwards_gone(struct lr_forwards *f, const struct lr_shard_link *l)
{
	struct job *j, *next;

	for (j = f ? f->jobs : NULL; j; j = next) {
		next = j->next;
		if (j->l == l)
			end_job(j);
	}
}

void lr_forwards_tick(struct lr_forwards *f, uint64_t now_ms)
{
	struct job *j, *next;

	for (j = f->jobs; j; j = next) {
		next = j->next;
		if (lr_slot_admit(&f->s->slots[j->slot], j->ce) != LR_E_OK)
			answer(j);
	}
	tend_routes(f, now_ms);
}

void lr_forwards_free(struct lr_forwards *f)
{
	struct job *j;
	struct route *r;

	if (!f)
		return;
	while ((j = f->jobs))
		end_job(j);
	while ((r = f->routes)) {
		f->routes = r->next;
		drop_peer(r);
		free(r);
	}
	free(f);
}
