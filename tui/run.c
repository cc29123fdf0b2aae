/* SPDX-License-Identifier: Apache-2.0 */
/* A lanram command of the user's: our own program, its output read through a
 * pipe. One at a time. A short answer goes to the footer, a long one is shown.
 *
 * Freed when the process has ended and both its handles are closed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/ui.h"

#define OUTPUT_MAX (256u * 1024)

struct tui_run {
	struct tui_ui *u; /* NULL: nobody waits any more */
	uv_process_t process;
	uv_pipe_t pipe;
	char *text;
	size_t n;
	char buf[4096];
	unsigned open; /* handles */
	int code;
	bool ended, eof;
};

static void closed_cb(uv_handle_t *h)
{
	struct tui_run *r = h->data;

	if (--r->open)
		return;
	free(r->text);
	free(r);
}

/* Control characters of the command's own are dropped. */
static void clean(char *text)
{
	char *to = text;

	for (; *text; text++)
		if ((unsigned char)*text >= 0x20 || *text == '\n')
			*to++ = *text;
		else if (*text == '\t')
			*to++ = ' ';
	*to = '\0';
}

static void finish(struct tui_run *r)
{
	struct tui_ui *u = r->u;
	char *line;

	if (!u || !r->ended || !r->eof)
		return;
	u->run = NULL;
	u->changed = true;
	r->u = NULL;
	uv_close((uv_handle_t *)&r->pipe, closed_cb);
	uv_close((uv_handle_t *)&r->process, closed_cb);
	clean(r->text);
	line = strchr(r->text, '\n');
	if (!line || !line[1]) {
		if (line)
			*line = '\0';
		tui_model_notice(u->m, r->text[0] ? r->text :
				       r->code	  ? "it failed" :
						    "done");
		u->mode = u->mode == TUI_OUTPUT ? TUI_LIST : u->mode;
		return;
	}
	free(u->output);
	u->output = r->text;
	r->text = NULL;
	u->output_top = 0;
	u->mode = TUI_OUTPUT;
}

static void alloc_cb(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct tui_run *r = h->data;

	(void)size;
	*buf = uv_buf_init(r->buf, sizeof r->buf);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct tui_run *r = s->data;

	if (n < 0) {
		r->eof = true;
		uv_read_stop(s);
		finish(r);
		return;
	}
	if (r->n + (size_t)n > OUTPUT_MAX)
		n = (ssize_t)(OUTPUT_MAX - r->n);
	r->text = tui_must(realloc(r->text, r->n + (size_t)n + 1));
	memcpy(r->text + r->n, buf->base, (size_t)n);
	r->n += (size_t)n;
	r->text[r->n] = '\0';
}

static void exit_cb(uv_process_t *p, int64_t code, int signal)
{
	struct tui_run *r = p->data;

	r->code = signal ? 128 + signal : (int)code;
	r->ended = true;
	finish(r);
}

static int spawn(struct tui_run *r, const struct tui_args *args)
{
	const struct tui_options *o = r->u->o;
	char *argv[TUI_ARGS + 4];
	int n = 0;
	int fds[2], err;
	uv_stdio_container_t io[3] = { { .flags = UV_IGNORE } };
	uv_process_options_t opt = { .file = o->program,
				     .args = argv,
				     .exit_cb = exit_cb,
				     .stdio = io,
				     .stdio_count = 3 };

	argv[n++] = (char *)o->program;
	if (o->config) {
		argv[n++] = (char *)"--config";
		argv[n++] = (char *)o->config;
	}
	for (int i = 0; i < args->n; i++)
		argv[n++] = args->v[i];
	argv[n] = NULL;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	io[1].flags = io[2].flags = UV_INHERIT_FD;
	io[1].data.fd = io[2].data.fd = fds[1]; /* one order of lines */
	uv_pipe_open(&r->pipe, fds[0]);
	err = uv_spawn(r->u->loop, &r->process, &opt);
	close(fds[1]);
	return err;
}

void tui_run_start(struct tui_ui *u, const struct tui_args *args)
{
	struct tui_run *r;
	int err;

	if (u->run || !u->o->program) {
		tui_model_notice(u->m, u->run ?
					       "another command still runs" :
					       "no program to run");
		return;
	}
	r = tui_must(calloc(1, sizeof *r));
	r->text = tui_must(calloc(1, 1));
	r->u = u;
	uv_pipe_init(u->loop, &r->pipe, 0);
	r->pipe.data = r->process.data = r;
	r->open = 2;
	err = spawn(r, args);
	if (err) {
		tui_model_notice(u->m, uv_strerror(err));
		uv_close((uv_handle_t *)&r->pipe, closed_cb);
		uv_close((uv_handle_t *)&r->process, closed_cb);
		return;
	}
	uv_read_start((uv_stream_t *)&r->pipe, alloc_cb, read_cb);
	u->run = r;
	snprintf(u->title, sizeof u->title, "lanram %s%s%s", args->v[0],
		 args->n > 1 ? " " : "", args->n > 1 ? args->v[1] : "");
	tui_model_notice(u->m, "...");
}

void tui_run_stop(struct tui_ui *u)
{
	struct tui_run *r = u->run;

	if (!r)
		return;
	u->run = NULL;
	r->u = NULL;
	uv_process_kill(&r->process, SIGTERM);
	uv_close((uv_handle_t *)&r->pipe, closed_cb);
	uv_close((uv_handle_t *)&r->process, closed_cb);
}
