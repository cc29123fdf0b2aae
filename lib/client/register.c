/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a register, of struct lr_entries alone, so the same directly and
 * through the requester:
 *
 *   1 remove only: is there anything? A lost value may be removed
 *   2 tags from ALL copies; the tag is chosen, once
 *   3 PUT with it to ALL; whoever retries keeps it
 *
 * Steps 1 and 2 fail: certainly not written. Step 3 runs out of time after
 * something left: UNKNOWN. All copies have it or a newer one: done. */
#include "client/register.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/clock.h"

struct writing {
	struct lr_object_env env;
	struct lr_register_write w;
	uint64_t until_ms;
	lr_entry_cb cb;
	void *arg;
	struct lr_tag tag;
};

void lr_register_id(struct lr_id *ret, const char *name)
{
	lr_id_of_register(ret, LR_REGISTER_CLASS, name, strlen(name));
}

void lr_name_id(struct lr_id *ret, const char *name)
{
	lr_id_of_name(ret, LR_REGISTER_CLASS, "", 0, name, strlen(name));
}

void lr_register_read(const struct lr_object_env *env, const struct lr_id *id,
		      lr_entry_cb cb, void *arg)
{
	env->entries->ops->get(env->entries, id, LR_GET_LINEAR,
			       env->deadline_ms, cb, arg);
}

static unsigned time_left(const struct writing *w)
{
	uint64_t now = lr_now_ms();

	return w->until_ms > now ? (unsigned)(w->until_ms - now) : 1;
}

static void end(struct writing *w, const struct lr_entry_result *r)
{
	w->cb(w->arg, r);
	free(w);
}

static void put_cb(void *arg, const struct lr_entry_result *r)
{
	struct writing *w = arg;
	struct lr_entry_result mine = *r;

	mine.tag = w->tag;
	if (r->err == LR_E_SUPERSEDED)
		mine.err = LR_E_OK; /* ordered before the newer one */
	end(w, &mine);
}

static void tags_cb(void *arg, const struct lr_entry_result *r)
{
	struct writing *w = arg;
	struct lr_entry_result mine = *r;
	struct lr_put p = { .id = w->w.id,
			    .kind = LR_KIND_REGISTER,
			    .flags = w->w.remove ? LR_PUT_TOMB : 0,
			    .value = w->w.value,
			    .bytes = w->w.bytes,
			    .deadline_ms = time_left(w) };

	if (!mine.err && lr_tag_is_last(&r->tag))
		mine.err = LR_E_FAILED;
	if (mine.err) {
		end(w, &mine);
		return;
	}
	w->tag = lr_tag_next(&r->tag, w->env.writer, w->w.seq);
	p.tag = w->tag;
	w->env.entries->ops->put(w->env.entries, &p, put_cb, w);
}

static void ask_tags(struct writing *w)
{
	w->env.entries->ops->get(w->env.entries, &w->w.id, LR_GET_TAG_ONLY,
				 time_left(w), tags_cb, w);
}

static void there_cb(void *arg, const struct lr_entry_result *r)
{
	struct writing *w = arg;

	if (r->err && r->err != LR_E_LOST)
		end(w, r);
	else
		ask_tags(w);
}

void lr_register_write(const struct lr_object_env *env,
		       const struct lr_register_write *write, lr_entry_cb cb,
		       void *arg)
{
	struct writing *w = calloc(1, sizeof *w);

	if (!w)
		abort(); /* there is no other way to call back */
	w->env = *env;
	w->w = *write;
	w->until_ms = lr_now_ms() + env->deadline_ms;
	w->cb = cb;
	w->arg = arg;
	if (write->remove)
		lr_register_read(env, &write->id, there_cb, w);
	else
		ask_tags(w);
}

/* --- tags as text --------------------------------------------------------- */

char *lr_tag_format(const struct lr_tag *tag, char *out)
{
	snprintf(out, LR_TAG_TEXT, "%" PRIu64 ".%" PRIu64 ".%" PRIu32, tag->ts,
		 tag->writer, tag->seq);
	return out;
}

/* Digits alone: no sign, no space. */
static bool parse_number(const char **at, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = *at;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*at = p;
	*ret = n;
	return true;
}

bool lr_tag_parse(const char *text, struct lr_tag *ret)
{
	uint64_t ts, writer, seq;

	if (!parse_number(&text, UINT64_MAX, &ts) || *text++ != '.' ||
	    !parse_number(&text, UINT64_MAX, &writer) || *text++ != '.' ||
	    !parse_number(&text, UINT32_MAX, &seq) || *text)
		return false;
	*ret = (struct lr_tag){ ts, writer, (uint32_t)seq };
	return true;
}
