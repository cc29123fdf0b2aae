/* SPDX-License-Identifier: Apache-2.0 */
/* The command: one table of subcommands, from which come the help texts and
 * the checks of what was typed. */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

#define MAX_OPTS 14

/* clang-format off */
#define AT(field) offsetof(struct cli, field)
#define COMMON \
	{ "config", 'c', "FILE", "read FILE instead of " LR_CONFIG_DEFAULT, AT(config) }, \
	{ "help", 'h', NULL, "show this", AT(help) }, \
	{ 0 }
#define JSON { "json", 0, NULL, "print JSON: raw numbers, bytes, microseconds", AT(json) }

static const struct cli_opt plain_opts[] = { COMMON };
static const struct cli_opt json_opts[] = { JSON, COMMON };
static const struct cli_opt store_opts[] = {
	{ "name", 'n', "NAME", "1 to 255 bytes, not unique; default: the file's base name", AT(name) },
	{ "copies", 0, "1|2|3", "on so many donors; default: 2", AT(copies) },
	{ "public", 0, NULL, "everybody's `lanram list` shows it", AT(is_public) },
	{ "ttl", 0, "DURATION", "remove it after 90s, 10m, 2h, 1d; default: never", AT(ttl) },
	{ "quiet", 'q', NULL, "print nothing but the ID", AT(quiet) },
	COMMON
};
static const struct cli_opt retrieve_opts[] = {
	{ "output", 'o', "FILE", "into FILE, whole or not at all", AT(output) },
	COMMON
};
static const struct cli_opt list_opts[] = {
	{ "long", 'l', NULL, "tell owners, expiry and donors, too", AT(is_long) },
	{ "all", 'a', NULL, "everybody's (admins)", AT(all) },
	JSON, COMMON
};
static const struct cli_opt admit_opts[] = {
	{ "role", 0, "ROLE,...", "donor, requester, admin; default: what it asks for", AT(role) },
	COMMON
};
static const struct cli_opt invite_opts[] = {
	{ "role", 0, "ROLE,...", "donor, requester, admin; default: donor,requester", AT(role) },
	{ "uses", 0, "N", "for so many machines; default: 1", AT(uses) },
	{ "expires", 0, "DURATION", "good for 90s, 10m, 2h, 1d; default: 1d", AT(expires) },
	{ "list", 0, NULL, "show those that stand", AT(list) },
	{ "revoke", 0, "ID", "end one", AT(revoke) },
	JSON, COMMON
};
static const struct cli_opt join_opts[] = {
	{ "file", 0, "FILE", "whose first line is the invitation", AT(file) },
	COMMON
};
static const struct cli_opt lend_opts[] = {
	{ "now", 0, NULL, "do not wait for copies elsewhere where others have one", AT(now) },
	JSON, COMMON
};
static const struct cli_opt drain_opts[] = {
	{ "undo", 0, NULL, "use it again", AT(undo) },
	{ "no-wait", 0, NULL, "do not wait until all has moved", AT(no_wait) },
	COMMON
};

static const struct cli_opt events_opts[] = {
	{ "follow", 'f', NULL, "go on, until interrupted", AT(follow) },
	{ "kind", 0, "KIND", "only these: joined, left, down, lost, ...", AT(kind) },
	JSON, COMMON
};
static const struct cli_opt top_opts[] = {
	{ "once", 0, NULL, "print the first screen (so it is without a terminal)", AT(once) },
	{ "count", 'n', "N", "so many times, then end", AT(count) },
	{ "delay", 'd', "SECONDS", "between them; default: 2", AT(delay) },
	{ "readonly", 0, NULL, "without the keys that change something", AT(readonly) },
	{ "no-mouse", 0, NULL, "leave the mouse to the terminal", AT(no_mouse) },
	{ "simulate", 0, NULL, "show a pool that is not there", AT(simulate) },
	{ "seed", 0, "N", "of the simulated pool; default: 1", AT(seed) },
	{ "donors", 0, "N", "of the simulated pool; default: 5", AT(donors) },
	{ "objects", 0, "N", "of the simulated pool; default: 420", AT(objects) },
	{ "at", 0, "SECONDS", "into its story, standing still: f lets it go on", AT(at) },
	JSON, COMMON
};

static const struct cli_opt rebalance_opts[] = {
	{ "simulate", 0, NULL, "only show it: copies move by themselves", AT(simulate) },
	JSON, COMMON
};

static const struct cli_opt bench_opts[] = {
	{ "count", 'n', "N", "strings to store; default: 500", AT(count) },
	{ "size", 0, "SIZE", "of a string; default: 2KiB", AT(size) },
	{ "large", 0, "SIZE", "of one large object, 0 for none; default: 64MiB", AT(large) },
	{ "copies", 0, "1|2|3", "on so many donors; default: 2", AT(copies) },
	{ "disk", 0, "PATH", "a folder, file or block device; default: every disk", AT(disk) },
	{ "svg", 0, "FILE", "the bars as a picture", AT(svg) },
	JSON, COMMON
};

static const struct cli_opt name_opts[] = {
	{ "if", 0, "TAG", "only if that is the current tag", AT(if_tag) },
	{ "if-absent", 0, NULL, "only if it is not there", AT(if_absent) },
	JSON, COMMON
};

static const struct cli_cmd commands[] = {
	{ "store", "[FILE|-]", "store a file or the standard input, print its ID", 0, 1, store_opts, cli_store },
	{ "retrieve", "REF", "get it back, to the standard output or a file", 1, 1, retrieve_opts, cli_retrieve },
	{ "list", "[PATTERN]", "what is stored, by name or prefix of an ID", 0, 1, list_opts, cli_list },
	{ "stat", "REF", "all about one object", 1, 1, json_opts, cli_stat },
	{ "remove", "REF...", "remove objects", 1, -1, plain_opts, cli_remove },
	{ "register", "read NAME | write NAME [VALUE|-] | remove NAME", "a value that anybody writes", 2, 3, json_opts, cli_register },
	{ "name", "get NAME | set NAME VALUE | remove NAME", "a small value, compared and set", 2, 3, name_opts, cli_name },
	{ "status", "", "the pool at a glance, or why this machine is not in it", 0, 0, json_opts, cli_status },
	{ "donors", "", "the machines that lend RAM", 0, 0, json_opts, cli_donors },
	{ "ping", "[DONOR]", "how fast daemon, coordinator and donors answer", 0, 1, json_opts, cli_ping },
	{ "metrics", "[coordinator|donor|requester]", "what the daemons here count, as Prometheus text", 0, 1, plain_opts, cli_metrics },
	{ "doctor", "", "what is wrong here, and the command that mends it", 0, 0, json_opts, cli_doctor },
	{ "pending", "", "machines that ask to be let in", 0, 0, json_opts, cli_pending },
	{ "admit", "CODE|DEVICE", "let a machine in", 1, 1, admit_opts, cli_admit },
	{ "refuse", "CODE|DEVICE", "do not let it in", 1, 1, plain_opts, cli_refuse },
	{ "invite", "", "let machines in by a word that you give them", 0, 0, invite_opts, cli_invite },
	{ "join", "[INVITATION]", "join the pool that this machine is invited to", 0, 1, join_opts, cli_join },
	{ "pool", "export FILE | import FILE | confirm | rotate-key", "the pool's backup, going on from an old one; a new key", 1, 2, plain_opts, cli_pool },
	{ "lend", "[SIZE|SHARE|auto|off]", "how much RAM this machine lends; change it", 0, 1, lend_opts, cli_lend },
	{ "drain", "DONOR", "move everything off a donor", 1, 1, drain_opts, cli_drain },
	{ "revoke", "DEVICE", "an admitted device is out, at once and for good", 1, 1, plain_opts, cli_revoke },
	{ "forget", "DONOR", "a donor's RAM is gone for good", 1, 1, plain_opts, cli_forget },
	{ "rotate-key", "", "give this machine a new key; it stays what it is in the pool", 0, 0, plain_opts, cli_rotate_key },
	{ "rebuild", "pause|resume", "copy nothing for now, or go on", 1, 1, plain_opts, cli_rebuild },
	{ "rebalance", "--simulate", "what would move, if copies were placed now", 0, 0, rebalance_opts, cli_rebalance },
	{ "events", "", "what happened to the pool", 0, 0, events_opts, cli_events },
	{ "top", "", "the pool at a glance, live", 0, 0, top_opts, cli_top },
	{ "bench", "", "this pool beside this machine's RAM and disks", 0, 0, bench_opts, cli_bench },
};
/* clang-format on */
#define N_COMMANDS (sizeof commands / sizeof *commands)

/* --- help
 * ---------------------------------------------------------------------- */

static void usage(FILE *out)
{
	fputs("Usage: lanram COMMAND [OPTION...] [ARGUMENT...]\n\n"
	      "Store data in the idle RAM of a LAN, and get it back.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct cli_cmd *m = &commands[i];
		int pad = 31 - (int)(strlen(m->name) + strlen(m->args));

		fprintf(out, "  %s %s%*s%s\n", m->name, m->args,
			pad > 1 ? pad : 1, "", m->help);
	}
	fputs("\nOptions:\n"
	      "  -c, --config FILE  read FILE instead of " LR_CONFIG_DEFAULT
	      "\n"
	      "  -h, --help         show this, or after a command its options\n"
	      "  -V, --version      show the version\n"
	      "\nREF is an ID, a prefix of it (6 characters or more), or a "
	      "name.\n",
	      out);
}

static void print_option(const struct cli_opt *o)
{
	char left[64], letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name,
		 o->arg ? " " : "", o->arg ? o->arg : "");
	printf("  %-26s %s\n", left, o->help);
}

static int help_of(const struct cli_cmd *m)
{
	printf("Usage: lanram %s [OPTION...]%s%s\n\n%s\n\nOptions:\n", m->name,
	       m->args[0] ? " " : "", m->args, m->help);
	for (const struct cli_opt *o = m->opts; o->name; o++)
		print_option(o);
	return out_finish(0);
}

/* The table for the shell's completion, which knows no command itself: the
 * options below a command are its own, those ahead of all the program's. */
static int print_table(void)
{
	puts("option --config -c FILE\noption --help -h\n"
	     "option --version -V");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct cli_cmd *m = &commands[i];

		printf("command %s %s\n", m->name, m->args);
		for (const struct cli_opt *o = m->opts; o->name; o++)
			printf("option --%s -%.1s %s\n", o->name, &o->letter,
			       o->arg ? o->arg : "");
	}
	return out_finish(0);
}

/* --- what was typed
 * --------------------------------------------------------------- */

/* Letters to add, drop or change to come from a to b. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b);

	if (n >= 31)
		return 99;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i]; i++) {
		size_t corner = row[0]++;

		for (size_t k = 1; k <= n; k++) {
			size_t best = corner + (a[i] != b[k - 1]);

			corner = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[n];
}

static int unknown_command(const char *name)
{
	const struct cli_cmd *best = NULL;
	size_t least = 4, d;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		d = strlen(name) < 3 || strncmp(commands[i].name, name,
						strlen(name))
			    ? distance(name, commands[i].name)
			    : 0;
		if (d < least && d < strlen(name)) {
			least = d;
			best = &commands[i];
		}
	}
	if (best)
		return out_say(2,
			       "lanram: no command \"%s\". Did you mean "
			       "\"%s\"? `lanram --help` shows all",
			       name, best->name);
	return out_say(2,
		       "lanram: no command \"%s\". `lanram --help` shows "
		       "all",
		       name);
}

static const struct cli_cmd *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static size_t make_getopt(const struct cli_opt *opts, struct option *longs,
			  char *shorts)
{
	size_t n = 0;

	for (; opts[n].name && n < MAX_OPTS; n++) {
		longs[n] = (struct option){opts[n].name,
					   opts[n].arg ? required_argument
						       : no_argument,
					   NULL, (int)(256 + n)};
		if (!opts[n].letter)
			continue;
		*shorts++ = opts[n].letter;
		if (opts[n].arg)
			*shorts++ = ':';
	}
	longs[n] = (struct option){0};
	*shorts = '\0';
	return n;
}

static void take_option(struct cli *c, const struct cli_opt *o)
{
	char *at = (char *)c + o->at;

	if (o->arg)
		*(const char **)(void *)at = optarg;
	else
		*(bool *)(void *)at = true;
}

/* False: getopt has told what is wrong. */
static bool take_options(struct cli *c, const struct cli_opt *opts, int argc,
			 char **argv)
{
	struct option longs[MAX_OPTS + 1];
	char shorts[2 * MAX_OPTS + 1];
	size_t n = make_getopt(opts, longs, shorts), i;
	int got;

	optind = 0;
	while ((got = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (got == '?')
			return false;
		for (i = 0; i < n; i++)
			if (got == (int)(256 + i) || got == opts[i].letter)
				break;
		take_option(c, &opts[i]);
	}
	return true;
}

static bool count_is_right(const struct cli_cmd *m, int n)
{
	return n >= m->min_args && (m->max_args < 0 || n <= m->max_args);
}

static const char *const *command_names(void)
{
	static const char *names[N_COMMANDS + 1];

	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].name;
	return names;
}

/* argv[0] is the command's name, what follows its own. */
static int run_command(struct cli *c, int argc, char **argv)
{
	static char prompt[64];
	char why[512];
	int n, code;

	snprintf(prompt, sizeof prompt, "lanram %s", c->cmd->name);
	argv[0] = prompt; /* getopt's messages begin so */
	if (!take_options(c, c->cmd->opts, argc, argv))
		return out_say(2, "Try `lanram %s --help`", c->cmd->name);
	if (c->help)
		return help_of(c->cmd);
	n = argc - optind;
	if (!count_is_right(c->cmd, n))
		return out_say(2,
			       "Usage: lanram %s [OPTION...]%s%s. More: "
			       "`lanram %s --help`",
			       c->cmd->name, c->cmd->args[0] ? " " : "",
			       c->cmd->args, c->cmd->name);
	if (!lr_config_read(&c->cfg, c->config, why, sizeof why))
		return out_say(2, "lanram: %s", why);
	c->commands = command_names();
	code = c->cmd->run(c, n, argv + optind);
	lanram_close(c->pool);
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{"completion", no_argument, NULL, 'C'}, /* for the shell */
		{0},
	};
	struct cli c = {0};
	int opt;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	while ((opt = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			c.config = optarg;
			break;
		case 'h':
			usage(stdout);
			return out_finish(0);
		case 'V':
			puts("lanram " PACKAGE_VERSION);
			return out_finish(0);
		case 'C':
			return print_table();
		default:
			return out_say(2, "Try `lanram --help`");
		}
	}
	if (optind == argc) {
		usage(stderr);
		return 2;
	}
	c.cmd = find_command(argv[optind]);
	if (!c.cmd)
		return unknown_command(argv[optind]);
	return run_command(&c, argc - optind, argv + optind);
}
