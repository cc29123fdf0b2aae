/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the simulated pool: simulate_pool.c is the pool, simulate.c shows it
 * and answers for it. */
#ifndef LR_TUI_SIMULATE_I_H
#define LR_TUI_SIMULATE_I_H

#include "core/catalog.h"
#include "core/coord.h"
#include "tui/source.h"

#define STEP_MS 20
#define START_UNIX_MS 1767276000000u /* 2026-01-01 14:00:00 UTC */
#define DONORS_MAX 200
#define GIB (1ull << 30)

struct held { /* a donor's slot */
	uint64_t prom, ce;
	uint64_t synced_ms;
	uint32_t left; /* bytes to pull */
	uint8_t status;
};

struct sim_donor {
	struct lr_dev dev;
	uint64_t inc, lent, used, free;
	char name[LR_NAME_MAX];
	bool alive, linked;
	struct held *held; /* those it had to do with: few of all slots */
	unsigned n_held, cap_held;
	uint16_t *at; /* of each slot in `held`, from 1 */
	unsigned *queue; /* SYNCING slots */
	size_t n_queue;
};

struct reply { /* to the rules, after the actions */
	enum lr_coord_do to;
	unsigned donor;
	uint64_t epoch, target;
	struct lr_slot_report *reports;
	size_t n;
};

struct sim {
	struct tui_source s;
	uv_timer_t timer;
	uint64_t seed, now_ms, real_ms, beat_ms, sample_ms, script_ms;
	struct lr_coord *c;
	struct sim_donor *d, *by_inc[DONORS_MAX];
	unsigned n, n_incs, nslots, first;
	struct reply *replies;
	size_t n_replies;
	struct lr_events *events;
	struct tui_pending pending;
	bool wants_in, frozen, closing, still;
	bool moved; /* what donors hold, since it was counted */
	unsigned victim, next_name;
	struct lr_catalog *catalog;
	uint64_t lend;
	uint64_t slot_bytes;
};

/* simulate_show.c: into the model. */
void tui_sim_show(struct sim *s);
void tui_sim_show_here(struct sim *s); /* this machine alone */

/* simulate_pool.c. Below so much; 0: any. */
uint64_t tui_sim_draw(struct sim *s, uint64_t below);
uint64_t tui_sim_unix_ms(const struct sim *s);
/* STEP_MS pass. True: often enough to show it. */
bool tui_sim_step(struct sim *s);
/* Whatever the rules ask for is done, until they say no more. */
void tui_sim_act(struct sim *s);
/* NULL: none. */
struct sim_donor *tui_sim_by_inc(struct sim *s, uint64_t inc);
/* NULL name: the next tree. NULL: too many. */
struct sim_donor *tui_sim_add_donor(struct sim *s, const char *name);
/* A new life, empty. */
void tui_sim_start_donor(struct sim *s, struct sim_donor *d);
void tui_sim_kill_donor(struct sim *s, struct sim_donor *d);
/* Good until it is asked for another one. */
struct held *tui_sim_held_of(struct sim_donor *d, unsigned slot);
/* What each holds follows from the view, and from what was pulled. */
void tui_sim_count_used(struct sim *s);
/* NULL name: the device's. */
void tui_sim_tell_event(struct sim *s, enum lr_event_kind kind,
			const struct lr_dev *dev, const char *name,
			uint64_t count, uint64_t ms);
/* A machine wants in, or no longer. */
void tui_sim_want_in(struct sim *s, bool on);

#endif
