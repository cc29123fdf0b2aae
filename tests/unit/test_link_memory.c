/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth allocation of a link's life fails, for every N: each request and each
 * close is told once, every bulk is released once, nothing leaks. */
#include "tests/unit/net_kit.h"

#include <stdlib.h>

#include "tests/unit/fail_nth.h"

struct asked {
	unsigned calls;
	struct kit_bulk bulk;
};

static struct kit kit;
static struct asked asked[3];

static void answer_cb(struct lr_link *link, enum lr_err err,
		      const struct lr_frame *f, void *arg)
{
	struct asked *a = arg;

	(void)link;
	assert_true(f || err != LR_E_OK);
	a->calls++;
}

static void echo(struct kit_side *side, const struct lr_frame *f)
{
	struct lr_bulk copy = {.p = f->bulk, .len = f->h.bulk};

	/* What cannot be answered must not be left hanging. */
	if (lr_link_send(side->link, LR_M_GET_R, f->h.req, NULL, 0, &copy))
		lr_link_close(side->link, LR_E_NO_MEMORY);
}

static void ask(struct asked *a)
{
	a->calls = 0;
	if (kit.client.link)
		lr_link_request(kit.client.link, LR_M_PUT, "12345678", 8,
				&a->bulk.bulk, 3000, answer_cb, a);
}

static bool all_told(void)
{
	for (int i = 0; i < 3; i++)
		if (asked[i].calls != 1)
			return false;
	return true;
}

/* One whole life, in which the Nth fails; false: there was no Nth. */
static bool live(enum kit_kind kind, unsigned n)
{
	static const size_t sizes[3] = {100, 3000, 200000};
	struct lr_link_options opt = {0};
	struct sockaddr_storage ss;
	bool made, failed;

	for (int i = 0; i < 3; i++)
		kit_bulk_make(&asked[i].bulk, sizes[i], 1);
	kit_listen(&kit, kind);
	kit.server.on_frame = echo;
	opt.tls = kind == KIT_TLS ? kit.tls[1] : NULL;
	kit_addr(&kit, &ss);
	fail_nth(n);
	kit.client.link = lr_link_connect(&kit.loop, (struct sockaddr *)&ss,
					  &opt, &kit_ops, &kit.client);
	made = kit.client.link != NULL;
	for (int i = 0; made && i < 3; i++)
		ask(&asked[i]);
	if (made)
		KIT_UNTIL(&kit, all_told());
	failed = fail_nth_did();
	kit_done(&kit);
	for (int i = 0; i < 3; i++) {
		if (made)
			kit_bulk_done(&asked[i].bulk);
		else
			free(asked[i].bulk.bytes);
	}
	assert_int_equal(kit.client.closed, made);
	return failed;
}

static void all_failures(enum kit_kind kind)
{
	unsigned n = 1;

	while (live(kind, n))
		assert_true(++n < 1000);
	assert_true(n > 10); /* it did look */
}

static void test_clear(void **state)
{
	(void)state;
	all_failures(KIT_CLEAR);
}

static void test_tls(void **state)
{
	(void)state;
	all_failures(KIT_TLS);
}

/* What could not be asked for lack of memory can be forgotten like any other:
 * its callback never comes. Of a second one there is nothing to remember it by:
 * no handle, and the link closes. */
static void test_forget_failed(void **state)
{
	struct asked a = {0};
	uint64_t handle;

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		kit_pair(&kit, KIT_CLEAR);
		fail_nth(n);
		handle = lr_link_request(kit.client.link, LR_M_PUT, "12345678",
					 8, NULL, 3000, answer_cb, &a);
		assert_true(fail_nth_did());
		assert_true(handle);
		lr_link_forget(kit.client.link, handle);
		uv_run(&kit.loop, UV_RUN_NOWAIT);
		assert_false(kit.client.closed);
		kit_done(&kit);
	}
	kit_pair(&kit, KIT_CLEAR);
	for (unsigned i = 0; i < 2; i++) {
		fail_nth(1);
		handle = lr_link_request(kit.client.link, LR_M_PUT, "12345678",
					 8, NULL, 3000, answer_cb, &a);
		assert_true(fail_nth_did());
		assert_int_equal(handle != 0, i == 0);
	}
	KIT_UNTIL(&kit, kit.client.closed);
	kit_done(&kit);
	assert_int_equal(a.calls, 1); /* of the first */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_forget_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
