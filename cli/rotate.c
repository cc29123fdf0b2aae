/* SPDX-License-Identifier: Apache-2.0 */
/* lanram rotate-key: this machine's key is replaced by a new one. */
#include "cli/cli.h"

/* The donor first: its links are the ones that should be away least. */
int cli_rotate_key(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = {CLI_DONOR, CLI_REQUESTER, NULL};
	struct lr_msg_rotate_key m = {0};
	struct lr_answer a;
	int code;

	(void)argc, (void)argv;
	if (!cli_open(c, daemons))
		return 1;
	code = CLI_ASK(c, ROTATE_KEY, rotate_key, &m, DONE, &a);
	return cli_said(&a, code);
}
