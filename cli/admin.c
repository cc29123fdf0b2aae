/* SPDX-License-Identifier: Apache-2.0 */
/* What admins do: through the coordinator's own socket where it is, else
 * through the requester, whose device then needs the admin role. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static const char *const daemons[] = {CLI_COORDINATOR, CLI_REQUESTER, NULL};

static const struct {
	const char *name;
	uint8_t role;
} roles[] = {
	{"donor", LR_ROLE_DONOR},
	{"requester", LR_ROLE_REQUESTER},
	{"admin", LR_ROLE_ADMIN},
};
#define N_ROLES (sizeof roles / sizeof *roles)

/* --- pending
 * ------------------------------------------------------------------- */

const char *cli_roles_text(uint8_t set, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_ROLES && at < cap; i++)
		if (set & roles[i].role)
			at += (size_t)snprintf(out + at, cap - at, "%s%s",
					       at ? "," : "", roles[i].name);
	return out;
}

static json_t *roles_json(uint8_t set)
{
	json_t *j = out_must(json_array());

	for (size_t i = 0; i < N_ROLES; i++)
		if (set & roles[i].role)
			json_array_append_new(j, out_json_text(roles[i].name));
	return j;
}

static json_t *pending_json(const struct lr_rec_pending *p)
{
	return out_must(json_pack(
		"{so so so so so so}", "code", out_json_str(p->code), "id",
		out_json_dev(&p->dev), "name", out_json_str(p->name), "address",
		out_json_str(p->address), "roles", roles_json(p->roles),
		"since", out_json_time(p->since_ms)));
}

static void add_row(struct out_table *t, const struct lr_rec_pending *p)
{
	char text[64], since[32];

	out_cell(t, out_escape_str(p->code));
	out_cell(t, out_escape_str(p->name));
	out_cellf(t, "%s", cli_roles_text(p->roles, text, sizeof text));
	out_cell(t, out_escape_str(p->address));
	out_cellf(t, "%s", out_local_time(p->since_ms, since));
}

static int print_text(struct lr_reader in)
{
	struct out_table t;
	struct lr_rec_pending p;

	if (!in.left)
		return out_say(0, "nobody asks to be let in");
	out_table_init(&t, "CODE|NAME|ROLES|ADDRESS|SINCE");
	while (in.left && lr_dec_rec_pending(&in, &p))
		add_row(&t, &p);
	out_table_print(&t);
	return out_finish(0);
}

int cli_pending(struct cli *c, int argc, char **argv)
{
	struct lr_msg_pending m = {.uid = (uint32_t)geteuid()};
	struct lr_reader in;
	struct lr_answer a;
	int code;

	(void)argc, (void)argv;
	code = cli_open_pool(c, daemons);
	if (code)
		return code;
	code = CLI_ASK(c, PENDING, pending, &m, PENDING_R, &a);
	if (code)
		return code;
	in = lr_reader(a.f.bulk, a.f.h.bulk);
	code = c->json ? out_json(CLI_RECORDS(in, pending, pending_json), 0)
		       : print_text(in);
	lr_answer_done(&a);
	return code;
}

/* --- words to the coordinator
 * ----------------------------------------------------- */

/* What was done, in the coordinator's words. */
int cli_said(struct lr_answer *a, int code)
{
	struct lr_msg_done m;

	if (!code && lr_dec_done(a->f.meta, a->f.h.meta, &m) && m.text.n)
		out_say(0, "%.*s", (int)m.text.n, m.text.p);
	lr_answer_done(a);
	return code;
}

/* "donor,requester"; 0: not that. An admin elsewhere works through its
 * requester. */
uint8_t cli_parse_roles(const char *text)
{
	uint8_t set = 0;
	size_t n, i;

	for (;; text += n + 1) {
		n = strcspn(text, ",");
		for (i = 0; i < N_ROLES; i++)
			if (strlen(roles[i].name) == n &&
			    !strncmp(roles[i].name, text, n))
				break;
		if (i == N_ROLES)
			return 0;
		set |= roles[i].role;
		if (!text[n])
			break;
	}
	return set & LR_ROLE_ADMIN ? set | LR_ROLE_REQUESTER : set;
}

static int check_machine(const char *ref, const char *what)
{
	if (ref[0] && strlen(ref) < 128)
		return 0;
	return out_say(2, "%s is needed", what);
}

int cli_admit(struct cli *c, int argc, char **argv)
{
	struct lr_msg_admit m = {.uid = (uint32_t)geteuid(),
				 .ref = lr_str(argv[0])};
	struct lr_answer a;
	int code = check_machine(argv[0], "a code or a device (`lanram "
					  "pending` shows them)");

	(void)argc;
	if (code)
		return code;
	m.roles = c->role ? cli_parse_roles(c->role) : 0;
	if (c->role && !m.roles)
		return out_say(2, "--role is donor, requester or admin, or "
				  "several of them with commas");
	code = cli_open_pool(c, daemons);
	if (code)
		return code;
	code = CLI_ASK(c, ADMIT, admit, &m, DONE, &a);
	return cli_said(&a, code);
}

/* REFUSE, FORGET and REVOKE have the same fields. */
static int ask_about(struct cli *c, unsigned type, const char *ref,
		     const char *what)
{
	struct lr_msg_forget m = {.uid = (uint32_t)geteuid(),
				  .ref = lr_str(ref)};
	uint8_t meta[LR_META_MAX];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_answer a;
	int code = check_machine(ref, what);

	if (!code)
		code = cli_open_pool(c, daemons);
	if (code)
		return code;
	lr_enc_forget(&w, &m);
	code = cli_ask(c, type, &w, LR_M_DONE, &a);
	return cli_said(&a, code);
}

int cli_refuse(struct cli *c, int argc, char **argv)
{
	(void)argc;
	return ask_about(c, LR_M_REFUSE, argv[0],
			 "a code or a device (`lanram pending` shows them)");
}

int cli_forget(struct cli *c, int argc, char **argv)
{
	(void)argc;
	return ask_about(c, LR_M_FORGET, argv[0],
			 "a donor (`lanram donors` shows them)");
}

int cli_revoke(struct cli *c, int argc, char **argv)
{
	(void)argc;
	return ask_about(c, LR_M_REVOKE, argv[0], "a device's name or ID");
}
