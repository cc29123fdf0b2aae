/* SPDX-License-Identifier: Apache-2.0 */
#include "net/bind.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/link_i.h"

#define BACKLOG 512

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
static enum lr_err bind_unix(struct lr_bound *b, const char *path,
			     unsigned mode)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(path) >= sizeof un.sun_path)
		return LR_E_USAGE;
	memcpy(un.sun_path, path, strlen(path));
	memcpy(b->path, un.sun_path, sizeof b->path);
	b->local = true;
	b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (b->fd < 0 || fchmod(b->fd, mode) < 0)
		return lr_err_of_errno(errno);
	if (bind(b->fd, (struct sockaddr *)&un, sizeof un) < 0) {
		if (errno != EADDRINUSE)
			return errno == ENOENT ? LR_E_IO
					       : lr_err_of_errno(errno);
		if (!is_stale(&un))
			return LR_E_BUSY;
		if (bind(b->fd, (struct sockaddr *)&un, sizeof un) < 0)
			return lr_err_of_errno(errno);
	}
	if (chmod(path, mode) < 0 || lstat(path, &st) < 0)
		return lr_err_of_errno(errno);
	b->dev = st.st_dev;
	b->ino = st.st_ino;
	return LR_E_OK;
}

static void unlink_own(const struct lr_bound *b)
{
	struct stat st;

	if (b->ino && lstat(b->path, &st) == 0 && st.st_dev == b->dev &&
	    st.st_ino == b->ino)
		unlink(b->path);
}

/* --- TCP --- */

static bool bind_one(struct lr_bound *b, const struct sockaddr *sa,
		     socklen_t len)
{
	int on = 1, off = 0;

	b->fd = socket(sa->sa_family,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (b->fd < 0)
		return false;
	setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (sa->sa_family == AF_INET6)
		setsockopt(b->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(b->fd, sa, len) == 0)
		return true;
	on = errno;
	close(b->fd);
	b->fd = -1;
	errno = on;
	return false;
}

/* "[::]" on a host without IPv6 means every IPv4 address. */
static bool bind_any4(struct lr_bound *b, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (sa->sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) ||
	    (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return false;
	v4.sin_port = six->sin6_port;
	return bind_one(b, (struct sockaddr *)&v4, sizeof v4);
}

static void note_port(struct lr_bound *b)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;

	getsockname(b->fd, (struct sockaddr *)&ss, &len);
	if (ss.ss_family == AF_INET6)
		b->port = ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	else
		b->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

static enum lr_err bind_tcp(struct lr_bound *b, const char *where)
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
	ok = bind_one(b, list->ai_addr, list->ai_addrlen) ||
	     bind_any4(b, list->ai_addr);
	freeaddrinfo(list);
	if (!ok)
		return lr_err_of_errno(errno);
	note_port(b);
	return LR_E_OK;
}

/* --- both --- */

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

enum lr_err lr_bind(struct lr_bound *b, const char *where, unsigned mode,
		    char *why, size_t cap)
{
	enum lr_err err;

	*b = (struct lr_bound){.fd = -1};
	err = where[0] == '/' ? bind_unix(b, where, mode) : bind_tcp(b, where);
	if (err == LR_E_OK && listen(b->fd, BACKLOG) < 0)
		err = lr_err_of_errno(errno);
	if (err == LR_E_OK)
		return LR_E_OK;
	explain(where, err, why, cap);
	lr_unbind(b);
	return err;
}

void lr_unbind(struct lr_bound *b)
{
	unlink_own(b);
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}
