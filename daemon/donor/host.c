/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/donor/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "client/config.h"

FILE *lr_host_open(const char *root, const char *path)
{
	char all[1400];
	int n = snprintf(all, sizeof all, "%s%s", root, path);

	return n > 0 && (size_t)n < sizeof all ? fopen(all, "re") : NULL;
}

static void read_meminfo(const char *root, struct lr_ram *ret)
{
	FILE *f = lr_host_open(root, "/proc/meminfo");
	char line[128];
	unsigned long long kib;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "MemTotal: %llu", &kib) == 1)
			ret->total = kib * 1024;
		else if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			ret->available = kib * 1024;
		if (ret->total && ret->available)
			break;
	}
	if (f)
		fclose(f);
}

static uint32_t avg10(const char *line)
{
	const char *at = strstr(line, "avg10=");

	return at ? (uint32_t)(strtod(at + 6, NULL) * 100) : 0;
}

void lr_host_pressure(const char *root, const char *path, struct lr_ram *ret)
{
	FILE *f = lr_host_open(root, path);
	char line[160];

	while (f && fgets(line, sizeof line, f)) {
		if (!strncmp(line, "some", 4))
			ret->some = avg10(line);
		else if (!strncmp(line, "full", 4))
			ret->full = avg10(line);
	}
	if (f)
		fclose(f);
}

/* Where the figures say nothing (a kernel without them), nothing is short. */
void lr_host_read(const char *root, struct lr_host *ret)
{
	struct lr_ram *host = &ret->ram[0], *group = &ret->ram[1];

	memset(ret, 0, sizeof *ret);
	ret->n = 1;
	read_meminfo(root, host);
	lr_host_pressure(root, "/proc/pressure/memory", host);
	if (lr_cgroup_read(root, host->total, group))
		ret->n = 2;
	ret->total = host->total;
	ret->available = host->available;
	if (ret->n == 2)
		ret->total = group->total;
	if (ret->n == 2 && group->available < host->available)
		ret->available = group->available;
	ret->psi_some = host->some > group->some ? host->some : group->some;
	ret->psi_full = host->full > group->full ? host->full : group->full;
}

bool lr_lend_bytes(const char *lend, const char *reserve,
		   const struct lr_host *host, uint64_t used, uint64_t *ret)
{
	uint64_t keep, free_ = host->available + used;

	if (!strcmp(lend, "off")) {
		*ret = 0;
		return true;
	}
	if (strcmp(lend, "auto"))
		return lr_parse_size(lend, host->total, ret);
	if (!lr_parse_size(reserve, host->total, &keep))
		return false;
	*ret = free_ > keep ? free_ - keep : 0;
	return true;
}

/* --- addresses ----------------------------------------------------------- */

/* "[::]:7451", "0.0.0.0:7451" and ":7451" mean every interface. */
static bool is_any(const char *listen)
{
	return !strncmp(listen, "[::]:", 5) ||
	       !strncmp(listen, "0.0.0.0:", 8) || listen[0] == ':' ||
	       listen[0] == '*';
}

static void add_address(const uv_interface_address_t *a, uint16_t port,
			char *out, size_t cap)
{
	char ip[64], text[96];
	size_t n = strlen(out);
	bool v6 = a->address.address4.sin_family == AF_INET6;

	if (v6)
		uv_ip6_name(&a->address.address6, ip, sizeof ip);
	else
		uv_ip4_name(&a->address.address4, ip, sizeof ip);
	ip[strcspn(ip, "%")] = '\0'; /* a scope is the reader's own */
	snprintf(text, sizeof text, v6 ? "[%s]:%u" : "%s:%u", ip, port);
	if (!strstr(out, text) && n + strlen(text) + 2 < cap)
		snprintf(out + n, cap - n, "%s%s", n ? "," : "", text);
}

void lr_host_addresses(const char *listen, uint16_t port, char *out,
		       size_t cap)
{
	uv_interface_address_t *all;
	int n;
	const char *colon = strrchr(listen, ':');

	out[0] = '\0';
	if (!is_any(listen)) {
		snprintf(out, cap, "%.*s:%u",
			 (int)(colon ? colon - listen : 0), listen, port);
		return;
	}
	if (uv_interface_addresses(&all, &n))
		return;
	for (int pass = 0; pass < 2 && !out[0]; pass++)
		for (int i = 0; i < n; i++)
			if (pass || !all[i].is_internal)
				add_address(&all[i], port, out, cap);
	uv_free_interface_addresses(all, n);
}
