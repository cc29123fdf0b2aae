/* SPDX-License-Identifier: Apache-2.0 */
/* lanramd: one binary, one role a process. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base.h"
#include "daemon/log.h"
#include "net/identity.h"

static const struct role {
	const char *name;
	int (*run)(const struct lr_config *cfg);
	const char *what;
} roles[] = {
	{ "coordinator", lr_run_coordinator, "keep the pool together" },
	{ "donor", lr_run_donor, "lend this machine's RAM" },
	{ "requester", lr_run_requester, "serve programs on this machine" },
};
#define N_ROLES (sizeof roles / sizeof *roles)

static void usage(FILE *out)
{
	fputs("Usage: lanramd ROLE [--config FILE]\n\nRoles:\n", out);
	for (size_t i = 0; i < N_ROLES; i++)
		fprintf(out, "  %-12s %s\n", roles[i].name, roles[i].what);
	fputs("\nOptions:\n"
	      "  --config FILE   read FILE instead of " LR_CONFIG_DEFAULT "\n"
	      "  --print-config  print the commented configuration and exit\n"
	      "  --help, --version\n"
	      "\nIt stays in the foreground and logs to stderr.\n",
	      out);
}

static const struct role *find_role(const char *name)
{
	for (size_t i = 0; i < N_ROLES; i++)
		if (!strcmp(roles[i].name, name))
			return &roles[i];
	return NULL;
}

static int run(const struct role *role, const char *path)
{
	static struct lr_config cfg;
	char why[512];
	int code;

	if (!lr_config_read(&cfg, path, why, sizeof why)) {
		fprintf(stderr, "lanramd: %s\n", why);
		return 2;
	}
	if (!lr_log_start(cfg.log_level)) {
		fprintf(stderr, "lanramd: log_level must be error, warning, "
				"info or debug\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!lr_identity_lock_memory())
		lr_warn("keys are not in locked memory: raise the limit of "
			"locked memory (ulimit -l)");
	do
		code = role->run(&cfg);
	while (code == LR_RUN_AGAIN);
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "print-config", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const struct role *role;
	const char *path = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 'p':
			lr_config_print(stdout);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("lanramd " PACKAGE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	role = optind == argc - 1 ? find_role(argv[optind]) : NULL;
	if (!role) {
		usage(stderr);
		return 2;
	}
	return run(role, path);
}
