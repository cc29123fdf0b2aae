/* SPDX-License-Identifier: Apache-2.0 */
/* A pool in this process: a coordinator that only welcomes and tells views,
 * and donors that keep entries in a map and misbehave when told to. Real
 * links, on loopback, one loop for all. */
#ifndef LR_TESTS_POOL_KIT_H
#define LR_TESTS_POOL_KIT_H

#include "unit.h"

#include <uthash.h>

#include "client/direct.h"
#include "net/identity.h"

#define POOL_DONORS 3

struct pool_entry {
	struct lr_id id;
	struct lr_tag tag;
	uint8_t kind, found;
	uint8_t *value;
	uint32_t bytes;
	uint64_t sum;
	UT_hash_handle hh;
};

struct pool_donor {
	struct pool *pool;
	unsigned nr;
	struct lr_identity *id;
	struct lr_tls *tls;
	struct lr_listener *listener;
	uint16_t port;
	uint64_t inc; /* what it says; the view says it too, at first */
	struct pool_entry *map;
	/* how it behaves */
	bool mute;	     /* answers nothing but hellos */
	bool corrupt;	     /* values are not what their sums say */
	enum lr_err refuse;  /* of each PUT */
	unsigned hang_up_at; /* the nth GET or PUT ends the link; 0: none */
	unsigned unsynced;   /* says so in GET_R */
	bool clear;	     /* was told that links go on in clear */
	bool finds_some;     /* FIND: something, whatever it is */
	/* what it saw */
	unsigned requests, puts, gets, finds, views;
	struct lr_tag last_tag;
};

struct pool {
	uv_loop_t loop;
	struct lr_identity *id; /* the coordinator's: the pool */
	struct lr_tls *tls;
	struct lr_listener *listener;
	struct lr_link *links[64]; /* all that were accepted and live */
	struct lr_link *requester; /* welcomed by the coordinator */
	bool admits;
	unsigned enrols, unreached, statuses;
	struct lr_view view;  /* that the coordinator tells */
	struct lr_view truth; /* that the donors have installed */
	struct pool_donor donor[POOL_DONORS];
	/* the client */
	struct lr_identity *me;
	struct lr_tls *my_tls;
	struct lr_direct *direct;
	struct lr_entries *entries;
};

/* `donors` of them hold every slot, under ce 1. The client is started. */
void pool_start(struct pool *p, unsigned donors, bool admits);
void pool_done(struct pool *p); /* demands an empty loop */
/* The client, closed: what is outstanding ends. */
void pool_close_client(struct pool *p);
/* Changes all slots to `ce` with members [from, to), as the donors know; then
 * also as the coordinator tells. */
void pool_change(struct pool *p, uint64_t ce, unsigned from, unsigned to);
void pool_tell(struct pool *p);
/* The coordinator dies, and its links. */
void pool_no_coordinator(struct pool *p);
/* A donor stops listening and its links end. */
void pool_stop_donor(struct pool *p, unsigned nr);
struct pool_entry *pool_find(struct pool_donor *d, const struct lr_id *id);

/* --- operations that are waited for --------------------------------------- */

struct pool_result {
	unsigned calls;
	struct lr_entry_result r; /* r.value: gone */
	uint8_t *value;
	char text[512];
};
void pool_result_cb(void *arg, const struct lr_entry_result *r);
void pool_result_done(struct pool_result *r);
struct lr_id pool_id(unsigned n); /* class normal, different slots */
void pool_put(struct pool *p, unsigned n, const void *value, size_t len,
	      unsigned deadline_ms, struct pool_result *r);
void pool_get(struct pool *p, unsigned n, unsigned deadline_ms,
	      struct pool_result *r);

/* Runs the loop until `cond` holds; fails the test after 60 s. */
#define POOL_UNTIL(p, cond)                                             \
	do {                                                            \
		uint64_t pool_end = uv_hrtime() + 60000000000u;         \
		while (!(cond)) {                                       \
			if (uv_hrtime() > pool_end)                     \
				fail_msg("not within 60 s: %s", #cond); \
			pool_turn(p);                                   \
		}                                                       \
	} while (0)
void pool_turn(struct pool *p);

/* For tests: two donors; the client is admitted, or pending. */
int pool_setup(void **state);
int pool_setup_pending(void **state);
int pool_teardown(void **state);
#define POOL_TEST(f) \
	cmocka_unit_test_setup_teardown(f, pool_setup, pool_teardown)

#endif
