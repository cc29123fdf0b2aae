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
#include "tests/lab/history_i.h"

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
#define RECORD	  96
#define THINK_MS 25

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	(void)number;
	ending = 1;
}

/* Some keys are everybody's favourites. */
static unsigned favour(struct history *h, unsigned n)
{
	return history_draw(h, history_draw(h, n) + 1);
}

/* --- registers --------------------------------------------------------------- */

static void register_write(struct history *h, const char *key)
{
	uint64_t value = history_new_value(h);
	uint32_t size = history_size(h, 64 << 10);
	struct lanram_tag tag;
	enum lanram_err err;

	history_fill(h->buf, value, size);
	history_begin(h);
	err = lanram_register_write(h->p, key, h->buf, size, &tag);
	history_report(h, "rw", key, value, "-", err, &tag);
}

static void register_read(struct history *h, const char *key)
{
	struct lanram_tag tag;
	void *data = NULL;
	uint64_t value;
	size_t size = 0;
	enum lanram_err err;

	history_begin(h);
	err = lanram_register_read(h->p, key, &data, &size, &tag);
	history_report_read(h, "rr", key, data, size, err, &tag, &value);
}

static void register_remove(struct history *h, const char *key)
{
	struct lanram_tag tag;
	enum lanram_err err;

	history_begin(h);
	err = lanram_register_remove(h->p, key, &tag);
	history_report(h, "rx", key, 0, "-", err, &tag);
}

static void do_register(struct history *h)
{
	unsigned n = favour(h, REGISTERS), what = history_draw(h, 10);
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

	history_begin(h);
	err = lanram_name_get(h->p, key, &data, &size, &k->tag);
	history_report_read(h, "ng", key, data, size, err, &k->tag, &k->value);
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
	uint64_t value = history_new_value(h);
	uint32_t size = history_size(h, LANRAM_NAME_VALUE_MAX);
	struct lanram_tag tag;
	enum lanram_err err;
	char text[24];

	history_fill(h->buf, value, size);
	history_begin(h);
	err = lanram_name_set(h->p, key, h->buf, size, cond, &k->tag, &tag);
	history_report(h, "ns", key, value, wanted(k, cond, text), err, &tag);
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

	history_begin(h);
	err = lanram_name_remove(h->p, key, cond, &k->tag, &tag);
	history_report(h, "nx", key, 0, wanted(k, cond, text), err, &tag);
	k->value = 0;
}

static void do_name(struct history *h)
{
	unsigned n = favour(h, NAMES), what = history_draw(h, 20);
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
	struct lanram_store_options opt = {.copies = 2 + !history_draw(h, 4),
					   .is_public = true};
	enum lanram_err err;
	char name[32], size[16];

	o->value = history_new_value(h);
	o->size = history_size(h, SIZE_MAX_BYTES);
	history_fill(h->buf, o->value, o->size);
	snprintf(name, sizeof name, "o%" PRIu64, o->value);
	snprintf(size, sizeof size, "%" PRIu32, o->size);
	opt.name = name;
	history_begin(h);
	err = lanram_store(h->p, h->buf, o->size, &opt, &stored);
	history_report(h, "os", err ? name : stored.id, o->value, size, err,
		       NULL);
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
	off_t at = n - 1 - history_draw(h, n > 400 ? 400 : (uint32_t)n + !n);

	return n && pread(h->shared, text, RECORD, at * RECORD) == RECORD &&
	       sscanf(text, "%26s %" SCNu64 " %" SCNu32, o->id, &o->value,
		      &o->size) == 3;
}

static const char *got(const struct object *o, const void *data, size_t size,
		       enum lanram_err err)
{
	if (!err &&
	    (size != o->size || history_value_of(data, size) != o->value))
		return "wrong";
	return history_result(err);
}

static void object_get(struct history *h)
{
	struct object o;
	void *data = NULL;
	size_t size = 0;
	enum lanram_err err;

	if (!pick_object(h, &o))
		return;
	history_begin(h);
	err = lanram_retrieve(h->p, o.id, &data, &size);
	history_line(h, "og", o.id, o.value, "-", got(&o, data, size, err),
		     NULL);
	history_reason(h, "og", o.id, err);
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
	n = history_draw(h, h->n_mine);
	o = h->mine[n];
	history_begin(h);
	err = lanram_remove(h->p, o.id);
	history_report(h, "ox", o.id, o.value, "-", err, NULL);
	h->mine[n] = h->mine[--h->n_mine];
}

static void do_object(struct history *h)
{
	unsigned what = history_draw(h, 8);

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
	struct timespec t = {.tv_nsec = history_draw(h, THINK_MS) * 1000000L};

	nanosleep(&t, NULL);
}

static void run(struct history *h)
{
	while (!ending) {
		unsigned what = history_draw(h, 3);

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
