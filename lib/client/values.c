/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and names of a pool handle: the calls block until they are done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/register.h"
#include "net/identity.h"

struct waiting {
	struct lanram *p;
	bool done, keep; /* the value */
	enum lr_err err;
	struct lr_tag tag;
	void *value;
	size_t size;
	char text[LR_OBJECT_TEXT];
};

static void done_cb(void *arg, const struct lr_entry_result *r)
{
	struct waiting *w = arg;

	w->err = r->err;
	w->tag = r->tag;
	snprintf(w->text, sizeof w->text, "%s", r->text ? r->text : "");
	if (w->keep && !r->err) {
		w->value = malloc((size_t)r->bytes + 1);
		if (!w->value)
			w->err = LR_E_NO_MEMORY;
		else if (r->bytes)
			memcpy(w->value, r->value, r->bytes);
		w->size = r->bytes;
	}
	w->done = true;
	lr_client_moved(w->p);
}

static void wait_for(struct waiting *w)
{
	while (!w->done)
		lr_client_run(w->p, true);
}

static bool is_name(struct lanram *p, const char *name)
{
	if (lr_object_name_valid(name, strlen(name)))
		return true;
	lr_client_fail(p, LR_E_USAGE,
		       "a name is 1 to 255 bytes of UTF-8 without control "
		       "characters");
	return false;
}

static enum lanram_err usage(struct lanram *p, const char *text)
{
	return lr_client_fail(p, LR_E_USAGE, text);
}

/* A number that this writer has not used yet. */
static uint32_t next_seq(struct lanram *p)
{
	if (++p->seq == 0) {
		lr_random(&p->env.writer, sizeof p->env.writer);
		p->env.writer |= 1; /* never 0 */
		p->seq = 1;
	}
	return p->seq;
}

/* --- sentences ---------------------------------------------------------------- */

static enum lanram_err fail(struct waiting *w, const char *what,
			    const char *name)
{
	const char *who = w->text;
	char text[LR_OBJECT_TEXT + 512]; /* a name, and who */
	char retry[2 * LR_NAME_MAX + 64];

	lr_text_retry(who, retry, sizeof retry);
	switch (w->err) {
	case LR_E_ABSENT:
		snprintf(text, sizeof text, "no %s \"%s\"", what, name);
		break;
	case LR_E_LOST:
		snprintf(text, sizeof text,
			 "%s \"%s\" is lost, or was never there: all copies "
			 "of its slot were. It can be written anew",
			 what, name);
		break;
	case LR_E_CONFLICT:
		snprintf(text, sizeof text,
			 "name \"%s\" is not as expected: it changed "
			 "meanwhile. lanram name get --json tells its tag",
			 name);
		break;
	case LR_E_UNKNOWN:
		snprintf(text, sizeof text,
			 "%s \"%s\" may or may not have changed: not all "
			 "copies answered in time%s%s. Read it to see",
			 what, name, who[0] ? ", waited for " : "", who);
		break;
	case LR_E_FULL:
		snprintf(text, sizeof text,
			 "pool full: %s \"%s\" is as it was. lanram donors "
			 "tells who could lend more",
			 what, name);
		break;
	case LR_E_UNREACHABLE:
	case LR_E_TIMEOUT:
		snprintf(text, sizeof text,
			 "%s \"%s\" cannot be reached now%s%s. Nothing was "
			 "changed. %s",
			 what, name, who[0] ? ", waiting for " : "", who,
			 retry);
		break;
	default:
		snprintf(text, sizeof text, "%s", who);
	}
	lr_client_fail(w->p, w->err, text);
	if (w->err == LR_E_CONFLICT)
		return LANRAM_CONFLICT;
	return (enum lanram_err)lr_err_exit(w->err);
}

static enum lanram_err finish(struct waiting *w, const char *what,
			      const char *name, struct lanram_tag *ret_tag)
{
	if (w->err)
		return fail(w, what, name);
	if (ret_tag)
		*ret_tag = (struct lanram_tag){ w->tag.ts, w->tag.writer,
						w->tag.seq };
	return LANRAM_OK;
}

/* --- reading ------------------------------------------------------------------ */

static enum lanram_err read_value(struct lanram *p, const char *what,
				  const struct lr_id *id, const char *name,
				  void **ret, size_t *ret_size,
				  struct lanram_tag *ret_tag)
{
	struct waiting w = { .p = p, .keep = true };

	lr_register_read(&p->env, id, done_cb, &w);
	wait_for(&w);
	if (w.err) {
		free(w.value);
		return fail(&w, what, name);
	}
	*ret = w.value;
	*ret_size = w.size;
	return finish(&w, what, name, ret_tag);
}

enum lanram_err lanram_register_read(struct lanram *p, const char *name,
				     void **ret, size_t *ret_size,
				     struct lanram_tag *ret_tag)
{
	struct lr_id id;

	if (!lr_client_enter(p) || !is_name(p, name))
		return LANRAM_USAGE;
	lr_register_id(&id, name);
	return read_value(p, "register", &id, name, ret, ret_size, ret_tag);
}

enum lanram_err lanram_name_get(struct lanram *p, const char *name, void **ret,
				size_t *ret_size, struct lanram_tag *ret_tag)
{
	struct lr_id id;

	if (!lr_client_enter(p) || !is_name(p, name))
		return LANRAM_USAGE;
	lr_name_id(&id, name);
	return read_value(p, "name", &id, name, ret, ret_size, ret_tag);
}

/* --- registers ---------------------------------------------------------------- */

static enum lanram_err write_register(struct lanram *p, const char *name,
				      struct lr_register_write *write,
				      struct lanram_tag *ret_tag)
{
	struct waiting w = { .p = p };

	if (!lr_client_enter(p) || !is_name(p, name))
		return LANRAM_USAGE;
	lr_register_id(&write->id, name);
	write->seq = next_seq(p);
	lr_register_write(&p->env, write, done_cb, &w);
	wait_for(&w);
	return finish(&w, "register", name, ret_tag);
}

enum lanram_err lanram_register_write(struct lanram *p, const char *name,
				      const void *value, size_t size,
				      struct lanram_tag *ret_tag)
{
	struct lr_register_write w = { .value = value,
				       .bytes = (uint32_t)size };

	if (size > LANRAM_REGISTER_MAX)
		return usage(p, "a register's value is at most 256 KiB; "
				"lanram store takes more");
	return write_register(p, name, &w, ret_tag);
}

enum lanram_err lanram_register_remove(struct lanram *p, const char *name,
				       struct lanram_tag *ret_tag)
{
	struct lr_register_write w = { .remove = true };

	return write_register(p, name, &w, ret_tag);
}

/* --- names -------------------------------------------------------------------- */

static enum lanram_err update(struct lanram *p, const char *name,
			      struct lr_entry_update *u, enum lanram_if cond,
			      const struct lanram_tag *expected,
			      struct lanram_tag *ret_tag)
{
	struct waiting w = { .p = p };

	if (!lr_client_enter(p) || !is_name(p, name))
		return LANRAM_USAGE;
	if (cond == LANRAM_IF_TAG && !expected)
		return usage(p, "a tag is needed to compare with");
	lr_name_id(&u->id, name);
	u->seq = next_seq(p);
	u->writer = p->env.writer; /* of that seq */
	u->expect = cond == LANRAM_IF_TAG    ? LR_EXPECT_TAG :
		    cond == LANRAM_IF_ABSENT ? LR_EXPECT_NONE :
					       LR_EXPECT_ANY;
	if (cond == LANRAM_IF_TAG)
		u->want = (struct lr_tag){ expected->ts, expected->writer,
					   expected->seq };
	u->deadline_ms = p->env.deadline_ms;
	p->entries->ops->update(p->entries, u, done_cb, &w);
	wait_for(&w);
	return finish(&w, "name", name, ret_tag);
}

enum lanram_err lanram_name_set(struct lanram *p, const char *name,
				const void *value, size_t size,
				enum lanram_if cond,
				const struct lanram_tag *expected,
				struct lanram_tag *ret_tag)
{
	struct lr_entry_update u = { .value = value, .bytes = (uint32_t)size };

	if (size > LANRAM_NAME_VALUE_MAX)
		return usage(p, "a name's value is at most 4 KiB; a register "
				"takes 256 KiB");
	return update(p, name, &u, cond, expected, ret_tag);
}

enum lanram_err lanram_name_remove(struct lanram *p, const char *name,
				   enum lanram_if cond,
				   const struct lanram_tag *expected,
				   struct lanram_tag *ret_tag)
{
	struct lr_entry_update u = { .flags = LR_UPDATE_REMOVE };

	if (cond == LANRAM_IF_ABSENT)
		return usage(p, "what is absent cannot be removed");
	return update(p, name, &u, cond, expected, ret_tag);
}

/* --- tags as text ------------------------------------------------------------- */

char *lanram_tag_format(const struct lanram_tag *tag, char *out)
{
	struct lr_tag t = { tag->ts, tag->writer, tag->seq };

	return lr_tag_format(&t, out);
}

bool lanram_tag_parse(const char *text, struct lanram_tag *ret)
{
	struct lr_tag t;

	if (!lr_tag_parse(text, &t))
		return false;
	*ret = (struct lanram_tag){ t.ts, t.writer, t.seq };
	return true;
}
