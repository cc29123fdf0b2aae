/* SPDX-License-Identifier: Apache-2.0 */
/* The daemons' log: lines on stderr, with journald's level prefixes where
 * stderr is the journal. Any thread. What came from outside must be escaped
 * first; a line said over and over is said once a minute, with a count. */
#ifndef LR_DAEMON_LOG_H
#define LR_DAEMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum lr_log_level { LR_LOG_ERROR = 3, LR_LOG_WARNING, LR_LOG_INFO = 6, LR_LOG_DEBUG };

bool lr_log_start(const char *level); /* false: no such level */
void lr_log(enum lr_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Printable ASCII and UTF-8 stay, the rest becomes \xNN. Returns `out`. */
const char *lr_log_escape(const char *text, size_t len, char *out, size_t cap);

#define lr_error(...) lr_log(LR_LOG_ERROR, __VA_ARGS__)
#define lr_warn(...) lr_log(LR_LOG_WARNING, __VA_ARGS__)
#define lr_info(...) lr_log(LR_LOG_INFO, __VA_ARGS__)
#define lr_debug(...) lr_log(LR_LOG_DEBUG, __VA_ARGS__)

#endif
