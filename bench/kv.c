/* SPDX-License-Identifier: Apache-2.0 */
/* One client, one value after the other: how long a store and a retrieve take
 * in lanram (directly to the donors), Redis and memcached. The peers are
 * spoken to in their own protocols over one blocking socket, with the same
 * loop around all three.
 *
 *   kv lanram COORDINATOR STATE_DIR | kv redis PORT | kv memcached PORT
 *      [-n OPERATIONS] [-s BYTES] [-w REPLICAS] [-b]
 *
 * -w: Redis SETs are followed by WAIT, as lanram's acknowledge every copy.
 * -b: lanram's calls sleep at once rather than look for the answer first.
 * Prints: what,operation,p50_us,p99_us,per_s */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/lanram.h"

struct target {
	const char *name;
	struct lanram *pool;
	int fd;
	unsigned replicas;
	int busy_poll_us;
	char (*ids)[LANRAM_ID_TEXT];
	char *buf; /* for requests and replies */
	size_t size;
	char *value;
};

static void die(const char *what)
{
	fprintf(stderr, "kv: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- sockets -------------------------------------------------------------- */

static int dial(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	a.sin_port = htons((uint16_t)atoi(port));
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		die(port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t got = write(fd, p, n);

		if (got <= 0)
			die("write");
		p += got;
		n -= (size_t)got;
	}
}

/* Replies here have a length that is known ahead. */
static void read_reply(struct target *t, size_t want)
{
	size_t have = 0;

	while (have < want) {
		ssize_t got = read(t->fd, t->buf + have, want - have);

		if (got <= 0)
			die("read");
		have += (size_t)got;
	}
}

static void expect(struct target *t, const char *text)
{
	size_t n = strlen(text);

	read_reply(t, n);
	if (memcmp(t->buf, text, n) != 0) {
		fprintf(stderr, "kv: %s answered %.*s\n", t->name, (int)n,
			t->buf);
		exit(1);
	}
}

/* --- one operation each ---------------------------------------------------- */

static void redis_store(struct target *t, unsigned i)
{
	int n = sprintf(t->buf,
			"*3\r\n$3\r\nSET\r\n$10\r\nk%09u\r\n$%zu\r\n", i,
			t->size);

	memcpy(t->buf + n, t->value, t->size);
	memcpy(t->buf + n + t->size, "\r\n", 2);
	send_all(t->fd, t->buf, (size_t)n + t->size + 2);
	expect(t, "+OK\r\n");
	if (!t->replicas)
		return;
	n = sprintf(t->buf, "*3\r\n$4\r\nWAIT\r\n$1\r\n%u\r\n$4\r\n1000\r\n",
		    t->replicas);
	send_all(t->fd, t->buf, (size_t)n);
	n = sprintf(t->buf + 256, ":%u\r\n", t->replicas);
	expect(t, t->buf + 256);
}

static void redis_retrieve(struct target *t, unsigned i)
{
	int n = sprintf(t->buf, "*2\r\n$3\r\nGET\r\n$10\r\nk%09u\r\n", i);
	int head = snprintf(NULL, 0, "$%zu\r\n", t->size);

	send_all(t->fd, t->buf, (size_t)n);
	read_reply(t, (size_t)head + t->size + 2);
	if (memcmp(t->buf + head, t->value, t->size) != 0)
		die("wrong value");
}

static void memcached_store(struct target *t, unsigned i)
{
	int n = sprintf(t->buf, "set k%09u 0 0 %zu\r\n", i, t->size);

	memcpy(t->buf + n, t->value, t->size);
	memcpy(t->buf + n + t->size, "\r\n", 2);
	send_all(t->fd, t->buf, (size_t)n + t->size + 2);
	expect(t, "STORED\r\n");
}

static void memcached_retrieve(struct target *t, unsigned i)
{
	int n = sprintf(t->buf, "get k%09u\r\n", i);
	int head = snprintf(NULL, 0, "VALUE k%09u 0 %zu\r\n", i, t->size);

	send_all(t->fd, t->buf, (size_t)n);
	read_reply(t, (size_t)head + t->size + strlen("\r\nEND\r\n"));
	if (memcmp(t->buf + head, t->value, t->size) != 0)
		die("wrong value");
}

static void lanram_check(struct target *t, enum lanram_err err)
{
	if (!err)
		return;
	fprintf(stderr, "kv: %s\n", lanram_error(t->pool));
	exit(1);
}

static void pool_store(struct target *t, unsigned i)
{
	struct lanram_stored st;
	struct lanram_store_options o = { .copies = 2 };

	lanram_check(t, lanram_store(t->pool, t->value, t->size, &o, &st));
	memcpy(t->ids[i], st.id, sizeof st.id);
}

static void pool_retrieve(struct target *t, unsigned i)
{
	void *p;
	size_t n;

	lanram_check(t, lanram_retrieve(t->pool, t->ids[i], &p, &n));
	if (n != t->size || memcmp(p, t->value, n) != 0)
		die("wrong value");
	free(p);
}

static void pool_remove_all(struct target *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		lanram_check(t, lanram_remove(t->pool, t->ids[i]));
}

/* --- the loop --------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(struct target *t, const char *what, unsigned n,
		    void (*op)(struct target *t, unsigned i))
{
	double *us = calloc(n, sizeof *us), start = now_us(), all;

	if (!us)
		die("memory");
	for (unsigned i = 0; i < n; i++) {
		double at = now_us();

		op(t, i);
		us[i] = now_us() - at;
	}
	all = now_us() - start;
	qsort(us, n, sizeof *us, by_value);
	printf("%s,%s,%.1f,%.1f,%.0f\n", t->name, what, us[n / 2],
	       us[n - 1 - n / 100], n / all * 1e6);
	free(us);
}

static void open_pool(struct target *t, const char *coordinator,
		      const char *state_dir)
{
	struct lanram_options o = { .coordinator = coordinator,
				    .state_dir = state_dir,
				    .busy_poll_us = t->busy_poll_us };

	if (lanram_open(&o, &t->pool)) {
		fprintf(stderr, "kv: cannot open the pool\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct target t = { .size = 2048, .fd = -1 };
	unsigned n = 20000;
	int opt;

	while ((opt = getopt(argc, argv, "bn:s:w:")) != -1) {
		if (opt == 'n')
			n = (unsigned)atoi(optarg);
		else if (opt == 's')
			t.size = (size_t)atol(optarg);
		else if (opt == 'w')
			t.replicas = (unsigned)atoi(optarg);
		else if (opt == 'b')
			t.busy_poll_us = -1;
		else
			return 2;
	}
	if (optind + 2 > argc || n == 0)
		return 2;
	t.name = argv[optind];
	t.value = malloc(t.size);
	t.buf = malloc(t.size + 1024);
	t.ids = calloc(n, sizeof *t.ids);
	if (!t.value || !t.buf || !t.ids)
		die("memory");
	memset(t.value, 'x', t.size);
	if (!strcmp(t.name, "lanram") && optind + 3 <= argc) {
		open_pool(&t, argv[optind + 1], argv[optind + 2]);
		measure(&t, "store", n, pool_store);
		measure(&t, "retrieve", n, pool_retrieve);
		pool_remove_all(&t, n);
		lanram_close(t.pool);
	} else if (!strcmp(t.name, "redis")) {
		t.fd = dial(argv[optind + 1]);
		measure(&t, "store", n, redis_store);
		measure(&t, "retrieve", n, redis_retrieve);
	} else if (!strcmp(t.name, "memcached")) {
		t.fd = dial(argv[optind + 1]);
		measure(&t, "store", n, memcached_store);
		measure(&t, "retrieve", n, memcached_retrieve);
	} else {
		return 2;
	}
	free(t.value);
	free(t.buf);
	free(t.ids);
	return 0;
}
