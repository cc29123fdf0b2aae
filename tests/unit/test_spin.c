/* SPDX-License-Identifier: Apache-2.0 */
/* Links that are looked at before the loop sleeps. */
#include "tests/unit/net_kit.h"

#include <stdlib.h>

#include "net/spin.h"

#define LOOK_US 1000000u

static struct kit kit;
static struct lr_spin *spin;

struct answers {
	unsigned calls, wrong;
	enum lr_err err;
	size_t len;
	bool done;
};

static void answer_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct answers *a = arg;

	(void)link;
	a->err = err;
	a->wrong += err || f->h.bulk != a->len ||
		    !kit_check(f->bulk, a->len, (uint32_t)a->len);
	a->calls++;
	a->done = true;
}

static void echo(struct kit_side *side, const struct lr_frame *f)
{
	struct lr_bulk bulk = {.p = f->bulk, .len = f->h.bulk};

	lr_link_send(side->link, LR_M_GET_R, f->h.req, f->meta, f->h.meta,
		     &bulk);
}

static void set_up(enum kit_kind kind)
{
	kit_pair(&kit, kind);
	kit.server.on_frame = echo;
	spin = lr_spin_new(&kit.loop, LOOK_US);
	assert_non_null(spin);
	lr_link_set_spin(kit.server.link, spin);
	lr_link_set_spin(kit.client.link, spin);
}

static void tear_down(void)
{
	lr_spin_stop(spin);
	lr_spin_stop(spin);
	kit_done(&kit);
	lr_spin_free(spin);
}

static void ask(struct answers *a, size_t len)
{
	struct kit_bulk b;

	a->len = len;
	a->done = false;
	kit_bulk_make(&b, len, (uint32_t)len);
	b.bulk.release = NULL; /* copied */
	lr_link_request(kit.client.link, LR_M_PUT, "abc", 3, &b.bulk, 20000,
			answer_cb, a);
	free(b.bytes);
}

/* Once both links have been heard, a request goes there, is served and
 * answered without the loop. */
static void without_the_loop(enum kit_kind kind)
{
	struct answers a = {0};
	uint64_t end = uv_hrtime() + 60000000000u;

	set_up(kind);
	ask(&a, 2048);
	KIT_UNTIL(&kit, a.done);
	for (unsigned i = 0; i < 100; i++) {
		ask(&a, 2048);
		while (!a.done && uv_hrtime() < end)
			lr_spin_until(spin, &a.done);
		assert_true(a.done);
	}
	assert_int_equal(a.wrong, 0);
	tear_down();
}

static void without_the_loop_clear(void **state)
{
	(void)state;
	without_the_loop(KIT_CLEAR);
}
static void without_the_loop_tls(void **state)
{
	(void)state;
	without_the_loop(KIT_TLS);
}

/* Frames of every size, many at once, in and out of order with looking and
 * the loop's own reading, lose and change nothing. */
static void mixed_with_the_loop(enum kit_kind kind)
{
	static const size_t sizes[] = {1, 100, 4000, 4096, 5000, 20000, 262144};
	struct answers a[70] = {{0}};
	unsigned calls = 0, wrong = 0;

	set_up(kind);
	lr_spin_start(spin);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 70; i++)
			ask(&a[i], sizes[(i + round) % 7]);
		for (unsigned i = 0; i < 70; i++)
			KIT_UNTIL(&kit, a[i].done);
	}
	for (unsigned i = 0; i < 70; i++) {
		calls += a[i].calls;
		wrong += a[i].wrong;
	}
	assert_int_equal(calls, 350);
	assert_int_equal(wrong, 0);
	tear_down();
}

static void mixed_with_the_loop_clear(void **state)
{
	(void)state;
	mixed_with_the_loop(KIT_CLEAR);
}
static void mixed_with_the_loop_tls(void **state)
{
	(void)state;
	mixed_with_the_loop(KIT_TLS);
}

static void hang_up(struct kit_side *side, const struct lr_frame *f)
{
	(void)f;
	lr_link_close(side->link, LR_E_PROTOCOL);
}

/* A link that closes while it is looked at ends like any other: its request
 * fails, each side is told once. */
static void closes_while_hot(void **state)
{
	struct answers a = {0};
	bool never = false;

	(void)state;
	set_up(KIT_TLS);
	kit.server.on_frame = hang_up;
	ask(&a, 2048);
	lr_spin_until(spin, &never);
	KIT_UNTIL(&kit, a.done);
	assert_int_equal(a.err, LR_E_CLOSED);
	KIT_UNTIL(&kit, kit.client.closed && kit.server.closed);
	lr_spin_until(spin, &never); /* there is nothing left to look at */
	tear_down();
}

static void woken_cb(uv_async_t *wake)
{
	*(bool *)wake->data = true;
}

/* What else is due on the loop ends the looking, at the latest after its
 * millisecond; with 0 us nothing is looked at. */
static void gives_way(void **state)
{
	struct answers a = {0};
	bool never = false, woken = false;
	uv_async_t wake;

	(void)state;
	set_up(KIT_CLEAR);
	uv_async_init(&kit.loop, &wake, woken_cb);
	wake.data = &woken;
	ask(&a, 100);
	uv_async_send(&wake);
	lr_spin_until(spin, &never); /* returns */
	KIT_UNTIL(&kit, woken && a.done);
	uv_close((uv_handle_t *)&wake, NULL);
	lr_link_set_spin(kit.client.link, NULL);
	lr_link_set_spin(kit.server.link, NULL);
	lr_spin_stop(spin);
	uv_run(&kit.loop, UV_RUN_NOWAIT); /* its handles are closed */
	lr_spin_free(spin);

	spin = lr_spin_new(&kit.loop, 0);
	lr_link_set_spin(kit.client.link, spin);
	lr_link_set_spin(kit.server.link, spin);
	ask(&a, 100);
	lr_spin_until(spin, &a.done);
	assert_false(a.done);
	KIT_UNTIL(&kit, a.done);
	assert_int_equal(a.wrong, 0);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_loop_clear),
		cmocka_unit_test(without_the_loop_tls),
		cmocka_unit_test(mixed_with_the_loop_clear),
		cmocka_unit_test(mixed_with_the_loop_tls),
		cmocka_unit_test(closes_while_hot),
		cmocka_unit_test(gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
