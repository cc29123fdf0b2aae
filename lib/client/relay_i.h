/* SPDX-License-Identifier: Apache-2.0 */
/* What relay.c (the link), relay_ops.c (operations, from the call to the
 * callback) and relay_wire.c (their requests and replies) share. */
#ifndef LR_CLIENT_RELAY_I_H
#define LR_CLIENT_RELAY_I_H

#include <sys/un.h>

#include "client/relay.h"
#include "net/clock.h"

/* The daemon knows the deadline better than we do. */
#define LR_RELAY_GRACE_MS 1000u

enum lr_relay_phase {
	LR_RELAY_CONNECTING,
	LR_RELAY_GREETING,
	LR_RELAY_OPEN,
	LR_RELAY_WAITING
};

struct lr_relay_op {
	struct lr_relay_op *next, **prev;
	struct lr_relay *r;
	unsigned type;
	struct lr_put put; /* PUT */
	struct lr_entry_update update;
	struct lr_id id; /* GET */
	unsigned get_flags;
	uint8_t *meta; /* questions */
	size_t len;
	uint64_t sum, due_ms;
	lr_entry_cb entry_cb;
	lr_ask_cb ask_cb;
	void *arg;
	uint64_t handle; /* out; else it waits for the link */
	bool out, sent;
	bool doubt;    /* sent over a link that broke: it may be done already */
	unsigned refs; /* the value is in the link's queue */
	bool over;
	enum lr_err err; /* over, without a reply */
};

struct lr_relay {
	struct lr_entries entries; /* first */
	uv_loop_t *loop;
	struct sockaddr_un addr;
	enum lr_relay_phase phase;
	struct lr_link *link;
	struct lr_spin *spin; /* or NULL */
	uv_timer_t redial, timer;
	uint64_t timer_at;
	unsigned backoff_ms;
	bool was_open;	     /* somebody has answered, once */
	char apart[256];     /* the daemon speaks no version of ours; or "" */
	struct lr_relay_op *ops, *finished;
	unsigned alive;
	bool closing;
};

/* relay.c */
void lr_relay_drop(struct lr_relay *r); /* one less that refers to it */
void lr_relay_dial(struct lr_relay *r);
void lr_relay_close(struct lr_entries *e);

/* relay_ops.c */
extern const struct lr_entries_ops lr_relay_entries_ops;
void lr_relay_op_over(struct lr_relay_op *o, enum lr_err err);
/* Its deadline has come, or the daemon says nothing: the error for that. */
void lr_relay_op_late(struct lr_relay_op *o);
void lr_relay_op_free(struct lr_relay_op *o);
void lr_relay_fail(struct lr_relay *r, enum lr_err err); /* all of them */
void lr_relay_drain(struct lr_relay *r); /* callbacks of those that are over */
void lr_relay_arm(struct lr_relay *r, uint64_t at); /* wakes at the latest */

/* relay_wire.c */
void lr_relay_op_send(struct lr_relay_op *o);

#endif
