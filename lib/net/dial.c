/* SPDX-License-Identifier: Apache-2.0 */
/* Many addresses, one link.
 *
 * Every address becomes an attempt at once; a name is resolved on libuv's
 * threads and becomes attempts then. The first attempt that opens is handed to
 * the caller, the others are closed. When no attempt and no name is left, or
 * the time is up, the caller is told why. The dial itself lives until its last
 * attempt is closed and its last name resolved, whoever still listens. */
#include "net/link_i.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 64u
#define NAMES_MAX    8u
#define HOST_CAP     256

struct lr_dial {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct lr_link_options opt;
	struct lr_dev peer;
	struct lr_pool_key since;
	struct lr_link_ops ops;
	void *link_arg;
	lr_dial_cb cb; /* NULL: the caller has been told, or has stopped */
	void *arg;
	enum lr_err why;
	unsigned live, names, tried;
	struct lr_link *link[ATTEMPTS_MAX];
	struct dial_name *name[NAMES_MAX];
	bool timer_closed;
};

struct dial_name {
	uv_getaddrinfo_t req;
	struct lr_dial *dial;
	unsigned index;
};

static void free_if_over(struct lr_dial *d)
{
	if (d->timer_closed && !d->live && !d->names)
		free(d);
}

static void timer_closed_cb(uv_handle_t *handle)
{
	struct lr_dial *d = handle->data;

	d->timer_closed = true;
	free_if_over(d);
}

/* Closes all attempts; their callbacks free the dial. */
static void wind_up(struct lr_dial *d)
{
	d->cb = NULL;
	if (!uv_is_closing((uv_handle_t *)&d->timer))
		uv_close((uv_handle_t *)&d->timer, timer_closed_cb);
	for (unsigned i = 0; i < ATTEMPTS_MAX; i++)
		if (d->link[i])
			lr_link_close(d->link[i], LR_E_INTERRUPTED);
	for (unsigned i = 0; i < NAMES_MAX; i++)
		if (d->name[i])
			uv_cancel((uv_req_t *)&d->name[i]->req);
}

void lr_dial_stop(struct lr_dial *dial)
{
	if (dial)
		wind_up(dial);
}

static void give_up(struct lr_dial *d, enum lr_err why)
{
	lr_dial_cb cb = d->cb;

	if (!cb)
		return;
	wind_up(d);
	cb(NULL, why, d->arg);
}

static void give_up_if_over(struct lr_dial *d)
{
	if (!d->live && !d->names)
		give_up(d, d->why);
}

static void note_error(struct lr_dial *d, enum lr_err why)
{
	if (d->why != LR_E_WRONG_PEER)
		d->why = why;
}

/* --- attempts --- */

static void forget_attempt(struct lr_dial *d, const struct lr_link *link)
{
	for (unsigned i = 0; i < ATTEMPTS_MAX; i++)
		if (d->link[i] == link)
			d->link[i] = NULL;
	d->live--;
}

static void attempt_open_cb(struct lr_link *link, void *arg)
{
	struct lr_dial *d = arg;
	lr_dial_cb cb = d->cb;
	void *cb_arg = d->arg;

	if (!cb)
		return; /* being closed */
	forget_attempt(d, link);
	lr_link_set_ops(link, &d->ops, d->link_arg);
	wind_up(d);
	cb(link, LR_E_OK, cb_arg);
}

static void attempt_close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct lr_dial *d = arg;

	forget_attempt(d, link);
	if (d->cb) {
		note_error(d, why);
		give_up_if_over(d);
	}
	free_if_over(d);
}

static const struct lr_link_ops attempt_ops = {
	.open_cb = attempt_open_cb,
	.close_cb = attempt_close_cb,
};

static void try_addr(struct lr_dial *d, const struct sockaddr *sa)
{
	unsigned i = 0;

	while (i < ATTEMPTS_MAX && d->link[i])
		i++;
	if (i == ATTEMPTS_MAX || ++d->tried > ATTEMPTS_MAX)
		return;
	d->link[i] = lr_link_connect(d->loop, sa, &d->opt, &attempt_ops, d);
	if (d->link[i])
		d->live++;
	else
		note_error(d, LR_E_NO_MEMORY);
}

/* A link-local address that came without its interface: all that are up. */
static void try_everywhere(struct lr_dial *d, struct sockaddr_in6 sa)
{
	struct ifaddrs *list, *i;
	const struct sockaddr_in6 *own;

	note_error(d, LR_E_UNREACHABLE); /* where no interface has such */
	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i; i = i->ifa_next) {
		own = (const struct sockaddr_in6 *)(void *)i->ifa_addr;
		if (!own || own->sin6_family != AF_INET6 ||
		    !(i->ifa_flags & IFF_UP) ||
		    !IN6_IS_ADDR_LINKLOCAL(&own->sin6_addr))
			continue;
		sa.sin6_scope_id = own->sin6_scope_id;
		try_addr(d, (const struct sockaddr *)&sa);
	}
	freeifaddrs(list);
}

static void try_any(struct lr_dial *d, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;

	if (sa->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) && !six->sin6_scope_id)
		try_everywhere(d, *six);
	else
		try_addr(d, sa);
}

/* --- names --- */

static void resolved_cb(uv_getaddrinfo_t *req, int status,
			struct addrinfo *list)
{
	struct dial_name *name = req->data;
	struct lr_dial *d = name->dial;

	d->name[name->index] = NULL;
	d->names--;
	free(name);
	if (d->cb && status == 0)
		for (struct addrinfo *i = list; i; i = i->ai_next)
			try_any(d, i->ai_addr);
	else
		note_error(d, LR_E_UNREACHABLE);
	uv_freeaddrinfo(list);
	if (d->cb)
		give_up_if_over(d);
	free_if_over(d);
}

static void resolve(struct lr_dial *d, const char *host, const char *port)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct dial_name *name;
	unsigned i = 0;

	while (i < NAMES_MAX && d->name[i])
		i++;
	name = i < NAMES_MAX ? malloc(sizeof *name) : NULL;
	if (!name)
		return;
	name->dial = d;
	name->index = i;
	name->req.data = name;
	if (uv_getaddrinfo(d->loop, &name->req, resolved_cb, host, port,
			   &hints) < 0) {
		free(name);
		note_error(d, LR_E_UNREACHABLE);
		return;
	}
	d->name[i] = name;
	d->names++;
}

/* --- the list --- */

static bool is_name(const char *host)
{
	bool letter = false;

	if (!*host || strlen(host) > 253)
		return false;
	for (const char *p = host; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return false;
		letter |= isalpha((unsigned char)*p) != 0;
	}
	return letter; /* digits and dots alone are a bad address */
}

static bool numeric6(char *host, uint16_t port, struct sockaddr_in6 *ret)
{
	char *scope = strchr(host, '%');

	*ret = (struct sockaddr_in6){.sin6_family = AF_INET6,
				     .sin6_port = htons(port)};
	if (scope) {
		*scope++ = '\0';
		ret->sin6_scope_id = if_nametoindex(scope);
		if (!ret->sin6_scope_id)
			ret->sin6_scope_id = (uint32_t)strtoul(scope, NULL, 10);
		if (!ret->sin6_scope_id)
			return false;
	}
	return inet_pton(AF_INET6, host, &ret->sin6_addr) == 1;
}

/* "host:port" or "[v6]:port"; cuts `text` up. False: neither. */
static bool split(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':'), *end;
	unsigned long n;

	if (!colon || !isdigit((unsigned char)colon[1]))
		return false;
	n = strtoul(colon + 1, &end, 10);
	if (*end || n == 0 || n > 65535)
		return false;
	*colon = '\0';
	*host = text;
	*port = colon + 1;
	return *text != '\0';
}

static void try_text(struct lr_dial *d, char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6;
	char *host, *port;
	uint16_t n;
	size_t len;

	if (!split(text, &host, &port))
		return;
	n = (uint16_t)strtoul(port, NULL, 10);
	len = strlen(host);
	v4.sin_port = htons(n);
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (numeric6(host + 1, n, &v6))
			try_any(d, (const struct sockaddr *)&v6);
	} else if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		try_addr(d, (const struct sockaddr *)&v4);
	} else if (is_name(host)) {
		resolve(d, host, port);
	}
}

static void try_list(struct lr_dial *d, const char *addrs)
{
	char one[HOST_CAP];
	size_t n;

	while (*addrs) {
		addrs += strspn(addrs, ", \t\n");
		n = strcspn(addrs, ", \t\n");
		if (n && n < sizeof one) {
			memcpy(one, addrs, n);
			one[n] = '\0';
			try_text(d, one);
		}
		addrs += n;
	}
}

static void late_cb(uv_timer_t *timer)
{
	struct lr_dial *d = timer->data;

	if (d->live || d->names)
		note_error(d, LR_E_TIMEOUT);
	give_up(d, d->why);
}

struct lr_dial *lr_dial_start(uv_loop_t *loop, const char *addrs,
			      const struct lr_link_options *opt,
			      const struct lr_link_ops *ops, void *link_arg,
			      lr_dial_cb cb, void *arg)
{
	struct lr_dial *d = calloc(1, sizeof *d);
	unsigned ms = opt && opt->connect_ms ? opt->connect_ms : 5000;

	if (!d)
		return NULL;
	d->loop = loop;
	d->opt = opt ? *opt : (struct lr_link_options){0};
	if (d->opt.peer) {
		d->peer = *d->opt.peer;
		d->opt.peer = &d->peer;
	}
	if (d->opt.since) {
		d->since = *d->opt.since;
		d->opt.since = &d->since;
	}
	d->ops = *ops;
	d->link_arg = link_arg;
	d->cb = cb;
	d->arg = arg;
	d->why = LR_E_USAGE; /* until something was tried */
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	try_list(d, addrs);
	if ((d->live || d->names) && d->why == LR_E_USAGE)
		d->why = LR_E_UNREACHABLE;
	uv_update_time(loop);
	uv_timer_start(&d->timer, late_cb, d->live || d->names ? ms : 0, 0);
	return d;
}
