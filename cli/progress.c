/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "client/object.h"

#define FIRST_US     1000000u
#define EVERY_US     200000u
#define NAME_COLUMNS 24

static struct {
	bool on, shown;
	const char *name;
	uint64_t total, start_us, drawn_us;
	/* where the rate is taken from: a few seconds back */
	uint64_t mark_us, mark_bytes;
	double rate; /* bytes a second */
} bar;

uint64_t progress_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t progress_ms(void)
{
	return (progress_now_us() - bar.start_us) / 1000;
}

void progress_start(const char *name, uint64_t total)
{
	const char *term = getenv("TERM");

	memset(&bar, 0, sizeof bar);
	bar.on = isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb");
	bar.name = name;
	bar.total = total;
	bar.start_us = bar.mark_us = progress_now_us();
}

static unsigned columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

/* The beginning of the name that has at most `max` columns, in bytes. */
static int fit(const char *name, unsigned max)
{
	mbstate_t state = {0};
	unsigned used = 0;
	size_t at = 0, len = strlen(name), n;
	wchar_t c;

	while (at < len) {
		n = mbrtowc(&c, name + at, len - at, &state);
		if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
			break;
		used += wcwidth(c) > 0 ? (unsigned)wcwidth(c) : 0;
		if (used > max)
			break;
		at += n;
	}
	return (int)at;
}

static void take_rate(uint64_t done, uint64_t now)
{
	double s = (double)(now - bar.mark_us) / 1e6, rate;

	if (s < 0.15)
		return;
	rate = (double)(done - bar.mark_bytes) / s;
	bar.rate = bar.rate > 0 ? bar.rate * 0.8 + rate * 0.2 : rate;
	bar.mark_us = now;
	bar.mark_bytes = done;
}

static void eta(uint64_t done, char *out, size_t cap)
{
	double s = bar.rate > 1 ? (double)(bar.total - done) / bar.rate : 1e9;
	unsigned n = (unsigned)(s + 0.5);

	if (s >= 360000)
		snprintf(out, cap, "ETA --:--");
	else if (n >= 3600)
		snprintf(out, cap, "ETA %u:%02u:%02u", n / 3600, n / 60 % 60,
			 n % 60);
	else
		snprintf(out, cap, "ETA %u:%02u", n / 60, n % 60);
}

static int numbers(uint64_t done, char *out, size_t cap)
{
	char now[24], all[24], rate[24], left[24];

	lr_text_bytes(done, now);
	lr_text_bytes((uint64_t)bar.rate, rate);
	if (!bar.total || done > bar.total)
		return snprintf(out, cap, "%s  %s/s", now, rate);
	lr_text_bytes(bar.total, all);
	eta(done, left, sizeof left);
	return snprintf(out, cap, "%s of %s  %2.0f %%  %s/s  %s", now, all,
			100.0 * (double)done / (double)bar.total, rate, left);
}

/* "  [=====     ]" of at most `room` columns, or nothing. */
static void fill_bar(char *out, size_t cap, unsigned room, uint64_t done)
{
	unsigned cells = room > 4 ? room - 4 : 0, full;

	out[0] = '\0';
	if (cells > 40)
		cells = 40;
	if (cells < 10 || cells + 5 > cap || !bar.total || done > bar.total)
		return;
	full = (unsigned)((double)cells * (double)done / (double)bar.total);
	memcpy(out, "  [", 3);
	memset(out + 3, ' ', cells);
	memset(out + 3, '=', full);
	memcpy(out + 3 + cells, "]", 2);
}

/* One line, never wider than the terminal; the bar goes first, then the
 * name. */
static void draw(uint64_t done)
{
	char text[160], cells[64];
	unsigned wide = columns() - 1, n, room, name = 0;

	n = (unsigned)numbers(done, text, sizeof text);
	if (n > wide)
		n = (unsigned)snprintf(text, sizeof text, "%s",
				       lr_text_bytes(done, cells));
	if (n > wide)
		return;
	room = wide - n;
	if (room > 6 && bar.name[0])
		name = (unsigned)fit(bar.name, room - 2 < NAME_COLUMNS
						       ? room - 2
						       : NAME_COLUMNS);
	room = room > name + 2 ? room - name - 2 : 0;
	fill_bar(cells, sizeof cells, room, done);
	fprintf(stderr, "\r%.*s%s%s%s\033[K", (int)name, bar.name,
		name ? "  " : "", text, cells);
	fflush(stderr);
	bar.shown = true;
}

/* Somebody sits in front of it, and we may write there now. */
static bool is_in_front(void)
{
	pid_t front = tcgetpgrp(STDERR_FILENO);

	return front < 0 || front == getpgrp();
}

void progress_to(uint64_t done)
{
	uint64_t now;

	if (!bar.on)
		return;
	now = progress_now_us();
	if (now - bar.start_us < FIRST_US / 2)
		return;
	if (!bar.mark_bytes && !bar.rate)
		bar.mark_us = bar.start_us;
	take_rate(done, now);
	if (now - bar.start_us < FIRST_US || now - bar.drawn_us < EVERY_US ||
	    !is_in_front())
		return;
	bar.drawn_us = now;
	draw(done);
}

void progress_hide(void)
{
	if (!bar.shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	bar.shown = false;
}

void progress_stop(void)
{
	progress_hide();
	bar.on = false;
}
