/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator does under many donors.
 *
 *   swarm COORDINATOR DONORS OBJECTS [names]
 *
 * Prints "joined SECONDS" when all donors are in. Each line "kill" on stdin kills one
 * donor: "view MS" is from its death until every other donor was told a newer
 * epoch. The end of stdin ends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/swarm.h"

#define TICK_MS 100
#define JOIN_AT_ONCE 24 /* not in by then: no more; two handshakes each */
#define TICK_PARTS 10  /* heartbeats are spread over the tick */

static double start_us;

double swarm_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void say(const char *what, double value)
{
	printf("%s %.3f\n", what, value);
	fflush(stdout);
}

static unsigned count(const struct swarm *w,
		      bool (*is)(const struct mimic *m))
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->started; i++)
		n += w->donors[i].dead || is(&w->donors[i]);
	return n;
}

static void start_more(struct swarm *w, unsigned in)
{
	while (w->started < w->n && w->started - in < JOIN_AT_ONCE) {
		struct mimic *m = &w->donors[w->started];

		m->w = w;
		m->index = w->started;
		if (!mimic_start(m))
			exit(1);
		w->started++;
	}
}

static void look_at_links(struct swarm *w)
{
	unsigned in = count(w, mimic_is_in);

	start_more(w, in);
	if (in == w->n && !w->said_joined) {
		w->said_joined = true;
		say("joined", (swarm_now_us() - start_us) / 1e6);
	}
}

static bool all_know(const struct swarm *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!w->donors[i].dead &&
		    w->donors[i].epoch <= w->kill_epoch)
			return false;
	return true;
}

static void look(struct swarm *w)
{
	if (w->kill_us > 0 && all_know(w)) {
		say("view", (swarm_now_us() - w->kill_us) / 1e3);
		w->kill_us = 0;
	}
}

static void kill_one(struct swarm *w)
{
	if (w->victim + 1 >= w->n)
		return;
	w->kill_epoch = w->donors[0].epoch;
	for (unsigned i = 0; i < w->n; i++)
		if (w->donors[i].epoch > w->kill_epoch)
			w->kill_epoch = w->donors[i].epoch;
	w->kill_us = swarm_now_us();
	mimic_kill(&w->donors[++w->victim]);
}

/* By the clock: a donor's heartbeats do not wait for the others' work. */
static void tick_cb(uv_timer_t *timer)
{
	static uint64_t part;
	struct swarm *w = timer->data;
	uint64_t now = uv_now(&w->loop) / (TICK_MS / TICK_PARTS);

	if (now - part > TICK_PARTS)
		part = now - TICK_PARTS;
	while (part < now)
		for (uint64_t i = ++part % TICK_PARTS; i < w->started;
		     i += TICK_PARTS)
			mimic_tick(&w->donors[i]);
	look_at_links(w);
	look(w);
}

static void stdin_cb(uv_poll_t *poll, int status, int events)
{
	struct swarm *w = poll->data;
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);

	(void)status, (void)events;
	if (n <= 0)
		exit(0); /* the kernel closes everything, as with a crash */
	line[n] = '\0';
	if (strstr(line, "kill"))
		kill_one(w);
}

/* A pass of the loop has ended: the last of the frames may have come. */
static void check_cb(uv_check_t *check)
{
	struct swarm *w = check->data;

	if (w->kill_us > 0)
		look(w);
}

int main(int argc, char **argv)
{
	static struct swarm w;
	struct rlimit files = {1 << 16, 1 << 16};
	uv_check_t check;
	uv_poll_t poll;

	if (argc < 4 || atoi(argv[2]) < 3) {
		fputs("usage: swarm COORDINATOR DONORS OBJECTS [names]\n",
		      stderr);
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	w.coordinator = argv[1];
	w.n = (unsigned)atoi(argv[2]);
	w.objects = strtoull(argv[3], NULL, 10);
	w.named = argc > 4;
	w.donors = calloc(w.n, sizeof *w.donors);
	if (!w.donors || !lr_view_rx_init(&w.rx, LR_SLOTS))
		return 1;
	start_us = swarm_now_us();
	uv_loop_init(&w.loop);
	uv_timer_init(&w.loop, &w.timer);
	w.timer.data = &w;
	uv_timer_start(&w.timer, tick_cb, 0, TICK_MS / TICK_PARTS);
	uv_poll_init(&w.loop, &poll, STDIN_FILENO);
	poll.data = &w;
	uv_poll_start(&poll, UV_READABLE, stdin_cb);
	uv_check_init(&w.loop, &check);
	check.data = &w;
	uv_check_start(&check, check_cb);
	return uv_run(&w.loop, UV_RUN_DEFAULT);
}
