/* SPDX-License-Identifier: Apache-2.0 */
/* lanram join: the invitation is kept in the state folder, where the daemons
 * of this machine look for it; then we wait for what becomes of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "client/pin.h"
#include "net/invitation.h"

#define WAIT_MS	15000u
#define POLL_MS 100u
#define ANSWERED_MS 3000u /* another daemon of ours was; we ask each 2 s */

/* From the argument or a file; 0, or said. */
static int take(const struct cli *c, int argc, char **argv,
		struct lr_invitation *ret)
{
	if ((argc == 1) == (c->file != NULL))
		return out_say(2, "lanram join takes an invitation, or --file "
				  "and a file that holds one");
	if (c->file && access(c->file, R_OK) != 0)
		return out_say(1, "%s: %s", c->file, strerror(errno));
	if (c->file ? lr_invitation_read(c->file, ret) :
		      lr_invitation_parse(argv[0], ret))
		return 0;
	return out_say(2,
		       "%s is no invitation: it is one word, lanram1:..., as "
		       "`lanram invite` prints it",
		       c->file ? c->file : "that");
}

/* A machine is in one pool: to another one it does not go unasked. */
static int check_pin(const struct cli *c, const struct lr_invitation *i)
{
	char path[1024], mine[LR_DEV_TEXT + 1], theirs[LR_DEV_TEXT + 1];
	struct lr_dev pool;

	snprintf(path, sizeof path, "%s/pool.%s", c->cfg.state_dir,
		 c->cfg.pool);
	if (lr_pin_read(path, &pool, NULL) != 0 || lr_dev_eq(&pool, &i->pool))
		return 0;
	return out_say(6,
		       "this machine belongs to another pool (%.8s...) than "
		       "the invitation's (%.8s...). To change over: stop its "
		       "lanram daemons, rm %s, and join again",
		       lr_dev_format(&pool, mine),
		       lr_dev_format(&i->pool, theirs), path);
}

static const char *path_of(const struct cli *c, char *out, size_t cap)
{
	snprintf(out, cap, "%s/invitation", c->cfg.state_dir);
	return out;
}

static int keep(const struct cli *c, const struct lr_invitation *i)
{
	char path[1024], text[LR_INVITATION_TEXT + 1];
	struct stat st;

	path_of(c, path, sizeof path);
	lr_invitation_format(i, text);
	strcat(text, "\n");
	if (stat(c->cfg.state_dir, &st) != 0 ||
	    !lr_pin_write_text(path, text))
		return out_say(errno == EACCES || errno == EPERM ? 6 : 1,
			       "%s: %s. Only root and the lanram user may join "
			       "a pool for this machine",
			       path, strerror(errno));
	/* The daemons run as the folder's owner. */
	if (geteuid() == 0 && chown(path, st.st_uid, st.st_gid) != 0)
		return out_say(1, "%s: %s", path, strerror(errno));
	return 0;
}

/* It goes when the coordinator has answered to it. */
static bool is_answered(const struct cli *c)
{
	char path[1024];

	return access(path_of(c, path, sizeof path), F_OK) != 0;
}

/* Until the daemon is in, or the answer was another. */
static int wait_for(struct cli *c, const char *daemon)
{
	const char *const only[] = {daemon, NULL};
	struct cli_here here;
	unsigned left = WAIT_MS;
	int code;

	if (!cli_open(c, only))
		return 1;
	code = cli_here(c, &here);
	for (; !code && here.state != LR_HERE_READY && left;
	     left -= POLL_MS) {
		usleep(POLL_MS * 1000);
		code = cli_here(c, &here);
		if (left > ANSWERED_MS && is_answered(c))
			left = ANSWERED_MS;
	}
	if (!code && here.state == LR_HERE_READY)
		out_say(0, "in pool \"%s\" as %s, through %s", here.pool,
			daemon, here.coordinator);
	else if (!code)
		code = cli_stand(c, &here);
	lanram_close(c->pool);
	c->pool = NULL;
	return code;
}

int cli_join(struct cli *c, int argc, char **argv)
{
	static const char *const roles[] = {CLI_REQUESTER, CLI_DONOR};
	struct lr_invitation i;
	char path[1024];
	bool any = false;
	int code = take(c, argc, argv, &i), one;

	if (!code)
		code = check_pin(c, &i);
	if (!code)
		code = keep(c, &i);
	if (code)
		return code;
	for (size_t n = 0; n < 2; n++) {
		if (!cli_is_served(c, roles[n]))
			continue;
		any = true;
		one = wait_for(c, roles[n]);
		code = one > code ? one : code;
	}
	if (any && !code)
		unlink(path_of(c, path, sizeof path)); /* all were in before */
	if (any)
		return code;
	return out_say(4,
		       "no lanram daemon runs here: the invitation is kept in "
		       "%s and used when one does. sudo systemctl start "
		       "lanram-requester",
		       c->cfg.state_dir);
}
