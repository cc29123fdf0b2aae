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

/* `k`: what is done so far. `lo`: all before it are. */
static bool search(struct search *s, struct key k, size_t lo)
{
	uint64_t first_res = CAS_NEVER;

	if (!s->left)
		return true;
	while (s->done[lo])
		lo++;
	for (size_t i = lo; i < s->n && s->h[i].inv < first_res; i++) {
		const struct cas_op *op = &s->h[i];
		bool must = op->out != CAS_MAYBE;
		struct key next = k;

		if (s->done[i])
			continue;
		if (must && op->res < first_res)
			first_res = op->res;
		if (!cas_step(op, k.state, &next.state))
			continue;
		next.a ^= mix(2 * i + 2);
		next.b ^= mix(2 * i + 3);
		if (tried(s, &next))
			continue;
		s->done[i] = true;
		s->left -= must;
		if (search(s, next, lo))
			return true;
		s->done[i] = false;
		s->left += must;
	}
	return false;
}

static int by_inv(const void *a, const void *b)
{
	const struct cas_op *x = a, *y = b;

	return x->inv < y->inv ? -1 : x->inv > y->inv;
}

bool cas_check(struct cas_op *h, size_t n)
{
	struct search s = { .h = h, .n = n };
	struct key k = { .a = 1 };
	bool good;

	if (n)
		qsort(h, n, sizeof *h, by_inv);
	s.done = calloc(n + 1, sizeof *s.done);
	if (!s.done)
		abort();
	for (size_t i = 0; i < n; i++)
		s.left += h[i].out != CAS_MAYBE;
	good = search(&s, k, 0);
	free(s.seen);
	free(s.done);
	return good;
}
