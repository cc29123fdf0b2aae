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
	uint64_t mapped;
	uint64_t total[2]; /* bytes in all: asked, by the host */
	bool asked;
};

/* Now and then. Mapped was more than is lent, and some of it went: to the host,
 * not to other objects. Falls that follow each other are one. */
void lr_given_look(struct lr_given *g, uint64_t lent, uint64_t mapped,
		   uint64_t now_ms);
/* What is beyond the limit now is so because the owner lowered it. */
void lr_given_asked(struct lr_given *g);
/* Given records, oldest first. */
void lr_given_enc(const struct lr_given *g, uint64_t now_ms,
		  struct lr_writer *w);

#endif
