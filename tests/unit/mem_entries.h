/* SPDX-License-Identifier: Apache-2.0 */
/* Entries in this process's memory, behind the interface that objects stand
 * on, which misbehave when a test says so. Replies come from the loop, in
 * order. */
#ifndef MEM_ENTRIES_H
#define MEM_ENTRIES_H

#include <uthash.h>

#include "client/entries.h"
#include "core/tag.h"

struct mem_entry {
	struct lr_id id;
	struct lr_tag tag;
	uint8_t kind;
	bool tomb;
	uint8_t *value;
	uint32_t bytes;
	/* what a GET gets instead of the value; OK: the value */
	enum lr_err trouble;
	const char *who;
	UT_hash_handle hh;
};

struct mem_call;

struct mem {
	struct lr_entries entries; /* first */
	uv_loop_t *loop;
	uv_timer_t timer;
	struct mem_entry *map;
	struct mem_call *first, **last;
	uint8_t copies;
	unsigned delay_ms; /* of each batch of replies */
	/* the nth PUT of a value that is no TOMB, from 1, fails so */
	unsigned puts, fail_at;
	enum lr_err fail_err;
	bool fail_on;	     /* and all after it */
	bool fail_only_open; /* counts and fails touches and opens alone */
	unsigned gets, asks;
	/* runs at each PUT, before it is applied; may be NULL */
	void (*on_put)(void *arg, const struct lr_put *p);
	void *on_put_arg;
	/* answers questions; fills a frame whose parts live until the next */
	enum lr_err (*answer)(void *arg, unsigned type, const void *meta,
			      size_t len, struct lr_frame *ret);
	void *answer_arg;
};

void mem_init(struct mem *m, uv_loop_t *loop);
void mem_done(struct mem *m);		/* runs the loop until it is closed */
void mem_turn(struct mem *m);		/* one turn of the loop, 5 ms at most */
size_t mem_values(const struct mem *m); /* entries that are no TOMB */
size_t mem_tombs(const struct mem *m);
struct mem_entry *mem_find(struct mem *m, const struct lr_id *id);

#endif
