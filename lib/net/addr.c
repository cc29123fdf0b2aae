/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses and the system's errors, in our words. */
#include "net/link_i.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define ADDRS_APART ", \t\n"

enum lr_err lr_err_of_errno(int error)
{
	switch (error) {
	case 0:
	case ECONNRESET:
	case EPIPE:
		return LR_E_CLOSED;
	case ECONNREFUSED:
	case ENOENT: /* no such socket file */
		return LR_E_REFUSED;
	case ETIMEDOUT:
		return LR_E_TIMEOUT;
	case EACCES:
	case EPERM:
		return LR_E_PERMISSION;
	case EAGAIN: /* a Unix socket whose queue is full */
	case EMFILE:
	case ENFILE:
	case EADDRINUSE:
		return LR_E_BUSY;
	case ENOMEM:
	case ENOBUFS:
		return LR_E_NO_MEMORY;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case EINVAL: /* fe80 without its scope */
	case ENODEV:
		return LR_E_UNREACHABLE;
	default:
		return LR_E_IO;
	}
}

socklen_t lr_addr_len(const struct sockaddr *sa)
{
	switch (sa->sa_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	case AF_UNIX:
		return sizeof(struct sockaddr_un);
	default:
		return 0;
	}
}

/* An IPv4 peer of a dual-stack socket comes as ::ffff:a.b.c.d. */
static const struct sockaddr *unmap(const struct sockaddr *sa,
				    struct sockaddr_in *v4)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;

	if (sa->sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return sa;
	*v4 = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_port = v6->sin6_port};
	memcpy(&v4->sin_addr, &v6->sin6_addr.s6_addr[12], 4);
	return (const struct sockaddr *)v4;
}

void lr_addr_format(const struct sockaddr *sa, bool port, char *out, size_t cap)
{
	char host[64], serv[8];
	struct sockaddr_in v4;
	bool six;

	sa = unmap(sa, &v4);
	six = sa->sa_family == AF_INET6;
	if (sa->sa_family == AF_UNIX)
		snprintf(out, cap, "local");
	else if (getnameinfo(sa, lr_addr_len(sa), host, sizeof host, serv,
			     sizeof serv, NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(out, cap, "?");
	else if (!port)
		snprintf(out, cap, "%s", host);
	else
		snprintf(out, cap, six ? "[%s]:%s" : "%s:%s", host, serv);
}

/* The next address of the list, or of its white space: its length. */
static size_t next_addr(const char **list)
{
	*list += strspn(*list, ADDRS_APART);
	return strcspn(*list, ADDRS_APART);
}

static unsigned port_of(const char *text, size_t n)
{
	unsigned port = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' || port > UINT16_MAX)
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port;
}

void lr_addrs_of_shard(const char *addrs, unsigned shard, char *out, size_t cap)
{
	size_t len = 0, n;

	out[0] = '\0';
	for (; (n = next_addr(&addrs)) != 0; addrs += n) {
		size_t host = n;
		unsigned port;
		int put;

		while (host && addrs[host - 1] != ':')
			host--;
		port = port_of(addrs + host, n - host) + shard;
		if (port == shard || port > UINT16_MAX)
			continue;
		put = snprintf(out + len, cap - len, "%s%.*s%u",
			       len ? "," : "", (int)host, addrs, port);
		if (put < 0 || (size_t)put >= cap - len) {
			out[len] = '\0';
			return;
		}
		len += (size_t)put;
	}
}

struct in6_addr lr_addr_key(const struct sockaddr *sa)
{
	struct in6_addr key = {0};

	if (sa->sa_family == AF_INET6) {
		key = ((const struct sockaddr_in6 *)sa)->sin6_addr;
	} else if (sa->sa_family == AF_INET) {
		key.s6_addr[10] = key.s6_addr[11] = 0xff;
		memcpy(&key.s6_addr[12],
		       &((const struct sockaddr_in *)sa)->sin_addr, 4);
	}
	return key;
}
