/* SPDX-License-Identifier: Apache-2.0 */
/* Where retrieved bytes go. */
#ifndef LR_CLI_TARGET_H
#define LR_CLI_TARGET_H

#include <limits.h>
#include <stddef.h>

struct target {
	int fd;
	const char *name;	  /* for messages */
	char path[PATH_MAX];	  /* to be replaced */
	char temporary[PATH_MAX]; /* empty: written through */
};

/* `path` NULL or "-": the standard output. Exit codes; not 0: said. */
int target_open(struct target *t, const char *path);
int target_write(struct target *t, const void *buf, size_t n);
/* `code` 0: the file is put in its place; else it was never there. */
int target_close(struct target *t, int code);

#endif
