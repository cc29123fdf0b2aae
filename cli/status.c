/* SPDX-License-Identifier: Apache-2.0 */
/* status: the pool at a glance; or, when this machine is not in it, why, and
 * what to do. Through the requester; without one, the coordinator or the donor
 * of this machine tell what they know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

/* --- not in the pool
 * ----------------------------------------------------------- */

static int away(const struct cli_here *here)
{
	return out_say(4,
		       "the coordinator of pool \"%s\" (%s) is away. What "
		       "is stored can be read, and more be stored, all the "
		       "same; status, list and names need it. There: sudo "
		       "systemctl start lanram-coordinator",
		       here->pool,
		       here->coordinator[0] ? here->coordinator
					    : "address not known");
}

/* 0: it is READY. */
static int stands(struct cli *c, struct cli_here *here)
{
	int code = cli_stand(c, here);

	if (!code && here->state == LR_HERE_AWAY)
		code = away(here);
	return code;
}

/* Only the donor runs here: it knows how it stands, but not the pool. */
static int donor_only(struct cli *c)
{
	struct cli_here here;
	int code = stands(c, &here);

	if (code)
		return code;
	return out_say(4,
		       "the donor here is in pool \"%s\" through %s. How "
		       "the pool is, the local requester tells; it is not "
		       "running (%s/requester.sock). sudo systemctl start "
		       "lanram-requester",
		       here.pool, here.coordinator, c->cfg.run_dir);
}

/* --- the numbers
 * ------------------------------------------------------------------- */

static const char *health_name(unsigned health)
{
	static const char *const names[] = {"ok", "degraded", "critical"};

	return health < 3 ? names[health] : "unknown";
}

/* Seconds; UINT64_MAX: nobody can tell. */
static uint64_t eta_of(const struct lr_msg_status_r *r)
{
	if (!r->recovery_rate)
		return UINT64_MAX;
	return (r->recovery_left + r->recovery_rate - 1) / r->recovery_rate;
}

static json_t *recovery_json(const struct lr_msg_status_r *r)
{
	uint64_t eta = eta_of(r);

	if (!r->recovery_left)
		return json_null();
	return out_must(json_pack(
		"{so so so}", "bytes_left", out_json_u64(r->recovery_left),
		"bytes_per_s", out_json_u64(r->recovery_rate), "eta_s",
		eta == UINT64_MAX ? json_null() : out_json_u64(eta)));
}

static json_t *reason_json(const struct lr_rec_text *t)
{
	return out_json_str(t->text);
}

static int print_json(const struct lr_msg_status_r *r, struct lr_reader why)
{
	/* clang-format off */
	return out_json(json_pack(
		"{so so so ss so s{so so} so so so so so s{so so so} so"
		" s{sb sb sb} sb}",
		"pool", out_json_str(r->pool_name),
		"pool_id", out_json_dev(&r->pool),
		"epoch", out_json_u64(r->epoch),
		"health", health_name(r->health),
		"reasons", CLI_RECORDS(why, text, reason_json),
		"donors",
		"up", out_json_u64(r->donors_up),
		"known", out_json_u64(r->donors_known),
		"lent_bytes", out_json_u64(r->lent),
		"held_bytes", out_json_u64(r->held),
		"stored_bytes", out_json_u64(r->stored),
		"usable_bytes", out_json_u64(r->usable),
		"objects", out_json_u64(r->objects),
		"slots",
		"full", out_json_u64(r->slots_full),
		"short", out_json_u64(r->slots_short),
		"unavailable", out_json_u64(r->slots_unavailable),
		"recovery", recovery_json(r),
		"survives",
		"any_donor", r->survives_donor,
		"any_machine", r->survives_machine,
		"power_cut", 0,
		"encrypted_links", r->encrypted), 0);
	/* clang-format on */
}

static void print_pool(const struct lr_msg_status_r *r,
		       const struct cli_here *here)
{
	char id[LR_DEV_TEXT + 1], *name = out_escape_str(r->pool_name);
	char *at = out_escape(here->coordinator, strlen(here->coordinator));

	lr_dev_format(&r->pool, id);
	printf("pool       %s (%.10s...), epoch %llu\n", name, id,
	       (unsigned long long)r->epoch);
	printf("reached    through %s\n", at[0] ? at : "this machine");
	free(name);
	free(at);
}

static void print_health(const struct lr_msg_status_r *r, struct lr_reader in)
{
	struct lr_rec_text t;
	char *text;

	printf("health     %s\n", health_name(r->health));
	while (in.left && lr_dec_rec_text(&in, &t)) {
		text = out_escape_str(t.text);
		printf("           %s\n", text);
		free(text);
	}
}

static void print_room(const struct lr_msg_status_r *r)
{
	char stored[24], usable[24], held[24], lent[24], objects[32];

	printf("donors     %u up, %u known\n", r->donors_up, r->donors_known);
	printf("stored     %s of %s usable (at 2 copies), %s object%s%s\n",
	       lr_text_bytes(r->stored, stored),
	       lr_text_bytes(r->usable, usable),
	       lr_text_count(r->objects, objects), r->objects == 1 ? "" : "s",
	       r->complete ? "" : "; still counting");
	printf("held       %s of %s lent (all copies)\n",
	       lr_text_bytes(r->held, held), lr_text_bytes(r->lent, lent));
}

static void print_slots(const struct lr_msg_status_r *r)
{
	char left[24], rate[24], span[32];
	uint64_t eta = eta_of(r);

	printf("slots      %u full, %u short, %u unavailable", r->slots_full,
	       r->slots_short, r->slots_unavailable);
	if (r->slots_lost)
		printf(", %u have lost data", r->slots_lost);
	putchar('\n');
	if (!r->recovery_left)
		return;
	printf("recovery   %s left, %s/s, %s\n",
	       lr_text_bytes(r->recovery_left, left),
	       lr_text_bytes(r->recovery_rate, rate),
	       eta == UINT64_MAX ? "not moving now"
				 : out_span(eta * 1000, span));
}

static int print_text(const struct lr_msg_status_r *r, struct lr_reader why,
		      const struct cli_here *here)
{
	print_pool(r, here);
	print_health(r, why);
	print_room(r);
	print_slots(r);
	printf("survives   the loss of any donor: %s, of any machine: %s, a "
	       "power cut: no\n",
	       r->survives_donor ? "yes" : "no",
	       r->survives_machine ? "yes" : "no");
	printf("links      %s\n",
	       r->encrypted ? "encrypted" : "in clear, authenticated");
	return out_finish(0);
}

static int show(struct cli *c, const struct cli_here *here)
{
	struct lr_msg_status m = {.uid = (uint32_t)geteuid()};
	struct lr_msg_status_r r;
	struct lr_reader why;
	struct lr_answer a;
	int code = CLI_ASK(c, STATUS, status, &m, STATUS_R, &a);

	if (code)
		return code;
	why = lr_reader(a.f.bulk, a.f.h.bulk);
	if (!lr_dec_status_r(a.f.meta, a.f.h.meta, &r))
		code = out_say(1, "the coordinator's status cannot be read: is "
				  "it of another version?");
	else
		code = c->json ? print_json(&r, why)
			       : print_text(&r, why, here);
	lr_answer_done(&a);
	return code;
}

int cli_status(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = {CLI_REQUESTER, CLI_COORDINATOR,
					      CLI_DONOR, NULL};
	struct cli_here here = {.state = LR_HERE_READY};
	int code = 0;

	(void)argc, (void)argv;
	if (!cli_open(c, daemons))
		return 1;
	if (!strcmp(c->socket, CLI_DONOR))
		return donor_only(c);
	if (strcmp(c->socket, CLI_COORDINATOR))
		code = stands(c, &here);
	return code ? code : show(c, &here);
}
