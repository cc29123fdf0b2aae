/* SPDX-License-Identifier: Apache-2.0 */
/* What was given back to the host, and when: the last times, for its owner to
 * see. */
#ifndef LR_DONOR_GIVEN_H
#define LR_DONOR_GIVEN_H

#include "wire/msg.h"

#define LR_GIVEN_KEPT 64

struct lr_given {
	struct {
		uint64_t at_ms, bytes, left;
		enum lr_given_why why;
	} last[LR_GIVEN_KEPT];
	unsigned n; /* grows: the nth is at n % KEPT */
	uint64_t lent;
	bool asked;
};

/* Falls of what is lent that follow each other are one. `left`: then lent. */
void lr_given_push(struct lr_given *g, uint64_t bytes, uint64_t left,
		   enum lr_given_why why, uint64_t now_ms);
/* Now and then: notices by itself that less is lent than before. */
void lr_given_look(struct lr_given *g, uint64_t lent, uint64_t now_ms);
/* The next fall is what the owner asked for. */
void lr_given_asked(struct lr_given *g);
/* Given records, oldest first. */
void lr_given_enc(const struct lr_given *g, uint64_t now_ms,
		  struct lr_writer *w);

#endif
