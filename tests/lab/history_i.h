/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the client of the nemesis. */
#ifndef TESTS_LAB_HISTORY_I_H
#define TESTS_LAB_HISTORY_I_H

#include "client/lanram.h"
#include "tests/lab/history.h"

#define NAMES	       25
#define OBJECTS_MAX    60 /* of one client at a time */
#define SIZE_MAX_BYTES (700u << 10)

struct known { /* of a name, since it was last seen */
	struct lanram_tag tag;
	uint64_t value; /* 0: not seen */
};

struct object {
	char id[LANRAM_ID_TEXT];
	uint64_t value;
	uint32_t size;
};

struct history {
	struct lanram *p;
	unsigned client;
	uint64_t rng, count;
	int shared;
	struct known names[NAMES];
	struct object mine[OBJECTS_MAX + 1];
	unsigned n_mine;
	uint64_t start;
	uint8_t *buf;
};

uint32_t history_draw(struct history *h, uint32_t below);
uint64_t history_new_value(struct history *h);
/* Mostly small; some of several chunks. */
uint32_t history_size(struct history *h, uint32_t max);
void history_fill(uint8_t *buf, uint64_t value, uint32_t size);
/* 0: bytes that nobody wrote. */
uint64_t history_value_of(const uint8_t *data, size_t size);

/* An operation begins; a line tells how it ended, a reason why (on stderr: for
 * people, not for the checker), a report both. */
void history_begin(struct history *h);
const char *history_result(enum lanram_err err);
void history_line(struct history *h, const char *kind, const char *key,
		  uint64_t value, const char *want, const char *result,
		  const struct lanram_tag *tag);
void history_reason(struct history *h, const char *kind, const char *key,
		    enum lanram_err err);
void history_report(struct history *h, const char *kind, const char *key,
		    uint64_t value, const char *want, enum lanram_err err,
		    const struct lanram_tag *tag);
/* Frees data; *ret: its value. */
void history_report_read(struct history *h, const char *kind, const char *key,
			 void *data, size_t size, enum lanram_err err,
			 const struct lanram_tag *tag, uint64_t *ret);

#endif
