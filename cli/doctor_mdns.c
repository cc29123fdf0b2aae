/* SPDX-License-Identifier: Apache-2.0 */
/* Is mDNS heard? An ear for each interface and family, on the very port:
 *
 *   1 our own query goes out; multicast comes back to who sent it, through
 *     this machine's own filters: heard = UDP 5353 is open here
 *   2 whoever else is heard meanwhile: multicast comes through the network
 *   3 avahi browses at the same time: what it finds is who can be joined
 *
 * Over when all has been heard and a pool of our name was found, or when
 * nothing can come any more; else after LISTEN_MS. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "discovery/merge.h"
#include "net/identity.h"

#define LISTEN_MS 3000u
#define AGAIN_MS  700u /* answers to one question come once a second */
#define CALM_MS	  400u /* after the last that was found */
#define DEAF_MS	  1200u /* nothing came back till then: nothing will */
#define PORT	  5353
#define EARS_MAX  32
#define DBUS	  "/run/dbus/system_bus_socket"

struct ear {
	struct listening *l;
	uv_poll_t poll;
	int fd;
	bool v6, own;
	int error; /* of setting it up, or of sending */
	unsigned ifindex;
	char name[IF_NAMESIZE], other[INET6_ADDRSTRLEN];
};

struct listening {
	struct doctor *d;
	struct ear ears[EARS_MAX];
	size_t n;
	struct ifaddrs *addresses;
	uint16_t id;
	uv_timer_t timer;
	struct lr_browser *browser;
	uint64_t begin, asked, news;
};

/* --- ears
 * --------------------------------------------------------------------------------- */

static bool can_hear(const struct ifaddrs *i)
{
	const unsigned want = IFF_UP | IFF_RUNNING | IFF_MULTICAST;

	return i->ifa_addr && (i->ifa_flags & want) == want &&
	       !(i->ifa_flags & IFF_LOOPBACK) &&
	       !lr_if_is_virtual(i->ifa_name) &&
	       (i->ifa_addr->sa_family == AF_INET ||
		i->ifa_addr->sa_family == AF_INET6);
}

static socklen_t group(const struct ear *e, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof *ret);
	if (!e->v6) {
		four->sin_family = AF_INET;
		four->sin_port = htons(PORT);
		inet_pton(AF_INET, "224.0.0.251", &four->sin_addr);
		return sizeof *four;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(PORT);
	six->sin6_scope_id = e->ifindex;
	inet_pton(AF_INET6, "ff02::fb", &six->sin6_addr);
	return sizeof *six;
}

static bool join(struct ear *e)
{
	int one = 1, zero = 0, ttl = 255, ifindex = (int)e->ifindex;
	struct ip_mreqn four = {.imr_ifindex = ifindex};
	struct ipv6_mreq six = {.ipv6mr_interface = e->ifindex};
	struct sockaddr_storage a;
	socklen_t len = group(e, &a);

	inet_pton(AF_INET, "224.0.0.251", &four.imr_multiaddr);
	inet_pton(AF_INET6, "ff02::fb", &six.ipv6mr_multiaddr);
	if (setsockopt(e->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(e->fd, (struct sockaddr *)&a, len))
		return false;
	if (e->v6)
		return !setsockopt(e->fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP,
				   &six, sizeof six) &&
		       !setsockopt(e->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF,
				   &ifindex, sizeof ifindex) &&
		       !setsockopt(e->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS,
				   &ttl, sizeof ttl);
	return !setsockopt(e->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four,
			   sizeof four) &&
	       !setsockopt(e->fd, IPPROTO_IP, IP_MULTICAST_IF, &four,
			   sizeof four) &&
	       !setsockopt(e->fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero,
			   sizeof zero) &&
	       !setsockopt(e->fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl,
			   sizeof ttl);
}

/* --- the query
 * ----------------------------------------------------------------------------- */

static void ask(struct ear *e)
{
	static const uint8_t question[] = "\x07_lanram\x04_tcp\x05local\0"
					  "\0\x0c\0\x01"; /* PTR, IN */
	uint8_t packet[12 + sizeof question - 1] = {
		(uint8_t)(e->l->id >> 8), (uint8_t)e->l->id, 0, 0, 0, 1};
	struct sockaddr_storage a;
	socklen_t len = group(e, &a);

	if (e->fd < 0)
		return;
	memcpy(packet + 12, question, sizeof question - 1);
	e->error = sendto(e->fd, packet, sizeof packet, 0,
			  (struct sockaddr *)&a, len) < 0
			   ? errno
			   : 0;
}

static bool is_ours(const struct listening *l, const struct sockaddr *sa)
{
	for (const struct ifaddrs *i = l->addresses; i; i = i->ifa_next) {
		const struct sockaddr_in *a = (const void *)i->ifa_addr,
					 *b = (const void *)sa;
		const struct sockaddr_in6 *a6 = (const void *)i->ifa_addr,
					  *b6 = (const void *)sa;

		if (!i->ifa_addr || i->ifa_addr->sa_family != sa->sa_family)
			continue;
		if (sa->sa_family == AF_INET
			    ? a->sin_addr.s_addr == b->sin_addr.s_addr
			    : !memcmp(&a6->sin6_addr, &b6->sin6_addr, 16))
			return true;
	}
	return false;
}

static void hear(struct ear *e, const uint8_t *p, size_t n,
		 const struct sockaddr_storage *from)
{
	const struct sockaddr_in *four = (const void *)from;
	const struct sockaddr_in6 *six = (const void *)from;

	if (n < 12)
		return;
	if (p[0] == (uint8_t)(e->l->id >> 8) && p[1] == (uint8_t)e->l->id &&
	    is_ours(e->l, (const void *)from)) {
		e->own = true;
	} else if (!is_ours(e->l, (const void *)from) && !e->other[0]) {
		inet_ntop(from->ss_family,
			  e->v6 ? (const void *)&six->sin6_addr
				: (const void *)&four->sin_addr,
			  e->other, sizeof e->other);
		e->l->d->heard_other = true;
	}
}

static void readable_cb(uv_poll_t *poll, int status, int events)
{
	struct ear *e = poll->data;
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	uint8_t packet[9000];
	ssize_t n;

	(void)events;
	if (status)
		return;
	n = recvfrom(e->fd, packet, sizeof packet, MSG_DONTWAIT,
		     (struct sockaddr *)&from, &len);
	if (n > 0)
		hear(e, packet, (size_t)n, &from);
}

static void open_ear(struct listening *l, const struct ifaddrs *i)
{
	struct ear *e = &l->ears[l->n];

	*e = (struct ear){.l = l,
			  .v6 = i->ifa_addr->sa_family == AF_INET6,
			  .ifindex = if_nametoindex(i->ifa_name)};
	for (size_t k = 0; k < l->n; k++)
		if (l->ears[k].ifindex == e->ifindex &&
		    l->ears[k].v6 == e->v6)
			return;
	snprintf(e->name, sizeof e->name, "%s", i->ifa_name);
	e->fd = socket(i->ifa_addr->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (e->fd >= 0 && join(e)) {
		uv_poll_init(&l->d->loop, &e->poll, e->fd);
		e->poll.data = e;
		uv_poll_start(&e->poll, UV_READABLE, readable_cb);
	} else {
		e->error = errno;
		if (e->fd >= 0)
			close(e->fd);
		e->fd = -1;
	}
	l->n++;
}

/* --- listening
 * ------------------------------------------------------------------------------- */

static void found_cb(const struct lr_found *found, size_t n, void *arg)
{
	struct listening *l = arg;

	l->d->n_found = n < DOCTOR_FOUND_MAX ? n : DOCTOR_FOUND_MAX;
	memcpy(l->d->found, found, l->d->n_found * sizeof *found);
	l->news = uv_now(&l->d->loop);
}

static bool all_is_heard(const struct listening *l)
{
	const struct doctor *d = l->d;
	bool found = false;

	for (size_t i = 0; i < l->n; i++)
		if (!l->ears[i].own)
			return false;
	for (size_t i = 0; i < d->n_found; i++)
		found |= !strcmp(d->found[i].pool_name, d->c->cfg.pool);
	if (!d->needs_mdns)
		return uv_now(&l->d->loop) > l->begin + CALM_MS;
	return found && d->heard_other &&
	       uv_now(&l->d->loop) > l->news + CALM_MS;
}

/* No network, no way through our own filters, or nobody to browse for us. */
static bool is_deaf(const struct listening *l)
{
	bool own = false;

	for (size_t i = 0; i < l->n; i++)
		own |= l->ears[i].own;
	return !own || !l->browser ||
	       lr_browse_state(l->browser) != LR_DISCO_RUNNING;
}

static bool is_over(const struct listening *l, uint64_t now)
{
	return now > l->begin + LISTEN_MS || all_is_heard(l) ||
	       (now > l->begin + DEAF_MS && is_deaf(l)) ||
	       (!l->n && now > l->begin + CALM_MS);
}

static void tick_cb(uv_timer_t *timer)
{
	struct listening *l = timer->data;
	uint64_t now = uv_now(&l->d->loop);

	if (is_over(l, now)) {
		uv_stop(&l->d->loop);
		return;
	}
	if (now < l->asked + AGAIN_MS)
		return;
	l->asked = now;
	for (size_t i = 0; i < l->n; i++)
		ask(&l->ears[i]);
}

static void listen_now(struct listening *l)
{
	struct doctor *d = l->d;

	lr_random(&l->id, sizeof l->id);
	l->id |= 1;
	if (!getifaddrs(&l->addresses))
		for (struct ifaddrs *i = l->addresses; i; i = i->ifa_next)
			if (can_hear(i) && l->n < EARS_MAX)
				open_ear(l, i);
	if (d->dbus)
		l->browser = lr_browse_start(&d->loop, found_cb, l);
	uv_update_time(&d->loop);
	l->begin = uv_now(&d->loop);
	uv_timer_init(&d->loop, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, tick_cb, 0, 50);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	d->avahi = l->browser &&
		   lr_browse_state(l->browser) == LR_DISCO_RUNNING;
}

static void stop_listening(struct listening *l)
{
	lr_browse_stop(l->browser);
	uv_close((uv_handle_t *)&l->timer, NULL);
	for (size_t i = 0; i < l->n; i++)
		if (l->ears[i].fd >= 0)
			uv_close((uv_handle_t *)&l->ears[i].poll, NULL);
	uv_run(&l->d->loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < l->n; i++)
		if (l->ears[i].fd >= 0)
			close(l->ears[i].fd);
	if (l->addresses)
		freeifaddrs(l->addresses);
}

/* --- what it means
 * ----------------------------------------------------------------------------- */

static bool dbus_answers(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = DBUS};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Worth a fault only where nothing else leads to the coordinator. */
__attribute__((format(printf, 4, 5))) static void
matters(struct doctor *d, const char *step, const char *mend, const char *fmt,
	...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (d->needs_mdns)
		doctor_wrong(d, step, 4, mend, "%s", text);
	else
		doctor_note(d, step, mend, "%s", text);
}

static void tell_avahi(struct doctor *d)
{
	bool installed = access("/usr/sbin/avahi-daemon", X_OK) == 0;

	if (d->avahi)
		doctor_ok(d, "avahi", "avahi-daemon answers");
	else if (!installed)
		matters(d, "avahi", "sudo apt install avahi-daemon",
			"avahi-daemon is not installed: pools are not found "
			"by mDNS, and a coordinator here is not published");
	else if (!d->dbus)
		matters(d, "avahi", "sudo systemctl start dbus avahi-daemon",
			"D-Bus does not answer (" DBUS "), so avahi-daemon "
			"cannot be asked");
	else
		matters(d, "avahi", "sudo systemctl start avahi-daemon",
			"avahi-daemon is not running");
}

static void tell_interfaces(struct doctor *d, const struct listening *l)
{
	const char *down = NULL;
	char names[256], mend[64];

	if (l->n) {
		lr_browse_interfaces(names, sizeof names);
		doctor_ok(d, "interfaces", "multicast goes over %s", names);
		return;
	}
	for (struct ifaddrs *i = l->addresses; i; i = i->ifa_next)
		if (!(i->ifa_flags & IFF_LOOPBACK) &&
		    !lr_if_is_virtual(i->ifa_name) && !down)
			down = i->ifa_name;
	snprintf(mend, sizeof mend, "sudo ip link set %s up",
		 down ? down : "eth0");
	doctor_wrong(d, "interfaces", 4, mend,
		     down ? "no network: %s is down, or has no address"
			  : "no network interface but the loopback%s",
		     down ? down : "");
}

static void tell_port(struct doctor *d, const struct listening *l)
{
	size_t before = d->n;

	for (size_t i = 0; i < l->n; i++) {
		const struct ear *e = &l->ears[i];

		if (e->own)
			continue;
		if (e->error && e->error != EPERM)
			matters(d, "udp5353", "", "%s, %s: %s", e->name,
				e->v6 ? "IPv6" : "IPv4", strerror(e->error));
		else
			matters(d, "udp5353", doctor_open_port("5353/udp"),
				"%s, %s: our own query %s: a firewall on this "
				"machine drops UDP 5353",
				e->name, e->v6 ? "IPv6" : "IPv4",
				e->error ? "cannot be sent"
					 : "does not come back");
	}
	if (l->n && d->n == before)
		doctor_ok(d, "udp5353",
			  "open: our own query came back on each interface");
}

/* An interface is one for us, with both families. */
static void tell_multicast(struct doctor *d, const struct listening *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct ear *e = &l->ears[i];

		if (e->other[0])
			doctor_ok(d, "multicast", "heard on %s: %s", e->name,
				  e->other);
	}
	if (d->heard_other || !l->n)
		return;
	if (d->needs_mdns && !d->n_found)
		doctor_wrong(d, "multicast", 4,
			     "open UDP 5353 on the other machines and IGMP or "
			     "multicast on the switch; or name the coordinator "
			     "in /etc/lanram/lanram.conf: coordinator = "
			     "\"host:7450\";",
			     "nobody else is heard (listened %u s): the "
			     "network or the other machines drop multicast, or "
			     "there is no pool",
			     LISTEN_MS / 1000);
	else
		doctor_note(d, "multicast", "", "nobody else was heard just now");
}

void doctor_mdns(struct doctor *d)
{
	struct listening l = {.d = d};

	d->dbus = dbus_answers();
	if (!d->c->cfg.discovery) {
		doctor_ok(d, "avahi", "not used: discovery = false");
		return;
	}
	listen_now(&l);
	tell_interfaces(d, &l);
	tell_avahi(d);
	tell_port(d, &l);
	tell_multicast(d, &l);
	stop_listening(&l);
}
