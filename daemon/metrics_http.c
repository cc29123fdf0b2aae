/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd without a thread of its own: our loop polls its epoll
 * descriptor, so that what is counted is read by the thread that counts.
 *
 *   1 its descriptor is ready, or its own time has come: it takes a turn; it
 *     never blocks
 *   2 GET /metrics is answered from memory, and the connection closes
 *   3 whoever takes longer than LIVES_MS for that, or sends nothing, is cut off;
 *     above CONNECTIONS others wait unaccepted until then */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/list.h"
#include "daemon/metrics.h"
#include "net/bind.h"

#define CONNECTIONS 32u
#define EACH	    8u /* from one address */
#define MEMORY	    8192u /* of a connection, for its request */
#define LIVES_MS    5000u
#define TICK_MS	    500u

struct connection {
	struct connection *next, **prev;
	int fd;
	uint64_t until_ms;
};

struct lr_metrics_http {
	uv_loop_t *loop;
	struct MHD_Daemon *mhd;
	struct connection *connections;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	lr_metrics_cb cb;
	void *arg;
};

/* --- answers --------------------------------------------------------------- */

/* Takes `text`. */
static enum MHD_Result reply(struct MHD_Connection *c, unsigned code,
			     char *text, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		len, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result done;

	if (!r) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
				"text/plain; version=0.0.4; charset=utf-8");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	done = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned code,
			   const char *sentence)
{
	char *text = strdup(sentence);

	return text ? reply(c, code, text, strlen(text)) : MHD_NO;
}

static enum MHD_Result serve_cb(void *arg, struct MHD_Connection *c,
				const char *url, const char *method,
				const char *version, const char *data,
				size_t *data_len, void **state)
{
	struct lr_metrics_http *h = arg;
	size_t len;
	char *text;

	(void)version, (void)data, (void)data_len, (void)state;
	if (strcmp(url, "/metrics") != 0)
		return say(c, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say(c, MHD_HTTP_METHOD_NOT_ALLOWED,
			   "metrics can be read, nothing else\n");
	text = lr_metrics_text(h->cb, h->arg, &len);
	return text ? reply(c, MHD_HTTP_OK, text, len) : MHD_NO;
}

/* --- connections ------------------------------------------------------------ */

static void began(struct lr_metrics_http *h, struct MHD_Connection *c,
		  void **ret)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(
		c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *n = fd ? malloc(sizeof *n) : NULL;

	*ret = n;
	if (!n) { /* later it could not be cut off */
		if (fd)
			shutdown(fd->connect_fd, SHUT_RDWR);
		return;
	}
	*n = (struct connection){ .fd = fd->connect_fd,
				  .until_ms = uv_now(h->loop) + LIVES_MS };
	LR_LIST_ADD(h->connections, n);
}

static void ended(struct connection *n)
{
	if (!n)
		return;
	LR_LIST_DEL(n);
	free(n);
}

static void connection_cb(void *arg, struct MHD_Connection *c, void **at,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		began(arg, c, at);
	else
		ended(*at);
}

static void cut_late_ones(struct lr_metrics_http *h)
{
	for (struct connection *n = h->connections; n; n = n->next)
		if (uv_now(h->loop) >= n->until_ms)
			shutdown(n->fd, SHUT_RDWR);
}

/* --- the loop ---------------------------------------------------------------- */

static void timer_cb(uv_timer_t *timer);

static void turn(struct lr_metrics_http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;
	bool due;

	MHD_run(h->mhd);
	due = MHD_get_timeout(h->mhd, &ms) == MHD_YES && ms < TICK_MS;
	if (due || h->connections)
		uv_timer_start(&h->timer, timer_cb, due ? ms : TICK_MS, 0);
	else
		uv_timer_stop(&h->timer);
}

static void timer_cb(uv_timer_t *timer)
{
	struct lr_metrics_http *h = timer->data;

	if (!h->mhd)
		return;
	cut_late_ones(h);
	turn(h);
}

static void ready_cb(uv_poll_t *poll, int status, int events)
{
	struct lr_metrics_http *h = poll->data;

	(void)status, (void)events;
	if (h->mhd)
		turn(h);
}

/* --- start and stop ------------------------------------------------------------ */

static bool start(struct lr_metrics_http *h, int fd)
{
	const union MHD_DaemonInfo *info;

	h->mhd = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, serve_cb, h,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, EACH,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, connection_cb, h,
		MHD_OPTION_END);
	if (!h->mhd)
		return false;
	info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (info && !uv_poll_init(h->loop, &h->poll, info->epoll_fd))
		return true;
	MHD_stop_daemon(h->mhd);
	return false;
}

bool lr_metrics_listen(uv_loop_t *loop, const char *where, lr_metrics_cb cb,
		       void *arg, struct lr_metrics_http **ret, char *why,
		       size_t cap)
{
	struct lr_metrics_http *h = calloc(1, sizeof *h);
	struct lr_bound at;

	snprintf(why, cap, "out of memory");
	if (!h || lr_bind(&at, where, 0, why, cap) != LR_E_OK)
		goto free_it;
	h->loop = loop;
	h->cb = cb;
	h->arg = arg;
	if (!start(h, at.fd)) { /* which closes the descriptor */
		snprintf(why, cap, "no HTTP on %s: out of memory or "
				   "descriptors", where);
		goto free_it;
	}
	uv_timer_init(loop, &h->timer);
	h->poll.data = h->timer.data = h;
	h->handles = 2;
	uv_poll_start(&h->poll, UV_READABLE, ready_cb);
	*ret = h;
	return true;
free_it:
	free(h);
	return false;
}

static void closed_cb(uv_handle_t *handle)
{
	struct lr_metrics_http *h = handle->data;

	if (--h->handles == 0)
		free(h);
}

void lr_metrics_close(struct lr_metrics_http *h)
{
	if (!h || !h->mhd)
		return;
	uv_close((uv_handle_t *)&h->poll, closed_cb);
	uv_close((uv_handle_t *)&h->timer, closed_cb);
	MHD_stop_daemon(h->mhd);
	h->mhd = NULL;
}
