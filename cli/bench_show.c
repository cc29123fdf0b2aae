/* SPDX-License-Identifier: Apache-2.0 */
/* The figures as a bar chart (terminal and SVG), a sentence, and JSON. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/output.h"

#define BAR 32		/* columns of the longest */
#define LEAST_US 0.05 /* where the logarithmic scale begins */

static const struct bench_row *slowest(const struct bench *b)
{
	const struct bench_row *most = &b->row[0];

	for (size_t i = 1; i < b->n; i++)
		if (b->row[i].p50_us > most->p50_us)
			most = &b->row[i];
	return most;
}

/* 0..1 of the longest bar. */
static double share(const struct bench *b, double us)
{
	double most = log10(slowest(b)->p50_us / LEAST_US);
	double part = log10(us / LEAST_US) / (most > 0 ? most : 1);

	return part < 0.03 ? 0.03 : part;
}

static const char *text_us(double us, char *out)
{
	if (us < 10)
		sprintf(out, "%.2f us", us);
	else if (us < 1000)
		sprintf(out, "%.0f us", us);
	else
		sprintf(out, "%.1f ms", us / 1000);
	return out;
}

static const char *text_rate(double mib_s, char *out)
{
	if (mib_s > 0)
		sprintf(out, "%.0f MiB/s", mib_s);
	else
		strcpy(out, "-");
	return out;
}

/* --- the sentence --------------------------------------------------------- */

static const struct bench_row *pool_row(const struct bench *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->row[i].kind == BENCH_POOL)
			return &b->row[i];
	return NULL;
}

static int compare_text(const struct bench_row *pool,
			const struct bench_row *other, char *out, size_t cap)
{
	double ratio = other->p50_us / pool->p50_us;
	bool faster = ratio >= 1;

	ratio = faster ? ratio : 1 / ratio;
	if (ratio < 1.1)
		return snprintf(out, cap, "as fast as %s", other->name);
	return snprintf(out, cap, "%.*f x %s than %s", ratio < 10 ? 1 : 0,
			ratio, faster ? "faster" : "slower", other->name);
}

/* "Reading 2.0 KiB from this pool is 40 x faster than /dev/sda (HDD), ..." */
static void verdict(const struct bench *b, char *out, size_t cap)
{
	const struct bench_row *pool = pool_row(b);
	char size[24];
	size_t at = (size_t)snprintf(out, cap,
				     "Reading %s from this pool is ",
				     lr_text_bytes(b->size, size));
	size_t said = 0;

	for (size_t i = b->n; i-- > 0 && at < cap;) {
		if (&b->row[i] == pool)
			continue;
		at += (size_t)snprintf(out + at, cap - at, "%s",
				       said++ ? ", " : "");
		if (at < cap)
			at += (size_t)compare_text(pool, &b->row[i], out + at,
						   cap - at);
	}
	if (at < cap)
		snprintf(out + at, cap - at, ".");
}

/* --- the terminal --------------------------------------------------------- */

static void print_bars(const struct bench *b)
{
	char bar[BAR + 1], us[32], size[24];
	struct out_table t;

	printf("One random read of %s, median, on a logarithmic scale:\n\n",
	       lr_text_bytes(b->size, size));
	out_table_init(&t, "||>P50|>P99|>READ|>WRITE");
	for (size_t i = 0; i < b->n; i++) {
		const struct bench_row *r = &b->row[i];
		int n = (int)(share(b, r->p50_us) * BAR + 0.5);

		memset(bar, '#', (size_t)n);
		bar[n] = '\0';
		out_cell(&t, out_escape(r->name, strlen(r->name)));
		out_cellf(&t, "%s", bar);
		out_cellf(&t, "%s", text_us(r->p50_us, us));
		out_cellf(&t, "%s", text_us(r->p99_us, us));
		out_cellf(&t, "%s", text_rate(r->read_mib_s, us));
		out_cellf(&t, "%s", text_rate(r->write_mib_s, us));
	}
	out_table_print(&t);
}

int bench_print(const struct bench *b)
{
	char p50[32], p99[32], text[1024], size[24];

	print_bars(b);
	verdict(b, text, sizeof text);
	printf("\n%u strings of %s, %d cop%s: stored in %s each (p99 %s)\n%s\n",
	       b->values, lr_text_bytes(b->size, size), b->copies,
	       b->copies == 1 ? "y" : "ies", text_us(b->store_p50_us, p50),
	       text_us(b->store_p99_us, p99), text);
	return out_finish(0);
}

/* --- JSON ----------------------------------------------------------------- */

static json_t *number(double n)
{
	return n > 0 ? out_must(json_real(n)) : json_null();
}

int bench_json(const struct bench *b)
{
	static const char *const kinds[] = {"ram", "pool", "disk"};
	json_t *media = out_must(json_array());
	char text[1024];

	for (size_t i = 0; i < b->n; i++) {
		const struct bench_row *r = &b->row[i];

		json_array_append_new(
			media,
			json_pack("{so ss s{so so} so so}", "name",
				  out_json_text(r->name), "kind",
				  kinds[r->kind], "read_us", "p50",
				  number(r->p50_us), "p99", number(r->p99_us),
				  "read_mib_per_s", number(r->read_mib_s),
				  "write_mib_per_s", number(r->write_mib_s)));
	}
	verdict(b, text, sizeof text);
	return out_json(json_pack("{so sI sI si s{so so} so}", "media", media,
				  "values", (json_int_t)b->values,
				  "value_bytes", (json_int_t)b->size, "copies",
				  b->copies, "store_us", "p50",
				  number(b->store_p50_us), "p99",
				  number(b->store_p99_us), "verdict",
				  out_json_text(text)),
			0);
}

/* --- SVG ------------------------------------------------------------------ */

static void xml(FILE *f, const char *s)
{
	char *safe = out_escape(s, strlen(s));

	for (const char *p = safe; *p; p++)
		if (*p == '<' || *p == '>' || *p == '&')
			fprintf(f, "&#%d;", *p);
		else
			fputc(*p, f);
	free(safe);
}

static void svg_bar(FILE *f, const struct bench *b, size_t i)
{
	static const char *const colours[] = {"#7a9e7e", "#d9822b", "#5c7fa3"};
	const struct bench_row *r = &b->row[i];
	double y = 44 + 34 * (double)i, wide = share(b, r->p50_us) * 340;
	char us[32];

	fprintf(f, "<text x='210' y='%.0f' text-anchor='end'>", y + 16);
	xml(f, r->name);
	fprintf(f,
		"</text><rect x='220' y='%.0f' width='%.1f' height='22' "
		"fill='%s'/><text x='%.1f' y='%.0f'>%s</text>\n",
		y, wide, colours[r->kind], 228 + wide, y + 16,
		text_us(r->p50_us, us));
}

int bench_svg(const struct bench *b, const char *path)
{
	FILE *f = fopen(path, "we");
	double high = 44 + 34 * (double)b->n + 16;
	char size[24];
	int failed;

	if (!f)
		return out_say(1, "%s: %s", path, strerror(errno));
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='680' "
		"height='%.0f' font-family='sans-serif' font-size='14'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n"
		"<text x='20' y='26'>One random read of %s, median "
		"(logarithmic)</text>\n",
		high, lr_text_bytes(b->size, size));
	for (size_t i = 0; i < b->n; i++)
		svg_bar(f, b, i);
	fputs("</svg>\n", f);
	failed = ferror(f);
	if (fclose(f) != 0 || failed)
		return out_say(1, "%s: %s", path, strerror(errno));
	return 0;
}
