/* SPDX-License-Identifier: Apache-2.0 */
/* lanram rebuild: pause and resume the copying of missing copies. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

int cli_rebuild(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = { CLI_COORDINATOR, CLI_REQUESTER,
					       NULL };
	struct lr_msg_pause m = { .on = !strcmp(argv[0], "pause") };
	struct lr_msg_done done;
	struct lr_answer a;
	char *text;
	int code;

	(void)argc;
	if (!m.on && strcmp(argv[0], "resume"))
		return out_say(2, "lanram rebuild takes pause or resume");
	if (!cli_open(c, daemons))
		return 1;
	code = CLI_ASK(c, PAUSE, pause, &m, DONE, &a);
	if (code)
		return code;
	if (lr_dec_done(a.f.meta, a.f.h.meta, &done)) {
		text = out_escape_str(done.text);
		out_say(0, "%s", text);
		free(text);
	}
	lr_answer_done(&a);
	return out_finish(0);
}
