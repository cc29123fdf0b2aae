/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_entries.h"

#include <stdlib.h>
#include <string.h>

struct mem_call {
	struct mem_call *next;
	struct lr_put put; /* put.value: looked at when it is applied */
	bool is_put;
	unsigned type; /* of a question */
	uint8_t meta[1024];
	size_t len;
	struct lr_id id;
	unsigned flags; /* of a GET */
	lr_entry_cb cb;
	lr_ask_cb ask_cb;
	void *arg;
};

static void run_cb(uv_timer_t *timer);

static struct mem_call *add(struct mem *m, void *arg)
{
	struct mem_call *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->arg = arg;
	*m->last = c;
	m->last = &c->next;
	if (!uv_is_active((uv_handle_t *)&m->timer))
		uv_timer_start(&m->timer, run_cb, m->delay_ms, 0);
	return c;
}

struct mem_entry *mem_find(struct mem *m, const struct lr_id *id)
{
	struct mem_entry *e;

	HASH_FIND(hh, m->map, id, sizeof *id, e);
	return e;
}

static bool fails(struct mem *m, const struct lr_put *p)
{
	if (p->flags & LR_PUT_TOMB ||
	    (m->fail_only_open && p->tag.ts != LR_TS_OPEN))
		return false;
	m->puts++;
	return m->fail_at && (m->puts == m->fail_at ||
			      (m->fail_on && m->puts > m->fail_at));
}

static struct mem_entry *entry_for(struct mem *m, const struct lr_id *id)
{
	struct mem_entry *e = mem_find(m, id);

	if (e)
		return e;
	e = calloc(1, sizeof *e);
	if (!e)
		abort();
	e->id = *id;
	HASH_ADD(hh, m->map, id, sizeof e->id, e);
	return e;
}

static void store(struct mem_entry *e, const struct lr_put *p)
{
	free(e->value);
	e->value = NULL;
	e->tag = p->tag;
	e->kind = p->kind;
	e->tomb = p->flags & LR_PUT_TOMB;
	e->bytes = p->bytes;
	if (!p->bytes)
		return;
	e->value = malloc(p->bytes);
	if (!e->value)
		abort();
	memcpy(e->value, p->value, p->bytes);
}

static void do_put(struct mem *m, struct mem_call *c)
{
	struct lr_entry_result r = { .text = "", .copies = m->copies };
	struct mem_entry *e;

	if (m->on_put)
		m->on_put(m->on_put_arg, &c->put);
	if (fails(m, &c->put)) {
		r.err = m->fail_err;
		c->cb(c->arg, &r);
		return;
	}
	e = entry_for(m, &c->put.id);
	if (lr_tag_cmp(&c->put.tag, &e->tag) > 0)
		store(e, &c->put);
	else if (lr_tag_cmp(&c->put.tag, &e->tag) < 0)
		r.err = LR_E_SUPERSEDED;
	r.tag = e->tag;
	c->cb(c->arg, &r);
}

static void do_get(struct mem *m, struct mem_call *c)
{
	struct lr_entry_result r = { .text = "" };
	struct mem_entry *e = mem_find(m, &c->id);

	m->gets++;
	if (c->flags & LR_GET_TAG_ONLY) {
		r.found = !e ? LR_FOUND_NONE :
			  e->tomb ? LR_FOUND_TOMB : LR_FOUND_VALUE;
		if (e)
			r.tag = e->tag;
	} else if (!e || e->tomb) {
		r.err = e && e->trouble ? e->trouble : LR_E_ABSENT;
		r.found = e ? LR_FOUND_TOMB : LR_FOUND_NONE;
	} else if (e->trouble) {
		r.err = e->trouble;
		r.text = e->who ? e->who : "";
	} else {
		r.found = LR_FOUND_VALUE;
		r.kind = e->kind;
		r.tag = e->tag;
		r.value = e->value;
		r.bytes = e->bytes;
	}
	c->cb(c->arg, &r);
}

static void do_ask(struct mem *m, struct mem_call *c)
{
	struct lr_frame f = { .h.type = 0 };
	enum lr_err err = LR_E_UNREACHABLE;

	m->asks++;
	if (m->answer)
		err = m->answer(m->answer_arg, c->type, c->meta, c->len, &f);
	c->ask_cb(c->arg, err, f.h.type ? &f : NULL);
}

static void run_cb(uv_timer_t *timer)
{
	struct mem *m = timer->data;
	struct mem_call *c, *list = m->first;

	m->first = NULL;
	m->last = &m->first;
	while ((c = list)) {
		list = c->next;
		if (c->ask_cb)
			do_ask(m, c);
		else if (c->is_put)
			do_put(m, c);
		else
			do_get(m, c);
		free(c);
	}
}

static void mem_put(struct lr_entries *e, const struct lr_put *p,
		    lr_entry_cb cb, void *arg)
{
	struct mem_call *c = add((struct mem *)e, arg);

	c->is_put = true;
	c->put = *p;
	c->cb = cb;
}

static void mem_get(struct lr_entries *e, const struct lr_id *id,
		    unsigned flags, unsigned deadline_ms, lr_entry_cb cb,
		    void *arg)
{
	struct mem_call *c = add((struct mem *)e, arg);

	(void)deadline_ms;
	c->flags = flags;
	c->id = *id;
	c->cb = cb;
}

static void mem_ask(struct lr_entries *e, unsigned type, const void *meta,
		    size_t len, unsigned deadline_ms, lr_ask_cb cb, void *arg)
{
	struct mem_call *c = add((struct mem *)e, arg);

	(void)deadline_ms;
	if (len > sizeof c->meta)
		abort();
	c->type = type;
	memcpy(c->meta, meta, len);
	c->len = len;
	c->ask_cb = cb;
}

static const struct lr_entries_ops mem_ops = { .put = mem_put,
					       .get = mem_get,
					       .ask = mem_ask };

void mem_init(struct mem *m, uv_loop_t *loop)
{
	memset(m, 0, sizeof *m);
	m->entries.ops = &mem_ops;
	m->loop = loop;
	m->last = &m->first;
	m->copies = 2;
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
}

void mem_done(struct mem *m)
{
	struct mem_entry *e, *next;

	uv_run(m->loop, UV_RUN_DEFAULT); /* what is in flight */
	uv_close((uv_handle_t *)&m->timer, NULL);
	uv_run(m->loop, UV_RUN_DEFAULT);
	HASH_ITER(hh, m->map, e, next) {
		HASH_DEL(m->map, e);
		free(e->value);
		free(e);
	}
}

static void tick_cb(uv_timer_t *t)
{
	uv_stop(t->loop);
}

/* uv_run may run a timer and sleep all the same: not for long. */
void mem_turn(struct mem *m)
{
	uv_timer_t t;

	uv_timer_init(m->loop, &t);
	uv_timer_start(&t, tick_cb, 5, 0);
	uv_run(m->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(m->loop, UV_RUN_NOWAIT);
}

size_t mem_values(const struct mem *m)
{
	const struct mem_entry *e;
	size_t n = 0;

	for (e = m->map; e; e = e->hh.next)
		n += !e->tomb;
	return n;
}

size_t mem_tombs(const struct mem *m)
{
	return HASH_COUNT(m->map) - mem_values(m);
}
