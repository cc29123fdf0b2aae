/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a donor copies (rebuild_mbytes_per_s = 0), pure.
 *
 * Small questions to the donors that it copies from, on links that carry no
 * copies, wait where a user's wait: in the network and in both donors' loops.
 * As long as their answers come about as fast as they ever did, the rate
 * grows; where they are late, it falls. While users are about, "late" is a
 * fraction of a millisecond; while nobody is, it is only what keeps the
 * heartbeats on time. */
#ifndef LR_CORE_PACE_H
#define LR_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define LR_PACE_FLOOR  (2u << 20)  /* bytes a second: it gets on, whatever comes */
#define LR_PACE_START  (16u << 20) /* before anything is known */
#define LR_PACE_TOP    (4ull << 30)
#define LR_PACE_ENTRY  4096u /* what an entry costs beside its bytes */
#define LR_PACE_STEP_MS 100u

struct lr_pace {
	uint64_t rate;	 /* bytes a second; at least the floor */
	uint64_t limit;	 /* an admin's; 0: none. Then nothing else counts */
	uint64_t gentle; /* the rate that users did not feel */
	int64_t tokens;	 /* bytes that may be asked for now */
	uint64_t filled_ms, step_ms, users_ms;
	uint32_t base_us[2]; /* quickest answers: of this while, and before */
	uint64_t base_ms;
	unsigned n, late; /* answers since the last step */
	bool users, short_; /* somebody is about; tokens ran out */
	bool steady;	    /* it was too fast once: no more doubling */
};

void lr_pace_init(struct lr_pace *p, uint64_t now_ms);
void lr_pace_limit(struct lr_pace *p, uint64_t bytes_per_s);
/* Operations of users were seen. */
void lr_pace_users(struct lr_pace *p, uint64_t now_ms);
/* An answer took so long, or has not come for so long. */
void lr_pace_sample(struct lr_pace *p, uint64_t us, uint64_t now_ms);
/* Often; the rate changes every LR_PACE_STEP_MS. */
void lr_pace_tick(struct lr_pace *p, uint64_t now_ms);
/* May another entry be asked for, with so many bytes asked for already?
 * Then spend what it costs. */
bool lr_pace_may(struct lr_pace *p, uint64_t in_flight);
void lr_pace_spend(struct lr_pace *p, uint64_t bytes);
/* Above it an answer is late. */
uint32_t lr_pace_late_us(const struct lr_pace *p);

#endif
