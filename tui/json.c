/* SPDX-License-Identifier: Apache-2.0 */
/* The names are those of `lanram status --json` and its like. */
#include "tui/json.h"

#include <jansson.h>
#include <time.h>

static json_t *text(const char *s)
{
	json_t *j = s[0] ? json_string(s) : json_null();

	return tui_must(j ? j : json_string("?")); /* not UTF-8 */
}

static json_t *number(uint64_t n)
{
	return tui_must(json_integer((json_int_t)n));
}

static json_t *when(uint64_t unix_ms)
{
	time_t t = (time_t)(unix_ms / 1000);
	struct tm tm;
	char out[32];

	if (!unix_ms || !gmtime_r(&t, &tm) ||
	    !strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return text(out);
}

static void put(json_t *to, const char *name, json_t *value)
{
	json_object_set_new(to, name, value);
}

static json_t *recovery(const struct tui_model *m)
{
	struct lr_progress_now now;
	json_t *j;

	lr_progress_show(&m->progress, m->now_ms, &now);
	if (!now.active)
		return json_null();
	j = tui_must(json_object());
	put(j, "percent", number(now.percent));
	put(j, "bytes_left", number(now.bytes_left));
	put(j, "bytes_per_s", number(now.bytes_per_s));
	put(j, "eta_s", now.eta_s == LR_ETA_NONE ? json_null() :
						   number(now.eta_s));
	return j;
}

static json_t *slots(const struct tui_pool *p)
{
	json_t *j = tui_must(json_object());

	put(j, "full", number(p->full));
	put(j, "short", number(p->short_));
	put(j, "unavailable", number(p->unavailable));
	put(j, "lost", number(p->lost));
	return j;
}

static json_t *rates(const struct tui_pool *p)
{
	json_t *j = tui_must(json_object());

	put(j, "gets_per_s", number(p->gets));
	put(j, "puts_per_s", number(p->puts));
	put(j, "bytes_out_per_s", number(p->bytes_out));
	put(j, "bytes_in_per_s", number(p->bytes_in));
	put(j, "errors_per_s", number(p->errors));
	put(j, "p50_us", p->p50_us ? number(p->p50_us) : json_null());
	put(j, "p99_us", p->p99_us ? number(p->p99_us) : json_null());
	return j;
}

static json_t *pool(const struct tui_model *m)
{
	static const char *const health[] = { "ok", "degraded", "critical" };
	const struct tui_pool *p = &m->pool;
	json_t *j = tui_must(json_object()), *reasons = json_array();
	json_t *donors = tui_must(json_object());

	put(j, "pool", text(p->pool_name));
	put(j, "coordinator", text(p->coordinator));
	put(j, "epoch", number(p->epoch));
	put(j, "health", text(health[p->health < 3 ? p->health : 2]));
	for (unsigned i = 0; i < p->n_reasons; i++)
		json_array_append_new(reasons, text(p->reasons[i]));
	put(j, "reasons", reasons);
	put(donors, "up", number(p->donors_up));
	put(donors, "known", number(p->donors_known));
	put(j, "donors", donors);
	put(j, "lent_bytes", number(p->lent));
	put(j, "held_bytes", number(p->held));
	put(j, "stored_bytes", number(p->stored));
	put(j, "usable_bytes", number(p->usable));
	put(j, "objects", number(p->objects));
	put(j, "slots", slots(p));
	put(j, "recovery", recovery(m));
	put(j, "paused", json_boolean(p->paused));
	put(j, "rates", rates(p));
	return j;
}

static json_t *donor(const struct tui_donor *d)
{
	static const char *const states[] = { "up", "suspect", "giving",
					      "draining", "down", "pending" };
	json_t *j = tui_must(json_object()), *gone = tui_must(json_object());
	char id[LR_DEV_TEXT + 1];

	put(j, "id", text(lr_dev_format(&d->dev, id)));
	put(j, "name", text(d->name));
	put(j, "address", text(d->address));
	put(j, "state", text(d->state < 6 ? states[d->state] : "?"));
	put(j, "lent_bytes", number(d->lent));
	put(j, "held_bytes", number(d->held));
	put(j, "host_available_bytes", number(d->host_available));
	put(j, "p50_us", d->p50_us ? number(d->p50_us) : json_null());
	put(j, "p99_us", d->p99_us ? number(d->p99_us) : json_null());
	put(j, "since", when(d->since_ms));
	put(gone, "slots_lost", number(d->slots_lost));
	put(gone, "slots_short", number(d->slots_short));
	put(j, "if_gone", gone);
	return j;
}

static json_t *pending(const struct tui_pending *p)
{
	json_t *j = tui_must(json_object());
	char id[LR_DEV_TEXT + 1];

	put(j, "code", text(p->code));
	put(j, "id", text(lr_dev_format(&p->dev, id)));
	put(j, "name", text(p->name));
	put(j, "address", text(p->address));
	put(j, "since", when(p->since_ms));
	return j;
}

static json_t *event(const struct lr_event *e)
{
	json_t *j = tui_must(json_object());

	put(j, "seq", number(e->seq));
	put(j, "time", when(e->at_ms));
	put(j, "kind", text(lr_event_name(e->kind)));
	put(j, "device", text(e->name));
	put(j, "count", number(e->count));
	put(j, "ms", number(e->ms));
	return j;
}

void tui_json_print(const struct tui_model *m, FILE *out)
{
	json_t *j = pool(m), *list = tui_must(json_array());

	for (size_t i = 0; i < m->n_donors; i++)
		json_array_append_new(list, donor(&m->donors[i]));
	put(j, "donor_list", list);
	list = tui_must(json_array());
	for (size_t i = 0; i < m->n_pending; i++)
		json_array_append_new(list, pending(&m->pending[i]));
	put(j, "pending", list);
	list = tui_must(json_array());
	for (size_t i = m->n_events > 20 ? m->n_events - 20 : 0;
	     i < m->n_events; i++)
		json_array_append_new(list, event(&m->events[i]));
	put(j, "events", list);
	json_dumpf(j, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(j);
}
