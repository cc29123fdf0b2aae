/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/pool_donors.h"

/* --- asking
 * ----------------------------------------------------------------------- */

static bool take(struct donors *d)
{
	struct lr_reader in = lr_reader(d->a.f.bulk, d->a.f.h.bulk);
	struct lr_rec_donor rec;

	while (in.left && lr_dec_rec_donor(&in, &rec)) {
		d->rec = out_must(realloc(d->rec, (d->n + 1) * sizeof *d->rec));
		d->rec[d->n++] = rec;
	}
	return !in.bad;
}

int donors_ask(struct cli *c, struct donors *ret)
{
	struct lr_msg_donors m = {.uid = (uint32_t)geteuid()};
	int code = CLI_ASK(c, DONORS, donors, &m, DONORS_R, &ret->a);

	if (!code && !take(ret))
		code = out_say(1, "the coordinator's donors cannot be read: is "
				  "it of another version?");
	return code;
}

void donors_try(struct cli *c, struct donors *ret)
{
	struct lr_msg_donors m = {.uid = (uint32_t)geteuid()};
	uint8_t meta[16];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	lr_enc_donors(&w, &m);
	if (!lr_client_ask(c->pool, LR_M_DONORS, meta, w.len, &ret->a) &&
	    ret->a.f.h.type == LR_M_DONORS_R)
		take(ret);
}

void donors_done(struct donors *d)
{
	free(d->rec);
	lr_answer_done(&d->a);
}

const char *donors_state(unsigned state)
{
	static const char *const names[] = {
		[LR_DONOR_UP] = "up",	      [LR_DONOR_SUSPECT] = "suspect",
		[LR_DONOR_GIVING] = "giving", [LR_DONOR_DRAINING] = "draining",
		[LR_DONOR_DOWN] = "down",     [LR_DONOR_PENDING] = "pending",
	};

	return state < sizeof names / sizeof *names ? names[state] : "unknown";
}

/* --- showing
 * ---------------------------------------------------------------------- */

/* Who is not in yet has not told any numbers. */
static json_t *number(const struct lr_rec_donor *d, uint64_t n)
{
	return d->state == LR_DONOR_PENDING ? json_null() : out_json_u64(n);
}

/* Half of what it served may well have taken less than a microsecond. */
static bool has_served(const struct lr_rec_donor *d)
{
	return d->p99_us != 0;
}

static json_t *latency(const struct lr_rec_donor *d, uint32_t us)
{
	return has_served(d) ? json_integer(us) : json_null();
}

static json_t *incarnation(const struct lr_rec_donor *d)
{
	char text[24];

	snprintf(text, sizeof text, "%016llx", (unsigned long long)d->inc);
	return d->inc ? out_json_text(text) : json_null();
}

static json_t *donor_json(const struct lr_rec_donor *d)
{
	/* clang-format off */
	return out_must(json_pack(
		"{so so so ss so so so so s{so so} so so so s{so so}}",
		"id", out_json_dev(&d->dev),
		"name", out_json_str(d->name),
		"address", out_json_str(d->address),
		"state", donors_state(d->state),
		"lent_bytes", number(d, d->lent),
		"held_bytes", number(d, d->held),
		"host_available_bytes", number(d, d->host_available),
		"entries", number(d, d->entries),
		"latency_us",
		"p50", latency(d, d->p50_us), "p99", latency(d, d->p99_us),
		"incarnation", incarnation(d),
		"version", out_json_str(d->version),
		"since", out_json_time(d->since_ms),
		"if_gone",
		"slots_lost", number(d, d->slots_lost),
		"slots_short", number(d, d->slots_short)));
	/* clang-format on */
}

static int print_json(const struct donors *d)
{
	json_t *all = out_must(json_array());

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(all, donor_json(&d->rec[i]));
	return out_json(all, 0);
}

static void add_latency(struct out_table *t, const struct lr_rec_donor *d,
			uint32_t us)
{
	if (has_served(d))
		out_cellf(t, "%u us", us);
	else
		out_cellf(t, "-");
}

/* What its end would mean now. */
static void add_if_gone(struct out_table *t, const struct lr_rec_donor *d)
{
	if (d->state == LR_DONOR_PENDING || d->state == LR_DONOR_DOWN)
		out_cellf(t, "-");
	else if (d->slots_lost)
		out_cellf(t, "%u slot%s lost", d->slots_lost,
			  d->slots_lost == 1 ? "" : "s");
	else if (d->slots_short)
		out_cellf(t, "%u slot%s copied again", d->slots_short,
			  d->slots_short == 1 ? "" : "s");
	else
		out_cellf(t, "nothing");
}

static void add_row(struct out_table *t, const struct lr_rec_donor *d)
{
	char bytes[24], span[32];
	uint64_t now = (uint64_t)time(NULL) * 1000;

	out_cell(t, out_escape_str(d->name));
	out_cellf(t, "%s", donors_state(d->state));
	out_cellf(t, "%s", lr_text_bytes(d->lent, bytes));
	out_cellf(t, "%s", lr_text_bytes(d->held, bytes));
	out_cellf(t, "%s", lr_text_bytes(d->host_available, bytes));
	out_cellf(t, "%llu", (unsigned long long)d->entries);
	add_latency(t, d, d->p50_us);
	add_latency(t, d, d->p99_us);
	out_cellf(t, "%s",
		  out_span(now > d->since_ms ? now - d->since_ms : 0, span));
	add_if_gone(t, d);
	out_cell(t, out_escape_str(d->address));
}

static int print_text(const struct donors *d)
{
	struct out_table t;

	if (!d->n)
		return out_say(0, "no donor yet. On a machine with RAM to "
				  "spare: sudo systemctl enable --now "
				  "lanram-donor");
	out_table_init(&t, "NAME|STATE|>LENT|>HELD|>HOST FREE|>ENTRIES|>P50|"
			   ">P99|>SINCE|IF GONE|ADDRESS");
	for (size_t i = 0; i < d->n; i++)
		add_row(&t, &d->rec[i]);
	out_table_print(&t);
	return out_finish(0);
}

int cli_donors(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = {CLI_REQUESTER, CLI_COORDINATOR,
					      NULL};
	struct donors d = {0};
	int code;

	(void)argc, (void)argv;
	code = cli_open_pool(c, daemons);
	if (!code)
		code = donors_ask(c, &d);
	if (!code)
		code = c->json ? print_json(&d) : print_text(&d);
	donors_done(&d);
	return code;
}
