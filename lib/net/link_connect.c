/* SPDX-License-Identifier: Apache-2.0 */
/* How a link begins.
 *
 * Connecting: socket, connect(), writable, SO_ERROR, then TLS where asked,
 * then open. Accepting: the same from TLS on. Anything that fails, on the spot
 * or later, and the deadline, end in close_cb, from the loop. */
#include "net/link_i.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void set_int(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

#define CONTROL_DEAD_MS 3000
#define CONTROL_WINDOW	(16 * 1024)

/* A dead host is noticed in about a second when data waits, in about two when
 * none does. */
static void tune_tcp(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, LR_LINK_DEAD_MS);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

/* The kernel's timeout also ends a connection whose peer answers but has no
 * room: one that reads nothing for 1.3 s would be cut off. A live host has
 * acknowledged all that it was sent, a dead one has not; the live one gets the
 * time of a slow peer. */
void lr_link_set_patient(struct lr_link *link, bool patient)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	if (link->local || link->patient == patient)
		return;
	if (patient &&
	    (getsockopt(link->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	     info.tcpi_unacked))
		return;
	link->patient = patient;
	set_int(link->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
		(int)(patient ? link->slow_ms + link->dead_ms : link->dead_ms));
}

void lr_link_set_control(struct lr_link *link)
{
	if (link->local)
		return;
	link->dead_ms = CONTROL_DEAD_MS;
	set_int(link->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, CONTROL_DEAD_MS);
	set_int(link->fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, CONTROL_WINDOW);
}

bool lr_link_is_sending(struct lr_link *link)
{
	int waiting = 0;

	if (link->tx.first || link->out.len)
		return true;
	if (link->acked_bytes != link->sent_bytes &&
	    ioctl(link->fd, SIOCOUTQ, &waiting) == 0 && waiting > 0)
		return true;
	link->acked_bytes = link->sent_bytes;
	return false;
}

static enum lr_err begin(struct lr_link *link, int fd,
			 const struct sockaddr *addr,
			 const struct lr_link_options *opt)
{
	enum lr_err err = lr_link_attach(link, fd);

	if (err != LR_E_OK)
		return err;
	link->local = addr->sa_family == AF_UNIX;
	if (!link->local)
		tune_tcp(fd);
	lr_link_deadline(link, opt->connect_ms);
	if (opt->peer) {
		link->expected = *opt->peer;
		link->has_expected = true;
	}
	if (opt->since)
		link->since = *opt->since;
	return opt->tls ? lr_link_tls_start(link, opt->tls) : LR_E_OK;
}

static enum lr_err connect_to(struct lr_link *link, const struct sockaddr *addr,
			      const struct lr_link_options *opt)
{
	enum lr_err err;
	int fd;

	fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return lr_err_of_errno(errno);
	err = begin(link, fd, addr, opt);
	if (err != LR_E_OK)
		return err;
	if (connect(fd, addr, lr_addr_len(addr)) < 0 && errno != EINPROGRESS)
		return lr_err_of_errno(errno);
	return LR_E_OK;
}

struct lr_link *lr_link_connect(uv_loop_t *loop, const struct sockaddr *addr,
				const struct lr_link_options *opt,
				const struct lr_link_ops *ops, void *arg)
{
	static const struct lr_link_options defaults;
	struct lr_link *link = lr_link_new(loop, ops, arg);
	enum lr_err err;

	if (!link)
		return NULL;
	link->rq.next_id = 1;
	lr_addr_format(addr, true, link->address, sizeof link->address);
	err = connect_to(link, addr, opt ? opt : &defaults);
	if (err != LR_E_OK)
		lr_link_fail(link, err);
	else
		lr_link_poll(link);
	return link;
}

/* fd is the link's, or closed, whatever happens. */
struct lr_link *lr_link_accepted(uv_loop_t *loop, int fd,
				 const struct sockaddr *addr,
				 const struct lr_link_options *opt,
				 const struct lr_link_ops *ops, void *arg)
{
	struct lr_link *link = lr_link_new(loop, ops, arg);
	enum lr_err err;

	if (!link) {
		close(fd);
		return NULL;
	}
	link->server = true;
	link->rq.next_id = 2;
	lr_addr_format(addr, true, link->address, sizeof link->address);
	err = begin(link, fd, addr, opt);
	if (err != LR_E_OK)
		lr_link_fail(link, err);
	else
		lr_link_poll(link);
	return link;
}

/* The socket is writable: connected, or not. An accepted one always is. */
void lr_link_connected(struct lr_link *link)
{
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		lr_link_fail(link, lr_err_of_errno(error));
	} else if (link->ssl && link->server) {
		/* It waits to be spoken to: beginning costs 48 KiB. */
		link->state = LINK_HANDSHAKE;
		lr_link_poll(link);
	} else if (link->ssl) {
		link->state = LINK_HANDSHAKE;
		lr_link_tls_handshake(link);
	} else {
		lr_link_opened(link);
	}
}
