/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "cli/progress.h"

void *out_must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	return p;
}

/* --- text from outside ------------------------------------------------------
 */

/* Length of the well-formed UTF-8 character at `p`; 0: none. */
static size_t utf8(const unsigned char *p, size_t left, uint32_t *ret)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if ((p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

static bool is_harmless(uint32_t c)
{
	return c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) &&
	       !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2066 && c <= 0x2069) && c != 0xfeff;
}

char *out_escape(const char *text, size_t len)
{
	char *out = out_must(malloc(len * 4 + 1)), *to = out;
	const unsigned char *p = (const unsigned char *)text;
	size_t n, i;
	uint32_t c = 0;

	for (i = 0; i < len; i += n) {
		n = utf8(p + i, len - i, &c);
		if (n && is_harmless(c)) {
			memcpy(to, p + i, n);
			to += n;
			continue;
		}
		n = n ? n : 1;
		for (size_t k = 0; k < n; k++)
			to += sprintf(to, "\\x%02x", p[i + k]);
	}
	*to = '\0';
	return out;
}

char *out_escape_str(struct lr_str s)
{
	return out_escape(s.n ? s.p : "", s.n);
}

int out_say(int code, const char *fmt, ...)
{
	char *text = NULL, *safe;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	out_must(text);
	safe = out_escape(text, strlen(text));
	progress_hide();
	fflush(stdout);
	fprintf(stderr, "%s\n", safe);
	free(safe);
	free(text);
	return code;
}

int out_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE)
		return 1; /* `| head` has seen enough */
	return out_say(1, "standard output: %s", strerror(errno));
}

/* --- times
 * ---------------------------------------------------------------------- */

char *out_time(uint64_t unix_ms, char *out)
{
	time_t t = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!unix_ms || !gmtime_r(&t, &tm) ||
	    !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(out, "-");
	return out;
}

char *out_local_time(uint64_t unix_ms, char *out)
{
	time_t t = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!unix_ms || !localtime_r(&t, &tm) ||
	    !strftime(out, 32, "%Y-%m-%d %H:%M", &tm))
		strcpy(out, "-");
	return out;
}

char *out_span(uint64_t ms, char *out)
{
	unsigned long long s = ms / 1000;

	if (s < 120)
		snprintf(out, 32, "%llu s", s);
	else if (s < 7200)
		snprintf(out, 32, "%llu min", s / 60);
	else if (s < 172800)
		snprintf(out, 32, "%llu h", s / 3600);
	else
		snprintf(out, 32, "%llu days", s / 86400);
	return out;
}

/* --- tables
 * ------------------------------------------------------------------------ */

void out_cell(struct out_table *t, char *text)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells =
			out_must(realloc(t->cells, t->cap * sizeof *t->cells));
	}
	t->cells[t->n++] = out_must(text);
}

void out_cellf(struct out_table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	out_cell(t, text);
}

void out_table_init(struct out_table *t, const char *head)
{
	size_t n;

	memset(t, 0, sizeof *t);
	for (; *head; head += n + (head[n] == '|')) {
		t->right[t->columns] = *head == '>';
		head += *head == '>';
		n = strcspn(head, "|");
		out_cell(t, strndup(head, n));
		t->columns++;
	}
}

/* Columns on a screen; bytes where the locale cannot tell. */
static size_t width_of(const char *s)
{
	wchar_t wide[512];
	size_t n = mbstowcs(wide, s, 512);
	int cols = n < 512 ? wcswidth(wide, n) : -1;

	return cols >= 0 ? (size_t)cols : strlen(s);
}

static void print_cell(const struct out_table *t, size_t i, size_t width)
{
	const char *s = t->cells[i];
	unsigned col = (unsigned)(i % t->columns);
	int pad = (int)(width - width_of(s));
	bool last = col + 1 == t->columns;

	if (t->right[col])
		printf("%*s%s", pad, "", s);
	else
		printf("%s%*s", s, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void out_table_print(struct out_table *t)
{
	size_t width[OUT_COLUMNS] = {0}, w;

	for (size_t i = 0; i < t->n; i++) {
		w = width_of(t->cells[i]);
		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->n; i++) {
		print_cell(t, i, width[i % t->columns]);
		free(t->cells[i]);
	}
	free(t->cells);
}

/* --- JSON
 * -----------------------------------------------------------------------------
 */

/* Bytes that are no UTF-8 cannot stand in JSON: they are escaped. */
static json_t *text_n(const char *p, size_t n)
{
	json_t *j = n ? json_stringn(p, n) : json_null();
	char *safe;

	if (j)
		return j;
	safe = out_escape(p, n);
	j = json_string(safe);
	free(safe);
	return out_must(j);
}

json_t *out_json_str(struct lr_str s)
{
	return text_n(s.p, s.n);
}

json_t *out_json_text(const char *s)
{
	return text_n(s, strlen(s));
}

json_t *out_json_time(uint64_t unix_ms)
{
	char text[32];

	return unix_ms ? out_json_text(out_time(unix_ms, text)) : json_null();
}

json_t *out_json_u64(uint64_t n)
{
	return out_must(json_integer((json_int_t)n));
}

json_t *out_json_dev(const struct lr_dev *dev)
{
	char text[LR_DEV_TEXT + 1];

	return out_json_text(lr_dev_format(dev, text));
}

int out_json(json_t *j, int code)
{
	out_must(j);
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
	return out_finish(code);
}
