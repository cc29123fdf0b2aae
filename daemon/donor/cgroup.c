/* SPDX-License-Identifier: Apache-2.0 */
/* The control group that limits us, version 2 or 1: our own or one above it,
 * whichever has least left. In a container the mounted root is our own, and
 * the path that the kernel tells may lead nowhere. */
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#include "daemon/donor/host.h"

struct files {
	const char *limit, *high, *usage, *cache, *pressure;
};

static const struct files v2 = { "memory.max", "memory.high",
				 "memory.current", "inactive_file ",
				 "memory.pressure" };
static const struct files v1 = { "memory.limit_in_bytes", NULL,
				 "memory.usage_in_bytes",
				 "total_inactive_file ", NULL };

struct where {
	const struct files *files;
	char mount[256], path[512];
};

/* UINT64_MAX: not there, or "max". */
static uint64_t number(const char *dir, const char *name)
{
	char path[1024];
	unsigned long long n;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return UINT64_MAX;
	if (fscanf(f, "%llu", &n) != 1)
		n = UINT64_MAX;
	fclose(f);
	return n;
}

/* Pages of files that go when RAM is wanted. */
static uint64_t cache(const char *dir, const char *key)
{
	char path[1024], line[128];
	unsigned long long n = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/memory.stat", dir);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), "%llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* "4:memory:/a" or "0::/a": the part after the second colon. */
static const char *own_path(char *line, bool *is_v2)
{
	char *names = strchr(line, ':'), *path;

	path = names ? strchr(names + 1, ':') : NULL;
	if (!path)
		return NULL;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	*is_v2 = names[1] == '\0';
	for (char *word = strtok(names + 1, ","); word;
	     word = strtok(NULL, ","))
		if (!strcmp(word, "memory"))
			return path;
	return *is_v2 ? path : NULL;
}

static bool find_mount(struct where *w)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f))) {
		if (w->files == &v2 ? strcmp(m->mnt_type, "cgroup2") != 0 :
				      strcmp(m->mnt_type, "cgroup") != 0 ||
					      !hasmntopt(m, "memory"))
			continue;
		snprintf(w->mount, sizeof w->mount, "%s", m->mnt_dir);
		found = true;
	}
	if (f)
		endmntent(f);
	return found;
}

/* Version 1 where it has the memory: then version 2 does not. */
static bool find(struct where *w)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[600];
	const char *path;
	bool is_v2;

	*w = (struct where){ 0 };
	while (f && fgets(line, sizeof line, f)) {
		path = own_path(line, &is_v2);
		if (!path || (is_v2 && w->files))
			continue;
		w->files = is_v2 ? &v2 : &v1;
		snprintf(w->path, sizeof w->path, "%s", path);
	}
	if (f)
		fclose(f);
	return w->files && find_mount(w);
}

static uint64_t limit_of(const char *dir, const struct files *files)
{
	uint64_t limit = number(dir, files->limit);
	uint64_t high = files->high ? number(dir, files->high) : UINT64_MAX;

	return high < limit ? high : limit;
}

static void take(const char *dir, const struct files *files,
		 uint64_t host_total, struct lr_ram *ret)
{
	uint64_t limit = limit_of(dir, files), used, left;
	char path[1024];

	if (limit >= host_total)
		return;
	used = number(dir, files->usage);
	if (used == UINT64_MAX)
		return;
	left = limit + cache(dir, files->cache);
	left = left > used ? left - used : 0;
	if (ret->total && left >= ret->available)
		return;
	*ret = (struct lr_ram){ .total = limit,
				.available = left < limit ? left : limit };
	if (!files->pressure)
		return;
	snprintf(path, sizeof path, "%s/%s", dir, files->pressure);
	lr_host_pressure(path, ret);
}

bool lr_cgroup_read(uint64_t host_total, struct lr_ram *ret)
{
	struct where w;
	char dir[800];

	*ret = (struct lr_ram){ 0 };
	if (!find(&w))
		return false;
	for (;;) {
		char *slash = strrchr(w.path, '/');

		snprintf(dir, sizeof dir, "%s%s", w.mount, w.path);
		take(dir, w.files, host_total, ret);
		if (!slash)
			return ret->total != 0;
		*slash = '\0';
	}
}
