/* SPDX-License-Identifier: Apache-2.0 */
/* Events: the ring, the names, the words. */
#include "core/events.h"

#include "tests/unit/unit.h"

static struct lr_events ring;

static void fill(uint64_t n)
{
	memset(&ring, 0, sizeof ring);
	for (uint64_t i = 1; i <= n; i++)
		lr_events_add(&ring, &(struct lr_event){ .count = i });
}

/* Sequences begin at 1 and go up by one; reading goes on where it stood. */
static void in_order(void **state)
{
	const struct lr_event *e;
	uint64_t seq = 0;

	(void)state;
	fill(0);
	assert_null(lr_events_next(&ring, 0));
	fill(10);
	while ((e = lr_events_next(&ring, seq))) {
		assert_int_equal(e->seq, seq + 1);
		assert_int_equal(e->count, e->seq);
		seq = e->seq;
	}
	assert_int_equal(seq, 10);
	assert_null(lr_events_next(&ring, 10));
	assert_null(lr_events_next(&ring, 99));
}

/* Of more than are kept, the newest: who comes late starts at the oldest. */
static void the_oldest_go(void **state)
{
	uint64_t seq = 0, n = 0;
	const struct lr_event *e;

	(void)state;
	fill(3 * LR_EVENTS_KEPT + 7);
	e = lr_events_next(&ring, 0);
	assert_int_equal(e->seq, 2 * LR_EVENTS_KEPT + 8);
	while ((e = lr_events_next(&ring, seq))) {
		assert_int_equal(e->count, e->seq);
		seq = e->seq;
		n++;
	}
	assert_int_equal(n, LR_EVENTS_KEPT);
}

/* Every kind has a name of its own, which is read back. */
static void names(void **state)
{
	enum lr_event_kind kind, back;

	(void)state;
	for (unsigned i = 0; i < LR_EVENT_KINDS; i++) {
		kind = (enum lr_event_kind)i;
		assert_true(lr_event_parse(lr_event_name(kind), &back));
		assert_int_equal(back, kind);
	}
	assert_false(lr_event_parse("?", &back));
	assert_string_equal(lr_event_name(LR_EVENT_KINDS), "?");
	assert_int_equal(lr_event_level(LR_EVENT_LOST), LR_EVENT_ERROR);
}

static void says(const struct lr_event *e, const char *want)
{
	char text[256], *small;

	assert_string_equal(lr_event_text(e, text, sizeof text), want);
	for (size_t cap = 1; cap < sizeof text; cap += 7) {
		small = malloc(cap); /* ASan sees a write beyond */
		assert_non_null(small);
		lr_event_text(e, small, cap);
		assert_true(strlen(small) < cap);
		free(small);
	}
}

/* The words, with what was counted; cut to what there is room for. */
static void words(void **state)
{
	(void)state;
	says(&(struct lr_event){ .kind = LR_EVENT_DOWN, .count = 12 },
	     "is down: 12 slots");
	says(&(struct lr_event){ .kind = LR_EVENT_UNAVAILABLE, .count = 3 },
	     "3 slots cannot be read now");
	says(&(struct lr_event){ .kind = LR_EVENT_HEALED, .ms = 8100 },
	     "all slots are full again, after 8.1 s");
	says(&(struct lr_event){ .kind = LR_EVENT_GAVE_BACK,
				 .count = 1ull << 30,
				 .ms = 300 },
	     "gave RAM back to its owner: 1.0 GiB, in 0.3 s");
	says(&(struct lr_event){.kind = LR_EVENT_CUT_OFF,
				.by = "el\x1b[2Jm\xc2\x9b\xc3\xa9"},
	     "is reached by others, but not by el?[2Jm?\x9b\xc3\xa9");
	says(&(struct lr_event){ .kind = (enum lr_event_kind)999 },
	     "something this version does not know");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(the_oldest_go),
		cmocka_unit_test(names),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
