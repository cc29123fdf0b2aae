/* SPDX-License-Identifier: Apache-2.0 */
/* Noticing that a donor is gone (protocol section 6), pure. */
#ifndef LR_CORE_SUSPECT_H
#define LR_CORE_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/view.h"

struct lr_suspect_params {
	unsigned suspect_ms;	/* 350 */
	unsigned frozen_ms;	/* 500: a shard's tick does not move */
	unsigned confirm_ms;	/* 150 */
	unsigned dead_ms;	/* 600 */
	unsigned late_max_ms;	/* 1,000: own lateness that is forgiven */
	unsigned self_hold_ms;	/* 3,000 */
};
extern const struct lr_suspect_params lr_suspect_defaults;

enum lr_watch_state { LR_WATCH_OK, LR_WATCH_SUSPECT, LR_WATCH_DEAD };

struct lr_watch { /* one donor; embed it in the caller's row */
	enum lr_watch_state state;
	uint64_t heard_ms, tick_ms, suspect_ms, slow_until_ms;
	struct {
		uint64_t tick, moved_ms;
	} shard[LR_SHARDS_MAX]; /* tick_ms: of the one that stands longest */
	unsigned shards;
	bool refused;	/* closed or reset, and the reconnect was refused */
	bool accused;	/* someone cannot reach it */
	bool asked;	/* confirmation pings are out */
	bool slow;
};

#define LR_LATE_MAX 16 /* late ticks: more than fit in any window */

struct lr_suspect { /* all donors */
	struct lr_suspect_params p;
	uint64_t last_tick_ms, hold_until_ms;
	struct lr_late {
		uint64_t at_ms, by_ms;
	} late[LR_LATE_MAX]; /* a ring */
	unsigned n_late;
	bool silence; /* too many are silent; held once, for self_hold_ms */
};

void lr_suspect_init(struct lr_suspect *s, const struct lr_suspect_params *p,
		     uint64_t now_ms);
void lr_watch_start(struct lr_watch *w, uint64_t now_ms);
/* A heartbeat with each shard's tick counter. */
void lr_watch_beat(struct lr_watch *w, const uint64_t *ticks, unsigned n,
		   uint64_t now_ms);
/* Something else came from it: a large answer, which heartbeats stand behind
 * on a slow network. */
void lr_watch_heard(struct lr_watch *w, uint64_t now_ms);
void lr_watch_refused(struct lr_watch *w);
/* Someone cannot reach it. False: somebody else could a moment ago. */
bool lr_watch_accused(struct lr_watch *w, uint64_t now_ms);
/* Somebody reached it, and it answered (a connection that only its kernel
 * accepted is no answer): it stays, marked slow. */
void lr_watch_alive(struct lr_watch *w, uint64_t now_ms);

enum lr_verdict {
	LR_VERDICT_NONE,
	LR_VERDICT_CONFIRM, /* ask two donors to ping it, and connect yourself */
	LR_VERDICT_EVICT,
	LR_VERDICT_CLEARED,
};
/* First the coordinator's own tick (every 50 ms; measures its lateness and
 * holds evictions when too many are SILENT at once), then each donor's. */
void lr_suspect_tick(struct lr_suspect *s, struct lr_watch *const *all,
		     size_t n, uint64_t now_ms);
enum lr_verdict lr_watch_tick(struct lr_suspect *s, struct lr_watch *w,
			      uint64_t now_ms);

/* Flapping: 2^k x 5 s before placement again, k = evictions in 10 minutes. */
struct lr_flaps {
	uint64_t at_ms[8];
	unsigned n;
};
void lr_flaps_add(struct lr_flaps *f, uint64_t now_ms);
uint64_t lr_flaps_until(const struct lr_flaps *f, uint64_t now_ms);

#endif
