/* SPDX-License-Identifier: Apache-2.0 */
/* A whole pool in one process, in virtual time: the coordinator's, donors' and
 * clients' rules of lib/core, with all that lies between them played here.
 *
 *   sim.c      time, one life: faults, then healing, then judgement
 *   net.c      links: in order, late, stalled, cut one way, broken
 *   coord.c    the coordinator's daemon: disk, links, actions
 *   donor.c    a donor's daemon: seals, installs, views, leaving
 *   serve.c    what it answers to GET, PUT, SCAN
 *   pull.c     what it fetches while SYNCING, and repairs
 *   sweep.c    TOMBs, open manifests, orphans, expiry
 *   agent.c    operations on entries, of clients and of donors
 *   work.c     what clients do: registers
 *   object.c   what clients do: objects
 *   nemesis.c  what goes wrong
 *   oracle.c   what must hold, known by nobody in the pool
 *   lin.c      is a history of a register linearizable
 *
 * All that happens is drawn from one seed. Nothing here may depend on addresses
 * or on the machine's clock. */
#ifndef LR_TESTS_SIM_H
#define LR_TESTS_SIM_H

#include "core/coord.h"
#include "core/mutate.h"
#include "core/op.h"
#include "core/slot.h"
#include "core/sync.h"
#include "tests/sim/lin.h"
#include "wire/viewcodec.h"

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

/* --- links ---------------------------------------------------------------- */

enum conn_kind { CONN_CONTROL, CONN_BEAT, CONN_CLIENT, CONN_DATA };

enum msg_type {
	MSG_EOF,
	/* donor and coordinator */
	MSG_HELLO, MSG_SLOTS_GET, MSG_SLOTS, MSG_SEAL, MSG_SEALED, MSG_INSTALL,
	MSG_INSTALLED, MSG_SYNCED, MSG_SYNC_FULL, MSG_LEAVE, MSG_LEAVE_R,
	MSG_BEAT, MSG_PROBE, MSG_PROBED, MSG_ACCUSE,
	/* views */
	MSG_VIEW_GET, MSG_VIEW, MSG_DELTA,
	/* entries */
	MSG_GET, MSG_GET_R, MSG_PUT, MSG_PUT_R, MSG_SCAN, MSG_SCAN_R,
};

struct blob { /* shared by messages */
	unsigned refs;
	size_t n; /* bytes, or rows */
	union {
		struct lr_slot_report *reports;
		struct lr_slot_ce *ces;
		struct lr_cfg *cfgs;
		struct lr_sync_entry *page;
		uint8_t *bytes;
		void *p;
	};
	unsigned *slots; /* NULL: none */
};

struct msg {
	struct msg *next;
	uint64_t due, arrived; /* 0: under way */
	enum msg_type type;
	/* whose request this answers; echoed */
	void *who;
	uint32_t life, place, no;
	unsigned slot;
	uint64_t ce, inc, epoch, run, from, to, val, expires, floor;
	uint32_t key;
	struct lr_tag tag;
	uint8_t flags, kind, found;
	bool synced, first, more, lacks_cfg;
	enum lr_err err;
	struct lr_cfg cfg;
	struct lr_beat beat;
	struct blob *blob;
};

struct pipe {
	struct msg *head, **tail;
	uint64_t fifo, armed; /* when it is pumped next; 0: not */
};

struct conn {
	enum conn_kind kind;
	unsigned node[2]; /* [0] dialled */
	uint32_t gen;	  /* of the use of this place */
	uint64_t no;	  /* later is higher */
	bool used, open[2];
	struct pipe to[2];
	uint64_t inc;	       /* of the donor at one end */
	bool hello_done, may_leave; /* at the coordinator */
	uint64_t starved_ms; /* the donor does not read it before */
};

struct link { /* a conn, as long as it is the same one */
	struct conn *c;
	uint32_t gen;
};

struct node {
	bool up;	      /* the process runs */
	bool host_dead;	      /* nobody refuses */
	uint64_t paused_ms;   /* until then; 0: runs */
	uint64_t slow_ms;     /* added to what is sent to it */
};

/* --- operations on entries ------------------------------------------------- */

struct cop;
typedef void (*cop_cb)(struct sim *s, struct cop *o);

struct ask {
	bool out;
	struct link link;
	uint64_t member, ce;
	enum lr_op_ask ask;
	uint32_t no;
};

struct agent { /* a client, or a donor as a client of others */
	unsigned node;
	struct lr_view_rx rx;
	struct link data[SIM_DEVS]; /* to donors, by device */
	bool dialling[SIM_DEVS];
	uint8_t backoff[SIM_DEVS];
	struct link control; /* clients */
	bool view_asked;
	uint64_t writer;
	uint32_t seq, life;
};

struct cop {
	bool used;
	uint32_t life;
	struct agent *ag;
	uint32_t ag_life;
	struct lr_op op;
	uint32_t key;
	uint64_t val, expires; /* PUT */
	uint8_t kind;
	uint32_t n_asks;
	struct ask ask[LR_MEM_MAX];
	struct lr_tag seen; /* what these came with: */
	uint64_t got, got_expires;
	uint64_t armed;
	cop_cb done;
	void *arg; /* of whoever asked */
	uint32_t arg_life;
};

/* --- donors ------------------------------------------------------------------ */

struct entry {
	uint32_t key;
	struct lr_tag tag;
	uint8_t kind, state;
	bool rotten; /* its bytes are not what they were */
	uint64_t val, expires, stored_ms;
};

struct seal_ack { /* the last one, of a device for a slot */
	uint64_t inc, epoch, ce;
	bool synced, heard; /* by the coordinator */
};

struct dslot {
	struct lr_slot st;
	struct entry *e; /* by key */
	unsigned n, cap;
	struct lr_sync *sync;
	uint32_t sync_life;
	uint64_t sync_armed;
	uint8_t *listed; /* by a mutation: keys that a source listed */
	bool tell_synced, tell_full;
	uint64_t tell_ce;
};

struct slow_put { /* admitted, and not applied yet */
	struct slow_put *next;
	struct msg m;
	struct link link;
	uint64_t at;
};

struct repair {
	uint32_t key;
	unsigned tries;
};

struct donor {
	unsigned node, dev;
	uint64_t inc, tick;
	uint32_t life;
	struct agent ag;
	struct link control, beat;
	bool dialling, slots_told;
	struct dslot *slot;
	struct slow_put *slow;
	unsigned slow_permille, slow_ms;
	unsigned cap, entries;
	uint64_t lent;
	uint64_t last_tick_ms, hold_ms, full_ms;
	bool leaving;
	uint64_t leave_ms, leave_ask_ms;
	unsigned cursor;
	struct repair repair[16];
	unsigned n_repair;
	uint64_t said_hello, forgotten; /* incarnations */
	uint64_t sweeps_out;
	bool draining, gone_for_good;
};

/* --- clients ----------------------------------------------------------------- */

#define SIM_WORKS 4

enum work_kind {
	WORK_NONE,
	WORK_STORE,	/* one entry */
	WORK_UPLOAD,	/* open manifest, chunks, close */
	WORK_FETCH,
	WORK_REMOVE,
	WORK_READ,	/* registers */
	WORK_WRITE,
	/* Names are to come: UPDATE is one request to src[1], not an lr_op. */
};

enum upload_phase { UP_OPENING, UP_STREAMING, UP_CLOSING, UP_UNDOING };

struct work {
	enum work_kind kind;
	struct client *c;
	uint32_t life, key;
	uint64_t val, deadline_ms, started_ms;
	bool removal, final;
	unsigned hist, handle; /* its place in the register's history */
	/* uploads */
	enum upload_phase phase;
	unsigned next, in_flight, patience_ms;
	bool failed, touching;
	bool looked; /* a fetch whose chunk was not there */
	uint64_t touched_ms, touch_sent_ms;
	struct lr_tag tag;
};

struct client {
	struct agent ag;
	unsigned node;
	bool dialling;
	uint64_t writer[2]; /* two handles */
	uint32_t seq[2];
	struct work work[SIM_WORKS];
};

/* --- what the oracle knows ----------------------------------------------------- */

enum key_kind { KEY_OBJECT, KEY_CHUNK, KEY_REGISTER };
enum key_state { KEY_PENDING, KEY_STORED, KEY_FAILED, KEY_UNKNOWN };

struct tag_val {
	struct lr_tag tag;
	uint64_t val;
};

struct key {
	enum key_kind kind;
	enum key_state state;
	struct lr_id id;
	unsigned slot;
	uint32_t parent, chunk[SIM_CHUNKS];
	unsigned n_chunks;
	uint64_t val, expires;
	uint64_t acked_ce, acked_ms;
	struct lr_tag acked; /* highest that ALL had */
	uint64_t remove_began, removed_ms, removed_ce; /* 0: not */
	bool swept;
	bool may_lose, corrupted, has_removals, expiring;
	struct tag_val *tags;
	unsigned n_tags, cap_tags;
	struct lin_op *hist;
	unsigned n_hist, cap_hist;
};

struct past_cfg {
	struct lr_cfg *cfg;
	unsigned n, cap;
};

enum theme {
	THEME_ANY, /* drawn */
	THEME_SHORT,
	THEME_LONG,
	THEME_SWEEP, /* writers that sleep, TOMBs that are collected */
	THEME_SLOW, /* stores take seconds while configurations change */
};

struct profile { /* drawn for each run */
	enum theme theme;
	unsigned nslots, devs, clients, registers;
	uint64_t active_ms;
	unsigned delay_ms, jitter_ms, late_permille, late_ms;
	unsigned op_ms, fault_ms;
	unsigned pct[6]; /* of works, by kind */
	uint32_t faults; /* bits of enum fault */
	bool careful;	 /* never kills the last synced copy of a slot */
	bool full, chunked, removals;
};

struct disk_job {
	bool busy, is_view;
	uint64_t epoch, at;
	struct lr_view view;
};

struct sim {
	uint64_t seed, rng, now, steps, seq, conns;
	const uint8_t *told; /* a fuzzer's: the first draws */
	size_t n_told;
	bool verbose, healing;
	enum theme theme;
	struct profile p;
	struct event *heap;
	size_t n_heap, cap_heap;
	struct node node[SIM_NODES];
	uint8_t cut[SIM_NODES][SIM_NODES]; /* from, to */
	struct conn *conn;
	size_t n_conn;
	uint32_t *free_conn;
	size_t n_free_conn;
	struct msg *free_msg;
	struct cop op[SIM_OPS];
	unsigned n_ops; /* places that were ever used */

	/* the coordinator */
	struct lr_coord *coord;
	struct lr_coord_params params;
	struct lr_view disk;
	bool on_disk;
	uint64_t disk_prepared, coord_gen;
	struct disk_job job;
	struct link peer[SIM_DEVS], requester[SIM_CLIENTS];

	struct donor donor[SIM_DEVS];
	unsigned n_devs;
	struct client client[SIM_CLIENTS];

	struct key key[SIM_KEYS];
	unsigned n_keys;
	unsigned objects[SIM_KEYS], n_objects, n_registers;
	struct lr_cfg committed[SIM_SLOTS];
	struct past_cfg past[SIM_SLOTS];
	struct seal_ack ack[SIM_DEVS][SIM_SLOTS];
	uint32_t *slot_key[SIM_SLOTS]; /* keys of each slot */
	unsigned n_slot_key[SIM_SLOTS], cap_slot_key[SIM_SLOTS];
	unsigned n_corrupted;
	uint64_t lost_ce[SIM_SLOTS]; /* all copies died under this ce; 0: never */
	uint64_t lost_at[SIM_SLOTS];
	uint64_t next_val, lin_clock;
	unsigned final_next, final_out; /* what is read at the end */
	uint64_t nemesis_ms;
	char wrong[512];
	/* counts */
	uint64_t acks, reads, absents, losts, unknowns, changes, installs,
		syncs, seals, deaths, sweeps, collected, lin_ops, removed,
		uploads, fulls, cfgs_lost;
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

/* net.c */
struct conn *net_connect(struct sim *s, unsigned from, unsigned to,
			 enum conn_kind kind); /* NULL: not now */
bool net_refuses(struct sim *s, unsigned from, unsigned to);
bool net_reaches(struct sim *s, unsigned from, unsigned to);
struct msg *net_msg(struct sim *s, enum msg_type type);
void net_send(struct sim *s, struct conn *c, unsigned to_side, struct msg *m);
/* The end at `side` closes: what it sent still arrives, then EOF. */
void net_close(struct sim *s, struct conn *c, unsigned side);
/* The end at `side` gives up: what did not arrive is lost. */
void net_break(struct sim *s, struct conn *c, unsigned side);
void net_cut(struct sim *s, unsigned from, unsigned to, bool cut);
void net_node_dies(struct sim *s, unsigned node, bool silent);
void net_pause(struct sim *s, unsigned node, uint64_t until);
void net_poke(struct sim *s, unsigned node); /* pump what waits for it */
void net_reset(struct sim *s);
static inline bool net_alive(const struct link *l, unsigned side)
{
	return l->c && l->c->gen == l->gen && l->c->open[side];
}
struct blob *blob_new(size_t n, size_t each);
void blob_drop(struct blob *b);

/* coord.c */
void coord_start(struct sim *s);
void coord_kill(struct sim *s, bool written);
void coord_acts(struct sim *s);
void coord_recv(struct sim *s, struct conn *c, struct msg *m);
struct blob *coord_whole_view(const struct lr_view *v, struct msg *m);

/* donor.c */
void donor_start(struct sim *s, struct donor *d);
void donor_kill(struct sim *s, struct donor *d, bool silent);
void donor_recv(struct sim *s, struct donor *d, struct conn *c, struct msg *m);
void donor_attach(struct sim *s, void *arg, uint64_t life);
struct donor *donor_of(struct sim *s, uint64_t inc); /* NULL: not alive */
unsigned donor_dev(uint64_t inc);
void donor_drop_slot(struct sim *s, struct donor *d, unsigned slot);
void donor_kill_slow(struct sim *s, struct donor *d, unsigned slot);
void donor_tell(struct sim *s, struct donor *d);

/* serve.c */
void serve_recv(struct sim *s, struct donor *d, struct conn *c, struct msg *m);
struct entry *serve_find(struct donor *d, unsigned slot, uint32_t key);
void serve_stored(const struct entry *e, struct lr_stored *ret);
enum lr_err serve_store(struct sim *s, struct donor *d, unsigned slot,
			const struct entry *e, bool reserve);
void serve_drop(struct donor *d, unsigned slot, uint32_t key);

/* pull.c */
void pull_slot(struct sim *s, struct donor *d, unsigned slot);
void pull_pump(struct sim *s, struct donor *d, unsigned slot);
void pull_recv(struct sim *s, struct donor *d, struct msg *m);
void pull_lost(struct sim *s, struct donor *d, uint64_t member);
void pull_repair(struct sim *s, struct donor *d, uint32_t key);
void pull_tick(struct sim *s, struct donor *d);
void pull_stop(struct sim *s, struct donor *d);

/* sweep.c */
void sweep_tick(struct sim *s, struct donor *d);

/* agent.c */
void agent_init(struct sim *s, struct agent *a, unsigned node);
void agent_stop(struct sim *s, struct agent *a);
struct conn *agent_link(struct sim *s, struct agent *a, uint64_t member);
void agent_reply(struct sim *s, struct agent *a, struct msg *m);
void agent_lost(struct sim *s, struct agent *a, struct conn *c);
void agent_view(struct sim *s, struct agent *a); /* it changed */
/* VIEW and DELTA; true: the view is new, or whole as told. */
bool agent_take_view(struct sim *s, struct agent *a, struct msg *m,
		     bool *ret_need_whole);
struct cop *agent_op(struct sim *s, struct agent *a, enum lr_op_kind kind,
		     uint32_t key, const struct lr_tag *tag, unsigned flags,
		     unsigned deadline_ms, cop_cb done, void *arg,
		     uint32_t arg_life);
void agent_go(struct sim *s, struct cop *o); /* after it was filled */

/* work.c, object.c */
void client_start(struct sim *s, unsigned i);
void client_recv(struct sim *s, struct client *c, struct conn *conn,
		 struct msg *m);
void client_kill(struct sim *s, struct client *c); /* and it is back, anew */
struct work *work_of(struct cop *o); /* NULL: it is over */
void work_over(struct sim *s, struct work *w);
void object_begin(struct sim *s, struct work *w);
void register_begin(struct sim *s, struct work *w);
void object_fetch(struct sim *s, struct work *w, uint32_t key);
void client_final(struct sim *s);
struct lr_tag object_tomb_tag(uint64_t writer, uint64_t there_ts);

/* nemesis.c */
void nemesis_draw_profile(struct sim *s);
void nemesis_next(struct sim *s, void *arg, uint64_t x);
void nemesis_heal(struct sim *s);
void nemesis_mend(struct sim *s);
void nemesis_coord_crash(struct sim *s, void *arg, uint64_t x);

/* oracle.c */
uint32_t oracle_key(struct sim *s, enum key_kind kind, unsigned slot);
void oracle_cfg(struct sim *s, unsigned slot, const struct lr_cfg *cfg);
void oracle_commit(struct sim *s, const struct lr_view *v);
void oracle_admitted(struct sim *s, struct donor *d, unsigned slot,
		     uint64_t ce);
void oracle_stored(struct sim *s, struct donor *d, unsigned slot,
		   const struct entry *e);
void oracle_donor_slot(struct sim *s, struct donor *d, unsigned slot);
/* A PUT of `tag` (or more) was answered by ALL under `ce`. */
void oracle_acked(struct sim *s, uint32_t key, const struct lr_tag *tag,
		  uint64_t ce);
void oracle_removed(struct sim *s, uint32_t key, uint64_t ce);
/* A sweep's TOMB was taken by ALL. */
void oracle_swept(struct sim *s, uint32_t key, uint64_t ce);
/* What the coordinator is about to commit. */
void oracle_decided(struct sim *s, const struct lr_view *v);
void oracle_sealed(struct sim *s, const struct msg *m);
void oracle_deaths(struct sim *s); /* somebody died, or rotted */
bool oracle_would_lose(struct sim *s, const struct donor *d);
void oracle_fetched(struct sim *s, const struct work *w, const struct cop *o);
bool oracle_must_be_there(const struct sim *s, const struct key *k);
/* A tag was chosen for a value: never another one's. */
void oracle_tag(struct sim *s, uint32_t key, const struct lr_tag *tag,
		uint64_t val);
bool oracle_val(const struct sim *s, uint32_t key, const struct lr_tag *tag,
		uint64_t *ret);
void oracle_final(struct sim *s);
bool oracle_healed(struct sim *s, char *why, size_t cap);
unsigned oracle_hist(struct sim *s, uint32_t key, bool is_write, uint64_t val);

#endif
