/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: limits, addresses, Unix sockets and their files. */
#include "tests/unit/net_kit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct kit kit;

static void close_cb(struct lr_link *link, void *arg)
{
	(*(unsigned *)arg)++;
	lr_link_close(link, LR_E_CLOSED);
}

static bool is_shut(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, 0) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static unsigned shut_of(const int *fd, unsigned n)
{
	unsigned shut = 0;

	for (unsigned i = 0; i < n; i++)
		shut += is_shut(fd[i]);
	return shut;
}

/* From one address 8 may be half-open; more are closed at once, and when one
 * goes the next gets in. */
static void test_limit_each(void **state)
{
	int fd[12];

	(void)state;
	kit_listen(&kit, KIT_TLS);
	for (unsigned i = 0; i < 12; i++)
		fd[i] = kit_raw(&kit);
	KIT_UNTIL(&kit, shut_of(fd, 12) == 4);
	kit_turn(&kit);
	assert_int_equal(shut_of(fd, 12), 4);
	close(fd[0]);
	kit_turn(&kit);
	kit_connect(&kit, NULL);
	KIT_UNTIL(&kit, kit.client.opened);
	for (unsigned i = 1; i < 12; i++)
		close(fd[i]);
	kit_done(&kit);
}

/* The total is limited too, and a handshake that does not come times out. */
static void test_limit_total(void **state)
{
	struct lr_accept_limits limits = {.half_open = 3,
					  .half_open_each = 100,
					  .handshake_ms = 60};
	unsigned accepted = 0;
	int fd[5];

	(void)state;
	kit_listen(&kit, KIT_TLS);
	lr_listener_close(kit.listener);
	assert_int_equal(lr_listen(&kit.loop, "127.0.0.1:0", 0, kit.tls[0],
				   &limits, close_cb, &accepted, &kit.listener,
				   NULL, 0),
			 LR_E_OK);
	for (unsigned i = 0; i < 5; i++)
		fd[i] = kit_raw(&kit);
	KIT_UNTIL(&kit, shut_of(fd, 5) >= 2);
	KIT_UNTIL(&kit, shut_of(fd, 5) == 5);
	for (unsigned i = 0; i < 5; i++)
		close(fd[i]);
	kit_done(&kit);
	assert_int_equal(accepted, 0);
}

/* Closing the listener closes what is half-open; open links live on. */
static void test_close_listener(void **state)
{
	int fd;

	(void)state;
	kit_pair(&kit, KIT_TLS);
	fd = kit_raw(&kit);
	kit_turn(&kit);
	lr_listener_close(kit.listener);
	kit.listener = NULL;
	KIT_UNTIL(&kit, is_shut(fd));
	lr_link_send(kit.client.link, LR_M_PING, 0, NULL, 0, NULL);
	KIT_UNTIL(&kit, kit.server.frames == 1);
	close(fd);
	kit_done(&kit);
}

/* "[::]" takes IPv4 too, whose address is shown as such; two listeners do not
 * share a port. */
static void test_dual_stack(void **state)
{
	struct lr_listener *l, *second;
	unsigned accepted = 0;
	char where[64], why[256];

	(void)state;
	kit_listen(&kit, KIT_CLEAR);
	assert_int_equal(lr_listen(&kit.loop, "[::]:0", 0, NULL, NULL, close_cb,
				   &accepted, &l, why, sizeof why),
			 LR_E_OK);
	lr_listener_close(kit.listener);
	kit.listener = l;
	kit_connect(&kit, NULL);
	KIT_UNTIL(&kit, accepted == 1);
	snprintf(where, sizeof where, "[::]:%u", (unsigned)lr_listener_port(l));
	assert_int_equal(lr_listen(&kit.loop, where, 0, NULL, NULL, close_cb,
				   &accepted, &second, why, sizeof why),
			 LR_E_BUSY);
	assert_non_null(strstr(why, where));
	KIT_UNTIL(&kit, kit.client.closed);
	kit_done(&kit);
}

/* What is no address is refused with a sentence. */
static void test_bad_where(void **state)
{
	static const char *const bad[] = {"",	  "7450", ":7450",
					  "[::]", "a:b",  "127.0.0.1:70000x"};
	struct lr_listener *l;
	char why[256];

	(void)state;
	kit_listen(&kit, KIT_CLEAR);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		why[0] = '\0';
		assert_int_equal(lr_listen(&kit.loop, bad[i], 0, NULL, NULL,
					   close_cb, NULL, &l, why, sizeof why),
				 LR_E_USAGE);
		assert_non_null(strstr(why, "cannot listen on"));
	}
	assert_int_equal(lr_listen(&kit.loop, "192.0.2.1:0", 0, NULL, NULL,
				   close_cb, NULL, &l, why, sizeof why),
			 LR_E_UNREACHABLE);
	assert_int_equal(lr_listen(&kit.loop, "/nonexistent/x.sock", 0600, NULL,
				   NULL, close_cb, NULL, &l, why, sizeof why),
			 LR_E_IO);
	kit_done(&kit);
}

/* A socket file that nobody answers on is replaced; the new one has the mode
 * asked for, whatever the umask, and goes with its listener. */
static void test_stale_socket(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	unsigned accepted = 0;
	struct stat st;
	mode_t old;
	int fd;

	(void)state;
	kit_listen(&kit, KIT_UNIX);
	lr_listener_close(kit.listener);
	assert_int_equal(access(kit.path, F_OK), -1);
	snprintf(un.sun_path, sizeof un.sun_path, "%s", kit.path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	close(fd);
	assert_int_equal(access(kit.path, F_OK), 0);
	old = umask(077);
	assert_int_equal(lr_listen(&kit.loop, kit.path, 0666, NULL, NULL,
				   close_cb, &accepted, &kit.listener, NULL, 0),
			 LR_E_OK);
	umask(old);
	assert_int_equal(stat(kit.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	kit_connect(&kit, NULL);
	KIT_UNTIL(&kit, accepted == 1);
	kit_done(&kit);
}

/* One that somebody listens on stays, and so does a file that is no socket. */
static void test_live_socket(void **state)
{
	struct lr_listener *l;
	char why[256], plain[] = "/tmp/lanram-test-XXXXXX";
	int fd = mkstemp(plain);

	(void)state;
	close(fd);
	kit_listen(&kit, KIT_UNIX);
	assert_int_equal(lr_listen(&kit.loop, kit.path, 0600, NULL, NULL,
				   close_cb, NULL, &l, why, sizeof why),
			 LR_E_BUSY);
	assert_int_equal(lr_listen(&kit.loop, plain, 0600, NULL, NULL, close_cb,
				   NULL, &l, why, sizeof why),
			 LR_E_BUSY);
	assert_int_equal(access(plain, F_OK), 0);
	unlink(plain);
	kit_connect(&kit, NULL);
	KIT_UNTIL(&kit, kit.client.opened);
	kit_done(&kit);
}

/* A listener whose file was replaced by another leaves that one alone. */
static void test_foreign_file(void **state)
{
	FILE *f;

	(void)state;
	kit_listen(&kit, KIT_UNIX);
	assert_int_equal(unlink(kit.path), 0);
	f = fopen(kit.path, "w");
	assert_non_null(f);
	fclose(f);
	lr_listener_close(kit.listener);
	kit.listener = NULL;
	assert_int_equal(access(kit.path, F_OK), 0);
	unlink(kit.path);
	kit_done(&kit);
}

/* Out of descriptors: accepting pauses and goes on by itself later. */
static void test_no_descriptors(void **state)
{
	struct rlimit old, low;
	int fd, first_free;

	(void)state;
	kit_listen(&kit, KIT_CLEAR);
	fd = kit_raw(&kit);
	first_free = dup(fd);
	close(first_free);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)first_free;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 3; i++)
		kit_turn(&kit);
	assert_int_equal(kit.accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	KIT_UNTIL(&kit, kit.accepted == 1);
	close(fd);
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_each),
		cmocka_unit_test(test_limit_total),
		cmocka_unit_test(test_close_listener),
		cmocka_unit_test(test_dual_stack),
		cmocka_unit_test(test_bad_where),
		cmocka_unit_test(test_stale_socket),
		cmocka_unit_test(test_live_socket),
		cmocka_unit_test(test_foreign_file),
		cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
