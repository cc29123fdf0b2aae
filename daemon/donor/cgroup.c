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
	const char *root; /* see lr_host_read */
	const struct files *files;
	char mount[256], path[512];
	char dir[800]; /* the group looked at */
};

static FILE *open_file(const struct where *w, const char *name)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	return lr_host_open(w->root, path);
}

/* UINT64_MAX: not there, or "max". */
static uint64_t number(const struct where *w, const char *name)
{
	unsigned long long n;
	FILE *f = open_file(w, name);

	if (!f)
		return UINT64_MAX;
	if (fscanf(f, "%llu", &n) != 1)
		n = UINT64_MAX;
	fclose(f);
	return n;
}

/* Pages of files that go when RAM is wanted. */
static uint64_t cache(const struct where *w, const char *key)
{
	char line[128];
	unsigned long long n = 0;
	FILE *f = open_file(w, "memory.stat");

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
	FILE *f = lr_host_open(w->root, "/proc/self/mounts");
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
	FILE *f = lr_host_open(w->root, "/proc/self/cgroup");
	char line[600];
	const char *path;
	bool is_v2;

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

static uint64_t limit_of(const struct where *w)
{
	uint64_t limit = number(w, w->files->limit);
	uint64_t high = w->files->high ? number(w, w->files->high) :
					 UINT64_MAX;

	return high < limit ? high : limit;
}

static void take(const struct where *w, uint64_t host_total,
		 struct lr_ram *ret)
{
	uint64_t limit = limit_of(w), used, left;
	char path[1024];

	if (limit >= host_total)
		return;
	used = number(w, w->files->usage);
	if (used == UINT64_MAX)
		return;
	left = limit + cache(w, w->files->cache);
	left = left > used ? left - used : 0;
	if (ret->total && left >= ret->available)
		return;
	*ret = (struct lr_ram){ .total = limit,
				.available = left < limit ? left : limit };
	if (!w->files->pressure)
		return;
	snprintf(path, sizeof path, "%s/%s", w->dir, w->files->pressure);
	lr_host_pressure(w->root, path, ret);
}

bool lr_cgroup_read(const char *root, uint64_t host_total, struct lr_ram *ret)
{
	struct where w = { .root = root };

	*ret = (struct lr_ram){ 0 };
	if (!find(&w))
		return false;
	for (;;) {
		char *slash = strrchr(w.path, '/');

		snprintf(w.dir, sizeof w.dir, "%s%s", w.mount, w.path);
		take(&w, host_total, ret);
		if (!slash)
			return ret->total != 0;
		*slash = '\0';
	}
}
