/* SPDX-License-Identifier: Apache-2.0 */
/* The pool seen from a machine that is admitted: the view, links to donors,
 * and whole operations run on them by the rules of core/op.h. The requester
 * daemon serves it to local programs; long-lived programs may use it
 * themselves. */
#ifndef LR_CLIENT_DIRECT_H
#define LR_CLIENT_DIRECT_H

#include "client/attach.h"
#include "client/entries.h"
#include "wire/viewcodec.h"

struct lr_direct;

/* Makes its own attach (role REQUESTER); the options' role is ignored. */
struct lr_direct *lr_direct_new(const struct lr_attach_options *o);
/* Without an attach: a donor's shard has the view brought to it. It feeds
 * lr_direct_rx() and then tells that the view changed. */
struct lr_direct *lr_direct_fed(const struct lr_attach_options *o);
struct lr_view_rx *lr_direct_rx(struct lr_direct *d);
void lr_direct_changed(struct lr_direct *d);
/* The open link to what has the slot at a member, or NULL: it is being
 * dialled. */
struct lr_link *lr_direct_link(const struct lr_direct *d, uint64_t inc,
			       unsigned slot);
/* What the pool chose for data links; before it was told, TLS. */
void lr_direct_set_clear(struct lr_direct *d, bool clear);
struct lr_entries *lr_direct_entries(struct lr_direct *d);
struct lr_attach *lr_direct_attach(struct lr_direct *d);
const struct lr_view *lr_direct_view(const struct lr_direct *d);
/* Any change of the attach's state. */
void lr_direct_on_state(struct lr_direct *d,
			void (*cb)(void *arg, enum lr_here_state state),
			void *arg);
/* Frames that the coordinator pushes and that are not the view's. */
void lr_direct_on_push(struct lr_direct *d,
		       void (*cb)(void *arg, const struct lr_frame *f),
		       void *arg);
/* Names of the members awaited for a slot: "birch, silent for 40 s". */
void lr_direct_awaited(const struct lr_direct *d, unsigned slot, char *out,
		       size_t cap);
/* Asks every donor that should hold an entry of the object (a manifest and
 * `entries` - 1 chunks) what it has of them and when that was last verified,
 * and measures a round trip to each. Ends with cb once, from the loop; rows
 * are valid during the call. False: out of memory, cb will not run. */
typedef void (*lr_copies_cb)(void *arg, const struct lr_rec_verified *rows,
			     size_t n);
bool lr_direct_copies(struct lr_direct *d, const struct lr_id *id,
		      uint64_t entries, lr_copies_cb cb, void *arg);
/* A reach record for each member of the view, as many as fit. */
void lr_direct_reach(const struct lr_direct *d, struct lr_writer *w);
unsigned lr_direct_links(const struct lr_direct *d); /* that are open */
/* Links closed, outstanding operations end with CLOSED; asynchronous. */
void lr_direct_close(struct lr_direct *d);

#endif
