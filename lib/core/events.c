/* SPDX-License-Identifier: Apache-2.0 */
#include "core/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *text;
	enum lr_event_level level;
} kinds[] = {
#define KIND_ROW(kind, name, level, text) { name, text, LR_EVENT_##level },
	LR_EVENTS(KIND_ROW)
#undef KIND_ROW
};

const struct lr_event *lr_events_add(struct lr_events *e,
				     const struct lr_event *ev)
{
	struct lr_event *to = &e->ring[++e->last % LR_EVENTS_KEPT];

	*to = *ev;
	to->seq = e->last;
	return to;
}

const struct lr_event *lr_events_next(const struct lr_events *e, uint64_t seq)
{
	uint64_t first = e->last < LR_EVENTS_KEPT ? 1 :
						    e->last - LR_EVENTS_KEPT + 1;

	if (seq >= e->last)
		return NULL;
	seq = seq + 1 < first ? first : seq + 1;
	return &e->ring[seq % LR_EVENTS_KEPT];
}

const char *lr_event_name(enum lr_event_kind kind)
{
	return (unsigned)kind < LR_EVENT_KINDS ? kinds[kind].name : "?";
}

bool lr_event_parse(const char *name, enum lr_event_kind *ret)
{
	for (unsigned i = 0; i < LR_EVENT_KINDS; i++)
		if (!strcmp(kinds[i].name, name)) {
			*ret = (enum lr_event_kind)i;
			return true;
		}
	return false;
}

enum lr_event_level lr_event_level(enum lr_event_kind kind)
{
	return (unsigned)kind < LR_EVENT_KINDS ? kinds[kind].level :
						 LR_EVENT_INFO;
}

static bool counts_entries(enum lr_event_kind kind)
{
	return kind == LR_EVENT_CORRUPT || kind == LR_EVENT_REPAIRED;
}

static size_t add_count(const struct lr_event *ev, char *out, size_t cap)
{
	int n;

	if (!ev->count || !cap)
		return 0;
	if (ev->kind == LR_EVENT_GAVE_BACK || ev->kind == LR_EVENT_GREW)
		n = snprintf(out, cap, ": %.1f GiB",
			     (double)ev->count / (1024.0 * 1024 * 1024));
	else
		n = snprintf(out, cap, ": %" PRIu64 " %s", ev->count,
			     counts_entries(ev->kind) ? "entries" : "slots");
	return (size_t)n;
}

/* Names come from other machines: nothing in them moves a cursor. */
static void add_by(const struct lr_event *ev, char *out, size_t cap)
{
	if (!ev->by[0])
		return;
	snprintf(out, cap, " %s", ev->by);
	for (; *out; out++)
		if ((unsigned char)*out < 0x20 || *out == 0x7f ||
		    ((unsigned char)*out == 0xc2 &&
		     (unsigned char)out[1] < 0xa0))
			*out = '?';
}

char *lr_event_text(const struct lr_event *ev, char *out, size_t cap)
{
	const char *text = (unsigned)ev->kind < LR_EVENT_KINDS ?
				   kinds[ev->kind].text :
				   "something this version does not know";
	bool first = !strncmp(text, "slots ", 6); /* "12 slots ..." */
	size_t n = first ? (size_t)snprintf(out, cap, "%" PRIu64 " %s",
					    ev->count, text) :
			   (size_t)snprintf(out, cap, "%s", text);

	if (!first)
		n += add_count(ev, out + (n < cap ? n : cap), n < cap ? cap - n : 0);
	if (n < cap)
		add_by(ev, out + n, cap - n);
	if (ev->ms && n < cap)
		snprintf(out + n, cap - n, "%s%.1f s",
			 ev->kind == LR_EVENT_HEALED ? ", after " : ", in ",
			 (double)ev->ms / 1000);
	return out;
}
