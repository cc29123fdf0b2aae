/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/output.h"

/* All are tried; the highest exit code wins. */
int cli_remove(struct cli *c, int argc, char **argv)
{
	enum lanram_err err;
	unsigned tries;
	int code, worst = 0;

	for (int i = 0; i < argc; i++) {
		code = cli_check_ref(argv[i]);
		if (code)
			return code; /* nothing was removed */
	}
	code = cli_open_data(c);
	if (code)
		return code;
	for (int i = 0; i < argc; i++) {
		tries = 0;
		do
			err = lanram_remove(c->pool, argv[i]);
		while (cli_try_again(argv[i], err, &tries));
		code = err ? cli_failed(c, err) : 0;
		if (code > worst)
			worst = code;
	}
	return worst;
}
