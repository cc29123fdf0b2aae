/* SPDX-License-Identifier: Apache-2.0 */
/* lanram invite: make an invitation, list those that stand, end one. Its
 * secret is made here: the coordinator learns the public half only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "net/invitation.h"

static const char *const daemons[] = {CLI_COORDINATOR, CLI_REQUESTER, NULL};
#define USES_MAX 1000000
#define SHOWN_ID 8 /* letters of a key: enough to tell 256 apart */

static void short_id(const struct lr_dev *key, char *out)
{
	lr_dev_format(key, out);
	out[SHOWN_ID] = '\0';
}

/* --- making one
 * ----------------------------------------------------------------------- */

/* What was typed; 0, or 2 and said. */
static int parse(const struct cli *c, struct lr_msg_invite *m)
{
	char *end;
	unsigned long n = strtoul(c->uses ? c->uses : "1", &end, 10);

	m->roles = cli_parse_roles(c->role ? c->role : "donor,requester");
	if (!m->roles)
		return out_say(2, "--role is donor, requester or admin, or "
				  "several of them with commas");
	if (*end || n < 1 || n > USES_MAX || (c->uses && c->uses[0] == '-'))
		return out_say(2, "--uses is how many machines it lets in: 1 "
				  "to %d",
			       USES_MAX);
	if (!lr_parse_duration(c->expires ? c->expires : "1d", &m->ttl_ms))
		return out_say(2, "--expires takes a time like 10m, 2h or 7d");
	m->uses = (uint32_t)n;
	return 0;
}

/* The word on stdout, what it is good for beside it. */
static int print(const struct lr_msg_invite *m, const struct lr_invitation *i)
{
	char word[LR_INVITATION_TEXT], id[LR_DEV_TEXT + 1], roles[64], span[32];

	puts(lr_invitation_format(i, word));
	short_id(&m->key, id);
	return out_finish(out_say(
		0,
		"invitation %s: for %u machine%s as %s, within %s. There, as "
		"root: lanram join and this word. Who has it gets in: send it "
		"as you would a password",
		id, m->uses, m->uses == 1 ? "" : "s",
		cli_roles_text(m->roles, roles, sizeof roles),
		out_span(m->ttl_ms, span)));
}

static int make(struct cli *c)
{
	struct lr_msg_invite m = {.uid = (uint32_t)geteuid()};
	struct lr_msg_invite_r r;
	struct lr_invitation i = {0};
	struct lr_answer a;
	int code = parse(c, &m);

	if (!code)
		code = cli_open_pool(c, daemons);
	if (code)
		return code;
	lr_invitation_make(&i.pool, &i);
	if (!lr_invitation_key(&i, &m.key))
		return out_say(1, "no key could be made");
	code = CLI_ASK(c, INVITE, invite, &m, INVITE_R, &a);
	if (code)
		return code;
	if (lr_dec_invite_r(a.f.meta, a.f.h.meta, &r)) {
		i.pool = r.pool;
		i.last = (struct lr_pool_key){r.key, r.key_n};
		code = print(&m, &i);
	} else {
		code = out_say(1, "the coordinator answers something else: is "
				  "it of another version?");
	}
	lr_answer_done(&a);
	return code;
}

/* --- those that stand
 * ----------------------------------------------------------------------- */

static json_t *invite_json(const struct lr_rec_invite *i)
{
	char id[LR_DEV_TEXT + 1], roles[64];

	short_id(&i->key, id);
	return out_must(json_pack(
		"{so so so so so so}", "id", out_json_text(id), "roles",
		out_json_text(cli_roles_text(i->roles, roles, sizeof roles)),
		"uses", out_json_u64(i->uses), "used", out_json_u64(i->used),
		"created", out_json_time(i->created_ms), "expires",
		out_json_time(i->expires_ms)));
}

static int print_text(struct lr_reader in)
{
	char id[LR_DEV_TEXT + 1], roles[64], until[32];
	struct lr_rec_invite i;
	struct out_table t;

	if (!in.left)
		return out_say(0, "no invitation stands");
	out_table_init(&t, "ID|ROLES|>USED|>OF|EXPIRES");
	while (in.left && lr_dec_rec_invite(&in, &i)) {
		short_id(&i.key, id);
		out_cellf(&t, "%s", id);
		out_cellf(&t, "%s",
			  cli_roles_text(i.roles, roles, sizeof roles));
		out_cellf(&t, "%u", i.used);
		out_cellf(&t, "%u", i.uses);
		out_cellf(&t, "%s", out_local_time(i.expires_ms, until));
	}
	out_table_print(&t);
	return out_finish(0);
}

static int list(struct cli *c)
{
	struct lr_msg_invites m = {.uid = (uint32_t)geteuid()};
	struct lr_reader in;
	struct lr_answer a;
	int code = cli_open_pool(c, daemons);

	if (!code)
		code = CLI_ASK(c, INVITES, invites, &m, INVITES_R, &a);
	if (code)
		return code;
	in = lr_reader(a.f.bulk, a.f.h.bulk);
	code = c->json ? out_json(CLI_RECORDS(in, invite, invite_json), 0)
		       : print_text(in);
	lr_answer_done(&a);
	return code;
}

static int end(struct cli *c)
{
	struct lr_msg_uninvite m = {.uid = (uint32_t)geteuid(),
				    .ref = lr_str(c->revoke)};
	struct lr_answer a;
	int code;

	if (strlen(c->revoke) < 6 || strlen(c->revoke) > LR_DEV_TEXT)
		return out_say(2, "--revoke takes an ID of `lanram invite "
				  "--list`, 6 characters or more");
	code = cli_open_pool(c, daemons);
	if (code)
		return code;
	code = CLI_ASK(c, UNINVITE, uninvite, &m, DONE, &a);
	return cli_said(&a, code);
}

int cli_invite(struct cli *c, int argc, char **argv)
{
	(void)argc, (void)argv;
	if (c->json && !c->list)
		return out_say(2, "--json goes with --list");
	return c->list ? list(c) : c->revoke ? end(c) : make(c);
}
