/* SPDX-License-Identifier: Apache-2.0 */
/* A whole pool in one process, in virtual time: the coordinator's, donors' and
 * clients' rules of lib/core, with all that lies between them played here.
 *
 *   sim.c      time, one life: faults, then healing, then judgement
 *   net.c      links: in order, late, stalled, cut one way, broken
 *   coord.c    the coordinator's daemon: disk, links, actions
 *   donor.c    a donor's daemon: seals, installs, views, leaving
 *   serve.c    what it answers to GET, PUT, SCAN
 *   pull.c     what it fetches while SYNCING, and repairs; shelf.c: what it
 *              still had of that
 *   order.c    names whose updates it orders
 *   forward.c  what it passes on to other copies; via.c: to another member,
 *              for a client
 *   report.c   what it tells the coordinator of objects
 *   sweep.c    TOMBs, open manifests, orphans, expiry
 *   agent.c    operations on entries, of clients and of donors
 *   list.c     the catalogue at the coordinator, and who wants the list
 *   work.c     what clients do: registers; object.c, name.c, find.c the rest
 *   profile.c  what a run is like
 *   nemesis.c  what goes wrong; nemesis_coord.c with the coordinator,
 *              nemesis_ram.c with the donors' RAM
 *   oracle.c   what must hold, known by nobody in the pool: oracle_cfg.c of
 *              configurations, oracle_end.c of what clients saw
 *   lin.c      is a history of a register linearizable; cas.c of a name
 *
 * All that happens is drawn from one seed. Nothing here may depend on addresses
 * or on the machine's clock. */
#ifndef LR_TESTS_SIM_H
#define LR_TESTS_SIM_H

#include "core/catalog.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/oracle.h"

struct disk_job {
	bool busy, is_view, doubt;
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
	bool on_disk, disk_doubt;
	uint64_t disk_prepared, coord_gen;
	struct lr_view exported;
	uint64_t exported_prepared;
	bool has_export, confirmed;
	bool imported[SIM_SLOTS]; /* and no new configuration since */
	struct disk_job job;
	struct lr_catalog *catalog;
	struct asking *askings; /* list.c */
	uint64_t listed_ce[SIM_SLOTS], coord_started_ms, coord_died_ms,
		holds_ms;
	bool holds[SIM_SLOTS], disk_holds[SIM_SLOTS];
	struct link peer[SIM_DEVS], requester[SIM_CLIENTS];

	struct donor donor[SIM_DEVS];
	unsigned n_devs;
	struct client client[SIM_CLIENTS];

	struct key key[SIM_KEYS];
	unsigned n_keys;
	unsigned objects[SIM_KEYS], n_objects, n_registers, n_names;
	struct lr_cfg committed[SIM_SLOTS];
	struct past_cfg past[SIM_SLOTS];
	struct seal_ack ack[SIM_DEVS][SIM_SLOTS];
	uint32_t *slot_key[SIM_SLOTS]; /* keys of each slot */
	unsigned n_slot_key[SIM_SLOTS], cap_slot_key[SIM_SLOTS];
	unsigned n_corrupted;
	uint64_t lost_ce[SIM_SLOTS]; /* all copies died under this ce; 0: never */
	uint64_t lost_at[SIM_SLOTS];
	uint64_t next_val, lin_clock;
	unsigned final_next, final_out; /* what is read at the end, */
	bool final_listed;		/* and then the list */
	uint64_t nemesis_ms;
	char wrong[512];
	/* counts */
	uint64_t acks, reads, absents, losts, unknowns, changes, installs,
		syncs, warm, seals, deaths, sweeps, collected, lin_ops, removed,
		uploads, fulls, cfgs_lost, updates, conflicts, cas_ops, lists,
		lists_refused, finds, passed,
		vias;
	uint32_t n_orders;
};
/* coord.c */
void coord_start(struct sim *s);
void coord_kill(struct sim *s, bool written);
void coord_acts(struct sim *s);
void coord_recv(struct sim *s, struct conn *c, struct msg *m);
struct blob *coord_whole_view(const struct lr_view *v, struct msg *m);

/* list.c */
void list_start(struct sim *s);
void list_stop(struct sim *s);
void list_tick(struct sim *s);
void list_report(struct sim *s, struct conn *c, const struct msg *m);
void list_asked(struct sim *s, struct conn *c, const struct msg *m);
bool list_has(const struct sim *s, const struct key *k);
/* The coordinator that died had the time to write down that it is there. */
bool list_noted(const struct sim *s, const struct key *k);

#endif
