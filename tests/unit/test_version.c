/* SPDX-License-Identifier: Apache-2.0 */
/* Which version a link speaks, and what is said where there is none. */
#include "wire/version.h"

#include "unit.h"

static uint16_t common(unsigned min, unsigned max)
{
	struct lr_msg_hello m = { .proto_min = (uint16_t)min,
				  .proto_max = (uint16_t)max };

	return lr_version_common(&m);
}

/* The newest that both speak; a newer peer that still speaks ours is no
 * stranger. */
static void agreed(void **state)
{
	(void)state;
	assert_int_equal(common(lr_proto_max, lr_proto_max), lr_proto_max);
	assert_int_equal(common(1, lr_proto_max + 5), lr_proto_max);
	assert_int_equal(common(lr_proto_min, lr_proto_min), lr_proto_min);
	assert_int_equal(common(lr_proto_max + 1, lr_proto_max + 5), 0);
	assert_int_equal(common(0, lr_proto_min - 1), 0);
	assert_int_equal(common(9, 1), 0);
}

/* The refusal names the side that is too old; on one machine, what to start
 * again. */
static void refused(void **state)
{
	struct lr_msg_hello m = { .proto_min = lr_proto_max + 1,
				  .proto_max = lr_proto_max + 3 };
	char text[256];

	(void)state;
	lr_version_refusal(&m, "coordinator", false, text, sizeof text);
	assert_non_null(strstr(text, "upgrade the coordinator"));
	lr_version_refusal(&m, "donor", true, text, sizeof text);
	assert_non_null(strstr(text, "sudo systemctl restart lanram-donor"));
	m.proto_min = 0;
	m.proto_max = lr_proto_min - 1;
	lr_version_refusal(&m, "coordinator", false, text, sizeof text);
	assert_non_null(strstr(text, "upgrade that machine"));
	lr_version_refusal(&m, "donor", true, text, sizeof text);
	assert_non_null(strstr(text, "upgrade that program"));
}

/* Of a HELLO that has become longer, or another altogether, the versions can
 * be read; of less than them, nothing. */
static void from_the_future(void **state)
{
	static const uint8_t meta[] = { 7, 0, 9, 0, 0xff, 0xff, 0xff };
	struct lr_msg_hello m;

	(void)state;
	assert_true(lr_version_read(meta, sizeof meta, &m));
	assert_int_equal(m.proto_min, 7);
	assert_int_equal(m.proto_max, 9);
	for (size_t n = 0; n < 4; n++)
		assert_false(lr_version_read(meta, n, &m));
}

/* Nor does a WELCOME count that chose a version which we do not speak. */
static void chosen(void **state)
{
	static const uint8_t theirs[] = { 0xff, 0xff };
	uint8_t ours[3];
	struct lr_writer w = lr_writer(ours, sizeof ours);

	(void)state;
	lr_w_u16(&w, lr_proto_max);
	lr_w_u8(&w, 9);
	assert_true(lr_version_chosen(ours, sizeof ours));
	assert_false(lr_version_chosen(theirs, sizeof theirs));
	assert_false(lr_version_chosen(ours, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreed),
		cmocka_unit_test(refused),
		cmocka_unit_test(from_the_future),
		cmocka_unit_test(chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
