/* SPDX-License-Identifier: Apache-2.0 */
/* list: a page after the other, printed as it comes, so that a million rows
 * take no memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/objects.h"
#include "cli/output.h"

#define PATTERN_MAX 1024u

/* --- a row
 * -------------------------------------------------------------------- */

/* Somebody else's: its beginning is all that an admin sees, for who has the
 * whole ID may retrieve. */
const char *objects_id(const struct lr_rec_listed *o, char *out)
{
	lr_id_format(&o->id, out);
	if (o->flags & LR_OBJECT_CUT)
		out[LR_CUT_TEXT] = '\0';
	return out;
}

char *objects_owner(const struct lr_rec_listed *o)
{
	char *machine = out_escape_str(o->owner_name), *text = NULL;

	if (asprintf(&text, "%u@%s", o->uid, machine) < 0)
		text = NULL;
	free(machine);
	return out_must(text);
}

/* "birch,cedar" */
static json_t *donors_json(struct lr_str names)
{
	json_t *j = out_must(json_array());
	const char *comma;
	struct lr_str one;

	while (names.n) {
		comma = memchr(names.p, ',', names.n);
		one = (struct lr_str){
			names.p, comma ? (uint16_t)(comma - names.p) : names.n};
		json_array_append_new(j, out_json_str(one));
		one.n = (uint16_t)(one.n + (comma != NULL));
		names.p += one.n;
		names.n = (uint16_t)(names.n - one.n);
	}
	return j;
}

json_t *objects_json(const struct lr_rec_listed *o)
{
	char id[LR_ID_TEXT + 1], *owner = objects_owner(o);

	/* clang-format off */
	json_t *j = json_pack(
		"{so so so si si so so so so sb}",
		"id", out_json_text(objects_id(o, id)),
		"name", out_json_str(o->name),
		"size", out_json_u64(o->size),
		"copies", o->copies,
		"copies_wanted", o->wanted,
		"donors", donors_json(o->donors),
		"created", out_json_time(o->created_ms),
		"expires", out_json_time(o->expires_ms),
		"owner", out_json_text(owner),
		"public", o->flags & LR_OBJECT_PUBLIC);
	/* clang-format on */

	free(owner);
	return out_must(j);
}

static void print_long(const struct lr_rec_listed *o)
{
	char *owner = objects_owner(o), *donors = out_escape_str(o->donors);
	char expires[32];

	printf("  %-16s  %-16s  %-7s  %-24s",
	       out_local_time(o->expires_ms, expires), owner,
	       o->flags & LR_OBJECT_PUBLIC ? "public" : "private", donors);
	free(owner);
	free(donors);
}

static void print_row(const struct cli *c, const struct lr_rec_listed *o)
{
	char id[LR_ID_TEXT + 1], size[24], created[32];
	char *name = out_escape_str(o->name);

	printf("%-26s  %10s  %6u/%u  %-16s", objects_id(o, id),
	       lr_text_bytes(o->size, size), o->copies, o->wanted,
	       out_local_time(o->created_ms, created));
	if (c->is_long)
		print_long(o);
	printf("  %s%s\n", name, o->state == LR_OBJECT_LOST ? " (lost)" : "");
	free(name);
}

static void print_head(const struct cli *c)
{
	printf("%-26s  %10s  %8s  %-16s", "ID", "SIZE", "COPIES", "CREATED");
	if (c->is_long)
		printf("  %-16s  %-16s  %-7s  %-24s", "EXPIRES", "OWNER",
		       "SEEN BY", "DONORS");
	puts("  NAME");
}

/* --- pages
 * ----------------------------------------------------------------------- */

struct listing {
	uint64_t rows;
	struct lr_id last;
	bool more;
};

static void print(const struct cli *c, const struct listing *l,
		  const struct lr_rec_listed *o)
{
	json_t *j;

	if (!c->json) {
		if (!l->rows)
			print_head(c);
		print_row(c, o);
		return;
	}
	j = objects_json(o);
	fputs(l->rows ? ",\n" : "\n", stdout);
	json_dumpf(j, stdout, JSON_COMPACT);
	json_decref(j);
}

static int take_page(const struct cli *c, struct listing *l,
		     const struct lr_answer *a)
{
	struct lr_reader in = lr_reader(a->f.bulk, a->f.h.bulk);
	struct lr_msg_list_r r;
	struct lr_rec_listed o;

	if (!lr_dec_list_r(a->f.meta, a->f.h.meta, &r))
		return out_say(1, "the coordinator's list cannot be read: is "
				  "it of another version?");
	if (r.err)
		return out_say(lr_err_exit(lr_err_from_wire(r.err)), "%.*s",
			       (int)r.text.n, r.text.p);
	while (in.left && lr_dec_rec_listed(&in, &o)) {
		print(c, l, &o);
		l->rows++;
	}
	l->more = r.more;
	if (in.bad || (r.more && lr_id_cmp(&r.last, &l->last) <= 0))
		return out_say(1, "the coordinator's list cannot be read: is "
				  "it of another version?");
	l->last = r.last;
	return 0;
}

static int take_pages(struct cli *c, const char *pattern)
{
	struct listing l = {.more = true};
	bool first = true;
	int code = 0;

	while (l.more && !code) {
		struct lr_msg_list m = {.uid = (uint32_t)geteuid(),
					.flags = c->all ? LR_LIST_ALL : 0,
					.after = l.last,
					.first = first,
					.pattern = lr_str(pattern)};
		struct lr_answer a;

		code = CLI_ASK(c, LIST, list, &m, LIST_R, &a);
		if (code)
			break;
		if (c->json && first)
			fputs("[", stdout);
		first = false;
		code = take_page(c, &l, &a);
		lr_answer_done(&a);
		if (ferror(stdout))
			break; /* said by out_finish */
	}
	if (c->json && !code)
		fputs(l.rows ? "\n]\n" : "]\n", stdout);
	return out_finish(code);
}

int cli_list(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = {CLI_REQUESTER, CLI_COORDINATOR,
					      NULL};
	const char *pattern = argc ? argv[0] : "";
	int code;

	if (strlen(pattern) > PATTERN_MAX)
		return out_say(2, "the pattern is longer than %u bytes",
			       PATTERN_MAX);
	code = cli_open_pool(c, daemons);
	return code ? code : take_pages(c, pattern);
}
