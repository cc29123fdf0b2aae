/* SPDX-License-Identifier: Apache-2.0 */
/* Objects for a catalog, and who asks for them. */
#include "catalog_kit.h"

static uint64_t seed = 88172645463325252u;

uint64_t catalog_rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

struct lr_id catalog_id_in(unsigned slot)
{
	struct lr_id id;

	for (size_t i = 0; i < sizeof id.b; i++)
		id.b[i] = (uint8_t)catalog_rnd(256);
	id.b[0] = (uint8_t)(slot >> 6);
	id.b[1] = (uint8_t)(slot << 2 | (id.b[1] & 3));
	return id;
}

struct lr_dev catalog_dev_of(uint8_t n)
{
	struct lr_dev d = {{n, 7}};

	return d;
}

struct lr_asker catalog_asker(uint8_t dev, uint32_t uid)
{
	return (struct lr_asker){.dev = catalog_dev_of(dev), .uid = uid};
}

struct lr_id catalog_put(struct lr_catalog *k, struct lr_id id,
			 const char *name, uint8_t dev, uint64_t created,
			 uint8_t flags)
{
	struct lr_object o = {.id = id,
			      .size = 1000,
			      .created_ms = created,
			      .owner = catalog_dev_of(dev),
			      .uid = 1,
			      .flags = flags,
			      .name = name};

	assert_true(lr_catalog_put(k, &o));
	return id;
}

bool catalog_collect(void *arg, const struct lr_object *o)
{
	struct page *p = arg;

	if (p->n == p->max)
		return false;
	p->id[p->n] = o->id;
	snprintf(p->name[p->n++], sizeof p->name[0], "%s", o->name);
	return true;
}

size_t catalog_list_count(struct lr_catalog *k, const struct lr_asker *who,
			  const char *pattern)
{
	struct page p = {.max = 64};

	assert_true(
		lr_catalog_list(k, who, pattern, NULL, catalog_collect, &p));
	return p.n;
}
