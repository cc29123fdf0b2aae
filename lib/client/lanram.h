/* SPDX-License-Identifier: Apache-2.0 */
/* liblanram: the RAM of a LAN, from a program.
 *
 * One struct lanram is one pool handle, for one thread at a time; several
 * handles are independent. Calls block until done or the deadline passed; the
 * lanram_submit_* calls return at once and lanram_wait collects them, so that
 * one thread can keep many in flight. After fork() a handle must not be used
 * in the child: open another.
 *
 * Errors are enum lanram_err (0 is success), and lanram_error() gives the
 * sentence that belongs to the last one of this handle. Sizes are bytes, times
 * Unix milliseconds. */
#ifndef LANRAM_H
#define LANRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* all else stays hidden */
#endif

#define LANRAM_ID_TEXT 27     /* 26 characters and NUL */
#define LANRAM_INLINE_MAX (256 * 1024)

/* The same numbers as the command's exit codes. */
enum lanram_err {
	LANRAM_OK = 0,
	LANRAM_FAILED = 1,
	LANRAM_USAGE = 2,	/* also ambiguous or malformed references */
	LANRAM_ABSENT = 3,
	LANRAM_UNREACHABLE = 4, /* for now: lanram_error() names who is awaited */
	LANRAM_FULL = 5,
	LANRAM_PERMISSION = 6,	/* or not admitted yet */
	LANRAM_LOST = 7,
	LANRAM_UNKNOWN = 8,	/* may or may not have happened */
	LANRAM_INTERRUPTED = 130,
	/* a name is not as expected; the command's exit code is 1 */
	LANRAM_CONFLICT = 256,
};

struct lanram;

struct lanram_options {
	const char *socket; /* the requester's; NULL: /run/lanram/requester.sock */
	/* Set to speak to the donors directly; the program is then a device of
	 * its own, with its key in state_dir, and must be admitted. */
	const char *coordinator; /* "host:port" */
	const char *state_dir;
	const char *pool; /* name; NULL: "lanram" */
	unsigned deadline_ms; /* of one operation; 0: 10,000 */
	/* How long calls look for an answer before they sleep, in microseconds:
	 * waking up takes longer than the network. 0: 50; < 0: never. */
	int busy_poll_us;
};

/* With `coordinator` it waits up to 3 s to be welcomed; operations tell the
 * reason if it was not. */
enum lanram_err lanram_open(const struct lanram_options *opt,
			    struct lanram **ret);
void lanram_close(struct lanram *p);
const char *lanram_error(const struct lanram *p);

/* --- objects ------------------------------------------------------------ */

struct lanram_store_options {
	const char *name; /* NULL: none */
	int copies;	  /* 1, 2 or 3; 0: 2 */
	bool is_public;
	uint64_t ttl_ms; /* 0: kept until removed */
	uint64_t size;	 /* that will come, if known: for messages; 0: not */
};

struct lanram_stored {
	char id[LANRAM_ID_TEXT];
	uint64_t size;
	int copies, wanted; /* copies < wanted: degraded, completed later */
	char detail[256];   /* why it is degraded */
};

struct lanram_object {
	char id[LANRAM_ID_TEXT];
	char name[256];
	uint64_t size, chunks, created_ms, expires_ms;
	int copies_wanted;
	uint8_t sha256[32];
	bool is_public;
	char owner[53];
	uint32_t uid;
};

/* Whole values. */
enum lanram_err lanram_store(struct lanram *p, const void *value, size_t size,
			     const struct lanram_store_options *opt,
			     struct lanram_stored *ret);
/* REF: whole ID, prefix, or name. *ret is malloc'ed. */
enum lanram_err lanram_retrieve(struct lanram *p, const char *ref, void **ret,
				size_t *ret_size);
enum lanram_err lanram_remove(struct lanram *p, const char *ref);
enum lanram_err lanram_stat(struct lanram *p, const char *ref,
			    struct lanram_object *ret);

/* Streams of any size, the total unknown ahead; a window of chunks in flight. */
struct lanram_writer;
enum lanram_err lanram_writer_open(struct lanram *p,
				   const struct lanram_store_options *opt,
				   struct lanram_writer **ret);
enum lanram_err lanram_writer_write(struct lanram_writer *w, const void *buf,
				    size_t n);
/* Success: every copy of every entry has acknowledged. Frees `w`. */
enum lanram_err lanram_writer_finish(struct lanram_writer *w,
				     struct lanram_stored *ret);
void lanram_writer_abort(struct lanram_writer *w); /* removes what is there */

struct lanram_reader;
enum lanram_err lanram_reader_open(struct lanram *p, const char *ref,
				   struct lanram_reader **ret,
				   struct lanram_object *info);
/* 0 at the end, after the SHA-256 was found right; -1: lanram_reader_status */
ssize_t lanram_reader_read(struct lanram_reader *r, void *buf, size_t n);
enum lanram_err lanram_reader_status(const struct lanram_reader *r);
void lanram_reader_close(struct lanram_reader *r);

/* --- registers and names -------------------------------------------------- */

/* Small values that change, by name (1 to 255 bytes of UTF-8), shared by all
 * users of the pool. Reads are linearizable: they give what was last written,
 * whoever wrote it and wherever. Registers and names do not share names.
 *
 * A register takes what is written last, by anybody; no copy is special, so
 * that one slow donor delays but never orders. A name is compared and set: one
 * of its copies orders the updates, which is what locks, leaders and counters
 * need. UNKNOWN: it may have been written, or may be later; read it to see.
 * ABSENT: never written, or removed; LOST: all copies of it were lost, if it
 * was there, and it was not written since. */
#define LANRAM_REGISTER_MAX (256 * 1024)
#define LANRAM_NAME_VALUE_MAX (4 * 1024)

/* Orders the writes of one name: by ts, then writer, then seq. Every write has
 * a tag of its own. */
struct lanram_tag {
	uint64_t ts, writer;
	uint32_t seq;
};
#define LANRAM_TAG_TEXT 53 /* "ts.writer.seq" and NUL */
char *lanram_tag_format(const struct lanram_tag *tag, char *out); /* `out` */
bool lanram_tag_parse(const char *text, struct lanram_tag *ret);

/* *ret is malloc'ed; ret_tag may be NULL in all of these. */
enum lanram_err lanram_register_read(struct lanram *p, const char *name,
				     void **ret, size_t *ret_size,
				     struct lanram_tag *ret_tag);
enum lanram_err lanram_register_write(struct lanram *p, const char *name,
				      const void *value, size_t size,
				      struct lanram_tag *ret_tag);
enum lanram_err lanram_register_remove(struct lanram *p, const char *name,
				       struct lanram_tag *ret_tag);

enum lanram_if {
	LANRAM_IF_ANY,
	LANRAM_IF_ABSENT,
	LANRAM_IF_TAG, /* current is what `expected` tells */
};
enum lanram_err lanram_name_get(struct lanram *p, const char *name, void **ret,
				size_t *ret_size, struct lanram_tag *ret_tag);
/* CONFLICT: certainly not done. */
enum lanram_err lanram_name_set(struct lanram *p, const char *name,
				const void *value, size_t size,
				enum lanram_if cond,
				const struct lanram_tag *expected,
				struct lanram_tag *ret_tag);
enum lanram_err lanram_name_remove(struct lanram *p, const char *name,
				   enum lanram_if cond,
				   const struct lanram_tag *expected,
				   struct lanram_tag *ret_tag);

/* --- many in flight ------------------------------------------------------ */

struct lanram_op;
struct lanram_op *lanram_submit_store(struct lanram *p, const void *value,
				      size_t size, /* at most 256 KiB */
				      const struct lanram_store_options *opt);
struct lanram_op *lanram_submit_retrieve(struct lanram *p, const char *id);
/* Waits for `op`, or with NULL for any; NULL: none is outstanding, or
 * timeout_ms (-1: no limit) passed. Then ask the results, then free it. */
struct lanram_op *lanram_wait(struct lanram *p, struct lanram_op *op,
			      int timeout_ms);
enum lanram_err lanram_op_status(const struct lanram_op *op);
const struct lanram_stored *lanram_op_stored(const struct lanram_op *op);
const void *lanram_op_value(const struct lanram_op *op, size_t *ret_size);
void lanram_op_free(struct lanram_op *op);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
