/* SPDX-License-Identifier: Apache-2.0 */
/* How links end: every callback and every release exactly once. */
#include "tests/unit/net_kit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kit kit;

struct answer {
	unsigned calls;
	enum lr_err err;
	bool again; /* ask again inside the callback */
	bool close;
};

static void answer_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct answer *a = arg;

	a->calls++;
	a->err = err;
	assert_true(f || err != LR_E_OK);
	if (a->again) {
		a->again = false;
		lr_link_request(link, LR_M_PING, NULL, 0, NULL, 5000, answer_cb,
				a);
	}
	if (a->close)
		lr_link_close(link, LR_E_FAILED);
}

static void ask(struct lr_link *link, struct answer *a)
{
	lr_link_request(link, LR_M_PING, NULL, 0, NULL, 5000, answer_cb, a);
}

static void close_it(struct kit_side *side)
{
	lr_link_close(side->link, LR_E_FAILED);
	lr_link_close(side->link, LR_E_BUSY);
}

static void close_on_frame(struct kit_side *side, const struct lr_frame *f)
{
	(void)f;
	close_it(side);
}

/* Closing with requests outstanding: each callback runs once with CLOSED, not
 * inside lr_link_close, and the first reason is reported. */
static void test_outstanding(void **state)
{
	struct answer a[100] = {0};

	(void)state;
	kit_pair(&kit, KIT_TLS);
	for (int i = 0; i < 100; i++)
		ask(kit.client.link, &a[i]);
	KIT_UNTIL(&kit, kit.server.frames == 100);
	close_it(&kit.client);
	assert_int_equal(a[0].calls + kit.client.closed, 0);
	assert_false(lr_link_is_open(kit.client.link));
	KIT_UNTIL(&kit, kit.client.closed && kit.server.closed);
	assert_int_equal(kit.client.why, LR_E_FAILED);
	assert_int_equal(kit.server.why, LR_E_CLOSED);
	kit_done(&kit);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(a[i].calls, 1);
		assert_int_equal(a[i].err, LR_E_CLOSED);
	}
}

/* A request made while the link goes down is answered too, even one that is
 * made inside such an answer; what is sent then is released. */
static void test_ask_while_closing(void **state)
{
	struct answer a = {.again = true}, b = {.again = true};
	struct kit_bulk bulk;

	(void)state;
	kit_pair(&kit, KIT_CLEAR);
	ask(kit.client.link, &a);
	lr_link_close(kit.client.link, LR_E_FAILED);
	ask(kit.client.link, &b);
	kit_bulk_make(&bulk, 100, 1);
	assert_int_equal(lr_link_send(kit.client.link, LR_M_PUT, 0, NULL, 0,
				      &bulk.bulk),
			 LR_E_CLOSED);
	kit_bulk_done(&bulk);
	assert_int_equal(a.calls + b.calls, 0);
	KIT_UNTIL(&kit, kit.client.closed);
	kit_done(&kit);
	assert_int_equal(a.calls, 2);
	assert_int_equal(b.calls, 2);
	assert_int_equal(b.err, LR_E_CLOSED);
}

/* The owner may close inside any callback; nothing is called after that but
 * close_cb. */
static void test_close_in_open(void **state)
{
	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		kit_listen(&kit, kind);
		kit.client.on_open = close_it;
		kit_connect(&kit, NULL);
		KIT_UNTIL(&kit, kit.client.closed);
		assert_int_equal(kit.client.why, LR_E_FAILED);
		kit_done(&kit);
		kit_listen(&kit, kind);
		kit.server.on_open = close_it;
		kit_connect(&kit, NULL);
		KIT_UNTIL(&kit, kit.client.closed && kit.server.closed);
		assert_int_equal(kit.server.why, LR_E_FAILED);
		kit_done(&kit);
		assert_int_equal(kit.server.closed, 1);
	}
}

static void test_close_in_frame(void **state)
{
	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		kit_pair(&kit, kind);
		kit.server.on_frame = close_on_frame;
		for (int i = 0; i < 3; i++)
			lr_link_send(kit.client.link, LR_M_PING, 0, NULL, 0,
				     NULL);
		KIT_UNTIL(&kit, kit.client.closed && kit.server.closed);
		kit_done(&kit);
		assert_int_equal(kit.server.frames, 1);
	}
}

static void answer_ping(struct kit_side *side, const struct lr_frame *f)
{
	lr_link_send(side->link, LR_M_PING_R, f->h.req, NULL, 0, NULL);
}

static void test_close_in_reply(void **state)
{
	struct answer a = {.close = true}, b = {0};

	(void)state;
	kit_pair(&kit, KIT_TLS);
	kit.server.on_frame = answer_ping;
	ask(kit.client.link, &a);
	ask(kit.client.link, &b);
	KIT_UNTIL(&kit, kit.client.closed);
	kit_done(&kit);
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(b.calls, 1);
	assert_int_equal(b.err, LR_E_CLOSED);
}

static void test_close_in_timeout(void **state)
{
	struct answer a = {.close = true}, b = {0};

	(void)state;
	kit_pair(&kit, KIT_CLEAR);
	lr_link_request(kit.client.link, LR_M_PING, NULL, 0, NULL, 10,
			answer_cb, &a);
	ask(kit.client.link, &b);
	KIT_UNTIL(&kit, kit.client.closed);
	kit_done(&kit);
	assert_int_equal(a.err, LR_E_TIMEOUT);
	assert_int_equal(b.err, LR_E_CLOSED);
	assert_int_equal(a.calls + b.calls, 2);
}

static struct lr_link *release_closes;
static unsigned releases;

static void closing_release(void *owner)
{
	(void)owner;
	releases++;
	lr_link_close(release_closes, LR_E_FAILED);
}

/* A release that closes the link in the middle of a flush. */
static void test_close_in_release(void **state)
{
	static uint8_t bytes[100000];
	struct lr_bulk bulk = {bytes, sizeof bytes, closing_release, NULL};

	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		kit_pair(&kit, kind);
		release_closes = kit.client.link;
		releases = 0;
		for (int i = 0; i < 10; i++)
			lr_link_send(kit.client.link, LR_M_PUT, 0, NULL, 0,
				     &bulk);
		KIT_UNTIL(&kit, kit.client.closed);
		assert_int_equal(releases, 10);
		kit_done(&kit);
	}
}

/* Closing in order: all that was queued arrives first, however much, though
 * the other side has sent what we did not read. */
static void test_close_in_order(void **state)
{
	static struct kit_bulk b[20];

	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		kit_pair(&kit, kind);
		lr_link_pause(kit.client.link, true);
		lr_link_send(kit.server.link, LR_M_PING, 0, NULL, 0, NULL);
		KIT_UNTIL(&kit, !lr_link_queued(kit.server.link));
		for (int i = 0; i < 20; i++) {
			kit_bulk_make(&b[i], 200000, 1);
			lr_link_send(kit.client.link, LR_M_PUT, 0, NULL, 0,
				     &b[i].bulk);
		}
		lr_link_close(kit.client.link, LR_E_OK);
		KIT_UNTIL(&kit, kit.client.closed && kit.server.closed);
		assert_int_equal(kit.client.why, LR_E_OK);
		assert_int_equal(kit.server.frames, 20);
		for (int i = 0; i < 20; i++)
			kit_bulk_done(&b[i]);
		kit_done(&kit);
	}
}

/* When the other side does not read, closing in order still ends, after 1 s,
 * and all is released. */
static void test_close_in_order_stuck(void **state)
{
	static struct kit_bulk b[40];
	struct answer a = {0};
	uint64_t begin;

	(void)state;
	kit_pair(&kit, KIT_UNIX);
	lr_link_pause(kit.server.link, true);
	for (int i = 0; i < 40; i++) {
		kit_bulk_make(&b[i], 200000, 1);
		lr_link_send(kit.client.link, LR_M_PUT, 0, NULL, 0, &b[i].bulk);
	}
	ask(kit.client.link, &a);
	begin = uv_hrtime();
	lr_link_close(kit.client.link, LR_E_OK);
	KIT_UNTIL(&kit, a.calls);
	assert_int_equal(kit.client.closed, 0);
	KIT_UNTIL(&kit, kit.client.closed);
	assert_true(uv_hrtime() - begin >= 900000000u);
	for (int i = 0; i < 40; i++)
		kit_bulk_done(&b[i]);
	kit_done(&kit);
	assert_int_equal(a.calls, 1);
}

/* Closed before it was open: close_cb alone. */
static void test_close_while_connecting(void **state)
{
	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		for (int turns = 0; turns < 4; turns++) {
			kit_listen(&kit, kind);
			kit_connect(&kit, NULL);
			for (int i = 0; i < turns && kit.client.link; i++)
				uv_run(&kit.loop, UV_RUN_NOWAIT);
			if (kit.client.link)
				lr_link_close(kit.client.link, LR_E_FAILED);
			KIT_UNTIL(&kit, kit.client.closed);
			assert_int_equal(kit.client.why, LR_E_FAILED);
			kit_done(&kit);
			assert_int_equal(kit.client.closed, 1);
		}
	}
}

/* Nobody listens: REFUSED, from the loop; requests made meanwhile end. */
static void test_refused(void **state)
{
	struct answer a = {0};

	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		struct sockaddr_storage ss;

		a = (struct answer){0};
		kit_listen(&kit, kind);
		kit_addr(&kit, &ss);
		lr_listener_close(kit.listener);
		kit.listener = NULL;
		kit.client.link =
			lr_link_connect(&kit.loop, (struct sockaddr *)&ss, NULL,
					&kit_ops, &kit.client);
		ask(kit.client.link, &a);
		assert_int_equal(kit.client.closed, 0);
		KIT_UNTIL(&kit, kit.client.closed);
		assert_int_equal(kit.client.why, LR_E_REFUSED);
		assert_int_equal(a.calls, 1);
		kit_done(&kit);
	}
}

/* A server that accepts and says nothing: TIMEOUT at connect_ms. */
static void test_silent(void **state)
{
	struct lr_link_options opt = {.connect_ms = 50};
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	kit_listen(&kit, KIT_TLS);
	opt.tls = kit.tls[1];
	kit.client.link = lr_link_connect(&kit.loop, (struct sockaddr *)&ss,
					  &opt, &kit_ops, &kit.client);
	KIT_UNTIL(&kit, kit.client.closed);
	assert_int_equal(kit.client.why, LR_E_TIMEOUT);
	kit_done(&kit);
	close(fd);
}

/* A link that an accept callback leaves alone is closed. */
static void ignore_cb(struct lr_link *link, void *arg)
{
	(void)link;
	(void)arg;
}

static void test_accepted_by_nobody(void **state)
{
	struct lr_listener *l;
	struct sockaddr_storage ss;

	(void)state;
	kit_listen(&kit, KIT_UNIX);
	lr_listener_close(kit.listener);
	assert_int_equal(lr_listen(&kit.loop, kit.path, 0600, NULL, NULL,
				   ignore_cb, NULL, &l, NULL, 0),
			 LR_E_OK);
	kit.listener = l;
	kit_addr(&kit, &ss);
	kit_connect(&kit, NULL);
	KIT_UNTIL(&kit, kit.client.closed);
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outstanding),
		cmocka_unit_test(test_ask_while_closing),
		cmocka_unit_test(test_close_in_open),
		cmocka_unit_test(test_close_in_frame),
		cmocka_unit_test(test_close_in_reply),
		cmocka_unit_test(test_close_in_timeout),
		cmocka_unit_test(test_close_in_release),
		cmocka_unit_test(test_close_in_order),
		cmocka_unit_test(test_close_in_order_stuck),
		cmocka_unit_test(test_close_while_connecting),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_accepted_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
