/* SPDX-License-Identifier: Apache-2.0 */
/* What links may hold: unanswered requests, all of them together, large bulks
 * in turn and not by drops, and what strangers may do. */
#include "tests/unit/net_kit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/link_i.h"

#define BULK 200000u

/* --- requests in flight --- */

static uint64_t asked[64];
static unsigned n_asked;

static void keep_req(struct kit_side *side, const struct lr_frame *f)
{
	(void)side;
	asked[n_asked++ % 64] = f->h.req;
}

static void ignore_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	(void)link, (void)f;
	*(unsigned *)arg += err == LR_E_OK;
}

static void settle(struct kit *k)
{
	for (int i = 0; i < 5; i++)
		kit_turn(k);
}

/* Of ten requests four are read while none is answered; each answer lets one
 * more in, and in the end all are. */
static void requests_in_flight(void **state)
{
	struct kit k;
	unsigned answered = 0;

	(void)state;
	n_asked = 0;
	kit_pair(&k, KIT_TLS);
	k.server.on_frame = keep_req;
	assert_int_equal(lr_link_set_in_flight(k.server.link, 4, 1 << 20), 0);
	for (int i = 0; i < 10; i++)
		lr_link_request(k.client.link, LR_M_PING, NULL, 0, NULL, 9000,
				ignore_cb, &answered);
	KIT_UNTIL(&k, k.server.frames == 4);
	settle(&k);
	assert_int_equal(k.server.frames, 4);
	for (unsigned i = 0; i < 10; i++) {
		KIT_UNTIL(&k, n_asked > i);
		lr_link_send(k.server.link, LR_M_PING_R, asked[i], NULL, 0,
			     NULL);
	}
	KIT_UNTIL(&k, answered == 10);
	kit_done(&k);
}

/* Bytes count as well as numbers. */
static void bytes_in_flight(void **state)
{
	struct kit k;
	struct kit_bulk b[3];
	unsigned answered = 0;

	(void)state;
	n_asked = 0;
	kit_pair(&k, KIT_CLEAR);
	k.server.on_frame = keep_req;
	lr_link_set_in_flight(k.server.link, 64, 2 * BULK);
	for (int i = 0; i < 3; i++) {
		kit_bulk_make(&b[i], BULK, 1);
		lr_link_request(k.client.link, LR_M_PUT, NULL, 0, &b[i].bulk,
				9000, ignore_cb, &answered);
	}
	KIT_UNTIL(&k, k.server.frames == 2);
	settle(&k);
	assert_int_equal(k.server.frames, 2);
	for (unsigned i = 0; i < 3; i++) {
		KIT_UNTIL(&k, n_asked > i);
		lr_link_send(k.server.link, LR_M_PING_R, asked[i], NULL, 0,
			     NULL);
	}
	KIT_UNTIL(&k, answered == 3);
	for (int i = 0; i < 3; i++)
		kit_bulk_done(&b[i]);
	kit_done(&k);
}

/* --- all links together --- */

/* A PUT of which only half is sent, on a socket of its own. */
static int half_put(struct kit *k, size_t much)
{
	static uint8_t zeros[BULK];
	uint8_t head[LR_HEADER_BYTES];
	struct lr_header h = {.bulk = BULK, .type = LR_M_PUT};
	int fd = kit_raw(k);

	lr_enc_header(head, &h);
	assert_int_equal(write(fd, head, sizeof head), sizeof head);
	if (much)
		assert_int_equal(write(fd, zeros, much), much);
	return fd;
}

static void finish_put(int fd, size_t much)
{
	static uint8_t zeros[BULK];

	assert_int_equal(write(fd, zeros, BULK - much), BULK - much);
}

/* Over the limit large bulks are taken one at a time, in turn: the second and
 * third wait for the first, small frames do not. */
static void bulks_in_turn(void **state)
{
	struct kit k[3], small;
	int fd[3];

	(void)state;
	lr_budget_set(100000);
	for (int i = 0; i < 3; i++) {
		kit_listen(&k[i], KIT_CLEAR);
		fd[i] = half_put(&k[i], 50000);
		KIT_UNTIL(&k[i], k[i].server.link);
		settle(&k[i]);
	}
	assert_true(k[0].server.link->rx.in_big);
	assert_true(k[1].server.link->rx.waiting);
	assert_true(k[2].server.link->rx.waiting);
	kit_pair(&small, KIT_CLEAR);
	lr_link_send(small.client.link, LR_M_PING, 0, NULL, 0, NULL);
	KIT_UNTIL(&small, small.server.frames == 1);
	kit_done(&small);
	finish_put(fd[0], 50000);
	KIT_UNTIL(&k[0], k[0].server.frames == 1);
	settle(&k[2]);
	assert_true(k[2].server.link->rx.waiting);
	close(fd[1]); /* in the middle of its turn */
	KIT_UNTIL(&k[1], k[1].server.closed);
	finish_put(fd[2], 50000);
	KIT_UNTIL(&k[2], k[2].server.frames == 1);
	close(fd[0]);
	close(fd[2]);
	for (int i = 0; i < 3; i++)
		kit_done(&k[i]);
	assert_int_equal(lr_budget_held(), 0);
	lr_budget_set(0);
}

static void answer_large(struct kit_side *side, const struct lr_frame *f)
{
	static const uint8_t bytes[BULK];
	struct lr_bulk bulk = {.p = bytes, .len = BULK};

	lr_link_send(side->link, LR_M_GET_R, f->h.req, NULL, 0, &bulk);
}

/* Who asks and does not read holds his share, not the limit of one link; it
 * goes on when he reads. */
static void queues_share(void **state)
{
	struct kit k;
	unsigned answered = 0;

	(void)state;
	lr_budget_set(1 << 20);
	kit_pair(&k, KIT_CLEAR);
	k.server.on_frame = answer_large;
	lr_link_pause(k.client.link, true);
	for (int i = 0; i < 40; i++)
		lr_link_request(k.client.link, LR_M_GET, NULL, 0, NULL, 9000,
				ignore_cb, &answered);
	KIT_UNTIL(&k, k.server.link->blocked);
	settle(&k);
	assert_true(lr_link_queued(k.server.link) <
		    (1 << 20) + 2 * (BULK + 4096));
	lr_link_pause(k.client.link, false);
	KIT_UNTIL(&k, answered == 40);
	kit_done(&k);
	assert_int_equal(lr_budget_held(), 0);
	lr_budget_set(0);
}

/* Several who do that hold the limit together, and an answer each. */
static void queues_share_together(void **state)
{
	struct kit k[4];
	unsigned answered[4] = {0};

	(void)state;
	lr_budget_set(4 << 20);
	for (int n = 0; n < 4; n++) {
		kit_pair(&k[n], KIT_CLEAR);
		k[n].server.on_frame = answer_large;
		lr_link_pause(k[n].client.link, true);
		for (int i = 0; i < 40; i++)
			lr_link_request(k[n].client.link, LR_M_GET, NULL, 0,
					NULL, 9000, ignore_cb, &answered[n]);
		KIT_UNTIL(&k[n], k[n].server.link->blocked);
	}
	settle(&k[0]);
	assert_true(lr_budget_held() < (4 << 20) + 4 * (BULK + LR_LINK_SHARE));
	for (int n = 0; n < 4; n++) {
		lr_link_pause(k[n].client.link, false);
		KIT_UNTIL(&k[n], answered[n] == 40);
		kit_done(&k[n]);
	}
	assert_int_equal(lr_budget_held(), 0);
	lr_budget_set(0);
}

/* A byte, 20 a second. */
static bool drop(int fd, uint64_t *next_ns)
{
	if (uv_hrtime() < *next_ns)
		return true;
	*next_ns = uv_hrtime() + 50000000;
	return send(fd, "x", 1, MSG_NOSIGNAL) <= 1;
}

/* A large bulk that comes by drops is not waited for. */
static void drops(void **state)
{
	struct kit k;
	uint64_t next_ns = 0;
	int fd;

	(void)state;
	kit_listen(&k, KIT_CLEAR);
	fd = half_put(&k, 100);
	KIT_UNTIL(&k, k.server.link);
	k.server.link->slow_ms = 600;
	KIT_UNTIL(&k, drop(fd, &next_ns) && k.server.closed);
	assert_int_equal(k.server.why, LR_E_TIMEOUT);
	close(fd);
	kit_done(&k);
}

/* --- strangers --- */

static struct lr_link *taken[8];
static unsigned n_taken;

static void note_cb(void *arg, const char *cause)
{
	(void)arg;
	assert_non_null(strstr(cause, "not admitted"));
	n_asked++;
}

static void stay_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
	n_taken--;
}

static void take_cb(struct lr_link *link, void *arg)
{
	static const struct lr_link_ops ops = {.close_cb = stay_cb};

	(void)arg;
	taken[n_taken++] = link;
	lr_link_set_ops(link, &ops, NULL);
}

static void listen_for_strangers(struct kit *k, struct lr_listener **ret)
{
	struct lr_accept_limits limits = {.strangers = 2, .note = note_cb};
	char why[128];

	kit_listen(k, KIT_TLS);
	lr_listener_close(k->listener);
	assert_int_equal(lr_listen(&k->loop, "127.0.0.1:0", 0, k->tls[0],
				   &limits, take_cb, k, ret, why, sizeof why),
			 LR_E_OK);
	k->listener = *ret;
	n_taken = n_asked = 0;
}

/* Who proved a key and is not trusted: two of them may stay, with small frames,
 * for as long as they say something. Who is trusted is none of them. */
static void strangers(void **state)
{
	struct kit k;
	struct lr_listener *l;
	struct kit_side more[3] = {0};
	struct sockaddr_storage ss;
	struct lr_link_options opt = {0};

	(void)state;
	listen_for_strangers(&k, &l);
	kit_addr(&k, &ss);
	opt.tls = k.tls[1];
	for (int i = 0; i < 3; i++)
		more[i].link = lr_link_connect(&k.loop, (struct sockaddr *)&ss,
					       &opt, &kit_ops, &more[i]);
	KIT_UNTIL(&k, n_asked == 1 && n_taken == 2 &&
			      more[0].closed + more[1].closed +
					      more[2].closed == 1);
	assert_int_equal(taken[0]->bulk_limit, LR_LINK_STRANGER);
	lr_link_trust(taken[0]);
	assert_int_equal(taken[0]->bulk_limit, LR_BULK_MAX);
	assert_null(taken[0]->guest);
	kit_connect(&k, NULL); /* there is room again */
	KIT_UNTIL(&k, n_taken == 3);
	taken[1]->heard_ms -= 31000;
	KIT_UNTIL(&k, n_taken == 2);
	for (int i = 0; i < 3; i++)
		if (more[i].link)
			lr_link_close(more[i].link, LR_E_OK);
	KIT_UNTIL(&k, more[0].closed + more[1].closed + more[2].closed == 3);
	kit_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_in_flight),
		cmocka_unit_test(bytes_in_flight),
		cmocka_unit_test(bulks_in_turn),
		cmocka_unit_test(queues_share),
		cmocka_unit_test(queues_share_together),
		cmocka_unit_test(drops),
		cmocka_unit_test(strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
