/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of the simulation know. */
#ifndef LR_TESTS_SIM_BASE_H
#define LR_TESTS_SIM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutate.h"

#define SIM_SLOTS 48
#define SIM_DEVS 224
#define SIM_CLIENTS 8
#define SIM_COORD 0u
#define SIM_DONOR0 1u
#define SIM_CLIENT0 (SIM_DONOR0 + SIM_DEVS)
#define SIM_NODES (SIM_CLIENT0 + SIM_CLIENTS)
#define SIM_CONNS 60000
#define SIM_OPS 2048
#define SIM_KEYS 4096
#define SIM_CHUNKS 3

struct sim;
typedef void (*sim_fn)(struct sim *s, void *arg, uint64_t x);

struct event {
	uint64_t at, seq;
	sim_fn fn;
	void *arg;
	uint64_t x;
};

/* sim.c */
void sim_at(struct sim *s, uint64_t at, sim_fn fn, void *arg, uint64_t x);
uint32_t sim_draw(struct sim *s, uint32_t below); /* 0 below 0 */
uint64_t sim_random(struct sim *s);
static inline bool sim_chance(struct sim *s, unsigned permille)
{
	return sim_draw(s, 1000) < permille;
}
void sim_wrong(struct sim *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void sim_say(struct sim *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define SAY(s, ...) do { if ((s)->verbose) sim_say(s, __VA_ARGS__); } while (0)
bool sim_run(struct sim *s, uint64_t seed, bool verbose);

#endif
