/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static const char *const roles[] = {CLI_COORDINATOR, CLI_DONOR, CLI_REQUESTER};
#define N_ROLES (sizeof roles / sizeof *roles)

static int print(struct cli *c, const char *role)
{
	const char *const only[] = {role, NULL};
	struct lr_msg_metrics m = {.part = 1};
	struct lr_msg_metrics_r r = {0};
	struct lr_answer a;
	int code;

	if (!cli_open(c, only))
		return 1;
	do {
		code = CLI_ASK(c, METRICS, metrics, &m, METRICS_R, &a);
		if (code)
			break;
		if (!lr_dec_metrics_r(a.f.meta, a.f.h.meta, &r))
			r.parts = 0;
		fwrite(a.f.bulk, 1, a.f.h.bulk, stdout);
		lr_answer_done(&a);
	} while (m.part++ < r.parts);
	lanram_close(c->pool);
	c->pool = NULL;
	return code;
}

/* Each role's names are its own: together they are one text, too. */
static int print_all(struct cli *c)
{
	size_t served = 0;
	int code = 0;

	for (size_t i = 0; i < N_ROLES && !code; i++) {
		if (!cli_is_served(c, roles[i]))
			continue;
		served++;
		code = print(c, roles[i]);
	}
	return served ? code : print(c, CLI_REQUESTER); /* which is not there */
}

int cli_metrics(struct cli *c, int argc, char **argv)
{
	if (!argc)
		return out_finish(print_all(c));
	for (size_t i = 0; i < N_ROLES; i++)
		if (!strcmp(argv[0], roles[i]))
			return out_finish(print(c, roles[i]));
	return out_say(2, "metrics are the coordinator's, the donor's, or the "
			  "requester's");
}
