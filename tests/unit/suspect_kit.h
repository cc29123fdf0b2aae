/* SPDX-License-Identifier: Apache-2.0 */
/* A pool in virtual time: every donor beats each 100 ms, but those told not
 * to; the coordinator ticks each 50 ms and notes the verdicts. */
#ifndef LR_TESTS_SUSPECT_KIT_H
#define LR_TESTS_SUSPECT_KIT_H

#include "core/suspect.h"

#define SUSPECT_DONORS	12
#define SUSPECT_TICK_MS 50
#define SUSPECT_BEAT_MS 100

struct donor {
	struct lr_watch w;
	uint64_t tick;
	bool mute, frozen;
	uint64_t confirm_ms, evict_ms, cleared_ms; /* of the last; 0: none */
	unsigned confirms, evicts;
};

struct pool {
	struct lr_suspect s;
	struct donor d[SUSPECT_DONORS];
	size_t n;
	uint64_t now;
};

void suspect_init(struct pool *p, size_t n);
void suspect_tick(struct pool *p);
void suspect_beat(struct pool *p); /* all but those that are mute */
void suspect_run(struct pool *p, unsigned ms);

#endif
