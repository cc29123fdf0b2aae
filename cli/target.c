/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"

static int failed(const char *name)
{
	if (errno == EINTR && cli_interrupted())
		return out_say(130, "interrupted");
	return out_say(1, "%s: %s", name, strerror(errno));
}

static int is_folder(const char *name)
{
	return out_say(1, "%s is a folder: name a file in it", name);
}

/* --- where to
 * --------------------------------------------------------------------- */

static bool is_stdout(const struct stat *st)
{
	struct stat out;

	return fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == st->st_dev &&
	       out.st_ino == st->st_ino;
}

/* Devices and FIFOs stay what they are. */
static int open_through(struct target *t)
{
	t->fd = open(t->name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return t->fd < 0 ? failed(t->name) : 0;
}

static int open_temporary(struct target *t)
{
	const char *slash = strrchr(t->path, '/');
	int folder = slash ? (int)(slash - t->path) + 1 : 0;

	if ((size_t)snprintf(t->temporary, sizeof t->temporary,
			     "%.*s.lanram-XXXXXX", folder,
			     t->path) >= sizeof t->temporary) {
		errno = ENAMETOOLONG;
		return failed(t->name);
	}
	t->fd = mkostemp(t->temporary, O_CLOEXEC);
	if (t->fd >= 0)
		return 0;
	t->temporary[0] = '\0';
	return failed(t->name);
}

/* A link is followed: what it leads to is replaced, not the link. */
static int find_path(struct target *t, bool exists)
{
	size_t len = strlen(t->name);

	if (exists && !realpath(t->name, t->path))
		return failed(t->name);
	if (exists)
		return 0;
	if (len && t->name[len - 1] == '/')
		return is_folder(t->name);
	if (!len || len >= sizeof t->path) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return failed(t->name);
	}
	memcpy(t->path, t->name, len + 1);
	return 0;
}

int target_open(struct target *t, const char *path)
{
	struct stat st;
	bool exists;
	int code;

	*t = (struct target){.fd = STDOUT_FILENO, .name = "standard output"};
	if (!path || !strcmp(path, "-"))
		return 0;
	exists = stat(path, &st) == 0;
	if (exists && !S_ISDIR(st.st_mode) && is_stdout(&st))
		return 0; /* /dev/stdout */
	t->name = path;
	if (exists && S_ISDIR(st.st_mode))
		return is_folder(path);
	if (exists && !S_ISREG(st.st_mode))
		return open_through(t);
	code = find_path(t, exists);
	return code ? code : open_temporary(t);
}

/* --- bytes
 * ---------------------------------------------------------------------------
 */

int target_write(struct target *t, const void *buf, size_t n)
{
	const char *at = buf;
	ssize_t took;

	while (n) {
		took = write(t->fd, at, n);
		if (took >= 0) {
			at += took;
			n -= (size_t)took;
		} else if (cli_interrupted()) {
			return out_say(130, "interrupted");
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = t->fd, .events = POLLOUT};

			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			return failed(t->name);
		}
	}
	return 0;
}

/* --- the end
 * ----------------------------------------------------------------------------
 */

static int put_in_place(struct target *t)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(t->fd, 0666 & ~mask) != 0 || fsync(t->fd) != 0 ||
	    rename(t->temporary, t->path) != 0)
		return failed(t->name);
	return 0;
}

int target_close(struct target *t, int code)
{
	if (!code && t->temporary[0])
		code = put_in_place(t);
	if (code && t->temporary[0])
		unlink(t->temporary);
	if (t->fd != STDOUT_FILENO && close(t->fd) != 0 && !code)
		code = failed(t->name);
	return code;
}
