/* SPDX-License-Identifier: Apache-2.0 */
/* What the donor's host has, and what of it is lent. */
#ifndef LR_DONOR_HOST_H
#define LR_DONOR_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/elastic.h"

struct lr_host {
	/* Of the host, and of the control group that limits us, if any. */
	struct lr_ram ram[LR_ELASTIC_RAMS];
	unsigned n;
	uint64_t total, available; /* bytes; the lesser ones */
	uint32_t psi_some, psi_full; /* memory pressure avg10, in 1/100 % */
};
/* `root`: where /proc and what is mounted are found; "" but in tests. */
void lr_host_read(const char *root, struct lr_host *ret);
/* A file below `root`, for reading, or NULL. */
FILE *lr_host_open(const char *root, const char *path);
/* A file of pressure stall information. */
void lr_host_pressure(const char *root, const char *path, struct lr_ram *ret);
/* cgroup.c; false: nothing limits us below what the host has. */
bool lr_cgroup_read(const char *root, uint64_t host_total, struct lr_ram *ret);

/* Bytes for a `lend` of the configuration: a size, a share of the host's RAM,
 * "auto" (what is available beyond the reserve) or "off". False: malformed. */
bool lr_lend_bytes(const char *lend, const char *reserve,
		   const struct lr_host *host, uint64_t used, uint64_t *ret);

/* "10.0.0.2:7451,[fe80::1]:7451": where a listener on `listen` is reached. */
void lr_host_addresses(const char *listen, uint16_t port, char *out,
		       size_t cap);

#endif
