/* SPDX-License-Identifier: Apache-2.0 */
/* One link out of many addresses. */
#include "tests/unit/net_kit.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kit kit;

struct dialled {
	unsigned calls;
	struct lr_link *link;
	enum lr_err why;
};

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct dialled *d = arg;

	d->calls++;
	d->link = link;
	d->why = why;
	kit.client.link = link;
}

static struct lr_dial *dial(const char *addrs, const struct lr_dev *peer,
			    unsigned ms, struct dialled *d)
{
	struct lr_link_options opt = {.peer = peer, .connect_ms = ms};
	struct lr_dial *dial;

	*d = (struct dialled){0};
	if (kit.kind == KIT_TLS)
		opt.tls = kit.tls[1];
	dial = lr_dial_start(&kit.loop, addrs, &opt, &kit_ops, &kit.client,
			     dialled_cb, d);
	assert_non_null(dial);
	assert_int_equal(d->calls, 0);
	return dial;
}

/* A port on loopback that accepts and stays silent; *fd keeps it. */
static unsigned silent_port(int *fd)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof in;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(*fd, 5), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&in, &len), 0);
	return ntohs(in.sin_port);
}

static unsigned closed_port(void)
{
	int fd;
	unsigned port = silent_port(&fd);

	close(fd);
	return port;
}

/* Among silent, refused and senseless addresses the good one wins; its
 * open_cb is not called, and the link works. */
static void test_good_among_bad(void **state)
{
	struct dialled d;
	char list[512];
	int fd;

	(void)state;
	kit_listen(&kit, KIT_TLS);
	snprintf(list, sizeof list,
		 "127.0.0.1:%u,, nonsense,[::1:5,1.2.3:4,x:0,[fe80::1%%nope]:5,"
		 "a:b:7,127.0.0.1:%u,%s,:99,127.0.0.1:99999",
		 silent_port(&fd), closed_port(), kit.where);
	dial(list, lr_identity_dev(kit.id[0]), 0, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_int_equal(d.why, LR_E_OK);
	assert_non_null(d.link);
	assert_string_equal(lr_link_address(d.link), kit.where);
	assert_ptr_equal(lr_link_arg(d.link), &kit.client);
	KIT_UNTIL(&kit, kit.server.opened);
	lr_link_send(kit.server.link, LR_M_PING, 0, NULL, 0, NULL);
	KIT_UNTIL(&kit, kit.client.frames == 1);
	assert_int_equal(kit.client.opened, 0);
	close(fd);
	kit_done(&kit);
	assert_int_equal(d.calls, 1);
	assert_int_equal(kit.client.closed, 1);
}

/* The same server by many addresses: one link is left on each side. */
static void test_one_wins(void **state)
{
	struct dialled d;
	char list[512];

	(void)state;
	kit_listen(&kit, KIT_TLS);
	snprintf(list, sizeof list, "%s,%s,%s,%s", kit.where, kit.where,
		 kit.where, kit.where);
	dial(list, NULL, 0, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_non_null(d.link);
	kit_turn(&kit);
	assert_true(lr_link_is_open(d.link));
	kit_done(&kit);
	assert_int_equal(d.calls, 1);
}

/* Nothing usable: told from the loop; an empty list is the caller's error. */
static void test_none(void **state)
{
	static const struct {
		const char *list;
		enum lr_err why;
	} t[] = {
		{"", LR_E_USAGE},
		{" , ,", LR_E_USAGE},
		{"nonsense,127.0.0.1,[::1]", LR_E_USAGE},
		{"no-such-host.invalid:80", LR_E_UNREACHABLE},
	};
	struct dialled d;
	char list[64];

	(void)state;
	kit_listen(&kit, KIT_TLS);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		dial(t[i].list, NULL, 0, &d);
		KIT_UNTIL(&kit, d.calls);
		assert_null(d.link);
		assert_int_equal(d.why, t[i].why);
	}
	snprintf(list, sizeof list, "127.0.0.1:%u", closed_port());
	dial(list, NULL, 0, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_int_equal(d.why, LR_E_REFUSED);
	kit_done(&kit);
}

/* A name is resolved off the loop and dialled. */
static void test_name(void **state)
{
	struct dialled d;
	char list[64];

	(void)state;
	kit_listen(&kit, KIT_TLS);
	snprintf(list, sizeof list, "localhost:%u",
		 (unsigned)lr_listener_port(kit.listener));
	dial(list, NULL, 0, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_non_null(d.link);
	kit_done(&kit);
}

/* Another key than the pinned one: WRONG_PEER, whatever else fails later. */
static void test_wrong_peer(void **state)
{
	struct dialled d;
	char list[256];
	int fd;

	(void)state;
	kit_listen(&kit, KIT_TLS);
	snprintf(list, sizeof list, "%s,127.0.0.1:%u", kit.where,
		 silent_port(&fd));
	dial(list, lr_identity_dev(kit.id[1]), 200, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_null(d.link);
	assert_int_equal(d.why, LR_E_WRONG_PEER);
	close(fd);
	kit_done(&kit);
}

/* All silent: TIMEOUT. */
static void test_timeout(void **state)
{
	struct dialled d;
	char list[64];
	int fd;

	(void)state;
	kit_listen(&kit, KIT_TLS);
	snprintf(list, sizeof list, "127.0.0.1:%u", silent_port(&fd));
	dial(list, NULL, 50, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_null(d.link);
	assert_int_equal(d.why, LR_E_TIMEOUT);
	close(fd);
	kit_done(&kit);
}

/* Stopped at any time: no callback, nothing left behind. */
static void test_stop(void **state)
{
	struct dialled d;
	struct lr_dial *dialling;
	char list[256];

	(void)state;
	for (int turns = 0; turns < 6; turns++) {
		kit_listen(&kit, KIT_TLS);
		snprintf(list, sizeof list, "localhost:%u,127.0.0.1:%u,%s",
			 (unsigned)lr_listener_port(kit.listener),
			 closed_port(), kit.where);
		dialling = dial(list, NULL, 0, &d);
		for (int i = 0; i < turns && !d.calls; i++)
			uv_run(&kit.loop, UV_RUN_NOWAIT);
		if (!d.calls) {
			lr_dial_stop(dialling);
			kit_done(&kit);
			assert_int_equal(d.calls, 0);
		} else {
			kit_done(&kit);
		}
	}
}

/* The new link may be closed inside the dial's callback. */
static void close_at_once_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	dialled_cb(link, why, arg);
	lr_link_close(link, LR_E_FAILED);
}

static void test_close_in_callback(void **state)
{
	struct lr_link_options opt = {0};
	struct dialled d = {0};

	(void)state;
	kit_listen(&kit, KIT_TLS);
	opt.tls = kit.tls[1];
	assert_non_null(lr_dial_start(&kit.loop, kit.where, &opt, &kit_ops,
				      &kit.client, close_at_once_cb, &d));
	KIT_UNTIL(&kit, kit.client.closed);
	assert_int_equal(kit.client.why, LR_E_FAILED);
	kit_done(&kit);
	assert_int_equal(d.calls, 1);
}

/* An address of this host that means nothing without its interface. */
static bool link_local(char *host, size_t cap)
{
	struct ifaddrs *list, *i;
	const struct sockaddr_in6 *six;
	bool found = false;

	assert_int_equal(getifaddrs(&list), 0);
	for (i = list; i && !found; i = i->ifa_next) {
		six = (const struct sockaddr_in6 *)(void *)i->ifa_addr;
		found = six && six->sin6_family == AF_INET6 &&
			(i->ifa_flags & IFF_UP) &&
			IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) &&
			inet_ntop(AF_INET6, &six->sin6_addr, host,
				  (socklen_t)cap);
	}
	freeifaddrs(list);
	return found;
}

/* fe80 without a scope is tried on every interface. */
static void test_link_local(void **state)
{
	struct dialled d;
	char host[64], list[256];

	(void)state;
	if (!link_local(host, sizeof host)) {
		print_message("no interface with a link-local address\n");
		skip();
	}
	kit_listen(&kit, KIT_TLS);
	kit_relisten(&kit, "[::]:0");
	snprintf(list, sizeof list, "[%s]:%u", host,
		 (unsigned)lr_listener_port(kit.listener));
	dial(list, NULL, 0, &d);
	KIT_UNTIL(&kit, d.calls);
	assert_non_null(d.link);
	assert_non_null(strchr(lr_link_address(d.link), '%'));
	kit_done(&kit);
}

/* Each shard is at the next port; what has none there is left out. */
static void test_shard_addresses(void **state)
{
	static const char list[] = "10.0.0.2:7451, [fe80::1%eth0]:7451";
	char out[64];

	(void)state;
	lr_addrs_of_shard(list, 0, out, sizeof out);
	assert_string_equal(out, "10.0.0.2:7451,[fe80::1%eth0]:7451");
	lr_addrs_of_shard(list, 3, out, sizeof out);
	assert_string_equal(out, "10.0.0.2:7454,[fe80::1%eth0]:7454");
	lr_addrs_of_shard("a:65535,b:x,c,:7451,d:0", 1, out, sizeof out);
	assert_string_equal(out, ":7452");
	lr_addrs_of_shard(list, 1, out, 20);
	assert_string_equal(out, "10.0.0.2:7452");
	lr_addrs_of_shard("", 1, out, sizeof out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_among_bad),
		cmocka_unit_test(test_one_wins),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_wrong_peer),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_close_in_callback),
		cmocka_unit_test(test_link_local),
		cmocka_unit_test(test_shard_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
