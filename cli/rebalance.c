/* SPDX-License-Identifier: Apache-2.0 */
/* lanram rebalance --simulate: what would move if all copies were placed now.
 * Moves are made by themselves; this only shows them. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "client/client.h"

static json_t *move_json(const struct lr_rec_move *m)
{
	return out_must(json_pack(
		"{so so so so so so so}", "id", out_json_dev(&m->dev), "name",
		out_json_str(m->name), "slots", out_json_u64(m->slots),
		"gets_slots", out_json_u64(m->gets), "gives_slots",
		out_json_u64(m->gives), "gets_bytes",
		out_json_u64(m->get_bytes), "gives_bytes",
		out_json_u64(m->give_bytes)));
}

static int print_json(const struct lr_msg_rebalance_r *r, struct lr_reader in)
{
	json_t *donors = CLI_RECORDS(in, move, move_json);

	return out_json(out_must(json_pack("{so so so}", "slots",
					   out_json_u64(r->slots), "bytes",
					   out_json_u64(r->bytes), "donors",
					   donors)),
			0);
}

static int print_text(const struct lr_msg_rebalance_r *r, struct lr_reader in)
{
	struct lr_rec_move m;
	struct out_table t;
	char a[24], b[24];

	if (!r->slots)
		return out_say(0, "nothing would move: every copy is where it "
				  "belongs");
	out_table_init(&t, "NAME|>COPIES|>GETS|>GIVES|>GETS BYTES|>GIVES BYTES");
	while (in.left && lr_dec_rec_move(&in, &m)) {
		out_cell(&t, out_escape_str(m.name));
		out_cellf(&t, "%u", m.slots);
		out_cellf(&t, "%u", m.gets);
		out_cellf(&t, "%u", m.gives);
		out_cellf(&t, "%s", lr_text_bytes(m.get_bytes, a));
		out_cellf(&t, "%s", lr_text_bytes(m.give_bytes, b));
	}
	out_table_print(&t);
	out_say(0, "%u slots would move, %s. They move by themselves, slowly "
		   "enough for users; a pause holds them: lanram rebuild pause",
		r->slots, lr_text_bytes(r->bytes, a));
	return out_finish(0);
}

int cli_rebalance(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = { CLI_REQUESTER, CLI_COORDINATOR,
					       NULL };
	struct lr_msg_rebalance m = { 0 };
	struct lr_msg_rebalance_r r;
	struct lr_answer a;
	int code;

	(void)argc, (void)argv;
	if (!c->simulate)
		return out_say(2, "copies move by themselves; --simulate shows "
				  "what would move");
	code = cli_open_pool(c, daemons);
	if (code)
		return code;
	code = CLI_ASK(c, REBALANCE, rebalance, &m, REBALANCE_R, &a);
	if (code)
		return code;
	if (!lr_dec_rebalance_r(a.f.meta, a.f.h.meta, &r) || r.err)
		code = out_say(1, "the coordinator could not tell");
	else if (c->json)
		code = print_json(&r, lr_reader(a.f.bulk, a.f.h.bulk));
	else
		code = print_text(&r, lr_reader(a.f.bulk, a.f.h.bulk));
	lr_answer_done(&a);
	return code;
}
