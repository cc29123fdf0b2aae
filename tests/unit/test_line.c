/* SPDX-License-Identifier: Apache-2.0 */
/* Links whose peers send more than one turn's worth: each in its turn, and
 * nobody else waits for all of them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/link_i.h" /* how much one turn is, and what has come */

#define BULK	LR_BULK_MAX
#define FLOODS	3u
#define SLACK	LR_LINK_RX /* what lies in the buffer beside the bulk */
#define WARM_UP 4u /* until all stand in line */

struct end {
	struct lr_link *link;
	int peer; /* the other end: bytes as they go over the wire */
	size_t at, taken; /* of a frame; of bulk */
	unsigned frames;
};

static uv_loop_t loop;
static struct end flood[FLOODS], quick;

static void frame_cb(struct lr_link *link, const struct lr_frame *f, void *arg)
{
	struct end *e = arg;

	(void)link;
	e->frames++;
	e->taken += f->h.bulk;
}

static void close_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct end *e = arg;

	(void)link, (void)why;
	e->link = NULL;
}

static const struct lr_link_ops ops = {NULL, frame_cb, close_cb, NULL};

static void open_end(uv_loop_t *on, struct end *e)
{
	static const struct lr_link_options opt;
	struct sockaddr addr = {.sa_family = AF_UNIX};
	int fd[2], room = BULK;

	memset(e, 0, sizeof *e);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    fd), 0);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	e->link = lr_link_accepted(on, fd[0], &addr, &opt, &ops, e);
	e->peer = fd[1];
	assert_non_null(e->link);
}

static void close_end(struct end *e)
{
	close(e->peer);
	if (e->link)
		lr_link_close(e->link, LR_E_CLOSED);
}

static void ping(struct end *e)
{
	static const struct lr_header h = {.type = LR_M_PING};
	uint8_t head[LR_HEADER_BYTES];

	lr_enc_header(head, &h);
	assert_int_equal(write(e->peer, head, sizeof head), sizeof head);
}

/* Large frames, one after the other, as much as the socket takes. */
static void pour(struct end *e)
{
	static const struct lr_header h = {.type = LR_M_PUT, .bulk = BULK};
	static uint8_t frame[LR_HEADER_BYTES + BULK];
	ssize_t n;

	lr_enc_header(frame, &h);
	while ((n = write(e->peer, frame + e->at, sizeof frame - e->at)) > 0)
		e->at = (e->at + (size_t)n) % sizeof frame;
}

static size_t got(const struct end *e)
{
	return e->taken + (e->link->rx.in_big ? e->link->rx.big_have : 0);
}

static size_t got_by_all(void)
{
	size_t sum = 0;

	for (unsigned i = 0; i < FLOODS; i++)
		sum += got(&flood[i]);
	return sum;
}

/* Once around the loop, all peers having sent what they can. */
static void around(void)
{
	for (unsigned i = 0; i < FLOODS; i++)
		if (flood[i].link)
			pour(&flood[i]);
	ping(&quick);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void set_up(void)
{
	assert_int_equal(uv_loop_init(&loop), 0);
	for (unsigned i = 0; i < FLOODS; i++)
		open_end(&loop, &flood[i]);
	open_end(&loop, &quick);
	for (unsigned i = 0; i < WARM_UP; i++)
		around();
}

static void tear_down(void)
{
	for (unsigned i = 0; i < FLOODS; i++)
		close_end(&flood[i]);
	close_end(&quick);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* Once around the loop there is one turn of bulk, whoever has it, and what is
 * short is read in the same round; all that pour in get as far. */
static void one_turn_each_round(void **state)
{
	size_t before, most = 0, least = SIZE_MAX, n;

	(void)state;
	set_up();
	for (unsigned i = 0; i < 100; i++) {
		before = got_by_all();
		around();
		assert_true(got_by_all() - before <= LR_LINK_TURN + SLACK);
		assert_int_equal(quick.frames, WARM_UP + i + 1);
	}
	for (unsigned i = 0; i < FLOODS; i++) {
		n = got(&flood[i]);
		most = n > most ? n : most;
		least = n < least ? n : least;
	}
	assert_true(least > 20 * (size_t)LR_LINK_TURN);
	assert_true(most - least <= 4 * (size_t)LR_LINK_TURN);
	tear_down();
}

/* The first in line stops reading, another is closed: the third goes on, and
 * who was stopped comes back. */
static void who_leaves_holds_up_nobody(void **state)
{
	size_t before;

	(void)state;
	set_up();
	lr_link_pause(flood[0].link, true);
	lr_link_close(flood[1].link, LR_E_CLOSED);
	before = got(&flood[2]);
	for (unsigned i = 0; i < 20; i++)
		around();
	assert_null(flood[1].link);
	assert_true(got(&flood[2]) - before > 10 * (size_t)LR_LINK_TURN);
	before = got(&flood[0]);
	lr_link_pause(flood[0].link, false);
	for (unsigned i = 0; i < 20; i++)
		around();
	assert_true(got(&flood[0]) - before > 4 * (size_t)LR_LINK_TURN);
	tear_down();
}

/* A thread's other loop, which does not run, stands in nobody's way. */
static void loops_do_not_wait_for_each_other(void **state)
{
	uv_loop_t other;
	struct end there;
	size_t before;

	(void)state;
	assert_int_equal(uv_loop_init(&other), 0);
	open_end(&other, &there);
	for (unsigned i = 0; i < WARM_UP; i++) {
		pour(&there);
		uv_run(&other, UV_RUN_NOWAIT);
	}
	set_up();
	before = got(&flood[0]);
	for (unsigned i = 0; i < 20; i++)
		around();
	assert_true(got(&flood[0]) - before > 4 * (size_t)LR_LINK_TURN);
	before = got(&there);
	for (unsigned i = 0; i < 20; i++) {
		pour(&there);
		uv_run(&other, UV_RUN_NOWAIT);
	}
	assert_true(got(&there) - before > 10 * (size_t)LR_LINK_TURN);
	tear_down();
	close_end(&there);
	uv_run(&other, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&other), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_turn_each_round),
		cmocka_unit_test(who_leaves_holds_up_nobody),
		cmocka_unit_test(loops_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
