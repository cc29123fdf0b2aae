/* SPDX-License-Identifier: Apache-2.0 */
/* Whole operations on entries, asynchronous, on a loop: what objects,
 * registers and names are made of. Two ways behind one interface: directly to
 * the donors (direct.h), or through the local requester (relay.h).
 *
 * Every call ends with its callback exactly once, from the loop, never inside
 * the call. */
#ifndef LR_CLIENT_ENTRIES_H
#define LR_CLIENT_ENTRIES_H

#include "net/link.h"

struct lr_entries;

struct lr_put {
	struct lr_id id;
	struct lr_tag tag;
	uint8_t kind, flags; /* LR_KIND_*, LR_PUT_* */
	uint64_t expires_ms;
	const void *value; /* the caller's, until the callback */
	uint32_t bytes;
	unsigned deadline_ms;
};

struct lr_entry_result {
	enum lr_err err; /* OK, ABSENT, LOST, UNREACHABLE, FULL, UNKNOWN, ... */
	uint8_t found, kind, copies;
	struct lr_tag tag; /* stored now */
	uint64_t expires_ms;
	const uint8_t *value; /* GET: verified; valid during the callback */
	uint32_t bytes;
	const char *text; /* who is waited for, or numbers; may be "" */
};
typedef void (*lr_entry_cb)(void *arg, const struct lr_entry_result *r);

/* An answer to lr_entries_ask; f is NULL when err is not OK and there is no
 * frame. */
typedef void (*lr_ask_cb)(void *arg, enum lr_err err, const struct lr_frame *f);

/* A compare-and-set of a name (core/update.h). */
struct lr_entry_update {
	struct lr_id id;
	uint64_t writer; /* with seq: this op alone */
	uint32_t seq;
	uint8_t expect, flags; /* LR_EXPECT_*, LR_UPDATE_* */
	struct lr_tag want;    /* LR_EXPECT_TAG */
	const void *value;     /* the caller's, until the callback */
	uint32_t bytes;
	unsigned deadline_ms;
};

struct lr_entries_ops {
	void (*put)(struct lr_entries *e, const struct lr_put *p,
		    lr_entry_cb cb, void *arg);
	void (*get)(struct lr_entries *e, const struct lr_id *id,
		    unsigned get_flags, unsigned deadline_ms, lr_entry_cb cb,
		    void *arg);
	/* The result's tag and found: what is current, or was put. */
	void (*update)(struct lr_entries *e, const struct lr_entry_update *u,
		       lr_entry_cb cb, void *arg);
	/* A message of the coordinator's part of the table (STATUS, LIST, ...)
	 * or FIND, encoded; meta is copied. */
	void (*ask)(struct lr_entries *e, unsigned type, const void *meta,
		    size_t len, unsigned deadline_ms, lr_ask_cb cb, void *arg);
	void (*close)(struct lr_entries *e); /* outstanding: CLOSED, then freed */
};

struct lr_entries {
	const struct lr_entries_ops *ops;
};

#endif
