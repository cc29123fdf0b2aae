/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the nemesis: reads and writes registers, gets and sets names,
 * stores, retrieves and removes objects at random, one at a time, and writes a
 * line for each (history.h) until SIGTERM.
 *
 *   history SOCKET CLIENT SEED DEADLINE_MS OBJECTS
 *   history --verify SOCKET		< "ID VALUE SIZE keep|gone" lines
 *
 * OBJECTS: a file that all clients append to, so that each retrieves what others
 * have stored. Exit: 0, or 1 with a reason. */
#include "tests/lab/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/lanram.h"

#define REGISTERS 25
#define REMOVABLE 5 /* the first of them are removed now and then */
#define NAMES 25
#define OBJECTS_MAX 60 /* of one client at a time */
#define RECORD 96
#define SIZE_MAX_BYTES (700u << 10)
#define THINK_MS 25

struct known { /* of a name, since it was last seen */
	struct lanram_tag tag;
	uint64_t value; /* 0: not seen */
};

struct object {
	char id[LANRAM_ID_TEXT];
	uint64_t value;
	uint32_t size;
};

struct history {
	struct lanram *p;
	unsigned client;
	uint64_t rng, count;
	int shared;
	struct known names[NAMES];
	struct object mine[OBJECTS_MAX + 1];
	unsigned n_mine;
	uint64_t start;
	uint8_t *buf;
};

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	(void)number;
	ending = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t draw(struct history *h, uint32_t below)
{
	h->rng = history_mix(h->rng);
	return (uint32_t)(h->rng >> 32) % below;
}

/* Some keys are everybody's favourites. */
static unsigned favour(struct history *h, unsigned n)
{
	return draw(h, draw(h, n) + 1);
}

/* --- values ------------------------------------------------------------------ */

static void fill(uint8_t *buf, uint64_t value, uint32_t size)
{
	uint64_t x = value;

	memcpy(buf, &value, 8);
	memcpy(buf + 8, &size, 4);
	for (uint32_t i = VALUE_MIN; i < size; i++) {
		if (i % 8 == 4 || i == VALUE_MIN)
			x = history_mix(x);
		buf[i] = (uint8_t)(x >> i % 8 * 8);
	}
}

/* 0: bytes that nobody wrote. */
static uint64_t value_of(const uint8_t *data, size_t size)
{
	uint64_t value;
	uint8_t *want;
	bool same;

	if (size < VALUE_MIN || size > SIZE_MAX_BYTES)
		return 0;
	memcpy(&value, data, 8);
	want = malloc(size);
	if (!want)
		abort();
	fill(want, value, (uint32_t)size);
	same = memcmp(want, data, size) == 0;
	free(want);
	return same ? value : 0;
}

static uint64_t new_value(struct history *h)
{
	return (uint64_t)h->client << 40 | ++h->count;
}

/* Mostly small; some of several chunks. */
static uint32_t random_size(struct history *h, uint32_t max)
{
	uint32_t limit = 1u << (5 + draw(h, 16));

	if (limit > max)
		limit = max;
	return VALUE_MIN + draw(h, limit - VALUE_MIN);
}

/* --- lines ------------------------------------------------------------------- */

static const char *result_of(enum lanram_err err)
{
	switch (err) {
	case LANRAM_OK:
		return "ok";
	case LANRAM_ABSENT:
		return "absent";
	case LANRAM_CONFLICT:
		return "conflict";
	case LANRAM_UNKNOWN:
		return "unknown";
	case LANRAM_LOST:
		return "lost";
	default:
		return "failed";
	}
}

static void begin(struct history *h)
{
	h->start = now_ns();
}

static void line(struct history *h, const char *kind, const char *key,
		 uint64_t value, const char *want, const char *result,
		 const struct lanram_tag *tag)
{
	char text[LANRAM_TAG_TEXT] = "-";

	if (tag)
		lanram_tag_format(tag, text);
	printf("%" PRIu64 " %" PRIu64 " %u %s %s %" PRIu64 " %s %s %s\n",
	       h->start, now_ns(), h->client, kind, key, value, want, result,
	       text);
}

/* Reasons go to stderr: for people, not for the checker. */
static void reason(struct history *h, const char *kind, const char *key,
		   enum lanram_err err)
{
	if (err != LANRAM_OK && err != LANRAM_ABSENT && err != LANRAM_CONFLICT)
		fprintf(stderr, "%" PRIu64 " %s %s: %s\n", h->start / 1000000,
			kind, key, lanram_error(h->p));
}

static void report(struct history *h, const char *kind, const char *key,
		   uint64_t value, const char *want, enum lanram_err err,
		   const struct lanram_tag *tag)
{
	line(h, kind, key, value, want, result_of(err),
	     err == LANRAM_OK ? tag : NULL);
	reason(h, kind, key, err);
}

static void report_read(struct history *h, const char *kind, const char *key,
			void *data, size_t size, enum lanram_err err,
			const struct lanram_tag *tag, uint64_t *ret)
{
	uint64_t value = err ? 0 : value_of(data, size);

	*ret = value;
	if (!err && !value)
		line(h, kind, key, 0, "-", "wrong", tag);
	else
		report(h, kind, key, value, "-", err, tag);
	if (!err)
		free(data);
}

/* --- registers --------------------------------------------------------------- */

static void register_write(struct history *h, const char *key)
{
	uint64_t value = new_value(h);
	uint32_t size = random_size(h, 64 << 10);
	struct lanram_tag tag;
	enum lanram_err err;

	fill(h->buf, value, size);
	begin(h);
	err = lanram_register_write(h->p, key, h->buf, size, &tag);
	report(h, "rw", key, value, "-", err, &tag);
}

static void register_read(struct history *h, const char *key)
{
	struct lanram_tag tag;
	void *data = NULL;
	uint64_t value;
	size_t size = 0;
	enum lanram_err err;

	begin(h);
	err = lanram_register_read(h->p, key, &data, &size, &tag);
	report_read(h, "rr", key, data, size, err, &tag, &value);
}

static void register_remove(struct history *h, const char *key)
{
	struct lanram_tag tag;
	enum lanram_err err;

	begin(h);
	err = lanram_register_remove(h->p, key, &tag);
	report(h, "rx", key, 0, "-", err, &tag);
}

static void do_register(struct history *h)
{
	unsigned n = favour(h, REGISTERS), what = draw(h, 10);
	char key[16];

	snprintf(key, sizeof key, "%c%u", n < REMOVABLE ? 'q' : 'r', n);
	if (what < 5)
		register_read(h, key);
	else if (what < 9 || n >= REMOVABLE)
		register_write(h, key);
	else
		register_remove(h, key);
}

/* --- names ------------------------------------------------------------------- */

static void name_get(struct history *h, unsigned n, const char *key)
{
	struct known *k = &h->names[n];
	void *data = NULL;
	size_t size = 0;
	enum lanram_err err;

	begin(h);
	err = lanram_name_get(h->p, key, &data, &size, &k->tag);
	report_read(h, "ng", key, data, size, err, &k->tag, &k->value);
}

static const char *wanted(const struct known *k, enum lanram_if cond,
			  char text[24])
{
	snprintf(text, 24, "%" PRIu64, k->value);
	return cond == LANRAM_IF_TAG	? text :
	       cond == LANRAM_IF_ABSENT ? "none" :
					  "any";
}

static void name_set(struct history *h, unsigned n, const char *key,
		     enum lanram_if cond)
{
	struct known *k = &h->names[n];
	uint64_t value = new_value(h);
	uint32_t size = random_size(h, LANRAM_NAME_VALUE_MAX);
	struct lanram_tag tag;
	enum lanram_err err;
	char text[24];

	fill(h->buf, value, size);
	begin(h);
	err = lanram_name_set(h->p, key, h->buf, size, cond, &k->tag, &tag);
	report(h, "ns", key, value, wanted(k, cond, text), err, &tag);
	k->value = err ? 0 : value;
	k->tag = tag;
}

static void name_remove(struct history *h, unsigned n, const char *key,
			enum lanram_if cond)
{
	struct known *k = &h->names[n];
	struct lanram_tag tag;
	enum lanram_err err;
	char text[24];

	begin(h);
	err = lanram_name_remove(h->p, key, cond, &k->tag, &tag);
	report(h, "nx", key, 0, wanted(k, cond, text), err, &tag);
	k->value = 0;
}

static void do_name(struct history *h)
{
	unsigned n = favour(h, NAMES), what = draw(h, 20);
	char key[16];

	snprintf(key, sizeof key, "n%u", n);
	if (what < 2)
		name_set(h, n, key, LANRAM_IF_ABSENT);
	else if (what < 4)
		name_set(h, n, key, LANRAM_IF_ANY);
	else if (what == 4)
		name_remove(h, n, key, LANRAM_IF_ANY);
	else if (!h->names[n].value || what < 10)
		name_get(h, n, key);
	else if (what < 18)
		name_set(h, n, key, LANRAM_IF_TAG);
	else
		name_remove(h, n, key, LANRAM_IF_TAG);
}

/* --- objects ----------------------------------------------------------------- */

static void tell_others(const struct history *h, const struct object *o)
{
	char text[RECORD + 1];

	snprintf(text, sizeof text, "%s %20" PRIu64 " %10" PRIu32, o->id,
		 o->value, o->size);
	memset(text + strlen(text), ' ', RECORD - strlen(text));
	text[RECORD - 1] = '\n';
	if (write(h->shared, text, RECORD) != RECORD)
		abort();
}

static void object_store(struct history *h)
{
	struct object *o = &h->mine[h->n_mine];
	struct lanram_stored stored;
	struct lanram_store_options opt = { .copies = 2 + !draw(h, 4),
					    .is_public = true };
	enum lanram_err err;
	char name[32], size[16];

	o->value = new_value(h);
	o->size = random_size(h, SIZE_MAX_BYTES);
	fill(h->buf, o->value, o->size);
	snprintf(name, sizeof name, "o%" PRIu64, o->value);
	snprintf(size, sizeof size, "%" PRIu32, o->size);
	opt.name = name;
	begin(h);
	err = lanram_store(h->p, h->buf, o->size, &opt, &stored);
	report(h, "os", err ? name : stored.id, o->value, size, err, NULL);
	if (err)
		return;
	memcpy(o->id, stored.id, sizeof o->id);
	h->n_mine++;
	tell_others(h, o);
}

/* False: there is none yet. */
static bool pick_object(struct history *h, struct object *o)
{
	char text[RECORD + 1] = "";
	off_t n = lseek(h->shared, 0, SEEK_END) / RECORD;
	off_t at = n - 1 - draw(h, n > 400 ? 400 : (uint32_t)n + !n);

	return n && pread(h->shared, text, RECORD, at * RECORD) == RECORD &&
	       sscanf(text, "%26s %" SCNu64 " %" SCNu32, o->id, &o->value,
		      &o->size) == 3;
}

static const char *got(const struct object *o, const void *data, size_t size,
		       enum lanram_err err)
{
	if (!err && (size != o->size || value_of(data, size) != o->value))
		return "wrong";
	return result_of(err);
}

static void object_get(struct history *h)
{
	struct object o;
	void *data = NULL;
	size_t size = 0;
	enum lanram_err err;

	if (!pick_object(h, &o))
		return;
	begin(h);
	err = lanram_retrieve(h->p, o.id, &data, &size);
	line(h, "og", o.id, o.value, "-", got(&o, data, size, err), NULL);
	reason(h, "og", o.id, err);
	if (!err)
		free(data);
}

static void object_remove(struct history *h)
{
	unsigned n;
	struct object o;
	enum lanram_err err;

	if (!h->n_mine)
		return;
	n = draw(h, h->n_mine);
	o = h->mine[n];
	begin(h);
	err = lanram_remove(h->p, o.id);
	report(h, "ox", o.id, o.value, "-", err, NULL);
	h->mine[n] = h->mine[--h->n_mine];
}

static void do_object(struct history *h)
{
	unsigned what = draw(h, 8);

	if (h->n_mine >= OBJECTS_MAX || what == 0)
		object_remove(h);
	else if (what < 4)
		object_store(h);
	else
		object_get(h);
}

/* --- the client -------------------------------------------------------------- */

static void think(struct history *h)
{
	struct timespec t = { .tv_nsec = draw(h, THINK_MS) * 1000000L };

	nanosleep(&t, NULL);
}

static void run(struct history *h)
{
	while (!ending) {
		unsigned what = draw(h, 3);

		if (what == 0)
			do_register(h);
		else if (what == 1)
			do_name(h);
		else
			do_object(h);
		think(h);
	}
}

static struct lanram *open_pool(const char *socket, unsigned deadline_ms)
{
	struct lanram_options opt = { .socket = socket,
				      .deadline_ms = deadline_ms };
	struct lanram *p;
	enum lanram_err err = lanram_open(&opt, &p);

	if (!err)
		return p;
	fprintf(stderr, "history: %s\n", lanram_error(p));
	exit(1);
}

/* One line of --verify; false: it is not as it has to be. */
static bool verify(struct lanram *p, const char *text)
{
	struct object o;
	char want[8];
	void *data = NULL;
	size_t size = 0;
	enum lanram_err err;
	const char *is;

	if (sscanf(text, "%26s %" SCNu64 " %" SCNu32 " %7s", o.id, &o.value,
		   &o.size, want) != 4)
		return false;
	err = lanram_retrieve(p, o.id, &data, &size);
	is = got(&o, data, size, err);
	if (!err)
		free(data);
	if (strcmp(is, strcmp(want, "keep") == 0 ? "ok" : "absent") == 0)
		return true;
	printf("%s of %" PRIu32 " bytes: %s, to %s: %s\n", o.id, o.size, is,
	       want, err ? lanram_error(p) : "");
	return false;
}

static int verify_all(const char *socket)
{
	struct lanram *p = open_pool(socket, 0);
	char text[HISTORY_LINE];
	bool good = true;

	while (fgets(text, sizeof text, stdin))
		good = verify(p, text) && good;
	lanram_close(p);
	return good ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	static struct history h;

	if (argc == 3 && strcmp(argv[1], "--verify") == 0)
		return verify_all(argv[2]);
	if (argc != 6) {
		fprintf(stderr, "usage: history SOCKET CLIENT SEED DEADLINE_MS "
				"OBJECTS\n");
		return 2;
	}
	h.client = (unsigned)strtoul(argv[2], NULL, 10);
	h.rng = strtoull(argv[3], NULL, 10) * 1000 + h.client;
	h.shared = open(argv[5], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	h.buf = malloc(SIZE_MAX_BYTES);
	if (h.shared < 0 || !h.buf) {
		fprintf(stderr, "history: %s: %s\n", argv[5], strerror(errno));
		return 1;
	}
	sigaction(SIGTERM, &act, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	h.p = open_pool(argv[1], (unsigned)strtoul(argv[4], NULL, 10));
	run(&h);
	lanram_close(h.p);
	close(h.shared);
	free(h.buf);
	return 0;
}
