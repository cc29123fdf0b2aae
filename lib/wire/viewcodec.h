/* SPDX-License-Identifier: Apache-2.0 */
/* Views as bulk parts. Every part of VIEW and VIEW_DELTA is a sequence of
 *
 *   'm' member record    'd' u64 incarnation, dropped    'c' cfg (lr_enc_cfg)
 *
 * A whole view holds all members and all configurations, a delta those that
 * changed. Parts are taken in order. Pure. */
#ifndef LR_WIRE_VIEWCODEC_H
#define LR_WIRE_VIEWCODEC_H

#include "wire/msg.h"

#define LR_VIEW_MEMBERS_MAX 4096u

/* --- sending ------------------------------------------------------------ */

struct lr_view_enc { /* the view must not change under it */
	const struct lr_view *v;
	const unsigned *slots; /* delta */
	const uint64_t *members;
	size_t n_slots, n_members;
	size_t at_member, at_slot; /* what comes next */
	bool whole, started;
};

void lr_view_enc_whole(struct lr_view_enc *it, const struct lr_view *v);
/* Members that the view no longer has are told as dropped. The lists must
 * outlive the encoder. */
void lr_view_enc_delta(struct lr_view_enc *it, const struct lr_view *v,
		       const unsigned *slots, size_t n_slots,
		       const uint64_t *members, size_t n_members);
/* Parts still to come with buffers of `cap` bytes (LR_VALUE_MAX, at least
 * 1 KiB); at the start that is how many there are: never 0. */
unsigned lr_view_enc_parts(const struct lr_view_enc *it, size_t cap);
/* Fills one part; false: there is none left. */
bool lr_view_enc_next(struct lr_view_enc *it, struct lr_writer *w);
/* Goes over `n` parts of `cap` bytes, to answer VIEW_GET without state. */
void lr_view_enc_skip(struct lr_view_enc *it, unsigned n, size_t cap);

/* --- receiving ---------------------------------------------------------- */

/* Never back: a higher ce wins, an equal one only adds what is synced or lost.
 * True: the view changed. `cfg` may come from anyone of the pool. */
bool lr_view_take_cfg(struct lr_view *v, unsigned slot,
		      const struct lr_cfg *cfg);
/* Takes one part into the view. All of it is checked before any of it is
 * applied. OK, PROTOCOL or NO_MEMORY (applied in part: ask for the whole). */
enum lr_err lr_view_apply(struct lr_view *v, const void *bulk, size_t len);

enum lr_view_took {
	LR_VIEW_MORE,	    /* this part is taken, the next is awaited */
	LR_VIEW_APPLIED,    /* rx->view is at the rev that was told */
	LR_VIEW_OLD,	    /* nothing new */
	LR_VIEW_NEED_WHOLE, /* a gap: ask for part 0 of the whole view */
	LR_VIEW_BAD,	    /* not a view: close the link */
	LR_VIEW_NO_MEMORY,
};

struct lr_view_rx {
	struct lr_view view; /* what is known; run 0: nothing yet */
	struct lr_view next; /* a whole view under construction; no cfg: none */
	uint16_t part, parts; /* of `next`: expected, and how many */
	uint64_t whole;	      /* the rev of its parts; with deltas it is newer */
	uint64_t to;	      /* delta under way; 0: none */
	uint16_t to_part;
};

bool lr_view_rx_init(struct lr_view_rx *rx, unsigned nslots);
void lr_view_rx_done(struct lr_view_rx *rx);
enum lr_view_took lr_view_rx_whole(struct lr_view_rx *rx,
				   const struct lr_msg_view *m,
				   const void *bulk, size_t len);
enum lr_view_took lr_view_rx_delta(struct lr_view_rx *rx,
				   const struct lr_msg_view_delta *m,
				   const void *bulk, size_t len);

#endif
