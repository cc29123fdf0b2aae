/* SPDX-License-Identifier: Apache-2.0 */
/* Looking in the catalog: who may see what, patterns, pages, references.
 * Objects that are still being stored (not closed) are nobody's to see. */
#include <fnmatch.h>
#include <string.h>

#include "core/catalog_i.h"

static bool is_mine(const struct lr_catalog *k, const struct lr_asker *who,
		    const struct row *r)
{
	const struct owner *o = &k->owners.owner[r->owner];

	return o->uid == who->uid && lr_dev_eq(&o->dev, &who->dev);
}

static bool may_see(const struct lr_catalog *k, const struct lr_asker *who,
		    const struct row *r)
{
	return r->closed && (who->admin || r->public || is_mine(k, who, r));
}

/* A pattern, looked at once: fnmatch() takes 200 ns a name, so the usual ones
 * (words, asterisks, question marks) are matched here. */
struct pattern {
	const char *text;
	size_t head; /* bytes before the first special one */
	bool all, plain;
	bool is_prefix;
	struct lr_prefix prefix;
};

static struct pattern pattern_of(const char *text)
{
	struct pattern p = {.text = text};

	p.all = !*text || strcmp(text, "*") == 0;
	p.plain = !strpbrk(text, "[\\");
	p.head = strcspn(text, "*?[\\");
	p.is_prefix = lr_prefix_parse(text, &p.prefix);
	return p;
}

/* One character of UTF-8, as far as it is there. */
static const char *next_char(const char *s)
{
	s++;
	while (((unsigned char)*s & 0xc0) == 0x80)
		s++;
	return s;
}

/* What stands between asterisks is looked for from left to right; going back
 * to the last asterisk is enough. */
static bool glob(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			if (!*star)
				return true;
			retry = name;
		} else if (*pattern == '?' && *name) {
			pattern++;
			name = next_char(name);
		} else if (*pattern == *name && *pattern != '?') {
			if (!*name)
				return true;
			pattern++;
			name++;
		} else if (star && *retry) {
			retry = next_char(retry);
			if (*star != '?')
				retry = strchr(retry, *star);
			if (!retry)
				return false;
			pattern = star;
			name = retry;
		} else {
			return false;
		}
	}
}

static bool matches(const struct pattern *p, const struct row *r)
{
	if (p->all || (p->is_prefix && lr_prefix_matches(&p->prefix, &r->id)))
		return true;
	if (strncmp(p->text, r->name, p->head) != 0)
		return false;
	return p->plain ? glob(p->text, r->name)
			: fnmatch(p->text, r->name, 0) == 0;
}

/* Rows of the slot on that side of `from`. */
static uint32_t rows_from(const struct rows *s, const struct lr_id *from,
			  bool back)
{
	bool there;
	uint32_t at = lr_rows_find(s, from, &there);

	return back ? at : s->n - at - there;
}

bool lr_catalog_browse(const struct lr_catalog *k,
		       const struct lr_catalog_browse *b, struct lr_id *ret_at,
		       lr_catalog_each each, void *arg)
{
	struct pattern p = pattern_of(b->pattern), find = pattern_of(b->find);
	unsigned first = b->from ? lr_id_slot(b->from) :
			 b->back ? k->nslots - 1 :
				   0;
	size_t left = b->most;

	/* Below slot 0 is UINT_MAX. */
	for (unsigned n = first; n < k->nslots; n += b->back ? -1u : 1u) {
		const struct rows *s = &k->slot[n];
		uint32_t rows = b->from && n == first ?
					rows_from(s, b->from, b->back) :
					s->n;

		for (; rows; rows--) {
			const struct row *r =
				s->row[b->back ? rows - 1 : s->n - rows];
			struct lr_object o;

			if (!left--)
				return false;
			if (may_see(k, b->who, r) && matches(&p, r) &&
			    matches(&find, r)) {
				lr_row_show(k, r, &o);
				if (!each(arg, &o))
					return false;
			}
			*ret_at = r->id;
		}
	}
	return true;
}

bool lr_catalog_list(const struct lr_catalog *k, const struct lr_asker *who,
		     const char *pattern, const struct lr_id *after,
		     lr_catalog_each each, void *arg)
{
	struct lr_catalog_browse b = { .who = who,
				       .pattern = pattern,
				       .find = "",
				       .from = after,
				       .most = SIZE_MAX };
	struct lr_id at;

	return lr_catalog_browse(k, &b, &at, each, arg);
}

/* 2 mine, 1 public, 0 others' (an admin sees them). */
static int closeness(const struct lr_catalog *k, const struct lr_asker *who,
		     const struct row *r)
{
	return is_mine(k, who, r) ? 2 : r->public;
}

static bool is_better(const struct lr_catalog *k, const struct lr_asker *who,
		      const struct row *r, const struct row *than)
{
	int a = closeness(k, who, r), b = closeness(k, who, than);

	if (a != b)
		return a > b;
	if (lr_row_created(r) != lr_row_created(than))
		return lr_row_created(r) > lr_row_created(than);
	return lr_id_cmp(&r->id, &than->id) > 0; /* any, but always the same */
}

static const struct row *best_named(const struct lr_catalog *k,
				    const struct lr_asker *who,
				    const char *name)
{
	const struct row *best = NULL;

	for (const struct row *r = lr_names_chain(&k->names, name); r;
	     r = r->next) {
		if (strcmp(r->name, name) != 0 || !may_see(k, who, r))
			continue;
		if (!best || is_better(k, who, r, best))
			best = r;
	}
	return best;
}

static size_t with_prefix(const struct lr_catalog *k,
			  const struct lr_asker *who, const struct lr_prefix *p,
			  struct lr_object *ret, size_t cap)
{
	unsigned slot = lr_id_slot(&p->id);
	const struct rows *s;
	size_t n = 0;
	bool there;

	if (slot >= k->nslots)
		return 0;
	s = &k->slot[slot];
	for (uint32_t i = lr_rows_find(s, &p->id, &there); i < s->n; i++) {
		if (!lr_prefix_matches(p, &s->row[i]->id))
			break;
		if (!may_see(k, who, s->row[i]))
			continue;
		if (n < cap)
			lr_row_show(k, s->row[i], &ret[n]);
		n++;
	}
	return n;
}

/* Whoever has a whole ID may use it: it is the key. */
static bool with_id(const struct lr_catalog *k, const char *ref,
		    struct lr_object *ret, size_t cap)
{
	struct lr_object o;
	struct lr_id id;

	if (!lr_id_parse(ref, &id) || !lr_catalog_get(k, &id, &o) ||
	    !(o.flags & LR_OBJECT_CLOSED))
		return false;
	if (cap)
		*ret = o;
	return true;
}

size_t lr_catalog_resolve(const struct lr_catalog *k,
			  const struct lr_asker *who, const char *ref,
			  struct lr_object *ret, size_t cap)
{
	const struct row *named;
	struct lr_prefix p;

	if (with_id(k, ref, ret, cap))
		return 1;
	named = best_named(k, who, ref);
	if (named) {
		if (cap)
			lr_row_show(k, named, ret);
		return 1;
	}
	return lr_prefix_parse(ref, &p) ? with_prefix(k, who, &p, ret, cap) : 0;
}
