/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences: what went wrong with data, and what to do next. */
#include "client/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char *lr_text_bytes(uint64_t n, char *out)
{
	static const char *const unit[] = {"B",	  "KiB", "MiB",
					   "GiB", "TiB", "PiB"};
	double v = (double)n;
	unsigned u = 0;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	snprintf(out, 24, u && v < 100 ? "%.1f %s" : "%.0f %s", v, unit[u]);
	return out;
}

char *lr_text_count(uint64_t n, char *out)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof digits, "%llu",
				      (unsigned long long)n);
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

void lr_text_of_frame(const struct lr_frame *f, char *out, size_t cap)
{
	struct lr_msg_error e;
	struct lr_msg_done d;

	out[0] = '\0';
	if (!f)
		return;
	if (f->h.type == LR_M_ERROR && lr_dec_error(f->meta, f->h.meta, &e))
		lr_str_copy(e.text, out, cap);
	else if (f->h.type == LR_M_DONE && lr_dec_done(f->meta, f->h.meta, &d))
		lr_str_copy(d.text, out, cap);
}

/* The names alone: "birch, silent for 40 s and cedar" -> "birch". */
static void first_name(const char *who, char *out, size_t cap)
{
	lr_str_copy((struct lr_str){who, (uint16_t)strcspn(who, ", ")}, out,
		    cap);
}

bool lr_text_retry(const char *who, char *out, size_t cap)
{
	bool silent = strstr(who, "silent") != NULL;
	char name[LR_NAME_MAX];

	first_name(who, name, sizeof name);
	if (silent)
		snprintf(out, cap,
			 "Start %s and retry; if its RAM is gone: lanram "
			 "forget %s",
			 name, name);
	else
		snprintf(out, cap,
			 "Retry; `lanram status` tells how the pool is");
	return silent;
}

static void unreachable(const char *ref, const char *what, const char *who,
			char *out, size_t cap)
{
	char retry[2 * LR_NAME_MAX + 64];

	if (!lr_text_retry(who, retry, sizeof retry))
		snprintf(out, cap, "%s cannot be read now%s%s%s%s. %s", ref,
			 what[0] || who[0] ? ": " : "", what,
			 what[0] && who[0] ? " cannot be reached: " : "", who,
			 retry);
	else
		snprintf(out, cap,
			 "%s cannot be read now: %s %s only on %s. %s", ref,
			 what[0] ? what : "it", what[0] ? "are" : "is", who,
			 retry);
}

/* detail: "12 of 4,812 chunks|birch, silent for 40 s", or one part of it. */
static void split(const char *detail, char *what, size_t cap, const char **who)
{
	const char *bar = strchr(detail, '|');

	what[0] = '\0';
	*who = detail;
	if (!bar)
		return;
	lr_str_copy((struct lr_str){detail, (uint16_t)(bar - detail)}, what,
		    cap);
	*who = bar + 1;
}

void lr_text_entry(enum lr_err err, const char *ref, const char *detail,
		   char *out, size_t cap)
{
	char what[128];
	const char *who;

	split(detail, what, sizeof what, &who);
	if (err == LR_E_ABSENT && !detail[0])
		snprintf(out, cap,
			 "no object or name \"%s\". `lanram list` shows what "
			 "is yours.",
			 ref);
	else if (err == LR_E_UNREACHABLE)
		unreachable(ref, what, who, out, cap);
	else if (err == LR_E_LOST && what[0])
		snprintf(out, cap, "%s is lost: %s%s%s%s. lanram remove %s",
			 ref, who[0] ? "the copies of " : "of ", what,
			 who[0] ? " were on " : " no copy is left", who, ref);
	else if (err == LR_E_LOST)
		snprintf(out, cap, "%s is lost: %s%s. lanram remove %s", ref,
			 who[0] ? "its copies were on " : "no copy is left",
			 who, ref);
	else if (err == LR_E_ABSENT || err == LR_E_CORRUPT)
		snprintf(out, cap, "%s: %s", ref, detail);
	else
		snprintf(out, cap, "%s", detail[0] ? detail : lr_err_text(err));
}

/* --- who held what is lost --------------------------------------------------
 */

#define LOSS_MAX 8

static void say_times(const uint64_t *back_ms, size_t n, char *out, size_t cap)
{
	char text[8];
	struct tm tm;
	time_t t;
	size_t at = (size_t)snprintf(out, cap, ", restarted at ");

	for (size_t i = 0; i < n && at < cap; i++) {
		t = (time_t)(back_ms[i] / 1000);
		strftime(text, sizeof text, "%H:%M", localtime_r(&t, &tm));
		at += (size_t)snprintf(out + at, cap - at, "%s%s",
				       i == 0	    ? ""
				       : i + 1 == n ? " and "
						    : ", ",
				       text);
	}
}

/* Times are told where each of them came back. */
static void say_loss(const struct lr_frame *f, char *out, size_t cap)
{
	struct lr_reader in = lr_reader(f->bulk, f->h.bulk);
	uint64_t back_ms[LOSS_MAX];
	struct lr_rec_loss r;
	size_t n = 0, at = 0;
	bool all_back = true;

	while (in.left && n < LOSS_MAX && lr_dec_rec_loss(&in, &r) &&
	       at < cap) {
		at += (size_t)snprintf(out + at, cap - at, "%s%.*s",
				       n == 0	  ? ""
				       : !in.left ? " and "
						  : ", ",
				       (int)r.name.n, r.name.p);
		back_ms[n++] = r.back_ms;
		all_back = all_back && r.back_ms;
	}
	if (n && all_back && at < cap)
		say_times(back_ms, n, out + at, cap - at);
}

struct losing {
	lr_object_cb cb;
	void *arg;
};

static void loss_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct losing *l = arg;
	char text[256] = "";

	if (!err && f && f->h.type == LR_M_LOSS_R)
		say_loss(f, text, sizeof text);
	l->cb(l->arg, LR_E_OK, text);
	free(l);
}

void lr_explain_lost(const struct lr_object_env *env, const uint16_t *slots,
		     size_t n, lr_object_cb cb, void *arg)
{
	struct losing *l = malloc(sizeof *l);
	uint8_t list[512], meta[600];
	struct lr_writer lw = lr_writer(list, sizeof list),
			 w = lr_writer(meta, sizeof meta);
	struct lr_msg_loss m = {.uid = env->uid};

	if (!l)
		abort();
	*l = (struct losing){cb, arg};
	for (size_t i = 0; i < n && i < sizeof list / 2; i++)
		lr_w_u16(&lw, slots[i]);
	m.slots = (struct lr_str){(const char *)list, (uint16_t)lw.len};
	lr_enc_loss(&w, &m);
	env->entries->ops->ask(env->entries, LR_M_LOSS, meta, w.len, 2000,
			       loss_cb, l);
}

/* --- with the donors' numbers ------------------------------------------------
 */

#define DONORS_SHOWN 8

struct donors {
	unsigned up;
	uint64_t free;
	char names[DONORS_SHOWN][LR_NAME_MAX];
	/* the one whose machine has most RAM unused */
	char richest[LR_NAME_MAX];
	uint64_t unused, lent;
};

struct explaining {
	uint64_t size;
	unsigned copies, wanted;
	void (*say)(const struct explaining *x, const struct donors *d,
		    char *out, size_t cap);
	lr_object_cb cb;
	void *arg;
};

/* For users: a donor is full at 95 %, and keeps a segment in reserve. */
static uint64_t room(const struct lr_rec_donor *rec)
{
	uint64_t cap = rec->lent / 100 * 95, used = rec->held + (8u << 20);

	return cap > used ? cap - used : 0;
}

static void count_donor(struct donors *d, const struct lr_rec_donor *rec)
{
	if (rec->state != LR_DONOR_UP && rec->state != LR_DONOR_SUSPECT &&
	    rec->state != LR_DONOR_GIVING)
		return;
	if (d->up < DONORS_SHOWN)
		lr_str_copy(rec->name, d->names[d->up], LR_NAME_MAX);
	d->up++;
	d->free += room(rec);
	if (rec->host_available < d->unused)
		return;
	d->unused = rec->host_available;
	d->lent = rec->lent;
	lr_str_copy(rec->name, d->richest, sizeof d->richest);
}

static bool read_donors(struct donors *d, enum lr_err err,
			const struct lr_frame *f)
{
	struct lr_reader in;
	struct lr_rec_donor rec;

	memset(d, 0, sizeof *d);
	if (err || !f || f->h.type != LR_M_DONORS_R)
		return false;
	in = lr_reader(f->bulk, f->h.bulk);
	while (in.left && lr_dec_rec_donor(&in, &rec))
		count_donor(d, &rec);
	return !in.bad;
}

/* "anvil", "anvil and birch", "anvil, birch and cedar" */
static void join_names(const struct donors *d, char *out, size_t cap)
{
	size_t at = 0;
	unsigned n = d->up < DONORS_SHOWN ? d->up : DONORS_SHOWN;

	out[0] = '\0';
	for (unsigned i = 0; i < n && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%s",
				       i == 0	    ? ""
				       : i + 1 == n ? " and "
						    : ", ",
				       d->names[i]);
}

static void say_degraded(const struct explaining *x, const struct donors *d,
			 char *out, size_t cap)
{
	static const char *const nth[] = {"", "first", "second", "third"};
	char names[256];

	join_names(d, names, sizeof names);
	if (d->up == 0 || d->up >= x->wanted)
		snprintf(out, cap,
			 "donors are coming or going; copied again as soon as "
			 "%u of them are settled.",
			 x->wanted);
	else if (d->up == 1)
		snprintf(out, cap,
			 "only %s lends RAM; if %s stops, it is gone. Copied "
			 "again when a second donor joins.",
			 names, names);
	else
		snprintf(out, cap,
			 "only %s lend RAM. Copied again when a %s donor "
			 "joins.",
			 names, nth[d->up + 1 <= 3 ? d->up + 1 : 3]);
}

/* What to lend instead: what is lent and most of what is unused there. */
static void advise(const struct donors *d, char *out, size_t cap)
{
	uint64_t lend = d->lent + d->unused / 10 * 8;
	char unused[24];

	lr_text_bytes(d->unused, unused);
	if (lend >= UINT64_C(1) << 30)
		snprintf(out, cap, "%lluG", (unsigned long long)(lend >> 30));
	else
		snprintf(out, cap, "%lluM", (unsigned long long)(lend >> 20));
}

static void say_full(const struct explaining *x, const struct donors *d,
		     char *out, size_t cap)
{
	char needs[24], size[24], left[48], unused[24], lend[32];

	lr_text_bytes(x->size * x->copies, needs);
	lr_text_bytes(x->size, size);
	lr_text_bytes(d->free, left);
	lr_text_bytes(d->unused, unused);
	advise(d, lend, sizeof lend);
	if (d->free >= x->size * x->copies)
		strcat(left, ", not all where copies go,");
	if (!d->richest[0])
		snprintf(out, cap,
			 "pool full: needs %s (%u copies of %s), no donor "
			 "lends RAM now. Nothing was stored.",
			 needs, x->copies, size);
	else
		snprintf(out, cap,
			 "pool full: needs %s (%u %s of %s), %s is free. "
			 "Nothing was stored. More: `lanram lend %s` on %s (%s "
			 "unused there).",
			 needs, x->copies, x->copies == 1 ? "copy" : "copies",
			 size, left, lend, d->richest, unused);
}

static void donors_cb(void *arg, enum lr_err err, const struct lr_frame *f)
{
	struct explaining *x = arg;
	struct donors d;
	char text[LR_OBJECT_TEXT] = "";

	if (read_donors(&d, err, f))
		x->say(x, &d, text, sizeof text);
	else if (x->wanted)
		snprintf(text, sizeof text, "too few donors lend RAM.");
	else
		snprintf(text, sizeof text, "pool full. Nothing was stored.");
	x->cb(x->arg, LR_E_OK, text);
	free(x);
}

static void explain(const struct lr_object_env *env,
		    const struct explaining *from)
{
	struct lr_msg_donors m = {.uid = env->uid};
	struct explaining *x = malloc(sizeof *x);
	uint8_t meta[16];
	struct lr_writer w = lr_writer(meta, sizeof meta);

	if (!x)
		abort();
	*x = *from;
	lr_enc_donors(&w, &m);
	env->entries->ops->ask(env->entries, LR_M_DONORS, meta, w.len, 2000,
			       donors_cb, x);
}

void lr_explain_full(const struct lr_object_env *env, uint64_t size,
		     unsigned copies, lr_object_cb cb, void *arg)
{
	explain(env, &(struct explaining){.size = size,
					  .copies = copies,
					  .say = say_full,
					  .cb = cb,
					  .arg = arg});
}

void lr_explain_degraded(const struct lr_object_env *env, unsigned copies,
			 unsigned wanted, lr_object_cb cb, void *arg)
{
	explain(env, &(struct explaining){.copies = copies,
					  .wanted = wanted,
					  .say = say_degraded,
					  .cb = cb,
					  .arg = arg});
}
