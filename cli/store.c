/* SPDX-License-Identifier: Apache-2.0 */
/* store: a file or the standard input goes to the pool as it is read. The ID
 * is printed once every copy has acknowledged; whatever goes wrong before,
 * what was stored is removed again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#define BUFFER (1u << 20)

struct source {
	int fd;
	const char *path; /* NULL: the standard input */
	struct stat was;  /* when it was opened */
	uint64_t read;
};

/* --- options
 * --------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int take_options(const struct cli *c, const char *path,
			struct lanram_store_options *o)
{
	if (c->copies && (strlen(c->copies) != 1 || c->copies[0] < '1' ||
			  c->copies[0] > '3'))
		return out_say(2, "--copies is 1, 2 or 3");
	if (c->copies)
		o->copies = c->copies[0] - '0';
	if (c->ttl && !lr_parse_duration(c->ttl, &o->ttl_ms))
		return out_say(2, "--ttl is a duration: 90s, 10m, 2h, 1d");
	o->name = c->name ? c->name : path ? base_name(path) : NULL;
	o->is_public = c->is_public;
	if (o->name && !lr_object_name_valid(o->name, strlen(o->name)))
		return out_say(2,
			       "\"%s\" cannot be a name: 1 to 255 bytes of "
			       "UTF-8 without control characters%s",
			       o->name,
			       c->name ? "" : ". Give one with --name");
	return 0;
}

static int open_source(struct source *s)
{
	s->fd = s->path ? open(s->path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (s->fd < 0 || fstat(s->fd, &s->was) != 0)
		return out_say(1, "%s: %s. Nothing was stored",
			       s->path ? s->path : "standard input",
			       strerror(errno));
	if (S_ISDIR(s->was.st_mode))
		return out_say(1,
			       "%s is a folder. As one object: tar c %s | "
			       "lanram store - --name %s.tar",
			       s->path, s->path, base_name(s->path));
	return 0;
}

/* --- reading
 * ------------------------------------------------------------------------ */

/* Bytes; 0: the end; -1: interrupted; -2: an error, in errno. */
static ssize_t read_some(struct cli *c, const struct source *s, void *buf)
{
	ssize_t n;

	do {
		if (!lr_client_wait_readable(c->pool, s->fd))
			return -1;
		n = read(s->fd, buf, BUFFER);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -2 : n;
}

static bool has_changed(const struct source *s)
{
	struct stat now;

	if (!s->path || !S_ISREG(s->was.st_mode))
		return false;
	return fstat(s->fd, &now) != 0 || now.st_size != s->was.st_size ||
	       (uint64_t)now.st_size != s->read ||
	       now.st_mtim.tv_sec != s->was.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != s->was.st_mtim.tv_nsec;
}

/* An exit code; not 0: `w` is to be aborted, the sentence is in `why` (empty:
 * the pool has it). */
static int copy(struct cli *c, struct source *s, struct lanram_writer *w,
		char *why, size_t cap)
{
	char *buf = out_must(malloc(BUFFER));
	enum lanram_err err = LANRAM_OK;
	ssize_t n;

	while (!err && (n = read_some(c, s, buf)) > 0) {
		s->read += (uint64_t)n;
		err = lanram_writer_write(w, buf, (size_t)n);
		progress_to(s->read);
	}
	if (!err && n == -1)
		err = LANRAM_INTERRUPTED;
	if (!err && n == -2)
		snprintf(why, cap, "%.300s: %s. Nothing was stored",
			 s->path ? s->path : "standard input", strerror(errno));
	else if (!err && has_changed(s))
		snprintf(why, cap,
			 "%.300s changed while it was read. Nothing "
			 "was stored; store it again when nobody writes to it",
			 s->path);
	free(buf);
	return why[0] ? 1 : (int)err;
}

/* --- telling
 * ------------------------------------------------------------------------- */

static void tell(const struct cli *c, const char *name,
		 const struct lanram_stored *st, uint64_t ms)
{
	char size[24], rate[24], what[320] = "";
	uint64_t per_s = st->size * 1000 / (ms ? ms : 1);

	if (c->quiet)
		return;
	lr_text_bytes(st->size, size);
	lr_text_bytes(per_s, rate);
	if (name)
		snprintf(what, sizeof what, "%s: ", name);
	if (st->copies < st->wanted)
		out_say(0, "degraded: stored %s%s, %d of %d copies: %s", what,
			size, st->copies, st->wanted, st->detail);
	else if (ms < 100)
		out_say(0, "stored %s%s in %u ms (%s/s), %d of %d copies", what,
			size, (unsigned)(ms ? ms : 1), rate, st->copies,
			st->wanted);
	else
		out_say(0, "stored %s%s in %.1f s (%s/s), %d of %d copies",
			what, size, (double)ms / 1000, rate, st->copies,
			st->wanted);
}

static int give_up(struct cli *c, struct lanram_writer *w, int code,
		   const char *why)
{
	progress_stop();
	lanram_writer_abort(w);
	if (code == LANRAM_INTERRUPTED)
		return out_say(code, "interrupted. Nothing was stored");
	return out_say(code, "%s", why[0] ? why : lanram_error(c->pool));
}

static int transfer(struct cli *c, struct source *s,
		    const struct lanram_store_options *o)
{
	struct lanram_stored st;
	struct lanram_writer *w;
	char why[512] = "";
	enum lanram_err err = lanram_writer_open(c->pool, o, &w);
	int code;

	if (err)
		return cli_failed(c, err);
	cli_catch_signals(c);
	code = copy(c, s, w, why, sizeof why);
	if (code)
		return give_up(c, w, code, why);
	err = lanram_writer_finish(w, &st);
	progress_stop();
	if (err == LANRAM_INTERRUPTED)
		return out_say(err, "interrupted. Nothing was stored");
	if (err)
		return cli_failed(c, err);
	puts(st.id);
	code = out_finish(0);
	if (code)
		out_say(code, "it is stored, though: its ID is %s", st.id);
	tell(c, o->name, &st, progress_ms());
	return code;
}

int cli_store(struct cli *c, int argc, char **argv)
{
	struct lanram_store_options o = {.copies = 2};
	struct source s = {.fd = -1};
	char *name;
	int code;

	if (argc && strcmp(argv[0], "-"))
		s.path = argv[0];
	code = take_options(c, s.path, &o);
	if (!code)
		code = open_source(&s);
	if (!code)
		code = cli_open_data(c);
	if (!code) {
		name = out_escape(o.name ? o.name : "",
				  o.name ? strlen(o.name) : 0);
		if (S_ISREG(s.was.st_mode))
			o.size = (uint64_t)s.was.st_size;
		progress_start(name, S_ISREG(s.was.st_mode)
					     ? (uint64_t)s.was.st_size
					     : 0);
		code = transfer(c, &s, &o);
		free(name);
	}
	if (s.path && s.fd >= 0)
		close(s.fd);
	return code;
}
