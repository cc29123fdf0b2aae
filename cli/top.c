/* SPDX-License-Identifier: Apache-2.0 */
/* lanram top: the options; all else is in tui/. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "tui/top.h"

/* False: not a number from `least` to `most`. */
static bool number(const char *text, double least, double most, double *ret)
{
	char *end;
	double v;

	if (!text)
		return true;
	v = strtod(text, &end);
	if (end == text || *end || !(v >= least && v <= most))
		return false;
	*ret = v;
	return true;
}

static bool take(const struct cli *c, struct tui_options *o)
{
	double count = 0, seed = 1, donors = 0, objects = 0;

	if (!number(c->count, 1, 1e9, &count) ||
	    !number(c->delay, 0.1, 86400, &o->delay_s) ||
	    !number(c->seed, 0, 1e15, &seed) ||
	    !number(c->donors, 1, 200, &donors) ||
	    !number(c->objects, 0, 1e7, &objects) ||
	    !number(c->at, 0, 86400, &o->at_s))
		return false;
	o->count = (unsigned)count;
	o->seed = (uint64_t)seed;
	o->donors = (unsigned)donors;
	o->objects = (unsigned)objects;
	return true;
}

int cli_top(struct cli *c, int argc, char **argv)
{
	static char program[4096];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
	struct tui_options o = { .once = c->once,
				 .json = c->json,
				 .readonly = c->readonly,
				 .no_mouse = c->no_mouse,
				 .simulate = c->simulate,
				 .still = c->at != NULL,
				 .program = n > 0 ? program : NULL,
				 .config = c->config,
				 .commands = c->commands };

	(void)argc, (void)argv;
	if (!take(c, &o))
		return out_say(2, "-n takes a count, -d seconds from 0.1, "
			       "--seed a number, --donors 1 to 200, "
			       "--objects up to 10000000, --at seconds. lanram top --help");
	return tui_top(&c->cfg, &o);
}
