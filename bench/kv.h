/* SPDX-License-Identifier: Apache-2.0 */
/* One store or another, behind the same loop: lanram, Redis, memcached. */
#ifndef LR_BENCH_KV_H
#define LR_BENCH_KV_H

#include <stdbool.h>
#include <stddef.h>

#include "client/lanram.h"

struct kv {
	const char *name;
	const struct kv_ops *ops;
	size_t size; /* of a value, bytes */
	char *value;
	unsigned n;	   /* values */
	unsigned first;	   /* number in the peers' keys */
	unsigned depth;	   /* requests in flight */
	unsigned replicas; /* that Redis waits for */
	unsigned copies;   /* that lanram makes */
	int busy_poll_us;  /* of lanram's handle: 0 its default, -1 none */
	bool busy;	   /* the peers' socket is polled, not slept on */
	struct lanram *pool;
	char (*ids)[LANRAM_ID_TEXT];
	int fd;
	char *buf;     /* requests and replies of the peers */
	size_t filled; /* bytes of requests in it */
};

/* Values are numbered. With one in flight: one call, one value. `batch`: up to
 * `depth` of them, sent together. All end the program when they fail or when
 * the bytes are not those that were stored. */
struct kv_ops {
	void (*open)(struct kv *k, char **args);
	void (*store)(struct kv *k, unsigned i);
	void (*retrieve)(struct kv *k, unsigned i);
	void (*remove)(struct kv *k, unsigned i);
	void (*store_batch)(struct kv *k, const unsigned *i, unsigned n);
	void (*retrieve_batch)(struct kv *k, const unsigned *i, unsigned n);
};

extern const struct kv_ops kv_lanram, kv_register, kv_redis, kv_memcached;

void kv_die(const char *what);

#endif
