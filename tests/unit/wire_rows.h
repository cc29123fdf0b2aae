/* SPDX-License-Identifier: Apache-2.0 */
/* Every message and record of the table as a row: made of a pattern, and read
 * back. */
#ifndef LR_TESTS_WIRE_ROWS_H
#define LR_TESTS_WIRE_ROWS_H

#include "wire/msg.h"

#include "unit.h"

struct wire_row {
	const char *name;
	unsigned num;
	uint32_t bulk;
	const char *doc;
	void (*make)(struct lr_writer *w);
	/* Reads `len` bytes; true: accepted and as made. */
	bool (*back)(const uint8_t *p, size_t len, unsigned from);
	const char *fields; /* "type name " each */
	bool sized;	    /* begins with its length */
};

/* The messages, then the records. */
extern const size_t wire_n_messages, wire_n_rows;
const struct wire_row *wire_row(size_t i);

/* Each row starts its pattern elsewhere. Returns its bytes. */
size_t wire_make(size_t i, uint8_t buf[LR_META_MAX]);
/* Of a field of that type; 0: its own. */
size_t wire_width(const char *type);
/* How many of its `size` bytes an older version leaves out. */
size_t wire_later(size_t i, const uint8_t *p, size_t size);

#endif
