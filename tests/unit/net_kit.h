/* SPDX-License-Identifier: Apache-2.0 */
/* A loop with a listener and one link through it, and its two ends. */
#ifndef LR_TESTS_NET_KIT_H
#define LR_TESTS_NET_KIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "net/identity.h"
#include "net/link.h"

enum kit_kind { KIT_UNIX, KIT_CLEAR, KIT_TLS };

struct kit_side {
	struct lr_link *link; /* NULL again once it is closed */
	unsigned opened, closed, frames, drained;
	enum lr_err why;
	struct lr_frame last; /* its header; meta and bulk are gone */
	void (*on_frame)(struct kit_side *side, const struct lr_frame *f);
	void (*on_open)(struct kit_side *side);
	void (*on_drain)(struct kit_side *side);
	void *arg;
};

struct kit {
	uv_loop_t loop;
	enum kit_kind kind;
	char path[96], where[128];
	struct lr_identity *id[2]; /* server, client */
	struct lr_tls *tls[2];
	const struct lr_pool_key *since; /* what the client has seen */
	struct lr_listener *listener;
	struct kit_side server, client;
	unsigned accepted;
};

/* A listener; kit_connect adds the client, kit_pair waits until both are
 * open. */
void kit_listen(struct kit *k, enum kit_kind kind);
void kit_relisten(struct kit *k, const char *where); /* elsewhere */
void kit_connect(struct kit *k, const struct lr_dev *expect);
void kit_pair(struct kit *k, enum kit_kind kind);
/* Closes what is left and demands that the loop is empty then. */
void kit_done(struct kit *k);

/* The listener's address for connect(). */
void kit_addr(const struct kit *k, struct sockaddr_storage *ret);
/* A blocking socket that is connected to the listener. */
int kit_raw(const struct kit *k);

/* Runs the loop until `cond` holds; fails the test after 60 s. */
#define KIT_UNTIL(k, cond)                                              \
	do {                                                            \
		uint64_t kit_end = uv_hrtime() + 60000000000u;          \
		while (!(cond)) {                                       \
			if (uv_hrtime() > kit_end)                      \
				fail_msg("not within 60 s: %s", #cond); \
			kit_turn(k);                                    \
		}                                                       \
	} while (0)
void kit_turn(struct kit *k); /* one turn, 20 ms at most */

extern const struct lr_link_ops kit_ops; /* arg: struct kit_side */

/* A bulk that counts its releases. */
struct kit_bulk {
	struct lr_bulk bulk;
	unsigned released;
	uint8_t *bytes;
};
void kit_bulk_make(struct kit_bulk *b, size_t len, uint32_t seed);
void kit_bulk_done(struct kit_bulk *b);
/* The bytes that kit_bulk_make makes. */
void kit_fill(uint8_t *p, size_t len, uint32_t seed);
bool kit_check(const uint8_t *p, size_t len, uint32_t seed);

#endif
