/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery alone, for the lab:
 *
 *   disco-probe publish NAME PORT [N]   a pool whose ID is 32 times the byte N
 *   disco-probe browse
 *   disco-probe interfaces
 *
 * browse prints, whenever what is found changes, "snapshot COUNT", one line
 * "ID<tab>NAME<tab>VERSION<tab>HOST<tab>ADDRESSES" a pool, and "end". Both run
 * until SIGTERM or SIGINT. publish prints each change of its state. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/discovery.h"

struct probe {
	uv_loop_t loop;
	uv_signal_t term, intr;
	uv_timer_t tick;
	struct lr_publisher *publisher;
	struct lr_browser *browser;
	int state; /* as last printed */
};

static const char *const state_names[] = { "starting", "running",
					   "no-daemon" };

static void found_cb(const struct lr_found *found, size_t n, void *arg)
{
	char id[LR_DEV_TEXT + 1];

	(void)arg;
	printf("snapshot %zu\n", n);
	for (size_t i = 0; i < n; i++)
		printf("%s\t%s\t%s\t%s\t%s\n",
		       lr_dev_format(&found[i].pool, id), found[i].pool_name,
		       found[i].version, found[i].host, found[i].addrs);
	printf("end\n");
	fflush(stdout);
}

static void tick_cb(uv_timer_t *t)
{
	struct probe *p = t->data;
	int state = p->publisher ? (int)lr_publish_state(p->publisher)
				 : (int)lr_browse_state(p->browser);

	if (state == p->state)
		return;
	p->state = state;
	printf("state %s\n", state_names[state]);
	fflush(stdout);
}

static void signal_cb(uv_signal_t *s, int signum)
{
	struct probe *p = s->data;

	(void)signum;
	lr_publish_stop(p->publisher);
	p->publisher = NULL;
	lr_browse_stop(p->browser);
	uv_close((uv_handle_t *)&p->term, NULL);
	uv_close((uv_handle_t *)&p->intr, NULL);
	uv_close((uv_handle_t *)&p->tick, NULL);
}

static int run(struct probe *p)
{
	p->state = -1;
	p->term.data = p->intr.data = p->tick.data = p;
	uv_signal_init(&p->loop, &p->term);
	uv_signal_init(&p->loop, &p->intr);
	uv_timer_init(&p->loop, &p->tick);
	uv_signal_start(&p->term, signal_cb, SIGTERM);
	uv_signal_start(&p->intr, signal_cb, SIGINT);
	uv_timer_start(&p->tick, tick_cb, 0, 20);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&p->loop) ? 1 : 0;
}

static int publish(struct probe *p, int argc, char **argv)
{
	struct lr_dev pool;

	memset(&pool, argc > 4 ? atoi(argv[4]) : 1, sizeof(pool));
	p->publisher = lr_publish_start(argv[2], &pool, "0.0-lab",
					(uint16_t)atoi(argv[3]));
	return p->publisher ? run(p) : 1;
}

static int browse(struct probe *p)
{
	p->browser = lr_browse_start(&p->loop, found_cb, p);
	return p->browser ? run(p) : 1;
}

static int interfaces(void)
{
	char text[256];

	lr_browse_interfaces(text, sizeof(text));
	puts(text);
	return 0;
}

int main(int argc, char **argv)
{
	static struct probe p;

	if (uv_loop_init(&p.loop))
		return 1;
	if (argc >= 4 && !strcmp(argv[1], "publish"))
		return publish(&p, argc, argv);
	if (argc == 2 && !strcmp(argv[1], "browse"))
		return browse(&p);
	if (argc == 2 && !strcmp(argv[1], "interfaces"))
		return interfaces();
	fprintf(stderr, "usage: disco-probe publish NAME PORT [N] | browse | "
			"interfaces\n");
	return 2;
}
