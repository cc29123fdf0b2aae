/* SPDX-License-Identifier: Apache-2.0 */
/* Compare-and-set of names in the slots whose src[1] is this donor, by the
 * rules of core/update.h:
 *
 *   1 UPDATE is admitted and stands in line behind those of the same name
 *   2 first of its name: the machine says what to ask of whom (of ourselves
 *     too, over our own link, BAR ahead of GET); replies go back to it
 *   3 DONE: UPDATE_R, and the next of that name begins
 *   4 the asker's link closes: it is carried out all the same, unanswered
 *   5 another INSTALL or SEAL of the slot: the machine sees it and ends */
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "core/sum.h"
#include "core/update.h"
#include "daemon/base.h"
#include "daemon/donor/shard.h"
#include "net/identity.h"

#define JOBS_MAX 1024

struct job {
	struct job *next, **prev; /* in the order in which they came */
	struct lr_updates *u;
	struct lr_shard_link *l; /* NULL: gone */
	uint64_t req, until_ms, begun_ns;
	unsigned slot;
	uint64_t ce;
	struct lr_update_request q;
	bool running;
	struct lr_update m;
	struct ask *asks;
	uint64_t wake_ms;
	uint32_t bytes, has_bytes;
	uint8_t value[LR_NAME_VALUE_MAX]; /* to be put */
	uint8_t has[LR_NAME_VALUE_MAX];	  /* what was read, of tag m.op.have */
};

struct ask { /* a request that is out */
	struct ask *next, **prev;
	struct job *j;
	struct lr_link *link;
	uint64_t handle, member;
	uint8_t what; /* LR_ASK_* */
	bool putting;
};

struct lr_updates {
	struct lr_shard *s;
	struct job *first, **last;
	unsigned n;
	uint32_t rng;
};

struct lr_updates *lr_updates_new(struct lr_shard *s)
{
	struct lr_updates *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	u->s = s;
	u->last = &u->first;
	lr_random(&u->rng, sizeof u->rng);
	return u;
}

/* --- requests ----------------------------------------------------------- */

static void forget_asks(struct job *j)
{
	struct ask *a;

	while ((a = j->asks)) {
		LR_LIST_DEL(a);
		lr_link_forget(a->link, a->handle);
		free(a);
	}
}

static void pump(struct job *j);

/* False: not an answer to that. */
static bool read_reply(struct job *j, const struct ask *a,
		       const struct lr_frame *f, struct lr_op_reply *r)
{
	struct lr_msg_get_r g;
	struct lr_msg_put_r p;

	if (f->h.type == LR_M_STALE) {
		r->err = LR_E_STALE;
		return true;
	}
	if (a->what == LR_ASK_PUT) {
		if (f->h.type != LR_M_PUT_R ||
		    !lr_dec_put_r(f->meta, f->h.meta, &p))
			return false;
		r->err = lr_err_from_wire(p.err);
		r->tag = p.tag;
		return true;
	}
	if (f->h.type != LR_M_GET_R || !lr_dec_get_r(f->meta, f->h.meta, &g) ||
	    f->h.bulk > sizeof j->has)
		return false;
	r->err = lr_err_from_wire(g.err);
	r->found = g.found;
	r->synced = g.synced;
	r->tag = g.tag;
	if (!r->err && g.found == LR_FOUND_VALUE && a->what == LR_ASK_GET &&
	    lr_sum(f->bulk, f->h.bulk) != g.sum)
		r->err = LR_E_CORRUPT;
	return true;
}

static void tell_reply(struct job *j, const struct ask *a,
		       const struct lr_frame *f)
{
	struct lr_op_reply r = { .ask = a->what };
	struct lr_tag had = j->m.op.have;
	bool has = j->m.op.has;

	if (!read_reply(j, a, f, &r)) {
		lr_update_unreached(&j->m, a->member, a->putting, true,
				    lr_now_ms());
		return;
	}
	lr_update_reply(&j->m, a->member, a->putting, &r, lr_now_ms());
	if (a->putting || !j->m.op.has ||
	    (has && lr_tag_cmp(&had, &j->m.op.have) == 0))
		return;
	j->has_bytes = f->h.bulk;
	if (f->h.bulk)
		memcpy(j->has, f->bulk, f->h.bulk);
}

static void reply_cb(struct lr_link *link, enum lr_err err,
		     const struct lr_frame *f, void *arg)
{
	struct ask *a = arg;
	struct job *j = a->j;
	struct lr_op_reply r = { .err = err, .ask = a->what };

	(void)link;
	LR_LIST_DEL(a);
	if (!err)
		tell_reply(j, a, f);
	else if (f)
		lr_update_reply(&j->m, a->member, a->putting, &r, lr_now_ms());
	else
		lr_update_unreached(&j->m, a->member, a->putting, true,
				    lr_now_ms());
	free(a);
	pump(j);
}

/* In order before the GET; without it there may be none. */
static bool send_bar(const struct job *j, struct lr_link *link)
{
	struct lr_msg_bar m = {
		.slot = (uint16_t)j->slot,
		.ce = j->ce,
		.ts = lr_update_bar(&j->u->s->slots[j->slot]),
	};

	return !m.ts || LR_SEND(link, BAR, bar, 0, &m, NULL) == LR_E_OK;
}

static uint64_t send_get(struct job *j, struct ask *a, unsigned ms)
{
	struct lr_msg_get m = {
		.slot = (uint16_t)j->slot,
		.ce = j->ce,
		.id = j->q.id,
		.flags = a->what == LR_ASK_TAG ? LR_GET_TAG_ONLY : 0,
		.deadline_ms = ms,
	};

	return LR_REQUEST(a->link, GET, get, &m, NULL, ms, reply_cb, a);
}

/* The update itself, or the write-back of what was read. */
static uint64_t send_put(struct job *j, struct ask *a, unsigned ms)
{
	bool tomb = a->putting ? j->q.flags & LR_UPDATE_REMOVE :
				 j->m.op.found != LR_FOUND_VALUE;
	const uint8_t *value = a->putting ? j->value : j->has;
	struct lr_bulk bulk = { .p = value };
	struct lr_msg_put m = {
		.slot = (uint16_t)j->slot,
		.ce = j->ce,
		.id = j->q.id,
		.tag = j->m.op.tag,
		.kind = LR_KIND_NAME,
		.flags = (uint8_t)((a->putting ? 0 : LR_PUT_REPAIR) |
				   (tomb ? LR_PUT_TOMB : 0)),
		.deadline_ms = ms,
	};

	if (!tomb)
		bulk.len = a->putting ? j->bytes : j->has_bytes;
	m.sum = lr_sum(value, bulk.len);
	return LR_REQUEST(a->link, PUT, put, &m, bulk.len ? &bulk : NULL, ms,
			  reply_cb, a);
}

/* False: it could not leave. */
static bool ask_member(struct job *j, const struct lr_op_act *act)
{
	struct lr_link *link = lr_direct_link(j->u->s->net, act->member,
					      j->slot);
	uint64_t now = lr_now_ms();
	unsigned ms = j->until_ms > now ? (unsigned)(j->until_ms - now) : 1;
	struct ask *a;

	if (!link || !lr_link_is_open(link) ||
	    (act->ask != LR_ASK_PUT && !send_bar(j, link)) ||
	    !(a = calloc(1, sizeof *a)))
		return false;
	a->j = j;
	a->link = link;
	a->member = act->member;
	a->what = (uint8_t)act->ask;
	a->putting = j->m.putting;
	LR_LIST_ADD(j->asks, a);
	a->handle = a->what == LR_ASK_PUT ? send_put(j, a, ms) :
					    send_get(j, a, ms);
	if (a->handle)
		return true;
	LR_LIST_DEL(a);
	free(a);
	return false;
}

/* --- one update --------------------------------------------------------- */

static void reply(const struct job *j, enum lr_err err, uint8_t found,
		  const struct lr_tag *tag)
{
	struct lr_msg_update_r r = { .err = (uint16_t)err,
				     .found = found,
				     .tag = *tag,
				     .text = lr_str("") };

	lr_times_add(&j->u->s->stats.times[LR_SERVED_UPDATE],
		     (uv_hrtime() - j->begun_ns) / 1000);
	if (j->l)
		LR_SEND(j->l->link, UPDATE_R, update_r, j->req, &r, NULL);
}

static void job_free(struct job *j)
{
	struct lr_updates *u = j->u;

	forget_asks(j);
	*j->prev = j->next;
	if (j->next)
		j->next->prev = j->prev;
	else
		u->last = j->prev;
	u->n--;
	free(j);
}

static struct job *first_of(const struct lr_updates *u, const struct lr_id *id)
{
	struct job *j = u->first;

	while (j && !lr_id_eq(&j->q.id, id))
		j = j->next;
	return j;
}

/* The first of that name begins. It may have stood in line for long: it is
 * admitted once more. */
static void run_next(struct lr_updates *u, const struct lr_id *id)
{
	static const struct lr_tag none;
	struct lr_shard *s = u->s;
	uint64_t now = lr_now_ms();
	struct job *j;

	while ((j = first_of(u, id)) && !j->running) {
		struct lr_slot *slot = &s->slots[j->slot];

		if (now >= j->until_ms ||
		    lr_update_admit(slot, j->ce, s->o.inc) != LR_E_OK) {
			reply(j, LR_E_BUSY, LR_FOUND_NONE, &none);
			job_free(j);
			continue;
		}
		u->rng = u->rng * 1664525u + 1013904223u;
		lr_update_init(&j->m, &j->q, slot, s->o.inc, now,
			       (unsigned)(j->until_ms - now), u->rng);
		j->running = true;
		pump(j);
		return;
	}
}

static void ended(struct job *j)
{
	struct lr_updates *u = j->u;
	struct lr_id id = j->q.id;

	u->s->stats.ops++;
	reply(j, j->m.result, j->m.found, &j->m.tag);
	job_free(j);
	run_next(u, &id);
}

static void pump(struct job *j)
{
	struct lr_slot *slot = &j->u->s->slots[j->slot];
	struct lr_op_act act;
	uint64_t now = lr_now_ms();

	for (;;) {
		act = lr_update_next(&j->m, slot, now);
		if (act.what != LR_OP_SEND)
			break;
		if (!ask_member(j, &act))
			lr_update_unreached(&j->m, act.member, j->m.putting,
					    false, now);
	}
	j->wake_ms = j->m.op.wake_ms;
	if (act.what == LR_OP_DONE)
		ended(j);
}

/* --- from outside ------------------------------------------------------- */

static bool is_sound(const struct lr_msg_update *m, const struct lr_frame *f)
{
	return m->slot < LR_SLOTS && lr_id_slot(&m->id) == m->slot &&
	       m->expect <= LR_EXPECT_TAG && m->writer &&
	       m->sum == lr_sum(f->bulk, f->h.bulk);
}

bool lr_updates_is_sound(const uint8_t *meta, size_t n,
			 const struct lr_frame *f, unsigned *ret_slot)
{
	struct lr_msg_update m;

	if (!lr_dec_update(meta, n, &m) || !is_sound(&m, f))
		return false;
	*ret_slot = m.slot;
	return true;
}

static void enqueue(struct lr_updates *u, struct lr_shard_link *l,
		    const struct lr_msg_update *m, const struct lr_frame *f)
{
	struct job *j = u->n < JOBS_MAX ? malloc(sizeof *j) : NULL;
	unsigned ms = m->deadline_ms < LR_OP_DEADLINE_MAX_MS ?
			      m->deadline_ms :
			      LR_OP_DEADLINE_MAX_MS;

	if (!j) {
		lr_link_send_error(l->link, f->h.req, LR_E_BUSY,
				   "too many updates wait here");
		return;
	}
	*j = (struct job){ .u = u,
			   .l = l,
			   .req = f->h.req,
			   .until_ms = lr_now_ms() + ms,
			   .begun_ns = uv_hrtime(),
			   .slot = m->slot,
			   .ce = m->ce,
			   .q = { m->id, m->writer, m->seq, m->expect,
				  m->flags, m->want },
			   .bytes = f->h.bulk };
	if (f->h.bulk)
		memcpy(j->value, f->bulk, f->h.bulk);
	j->prev = u->last;
	*u->last = j;
	u->last = &j->next;
	u->n++;
	run_next(u, &m->id);
}

void lr_updates_serve(struct lr_updates *u, struct lr_shard_link *l,
		      const struct lr_frame *f)
{
	struct lr_shard *s = u->s;
	struct lr_msg_update m;

	if (!lr_dec_update(f->meta, f->h.meta, &m) || !is_sound(&m, f)) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	if (lr_update_admit(&s->slots[m.slot], m.ce, s->o.inc) != LR_E_OK)
		lr_shard_stale(l, f->h.req, m.slot);
	else
		enqueue(u, l, &m, f);
}

/* At every copy. What is not of the ce that serves here bars nothing. */
void lr_updates_serve_bar(struct lr_shard_link *l, const struct lr_frame *f)
{
	struct lr_msg_bar m;
	struct lr_slot *slot;

	if (!lr_dec_bar(f->meta, f->h.meta, &m) || m.slot >= LR_SLOTS ||
	    !(l->roles & (LR_ROLE_DONOR | LR_ROLE_ADMIN))) {
		lr_link_close(l->link, LR_E_PROTOCOL);
		return;
	}
	slot = &l->s->slots[m.slot];
	if (lr_slot_admit(slot, m.ce) == LR_E_OK)
		lr_slot_bar(slot, m.ts);
}

void lr_updates_gone(struct lr_updates *u, const struct lr_shard_link *l)
{
	for (struct job *j = u ? u->first : NULL; j; j = j->next)
		if (j->l == l)
			j->l = NULL;
}

/* A slot that was sealed or given to others ends its updates here. */
static struct job *first_due(const struct lr_updates *u, uint64_t now_ms)
{
	for (struct job *j = u->first; j; j = j->next)
		if (j->running &&
		    (j->wake_ms <= now_ms ||
		     lr_slot_admit(&u->s->slots[j->slot], j->ce) != LR_E_OK))
			return j;
	return NULL;
}

void lr_updates_tick(struct lr_updates *u, uint64_t now_ms)
{
	struct job *j;

	/* one may end, and others of its name with it: look anew each time */
	for (unsigned i = 0; i < JOBS_MAX && (j = first_due(u, now_ms)); i++)
		pump(j);
}

void lr_updates_free(struct lr_updates *u)
{
	if (!u)
		return;
	while (u->first)
		job_free(u->first);
	free(u);
}
