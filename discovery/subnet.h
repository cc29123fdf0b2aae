/* SPDX-License-Identifier: Apache-2.0 */
/* The subnets of this machine's own addresses. Private to this folder. */
#ifndef LR_DISCOVERY_SUBNET_H
#define LR_DISCOVERY_SUBNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_SUBNETS_MAX 64

struct lr_subnet {
	unsigned ifindex;
	bool v6;
	uint8_t addr[16], mask[16];
};

struct lr_subnets {
	struct lr_subnet s[LR_SUBNETS_MAX];
	size_t n;
};

/* What could not be read is left out: it only orders addresses. */
void lr_subnets_read(struct lr_subnets *ret);
bool lr_subnets_has(const struct lr_subnets *list, unsigned ifindex, bool v6,
		    const uint8_t *addr);

#endif
