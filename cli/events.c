/* SPDX-License-Identifier: Apache-2.0 */
/* lanram events: what happened to the pool, and with --follow what happens. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "wire/eventcodec.h"

#define FOLLOW_MS 250

struct events {
	struct cli *c;
	json_t *list; /* --json without --follow */
	uint64_t run, last;
	int kind; /* -1: all */
};

static json_t *event_json(const struct lr_event *e)
{
	json_t *j = out_must(json_object());

	json_object_set_new(j, "seq", out_json_u64(e->seq));
	json_object_set_new(j, "time", out_json_time(e->at_ms));
	json_object_set_new(j, "kind", out_json_text(lr_event_name(e->kind)));
	json_object_set_new(j, "device_id", lr_dev_is_zero(&e->dev) ?
						    json_null() :
						    out_json_dev(&e->dev));
	json_object_set_new(j, "device", out_json_text(e->name));
	json_object_set_new(j, "by",
			    e->by[0] ? out_json_text(e->by) : json_null());
	json_object_set_new(j, "count", out_json_u64(e->count));
	json_object_set_new(j, "ms", out_json_u64(e->ms));
	return j;
}

static void show(struct events *v, const struct lr_event *e)
{
	char clock[32], text[256], *name;
	json_t *j;

	if (v->kind >= 0 && (int)e->kind != v->kind)
		return;
	if (v->list) {
		json_array_append_new(v->list, event_json(e));
		return;
	}
	if (v->c->json) { /* a line each: it never ends */
		j = event_json(e);
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
		return;
	}
	name = out_escape(e->name, strlen(e->name));
	printf("%s  %s%s%s\n", out_local_time(e->at_ms, clock), name,
	       *name ? " " : "", lr_event_text(e, text, sizeof text));
	free(name);
}

/* One page; false: the last one. Another run of the coordinator counts anew. */
static bool take(struct events *v, const struct lr_answer *a)
{
	struct lr_reader r = lr_reader(a->f.bulk, a->f.h.bulk);
	struct lr_msg_events_r m;
	struct lr_event e;

	if (!lr_dec_events_r(a->f.meta, a->f.h.meta, &m))
		return false;
	if (v->run && m.run != v->run) {
		v->run = m.run;
		v->last = 0;
		return true;
	}
	v->run = m.run;
	while (r.left && lr_dec_event(&r, &e)) {
		v->last = e.seq;
		show(v, &e);
	}
	return m.more;
}

static int ask(struct events *v, bool *more)
{
	struct lr_msg_events m = { .after = v->last };
	struct lr_answer a;
	int code = CLI_ASK(v->c, EVENTS, events, &m, EVENTS_R, &a);

	*more = false;
	if (code)
		return code;
	*more = take(v, &a);
	lr_answer_done(&a);
	return 0;
}

/* Whoever reads a pipe wants each line when it comes. */
static int follow(struct events *v)
{
	bool more;
	int code;

	cli_catch_signals(v->c);
	for (;;) {
		code = ask(v, &more);
		if (cli_interrupted())
			return 130;
		if (code)
			return code;
		if (fflush(stdout) != 0)
			return out_finish(0);
		if (!more && poll(NULL, 0, FOLLOW_MS) < 0 && cli_interrupted())
			return 130;
	}
}

int cli_events(struct cli *c, int argc, char **argv)
{
	static const char *const daemons[] = { CLI_COORDINATOR, CLI_REQUESTER,
					       NULL };
	struct events v = { .c = c, .kind = -1 };
	enum lr_event_kind kind;
	bool more = true;
	int code = 0;

	(void)argc, (void)argv;
	if (c->kind && !lr_event_parse(c->kind, &kind))
		return out_say(2, "no kind \"%s\": joined, suspect, cleared, "
			       "left, down, lost, healed, ...", c->kind);
	if (c->kind)
		v.kind = (int)kind;
	if (!cli_open(c, daemons))
		return 1;
	if (c->follow)
		return follow(&v);
	if (c->json)
		v.list = out_must(json_array());
	while (more && !code)
		code = ask(&v, &more);
	if (v.list && code) {
		json_decref(v.list);
		return code;
	}
	return v.list ? out_json(v.list, 0) : code ? code : out_finish(0);
}
