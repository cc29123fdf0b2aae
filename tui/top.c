/* SPDX-License-Identifier: Apache-2.0 */
/* `lanram top`: the loop between source, model, keys and screen.
 *
 *   a terminal   frames when something changed, at most one in FRAME_MS
 *   none         --once: wait for the pool, print, end
 *
 * Every way out goes through leaving the loop, so that the terminal is put
 * back; deadly signals put it back themselves (screen.c). */
#include "tui/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tui/json.h"
#include "tui/screen.h"
#include "tui/ui.h"
#include "tui/view.h"

#define FRAME_MS 33
#define WAIT_MS 5000 /* --once: for the pool */
#define LOOK_MS 100

struct top {
	const struct tui_options *o;
	uv_loop_t loop;
	struct tui_model m;
	struct tui_source *src;
	struct tui_ui ui;
	struct tui_canvas canvas;
	uv_timer_t timer;
	uv_poll_t input;
	uv_signal_t signals[4];
	uint32_t drawn; /* m.changes of the last frame */
	uint64_t frame_ms, next_ms, began_ms;
	unsigned frames;
	int caught;
	bool resized, mouse, ended, reading;
};

static uint64_t unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void end(struct top *t)
{
	if (t->ended)
		return;
	t->ended = true;
	uv_stop(&t->loop);
}

/* --- frames ---------------------------------------------------------------------- */

static void draw(struct top *t)
{
	int rows, cols;
	bool anew = t->resized || t->ui.redraw;

	tui_screen_size(&rows, &cols);
	t->resized = t->ui.redraw = t->ui.changed = false;
	t->drawn = t->m.changes;
	t->frame_ms = uv_now(&t->loop);
	if (t->mouse != t->ui.mouse)
		tui_screen_mouse(t->ui.mouse);
	t->mouse = t->ui.mouse;
	tui_draw(&t->ui, &t->canvas, rows, cols);
	tui_screen_draw(&t->canvas, t->ui.colour, anew);
}

static void advance(struct top *t)
{
	if (!t->m.frozen && !t->m.simulated)
		tui_model_tick(&t->m, unix_ms());
	t->src->ops->tick(t->src);
	tui_ui_tick(&t->ui);
}

static void frame(struct top *t)
{
	uint64_t now = uv_now(&t->loop);

	if (t->ui.quit) {
		end(t);
		return;
	}
	advance(t);
	if (now < t->frame_ms + FRAME_MS)
		return;
	if (t->resized || t->ui.redraw || t->ui.changed ||
	    t->m.changes != t->drawn)
		draw(t);
	if (t->o->count && now >= t->next_ms) {
		t->next_ms = now + (uint64_t)(t->o->delay_s * 1000);
		if (t->frames++ == t->o->count)
			end(t);
	}
}

static void timer_cb(uv_timer_t *timer)
{
	struct top *t = timer->data;

	if (!t->ended)
		frame(t);
}

/* --- input ----------------------------------------------------------------------- */

static void take(struct top *t, const struct tui_input *in)
{
	if (in->what == TUI_CLICKED)
		tui_ui_click(&t->ui, &t->canvas, in->y, in->x);
	else if (in->what == TUI_WHEELED)
		tui_ui_wheel(&t->ui, in->key);
	else if (in->key)
		tui_ui_key(&t->ui, in->key);
}

static void input_cb(uv_poll_t *poll, int status, int events)
{
	struct top *t = poll->data;
	struct tui_input in;
	unsigned n = 0;

	(void)events;
	if (t->ended)
		return;
	while ((in = tui_screen_input()).what != TUI_NO_INPUT && n++ < 4096)
		take(t, &in);
	if (status < 0 || !n) {
		end(t); /* readable, and nothing there: the terminal is gone */
		return;
	}
	t->frame_ms = 0; /* keys are answered at once */
	frame(t);
}

static void signal_cb(uv_signal_t *s, int number)
{
	struct top *t = s->data;

	if (number == SIGWINCH) {
		t->resized = true;
		return;
	}
	t->caught = number;
	end(t);
}

/* --- on a terminal ---------------------------------------------------------------- */

static void watch_signals(struct top *t)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };

	for (size_t i = 0; i < 4; i++) {
		uv_signal_init(&t->loop, &t->signals[i]);
		t->signals[i].data = t;
		uv_signal_start(&t->signals[i], signal_cb, numbers[i]);
	}
}

static int run_screen(struct top *t)
{
	if (!tui_screen_open())
		return -1;
	watch_signals(t);
	t->ui.copy_cb = tui_screen_copy;
	uv_poll_init(&t->loop, &t->input, STDIN_FILENO);
	t->input.data = t;
	t->reading = true;
	uv_poll_start(&t->input, UV_READABLE, input_cb);
	uv_timer_start(&t->timer, timer_cb, 0, FRAME_MS);
	draw(t);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	tui_screen_close();
	return t->caught ? 128 + t->caught : 0;
}

/* --- as text ------------------------------------------------------------------------ */

static int columns(void)
{
	const char *env = getenv("COLUMNS");
	int n = env ? atoi(env) : 0;

	return n >= 20 && n <= 1000 ? n : 80;
}

static void print(struct top *t)
{
	if (t->o->json) {
		tui_json_print(&t->m, stdout);
		return;
	}
	tui_canvas_reset(&t->canvas, tui_view_pool_rows(&t->m) + 1, columns());
	tui_view_header(&t->m, &t->canvas, 0);
	tui_view_pool(&t->m, &t->canvas, 1, t->canvas.rows - 1);
	tui_canvas_print(&t->canvas, stdout);
}

static void once_cb(uv_timer_t *timer)
{
	struct top *t = timer->data;
	uint64_t now = uv_now(&t->loop);
	uint64_t delay = (uint64_t)(t->o->delay_s * 1000);

	if (t->ended)
		return;
	advance(t);
	if (!t->m.connected) {
		if (now >= t->began_ms + WAIT_MS)
			end(t);
		return;
	}
	if (now < t->next_ms)
		return;
	t->next_ms = now + delay;
	print(t);
	if (fflush(stdout) != 0 || ++t->frames >= (t->o->count ? t->o->count : 1))
		end(t);
}

/* Virtual time: no waiting. */
static int print_simulated(struct top *t)
{
	unsigned n = t->o->count ? t->o->count : 1;

	for (unsigned i = 0; i < n; i++) {
		if (i)
			tui_simulate_run(t->src,
					 (uint64_t)(t->o->delay_s * 1000));
		print(t);
	}
	return fflush(stdout) != 0;
}

static int run_once(struct top *t)
{
	if (t->o->simulate)
		return print_simulated(t);
	watch_signals(t);
	uv_timer_start(&t->timer, once_cb, 0, LOOK_MS);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	if (t->caught)
		return 128 + t->caught;
	if (t->frames)
		return 0;
	fprintf(stderr, "%s\n",
		t->m.trouble[0] ? t->m.trouble :
				  "the coordinator does not answer");
	return 4;
}

/* --- life ---------------------------------------------------------------------------- */

static void close_cb(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h) && h->type != UV_UNKNOWN_HANDLE)
		uv_close(h, NULL);
}

static void close_own(struct top *t)
{
	uv_close((uv_handle_t *)&t->timer, NULL);
	if (t->reading)
		uv_close((uv_handle_t *)&t->input, NULL);
	for (size_t i = 0; i < 4; i++)
		if (t->signals[i].data)
			uv_close((uv_handle_t *)&t->signals[i], NULL);
}

static void done(struct top *t)
{
	tui_ui_done(&t->ui);
	t->src->ops->close(t->src);
	close_own(t);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&t->loop) != 0)
		uv_walk(&t->loop, close_cb, NULL);
	tui_canvas_done(&t->canvas);
	tui_model_done(&t->m);
}

static struct tui_source *open_source(struct top *t,
				      const struct lr_config *cfg)
{
	struct tui_simulation sim = { .seed = t->o->seed,
				      .donors = t->o->donors,
				      .objects = t->o->objects,
				      .start_s = t->o->at_s,
				      .still = t->o->still };

	t->m.now_ms = unix_ms();
	return t->o->simulate ? tui_simulate_new(&t->m, &t->loop, &sim) :
				tui_feed_new(&t->m, &t->loop, cfg);
}

int tui_top(const struct lr_config *cfg, const struct tui_options *o)
{
	static struct top t;
	struct tui_options mine = *o;
	int code = -1;

	if (mine.delay_s <= 0)
		mine.delay_s = 2;
	if (mine.at_s <= 0)
		mine.at_s = 5;
	t.o = &mine;
	uv_loop_init(&t.loop);
	uv_timer_init(&t.loop, &t.timer);
	t.timer.data = &t;
	t.began_ms = uv_now(&t.loop);
	tui_model_init(&t.m);
	t.src = open_source(&t, cfg);
	tui_ui_init(&t.ui, &t.m, t.src, &t.loop, &mine);
	t.canvas.utf8 = tui_screen_utf8();
	if (!mine.once && !mine.json && tui_screen_usable())
		code = run_screen(&t);
	if (code < 0)
		code = run_once(&t);
	done(&t);
	return code;
}
