/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and requests over links that behave. */
#include "tests/unit/net_kit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kit kit;

#define EACH_KIND(name)                    \
	static void name##_unix(void **s)  \
	{                                  \
		(void)s;                   \
		name(KIT_UNIX);            \
	}                                  \
	static void name##_clear(void **s) \
	{                                  \
		(void)s;                   \
		name(KIT_CLEAR);           \
	}                                  \
	static void name##_tls(void **s)   \
	{                                  \
		(void)s;                   \
		name(KIT_TLS);             \
	}
#define EACH_KIND_TEST(name)                                           \
	cmocka_unit_test(name##_unix), cmocka_unit_test(name##_clear), \
		cmocka_unit_test(name##_tls)

/* What one reply callback saw. */
struct answer {
	unsigned calls;
	enum lr_err err;
	struct lr_header h;
	bool intact;
	size_t len;
	uint32_t seed;
};

static void answer_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct answer *a = arg;

	(void)link;
	a->calls++;
	a->err = err;
	if (!f)
		return;
	a->h = f->h;
	a->intact = f->h.bulk == a->len && kit_check(f->bulk, a->len, a->seed);
}

/* Answers a PUT with its bulk, as GET_R. */
static void echo(struct kit_side *side, const struct lr_frame *f)
{
	struct lr_bulk bulk = {.p = f->bulk, .len = f->h.bulk};

	if (f->h.type == LR_M_PUT)
		assert_int_equal(lr_link_send(side->link, LR_M_GET_R, f->h.req,
					      f->meta, f->h.meta, &bulk),
				 LR_E_OK);
}

/* A request goes there and its reply comes back, whatever is underneath; the
 * ends know each other's key or user. */
static void round_trip(enum kit_kind kind)
{
	struct answer a = {.len = 2048, .seed = 7};
	struct kit_bulk b;

	kit_pair(&kit, kind);
	kit.server.on_frame = echo;
	kit_bulk_make(&b, 2048, 7);
	assert_int_not_equal(lr_link_request(kit.client.link, LR_M_PUT, "abc",
					     3, &b.bulk, 5000, answer_cb, &a),
			     0);
	KIT_UNTIL(&kit, a.calls);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(a.h.type, LR_M_GET_R);
	assert_int_equal(a.h.meta, 3);
	assert_true(a.intact);
	kit_bulk_done(&b);
	if (kind == KIT_TLS) {
		assert_true(lr_dev_eq(lr_link_peer(kit.client.link),
				      lr_identity_dev(kit.id[0])));
		assert_true(lr_dev_eq(lr_link_peer(kit.server.link),
				      lr_identity_dev(kit.id[1])));
	}
	if (kind == KIT_UNIX) {
		assert_true(lr_link_is_local(kit.server.link));
		assert_int_equal(lr_link_uid(kit.server.link), getuid());
		assert_string_equal(lr_link_address(kit.server.link), "local");
	} else {
		assert_int_equal(lr_link_uid(kit.server.link), UINT32_MAX);
		assert_string_equal(lr_link_address(kit.client.link),
				    kit.where);
		assert_string_equal(lr_link_local_address(kit.server.link),
				    "127.0.0.1");
	}
	kit_done(&kit);
	assert_int_equal(a.calls, 1);
	assert_int_equal(kit.client.closed, 1);
	assert_int_equal(kit.server.closed, 1);
}
EACH_KIND(round_trip)

static void answer_and_go_clear(struct kit_side *side, const struct lr_frame *f)
{
	echo(side, f);
	side->on_frame = echo;
	assert_true(lr_link_go_clear(side->link));
}

static void go_clear_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	answer_cb(link, err, f, arg);
	assert_true(lr_link_go_clear(link));
}

/* Both ends leave TLS after a request and its answer: what follows comes over,
 * large or small, and the peers are still who they proved to be. */
static void goes_clear(void **state)
{
	struct answer first = {.len = 5, .seed = 1}, a[8] = {{0}};
	struct kit_bulk b;

	(void)state;
	kit_pair(&kit, KIT_TLS);
	kit.server.on_frame = answer_and_go_clear;
	kit_bulk_make(&b, 5, 1);
	lr_link_request(kit.client.link, LR_M_PUT, "abc", 3, &b.bulk, 5000,
			go_clear_cb, &first);
	KIT_UNTIL(&kit, first.calls);
	kit_bulk_done(&b);
	assert_true(lr_link_is_clear(kit.client.link));
	assert_true(lr_link_is_clear(kit.server.link));
	for (unsigned i = 0; i < 8; i++) {
		a[i].len = i % 2 ? LR_VALUE_MAX : 2048;
		a[i].seed = i;
		kit_bulk_make(&b, a[i].len, i);
		lr_link_request(kit.client.link, LR_M_PUT, "abc", 3, &b.bulk,
				5000, answer_cb, &a[i]);
		KIT_UNTIL(&kit, a[i].calls);
		assert_true(a[i].intact);
		kit_bulk_done(&b);
	}
	assert_true(lr_dev_eq(lr_link_peer(kit.server.link),
			      lr_identity_dev(kit.id[1])));
	kit_done(&kit);
}

/* Frames of exactly the largest size pass, one byte more is not even sent. */
static void limits(enum kit_kind kind)
{
	struct answer a = {.len = LR_BULK_MAX, .seed = 9}, late = {0};
	uint8_t meta[LR_META_MAX + 1] = {0};
	struct kit_bulk b;

	kit_pair(&kit, kind);
	kit.server.on_frame = echo;
	kit_bulk_make(&b, LR_BULK_MAX, 9);
	lr_link_request(kit.client.link, LR_M_PUT, meta, LR_META_MAX, &b.bulk,
			5000, answer_cb, &a);
	KIT_UNTIL(&kit, a.calls);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(a.h.meta, LR_META_MAX);
	assert_true(a.intact);
	kit_bulk_done(&b);

	kit_bulk_make(&b, LR_BULK_MAX + 1, 9);
	assert_int_equal(lr_link_send(kit.client.link, LR_M_PUT, 0, meta, 1,
				      &b.bulk),
			 LR_E_USAGE);
	kit_bulk_done(&b);
	assert_int_equal(lr_link_send(kit.client.link, LR_M_PUT, 0, meta,
				      LR_META_MAX + 1, NULL),
			 LR_E_USAGE);
	kit_bulk_make(&b, 1, 9);
	assert_true(lr_link_request(kit.client.link, LR_M_PING, meta, 1,
				    &b.bulk, 5000, answer_cb, &late));
	kit_bulk_done(&b);
	assert_int_equal(late.calls, 0);
	KIT_UNTIL(&kit, late.calls);
	assert_int_equal(late.err, LR_E_USAGE);
	assert_true(lr_link_is_open(kit.client.link));
	kit_done(&kit);
}
EACH_KIND(limits)

/* --- many frames --- */

#define MANY 600u

struct stream {
	uint32_t seed; /* of its sizes */
	unsigned sent, got;
	struct kit_bulk bulk[MANY];
};

/* Mostly small, some around the borders of buffers and records, some large. */
static size_t size_of(uint32_t seed, unsigned i)
{
	static const size_t edge[] = {0,     1,	    2047,	16383,
				      16384, 16385, 32768,	32769,
				      65535, 65536, LR_BULK_MAX};
	uint32_t x = (seed + i) * 2654435761u;

	if (x >> 28 == 0)
		return edge[(x >> 8) % (sizeof edge / sizeof edge[0])];
	return x >> 28 == 1 ? (x >> 8) % LR_BULK_MAX : (x >> 8) % 3000;
}

static void send_next(struct lr_link *link, struct stream *s)
{
	struct kit_bulk *b = &s->bulk[s->sent];
	size_t len = size_of(s->seed, s->sent);
	uint8_t meta[64];

	kit_bulk_make(b, len, s->seed + s->sent);
	kit_fill(meta, s->sent % 64, s->sent);
	assert_int_equal(lr_link_send(link, LR_M_PUT, 0, meta, s->sent % 64,
				      &b->bulk),
			 LR_E_OK);
	s->sent++;
}

struct both {
	struct stream out, *in;
};

/* Each frame that comes lets up to three go. */
static void check_and_send(struct kit_side *side, const struct lr_frame *f)
{
	struct both *both = side->arg;
	struct stream *in = both->in;

	assert_int_equal(f->h.bulk, size_of(in->seed, in->got));
	assert_true(kit_check(f->bulk, f->h.bulk, in->seed + in->got));
	assert_int_equal(f->h.meta, in->got % 64);
	assert_true(kit_check(f->meta, f->h.meta, in->got));
	in->got++;
	for (int i = 0; i < 3 && both->out.sent < MANY; i++)
		send_next(side->link, &both->out);
}

/* Frames of many sizes cross each other on one link: each arrives once, in
 * order and intact, and every bulk is released once. */
static void many(enum kit_kind kind)
{
	static struct both a, b;

	a = (struct both){.out.seed = 1000, .in = &b.out};
	b = (struct both){.out.seed = 77000, .in = &a.out};
	kit_pair(&kit, kind);
	kit.client.arg = &a;
	kit.server.arg = &b;
	kit.client.on_frame = kit.server.on_frame = check_and_send;
	for (int i = 0; i < 5; i++) {
		send_next(kit.client.link, &a.out);
		send_next(kit.server.link, &b.out);
	}
	KIT_UNTIL(&kit, a.out.got == MANY && b.out.got == MANY);
	KIT_UNTIL(&kit, !lr_link_queued(kit.client.link) &&
				!lr_link_queued(kit.server.link));
	for (unsigned i = 0; i < MANY; i++) {
		kit_bulk_done(&a.out.bulk[i]);
		kit_bulk_done(&b.out.bulk[i]);
	}
	kit_done(&kit);
}
EACH_KIND(many)

/* What is sent before the link is open waits for it. */
static void early(enum kit_kind kind)
{
	struct answer a = {.len = 100, .seed = 3};
	struct kit_bulk b;

	kit_listen(&kit, kind);
	kit.server.on_frame = echo;
	kit_connect(&kit, NULL);
	kit_bulk_make(&b, 100, 3);
	lr_link_request(kit.client.link, LR_M_PUT, NULL, 0, &b.bulk, 5000,
			answer_cb, &a);
	KIT_UNTIL(&kit, a.calls);
	assert_true(a.intact);
	kit_bulk_done(&b);
	kit_done(&kit);
}
EACH_KIND(early)

/* --- requests --- */

/* Each of many requests at once gets its own reply. */
static void test_each_its_reply(void **state)
{
	static struct answer a[500];
	unsigned done = 0;

	(void)state;
	kit_pair(&kit, KIT_TLS);
	kit.server.on_frame = echo;
	memset(a, 0, sizeof a);
	for (unsigned i = 0; i < 500; i++) {
		uint8_t bytes[600];
		struct lr_bulk copied = {.p = bytes, .len = i};

		a[i].len = a[i].seed = i;
		kit_fill(bytes, i, i);
		lr_link_request(kit.client.link, LR_M_PUT, NULL, 0, &copied,
				5000, answer_cb, &a[i]);
		memset(bytes, 0, sizeof bytes);
	}
	while (done < 500) {
		KIT_UNTIL(&kit, a[done].calls);
		done++;
	}
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(a[i].calls, 1);
		assert_true(a[i].intact);
	}
	kit_done(&kit);
}

static void refuse(struct kit_side *side, const struct lr_frame *f)
{
	lr_link_send_error(side->link, f->h.req, LR_E_FULL, "no room");
}

/* An ERROR reply comes as its error, with the frame. */
static void test_error_reply(void **state)
{
	struct answer a = {0};
	struct lr_msg_ping ping = {.token = 1};

	(void)state;
	kit_pair(&kit, KIT_CLEAR);
	kit.server.on_frame = refuse;
	LR_REQUEST(kit.client.link, PING, ping, &ping, NULL, 5000, answer_cb,
		   &a);
	KIT_UNTIL(&kit, a.calls);
	assert_int_equal(a.err, LR_E_FULL);
	assert_int_equal(a.h.type, LR_M_ERROR);
	kit_done(&kit);
}

/* Without a reply the deadline ends the request, the shorter one first; the
 * reply that comes later is dropped and the link stays. */
static void test_deadline(void **state)
{
	struct answer a = {0}, b = {0};
	uint64_t begin = uv_hrtime();

	(void)state;
	kit_pair(&kit, KIT_CLEAR);
	lr_link_request(kit.client.link, LR_M_PING, NULL, 0, NULL, 200,
			answer_cb, &a);
	lr_link_request(kit.client.link, LR_M_PING, NULL, 0, NULL, 30,
			answer_cb, &b);
	KIT_UNTIL(&kit, b.calls);
	assert_int_equal(a.calls, 0);
	KIT_UNTIL(&kit, a.calls);
	assert_true(uv_hrtime() - begin >= 200000000u);
	assert_int_equal(a.err, LR_E_TIMEOUT);
	assert_int_equal(b.err, LR_E_TIMEOUT);
	assert_int_equal(kit.server.frames, 2);
	lr_link_send(kit.server.link, LR_M_PING_R, kit.server.last.h.req, NULL,
		     0, NULL);
	lr_link_send(kit.server.link, LR_M_PING, 0, NULL, 0, NULL);
	KIT_UNTIL(&kit, kit.client.frames);
	assert_int_equal(kit.client.last.h.type, LR_M_PING);
	kit_done(&kit);
	assert_int_equal(a.calls + b.calls, 2);
}

/* A forgotten request is never answered, and if it waited in the queue it is
 * never sent. */
static void test_forget(void **state)
{
	struct answer a = {0}, b = {0};
	struct kit_bulk bulk;
	uint64_t handle;

	(void)state;
	kit_pair(&kit, KIT_CLEAR);
	kit.server.on_frame = echo;
	kit_bulk_make(&bulk, 10, 1);
	handle = lr_link_request(kit.client.link, LR_M_PUT, NULL, 0, &bulk.bulk,
				 5000, answer_cb, &a);
	lr_link_forget(kit.client.link, handle);
	lr_link_forget(kit.client.link, handle);
	lr_link_forget(kit.client.link, 0);
	kit_bulk_done(&bulk);
	lr_link_request(kit.client.link, LR_M_PUT, NULL, 0, NULL, 5000,
			answer_cb, &b);
	KIT_UNTIL(&kit, b.calls);
	assert_int_equal(kit.server.frames, 1);
	kit_done(&kit);
	assert_int_equal(a.calls, 0);
}

/* Both ends ask each other at once: nobody takes a request for a reply. */
static void test_both_ask(void **state)
{
	struct answer a = {0}, b = {0};

	(void)state;
	kit_pair(&kit, KIT_TLS);
	kit.server.on_frame = kit.client.on_frame = echo;
	lr_link_request(kit.client.link, LR_M_PUT, NULL, 0, NULL, 5000,
			answer_cb, &a);
	lr_link_request(kit.server.link, LR_M_PUT, NULL, 0, NULL, 5000,
			answer_cb, &b);
	KIT_UNTIL(&kit, a.calls && b.calls);
	assert_int_equal(a.err, LR_E_OK);
	assert_int_equal(b.err, LR_E_OK);
	assert_int_equal(kit.server.frames, 1);
	assert_int_equal(kit.client.frames, 1);
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_KIND_TEST(round_trip),
		cmocka_unit_test(goes_clear),
		EACH_KIND_TEST(limits),
		EACH_KIND_TEST(many),
		EACH_KIND_TEST(early),
		cmocka_unit_test(test_each_its_reply),
		cmocka_unit_test(test_error_reply),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_both_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
