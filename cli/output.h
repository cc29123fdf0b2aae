/* SPDX-License-Identifier: Apache-2.0 */
/* What people and programs read: messages, tables, JSON. */
#ifndef LR_CLI_OUTPUT_H
#define LR_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "wire/msg.h"

/* A sentence on stderr, safe for a terminal, with a line end. Returns `code`.
 */
__attribute__((format(printf, 2, 3))) int out_say(int code, const char *fmt,
						  ...);

/* What came from outside, safe for a terminal: control characters, what turns
 * the direction of writing, and broken UTF-8 as \xNN. malloc'ed. */
char *out_escape(const char *text, size_t len);
char *out_escape_str(struct lr_str s);

/* stdout could be written to the end; 1 and said if not. Returns `code`
 * otherwise. */
int out_finish(int code);

/* "2026-11-21T07:00:55Z"; 0 ms: "-". `out` takes 32 bytes. */
char *out_time(uint64_t unix_ms, char *out);
char *out_local_time(uint64_t unix_ms, char *out); /* "2026-11-21 08:00" */
/* "12 s", "3 min", "5 h", "2 days"; `out` takes 32 bytes. */
char *out_span(uint64_t ms, char *out);

/* --- a table of aligned columns ------------------------------------------ */

#define OUT_COLUMNS 12

struct out_table {
	unsigned columns;
	bool right[OUT_COLUMNS]; /* numbers */
	char **cells;		 /* rows of `columns` */
	size_t n, cap;
};

/* "NAME|STATE|>LENT": `>` aligns to the right. */
void out_table_init(struct out_table *t, const char *head);
void out_cell(struct out_table *t, char *text); /* takes it */
__attribute__((format(printf, 2, 3))) void out_cellf(struct out_table *t,
						     const char *fmt, ...);
void out_table_print(struct out_table *t); /* and frees */

/* --- JSON ------------------------------------------------------------------
 */

/* Never NULL: out of memory ends the program. Empty text, time 0 and a number
 * that is not known are null. */
json_t *out_json_str(struct lr_str s);
json_t *out_json_text(const char *s);
json_t *out_json_time(uint64_t unix_ms);
json_t *out_json_u64(uint64_t n);
json_t *out_json_dev(const struct lr_dev *dev);
/* Prints with a line end; takes it. Returns `code`, or 1 if stdout is full. */
int out_json(json_t *j, int code);

void *out_must(void *p); /* out of memory ends the program */

#endif
