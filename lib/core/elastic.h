/* SPDX-License-Identifier: Apache-2.0 */
/* How much RAM a donor may hold (protocol section 7), pure: what the owner
 * allows, less what the machine needs now. Time and figures come in, an offer
 * goes out:
 *
 *   soft   stops growing: the offer is what is used, and falls with it
 *   hard   so much is given back that soft would end
 *   last   all of it
 *   after  five calm minutes, a tenth of what the owner allows a minute
 *
 * RAM that vanishes so fast that it would be short within a second counts as
 * short: it takes a moment to give it back. */
#ifndef LR_CORE_ELASTIC_H
#define LR_CORE_ELASTIC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/terms.h"

#define LR_ELASTIC_RAMS 2

struct lr_ram { /* as the host has it, or a cgroup that limits us */
	uint64_t total, available, reserve; /* bytes */
	uint32_t some, full; /* pressure stall, avg10 in 1/100 % */
};

struct lr_elastic_in {
	struct lr_ram ram[LR_ELASTIC_RAMS]; /* the worst one counts */
	unsigned n;
	uint64_t want; /* what the owner allows */
	uint64_t used; /* what is held now */
};

struct lr_elastic { /* all zero: the start */
	enum lr_pressure level; /* for others: CALM only once it grows again */
	uint64_t offer;
	bool cut;	  /* the offer is below what the owner allows */
	bool watched;	  /* something below was seen */
	uint64_t at_ms;	  /* of the last step */
	uint64_t calm_ms; /* since then */
	uint64_t grown_ms;
	uint64_t stall_ms; /* next cut for stalls alone */
	uint64_t seen[LR_ELASTIC_RAMS]; /* available then */
	uint64_t fall[LR_ELASTIC_RAMS]; /* bytes a second */
};

/* At least each 250 ms; more often while it is not calm. */
void lr_elastic_step(struct lr_elastic *e, const struct lr_elastic_in *in,
		     uint64_t now_ms);
/* Where soft begins. */
uint64_t lr_elastic_floor(const struct lr_ram *ram);

#endif
