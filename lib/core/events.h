/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the pool, typed: one table gives the kinds, their numbers on
 * the wire, their names and their words. The last LR_EVENTS_KEPT are kept for
 * whoever comes later. Pure. */
#ifndef LR_CORE_EVENTS_H
#define LR_CORE_EVENTS_H

#include "core/view.h"

enum lr_event_level { LR_EVENT_INFO, LR_EVENT_WARNING, LR_EVENT_ERROR };

/* clang-format off */
/*        kind           name             level    words; the count is added */
#define LR_EVENTS(E) \
	E(JOINED,         "joined",         INFO,    "joined") \
	E(SUSPECT,        "suspect",        INFO,    "is silent, asking others") \
	E(CLEARED,        "cleared",        INFO,    "was reached, it stays") \
	E(LEFT,           "left",           INFO,    "left") \
	E(DOWN,           "down",           WARNING, "is down") \
	E(RETURNED_EMPTY, "returned_empty", WARNING, "came back empty") \
	E(UNAVAILABLE,    "unavailable",    ERROR,   "slots cannot be read now") \
	E(LOST,           "lost",           ERROR,   "slots lost all copies") \
	E(HEALED,         "healed",         INFO,    "all slots are full again") \
	E(DRAINED,        "drained",        INFO,    "is drained") \
	E(FULL,           "full",           WARNING, "has no room for copies") \
	E(WAITING,        "waiting",        ERROR,   "the donors have seen later epochs than this state file: waiting until every known donor said hello") \
	E(WANTS_IN,       "wants_in",       INFO,    "wants in") \
	E(ADMITTED,       "admitted",       INFO,    "was admitted") \
	E(REFUSED,        "refused",        INFO,    "was refused") \
	E(DRAINING,       "draining",       INFO,    "is drained now") \
	E(USED_AGAIN,     "used_again",     INFO,    "is used again") \
	E(FORGOTTEN,      "forgotten",      WARNING, "was forgotten") \
	E(GAVE_BACK,      "gave_back",      INFO,    "gave RAM back to its owner") \
	E(PAUSED,         "paused",         WARNING, "the rebuild is paused") \
	E(RESUMED,        "resumed",        INFO,    "the rebuild goes on") \
	E(SHED,           "shed",           INFO,    "sheds copies, its host needs the RAM") \
	E(GREW,           "grew",           INFO,    "lends more again") \
	E(CORRUPT,        "corrupt",        WARNING, "held corrupt entries") \
	E(REPAIRED,       "repaired",       INFO,    "has set entries right from other copies") \
	E(CUT_OFF,        "cut_off",        WARNING, "is reached by others, but not by")
/* clang-format on */

enum lr_event_kind {
#define LR_EVENT_ENUM(kind, name, level, text) LR_EVENT_##kind,
	LR_EVENTS(LR_EVENT_ENUM)
#undef LR_EVENT_ENUM
	LR_EVENT_KINDS
};

struct lr_event {
	uint64_t seq;	/* from 1, within one run of the coordinator */
	uint64_t at_ms; /* Unix */
	enum lr_event_kind kind;
	struct lr_dev dev; /* about whom; zero: the pool */
	char name[LR_NAME_MAX]; /* its name then */
	char by[LR_NAME_MAX];	/* CUT_OFF: who does not reach it */
	/* slots; GAVE_BACK, GREW: bytes; CORRUPT, REPAIRED: entries */
	uint64_t count;
	uint64_t ms;	/* how long it took */
};

#define LR_EVENTS_KEPT 512u

struct lr_events { /* all zero: none */
	uint64_t last; /* sequence of the newest */
	struct lr_event ring[LR_EVENTS_KEPT];
};

/* Keeps a copy with the next sequence; returns it. */
const struct lr_event *lr_events_add(struct lr_events *e,
				     const struct lr_event *ev);
/* The oldest one kept whose sequence is above `seq`; NULL: none. */
const struct lr_event *lr_events_next(const struct lr_events *e, uint64_t seq);

const char *lr_event_name(enum lr_event_kind kind); /* "left"; else "?" */
/* False: no kind of that name. */
bool lr_event_parse(const char *name, enum lr_event_kind *ret);
enum lr_event_level lr_event_level(enum lr_event_kind kind);
/* "left: 1208 slots, 0.06 s", without the name in front. Returns `out`. */
char *lr_event_text(const struct lr_event *ev, char *out, size_t cap);

#endif
