/* SPDX-License-Identifier: Apache-2.0 */
/* How the local daemon stands with the pool, and what is said when it does not:
 *
 *   SEARCHING   waited for, LISTEN_MS; then: no pool, exit 4
 *   PENDING     not admitted yet, with the code, exit 6
 *   REFUSED, WRONG_POOL   why, and what to do, exit 6
 *   READY, AWAY the command goes on: without a coordinator data can be had */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"

#define LISTEN_MS 3000u
#define POLL_MS	  100u

int cli_here(struct cli *c, struct cli_here *ret)
{
	struct lr_msg_here m = {0};
	struct lr_msg_here_r r;
	struct lr_answer a;
	int code = CLI_ASK(c, HERE, here, &m, HERE_R, &a);

	if (code)
		return code;
	if (lr_dec_here_r(a.f.meta, a.f.h.meta, &r)) {
		ret->state = r.state;
		lr_str_copy(r.name, ret->name, sizeof ret->name);
		lr_str_copy(r.pool_name, ret->pool, sizeof ret->pool);
		lr_str_copy(r.coordinator, ret->coordinator,
			    sizeof ret->coordinator);
		lr_str_copy(r.code, ret->code, sizeof ret->code);
		lr_str_copy(r.text, ret->text, sizeof ret->text);
		ret->interfaces[0] = ret->host[0] = '\0';
		if (r.state == LR_HERE_SEARCHING)
			lr_str_copy(r.detail, ret->interfaces,
				    sizeof ret->interfaces);
		else
			lr_str_copy(r.detail, ret->host, sizeof ret->host);
	} else {
		code = out_say(1,
			       "the %s daemon answers something else: is it "
			       "of another version?",
			       c->socket);
	}
	lr_answer_done(&a);
	return code;
}

static int not_admitted(const struct cli_here *here)
{
	const char *host = here->host[0] ? here->host : here->coordinator;
	const char *colon = strrchr(host, ':');
	int n = (int)(colon ? (size_t)(colon - host) : strlen(host));

	return out_say(6,
		       "not admitted yet: pool \"%s\" on %.*s has this "
		       "machine's request, code %s%s%s%s. On %.*s: lanram "
		       "admit %s",
		       here->pool, n, host, here->code,
		       here->text[0] ? " (" : "", here->text,
		       here->text[0] ? ")" : "", n, host, here->code);
}

static int not_in_pool(const struct cli *c, const struct cli_here *here)
{
	switch (here->state) {
	case LR_HERE_PENDING:
		return not_admitted(here);
	case LR_HERE_REFUSED:
		return out_say(6,
			       "not admitted: an admin of pool \"%s\" on %s "
			       "refused this machine%s%s. Ask them; it asks "
			       "again by itself",
			       here->pool, here->coordinator,
			       here->text[0] ? ": " : "", here->text);
	case LR_HERE_VERSION:
		return out_say(4,
			       "the coordinator of pool \"%s\" on %s answers: "
			       "%s",
			       here->pool, here->coordinator, here->text);
	case LR_HERE_WRONG_POOL:
		if (here->text[0])
			return out_say(6, "%s", here->text);
		return out_say(6,
			       "another pool calls itself \"%s\" here: its "
			       "key is not the one this machine knows, so it "
			       "gets no data. If the pool was made anew: rm "
			       "%s/pool.%s and restart the lanram daemons",
			       here->pool, c->cfg.state_dir, here->pool);
	default:
		return 0;
	}
}

static int nothing_found(const struct cli *c, const struct cli_here *here)
{
	if (c->cfg.coordinator[0])
		return out_say(4,
			       "the coordinator at %s does not answer (%u s "
			       "waited). Is it running there (sudo systemctl "
			       "start lanram-coordinator), and is that address "
			       "right in the configuration?",
			       c->cfg.coordinator, LISTEN_MS / 1000);
	if (!c->cfg.discovery)
		return out_say(4,
			       "no pool: discovery is off, and no "
			       "coordinator is named in the configuration. Set "
			       "coordinator = \"host:7450\"; or discovery = "
			       "true;");
	return out_say(4,
		       "no pool on this LAN (listened %u s on %s). Start "
		       "one: sudo systemctl enable --now lanram-coordinator. "
		       "There is one? lanram doctor",
		       LISTEN_MS / 1000,
		       here->interfaces[0] ? here->interfaces : "no interface");
}

/* A pool may take a moment to be found. */
static int settle(struct cli *c, struct cli_here *here)
{
	int code = cli_here(c, here);

	for (unsigned ms = 0;
	     !code && here->state == LR_HERE_SEARCHING && ms < LISTEN_MS;
	     ms += POLL_MS) {
		usleep(POLL_MS * 1000);
		code = cli_here(c, here);
	}
	return code;
}

int cli_stand(struct cli *c, struct cli_here *ret)
{
	int code = settle(c, ret);

	if (!code)
		code = not_in_pool(c, ret);
	if (!code && ret->state == LR_HERE_SEARCHING)
		code = nothing_found(c, ret);
	return code;
}

int cli_open_pool(struct cli *c, const char *const *daemons)
{
	struct cli_here here;

	if (!cli_open(c, daemons))
		return 1;
	return strcmp(c->socket, CLI_COORDINATOR) ? cli_stand(c, &here) : 0;
}

/* A member whose coordinator went, and whose name another pool took, still has
 * its data: the donors know it by its key. */
int cli_open_data(struct cli *c)
{
	static const char *const daemons[] = {CLI_REQUESTER, NULL};
	struct cli_here here;
	int code = cli_open(c, daemons) ? settle(c, &here) : 1;

	if (!code && here.state == LR_HERE_SEARCHING)
		code = nothing_found(c, &here);
	if (!code && here.state != LR_HERE_WRONG_POOL)
		code = not_in_pool(c, &here);
	return code;
}
