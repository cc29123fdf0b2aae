/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator daemon: one loop around the rules of core/coord.h.
 *
 *   coordinator.c  start, tick, and what the rules ask for
 *   state.c        the state files, written off the loop; state_codec.c: what
 *                  is in them
 *   peers.c        links: hello, enrolment
 *   push.c         views and devices, to all
 *   donors.c       what donors say, to the rules
 *   rest.c         how fast donors may copy
 *   devices.c      who is admitted, who wants in; rotate.c: by which key
 *   admission.c    what admins say of devices; invites.c: invitations
 *   drain.c        who is drained or forgotten
 *   query.c        what users ask; objects.c: LIST and RESOLVE
 *   losses.c       is what slots lost still missed
 *   watch.c        events, and what is pushed to who watches
 *   check.c        what `lanram doctor` asks
 *   metrics.c      what is counted, as Prometheus text
 */
#ifndef LR_COORDINATOR_H
#define LR_COORDINATOR_H

#include "core/catalog.h"
#include "core/coord.h"
#include "core/events.h"
#include "core/losses.h"
#include "daemon/base.h"
#include "wire/viewcodec.h"

struct lr_device_row { /* an admitted device; roles 0: a revoked one */
	struct lr_dev dev; /* its first key's: who it is, for ever */
	struct lr_dev key, old; /* rotate.c; zero: dev, none */
	uint8_t roles;
	char name[LR_NAME_MAX];
};

#define LR_INVITES_MAX 256

struct lr_invite { /* an invitation that stands */
	struct lr_dev key; /* its public half */
	uint8_t roles;
	uint32_t uses, used; /* devices */
	uint64_t created_ms, expires_ms; /* Unix */
};

struct lr_pending_row { /* one that wants in */
	struct lr_dev dev;
	uint8_t roles; /* asked for */
	char name[LR_NAME_MAX], address[64], code[64];
	uint64_t since_ms, seen_ms;
	bool refused;
};

/* Links as metrics tell them apart. */
enum lr_peer_kind {
	LR_PEER_STRANGER, /* not admitted */
	LR_PEER_DONOR,
	LR_PEER_BEAT,
	LR_PEER_REQUESTER,
	LR_PEER_LOCAL,
	LR_PEER_KINDS
};

struct lr_peer { /* a link to us */
	struct lr_peer *next, **prev;
	struct lr_coordinator *k;
	struct lr_link *link;
	uint8_t role; /* enum lr_role_link; 0 before HELLO */
	bool admitted, admin, pushes;
	uint16_t proto; /* that WELCOME chose */
	struct lr_dev dev; /* the device; nobody's: its key */
	struct lr_dev key; /* proven */
	bool replaced;	   /* the device has another key now */
	uint64_t rotates;  /* its ROTATE, to be answered when it is saved */
	uint64_t inc;		      /* donors */
	struct lr_coord_donor *donor; /* control links: what HELLO said */
	bool hello_done;	      /* the rules know it */
	uint64_t read_bytes;	      /* of its link, as the rules know */
	bool may_leave;
	bool revoked; /* closing; the rules forget it then */
	/* BEAT links: as last told to the events, and since when it differs */
	uint64_t lent, lent_ms;
	bool lent_known;
	bool resting;	   /* BEAT links: was told that copying is paused */
	bool copying;	   /* BEAT links: some of its slots are filling */
	uint64_t copy_limit; /* BEAT links: as told last */
	bool watches, watch_whole; /* pushed to; as a whole first */
	uint64_t watch_seq; /* events up to it were pushed */
	uint64_t cut_off_ms; /* not told before that it misses a donor */
};

struct lr_flap_row { /* flaps.c: from the state file */
	struct lr_dev dev;
	struct lr_flaps flaps;
};

struct lr_slot_used {
	uint64_t entries, bytes;
};

struct lr_invites;
struct lr_pushes;
struct lr_ask; /* a LIST or RESOLVE that waits for the catalog */
struct lr_state;

struct lr_coordinator {
	struct lr_base b;
	struct lr_identity *pool; /* its key of now: what links show */
	struct lr_tls *pool_tls;
	struct lr_listener *tcp, *local;
	struct lr_coord *rules;
	struct lr_catalog *catalog;
	struct lr_state *state;
	struct lr_peer *peers;
	struct lr_device_row *devices;
	size_t n_devices;
	bool rotated; /* to be told when it is saved */
	uint64_t devices_version;
	struct lr_pending_row *pending;
	size_t n_pending;
	struct lr_invites *invites; /* NULL: none yet */
	struct lr_dev *drained; /* loaded, until there are rules */
	size_t n_drained;
	struct lr_flap_row *flapped; /* until the rules have them */
	size_t n_flapped;
	struct lr_slot_used used[LR_SLOTS];
	uint64_t listed_ce[LR_SLOTS]; /* cfg for which the catalog is whole */
	uint64_t started_ms;
	bool settled; /* the donors had time to come back since */
	struct lr_ask *asks;
	uv_timer_t timer;
	struct lr_events events;
	struct lr_watchers *watchers; /* watch.c */
	struct lr_pushes *pushes; /* push.c */
	struct lr_losses losses;
	bool looks_for_losses;
	uint64_t losses_ms, losses_begun_ms; /* when to look again; looked */
	uint64_t recovered_ms, recovery_last, recovery_rate;
	struct lr_times times[LR_PEER_KINDS]; /* frames, by who sent them */
	bool first_start, starts_paused, stopped;
	int exit_code;
	const char *refuse_host; /* first start: who has the name already */
};

static inline const struct lr_dev *
lr_coordinator_pool(const struct lr_coordinator *k)
{
	return lr_identity_dev(k->pool);
}

/* coordinator.c */
void lr_coordinator_act(struct lr_coordinator *k); /* after each event */
const char *lr_coordinator_name_of(const struct lr_coordinator *k,
				   const struct lr_dev *dev);

/* state.c */
bool lr_state_open(struct lr_coordinator *k, struct lr_view *ret_view,
		   uint64_t *ret_prepared, bool *ret_found);
void lr_state_prepare(struct lr_coordinator *k, uint64_t epoch);
void lr_state_commit(struct lr_coordinator *k);
/* What was opened may be an old copy. */
bool lr_state_in_doubt(const struct lr_coordinator *k);
/* The device list, what slots hold, or a record (state_codec.h) changed. */
void lr_state_changed(struct lr_coordinator *k);
void lr_state_tick(struct lr_coordinator *k, uint64_t now_ms);
void lr_state_free(struct lr_coordinator *k);

/* peers.c */
void lr_peers_accept_cb(struct lr_link *link, void *arg);
struct lr_peer *lr_peers_donor(struct lr_coordinator *k, uint64_t inc);
/* Closes the links of a revoked device; false: it has none. */
bool lr_peers_revoke(struct lr_coordinator *k, const struct lr_dev *dev);
void lr_peers_close_all(struct lr_coordinator *k);

/* push.c */
bool lr_push_new(struct lr_coordinator *k);
void lr_push_free(struct lr_coordinator *k);
void lr_push_view(struct lr_peer *p, const struct lr_frame *f); /* VIEW_GET */
void lr_push_changes(struct lr_coordinator *k, const struct lr_coord_act *a);
void lr_push_devices_to(struct lr_peer *p);
void lr_push_devices(struct lr_coordinator *k); /* to all, at once */
void lr_push_devices_soon(struct lr_coordinator *k);
void lr_push_tick(struct lr_coordinator *k, uint64_t now_ms);

/* reach.c: the rules are told whether it is there. */
void lr_donor_probe(struct lr_coordinator *k, const struct lr_coord_act *a);
void lr_donor_connect(struct lr_coordinator *k, uint64_t inc);

/* donors.c */
void lr_donor_greet(struct lr_peer *p); /* admitted: ask for its slots */
bool lr_donor_frame(struct lr_peer *p, const struct lr_frame *f);
/* Tells the rules whose links move. */
void lr_donors_heard(struct lr_coordinator *k, uint64_t now_ms);
void lr_donor_closed(struct lr_peer *p);
void lr_donor_seal(struct lr_coordinator *k, const struct lr_coord_act *a);
void lr_donor_install(struct lr_coordinator *k, const struct lr_coord_act *a);
void lr_donor_slots_get(struct lr_coordinator *k, uint64_t inc);
void lr_donor_may_leave(struct lr_coordinator *k, uint64_t inc);

/* rebalance.c */
void lr_rebalance_serve(struct lr_peer *p, const struct lr_frame *f);

/* rest.c: on a heartbeat. */
/* The pause, as a record of the state file. */
size_t lr_rest_room(const struct lr_coordinator *k);
void lr_rest_save(const struct lr_coordinator *k, struct lr_writer *w);
bool lr_rest_load(struct lr_coordinator *k, struct lr_reader *r);
void lr_rest_tell(struct lr_peer *p, const struct lr_msg_beat *m);

/* devices.c */
const struct lr_device_row *lr_devices_get(const struct lr_coordinator *k,
					   const struct lr_dev *dev);
/* Adds the roles; the list is saved and pushed. */
bool lr_devices_admit(struct lr_coordinator *k, const struct lr_dev *dev,
		      uint8_t roles, const char *name);
/* An admitted device by unique name or ID prefix; false: `why` says it. */
bool lr_devices_find(const struct lr_coordinator *k, const char *ref,
		     struct lr_dev *ret, char *why, size_t cap);
/* Out for good: its links close, its copies are given up, its key may not
 * enrol again. */
void lr_devices_revoke(struct lr_coordinator *k, const struct lr_dev *dev);
enum lr_enrol_state lr_devices_enrol(struct lr_coordinator *k,
				     const struct lr_dev *dev, uint8_t roles,
				     const char *name, const char *address,
				     char *why, size_t cap);
/* By code, unique name, or ID prefix; NULL: `why` says it. */
struct lr_pending_row *lr_devices_pending(struct lr_coordinator *k,
					  const char *ref, char *why,
					  size_t cap);
void lr_devices_drop_pending(struct lr_coordinator *k,
			     struct lr_pending_row *row);
void lr_devices_codes(struct lr_coordinator *k); /* fills missing codes */
void lr_devices_tick(struct lr_coordinator *k, uint64_t now_ms);

/* Its key may not enrol, though it never did. False: out of memory. */
bool lr_devices_bar(struct lr_coordinator *k, const struct lr_dev *dev,
		    const char *name);

/* rotate.c */
const struct lr_dev *lr_device_key(const struct lr_device_row *d);
const struct lr_device_row *lr_devices_of_key(const struct lr_coordinator *k,
					      const struct lr_dev *key);
/* By its key, or one that it had. */
const struct lr_device_row *lr_devices_as(const struct lr_coordinator *k,
					  const struct lr_dev *key);
bool lr_devices_is_replaced(const struct lr_coordinator *k,
			    const struct lr_dev *key);
void lr_rotate_take(struct lr_peer *p, const struct lr_frame *f);
void lr_rotate_saved(struct lr_coordinator *k); /* what changed is on disk */

/* pool_key.c */
bool lr_pool_key_open(struct lr_coordinator *k); /* false: said why */
void lr_pool_key_rotate(struct lr_peer *p, const struct lr_frame *f);

/* invites.c. False: there are too many already. */
bool lr_invites_add(struct lr_coordinator *k, const struct lr_invite *i);
/* By the beginning of its key, 6 characters or more; false: no such one. */
bool lr_invites_remove(struct lr_coordinator *k, const char *ref);
void lr_invites_list(struct lr_coordinator *k, struct lr_writer *w);
/* Lets the device in; NULL, or why not. */
const char *lr_invites_use(struct lr_coordinator *k, const struct lr_dev *dev,
			   const struct lr_msg_enrol_invited *m);
size_t lr_invites_room(const struct lr_coordinator *k);
void lr_invites_save(const struct lr_coordinator *k, struct lr_writer *w);
bool lr_invites_load(struct lr_coordinator *k, struct lr_reader *r);

/* admission.c: PENDING, ADMIT, ...; false: not a question of its. */
bool lr_admission_frame(struct lr_peer *p, const struct lr_frame *f);

/* query.c: who answers which question; a row without `serve` ends the table.
 * False: it is not there. */
struct lr_question {
	unsigned type;
	void (*serve)(struct lr_peer *p, const struct lr_frame *f);
};
bool lr_query_serve(const struct lr_question *questions, struct lr_peer *p,
		    const struct lr_frame *f);
/* query.c: DONE as the answer; a question that only admins may ask (false: it
 * was answered). */
void lr_query_done(struct lr_peer *p, const struct lr_frame *f,
		   enum lr_err err, const char *text);
bool lr_query_must_be_admin(struct lr_peer *p, const struct lr_frame *f,
			    uint32_t uid);
/* query.c: the pool's health, with a text record for each reason. */
enum lr_health lr_query_health(const struct lr_coordinator *k,
			       const struct lr_coord_summary *s,
			       struct lr_writer *w);
/* One donor as users see it; `address` is used by the result. */
struct lr_rec_donor lr_query_donor(const struct lr_coord_row *row,
				   char *address, size_t cap);
void lr_query_pending(struct lr_coordinator *k, struct lr_writer *w);
/* Bytes left to copy, and how many of them go a second. */
void lr_query_recovery(struct lr_coordinator *k, uint64_t *ret_left,
		       uint64_t *ret_rate);
bool lr_query_is_admin(const struct lr_peer *p, uint32_t uid);

/* metrics.c */
void lr_coordinator_metrics_cb(void *arg, struct lr_metrics *m);
struct lr_times *lr_coordinator_times(struct lr_peer *p);

/* watch.c: events are kept and told to the log and to who watches. */
bool lr_watchers_new(struct lr_coordinator *k);
void lr_watchers_free(struct lr_coordinator *k);
/* `by` does not reach a donor that others reach. */
void lr_watchers_cut_off(struct lr_coordinator *k, const struct lr_dev *dev,
			 const struct lr_dev *by);
void lr_watchers_event(struct lr_coordinator *k, enum lr_event_kind kind,
		    const struct lr_dev *dev, const char *name,
		    uint64_t count, uint64_t ms);
void lr_watchers_changed(struct lr_coordinator *k); /* push soon */
void lr_watchers_tick(struct lr_coordinator *k, uint64_t now_ms);
bool lr_watchers_frame(struct lr_peer *p, const struct lr_frame *f);

/* query.c, objects.c; false: not a question of theirs. */
bool lr_query_frame(struct lr_peer *p, const struct lr_frame *f);
bool lr_objects_frame(struct lr_peer *p, const struct lr_frame *f);
bool lr_check_frame(struct lr_peer *p, const struct lr_frame *f); /* check.c */
void lr_objects_tick(struct lr_coordinator *k, uint64_t now_ms);
/* The catalog is whole. */
bool lr_objects_are_told(const struct lr_coordinator *k);
void lr_losses_tick(struct lr_coordinator *k, uint64_t now_ms); /* losses.c */
void lr_objects_forget_peer(struct lr_coordinator *k, const struct lr_peer *p);
void lr_objects_report(struct lr_peer *p, const struct lr_frame *f);
struct lr_asker lr_objects_asker(const struct lr_peer *p, uint32_t uid,
				 bool all);
/* Its whole ID; an admin who may not sees its beginning. */
bool lr_objects_may_know(const struct lr_asker *who, const struct lr_object *o);
/* A listed record; `cut`: the ID's beginning alone. */
void lr_objects_row(const struct lr_coordinator *k, struct lr_writer *w,
		    const struct lr_object *o, bool cut);
uint64_t lr_objects_chunks(const struct lr_object *o); /* to look at */
/* browse.c; false: malformed. */
bool lr_browse_serve(struct lr_peer *p, const struct lr_header *h,
		     const uint8_t *meta);
void lr_copies_serve(struct lr_peer *p, const struct lr_frame *f);

#endif
