/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "wire/manifest.h"

static const struct {
	const char *name, *type, *labels, *help;
} table[] = {
#define ROW(name, type, labels, help) { "lanram_" #name, #type, labels, help },
	LR_METRICS(ROW)
#undef ROW
};

void lr_times_add(struct lr_times *t, uint64_t us)
{
	unsigned i = us ? 64u - (unsigned)__builtin_clzll(us) : 0;

	lr_count(&t->count[i < LR_TIMES_BUCKETS ? i : LR_TIMES_BUCKETS], 1);
	lr_count(&t->sum_us, us);
}

void lr_times_join(struct lr_times *to, const struct lr_times *from)
{
	for (unsigned i = 0; i <= LR_TIMES_BUCKETS; i++)
		lr_count(&to->count[i], from->count[i]);
	lr_count(&to->sum_us, from->sum_us);
}

/* --- samples --------------------------------------------------------------- */

static void head(struct lr_metrics *m, enum lr_metric id)
{
	if (m->last == (int)id)
		return;
	m->last = (int)id;
	fprintf(m->out, "# HELP %s %s\n# TYPE %s %s\n", table[id].name,
		table[id].help, table[id].name, table[id].type);
}

/* Names come from others, and one that is no UTF-8 would spoil the whole. */
static void quote(FILE *out, const char *value)
{
	bool good = lr_object_name_valid(value, strlen(value));

	putc('"', out);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(good || (*value >= ' ' && *value <= '~') ? *value : '?',
		     out);
	}
	putc('"', out);
}

/* name{a="1",b="2",le="..."} and the space behind it */
static void begin(struct lr_metrics *m, enum lr_metric id, const char *suffix,
		  const char *const *labels, const char *le)
{
	const char *key = table[id].labels;
	char sign = '{';

	fprintf(m->out, "%s%s", table[id].name, suffix);
	for (; labels && *key; labels++) {
		int n = (int)strcspn(key, ",");

		fprintf(m->out, "%c%.*s=", sign, n, key);
		quote(m->out, *labels);
		key += n + (key[n] == ',');
		sign = ',';
	}
	if (le)
		fprintf(m->out, "%cle=\"%s\"", sign, le);
	fputs(labels || le ? "} " : " ", m->out);
}

void lr_metric(struct lr_metrics *m, enum lr_metric id,
	       const char *const *labels, uint64_t value)
{
	head(m, id);
	begin(m, id, "", labels, NULL);
	fprintf(m->out, "%" PRIu64 "\n", value);
}

void lr_metric_ms(struct lr_metrics *m, enum lr_metric id, uint64_t ms)
{
	head(m, id);
	begin(m, id, "", NULL, NULL);
	fprintf(m->out, "%" PRIu64 ".%03u\n", ms / 1000, (unsigned)(ms % 1000));
}

/* Under 2^i whole microseconds is under 2^i of them, exactly. */
void lr_metric_times(struct lr_metrics *m, enum lr_metric id,
		     const char *const *labels, const struct lr_times *t)
{
	uint64_t seen = 0, sum = t->sum_us;
	char le[32];

	head(m, id);
	for (unsigned i = 0; i <= LR_TIMES_BUCKETS; i++) {
		snprintf(le, sizeof le, "%.9g", (double)(1ull << i) / 1e6);
		seen += t->count[i];
		begin(m, id, "_bucket", labels,
		      i < LR_TIMES_BUCKETS ? le : "+Inf");
		fprintf(m->out, "%" PRIu64 "\n", seen);
	}
	begin(m, id, "_sum", labels, NULL);
	fprintf(m->out, "%" PRIu64 ".%06u\n", sum / 1000000,
		(unsigned)(sum % 1000000));
	begin(m, id, "_count", labels, NULL);
	fprintf(m->out, "%" PRIu64 "\n", seen);
}

void lr_metric_refusals(struct lr_metrics *m, enum lr_metric id,
			const struct lr_refusals *r, unsigned n)
{
	static const char *const reasons[LR_REFUSALS] = {
		"limits",     "version", "admission",
		"permission", "stale",	 "full",
	};

	for (unsigned i = 0; i < n; i++)
		lr_metric(m, id, &reasons[i], r->n[i]);
}

/* --- the whole ------------------------------------------------------------- */

char *lr_metrics_text(lr_metrics_cb cb, void *arg, size_t *ret_len)
{
	char *text = NULL;
	struct lr_metrics m = { .out = open_memstream(&text, ret_len),
				.last = -1 };
	bool whole;

	if (!m.out)
		return NULL;
	cb(arg, &m);
	whole = !ferror(m.out);
	if (fclose(m.out) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

/* --- over a link ------------------------------------------------------------ */

/* A text of more than one part, until its last one was asked for or somebody
 * else needs the place: all its samples are of one moment. */
static struct {
	const struct lr_link *link; /* whose it is; compared, not followed */
	char *text;
	size_t len;
} kept;

static void forget_kept(void)
{
	free(kept.text);
	memset(&kept, 0, sizeof kept);
}

static void send_part(struct lr_link *link, uint64_t req, unsigned part)
{
	size_t parts = (kept.len + LR_BULK_MAX - 1) / LR_BULK_MAX;
	size_t from = (size_t)part * LR_BULK_MAX;
	struct lr_msg_metrics_r r = { .parts = (uint16_t)parts };
	struct lr_bulk bulk = { .p = kept.text + from,
				.len = kept.len - from };

	if (bulk.len > LR_BULK_MAX)
		bulk.len = LR_BULK_MAX;
	LR_SEND(link, METRICS_R, metrics_r, req, &r, &bulk);
	if (part + 1 >= parts)
		forget_kept();
}

static void new_text(struct lr_link *link, lr_metrics_cb cb, void *arg)
{
	forget_kept();
	kept.text = lr_metrics_text(cb, arg, &kept.len);
	kept.link = link;
}

void lr_metrics_answer(struct lr_link *link, const struct lr_frame *f,
		       lr_metrics_cb cb, void *arg)
{
	struct lr_msg_metrics m;
	unsigned part;

	if (!lr_dec_metrics(f->meta, f->h.meta, &m)) {
		lr_link_close(link, LR_E_PROTOCOL);
		return;
	}
	part = m.part ? m.part - 1u : 0;
	if (!part)
		new_text(link, cb, arg);
	if (kept.link != link || (size_t)part * LR_BULK_MAX > kept.len)
		lr_link_send_error(link, f->h.req, LR_E_BUSY,
				   "somebody else asked meanwhile: try again");
	else if (!kept.text)
		lr_link_send_error(link, f->h.req, LR_E_NO_MEMORY,
				   "out of memory");
	else if (!m.part && kept.len > LR_BULK_MAX)
		lr_link_send_error(link, f->h.req, LR_E_FAILED,
				   "too long for one answer: upgrade this "
				   "program, or set metrics_listen and ask "
				   "over HTTP");
	else
		send_part(link, f->h.req, part);
}
