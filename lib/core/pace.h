/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a donor copies (rebuild_mbytes_per_s = 0), pure.
 *
 * Small questions to the donors that it copies from, on links that carry no
 * copies, wait where a user's wait: in the network and in both donors' loops.
 *
 * While users are about, copying rests now and then, all donors at about the
 * same time, and the answers that come then say how slow this network and these
 * machines are without it. Answers while it copies may take twice that, most
 * of them: the rate grows while they do, and falls while they do not. Whatever
 * makes everything slow, rests too, is not what copying is to yield to.
 *
 * While nobody is about the rate doubles until heartbeats might be late. */
#ifndef LR_CORE_PACE_H
#define LR_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define LR_PACE_FLOOR  (1u << 20)  /* bytes a second: it gets on */
#define LR_PACE_LEAST  (64u << 10) /* where even heartbeats might wait */
#define LR_PACE_START  (4u << 20)  /* before anything is known */
#define LR_PACE_TOP    (4ull << 30)
#define LR_PACE_ENTRY  4096u /* what an entry costs beside its bytes */
#define LR_PACE_STEP_MS 50u
#define LR_PACE_CALM 32u

struct lr_pace {
	uint64_t rate;	 /* bytes a second */
	uint64_t limit;	 /* an admin's; 0: none. Then nothing else counts */
	uint64_t gentle; /* the rate that users did not feel */
	int64_t tokens;	 /* bytes that may be asked for now */
	uint64_t filled_ms, step_ms, users_ms;
	uint64_t cycle_ms; /* rests begin whole cycles after it */
	uint32_t calm_us[LR_PACE_CALM]; /* answers of rests, the latest */
	unsigned n_calm, n_rest; /* ever, and in this rest */
	unsigned n, late, stuck; /* answers since the last step */
	bool users, short_; /* somebody is about; tokens ran out */
	bool grew, steady; /* and was then too fast once: small steps */
	bool rests;
};

void lr_pace_init(struct lr_pace *p, uint64_t now_ms);
void lr_pace_limit(struct lr_pace *p, uint64_t bytes_per_s);
/* Operations of users were seen. */
void lr_pace_users(struct lr_pace *p, uint64_t now_ms);
/* An answer took so long, or has not come for so long; `calm`: nothing was
 * being copied meanwhile. */
void lr_pace_sample(struct lr_pace *p, uint64_t us, bool calm);
/* Something happened that all donors hear of at the same time: by that they
 * rest together. */
void lr_pace_heard(struct lr_pace *p, uint64_t now_ms);
/* Often; the rate changes every LR_PACE_STEP_MS. */
void lr_pace_tick(struct lr_pace *p, uint64_t now_ms);
/* May another entry be asked for, with so many bytes asked for already?
 * Then spend what it costs. */
bool lr_pace_may(struct lr_pace *p, uint64_t in_flight, uint64_t now_ms);
void lr_pace_spend(struct lr_pace *p, uint64_t bytes);
/* Above it an answer is late. */
uint32_t lr_pace_late_us(const struct lr_pace *p);

#endif
