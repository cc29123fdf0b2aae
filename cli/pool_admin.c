/* SPDX-License-Identifier: Apache-2.0 */
/* lanram pool: its backup in a file, a coordinator made from one, the word
 * that one which was restored may go on, and another key for it. Export and
 * import are about files alone, so that they work where no coordinator runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/pool_file.h"

#define FILE_MAX (128u << 20)

static int failed(const char *path)
{
	return out_say(errno == EACCES || errno == EPERM ? 6 : 1, "%s: %s",
		       path, strerror(errno));
}

/* --- files ---------------------------------------------------------------- */

/* 0, or said. A file that is not there: p NULL. */
static int read_file(const char *path, struct pool_part *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	*ret = (struct pool_part){0};
	if (fd < 0)
		return errno == ENOENT ? 0 : failed(path);
	if (fstat(fd, &st) == 0 && st.st_size <= FILE_MAX) {
		ret->len = (size_t)st.st_size;
		ret->p = out_must(malloc(ret->len + 1));
		n = read(fd, ret->p, ret->len);
	}
	close(fd);
	return n >= 0 && (size_t)n == ret->len ? 0 : failed(path);
}

/* Whole or not at all, for its owner only. `owner` -1: who we are. */
static int write_file(const char *path, const void *p, size_t len,
		      uid_t owner, gid_t group)
{
	char tmp[4096 + 8];
	int fd;
	bool good;

	snprintf(tmp, sizeof tmp, "%.4096s.tmp", path);
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(tmp);
	good = write(fd, p, len) == (ssize_t)len && fsync(fd) == 0 &&
	       (geteuid() != 0 || fchown(fd, owner, group) == 0);
	close(fd);
	if (good && rename(tmp, path) == 0)
		return 0;
	fd = failed(path);
	unlink(tmp);
	return fd;
}

static const char *path_of(const struct cli *c, const char *name, char *out,
			   size_t cap)
{
	snprintf(out, cap, "%s/%s", c->cfg.state_dir, name);
	return out;
}

/* --- export --------------------------------------------------------------- */

static int export_pool(const struct cli *c, const char *file)
{
	struct pool_part parts[POOL_FILES] = {0};
	char path[1024];
	struct pool_part all = {0};
	int code = 0;

	for (size_t i = 0; i < POOL_FILES && !code; i++) {
		path_of(c, pool_files[i], path, sizeof path);
		code = read_file(path, &parts[i]);
	}
	if (!code && (!parts[0].p || !parts[2].p))
		code = out_say(3,
			       "%s holds no pool: the coordinator's machine "
			       "has it",
			       c->cfg.state_dir);
	if (!code) {
		out_must(pool_file_make(parts, &all));
		code = write_file(file, all.p, all.len, geteuid(), getegid());
	}
	if (!code)
		out_say(0,
			"%s holds the pool's key: who has it can be the "
			"coordinator. Keep it as you would a password; "
			"objects are not in it",
			file);
	free(all.p);
	for (size_t i = 0; i < POOL_FILES; i++)
		free(parts[i].p);
	return code;
}

/* --- import --------------------------------------------------------------- */

/* Over a pool that is there none is written. */
static int check_place(const struct cli *c)
{
	char path[1024];

	if (cli_is_served(c, CLI_COORDINATOR))
		return out_say(1, "a coordinator runs here: stop it first");
	if (mkdir(c->cfg.state_dir, 0700) != 0 && errno != EEXIST)
		return failed(c->cfg.state_dir);
	for (size_t i = 0; i < POOL_FILES; i++) {
		path_of(c, pool_files[i], path, sizeof path);
		if (access(path, F_OK) == 0)
			return out_say(1,
				       "%s is there: this machine has a pool. "
				       "Move %s/state, prepared and pool.key "
				       "away first",
				       path, c->cfg.state_dir);
	}
	return 0;
}

static int put_in_place(const struct cli *c, const struct pool_part *parts)
{
	char path[1024];
	struct stat st;
	int code;

	if (stat(c->cfg.state_dir, &st) != 0)
		return failed(c->cfg.state_dir);
	/* First the mark that it may be old: the coordinator takes it away. */
	code = write_file(path_of(c, "doubt", path, sizeof path), "", 0,
			  st.st_uid, st.st_gid);
	for (size_t i = 0; i < POOL_FILES && !code; i++)
		if (parts[i].p)
			code = write_file(path_of(c, pool_files[i], path,
						  sizeof path),
					  parts[i].p, parts[i].len, st.st_uid,
					  st.st_gid);
	return code;
}

static int import_pool(const struct cli *c, const char *file)
{
	struct pool_part all, parts[POOL_FILES] = {0};
	int code = read_file(file, &all);

	if (!code && !all.p)
		code = out_say(1, "%s: no such file", file);
	if (!code && !pool_file_parse(&all, parts))
		code = out_say(1, "%s is no whole export of a pool", file);
	if (!code)
		code = check_place(c);
	if (!code)
		code = put_in_place(c, parts);
	if (!code)
		out_say(0, "imported: this machine can be the coordinator. "
			   "Never run two of one pool: see that the old one "
			   "is off, then sudo systemctl enable --now "
			   "lanram-coordinator");
	free(all.p);
	return code;
}

/* --- confirm -------------------------------------------------------------- */

static int confirm(struct cli *c)
{
	static const char *const daemons[] = {CLI_COORDINATOR, CLI_REQUESTER,
					      NULL};
	struct lr_msg_confirm m = {.uid = (uint32_t)geteuid()};
	struct lr_answer a;
	int code = cli_open_pool(c, daemons);

	if (code)
		return code;
	code = CLI_ASK(c, CONFIRM, confirm, &m, DONE, &a);
	return cli_said(&a, code);
}

/* --- its key -------------------------------------------------------------- */

static int rotate_key(struct cli *c)
{
	static const char *const daemons[] = {CLI_COORDINATOR, NULL};
	struct lr_msg_pool_rotate m = {.uid = (uint32_t)geteuid()};
	struct lr_answer a;
	int code = cli_open_pool(c, daemons);

	if (code)
		return code;
	code = CLI_ASK(c, POOL_ROTATE, pool_rotate, &m, DONE, &a);
	return cli_said(&a, code);
}

int cli_pool(struct cli *c, int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[0], "export"))
		return export_pool(c, argv[1]);
	if (argc == 2 && !strcmp(argv[0], "import"))
		return import_pool(c, argv[1]);
	if (argc == 1 && !strcmp(argv[0], "confirm"))
		return confirm(c);
	if (argc == 1 && !strcmp(argv[0], "rotate-key"))
		return rotate_key(c);
	return out_say(2, "lanram pool takes export FILE, import FILE, "
			  "confirm or rotate-key");
}
