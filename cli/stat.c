/* SPDX-License-Identifier: Apache-2.0 */
/* stat: the object's own words (its manifest, from the donors), and what the
 * coordinator knows of its copies. Without the coordinator that part is not
 * known, and said to be so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/objects.h"
#include "cli/output.h"
#include "cli/pool_donors.h"

struct facts {
	struct lanram_object o;
	struct lr_answer row; /* RESOLVE_R */
	struct lr_rec_listed rec;
	bool listed; /* rec is there */
	struct donors donors;
};

/* Quiet: stat goes on without. */
static void ask_coordinator(struct cli *c, struct facts *f)
{
	struct lr_msg_resolve m = {.ref = lr_str(f->o.id)};
	uint8_t meta[128];
	struct lr_writer w = lr_writer(meta, sizeof meta);
	struct lr_reader in;

	lr_enc_resolve(&w, &m);
	if (lr_client_ask(c->pool, LR_M_RESOLVE, meta, w.len, &f->row) ||
	    f->row.f.h.type != LR_M_RESOLVE_R)
		return;
	in = lr_reader(f->row.f.bulk, f->row.f.h.bulk);
	f->listed = in.left && lr_dec_rec_listed(&in, &f->rec);
	if (f->listed)
		donors_try(c, &f->donors);
}

/* --- JSON
 * ------------------------------------------------------------------------- */

static const char *state_of(const struct facts *f, struct lr_str name)
{
	for (size_t i = 0; i < f->donors.n; i++) {
		const struct lr_rec_donor *d = &f->donors.rec[i];

		if (d->name.n == name.n && !memcmp(d->name.p, name.p, name.n))
			return donors_state(d->state);
	}
	return NULL;
}

static json_t *copies_json(const struct facts *f, const json_t *names)
{
	json_t *j = out_must(json_array()), *name;
	const char *state;
	size_t i;

	json_array_foreach((json_t *)names, i, name)
	{
		state = state_of(f, lr_str(json_string_value(name)));
		json_array_append_new(j, out_must(json_pack("{sO ss?}", "donor",
							    name, "state",
							    state)));
	}
	return j;
}

static void hex(const uint8_t *p, char out[65])
{
	for (size_t i = 0; i < 32; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
}

/* The coordinator's part when it is not there. */
static json_t *own_words(const struct lanram_object *o)
{
	/* clang-format off */
	return out_must(json_pack(
		"{so so so sn si sn so so sn sb}",
		"id", out_json_text(o->id),
		"name", out_json_text(o->name),
		"size", out_json_u64(o->size),
		"copies",
		"copies_wanted", o->copies_wanted,
		"donors",
		"created", out_json_time(o->created_ms),
		"expires", out_json_time(o->expires_ms),
		"owner",
		"public", o->is_public));
	/* clang-format on */
}

static int print_json(const struct facts *f)
{
	json_t *j = f->listed ? objects_json(&f->rec) : own_words(&f->o);
	char sha[65];

	hex(f->o.sha256, sha);
	json_object_set_new(j, "chunks", out_json_u64(f->o.chunks));
	json_object_set_new(j, "sha256", out_json_text(sha));
	json_object_set_new(
		j, "per_copy",
		f->listed ? copies_json(f, json_object_get(j, "donors"))
			  : json_null());
	return out_json(j, 0);
}

/* --- text
 * ---------------------------------------------------------------------------
 */

static void print_copies(const struct facts *f)
{
	json_t *j, *one;
	size_t i;

	if (!f->listed) {
		printf("copies    %d wanted; the coordinator is away, it knows "
		       "where they are\n",
		       f->o.copies_wanted);
		return;
	}
	printf("copies    %u of %u", f->rec.copies, f->rec.wanted);
	j = objects_json(&f->rec);
	json_array_foreach(json_object_get(j, "donors"), i, one)
	{
		const char *name = json_string_value(one);
		const char *state = state_of(f, lr_str(name));
		char *safe = out_escape(name, strlen(name));

		printf("%s%s (%s)", i ? ", " : ", on ", safe,
		       state ? state : "?");
		free(safe);
	}
	json_decref(j);
	puts(f->o.chunks ? "; its chunks on all donors" : "");
}

static void print_owner(const struct facts *f)
{
	char *owner = f->listed ? objects_owner(&f->rec) : NULL;

	if (owner)
		printf("owner     %s", owner);
	else
		printf("owner     user %u of device %.10s", f->o.uid,
		       f->o.owner);
	puts(f->o.is_public ? ", public" : ", private");
	free(owner);
}

static int print_text(const struct facts *f)
{
	char size[24], count[32], chunks[32], sha[65], created[32], expires[32];
	char *name = out_escape(f->o.name, strlen(f->o.name));

	hex(f->o.sha256, sha);
	printf("id        %s\nname      %s\n", f->o.id, name);
	free(name);
	printf("size      %s (%s bytes)", lr_text_bytes(f->o.size, size),
	       lr_text_count(f->o.size, count));
	if (f->o.chunks)
		printf(", %s chunks", lr_text_count(f->o.chunks, chunks));
	printf("\nsha256    %s\n", sha);
	print_copies(f);
	printf("created   %s\nexpires   %s\n",
	       out_local_time(f->o.created_ms, created),
	       f->o.expires_ms ? out_local_time(f->o.expires_ms, expires)
			       : "never");
	print_owner(f);
	return out_finish(0);
}

int cli_stat(struct cli *c, int argc, char **argv)
{
	struct facts f = {0};
	enum lanram_err err;
	unsigned tries = 0;
	int code;

	(void)argc;
	code = cli_open_ref(c, argv[0]);
	if (code)
		return code;
	do
		err = lanram_stat(c->pool, argv[0], &f.o);
	while (cli_try_again(argv[0], err, &tries));
	if (err)
		return cli_failed(c, err);
	ask_coordinator(c, &f);
	code = c->json ? print_json(&f) : print_text(&f);
	donors_done(&f.donors);
	lr_answer_done(&f.row);
	return code;
}
