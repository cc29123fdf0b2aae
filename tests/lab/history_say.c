/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the nemesis writes: values that tell who wrote them, and a
 * line for each operation (history.h). */
#include "tests/lab/history_i.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint32_t history_draw(struct history *h, uint32_t below)
{
	h->rng = history_mix(h->rng);
	return (uint32_t)(h->rng >> 32) % below;
}

/* --- values ------------------------------------------------------------------
 */

void history_fill(uint8_t *buf, uint64_t value, uint32_t size)
{
	uint64_t x = value;

	memcpy(buf, &value, 8);
	memcpy(buf + 8, &size, 4);
	for (uint32_t i = VALUE_MIN; i < size; i++) {
		if (i % 8 == 4 || i == VALUE_MIN)
			x = history_mix(x);
		buf[i] = (uint8_t)(x >> i % 8 * 8);
	}
}

/* 0: bytes that nobody wrote. */
uint64_t history_value_of(const uint8_t *data, size_t size)
{
	uint64_t value;
	uint8_t *want;
	bool same;

	if (size < VALUE_MIN || size > SIZE_MAX_BYTES)
		return 0;
	memcpy(&value, data, 8);
	want = malloc(size);
	if (!want)
		abort();
	history_fill(want, value, (uint32_t)size);
	same = memcmp(want, data, size) == 0;
	free(want);
	return same ? value : 0;
}

uint64_t history_new_value(struct history *h)
{
	return (uint64_t)h->client << 40 | ++h->count;
}

/* Mostly small; some of several chunks. */
uint32_t history_size(struct history *h, uint32_t max)
{
	uint32_t limit = 1u << (5 + history_draw(h, 16));

	if (limit > max)
		limit = max;
	return VALUE_MIN + history_draw(h, limit - VALUE_MIN);
}

/* --- lines -------------------------------------------------------------------
 */

const char *history_result(enum lanram_err err)
{
	switch (err) {
	case LANRAM_OK:
		return "ok";
	case LANRAM_ABSENT:
		return "absent";
	case LANRAM_CONFLICT:
		return "conflict";
	case LANRAM_UNKNOWN:
		return "unknown";
	case LANRAM_LOST:
		return "lost";
	default:
		return "failed";
	}
}

void history_begin(struct history *h)
{
	h->start = now_ns();
}

void history_line(struct history *h, const char *kind, const char *key,
		  uint64_t value, const char *want, const char *result,
		  const struct lanram_tag *tag)
{
	char text[LANRAM_TAG_TEXT] = "-";

	if (tag)
		lanram_tag_format(tag, text);
	printf("%" PRIu64 " %" PRIu64 " %u %s %s %" PRIu64 " %s %s %s\n",
	       h->start, now_ns(), h->client, kind, key, value, want, result,
	       text);
}

/* Reasons go to stderr: for people, not for the checker. */
void history_reason(struct history *h, const char *kind, const char *key,
		    enum lanram_err err)
{
	if (err != LANRAM_OK && err != LANRAM_ABSENT && err != LANRAM_CONFLICT)
		fprintf(stderr, "%" PRIu64 " %s %s: %s\n", h->start / 1000000,
			kind, key, lanram_error(h->p));
}

void history_report(struct history *h, const char *kind, const char *key,
		    uint64_t value, const char *want, enum lanram_err err,
		    const struct lanram_tag *tag)
{
	history_line(h, kind, key, value, want, history_result(err),
		     err == LANRAM_OK ? tag : NULL);
	history_reason(h, kind, key, err);
}

void history_report_read(struct history *h, const char *kind, const char *key,
			 void *data, size_t size, enum lanram_err err,
			 const struct lanram_tag *tag, uint64_t *ret)
{
	uint64_t value = err ? 0 : history_value_of(data, size);

	*ret = value;
	if (!err && !value)
		history_line(h, kind, key, 0, "-", "wrong", tag);
	else
		history_report(h, kind, key, value, "-", err, tag);
	if (!err)
		free(data);
}
