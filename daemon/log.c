/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE 1024
#define CAUSES 64
#define LINES 16 /* of one cause in one window */
#define WINDOW_S 60

/* What one place in the source has said lately: no line twice, and not many, so
 * that a storm of one kind, each line a little different, does not flood the
 * log. */
struct cause {
	const void *id;
	time_t since;
	unsigned n, held;
	uint64_t said[LINES]; /* hashes */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum lr_log_level limit = LR_LOG_INFO;
static bool journal;
static struct cause causes[CAUSES];

bool lr_log_start(const char *level)
{
	static const struct {
		const char *name;
		enum lr_log_level level;
	} levels[] = { { "error", LR_LOG_ERROR },
		       { "warning", LR_LOG_WARNING },
		       { "info", LR_LOG_INFO },
		       { "debug", LR_LOG_DEBUG } };

	journal = getenv("JOURNAL_STREAM") != NULL;
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (!strcmp(levels[i].name, level)) {
			limit = levels[i].level;
			return true;
		}
	}
	return false;
}

static uint64_t hash_of(const char *line)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *line; line++)
		h = (h ^ (uint8_t)*line) * 1099511628211u;
	return h;
}

/* Its place, or that of the one which was silent longest. */
static struct cause *cause_of(const void *id)
{
	struct cause *oldest = &causes[0];

	for (size_t i = 0; i < CAUSES; i++) {
		if (causes[i].id == id)
			return &causes[i];
		if (causes[i].since < oldest->since)
			oldest = &causes[i];
	}
	*oldest = (struct cause){ .id = id };
	return oldest;
}

/* Under the lock. False: held back; *ret_held: how many were before it. */
static bool may_say(const void *id, const char *line, unsigned *ret_held)
{
	struct cause *c = cause_of(id);
	uint64_t h = hash_of(line);
	time_t now = time(NULL);
	bool known = false;

	*ret_held = 0;
	if (now - c->since >= WINDOW_S || now < c->since) {
		*ret_held = c->held;
		*c = (struct cause){ .id = id, .since = now };
	}
	for (unsigned i = 0; i < c->n; i++)
		known |= c->said[i] == h;
	if (known || c->n == LINES) {
		c->held++;
		return false;
	}
	c->said[c->n++] = h;
	return true;
}

/* Names and texts of others are in it: they make no lines of their own. */
static void tame(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || *line == 0x7f)
			*line = '?';
}

static void say(enum lr_log_level level, const char *line, unsigned held)
{
	char prefix[8] = "", more[48] = "";

	if (journal)
		snprintf(prefix, sizeof prefix, "<%d>", (int)level);
	if (held)
		snprintf(more, sizeof more, " (and %u more like it before)",
			 held);
	fprintf(stderr, "%s%s%s\n", prefix, line, more);
}

void lr_log(enum lr_log_level level, const void *cause, const char *fmt, ...)
{
	char line[LINE];
	unsigned held;
	va_list ap;

	if (level > limit)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	tame(line);
	pthread_mutex_lock(&lock);
	if (may_say(cause, line, &held))
		say(level, line, held);
	pthread_mutex_unlock(&lock);
}

const char *lr_log_escape(const char *text, size_t len, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 <= cap; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != 0x7f && c != '\\')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, cap - n, "\\x%02x", c);
	}
	out[n] = '\0';
	return out;
}
