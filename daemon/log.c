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
#define REMEMBERED 16
#define AGAIN_S 60

/* Lines said lately, so that the same one does not flood the log. */
struct said {
	uint64_t hash;
	time_t at;
	unsigned held;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum lr_log_level limit = LR_LOG_INFO;
static bool journal;
static struct said said[REMEMBERED];

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

/* Under the lock. False: said within the last minute, hold it back. */
static bool may_say(const char *line, unsigned *ret_held)
{
	uint64_t h = hash_of(line);
	time_t now = time(NULL);
	struct said *oldest = &said[0];

	*ret_held = 0;
	for (size_t i = 0; i < REMEMBERED; i++) {
		struct said *s = &said[i];

		if (s->hash == h && s->at && now - s->at < AGAIN_S) {
			s->held++;
			return false;
		}
		if (s->hash == h) {
			oldest = s;
			*ret_held = s->held;
			break;
		}
		if (s->at < oldest->at)
			oldest = s;
	}
	*oldest = (struct said){ h, now, 0 };
	return true;
}

void lr_log(enum lr_log_level level, const char *fmt, ...)
{
	char line[LINE];
	unsigned held;
	va_list ap;

	if (level > limit)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&lock);
	if (may_say(line, &held)) {
		char prefix[8] = "";

		if (journal)
			snprintf(prefix, sizeof prefix, "<%d>", (int)level);
		if (held)
			fprintf(stderr, "%s%s (%u more times)\n", prefix, line,
				held);
		else
			fprintf(stderr, "%s%s\n", prefix, line);
	}
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
