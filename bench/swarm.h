/* SPDX-License-Identifier: Apache-2.0 */
/* Many donors in one process: real keys, links, heartbeats and slots (the
 * rules of core), real reports of objects; no store behind them. */
#ifndef LR_BENCH_SWARM_H
#define LR_BENCH_SWARM_H

#include "client/attach.h"
#include "core/slot.h"
#include "wire/viewcodec.h"

struct swarm;

struct mimic_slot {
	unsigned n;
	struct lr_slot slot;
	uint64_t told_ce; /* its objects were reported under this ce */
};

/* What a donor would be on its own machine. */
struct mimic {
	struct swarm *w;
	unsigned index;
	struct lr_identity *identity;
	struct lr_tls *tls;
	struct lr_listener *listener;
	struct lr_attach *control, *beat;
	struct lr_dev machine;
	uint64_t inc, seq, epoch; /* the highest epoch that it was told */
	char name[24], addrs[32];
	struct mimic_slot *slots;
	unsigned n_slots, cap_slots;
	unsigned out; /* reports not yet acknowledged */
	bool told, dead, want_view;
};

struct swarm {
	uv_loop_t loop;
	uv_timer_t timer;
	struct mimic *donors;
	unsigned n, started;
	uint64_t objects; /* in all, spread over the slots of two copies */
	bool named;
	struct lr_view_rx rx; /* that of donor 0: all are told the same */
	const char *coordinator;
	double kill_us; /* 0: nobody dies just now */
	uint64_t kill_epoch;
	unsigned victim; /* the next to die */
	bool said_joined;
};

double swarm_now_us(void);
/* False: said why. */
bool mimic_start(struct mimic *m);
void mimic_tick(struct mimic *m);
/* As a process that is killed: links and port are gone. */
void mimic_kill(struct mimic *m);
bool mimic_is_in(const struct mimic *m);

#endif
