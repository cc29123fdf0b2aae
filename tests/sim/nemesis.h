/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is like, and what goes wrong in it. */
#ifndef LR_TESTS_SIM_NEMESIS_H
#define LR_TESTS_SIM_NEMESIS_H

#include "tests/sim/client.h"

enum fault {
	F_COORD_CRASH, /* bit 0: also while it writes (coord.c) */
	F_COORD_PAUSE,
	F_KILL,
	F_PAUSE_DONOR,
	F_PAUSE_CLIENT,
	F_PAUSE_LONG, /* 50 to 70 s */
	F_CUT,
	F_CUT_ONE_WAY,
	F_CUT_COORD, /* a donor from the coordinator, clients still reach it */
	F_BREAK,
	F_ACCUSE,
	F_JOIN,
	F_LEAVE,
	F_DRAIN,
	F_LEND,
	F_CORRUPT,
	F_SLOW,
	F_CLIENT_DIES,
	F_LAG, /* a client's view comes late */
	F_ROLL, /* the members of a slot go, one after the other */
	F_KILL_FOR_GOOD,
	F_CUT_COORD_LONG,
	F_STARVE, /* a link is not read for a long time */
	FAULTS
};

enum theme {
	THEME_ANY, /* drawn */
	THEME_SHORT,
	THEME_LONG,
	THEME_SWEEP, /* writers that sleep, TOMBs that are collected */
	THEME_SLOW, /* stores take seconds while configurations change */
	THEME_RESTORED, /* the coordinator starts from old copies of its state */
	THEME_PRESSED,	/* donors want their RAM back */
};

struct profile { /* drawn for each run */
	enum theme theme;
	unsigned nslots, devs, clients, registers, names;
	uint64_t active_ms;
	unsigned delay_ms, jitter_ms, late_permille, late_ms;
	unsigned op_ms, fault_ms;
	unsigned pct[WORKS]; /* of works, by kind */
	uint32_t faults; /* bits of enum fault */
	bool careful;	 /* never kills the last synced copy of a slot */
	bool full, chunked, removals;
	bool forward; /* objects' PUTs go through one copy to the others */
	bool via;     /* clients' requests go through another member */
	bool trickle; /* late answers are seen coming */
};

/* nemesis.c */
void nemesis_next(struct sim *s, void *arg, uint64_t x);
void nemesis_heal(struct sim *s);
void nemesis_mend(struct sim *s);

/* nemesis_slow.c */
struct donor *nemesis_donor(struct sim *s);
struct client *nemesis_client(struct sim *s);
uint64_t nemesis_span(struct sim *s, unsigned from, unsigned to); /* ms */
uint64_t nemesis_time(struct sim *s); /* mostly short, now and then long */
void nemesis_slow(struct sim *s);
void nemesis_lag(struct sim *s);
void nemesis_pause_long(struct sim *s);
void nemesis_starve(struct sim *s);

/* profile.c */
void nemesis_draw_profile(struct sim *s);

/* nemesis_coord.c */
void nemesis_crash(struct sim *s);
void nemesis_coord_crash(struct sim *s, void *arg, uint64_t x);
void nemesis_export(struct sim *s, void *arg, uint64_t x); /* and import */
void nemesis_confirm(struct sim *s); /* an admin: nobody else will come */

/* nemesis_ram.c */
void nemesis_press(struct sim *s, void *arg, uint64_t x);

#endif
