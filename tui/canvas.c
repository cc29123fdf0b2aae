/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/canvas.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void tui_canvas_reset(struct tui_canvas *c, int rows, int cols)
{
	size_t n = (size_t)rows * (size_t)cols;

	if (rows != c->rows || cols != c->cols) {
		free(c->cells);
		c->cells = calloc(n ? n : 1, sizeof *c->cells);
		if (!c->cells) {
			fputs("out of memory\n", stderr);
			exit(1);
		}
		c->rows = rows;
		c->cols = cols;
	}
	for (size_t i = 0; i < n; i++)
		c->cells[i] = (struct tui_cell){ L' ', TUI_PLAIN };
	c->n_hot = 0;
}

void tui_canvas_done(struct tui_canvas *c)
{
	free(c->cells);
	memset(c, 0, sizeof *c);
}

/* --- text ------------------------------------------------------------------ */

/* One character from UTF-8, the locale's or not; '?' for what is none. */
static wchar_t next_char(const char **at)
{
	const unsigned char *p = (const unsigned char *)*at;
	unsigned n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t ch = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	if (p[0] >= 0x80 && (p[0] < 0xc2 || p[0] > 0xf4))
		goto bad;
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			goto bad;
		ch = ch << 6 | (p[i] & 0x3f);
	}
	*at += n;
	return (wchar_t)ch;
bad:
	*at += 1;
	return L'?';
}

static bool is_harmless(wchar_t ch)
{
	return ch >= 0x20 && ch != 0x7f && !(ch >= 0x80 && ch < 0xa0) &&
	       !(ch >= 0x200b && ch <= 0x200f) &&
	       !(ch >= 0x2028 && ch <= 0x202e) &&
	       !(ch >= 0x2066 && ch <= 0x2069) && ch != 0xfeff;
}

static int columns_of(const struct tui_canvas *c, wchar_t *ch)
{
	int w;

	if (!is_harmless(*ch) || (*ch > 0x7e && c && !c->utf8)) {
		*ch = L'?';
		return 1;
	}
	if (*ch < 0x7f)
		return 1;
	w = wcwidth(*ch);
	if (w == 1 || w == 2)
		return w;
	*ch = L'?'; /* combining marks, too: one cell, one character */
	return 1;
}

static void set(struct tui_canvas *c, int y, int x, wchar_t ch,
		enum tui_style style)
{
	if (y < 0 || y >= c->rows || x < 0 || x >= c->cols)
		return;
	c->cells[y * c->cols + x] = (struct tui_cell){ ch, (uint8_t)style };
}

static int put_within(struct tui_canvas *c, int y, int x, int end,
		      enum tui_style style, const char *text)
{
	while (*text) {
		wchar_t ch = next_char(&text);
		int w = columns_of(c, &ch);

		if (x + w > end)
			break;
		set(c, y, x, ch, style);
		if (w == 2)
			set(c, y, x + 1, 0, style);
		x += w;
	}
	return x;
}

int tui_put(struct tui_canvas *c, int y, int x, enum tui_style style,
	    const char *text)
{
	return put_within(c, y, x, c->cols, style, text);
}

int tui_putf(struct tui_canvas *c, int y, int x, enum tui_style style,
	     const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return tui_put(c, y, x, style, text);
}

int tui_width(const char *text)
{
	int n = 0;

	while (*text) {
		wchar_t ch = next_char(&text);

		n += columns_of(NULL, &ch);
	}
	return n;
}

int tui_cell(struct tui_canvas *c, int y, int x, int w, enum tui_style style,
	     const char *text)
{
	int end = x + w < c->cols ? x + w : c->cols;
	int at = put_within(c, y, x, end, style, text);

	for (; at < end; at++)
		set(c, y, at, L' ', style);
	return x + w;
}

int tui_cell_right(struct tui_canvas *c, int y, int x, int w,
		   enum tui_style style, const char *text)
{
	int pad = w - tui_width(text);

	tui_cell(c, y, x, pad > 0 ? pad : 0, style, "");
	tui_cell(c, y, x + (pad > 0 ? pad : 0), pad > 0 ? w - pad : w, style,
		 text);
	return x + w;
}

void tui_paint(struct tui_canvas *c, int y, int x, int w, enum tui_style style)
{
	if (y < 0 || y >= c->rows)
		return;
	for (; w-- > 0 && x < c->cols; x++)
		if (x >= 0)
			c->cells[y * c->cols + x].style = (uint8_t)style;
}

/* --- shapes ------------------------------------------------------------------ */

void tui_rule(struct tui_canvas *c, int y, const char *title,
	      const char *right)
{
	wchar_t dash = c->utf8 ? 0x2500 : L'-';

	for (int x = 0; x < c->cols; x++)
		set(c, y, x, dash, TUI_PLAIN);
	tui_put(c, y, 2, TUI_BOLD, title);
	if (right && *right && c->cols > tui_width(title) + tui_width(right) + 6)
		tui_put(c, y, c->cols - 1 - tui_width(right), TUI_PLAIN, right);
}

int tui_bar(struct tui_canvas *c, int y, int x, int w, enum tui_style style,
	    double part)
{
	int inner = w - 2, full;

	if (inner < 1)
		return x;
	part = part > 0 ? part < 1 ? part : 1 : 0;
	full = (int)(part * inner + 0.5);
	if (part > 0 && full == 0)
		full = 1;
	if (part < 1 && full == inner)
		full = inner - 1;
	set(c, y, x, L'[', TUI_PLAIN);
	for (int i = 0; i < inner; i++)
		set(c, y, x + 1 + i,
		    i < full ? (c->utf8 ? 0x2588 : L'#') : L'.',
		    i < full ? style : TUI_PLAIN);
	set(c, y, x + w - 1, L']', TUI_PLAIN);
	return x + w;
}

int tui_spark(struct tui_canvas *c, int y, int x, int w, const double *v,
	      size_t n)
{
	static const char ascii[] = "_.-=+*%#";
	double top = 0;

	for (size_t i = 0; i < n; i++)
		top = v[i] > top ? v[i] : top;
	for (int i = 0; i < w; i++) {
		size_t back = (size_t)(w - i);
		double share = back <= n && top > 0 ? v[n - back] / top : 0;
		int level = (int)(share * 7 + 0.5);

		set(c, y, x + i,
		    back > n ? L' ' :
		    c->utf8  ? 0x2581 + level :
			       (wchar_t)ascii[level],
		    TUI_GOOD);
	}
	return x + w;
}

void tui_hot(struct tui_canvas *c, int y, int x, int w, int key, unsigned row)
{
	if (c->n_hot < TUI_HOT_MAX)
		c->hot[c->n_hot++] = (struct tui_hot){ y, x, w, key, row };
}

/* --- as text -------------------------------------------------------------- */

static void print_char(wchar_t ch, FILE *out)
{
	if (ch < 0x80) {
		fputc((int)ch, out);
	} else if (ch < 0x800) {
		fputc(0xc0 | (int)(ch >> 6), out);
		fputc(0x80 | (int)(ch & 0x3f), out);
	} else if (ch < 0x10000) {
		fputc(0xe0 | (int)(ch >> 12), out);
		fputc(0x80 | (int)(ch >> 6 & 0x3f), out);
		fputc(0x80 | (int)(ch & 0x3f), out);
	} else {
		fputc(0xf0 | (int)(ch >> 18), out);
		fputc(0x80 | (int)(ch >> 12 & 0x3f), out);
		fputc(0x80 | (int)(ch >> 6 & 0x3f), out);
		fputc(0x80 | (int)(ch & 0x3f), out);
	}
}

void tui_canvas_print(const struct tui_canvas *c, FILE *out)
{
	for (int y = 0; y < c->rows; y++) {
		const struct tui_cell *row = &c->cells[y * c->cols];
		int end = c->cols;

		while (end > 0 && row[end - 1].ch == L' ')
			end--;
		for (int x = 0; x < end; x++)
			if (row[x].ch)
				print_char(row[x].ch, out);
		fputc('\n', out);
	}
}

/* --- numbers ----------------------------------------------------------------- */

char *tui_bytes(uint64_t bytes, char *out)
{
	static const char units[] = "BKMGTPE";
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 999.5 && units[u + 1]) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		snprintf(out, 16, "%" PRIu64 "B", bytes);
	else
		snprintf(out, 16, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[u]);
	return out;
}

char *tui_count(uint64_t n, char *out)
{
	char raw[24];
	size_t len = (size_t)snprintf(raw, sizeof raw, "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = raw[i];
	}
	out[at] = '\0';
	return out;
}

char *tui_us(uint32_t us, char *out)
{
	if (!us)
		strcpy(out, "-");
	else if (us < 1000)
		snprintf(out, 16, "%uu", us);
	else if (us < 10000)
		snprintf(out, 16, "%.1fm", us / 1e3);
	else if (us < 1000000)
		snprintf(out, 16, "%um", us / 1000);
	else
		snprintf(out, 16, "%.1fs", us / 1e6);
	return out;
}

char *tui_span(uint64_t ms, char *out)
{
	unsigned long long s = ms / 1000;

	if (s < 120)
		snprintf(out, 16, "%llus", s);
	else if (s < 7200)
		snprintf(out, 16, "%llum", s / 60);
	else if (s < 172800)
		snprintf(out, 16, "%lluh", s / 3600);
	else
		snprintf(out, 16, "%llud", s / 86400);
	return out;
}
