/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cas.h"

#include <stdlib.h>

struct key { /* which ops are done, hashed, and what was there then */
	uint64_t a, b, state;
};

struct search {
	const struct cas_op *h;
	size_t n, left; /* ops that must happen and have not */
	bool *done;
	struct key *seen; /* open addressing, a == 0: free */
	size_t n_seen, cap;
};

static bool holds(const struct cas_op *op, uint64_t state)
{
	if (op->kind == CAS_REMOVE && state == 0 && !op->blind)
		return false;
	switch (op->expect) {
	case CAS_NONE:
		return state == 0;
	case CAS_THIS:
		return state != 0 && state == op->want;
	default:
		return true;
	}
}

bool cas_step(const struct cas_op *op, uint64_t state, uint64_t *ret)
{
	*ret = state;
	if (op->kind == CAS_GET)
		return state == op->got;
	switch (op->out) {
	case CAS_CONFLICT:
		return (op->kind == CAS_SET || state) && !holds(op, state);
	case CAS_ABSENT:
		return state == 0;
	default:
		*ret = op->kind == CAS_SET ? op->id : 0;
		return holds(op, state);
	}
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static bool same(const struct key *x, const struct key *y)
{
	return x->a == y->a && x->b == y->b && x->state == y->state;
}

static void put(struct search *s, const struct key *k)
{
	size_t i = mix(k->a ^ k->state) & (s->cap - 1);

	while (s->seen[i].a && !same(&s->seen[i], k))
		i = (i + 1) & (s->cap - 1);
	s->n_seen += !s->seen[i].a;
	s->seen[i] = *k;
}

static void grow(struct search *s)
{
	struct key *old = s->seen;
	size_t cap = s->cap;

	s->cap = cap ? cap * 2 : 1024;
	s->seen = calloc(s->cap, sizeof *s->seen);
	if (!s->seen)
		abort();
	s->n_seen = 0;
	for (size_t i = 0; i < cap; i++)
		if (old[i].a)
			put(s, &old[i]);
	free(old);
}

/* True: it was tried before. */
static bool tried(struct search *s, const struct key *k)
{
	size_t before;

	if (s->n_seen * 2 >= s->cap)
		grow(s);
	before = s->n_seen;
	put(s, k);
	return s->n_seen == before;
}

/* One step of the order that is tried, and where its search stands. */
struct frame {
	struct key k; /* what is done so far */
	size_t lo;    /* all before it are */
	size_t i;     /* the op tried next */
	uint64_t first_res; /* of those that were looked at and are not done */
	size_t did;   /* the op that led here */
	bool maybes;  /* those that must happen were tried */
};

static bool follow(struct search *s, const struct frame *f, size_t i,
		   struct frame *ret)
{
	struct key next = f->k;

	if (!cas_step(&s->h[i], f->k.state, &next.state))
		return false;
	next.a ^= mix(2 * i + 2);
	next.b ^= mix(2 * i + 3);
	if (tried(s, &next))
		return false;
	*ret = (struct frame){ .k = next,
			       .lo = f->lo,
			       .first_res = CAS_NEVER,
			       .did = i };
	return true;
}

/* The next op that can follow; false: none. What may never have happened comes
 * last: few histories need much of it, and it never ends by itself. */
static bool find_next(struct search *s, struct frame *f, struct frame *ret)
{
	for (;; f->maybes = true, f->i = f->lo) {
		while (f->i < s->n && s->h[f->i].inv < f->first_res) {
			size_t i = f->i++;
			const struct cas_op *op = &s->h[i];

			if (s->done[i] || (op->out == CAS_MAYBE) != f->maybes)
				continue;
			if (!f->maybes && op->res < f->first_res)
				f->first_res = op->res;
			if (follow(s, f, i, ret))
				return true;
		}
		if (f->maybes)
			return false;
	}
}

static void set_done(struct search *s, size_t i, bool done)
{
	s->done[i] = done;
	if (s->h[i].out != CAS_MAYBE)
		s->left += done ? (size_t)-1 : 1;
}

/* Deep: histories are long, so the stack is our own. */
static bool search(struct search *s)
{
	struct frame *stack = calloc(s->n + 1, sizeof *stack), *top = stack;
	bool good = true;

	if (!stack)
		abort();
	*top = (struct frame){ .k = { .a = 1 }, .first_res = CAS_NEVER };
	while (s->left) {
		if (find_next(s, top, top + 1)) {
			top++;
			set_done(s, top->did, true);
			while (top->lo < s->n && s->done[top->lo])
				top->lo++;
			top->i = top->lo;
		} else if (top == stack) {
			good = false;
			break;
		} else {
			set_done(s, top->did, false);
			top--;
		}
	}
	free(stack);
	return good;
}

static int by_inv(const void *a, const void *b)
{
	const struct cas_op *x = a, *y = b;

	return x->inv < y->inv ? -1 : x->inv > y->inv;
}

/* The first moment by which somebody had seen `id`. */
static uint64_t seen_at(const struct cas_op *h, size_t n, uint64_t id)
{
	uint64_t first = CAS_NEVER;

	for (size_t i = 0; i < n; i++) {
		bool sees = h[i].kind == CAS_GET ?
				    h[i].out != CAS_MAYBE && h[i].got == id :
				    h[i].out == CAS_DONE &&
					    h[i].expect == CAS_THIS &&
					    h[i].want == id;

		if (sees && h[i].res < first)
			first = h[i].res;
	}
	return first;
}

/* What somebody saw has happened before that: the search need not guess. And
 * what nobody saw is left out, if it goes without; it is tried else. */
static size_t sharpen(struct cas_op *h, size_t n)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t seen;

		if (h[i].kind != CAS_SET || h[i].out != CAS_MAYBE)
			continue;
		seen = seen_at(h, n, h[i].id);
		if (seen == CAS_NEVER)
			continue;
		h[i].out = CAS_DONE;
		h[i].res = seen > h[i].inv ? seen : h[i].inv;
	}
	for (size_t i = 0; i < n; i++) {
		struct cas_op c = h[i];

		if (c.kind == CAS_SET && c.out == CAS_MAYBE)
			continue;
		h[i] = h[m];
		h[m++] = c;
	}
	return m;
}

static bool check(struct cas_op *h, size_t n)
{
	struct search s = { .h = h, .n = n };
	bool good;

	if (n)
		qsort(h, n, sizeof *h, by_inv);
	s.done = calloc(n + 1, sizeof *s.done);
	if (!s.done)
		abort();
	for (size_t i = 0; i < n; i++)
		s.left += h[i].out != CAS_MAYBE;
	good = search(&s);
	free(s.seen);
	free(s.done);
	return good;
}

bool cas_check(struct cas_op *h, size_t n)
{
	size_t few = sharpen(h, n);

	return check(h, few) || (few < n && check(h, n));
}
