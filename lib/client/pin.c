/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lr_pin_read(const char *path, struct lr_dev *ret)
{
	char text[LR_DEV_TEXT + 1] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, text, LR_DEV_TEXT);
	close(fd);
	return n == LR_DEV_TEXT && lr_dev_parse(text, ret) ? 0 : EINVAL;
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

bool lr_pin_write(const char *path, const struct lr_dev *pool)
{
	char text[LR_DEV_TEXT + 2];

	lr_dev_format(pool, text);
	strcat(text, "\n");
	return lr_pin_write_text(path, text);
}
