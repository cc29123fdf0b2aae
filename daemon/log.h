/* SPDX-License-Identifier: Apache-2.0 */
/* The daemons' log: lines on stderr, with journald's level prefixes where
 * stderr is the journal. Any thread. What came from outside makes no line of its
 * own. What one place in the source says, and be it a little different each
 * time, is 16 lines a minute at most, none of them twice; how many were held back
 * is told with the next. */
#ifndef LR_DAEMON_LOG_H
#define LR_DAEMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum lr_log_level { LR_LOG_ERROR = 3, LR_LOG_WARNING, LR_LOG_INFO = 6, LR_LOG_DEBUG };

bool lr_log_start(const char *level); /* false: no such level */
/* `cause`: any address; what has the same one counts together. */
void lr_log(enum lr_log_level level, const void *cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Printable ASCII and UTF-8 stay, the rest becomes \xNN. Returns `out`. */
const char *lr_log_escape(const char *text, size_t len, char *out, size_t cap);

/* Each place where one of these stands is a cause. */
#define LR_LOG_HERE(level, ...)                                               \
	do {                                                                  \
		static char here_;                                            \
		lr_log(level, &here_, __VA_ARGS__);                           \
	} while (0)
#define lr_error(...) LR_LOG_HERE(LR_LOG_ERROR, __VA_ARGS__)
#define lr_warn(...) LR_LOG_HERE(LR_LOG_WARNING, __VA_ARGS__)
#define lr_info(...) LR_LOG_HERE(LR_LOG_INFO, __VA_ARGS__)
#define lr_debug(...) LR_LOG_HERE(LR_LOG_DEBUG, __VA_ARGS__)

#endif
