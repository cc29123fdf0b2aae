/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static bool is_spec(const char *s)
{
	uint64_t n;

	if (!strcmp(s, "auto") || !strcmp(s, "off"))
		return true;
	return strlen(s) < 64 && lr_parse_size(s, 100, &n) &&
	       (!strchr(s, '%') || n <= 100);
}

static int print_json(const struct lr_msg_lend_r *r)
{
	return out_json(json_pack("{so so so so}", "lend",
				  out_json_str(r->spec), "lent_bytes",
				  out_json_u64(r->lent), "held_bytes",
				  out_json_u64(r->used), "host_available_bytes",
				  out_json_u64(r->host_available)),
			0);
}

static int print_text(const struct lr_msg_lend_r *r)
{
	char lent[24], used[24], left[24], *spec = out_escape_str(r->spec);

	printf("lends %s (%s), %s of it in use; %s of RAM available on this "
	       "machine\n",
	       lr_text_bytes(r->lent, lent), spec, lr_text_bytes(r->used, used),
	       lr_text_bytes(r->host_available, left));
	free(spec);
	return out_finish(0);
}

static int answer(const struct cli *c, const struct lr_answer *a, bool changed)
{
	struct lr_msg_lend_r r;
	int code;

	if (!lr_dec_lend_r(a->f.meta, a->f.h.meta, &r))
		return out_say(1, "the donor's answer cannot be read: is it of "
				  "another version?");
	code = lr_err_exit(lr_err_from_wire(r.err));
	if (code)
		return out_say(code, "%.*s", (int)r.text.n, r.text.p);
	code = c->json ? print_json(&r) : print_text(&r);
	if (!code && changed)
		out_say(0,
			"until the donor restarts. For good: lend = "
			"\"%.*s\"; in donor_role of the configuration",
			(int)r.spec.n, r.spec.p);
	return code;
}

int cli_lend(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = {CLI_DONOR, NULL};
	struct lr_msg_lend m = {
		.spec = lr_str(argc ? argv[0] : ""),
		.at_once = c->now,
	};
	struct lr_answer a;
	int code;

	if (argc && !is_spec(argv[0]))
		return out_say(2, "lend takes a size (8GiB), a share of the "
				  "RAM (25%%), auto, or off");
	if (c->now && !argc)
		return out_say(2, "lend --now takes how much may stay");
	if (!cli_open(c, daemons))
		return 1;
	code = CLI_ASK(c, LEND, lend, &m, LEND_R, &a);
	if (code)
		return code;
	code = answer(c, &a, argc);
	lr_answer_done(&a);
	return code;
}
