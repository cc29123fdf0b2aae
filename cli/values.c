/* SPDX-License-Identifier: Apache-2.0 */
/* register and name: small values that change. A first word says what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cli/cli.h"
#include "cli/output.h"

#define MOST (LANRAM_REGISTER_MAX + 1) /* one more: it is too much */

struct value {
	void *p; /* malloc'ed */
	size_t n;
	struct lanram_tag tag;
};

struct verb {
	const char *name;
	int min, max; /* words after it */
	int (*run)(struct cli *c, char **argv, int n, struct value *v);
};

/* --- in and out ----------------------------------------------------------- */

static int read_stdin(struct value *v)
{
	ssize_t got = 1;

	v->p = out_must(malloc(MOST));
	while (v->n < MOST && got > 0) {
		got = read(0, (char *)v->p + v->n, MOST - v->n);
		v->n += got > 0 ? (size_t)got : 0;
	}
	return got < 0 ? out_say(1, "the standard input cannot be read: %m") :
			 0;
}

static int take_value(const char *arg, struct value *v)
{
	if (!arg || !strcmp(arg, "-"))
		return read_stdin(v);
	v->n = strlen(arg);
	v->p = out_must(strdup(arg));
	return 0;
}

static json_t *base64(const struct value *v)
{
	unsigned char *text = out_must(malloc(v->n / 3 * 4 + 5));
	json_t *j;

	EVP_EncodeBlock(text, v->p, (int)v->n);
	j = out_must(json_string((char *)text));
	free(text);
	return j;
}

static json_t *tag_json(const char *name, const struct lanram_tag *tag)
{
	char text[LANRAM_TAG_TEXT];

	return out_must(json_pack("{ssss}", "name", name, "tag",
				  lanram_tag_format(tag, text)));
}

/* `value` is null where it is no text. */
static int show(struct cli *c, const char *name, const struct value *v)
{
	json_t *j, *text;

	if (!c->json) {
		fwrite(v->p, 1, v->n, stdout);
		return out_finish(0);
	}
	j = tag_json(name, &v->tag);
	text = json_stringn(v->p, v->n);
	json_object_set_new(j, "size", out_json_u64(v->n));
	json_object_set_new(j, "value", text ? text : json_null());
	json_object_set_new(j, "value_base64", base64(v));
	return out_json(j, 0);
}

static int done(struct cli *c, const char *name, const struct value *v)
{
	return c->json ? out_json(tag_json(name, &v->tag), 0) : 0;
}

static int failed(struct cli *c, enum lanram_err err)
{
	return cli_failed(c, err == LANRAM_CONFLICT ? LANRAM_FAILED : err);
}

/* --- registers ------------------------------------------------------------ */

static int register_read(struct cli *c, char **argv, int n, struct value *v)
{
	enum lanram_err err = lanram_register_read(c->pool, argv[0], &v->p,
						   &v->n, &v->tag);

	(void)n;
	return err ? failed(c, err) : show(c, argv[0], v);
}

static int register_write(struct cli *c, char **argv, int n, struct value *v)
{
	int code = take_value(n > 1 ? argv[1] : NULL, v);
	enum lanram_err err;

	if (code)
		return code;
	err = lanram_register_write(c->pool, argv[0], v->p, v->n, &v->tag);
	return err ? failed(c, err) : done(c, argv[0], v);
}

static int register_remove(struct cli *c, char **argv, int n, struct value *v)
{
	enum lanram_err err =
		lanram_register_remove(c->pool, argv[0], &v->tag);

	(void)n;
	return err ? failed(c, err) : done(c, argv[0], v);
}

/* --- names ---------------------------------------------------------------- */

static int take_condition(struct cli *c, enum lanram_if *ret,
			  struct lanram_tag *tag)
{
	*ret = c->if_tag    ? LANRAM_IF_TAG :
	       c->if_absent ? LANRAM_IF_ABSENT :
			      LANRAM_IF_ANY;
	if (c->if_tag && c->if_absent)
		return out_say(2, "--if and --if-absent exclude each other");
	if (c->if_tag && !lanram_tag_parse(c->if_tag, tag))
		return out_say(2, "\"%s\" is no tag. `lanram name get NAME "
				  "--json` tells it",
			       c->if_tag);
	return 0;
}

static int name_get(struct cli *c, char **argv, int n, struct value *v)
{
	enum lanram_err err =
		lanram_name_get(c->pool, argv[0], &v->p, &v->n, &v->tag);

	(void)n;
	return err ? failed(c, err) : show(c, argv[0], v);
}

static int name_set(struct cli *c, char **argv, int n, struct value *v)
{
	struct lanram_tag want;
	enum lanram_if cond;
	enum lanram_err err;
	int code = take_condition(c, &cond, &want);

	(void)n;
	if (!code)
		code = take_value(argv[1], v);
	if (code)
		return code;
	err = lanram_name_set(c->pool, argv[0], v->p, v->n, cond, &want,
			      &v->tag);
	return err ? failed(c, err) : done(c, argv[0], v);
}

static int name_remove(struct cli *c, char **argv, int n, struct value *v)
{
	struct lanram_tag want;
	enum lanram_if cond;
	enum lanram_err err;
	int code = take_condition(c, &cond, &want);

	(void)n;
	if (code)
		return code;
	err = lanram_name_remove(c->pool, argv[0], cond, &want, &v->tag);
	return err ? failed(c, err) : done(c, argv[0], v);
}

/* --- the first word ------------------------------------------------------- */

static const struct verb register_verbs[] = {
	{ "read", 1, 1, register_read },
	{ "write", 1, 2, register_write },
	{ "remove", 1, 1, register_remove },
	{ 0 },
};
static const struct verb name_verbs[] = {
	{ "get", 1, 1, name_get },
	{ "set", 2, 2, name_set },
	{ "remove", 1, 1, name_remove },
	{ 0 },
};

static int run_verb(struct cli *c, const struct verb *verb, int argc,
		    char **argv)
{
	struct value v = { 0 };
	int code;

	for (; verb->name && strcmp(verb->name, argv[0]); verb++)
		;
	if (!verb->name || argc - 1 < verb->min || argc - 1 > verb->max ||
	    ((c->if_tag || c->if_absent) && !strcmp(argv[0], "get")))
		return out_say(2, "Usage: lanram %s %s. More: `lanram %s "
				  "--help`",
			       c->cmd->name, c->cmd->args, c->cmd->name);
	code = cli_open_data(c);
	if (!code)
		code = verb->run(c, argv + 1, argc - 1, &v);
	free(v.p);
	return code;
}

int cli_register(struct cli *c, int argc, char **argv)
{
	return run_verb(c, register_verbs, argc, argv);
}

int cli_name(struct cli *c, int argc, char **argv)
{
	return run_verb(c, name_verbs, argc, argv);
}
