/* SPDX-License-Identifier: Apache-2.0 */
/* retrieve: to the standard output as it comes, or to a file, whole or not at
 * all: a temporary file beside it, fsync, rename. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/target.h"

#define BUFFER (1u << 20)

/* What has gone out cannot be taken back: say so. */
static int tell_partial(const struct target *t, uint64_t written, int code)
{
	char size[24];

	if (written && !t->temporary[0])
		out_say(0, "%s already went to %s and must not be used",
			lr_text_bytes(written, size), t->name);
	return code;
}

static int copy(struct cli *c, struct lanram_reader *r, struct target *t)
{
	char *buf = out_must(malloc(BUFFER));
	uint64_t written = 0;
	ssize_t n;
	int code = 0;

	while ((n = lanram_reader_read(r, buf, BUFFER)) > 0) {
		code = target_write(t, buf, (size_t)n);
		if (code)
			break;
		written += (uint64_t)n;
		progress_to(written);
	}
	free(buf);
	progress_stop();
	if (n < 0)
		code = cli_failed(c, lanram_reader_status(r));
	return code ? tell_partial(t, written, code) : 0;
}

/* The bar and the bytes on one screen would disturb each other. */
static bool may_show_bar(const struct target *t)
{
	return t->temporary[0] || !isatty(t->fd);
}

static int transfer(struct cli *c, struct lanram_reader *r,
		    const struct lanram_object *info)
{
	struct target t;
	char *name = out_escape(info->name, strlen(info->name));
	int code;

	cli_catch_signals(c);
	code = target_open(&t, c->output);
	if (!code) {
		if (may_show_bar(&t))
			progress_start(name, info->size);
		code = target_close(&t, copy(c, r, &t));
	}
	free(name);
	return code;
}

int cli_retrieve(struct cli *c, int argc, char **argv)
{
	struct lanram_object info;
	struct lanram_reader *r;
	enum lanram_err err;
	unsigned tries = 0;
	int code;

	(void)argc;
	code = cli_open_ref(c, argv[0]);
	if (code)
		return code;
	do
		err = lanram_reader_open(c->pool, argv[0], &r, &info);
	while (cli_try_again(argv[0], err, &tries));
	if (err)
		return cli_failed(c, err);
	code = transfer(c, r, &info);
	lanram_reader_close(r);
	return code;
}
