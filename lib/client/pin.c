/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (2 * LR_DEV_TEXT + 16)

/* A line of the pool's ID; where its key was replaced, one of how often, and
 * the last key. */
static bool parse(const char *text, struct lr_dev *ret,
		  struct lr_pool_key *ret_last)
{
	char pool[LR_DEV_TEXT + 1] = "", key[LR_DEV_TEXT + 1] = "";
	struct lr_pool_key last = {0};
	int n = sscanf(text, "%52s %hu %52s", pool, &last.n, key);

	if (!lr_dev_parse(pool, ret) ||
	    (n != 1 && (n != 3 || !lr_dev_parse(key, &last.key))))
		return false;
	if (ret_last)
		*ret_last = last;
	return true;
}

int lr_pin_read(const char *path, struct lr_dev *ret,
		struct lr_pool_key *ret_last)
{
	char text[TEXT_MAX] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 && parse(text, ret, ret_last) ? 0 : EINVAL;
}

bool lr_pin_write_text(const char *path, const char *text)
{
	char tmp[4096 + 8];
	size_t len = strlen(text);
	int fd;
	bool good;

	if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
		return false;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return good && rename(tmp, path) == 0;
}

bool lr_pin_write(const char *path, const struct lr_dev *pool,
		  const struct lr_pool_key *last)
{
	char text[TEXT_MAX], id[LR_DEV_TEXT + 1], key[LR_DEV_TEXT + 1];

	if (last->n)
		snprintf(text, sizeof text, "%s\n%hu %s\n",
			 lr_dev_format(pool, id), last->n,
			 lr_dev_format(&last->key, key));
	else
		snprintf(text, sizeof text, "%s\n", lr_dev_format(pool, id));
	return lr_pin_write_text(path, text);
}
