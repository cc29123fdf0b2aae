/* SPDX-License-Identifier: Apache-2.0 */
/* Finding pools: avahi's thread merges what it sees into a snapshot, the loop
 * takes it over.
 *
 *   server RUNNING -> watch; whatever changes is posted after SETTLE_MS, so
 *     that one host's records arrive as one change
 *   avahi or D-Bus restarted -> the watch is made anew; what was known stays
 *     until as many are seen again, or the new one has had HOLD_MS to look
 *     (records are hints, and a restart of avahi is no news about a pool)
 *   stop -> thread ends -> its last post -> loop: join, close, free
 *
 * The thread posts by uv_async_send; the mutex covers the snapshot alone. */
#include <stdlib.h>
#include <string.h>

#include "discovery/avahi.h"
#include "discovery/watch.h"

#define SETTLE_MS 50
#define HOLD_MS 5000
#define RETRY_MS 5000
#define FOUND_MAX 32
#define SEEN_MAX 256

struct lr_browser {
	struct lr_avahi avahi;
	/* the loop's thread */
	uv_async_t async;
	lr_found_cb cb;
	void *arg;
	bool stopping;
	/* avahi's thread */
	struct lr_watch *watch;
	AvahiTimeout *settle, *hold, *retry;
	bool holding;
	struct lr_found last[FOUND_MAX]; /* as posted */
	size_t n_last;
	/* both */
	uv_mutex_t lock;
	struct lr_found posted[FOUND_MAX];
	size_t n_posted;
	bool fresh; /* posted, not taken over yet */
	bool ended; /* the thread has nothing more to say */
};

static void post(struct lr_browser *b, const struct lr_found *found, size_t n)
{
	if (n == b->n_last && !memcmp(found, b->last, n * sizeof(*found)))
		return;
	memcpy(b->last, found, n * sizeof(*found));
	b->n_last = n;
	uv_mutex_lock(&b->lock);
	memcpy(b->posted, found, n * sizeof(*found));
	b->n_posted = n;
	b->fresh = true;
	uv_mutex_unlock(&b->lock);
	uv_async_send(&b->async);
}

static void merge(struct lr_browser *b)
{
	const struct lr_seen *seen[SEEN_MAX];
	struct lr_found *found = calloc(FOUND_MAX, sizeof(*found));
	size_t n;

	if (!found) {
		lr_avahi_arm(&b->avahi, b->settle, RETRY_MS);
		return;
	}
	n = lr_watch_list(b->watch, seen, SEEN_MAX);
	n = lr_merge(seen, n, found, FOUND_MAX);
	if (n >= b->n_last)
		b->holding = false; /* all that was known is back */
	if (!b->holding)
		post(b, found, n);
	free(found);
}

static void settle_cb(AvahiTimeout *t, void *arg)
{
	struct lr_browser *b = arg;

	(void)t;
	if (b->watch)
		merge(b);
}

static void hold_cb(AvahiTimeout *t, void *arg)
{
	struct lr_browser *b = arg;

	(void)t;
	b->holding = false;
	if (b->watch)
		merge(b);
}

/* Also the subnets may have changed since: merging again costs little. */
static void retry_cb(AvahiTimeout *t, void *arg)
{
	struct lr_browser *b = arg;

	(void)t;
	if (!b->watch)
		return;
	lr_watch_retry(b->watch);
	lr_avahi_arm(&b->avahi, b->settle, SETTLE_MS);
	lr_avahi_arm(&b->avahi, b->retry, RETRY_MS);
}

static void changed(void *arg)
{
	struct lr_browser *b = arg;

	lr_avahi_arm(&b->avahi, b->settle, SETTLE_MS);
}

static void broken(void *arg)
{
	struct lr_browser *b = arg;

	lr_avahi_renew(&b->avahi);
}

static const struct lr_watch_ops watch_ops = { changed, broken };

static bool make_timers(struct lr_browser *b)
{
	if (!b->settle)
		b->settle = lr_avahi_timer(&b->avahi, settle_cb, b);
	if (!b->hold)
		b->hold = lr_avahi_timer(&b->avahi, hold_cb, b);
	if (!b->retry)
		b->retry = lr_avahi_timer(&b->avahi, retry_cb, b);
	return b->settle && b->hold && b->retry;
}

static void up(void *arg, AvahiClient *client)
{
	struct lr_browser *b = arg;

	if (b->watch) { /* our own host name was in doubt: no matter here */
		lr_avahi_set_state(&b->avahi, LR_DISCO_RUNNING);
		return;
	}
	if (make_timers(b))
		b->watch = lr_watch_new(client, &watch_ops, b);
	if (!b->watch) {
		lr_avahi_renew(&b->avahi);
		return;
	}
	lr_avahi_set_state(&b->avahi, LR_DISCO_RUNNING);
	b->holding = true;
	lr_avahi_arm(&b->avahi, b->hold, HOLD_MS);
	lr_avahi_arm(&b->avahi, b->retry, RETRY_MS);
}

static void down(void *arg)
{
	(void)arg;
}

static void gone(void *arg)
{
	struct lr_browser *b = arg;

	lr_watch_free(b->watch);
	b->watch = NULL;
}

static void end(void *arg)
{
	struct lr_browser *b = arg;

	uv_mutex_lock(&b->lock);
	b->ended = true;
	uv_mutex_unlock(&b->lock);
	uv_async_send(&b->async);
}

static const struct lr_avahi_ops browse_ops = { up, down, gone, end };

static void closed_cb(uv_handle_t *handle)
{
	struct lr_browser *b = handle->data;

	uv_mutex_destroy(&b->lock);
	free(b);
}

/* Takes the snapshot over; 0 and NULL where there is no news. */
static struct lr_found *take(struct lr_browser *b, size_t *n, bool *news,
			     bool *ended)
{
	struct lr_found *copy = NULL;

	uv_mutex_lock(&b->lock);
	*ended = b->ended;
	*news = b->fresh;
	*n = b->n_posted;
	if (b->fresh)
		copy = malloc(sizeof(*copy) * (*n ? *n : 1));
	if (copy) {
		memcpy(copy, b->posted, *n * sizeof(*copy));
		b->fresh = false;
	}
	uv_mutex_unlock(&b->lock);
	*news = *news && copy; /* no memory: with the next change */
	return copy;
}

static void async_cb(uv_async_t *async)
{
	struct lr_browser *b = async->data;
	struct lr_found *found;
	bool news, ended;
	size_t n;

	found = take(b, &n, &news, &ended);
	if (b->stopping) {
		free(found);
		if (!ended || uv_is_closing((uv_handle_t *)async))
			return;
		lr_avahi_join(&b->avahi);
		uv_close((uv_handle_t *)async, closed_cb);
		return;
	}
	if (news)
		b->cb(found, n, b->arg);
	free(found);
}

struct lr_browser *lr_browse_start(uv_loop_t *loop, lr_found_cb cb, void *arg)
{
	struct lr_browser *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->cb = cb;
	b->arg = arg;
	b->async.data = b;
	if (uv_mutex_init(&b->lock))
		goto free_b;
	if (uv_async_init(loop, &b->async, async_cb))
		goto destroy_lock;
	if (!lr_avahi_start(&b->avahi, &browse_ops, b)) {
		uv_close((uv_handle_t *)&b->async, closed_cb);
		return NULL;
	}
	return b;

destroy_lock:
	uv_mutex_destroy(&b->lock);
free_b:
	free(b);
	return NULL;
}

enum lr_disco_state lr_browse_state(const struct lr_browser *b)
{
	return lr_avahi_state(&b->avahi);
}

void lr_browse_stop(struct lr_browser *b)
{
	if (!b || b->stopping)
		return;
	b->stopping = true;
	lr_avahi_quit(&b->avahi);
	uv_async_send(&b->async); /* should the thread have ended before */
}
