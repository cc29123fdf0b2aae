/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an avahi client:
 *
 *   thread starts -> connect -> RUNNING: ops->up
 *   connect fails (no D-Bus, no avahi): again after the back-off
 *   REGISTERING, COLLISION (of the host's name): ops->down, later RUNNING
 *   FAILURE (avahi or D-Bus restarted): ops->gone, free, connect after back-off
 *   quit: ops->gone, free, ops->end
 *
 * AVAHI_CLIENT_NO_FAIL is not used: it does not survive a restart of the D-Bus
 * daemon, and asking again does for both. A client is never freed inside its
 * own callback, always from the retry timer. */
#include <avahi-common/timeval.h>
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "discovery/avahi.h"

#define DELAY_MIN_MS 200
#define DELAY_MAX_MS 5000

static void drop_client(struct lr_avahi *a)
{
	if (!a->client)
		return;
	a->ops->gone(a->arg);
	avahi_client_free(a->client);
	a->client = NULL;
}

void lr_avahi_set_state(struct lr_avahi *a, enum lr_disco_state state)
{
	atomic_store(&a->state, (int)state);
}

enum lr_disco_state lr_avahi_state(const struct lr_avahi *a)
{
	return (enum lr_disco_state)atomic_load(&a->state);
}

AvahiTimeout *lr_avahi_timer(struct lr_avahi *a, AvahiTimeoutCallback cb,
			     void *arg)
{
	return a->api->timeout_new(a->api, NULL, cb, arg);
}

void lr_avahi_arm(struct lr_avahi *a, AvahiTimeout *t, unsigned ms)
{
	struct timeval at;

	avahi_elapse_time(&at, ms, 0);
	a->api->timeout_update(t, &at);
}

void lr_avahi_disarm(struct lr_avahi *a, AvahiTimeout *t)
{
	a->api->timeout_update(t, NULL);
}

void lr_avahi_renew(struct lr_avahi *a)
{
	lr_avahi_set_state(a, LR_DISCO_NO_DAEMON);
	lr_avahi_arm(a, a->retry, a->delay_ms);
	a->delay_ms *= 2;
	if (a->delay_ms > DELAY_MAX_MS)
		a->delay_ms = DELAY_MAX_MS;
}

/* Also called from within avahi_client_new, before that has returned. */
static void client_cb(AvahiClient *client, AvahiClientState state, void *arg)
{
	struct lr_avahi *a = arg;

	a->client = client;
	switch (state) {
	case AVAHI_CLIENT_S_RUNNING:
		a->delay_ms = DELAY_MIN_MS;
		a->ops->up(a->arg, client);
		break;
	case AVAHI_CLIENT_S_REGISTERING:
	case AVAHI_CLIENT_S_COLLISION:
		a->ops->down(a->arg);
		break;
	case AVAHI_CLIENT_FAILURE:
		lr_avahi_renew(a);
		break;
	case AVAHI_CLIENT_CONNECTING:
		break;
	}
}

static void connect_cb(AvahiTimeout *t, void *arg)
{
	struct lr_avahi *a = arg;
	AvahiClient *client;

	(void)t;
	drop_client(a);
	client = avahi_client_new(a->api, 0, client_cb, a, NULL);
	if (client)
		return;
	/* It may have called back, and freed itself since. */
	if (a->client)
		a->ops->gone(a->arg);
	a->client = NULL;
	lr_avahi_renew(a);
}

static void wake_cb(AvahiWatch *w, int fd, AvahiWatchEvent event, void *arg)
{
	struct lr_avahi *a = arg;

	(void)w;
	(void)fd;
	(void)event;
	avahi_simple_poll_quit(a->poll);
}

static void run(void *arg)
{
	struct lr_avahi *a = arg;
	int r;

	do
		r = avahi_simple_poll_iterate(a->poll, -1);
	while (r == 0 || (r < 0 && errno == EINTR));
	lr_avahi_set_state(a, LR_DISCO_NO_DAEMON);
	drop_client(a);
	if (a->ops->end)
		a->ops->end(a->arg);
}

/* The poll's own timers and watches are freed with it. */
static bool make_poll(struct lr_avahi *a)
{
	a->poll = avahi_simple_poll_new();
	if (!a->poll)
		return false;
	a->api = avahi_simple_poll_get(a->poll);
	a->retry = lr_avahi_timer(a, connect_cb, a);
	if (!a->retry ||
	    !a->api->watch_new(a->api, a->wake_fd, AVAHI_WATCH_IN, wake_cb, a)) {
		avahi_simple_poll_free(a->poll);
		return false;
	}
	lr_avahi_arm(a, a->retry, 0);
	return true;
}

bool lr_avahi_start(struct lr_avahi *a, const struct lr_avahi_ops *ops,
		    void *arg)
{
	a->ops = ops;
	a->arg = arg;
	a->client = NULL;
	a->delay_ms = DELAY_MIN_MS;
	atomic_init(&a->state, LR_DISCO_STARTING);
	a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->wake_fd < 0)
		return false;
	if (!make_poll(a))
		goto close_fd;
	if (uv_thread_create(&a->thread, run, a))
		goto free_poll;
	return true;

free_poll:
	avahi_simple_poll_free(a->poll);
close_fd:
	close(a->wake_fd);
	return false;
}

void lr_avahi_quit(struct lr_avahi *a)
{
	uint64_t one = 1;

	/* Fails only when the counter is full: then it is readable anyway. */
	if (write(a->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void lr_avahi_join(struct lr_avahi *a)
{
	uv_thread_join(&a->thread);
	avahi_simple_poll_free(a->poll);
	close(a->wake_fd);
}
