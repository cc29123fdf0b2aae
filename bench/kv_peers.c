/* SPDX-License-Identifier: Apache-2.0 */
/* Redis and memcached in their own protocols over one socket. args: PORT. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/kv.h"

static void dial(struct kv *k, char **args)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	a.sin_port = htons((uint16_t)atoi(args[0]));
	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (k->fd < 0 || connect(k->fd, (struct sockaddr *)&a, sizeof a) != 0)
		kv_die(args[0]);
	setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	k->buf = malloc((k->size + 1024) * k->depth);
	if (!k->buf)
		kv_die("memory");
}

/* --- the socket ------------------------------------------------------------ */

static void flush(struct kv *k)
{
	for (size_t at = 0; at < k->filled;) {
		ssize_t n = write(k->fd, k->buf + at, k->filled - at);

		if (n <= 0)
			kv_die("write");
		at += (size_t)n;
	}
	k->filled = 0;
}

static ssize_t receive(struct kv *k, void *to, size_t n)
{
	ssize_t got;

	if (!k->busy)
		return recv(k->fd, to, n, 0);
	do
		got = recv(k->fd, to, n, MSG_DONTWAIT);
	while (got < 0 && errno == EAGAIN);
	return got;
}

/* Replies here have a length that is known ahead. */
static void read_reply(struct kv *k, size_t want)
{
	for (size_t have = 0; have < want;) {
		ssize_t n = receive(k, k->buf + have, want - have);

		if (n <= 0)
			kv_die("read");
		have += (size_t)n;
	}
}

static void expect(struct kv *k, const char *text)
{
	size_t n = strlen(text);

	read_reply(k, n);
	if (memcmp(k->buf, text, n) != 0) {
		fprintf(stderr, "kv: %s answered %.*s\n", k->name, (int)n,
			k->buf);
		exit(1);
	}
}

static void add_value(struct kv *k)
{
	memcpy(k->buf + k->filled, k->value, k->size);
	memcpy(k->buf + k->filled + k->size, "\r\n", 2);
	k->filled += k->size + 2;
}

#define ADD(k, ...) \
	((k)->filled += (size_t)sprintf((k)->buf + (k)->filled, __VA_ARGS__))

static void expect_value(struct kv *k, size_t head, size_t tail)
{
	read_reply(k, head + k->size + tail);
	if (memcmp(k->buf + head, k->value, k->size) != 0)
		kv_die("wrong value");
}

/* --- Redis ----------------------------------------------------------------- */

static void redis_add_set(struct kv *k, unsigned i)
{
	ADD(k, "*3\r\n$3\r\nSET\r\n$10\r\nk%09u\r\n$%zu\r\n",
	    k->first + i, k->size);
	add_value(k);
}

static void redis_store(struct kv *k, unsigned i)
{
	char text[64];

	redis_add_set(k, i);
	flush(k);
	expect(k, "+OK\r\n");
	if (!k->replicas)
		return;
	ADD(k, "*3\r\n$4\r\nWAIT\r\n$1\r\n%u\r\n$4\r\n1000\r\n", k->replicas);
	flush(k);
	sprintf(text, ":%u\r\n", k->replicas);
	expect(k, text);
}

static void redis_store_batch(struct kv *k, const unsigned *i, unsigned n)
{
	for (unsigned j = 0; j < n; j++)
		redis_add_set(k, i[j]);
	flush(k);
	for (unsigned j = 0; j < n; j++)
		expect(k, "+OK\r\n");
}

static size_t redis_head(const struct kv *k)
{
	return (size_t)snprintf(NULL, 0, "$%zu\r\n", k->size);
}

static void redis_retrieve_batch(struct kv *k, const unsigned *i, unsigned n)
{
	for (unsigned j = 0; j < n; j++)
		ADD(k, "*2\r\n$3\r\nGET\r\n$10\r\nk%09u\r\n", k->first + i[j]);
	flush(k);
	for (unsigned j = 0; j < n; j++)
		expect_value(k, redis_head(k), 2);
}

static void redis_retrieve(struct kv *k, unsigned i)
{
	redis_retrieve_batch(k, &i, 1);
}

static void redis_remove(struct kv *k, unsigned i)
{
	ADD(k, "*2\r\n$3\r\nDEL\r\n$10\r\nk%09u\r\n", k->first + i);
	flush(k);
	expect(k, ":1\r\n");
}

const struct kv_ops kv_redis = {
	.open = dial,
	.store = redis_store,
	.retrieve = redis_retrieve,
	.remove = redis_remove,
	.store_batch = redis_store_batch,
	.retrieve_batch = redis_retrieve_batch,
};

/* --- memcached ------------------------------------------------------------- */

static void memcached_store_batch(struct kv *k, const unsigned *i, unsigned n)
{
	for (unsigned j = 0; j < n; j++) {
		ADD(k, "set k%09u 0 0 %zu\r\n", k->first + i[j], k->size);
		add_value(k);
	}
	flush(k);
	for (unsigned j = 0; j < n; j++)
		expect(k, "STORED\r\n");
}

static void memcached_store(struct kv *k, unsigned i)
{
	memcached_store_batch(k, &i, 1);
}

static size_t memcached_head(const struct kv *k)
{
	return (size_t)snprintf(NULL, 0, "VALUE k%09u 0 %zu\r\n", 0, k->size);
}

static void memcached_retrieve_batch(struct kv *k, const unsigned *i,
				     unsigned n)
{
	for (unsigned j = 0; j < n; j++)
		ADD(k, "get k%09u\r\n", k->first + i[j]);
	flush(k);
	for (unsigned j = 0; j < n; j++)
		expect_value(k, memcached_head(k), strlen("\r\nEND\r\n"));
}

static void memcached_retrieve(struct kv *k, unsigned i)
{
	memcached_retrieve_batch(k, &i, 1);
}

static void memcached_remove(struct kv *k, unsigned i)
{
	ADD(k, "delete k%09u\r\n", k->first + i);
	flush(k);
	expect(k, "DELETED\r\n");
}

const struct kv_ops kv_memcached = {
	.open = dial,
	.store = memcached_store,
	.retrieve = memcached_retrieve,
	.remove = memcached_remove,
	.store_batch = memcached_store_batch,
	.retrieve_batch = memcached_retrieve_batch,
};
