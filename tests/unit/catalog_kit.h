/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the catalog share: objects, and who asks for them. */
#ifndef LR_TESTS_CATALOG_KIT_H
#define LR_TESTS_CATALOG_KIT_H

#include "unit.h"

#include "core/catalog.h"

#define CLOSED LR_OBJECT_CLOSED

#define PUBLIC (LR_OBJECT_CLOSED | LR_OBJECT_PUBLIC)

struct page {
	struct lr_id id[64];
	char name[64][16];
	size_t n, max;
};

/* catalog_kit.c */
uint64_t catalog_rnd(uint64_t below);
struct lr_id catalog_id_in(unsigned slot);
struct lr_dev catalog_dev_of(uint8_t n);
struct lr_asker catalog_asker(uint8_t dev, uint32_t uid);
struct lr_id catalog_put(struct lr_catalog *k, struct lr_id id,
			 const char *name, uint8_t dev, uint64_t created,
			 uint8_t flags);
bool catalog_collect(void *arg, const struct lr_object *o);
size_t catalog_list_count(struct lr_catalog *k, const struct lr_asker *who,
			  const char *pattern);

#endif
