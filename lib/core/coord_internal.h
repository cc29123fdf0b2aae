/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's own insides, shared by its files:
 *
 *   coord.c         events about donors: hello, beats, reports, links
 *   coord_leave.c   stopping, draining, forgetting
 *   coord_shed.c    donors whose hosts are short of RAM
 *   coord_rows.c    who there is: incarnations, devices, configurations
 *   coord_acts.c    what to do: the queue of actions, publishing
 *   coord_watch.c   time: suspicion, eviction, retries
 *   coord_change.c  one change: prepare, decide, commit, install
 *   coord_seal.c    its SEALs and their answers
 *   coord_decide.c  what a slot becomes, from the acknowledged seals
 *   coord_doubt.c   a state that may be an old copy
 *   coord_plan.c    which slots need a change, and who shall hold what
 *   coord_warm.c    who has something of a slot that it left
 *   coord_health.c  looking; coord_whatif.c: what if donors went
 *
 * No action is taken in a row where memory was short: each has a flag that
 * makes the next tick try again. */
#ifndef LR_CORE_COORD_INTERNAL_H
#define LR_CORE_COORD_INTERNAL_H

#include "core/coord.h"
#include "core/mutate.h"
#include "core/placement.h"

#define COORD_GRACE_MS	  3000u /* for members of a restored view to say hello */
#define COORD_GRACE_MAX_MS 27000u /* beyond it, while others still come */
#define COORD_UNLINKED_MS 1000u /* beats alone do not keep a donor in */
#define COORD_CALM_MS	  250u	/* between two changes that could wait */
#define COORD_RETRY_MS	  500u	/* INSTALL, SLOTS_GET, unavailable slots */
#define COORD_MOVES_MS	  15000u /* waited for whose link moves: slow networks */
#define COORD_STALL_MS	  1000u /* and stands still, meanwhile */
#define COORD_RECHECK_MS  5000u /* SLOTS_GET again though nothing moved */
#define COORD_PUBLISH_MS  50u	/* SYNCED reports are gathered this long, */
#define COORD_PUBLISH_MAX_MS 1000u /* while links are busy at most so long */
#define COORD_SUSPECT_MS  50u
#define COORD_GONE_MAX	  16u
/* No donor may exhaust the epochs: what is told above is not believed. */
#define COORD_EPOCH_MAX (UINT64_MAX >> 2)

enum coord_phase {
	COORD_IDLE,
	COORD_PREPARING,  /* PREPARE asked for */
	COORD_SEALING,	  /* SEALs are out */
	COORD_COMMITTING, /* decided, COMMIT asked for */
	COORD_SAVING,	  /* COMMIT without a change: somebody is proven gone */
};

/* A device outlives its incarnations. */
struct coord_device {
	struct lr_dev dev;
	uint64_t cur; /* the incarnation that said hello last; 0 = none */
	uint64_t gone[COORD_GONE_MAX]; /* never let in again; a ring */
	unsigned n_gone;
	struct lr_flaps flaps;
	uint64_t damp_until_ms;
	bool draining, drained;
	uint8_t *warm; /* slots that it left not long ago, as bits; or NULL */
	uint64_t warm_inc, warm_ms;
};

enum coord_row_state {
	ROW_AWAITED, /* named by a cfg, not heard in this run so far */
	ROW_UP,
	ROW_DOWN, /* evicted; its RAM may still be there */
	ROW_GONE, /* proven: its RAM is not there any more */
};

#define COORD_LOSSES_MAX 64u

struct coord_row { /* one incarnation */
	struct lr_coord_donor d;
	struct lr_beat beat;
	struct lr_watch watch;
	struct coord_device *device; /* NULL: not known (adopted by name) */
	enum coord_row_state state;
	unsigned refs; /* configurations that name it */
	bool linked;
	bool said_hello; /* in this run */
	bool excused;	 /* an admin says that it will not come */
	bool leaving, may_leave;
	bool full;
	bool installs_due;
	bool dirty; /* to be published */
	uint64_t full_ms, full_used, full_lent;
	enum lr_pressure pressure;
	uint64_t shed_ms, shed_lent; /* copies were taken off it then */
	uint64_t shed_told_ms;
	uint64_t await_until_ms, unlinked_ms, since_ms;
	uint64_t weight; /* as planned */
	uint64_t slots_get_ms, seen_prom;
	uint64_t moved_ms; /* its control link carried something, either way */
	uint64_t installs_ms; /* when none was due, or they were repeated */
	uint32_t seen_sealed;
	size_t seal_left; /* slots sealed at it and not answered */
	bool seal_wait;	  /* the change waits for it */
	size_t shown_at;  /* its place among lr_coord_rows() */
	unsigned *bat;	  /* slots of an action in the making */
	size_t bat_n, bat_cap;
};

#define SLOT_AGAIN     1u   /* its change must run (again) */
#define SLOT_UNAVAIL   2u   /* sealed, and no synced member answered */
#define SLOT_RETRY     4u   /* somebody with a link did not answer */
#define SLOT_BUSY      8u   /* in the change that runs */
#define SLOT_STALE     16u  /* dropped from it: a newer cfg was seen */
#define SLOT_DIRTY     32u  /* to be published */
#define SLOT_KNOWN     64u  /* usage was reported in this run */
#define SLOT_LOST      128u /* it was lost, and may be missed still */
#define SLOT_NO_DONOR  256u /* lost is proven, nobody is there to take it */
#define SLOT_DOUBT     512u /* there may be a cfg that I do not know */
#define SLOT_KNOWN_BETTER 1024u /* when confirmed: by a donor that is here */
#define SLOT_LOST_HELD 2048u /* lost, and something is known to be missed */

struct coord_slot {
	uint64_t prom;	  /* highest promise seen */
	uint64_t newest;  /* the newest cfg told of while it was in doubt */
	uint64_t hold_ms; /* no new copies before, see rebuild_delay_ms */
	uint64_t entries, bytes;
	uint64_t lost_ms; /* SLOT_LOST: when */
	uint16_t flags;
	uint8_t installed; /* members that have the cfg */
	uint8_t shed; /* members that go though copies will be missing */
	/* In this change, bits as in cfg.mem: */
	uint8_t answered, acked;
	uint8_t ack_synced; /* inst = the old ce, and SYNCED */
	uint8_t ack_at_ce;  /* inst = the old ce */
	uint8_t ack_none;   /* nothing is installed */
	uint8_t ack_left;   /* out of it by a cfg that I do not know */
	uint8_t loss;	    /* losses[loss - 1]; 0: none */
};

struct coord_foreign { /* has installed a newer cfg than the view names */
	uint64_t inc;
	unsigned slot;
};

struct coord_act { /* owns its arrays */
	struct lr_coord_act a;
	unsigned *slots;
	uint64_t *members;
};

struct lr_coord {
	struct lr_coord_params p;
	struct lr_view view; /* as committed; SYNCED and `up` as heard */
	struct lr_view next; /* what COMMIT persists */
	bool show_next;	     /* COMMIT was popped: lr_coord_view shows it */
	uint64_t published;  /* rev */

	uint64_t prepared;  /* persisted */
	uint64_t prom_seen; /* highest promise or cfg of any donor */
	uint64_t accepted;  /* foreign epochs up to here are understood */
	/* Rule 7: */
	bool frozen;	  /* nothing is issued */
	bool doubted;	  /* SLOT_DOUBT was set */
	unsigned n_doubt; /* slots that have it still */

	struct coord_slot *slots;
	struct lr_want *want;
	struct coord_foreign *foreign;
	size_t n_foreign, cap_foreign;

	struct coord_row **rows;
	size_t n_rows, cap_rows;
	struct coord_row **tab; /* by incarnation, open addressing */
	size_t tab_size;
	struct lr_watch **watches; /* cap_rows */
	struct coord_device **devices;
	size_t n_devices, cap_devices;

	enum coord_phase phase;
	uint64_t epoch;	  /* of the change that runs */
	unsigned *change; /* its slots; nslots of room */
	size_t n_change;
	uint64_t seal_until_ms, seal_last_ms, begun_ms;
	size_t n_wait;
	bool unsent; /* no memory for the phase's actions: tick again */
	unsigned n_lost, n_unavail_new, n_lost_held;
	struct lr_coord_loss losses[COORD_LOSSES_MAX];
	unsigned n_losses;

	struct lr_suspect suspect;
	uint64_t suspect_ms, retry_ms, publish_ms, settle_ms, calm_ms, wake_ms;
	uint64_t sending_ms;  /* something was on its way to a donor */
	uint64_t returned_ms; /* the last of a restored view said hello */
	uint64_t hurt_ms;     /* since when copies are missing; 0 = all there */
	unsigned hurt_donors; /* how many there were */
	unsigned n_awaited;
	unsigned n_donors;  /* up, linked, not leaving, not suspected */
	unsigned n_syncing; /* members that are not synced, over all cfgs */
	unsigned n_unavail, sole_left;
	bool force; /* some slot cannot wait */
	bool scan;  /* something changed: look at all slots when calm */
	bool replan, planned;
	bool paused; /* by an admin: no new copies */
	bool save; /* the member table must be persisted */
	bool announced_frozen;
	size_t probe_next;

	unsigned *dirty; /* nslots of room */
	size_t n_dirty;
	bool publish; /* what is dirty, at the next pop */

	struct coord_act *ring;
	size_t ring_head, ring_n, ring_cap;
	struct coord_act popped;
};

/* coord_rows.c */
struct coord_row *coord_row(const struct lr_coord *c, uint64_t inc);
struct coord_row *coord_row_add(struct lr_coord *c, const struct lr_member *m,
				uint64_t now_ms);
/* Rows that nobody names and that are not up. */
void coord_rows_drop(struct lr_coord *c);
void coord_rows_done(struct lr_coord *c);
struct coord_device *coord_device(struct lr_coord *c, const struct lr_dev *dev,
				  bool add);
/* The slot is about to be lost under its present cfg. */
void coord_loss_note(struct lr_coord *c, unsigned slot);
bool coord_device_gone(const struct coord_device *v, uint64_t inc);
/* Proof: the RAM of this incarnation is gone. */
void coord_row_gone(struct lr_coord *c, struct coord_row *r);
void coord_cfg_set(struct lr_coord *c, unsigned slot, const struct lr_cfg *cfg);
/* A newer configuration than mine: I was restored from an old state. */
bool coord_cfg_adopt(struct lr_coord *c, unsigned slot,
		     const struct lr_cfg *cfg, uint64_t now_ms);
void coord_slot_again(struct lr_coord *c, unsigned slot);
void coord_member_up(struct lr_coord *c, struct coord_row *r);
unsigned coord_copies(const struct lr_coord *c, unsigned slot);
uint8_t coord_cfg_synced_bits(const struct lr_cfg *cfg);
static inline uint8_t coord_all_bits(const struct lr_cfg *cfg)
{
	return (uint8_t)((1u << cfg->n) - 1);
}
static inline bool coord_has(unsigned bits, unsigned i)
{
	return (bits >> i & 1u) != 0;
}
static inline unsigned coord_bits(unsigned bits)
{
	return (unsigned)__builtin_popcount(bits);
}
static inline bool coord_draining(const struct coord_row *r)
{
	return r->device && r->device->draining;
}
/* Its host is short of RAM: copies that exist elsewhere too are taken off. */
static inline bool coord_gives_back(const struct coord_row *r)
{
	return r->state == ROW_UP && r->pressure >= LR_PRESSURE_HARD;
}
/* It can be given copies right now. */
static inline bool coord_row_usable(const struct coord_row *r)
{
	return r && r->state == ROW_UP && r->linked && !r->leaving &&
	       !coord_draining(r) && r->watch.state == LR_WATCH_OK;
}

/* coord_acts.c; false: no memory */
bool coord_act_push(struct lr_coord *c, const struct lr_coord_act *a);
bool coord_act_simple(struct lr_coord *c, enum lr_coord_do what, uint64_t inc);
void coord_event(struct lr_coord *c, enum lr_event_kind kind,
		 const struct coord_row *r, uint64_t count, uint64_t ms);
/* Slots are gathered a row at a time, then sent as one action each. */
bool coord_batch_add(struct coord_row *r, unsigned slot);
bool coord_batch_send(struct lr_coord *c, enum lr_coord_do what,
		      uint64_t epoch);
void coord_batch_drop(struct lr_coord *c);
void coord_slot_dirty(struct lr_coord *c, unsigned slot);
void coord_row_dirty(struct lr_coord *c, struct coord_row *r);
void coord_acts_done(struct lr_coord *c);

/* coord.c: what a donor says of one slot; `heard`: it is news that it speaks */
void coord_report(struct lr_coord *c, struct coord_row *r,
		  const struct lr_slot_report *a, bool heard, uint64_t now_ms);

/* coord_watch.c */
enum coord_why { COORD_SILENT, COORD_REFUSED, COORD_LEFT, COORD_REPLACED };
void coord_evict(struct lr_coord *c, struct coord_row *r, enum coord_why why,
		 uint64_t now_ms);
void coord_verdict(struct lr_coord *c, struct coord_row *r, uint64_t now_ms);

/* coord_shed.c: what a heartbeat says of its host's RAM */
void coord_pressed(struct lr_coord *c, struct coord_row *r,
		   enum lr_pressure pressure, uint64_t now_ms);

/* coord_doubt.c */
void coord_epoch_seen(struct lr_coord *c, uint64_t epoch);
/* What a donor has installed of a slot, or was left out by. */
void coord_newer_seen(struct lr_coord *c, const struct lr_slot_report *a);
/* After the SEALs: nobody can have a newer cfg than the view's. */
bool coord_is_newest(const struct lr_coord *c, unsigned slot);
void coord_doubt_over(struct lr_coord *c, unsigned slot);
void coord_doubt_tick(struct lr_coord *c);

/* coord_change.c */
void coord_change_begin(struct lr_coord *c, uint64_t now_ms);
void coord_change_tick(struct lr_coord *c, uint64_t now_ms);
/* A donor came or went while the SEALs are out. */
void coord_change_joined(struct lr_coord *c, struct coord_row *r);
void coord_change_lost(struct lr_coord *c, struct coord_row *r);
void coord_change_suspect(struct lr_coord *c, struct coord_row *r);
void coord_install_send(struct lr_coord *c, struct coord_row *only);
/* Decides, once all have answered or it is time. */
void coord_change_go_on(struct lr_coord *c, uint64_t now_ms);

/* coord_seal.c */
void coord_seal_start(struct lr_coord *c, uint64_t now_ms);
/* `only`: NULL = all members with a link. */
void coord_seal_send(struct lr_coord *c, struct coord_row *only);
/* The link of `r` moves: its answer is waited for. */
void coord_link_moves(struct lr_coord *c, struct coord_row *r,
		      uint64_t now_ms);
/* A member of a slot that the view does not know. False: no memory. */
bool coord_foreign_add(struct lr_coord *c, unsigned slot, uint64_t inc);

/* coord_decide.c */
enum coord_decision { COORD_MADE, COORD_UNAVAILABLE, COORD_NOTHING };
enum coord_decision coord_decide(struct lr_coord *c, unsigned slot,
				 struct lr_cfg *ret, uint64_t now_ms);
/* What a slot's next configuration keeps and adds, if `acked` members are
 * there and `synced` of them are synced. */
struct coord_shape {
	uint8_t keep;
	bool held; /* copies are missing, to be added later */
	unsigned n_fresh;
	uint64_t fresh[LR_CLASSES];
};
void coord_shape(struct lr_coord *c, unsigned slot, uint8_t acked,
		 uint8_t synced, uint64_t now_ms, struct coord_shape *ret);

/* coord_warm.c: before the slot's next configuration replaces the view's. */
void coord_warm_left(struct lr_coord *c, unsigned slot,
		     const struct lr_cfg *next, uint64_t now_ms);
bool coord_warm_any(const struct lr_coord *c);
/* Into the table that placement is to see. */
void coord_warm_plan(const struct lr_coord *c, struct lr_cfg *cfg,
		     uint64_t now_ms);

/* coord_plan.c */
void coord_count_donors(struct lr_coord *c);
/* As placement is to see it. */
void coord_place_donor(const struct lr_coord *c, size_t row,
		       struct lr_place_donor *ret);
bool coord_damped(const struct coord_row *r, uint64_t now_ms);
/* False: no memory, the old plan stands. */
bool coord_plan(struct lr_coord *c, uint64_t now_ms);
/* What would be planned now; changes nothing. */
bool coord_plan_try(struct lr_coord *c, struct lr_want *want, uint64_t now_ms);
/* Fills c->change with the slots that need one now. */
void coord_collect(struct lr_coord *c, bool calm, uint64_t now_ms);

#endif
