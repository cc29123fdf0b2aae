/* SPDX-License-Identifier: Apache-2.0 */
/* Which daemon a command speaks to, what it asks, and what is said when it
 * cannot be answered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"

static const char *path_of(const struct cli *c, const char *daemon, char *out,
			   size_t cap)
{
	snprintf(out, cap, "%.100s/%s.sock", c->cfg.run_dir, daemon);
	return out;
}

/* Somebody listens there, and takes us. */
static bool is_served(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, failed;

	if (strlen(path) >= sizeof a.sun_path)
		return false;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	failed = connect(fd, (struct sockaddr *)&a, sizeof a);
	failed = failed && errno != EAGAIN; /* its queue is long */
	close(fd);
	return !failed;
}

bool cli_is_served(const struct cli *c, const char *daemon)
{
	char path[128];

	return is_served(path_of(c, daemon, path, sizeof path));
}

bool cli_open(struct cli *c, const char *const *daemons)
{
	char path[128];
	struct lanram_options opt = {.socket = path};
	const char *chosen = daemons[0];

	for (size_t i = daemons[1] ? 0 : 1; daemons[i]; i++) {
		if (!is_served(path_of(c, daemons[i], path, sizeof path)))
			continue;
		chosen = daemons[i];
		break;
	}
	path_of(c, chosen, path, sizeof path);
	c->socket = chosen;
	if (lanram_open(&opt, &c->pool) == LANRAM_OK)
		return true;
	out_say(1, "%s cannot be used. Is run_dir right in the configuration?",
		path);
	return false;
}

int cli_check_ref(const char *ref)
{
	if (ref[0] && strlen(ref) <= LR_OBJECT_NAME_MAX)
		return 0;
	return out_say(2, "an ID, a prefix of it (6 characters or more) or a "
			  "name is needed. `lanram list` shows them");
}

int cli_open_ref(struct cli *c, const char *ref)
{
	int code = cli_check_ref(ref);

	return code ? code : cli_open_data(c);
}

bool cli_try_again(const char *ref, enum lanram_err err, unsigned *tries)
{
	struct lr_id id;

	if (err != LANRAM_ABSENT || lr_id_parse(ref, &id) || *tries >= 4)
		return false;
	++*tries;
	usleep(100000);
	return true;
}

int cli_failed(struct cli *c, enum lanram_err err)
{
	return out_say((int)err, "%s", lanram_error(c->pool));
}

/* A DONE that is no success; 0: it is none. */
static int done_with(const struct lr_answer *a)
{
	struct lr_msg_done m;
	char *text;
	int code;

	if (a->f.h.type != LR_M_DONE ||
	    !lr_dec_done(a->f.meta, a->f.h.meta, &m) || !m.err)
		return 0;
	code = lr_err_exit(lr_err_from_wire(m.err));
	text = out_escape_str(m.text);
	out_say(code, "%s",
		text[0] ? text : lr_err_text(lr_err_from_wire(m.err)));
	free(text);
	return code;
}

int cli_ask(struct cli *c, unsigned type, const struct lr_writer *meta,
	    unsigned want, struct lr_answer *ret)
{
	enum lr_err err;
	int code;

	memset(ret, 0, sizeof *ret);
	if (meta->bad)
		return out_say(2, "that is too long");
	err = lr_client_ask(c->pool, type, meta->p, meta->len, ret);
	if (err) {
		lr_answer_done(ret);
		return cli_failed(c, (enum lanram_err)lr_err_exit(err));
	}
	code = done_with(ret);
	if (!code && ret->f.h.type != want)
		code = out_say(1,
			       "the %s daemon answers %s with %s: is it of "
			       "another version?",
			       c->socket, lr_msg_name(type),
			       lr_msg_name(ret->f.h.type));
	if (code)
		lr_answer_done(ret);
	return code;
}
