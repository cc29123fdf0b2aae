/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's rules (protocol section 5 and 6), pure: events and time
 * in, actions out. It owns the view. At most one change runs at a time:
 *
 *   IDLE -> PREPARED persisted -> SEALING (acks, at most 200 ms) -> COMMIT
 *   persisted -> INSTALL sent (and again until acknowledged), view published
 *
 * A change takes all slots that need one now (a member died, a promise above
 * the committed epoch was seen, a move's next step), each decided for itself.
 * Who shall hold what comes from placement.h; a move is two changes (add, wait
 * for SYNCED, remove).
 *
 * The caller: feeds events, then pops actions until there are none, performs
 * each, and never calls back into the machine from inside an action. */
#ifndef LR_CORE_COORD_H
#define LR_CORE_COORD_H

#include "core/err.h"
#include "core/events.h"
#include "core/suspect.h"
#include "core/terms.h"
#include "core/view.h"

struct lr_coord;

struct lr_coord_params {
	unsigned nslots; /* all classes; simulations use fewer */
	struct lr_suspect_params suspect;
	unsigned seal_wait_ms;	/* 200 */
	unsigned rebuild_delay_ms; /* 2,000 */
	unsigned settle_ms;	/* joins are gathered this long: 300 */
	uint64_t run;		/* random */
	uint64_t unix_s;	/* when it starts; 0: nobody knows */
};

/* What a donor says at hello; texts are copied. */
struct lr_coord_donor {
	struct lr_member member; /* inc, dev, machine, name, addrs, shards */
	char site[32];
	char version[32];
	uint64_t lent, used;
};

/* SLOT_STATE with the cfg that is installed there (ce 0: none). */
struct lr_slot_report {
	unsigned slot;
	enum lr_err result; /* of the SEAL or INSTALL: OK or STALE */
	uint64_t prom;
	uint64_t left; /* the cfg that it is out of, where none is installed */
	uint8_t status;
	struct lr_cfg inst; /* hello and SLOTS: ce alone is enough */
};

struct lr_beat {
	uint64_t ticks[LR_SHARDS_MAX]; /* of each shard's loop */
	unsigned shards;
	uint64_t lent, used, host_available, entries, max_prom;
	uint32_t sealed;  /* slots with prom > inst.ce */
	uint32_t syncing; /* slots SYNCING */
	uint64_t sync_left, ops;
	uint32_t psi_some, psi_full, p50_us, p99_us;
	/* Of users, since the donor started. */
	uint64_t gets, puts, bytes_out, bytes_in, errors;
	enum lr_pressure pressure; /* `lent` is how much may stay then */
};

enum lr_coord_do {
	LR_DO_NONE,
	LR_DO_PREPARE,	/* persist `epoch` as PREPARED, then _persisted() */
	/* Persist lr_coord_view(), which is the new view from this pop to the
	 * next (copy it if you persist later), then _persisted(). A member that
	 * a cfg names and the member table does not is proven gone: keep it so. */
	LR_DO_COMMIT,
	LR_DO_SEAL,	/* to `inc`: `epoch`, slots[n] */
	LR_DO_INSTALL,	/* to `inc`: the view's cfgs of slots[n] */
	LR_DO_PUBLISH,	/* delta (rev_from, view.rev]: slots[n], members[m] */
	LR_DO_PROBE,	/* ask `inc` to ping `target` */
	LR_DO_CONNECT,	/* connect to `target` yourself */
	LR_DO_SLOTS_GET, /* ask `inc` for all its slots */
	LR_DO_MAY_LEAVE, /* `inc` may go: nothing is on it alone any more */
	LR_DO_CLOSE,	/* drop the links of `inc`: superseded or evicted */
	LR_DO_EVENT,	/* tell the log and whoever watches */
};

struct lr_coord_act {
	enum lr_coord_do what;
	uint64_t inc, target, epoch, rev_from;
	const unsigned *slots; /* valid until the next pop or event */
	size_t n;
	const uint64_t *members;
	size_t m;
	enum lr_event_kind event;
	struct lr_dev dev;  /* EVENT: about whom */
	uint64_t count, ms; /* EVENT: slots, duration */
};

/* `restored`: the view that was committed last (NULL: a new pool); `prepared`:
 * the epoch last persisted as PREPARED. Takes nothing over. */
struct lr_coord *lr_coord_new(const struct lr_coord_params *p,
			      const struct lr_view *restored, uint64_t prepared,
			      uint64_t now_ms);
void lr_coord_free(struct lr_coord *c);

struct lr_coord_act lr_coord_pop(struct lr_coord *c); /* NONE: all done */

/* A donor's control link stands. PERMISSION: the incarnation is another
 * device's, or was evicted for good. The answer to it is every INSTALL that it
 * lacks. */
enum lr_err lr_coord_hello(struct lr_coord *c, const struct lr_coord_donor *d,
			   const struct lr_slot_report *r, size_t n,
			   uint64_t now_ms);
void lr_coord_beat(struct lr_coord *c, uint64_t inc, const struct lr_beat *b,
		   uint64_t now_ms);
/* Bytes came on its control link; bytes for it are on their way there: a SEAL
 * or its answer may be among them. */
void lr_coord_heard(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
void lr_coord_sending(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
void lr_coord_slots(struct lr_coord *c, uint64_t inc,
		    const struct lr_slot_report *r, size_t n, uint64_t now_ms);
void lr_coord_sealed(struct lr_coord *c, uint64_t inc, uint64_t epoch,
		     const struct lr_slot_report *r, size_t n, uint64_t now_ms);
void lr_coord_installed(struct lr_coord *c, uint64_t inc, uint64_t epoch,
			const struct lr_slot_report *r, size_t n,
			uint64_t now_ms);
struct lr_slot_ce {
	unsigned slot;
	uint64_t ce;
};
void lr_coord_synced(struct lr_coord *c, uint64_t inc,
		     const struct lr_slot_ce *s, size_t n, uint64_t now_ms);
void lr_coord_sync_full(struct lr_coord *c, uint64_t inc,
			const struct lr_slot_ce *s, size_t n, uint64_t now_ms);

/* Its links closed; refused: a reconnect found nobody listening. */
void lr_coord_link_lost(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
void lr_coord_refused(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
void lr_coord_reached(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
/* Somebody cannot reach it. False: others reached it a moment ago. */
bool lr_coord_accused(struct lr_coord *c, uint64_t inc, uint64_t now_ms);

/* The donor wants to go (SIGTERM): answered by MAY_LEAVE. */
void lr_coord_leave(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
/* It went: no eviction, no damping. */
void lr_coord_gone(struct lr_coord *c, uint64_t inc, uint64_t now_ms);
/* An admin: move all off it, or let it back in. FULL: there is no room. */
enum lr_err lr_coord_drain(struct lr_coord *c, const struct lr_dev *dev,
			   bool undo, uint64_t now_ms);
/* After a start, before any donor said hello: it is drained still. */
bool lr_coord_drain_restore(struct lr_coord *c, const struct lr_dev *dev);
/* The devices that are drained; how many there are. */
size_t lr_coord_drained(const struct lr_coord *c, struct lr_dev *ret,
			size_t cap);
/* What is still on a donor that is to go. */
struct lr_coord_left {
	bool draining;
	bool stuck; /* nobody has room for what is left */
	unsigned slots, sole; /* that hold something, or may */
	uint64_t bytes;
};
void lr_coord_left(struct lr_coord *c, const struct lr_dev *dev,
		   uint64_t now_ms, struct lr_coord_left *ret);
/* An admin or a revocation: its RAM is gone for good (proof of loss).
 * BUSY: it is up, drain it instead. */
enum lr_err lr_coord_forget(struct lr_coord *c, const struct lr_dev *dev,
			    uint64_t now_ms);

/* After a start, before any donor said hello: the state may be an old copy. */
void lr_coord_doubt(struct lr_coord *c);
/* So it is, or was told, or was seen (LR_EVENT_WAITING), and there are slots of
 * which a newer cfg may be somewhere. To be kept: if the next PREPARE is
 * persisted, so is this; once it is over, the view is to be persisted first. */
bool lr_coord_is_waiting(const struct lr_coord *c);
/* So what is told of it may be old, too. */
bool lr_coord_slot_in_doubt(const struct lr_coord *c, unsigned slot);
/* An admin: nobody else is to be waited for. */
void lr_coord_confirm(struct lr_coord *c);

/* No copy is begun while paused, but of what would be lost otherwise: slots
 * whose donors leave on purpose. */
void lr_coord_pause(struct lr_coord *c, bool paused);
bool lr_coord_is_paused(const struct lr_coord *c);
/* Paused, and nobody waits to leave: donors may rest, too. */
bool lr_coord_may_rest(const struct lr_coord *c);

void lr_coord_persisted(struct lr_coord *c, uint64_t now_ms);
void lr_coord_tick(struct lr_coord *c, uint64_t now_ms); /* every 20 ms */

/* From the slots' first SYNCED copies. */
void lr_coord_slot_usage(struct lr_coord *c, unsigned slot, uint64_t entries,
			 uint64_t bytes);

/* --- looking ------------------------------------------------------------ */

const struct lr_view *lr_coord_view(const struct lr_coord *c);

enum lr_slot_health {
	LR_SLOTS_FULL,
	LR_SLOTS_SHORT,
	LR_SLOTS_UNAVAILABLE,
};
/* Full: as many synced copies as its class wants. */
enum lr_slot_health lr_coord_slot_health(const struct lr_coord *c,
					 unsigned slot);
bool lr_coord_slot_holds(const struct lr_coord *c, unsigned slot);

struct lr_coord_row { /* one donor, up or awaited */
	struct lr_coord_donor d;
	struct lr_beat beat;
	enum lr_donor_state state;
	uint64_t since_ms;	 /* of the state; loop time */
	unsigned slots_lost, slots_short; /* if it went now (holding ones) */
	unsigned slots_sole;	 /* all slots whose only synced copy it is */
};
size_t lr_coord_rows(const struct lr_coord *c, struct lr_coord_row *ret,
		     size_t cap); /* how many there are */

struct lr_coord_summary {
	unsigned up, known;
	unsigned full, short_, unavailable, lost; /* slots that hold something */
	uint64_t usable; /* at 2 copies */
	bool survives_donor, survives_machine;
	unsigned unheard; /* members of cfgs that did not say hello since start */
};
void lr_coord_summarize(const struct lr_coord *c, struct lr_coord_summary *ret);
/* What would be left without these incarnations. Slots that hold something;
 * `unavailable` ones cannot be read now, either. */
struct lr_whatif {
	unsigned readable, full, short_, lost, unavailable, donors_left;
	uint64_t lost_bytes;
	uint64_t copy_bytes; /* to be copied again, as far as donors are left */
	uint64_t room_bytes; /* free there */
	bool fits;
};
void lr_coord_whatif(const struct lr_coord *c, const uint64_t *gone, size_t n,
		     struct lr_whatif *ret);
/* Bytes that short slots still have to copy, as far as donors are there. */
uint64_t lr_coord_recovery_left(const struct lr_coord *c);
/* Who held a slot when it was lost, and when each came back empty (as told by
 * now_ms then; 0: it did not). NULL: not lost in this run. */
struct lr_coord_loss {
	unsigned n;
	struct lr_dev dev[LR_MEM_MAX];
	uint64_t back_ms[LR_MEM_MAX];
};
const struct lr_coord_loss *lr_coord_loss(const struct lr_coord *c,
					  unsigned slot);
/* The slot was lost in this run, then, and an object that was there before and
 * has a part in it misses that: also where nothing was known to be in it, as
 * donors tell that half a second late. Until the caller has found that nobody
 * misses anything (any more); what somebody does counts in the summary. */
bool lr_coord_lost(const struct lr_coord *c, unsigned slot, uint64_t *ret_ms);
void lr_coord_lost_missed(struct lr_coord *c, unsigned slot, bool missed);
/* What would move if all copies were placed now, by donors that are up; how
 * many there are goes to ret_n, slots that move to ret_slots. False: no
 * memory. */
struct lr_coord_move {
	struct lr_dev dev;
	unsigned slots, gets, gives; /* copies */
	uint64_t get_bytes, give_bytes;
};
bool lr_coord_rebalance(struct lr_coord *c, struct lr_coord_move *ret,
			size_t cap, size_t *ret_n, unsigned *ret_slots,
			uint64_t now_ms);
/* Devices that flapped, one at a time: the place to go on from, 0 = no more.
 * And told to the rules of the next run. */
size_t lr_coord_flapping(const struct lr_coord *c, size_t from,
			 struct lr_dev *ret_dev, struct lr_flaps *ret);
void lr_coord_flapped(struct lr_coord *c, const struct lr_dev *dev,
		      const struct lr_flaps *f);
/* Devices that an unavailable slot waits for. */
size_t lr_coord_awaited(const struct lr_coord *c, unsigned slot,
			struct lr_dev ret[LR_MEM_MAX]);

#endif
