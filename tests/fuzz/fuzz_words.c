/* SPDX-License-Identifier: Apache-2.0 */
/* What users type, and what requesters pass on unseen: IDs, prefixes, devices,
 * tags, sizes, durations, REFs and patterns. What is taken prints as itself;
 * an object is found by its whole ID and name, and only by who may see it. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "client/config.h"
#include "client/register.h"
#include "core/catalog.h"

#define OBJECTS 12
#define SLOTS	4

static char *text_of(struct fuzz_in *in, char *out)
{
	size_t n;
	const uint8_t *p = fuzz_piece(in, 255, &n);

	memcpy(out, p, n);
	out[n] = '\0';
	return out;
}

static void check_words(const char *text)
{
	char out[64], again[64];
	struct lr_dev dev, dev2;
	struct lr_id id, id2;
	struct lr_tag tag, tag2;
	struct lr_prefix prefix;
	uint64_t n;

	if (lr_id_parse(text, &id)) {
		FUZZ_CHECK(lr_id_parse(lr_id_format(&id, out), &id2));
		FUZZ_CHECK(lr_id_eq(&id, &id2));
		FUZZ_CHECK(lr_prefix_parse(text, &prefix) &&
			   prefix.bits == 128 &&
			   lr_prefix_matches(&prefix, &id));
	}
	if (lr_dev_parse(text, &dev)) {
		FUZZ_CHECK(lr_dev_parse(lr_dev_format(&dev, out), &dev2));
		FUZZ_CHECK(lr_dev_eq(&dev, &dev2));
		FUZZ_CHECK(lr_dev_matches(text, &dev));
	}
	if (lr_tag_parse(text, &tag)) {
		FUZZ_CHECK(lr_tag_parse(lr_tag_format(&tag, out), &tag2));
		FUZZ_CHECK(!lr_tag_cmp(&tag, &tag2));
		FUZZ_CHECK(!strcmp(lr_tag_format(&tag2, again), out));
	}
	if (lr_parse_size(text, 1000, &n))
		FUZZ_CHECK(n < UINT64_C(9000000000000000000));
	if (lr_parse_duration(text, &n))
		FUZZ_CHECK(n >= 1000 && n <= UINT64_MAX / 2);
}

/* --- REFs and patterns, against a few objects --- */

static void put_objects(struct lr_catalog *k, struct fuzz_in *in)
{
	char name[256];

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct lr_object o = {.size = i,
				      .created_ms = fuzz_below(in, 4),
				      .uid = fuzz_below(in, 2),
				      .flags = (uint8_t)fuzz_below(in, 4),
				      .state = LR_OBJECT_THERE};

		o.id.b[1] = (uint8_t)(fuzz_below(in, SLOTS) << 2);
		o.id.b[2] = (uint8_t)fuzz_below(in, 3);
		o.id.b[15] = (uint8_t)i;
		o.name = text_of(in, name);
		FUZZ_CHECK(lr_catalog_put(k, &o));
	}
}

struct listing {
	const struct lr_asker *who;
	struct lr_id last;
	unsigned n, most;
};

static bool may_see(const struct lr_asker *who, const struct lr_object *o)
{
	return o->flags & LR_OBJECT_CLOSED &&
	       (who->admin || o->flags & LR_OBJECT_PUBLIC ||
		o->uid == who->uid);
}

static bool each(void *arg, const struct lr_object *o)
{
	struct listing *l = arg;

	FUZZ_CHECK(may_see(l->who, o));
	FUZZ_CHECK(!l->n || lr_id_cmp(&l->last, &o->id) < 0);
	if (l->n == l->most)
		return false;
	l->last = o->id;
	l->n++;
	return true;
}

static void check_listing(const struct lr_catalog *k,
			  const struct lr_asker *who, const char *pattern)
{
	struct listing whole = {.who = who, .most = OBJECTS};
	struct listing paged = {.who = who, .most = 0};
	bool end = false;

	FUZZ_CHECK(lr_catalog_list(k, who, pattern, NULL, each, &whole));
	while (!end) {
		struct lr_id last = paged.last;

		paged.most = paged.n + 2;
		end = lr_catalog_list(k, who, pattern, paged.n ? &last : NULL,
				      each, &paged);
	}
	FUZZ_CHECK(paged.n == whole.n);
}

static void check_ref(const struct lr_catalog *k, const struct lr_asker *who,
		      const char *ref)
{
	struct lr_object o[OBJECTS];
	size_t n = lr_catalog_resolve(k, who, ref, o, OBJECTS);
	struct lr_id id;

	FUZZ_CHECK(n <= OBJECTS);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(may_see(who, &o[i]) ||
			   (lr_id_parse(ref, &id) && lr_id_eq(&id, &o[i].id)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};
	struct lr_asker who = {.uid = fuzz_below(&in, 2),
			       .admin = fuzz_below(&in, 2)};
	struct lr_catalog *k;
	char text[256];

	check_words(text_of(&in, text));
	if (!in.left)
		return 0;
	k = lr_catalog_new(SLOTS);
	FUZZ_CHECK(k);
	put_objects(k, &in);
	check_ref(k, &who, text);
	check_listing(k, &who, text);
	lr_catalog_free(k);
	return 0;
}
