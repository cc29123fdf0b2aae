/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting links.
 *
 * A connection is half-open until its handshake is done: it counts against the
 * limits, and is the listener's. Over a limit, it is closed at once. Where
 * strangers are told apart, a link whose owner does not trust it yet goes on
 * being counted, as a guest. When the process is out of descriptors, accepting
 * pauses for a moment. A closed listener closes what is half-open and is freed
 * with the last of it. */
#include "net/link_i.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 32
#define PAUSE_MS       100
#define BACKLOG	       512

struct half_open {
	struct half_open *next;
	struct lr_listener *listener;
	struct lr_link *link;
	struct in6_addr from;
};

/* A link that is its owner's, and not trusted. */
struct link_guest {
	struct link_guest *next, **prev;
	struct lr_listener *listener; /* NULL: it is closed */
	struct in6_addr from;
};

struct lr_listener {
	uv_loop_t *loop;
	int fd;
	uv_poll_t poll;
	uv_timer_t pause;
	unsigned handles;
	bool closing, local;
	struct lr_tls *tls;
	struct lr_accept_limits limits;
	lr_accept_cb cb;
	void *arg;
	struct half_open *half_open;
	unsigned half_open_count;
	struct link_guest *guests;
	unsigned guest_count;
	uint16_t port;
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	dev_t dev; /* the socket file as we made it */
	ino_t ino;
};

static void free_if_over(struct lr_listener *l)
{
	if (l->closing && !l->handles && !l->half_open)
		free(l);
}

/* --- half-open --- */

static void forget(struct half_open *h)
{
	struct lr_listener *l = h->listener;
	struct half_open **at = &l->half_open;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	l->half_open_count--;
	free(h);
}

static void note(const struct lr_listener *l, const char *cause)
{
	if (l->limits.note)
		l->limits.note(l->arg, cause);
}

static void half_closed_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct half_open *h = arg;
	struct lr_listener *l = h->listener;

	(void)link;
	if (!l->closing && why == LR_E_TIMEOUT)
		note(l, "the handshake was not finished in time");
	else if (!l->closing && why == LR_E_PROTOCOL)
		note(l, "what came was no handshake of ours");
	forget(h);
	free_if_over(l);
}

/* --- guests --- */

void lr_guest_gone(struct lr_link *link)
{
	struct link_guest *g = link->guest;

	if (!g)
		return;
	link->guest = NULL;
	if (g->listener) {
		g->listener->guest_count--;
		*g->prev = g->next;
		if (g->next)
			g->next->prev = g->prev;
	}
	free(g);
}

void lr_link_trust(struct lr_link *link)
{
	if (!link->guest)
		return;
	lr_guest_gone(link);
	lr_link_set_bulk_max(link, LR_BULK_MAX);
}

static bool too_many_guests(const struct lr_listener *l,
			    const struct in6_addr *from)
{
	unsigned same = 0;

	for (const struct link_guest *g = l->guests; g; g = g->next)
		same += IN6_ARE_ADDR_EQUAL(&g->from, from) != 0;
	return l->guest_count >= l->limits.strangers ||
	       same >= l->limits.strangers_each;
}

/* False: it cannot stay. */
static bool add_guest(struct lr_listener *l, struct lr_link *link,
		      const struct in6_addr *from)
{
	struct link_guest *g;

	if (!l->limits.strangers || l->local)
		return true;
	if (too_many_guests(l, from)) {
		note(l, "too many that are not admitted");
		return false;
	}
	g = calloc(1, sizeof *g);
	if (!g)
		return false;
	*g = (struct link_guest){
		.next = l->guests, .prev = &l->guests, .listener = l,
		.from = *from};
	if (g->next)
		g->next->prev = &g->next;
	l->guests = g;
	l->guest_count++;
	link->guest = g;
	link->heard_ms = uv_now(l->loop);
	lr_link_set_bulk_max(link, LR_LINK_STRANGER);
	lr_link_need_tick(link);
	return true;
}

static void half_opened_cb(struct lr_link *link, void *arg)
{
	static const struct lr_link_ops nobody;
	struct half_open *h = arg;
	struct lr_listener *l = h->listener;
	struct in6_addr from = h->from;

	if (l->closing)
		return;
	forget(h);
	if (!add_guest(l, link, &from)) {
		lr_link_set_ops(link, &nobody, NULL);
		lr_link_close(link, LR_E_BUSY);
		return;
	}
	lr_link_set_ops(link, &nobody, NULL);
	l->cb(link, l->arg);
	if (!link->ops.frame_cb && !link->ops.close_cb)
		lr_link_close(link, LR_E_CLOSED); /* nobody took it */
}

static const struct lr_link_ops half_open_ops = {
	.open_cb = half_opened_cb,
	.close_cb = half_closed_cb,
};

static bool over_limit(const struct lr_listener *l, const struct in6_addr *from)
{
	const struct half_open *h;
	unsigned same = 0;

	if (l->half_open_count >= l->limits.half_open) {
		note(l, "too many handshakes at once");
		return true;
	}
	for (h = l->half_open; h; h = h->next)
		same += IN6_ARE_ADDR_EQUAL(&h->from, from) != 0;
	if (l->local || same < l->limits.half_open_each)
		return false;
	note(l, "too many handshakes at once from one address");
	return true;
}

static void take(struct lr_listener *l, int fd, const struct sockaddr *sa)
{
	struct lr_link_options opt = {.tls = l->tls,
				      .connect_ms = l->limits.handshake_ms};
	struct in6_addr from = lr_addr_key(sa);
	struct half_open *h;

	h = over_limit(l, &from) ? NULL : calloc(1, sizeof *h);
	if (!h) {
		close(fd);
		return;
	}
	h->listener = l;
	h->from = from;
	h->link = lr_link_accepted(l->loop, fd, sa, &opt, &half_open_ops, h);
	if (!h->link) {
		free(h);
		return;
	}
	h->next = l->half_open;
	l->half_open = h;
	l->half_open_count++;
}

/* --- accepting --- */

static void acceptable_cb(uv_poll_t *poll, int status, int events);

static void resume_cb(uv_timer_t *timer)
{
	struct lr_listener *l = timer->data;

	if (!l->closing)
		uv_poll_start(&l->poll, UV_READABLE, acceptable_cb);
}

static void pause_accepting(struct lr_listener *l)
{
	note(l, "out of descriptors or memory: waiting");
	uv_poll_stop(&l->poll);
	uv_timer_start(&l->pause, resume_cb, PAUSE_MS, 0);
}

static void acceptable_cb(uv_poll_t *poll, int status, int events)
{
	struct lr_listener *l = poll->data;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && !l->closing; i++) {
		ss = (struct sockaddr_storage){0};
		len = sizeof ss;
		fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (l->local)
				ss.ss_family = AF_UNIX;
			take(l, fd, (struct sockaddr *)&ss);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(l);
			return;
		} /* else that one connection failed: the next */
	}
}

/* --- Unix sockets --- */

/* A file that nobody answers on is stale: its program was killed. */
static bool is_stale(const struct sockaddr_un *un)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)un, sizeof *un) < 0 &&
		(errno == ECONNREFUSED || errno == ENOENT);
	close(fd);
	if (stale)
		unlink(un->sun_path);
	return stale;
}

/* The mode is set before bind too, so that it is never wider than asked. */
static enum lr_err bind_unix(struct lr_listener *l, const char *path,
			     unsigned mode)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(path) >= sizeof un.sun_path)
		return LR_E_USAGE;
	memcpy(un.sun_path, path, strlen(path));
	memcpy(l->path, un.sun_path, sizeof l->path);
	l->local = true;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || fchmod(l->fd, mode) < 0)
		return lr_err_of_errno(errno);
	if (bind(l->fd, (struct sockaddr *)&un, sizeof un) < 0) {
		if (errno != EADDRINUSE)
			return errno == ENOENT ? LR_E_IO
					       : lr_err_of_errno(errno);
		if (!is_stale(&un))
			return LR_E_BUSY;
		if (bind(l->fd, (struct sockaddr *)&un, sizeof un) < 0)
			return lr_err_of_errno(errno);
	}
	if (chmod(path, mode) < 0 || lstat(path, &st) < 0)
		return lr_err_of_errno(errno);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return LR_E_OK;
}

static void unlink_own(const struct lr_listener *l)
{
	struct stat st;

	if (l->ino && lstat(l->path, &st) == 0 && st.st_dev == l->dev &&
	    st.st_ino == l->ino)
		unlink(l->path);
}

/* --- TCP
 * ------------------------------------------------------------------------ */

static bool bind_tcp(struct lr_listener *l, const struct sockaddr *sa,
		     socklen_t len)
{
	int on = 1, off = 0;

	l->fd = socket(sa->sa_family,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return false;
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (sa->sa_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(l->fd, sa, len) == 0)
		return true;
	on = errno;
	close(l->fd);
	l->fd = -1;
	errno = on;
	return false;
}

/* "[::]" on a host without IPv6 means every IPv4 address. */
static bool bind_any4(struct lr_listener *l, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (sa->sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) ||
	    (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return false;
	v4.sin_port = six->sin6_port;
	return bind_tcp(l, (struct sockaddr *)&v4, sizeof v4);
}

static void note_port(struct lr_listener *l)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;

	getsockname(l->fd, (struct sockaddr *)&ss, &len);
	if (ss.ss_family == AF_INET6)
		l->port = ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	else
		l->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

static enum lr_err listen_tcp(struct lr_listener *l, const char *where)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	char host[256];
	char *colon, *name = host;
	bool ok;

	snprintf(host, sizeof host, "%s", where);
	colon = strrchr(host, ':');
	if (!colon || colon == host)
		return LR_E_USAGE;
	*colon = '\0';
	if (host[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	if (getaddrinfo(name, colon + 1, &hints, &list) != 0)
		return LR_E_USAGE;
	ok = bind_tcp(l, list->ai_addr, list->ai_addrlen) ||
	     bind_any4(l, list->ai_addr);
	freeaddrinfo(list);
	if (!ok)
		return lr_err_of_errno(errno);
	note_port(l);
	return LR_E_OK;
}

/* --- opening and closing --- */

static void set_limits(struct lr_accept_limits *to,
		       const struct lr_accept_limits *from)
{
	if (from)
		*to = *from;
	if (!to->half_open)
		to->half_open = 64;
	if (!to->half_open_each)
		to->half_open_each = 8;
	if (!to->handshake_ms)
		to->handshake_ms = 5000;
	if (!to->strangers_each)
		to->strangers_each = 16;
}

static void explain(const char *where, enum lr_err err, char *why, size_t cap)
{
	const char *text = lr_err_text(err);

	if (err == LR_E_BUSY)
		text = "something else listens there";
	else if (err == LR_E_USAGE)
		text = "neither host:port, [address]:port nor a path";
	else if (err == LR_E_UNREACHABLE)
		text = "not an address of this machine";
	if (cap)
		snprintf(why, cap, "cannot listen on %s: %s", where, text);
}

static enum lr_err start(struct lr_listener *l)
{
	int r;

	if (listen(l->fd, BACKLOG) < 0)
		return lr_err_of_errno(errno);
	r = uv_poll_init(l->loop, &l->poll, l->fd);
	if (r < 0)
		return lr_err_of_errno(-r);
	uv_timer_init(l->loop, &l->pause);
	l->poll.data = l->pause.data = l;
	l->handles = 2;
	uv_poll_start(&l->poll, UV_READABLE, acceptable_cb);
	return LR_E_OK;
}

enum lr_err lr_listen(uv_loop_t *loop, const char *where, unsigned mode,
		      struct lr_tls *tls, const struct lr_accept_limits *limits,
		      lr_accept_cb cb, void *arg, struct lr_listener **ret,
		      char *why, size_t why_cap)
{
	struct lr_listener *l = calloc(1, sizeof *l);
	enum lr_err err;

	if (!l)
		return LR_E_NO_MEMORY;
	l->loop = loop;
	l->fd = -1;
	l->tls = tls;
	l->cb = cb;
	l->arg = arg;
	set_limits(&l->limits, limits);
	err = where[0] == '/' ? bind_unix(l, where, mode)
			      : listen_tcp(l, where);
	if (err == LR_E_OK)
		err = start(l);
	if (err == LR_E_OK) {
		*ret = l;
		return LR_E_OK;
	}
	explain(where, err, why, why_cap);
	unlink_own(l);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
	return err;
}

uint16_t lr_listener_port(const struct lr_listener *l)
{
	return l->port;
}

static void handle_closed_cb(uv_handle_t *handle)
{
	struct lr_listener *l = handle->data;

	l->handles--;
	free_if_over(l);
}

void lr_listener_close(struct lr_listener *l)
{
	struct half_open *h;

	if (!l || l->closing)
		return;
	l->closing = true;
	uv_close((uv_handle_t *)&l->poll, handle_closed_cb);
	uv_close((uv_handle_t *)&l->pause, handle_closed_cb);
	unlink_own(l);
	close(l->fd);
	for (struct link_guest *g = l->guests; g; g = g->next)
		g->listener = NULL;
	l->guests = NULL;
	for (h = l->half_open; h; h = h->next)
		lr_link_close(h->link, LR_E_CLOSED);
}
