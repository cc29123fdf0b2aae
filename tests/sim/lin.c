/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/lin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct zone {
	uint64_t val, lo, hi;
	bool forward;
};

struct cluster {
	uint64_t val, first_res, last_inv, write_inv, first_read_res;
	bool written, read;
};

static int by_value(const void *a, const void *b)
{
	const struct lin_op *x = a, *y = b;

	if (x->val != y->val)
		return x->val < y->val ? -1 : 1;
	return x->inv < y->inv ? -1 : x->inv > y->inv;
}

static void add(struct cluster *c, const struct lin_op *o)
{
	if (o->res < c->first_res)
		c->first_res = o->res;
	if (o->inv > c->last_inv)
		c->last_inv = o->inv;
	if (o->is_write) {
		c->written = true;
		c->write_inv = o->inv;
		return;
	}
	c->read = true;
	if (o->res < c->first_read_res)
		c->first_read_res = o->res;
}

/* The value 0 was written before all began. */
static struct cluster begin(uint64_t val)
{
	struct cluster c = { .val = val,
			     .first_res = LIN_NEVER,
			     .first_read_res = LIN_NEVER };

	if (val == 0) {
		c.written = true;
		c.first_res = 0;
	}
	return c;
}

/* False: read before it was written. */
static bool end(const struct cluster *c, struct zone *z, size_t *n, char *why,
		size_t cap)
{
	if (!c->written || (c->read && c->first_read_res < c->write_inv)) {
		snprintf(why, cap, "value %" PRIu64 " was read before it was "
				   "written", c->val);
		return false;
	}
	if (c->first_res == LIN_NEVER)
		return true; /* an unknown write that nobody saw */
	z[(*n)++] = c->first_res < c->last_inv ?
			    (struct zone){ c->val, c->first_res, c->last_inv,
					   true } :
			    (struct zone){ c->val, c->last_inv, c->first_res,
					   false };
	return true;
}

static bool make_zones(struct lin_op *o, size_t n, struct zone *z, size_t *nz,
		       char *why, size_t cap)
{
	struct cluster c = { 0 };

	*nz = 0;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || o[i].val != c.val) {
			if (i && !end(&c, z, nz, why, cap))
				return false;
			c = begin(o[i].val);
		}
		add(&c, &o[i]);
	}
	return !n || end(&c, z, nz, why, cap);
}

static int by_start(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Forward zones that do not overlap are in order at both ends: the last one
 * that began before a backward zone is the only one that may contain it. */
static bool check_zones(struct zone *z, size_t n, char *why, size_t cap)
{
	const struct zone *last = NULL;

	qsort(z, n, sizeof *z, by_start);
	for (size_t i = 0; i < n; i++) {
		if (last && z[i].forward && z[i].lo < last->hi) {
			snprintf(why, cap,
				 "values %" PRIu64 " and %" PRIu64
				 " were each read after the other",
				 last->val, z[i].val);
			return false;
		}
		if (last && !z[i].forward && z[i].hi < last->hi) {
			snprintf(why, cap,
				 "value %" PRIu64 " was read after %" PRIu64
				 " had replaced it",
				 last->val, z[i].val);
			return false;
		}
		if (z[i].forward)
			last = &z[i];
	}
	return true;
}

bool lin_check(const struct lin_op *h, size_t n, char *why, size_t cap)
{
	struct lin_op *o = malloc((n + 1) * sizeof *o);
	struct zone *z = malloc((n + 1) * sizeof *z);
	size_t nz, m = 0;
	bool good;

	if (!o || !z)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!h[i].ignore)
			o[m++] = h[i];
	qsort(o, m, sizeof *o, by_value);
	good = make_zones(o, m, z, &nz, why, cap) &&
	       check_zones(z, nz, why, cap);
	free(o);
	free(z);
	return good;
}
