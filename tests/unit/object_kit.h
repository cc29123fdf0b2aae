/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of objects share: a fixture on entries in memory, a store and a
 * retrieve from end to end. */
#ifndef LR_TESTS_OBJECT_KIT_H
#define LR_TESTS_OBJECT_KIT_H

#include "unit.h"

#include "client/object.h"
#include "mem_entries.h"

#define MIB (1024u * 1024)

struct object_fixture {
	uv_loop_t loop;
	struct mem mem;
	struct lr_object_env env;
	uint8_t *data;
	size_t size;
	unsigned puts_seen, opens_seen, closes_seen;
};

extern uint64_t object_clock_ms; /* CLOCK_BOOTTIME of the env */

void object_nothing_cb(void *arg);
int object_setup(void **state);
int object_teardown(void **state);
/* Bytes that differ from place to place. */
void object_make_data(struct object_fixture *f, size_t size);
struct lr_upload *object_begin(struct object_fixture *f,
			       const struct lr_upload_options *o);
/* Writes as much as is taken, waiting; stops when the upload fails. */
void object_write_all(struct object_fixture *f, struct lr_upload *u,
		      size_t from, size_t to, size_t step);
void object_wait_over(struct object_fixture *f, struct lr_upload *u);
enum lr_err object_store_all(struct object_fixture *f, struct lr_id *ret_id);
/* Reads in steps of `step` and compares; the error and sentence at the end. */
enum lr_err object_fetch(struct object_fixture *f, const struct lr_id *id,
			 size_t step, char *text);
struct mem_entry *object_chunk(struct object_fixture *f, const struct lr_id *id,
			       uint64_t n);
void object_count_put(void *arg, const struct lr_put *p);

#define OBJECT_TEST(f) \
	cmocka_unit_test_setup_teardown(f, object_setup, object_teardown)

#endif
