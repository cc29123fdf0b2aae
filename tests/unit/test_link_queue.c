/* SPDX-License-Identifier: Apache-2.0 */
/* Back-pressure, slow peers, late loops. */
#include "tests/unit/net_kit.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/link_i.h" /* its limits, and the length of the slow window */

static struct kit kit;

#define BULK 200000u
static uint8_t bytes[BULK];
static unsigned held; /* bulks handed to links and not released */

static void released_cb(void *owner)
{
	(void)owner;
	assert_true(held > 0);
	held--;
}

static void send_bulk(struct lr_link *link)
{
	struct lr_bulk bulk = {bytes, BULK, released_cb, NULL};

	held++;
	lr_link_send(link, LR_M_PUT, 0, NULL, 0, &bulk);
}

/* Sends until the link's queue is over the high mark; how many frames. */
static unsigned fill_queue(struct lr_link *link)
{
	unsigned n = 0;

	while (lr_link_queued(link) <= LR_LINK_HIGH) {
		send_bulk(link);
		n++;
		uv_run(&kit.loop, UV_RUN_NOWAIT);
	}
	return n;
}

/* The other side does not read: the queue grows to the high mark, from there on
 * our link reads nothing; when the other side reads again the queue drains,
 * drain_cb tells, and what waited to be read is read. */
static void back_pressure(enum kit_kind kind)
{
	unsigned sent;

	kit_pair(&kit, kind);
	lr_link_pause(kit.server.link, true);
	sent = fill_queue(kit.client.link);
	lr_link_send(kit.server.link, LR_M_PING, 0, NULL, 0, NULL);
	for (int i = 0; i < 3; i++)
		kit_turn(&kit);
	assert_int_equal(kit.client.frames + kit.client.drained, 0);
	assert_true(held > 0);
	lr_link_pause(kit.server.link, false);
	KIT_UNTIL(&kit, kit.server.frames == sent);
	KIT_UNTIL(&kit, kit.client.frames == 1);
	assert_int_equal(kit.client.drained, 1);
	assert_int_equal(lr_link_queued(kit.client.link), 0);
	assert_int_equal(held, 0);
	kit_done(&kit);
}

static void test_back_pressure(void **state)
{
	(void)state;
	back_pressure(KIT_UNIX);
	back_pressure(KIT_CLEAR);
	back_pressure(KIT_TLS);
}

/* Many tiny frames count with the memory that they take. */
static void test_tiny_frames(void **state)
{
	unsigned n = 0;

	(void)state;
	kit_pair(&kit, KIT_UNIX);
	lr_link_pause(kit.server.link, true);
	while (lr_link_queued(kit.client.link) <= LR_LINK_HIGH && n < 200000) {
		lr_link_send(kit.client.link, LR_M_PING, 0, NULL, 0, NULL);
		n++;
	}
	assert_true(n < LR_LINK_HIGH / 128);
	lr_link_pause(kit.server.link, false);
	KIT_UNTIL(&kit, kit.server.frames == n);
	kit_done(&kit);
}

/* A peer that takes nothing while data waits is closed when its window is
 * over. */
static void test_slow_peer(void **state)
{
	(void)state;
	kit_pair(&kit, KIT_UNIX);
	lr_link_pause(kit.server.link, true);
	kit.client.link->slow_ms = 1500;
	fill_queue(kit.client.link);
	KIT_UNTIL(&kit, kit.client.closed);
	assert_int_equal(kit.client.why, LR_E_TIMEOUT);
	assert_int_equal(held, 0);
	kit_done(&kit);
}

/* Over TCP too a peer that reads nothing for longer than the time in which a
 * dead host is noticed (1 s) is waited for. */
static void test_patience(void **state)
{
	uint64_t end;
	unsigned sent;

	(void)state;
	kit_pair(&kit, KIT_CLEAR);
	lr_link_pause(kit.server.link, true);
	sent = fill_queue(kit.client.link);
	end = uv_hrtime() + 2500000000u;
	while (uv_hrtime() < end)
		kit_turn(&kit);
	assert_int_equal(kit.client.closed, 0);
	lr_link_pause(kit.server.link, false);
	KIT_UNTIL(&kit, kit.server.frames == sent);
	kit_done(&kit);
	assert_int_equal(held, 0);
}

#define TURN 65536u

/* Bulk that nobody waits for is sent a little at a time, and the loop looks at
 * its other links in between (at most two turns in one of its own: what was
 * begun, and the socket that can be written); all of it arrives. */
static void turns(enum kit_kind kind)
{
	struct lr_link *link;
	uint64_t before;

	kit_pair(&kit, kind);
	link = kit.client.link;
	lr_link_set_turn(link, TURN);
	lr_link_set_turn(kit.server.link, TURN);
	for (unsigned i = 0; i < 30; i++)
		send_bulk(link);
	while (kit.server.frames < 30) {
		before = link->sent_bytes;
		uv_run(&kit.loop, UV_RUN_ONCE);
		assert_true(link->sent_bytes - before <= 2 * (TURN + BULK));
		assert_int_equal(kit.client.closed + kit.server.closed, 0);
	}
	assert_int_equal(lr_link_queued(link), 0);
	assert_int_equal(held, 0);
	kit_done(&kit);
}

static void test_turns(void **state)
{
	(void)state;
	turns(KIT_CLEAR);
	turns(KIT_TLS);
}

static unsigned taken;

static void take_a_little(struct kit_side *side, const struct lr_frame *f)
{
	(void)f;
	taken++;
	lr_link_pause(side->link, true);
}

/* A peer that takes a frame of 200 kB now and then is slow, but served. */
static void test_slow_but_alive(void **state)
{
	uint64_t end;

	(void)state;
	taken = 0;
	kit_pair(&kit, KIT_UNIX);
	kit.server.on_frame = take_a_little;
	kit.client.link->slow_ms = 1000;
	fill_queue(kit.client.link);
	end = uv_hrtime() + 3500000000u;
	while (uv_hrtime() < end) {
		for (int i = 0; i < 10; i++)
			kit_turn(&kit);
		lr_link_pause(kit.server.link, false);
	}
	assert_true(taken > 5);
	assert_int_equal(kit.client.closed, 0);
	kit_done(&kit);
	assert_int_equal(held, 0);
}

/* Pausing inside a frame stops before the next, also where the next lies in
 * our buffer already; nothing is lost. */
static void test_pause_in_frame(void **state)
{
	(void)state;
	for (enum kit_kind kind = KIT_UNIX; kind <= KIT_TLS; kind++) {
		kit_pair(&kit, kind);
		kit.server.on_frame = take_a_little;
		for (int i = 0; i < 5; i++)
			lr_link_send(kit.client.link, LR_M_PING, 0, NULL, 0,
				     NULL);
		for (unsigned i = 1; i <= 5; i++) {
			KIT_UNTIL(&kit, kit.server.frames == i);
			kit_turn(&kit);
			assert_int_equal(kit.server.frames, i);
			lr_link_pause(kit.server.link, false);
		}
		kit_done(&kit);
	}
}

/* --- lateness --- */

#define STALE_MS 200

static void sleep_ms(long ms)
{
	struct timespec ts = {.tv_nsec = ms * 1000000};

	nanosleep(&ts, NULL);
}

static void ping_raw(int fd)
{
	uint8_t b[LR_HEADER_BYTES];
	struct lr_header h = {.type = LR_M_PING};

	lr_enc_header(b, &h);
	assert_int_equal(send(fd, b, sizeof b, MSG_NOSIGNAL), sizeof b);
}

static int raw_stale_pair(void)
{
	int fd;

	kit_listen(&kit, KIT_CLEAR);
	fd = kit_raw(&kit);
	KIT_UNTIL(&kit, kit.server.opened);
	lr_link_set_stale_ms(kit.server.link, STALE_MS);
	ping_raw(fd);
	KIT_UNTIL(&kit, kit.server.frames == 1);
	return fd;
}

static void expect_stale(int fd)
{
	KIT_UNTIL(&kit, kit.server.closed);
	assert_int_equal(kit.server.why, LR_E_TIMEOUT);
	assert_int_equal(kit.server.frames, 1);
	close(fd);
	kit_done(&kit);
}

/* A link on which nothing came for long is not stale, however long. */
static void test_idle_is_fresh(void **state)
{
	uint64_t end = uv_hrtime() + 4 * STALE_MS * 1000000u;
	int fd = raw_stale_pair();

	(void)state;
	while (uv_hrtime() < end)
		kit_turn(&kit);
	ping_raw(fd);
	KIT_UNTIL(&kit, kit.server.frames == 2);
	close(fd);
	kit_done(&kit);
}

/* The loop was late while a frame waited: it is not handed over any more. */
static void test_late_loop(void **state)
{
	int fd = raw_stale_pair();

	(void)state;
	ping_raw(fd);
	sleep_ms(STALE_MS * 2);
	expect_stale(fd);
}

/* So it is when the owner had paused the link for too long. */
static void test_paused_too_long(void **state)
{
	uint64_t end;
	int fd = raw_stale_pair();

	(void)state;
	lr_link_pause(kit.server.link, true);
	ping_raw(fd);
	end = uv_hrtime() + 2 * STALE_MS * 1000000u;
	while (uv_hrtime() < end)
		kit_turn(&kit);
	lr_link_pause(kit.server.link, false);
	expect_stale(fd);
}

static void dawdle(struct kit_side *side, const struct lr_frame *f)
{
	(void)side;
	(void)f;
	sleep_ms(STALE_MS * 2);
}

/* And where the first of two frames took so long that the second, read with
 * it, is old. */
static void test_late_in_buffer(void **state)
{
	uint8_t b[2 * LR_HEADER_BYTES];
	struct lr_header h = {.type = LR_M_PING};
	int fd;

	(void)state;
	kit_listen(&kit, KIT_CLEAR);
	fd = kit_raw(&kit);
	KIT_UNTIL(&kit, kit.server.opened);
	lr_link_set_stale_ms(kit.server.link, STALE_MS);
	kit.server.on_frame = dawdle;
	lr_enc_header(b, &h);
	lr_enc_header(b + LR_HEADER_BYTES, &h);
	assert_int_equal(send(fd, b, sizeof b, 0), sizeof b);
	expect_stale(fd);
}

/* A stream that never lets the buffer run dry is not stale for that. */
static void test_busy_is_fresh(void **state)
{
	uint64_t end = uv_hrtime() + 4 * STALE_MS * 1000000u;

	(void)state;
	kit_pair(&kit, KIT_TLS);
	lr_link_set_stale_ms(kit.server.link, STALE_MS);
	while (uv_hrtime() < end) {
		while (lr_link_queued(kit.client.link) < LR_LINK_HIGH / 2)
			send_bulk(kit.client.link);
		uv_run(&kit.loop, UV_RUN_NOWAIT);
		assert_int_equal(kit.server.closed, 0);
	}
	kit_done(&kit);
	assert_int_equal(held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_tiny_frames),
		cmocka_unit_test(test_slow_peer),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_slow_but_alive),
		cmocka_unit_test(test_pause_in_frame),
		cmocka_unit_test(test_idle_is_fresh),
		cmocka_unit_test(test_late_loop),
		cmocka_unit_test(test_paused_too_long),
		cmocka_unit_test(test_late_in_buffer),
		cmocka_unit_test(test_busy_is_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
