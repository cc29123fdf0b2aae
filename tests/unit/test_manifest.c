/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/manifest.h"

#include "unit.h"

static struct lr_manifest closed(void)
{
	struct lr_manifest m = {
		.flags = LR_OBJECT_PUBLIC | LR_OBJECT_CLOSED,
		.uid = 1000,
		.size = 600000,
		.chunks = 3,
		.chunk_bytes = LR_VALUE_MAX,
		.created_ms = 1700000000123,
		.expires_ms = 1800000000456,
		.name = "build.tar",
	};

	memset(m.owner.b, 0xaa, sizeof m.owner.b);
	memset(m.sha256, 0xbb, sizeof m.sha256);
	return m;
}

static size_t encode(const struct lr_manifest *m, uint8_t buf[LR_HEAD_MAX])
{
	struct lr_writer w = lr_writer(buf, LR_HEAD_MAX);

	lr_enc_manifest(&w, m);
	assert_false(w.bad);
	return w.len;
}

static bool accepted(const struct lr_manifest *m)
{
	uint8_t buf[LR_HEAD_MAX];
	size_t n = encode(m, buf);
	struct lr_reader r = lr_reader(buf, n);
	struct lr_manifest back;

	return lr_dec_manifest(&r, &back);
}

/* A head has known bytes, is read back whole, and leaves the reader at the
 * value behind it. */
static void round_trip(void **state)
{
	static const uint8_t front[] = {1, 3, 0, 0xaa};
	struct lr_manifest m = closed(), back;
	uint8_t buf[LR_HEAD_MAX];
	size_t n = encode(&m, buf);
	struct lr_reader r = lr_reader(buf, n + 5);

	(void)state;
	memcpy(buf + n, "value", 5);
	assert_memory_equal(buf, front, sizeof front);
	assert_int_equal(n, 3 + 32 + 4 + 8 + 8 + 4 + 8 + 8 + 32 + 2 + 9);
	assert_true(lr_dec_manifest(&r, &back));
	assert_memory_equal(&m, &back, sizeof m);
	assert_int_equal(r.left, 5);
	assert_memory_equal(r.p, "value", 5);
}

/* A head cut anywhere is none, and the longest name still fits. */
static void cuts(void **state)
{
	struct lr_manifest m = closed(), back;
	uint8_t buf[LR_HEAD_MAX];
	size_t n;

	(void)state;
	memset(m.name, 'x', LR_OBJECT_NAME_MAX);
	n = encode(&m, buf);
	for (size_t cut = 0; cut <= n; cut++) {
		struct lr_reader r = lr_reader(buf, cut);

		assert_int_equal(lr_dec_manifest(&r, &back), cut == n);
	}
	buf[n - LR_OBJECT_NAME_MAX - 2] = 0; /* name of 256 bytes */
	buf[n - LR_OBJECT_NAME_MAX - 1] = 1;
	struct lr_reader r = lr_reader(buf, n + 1);
	assert_false(lr_dec_manifest(&r, &back));
}

/* Sizes that cannot be, reserved bits and other layouts are refused. */
static void impossible(void **state)
{
	struct lr_manifest m = closed(), back;
	uint8_t buf[LR_HEAD_MAX];
	struct lr_reader r;
	size_t n;

	(void)state;
	m.chunks = 2;
	assert_false(accepted(&m));
	m.chunks = UINT64_MAX;
	m.size = UINT64_MAX;
	m.chunk_bytes = 1;
	assert_true(accepted(&m));
	m.chunk_bytes = 0;
	assert_false(accepted(&m));
	m.chunk_bytes = LR_VALUE_MAX + 1;
	assert_false(accepted(&m));
	m = closed();
	m.chunks = 0;
	assert_false(accepted(&m)); /* too large to be inline */
	m.size = LR_VALUE_MAX;
	assert_true(accepted(&m));
	m.size = 0;
	assert_true(accepted(&m));
	m.flags = LR_OBJECT_PUBLIC; /* open: nothing is known yet */
	assert_true(accepted(&m));
	m.flags = 4;
	assert_false(accepted(&m));
	m = closed();
	m.sealed_with = 1;
	assert_false(accepted(&m));
	m = closed();
	strcpy(m.name, "a\nb");
	assert_false(accepted(&m));
	m.name[0] = '\0';
	assert_true(accepted(&m));
	n = encode(&m, buf);
	buf[0] = 2;
	r = lr_reader(buf, n);
	assert_false(lr_dec_manifest(&r, &back));
}

/* The local daemon writes who stores over whatever the program claimed, and
 * touches nothing else. */
static void stamp(void **state)
{
	struct lr_manifest m = closed(), back;
	struct lr_dev dev = {{7}};
	uint8_t buf[LR_HEAD_MAX];
	size_t n = encode(&m, buf);
	struct lr_reader r = lr_reader(buf, n);

	(void)state;
	assert_true(lr_manifest_stamp(buf, n, &dev, 33));
	assert_true(lr_dec_manifest(&r, &back));
	m.owner = dev;
	m.uid = 33;
	assert_memory_equal(&m, &back, sizeof m);
	for (size_t cut = 0; cut < n; cut++)
		assert_false(lr_manifest_stamp(buf, cut, &dev, 33));
}

/* Names: UTF-8 in its shortest form, no control characters, 1 to 255 bytes. */
static void names(void **state)
{
	static const char *const good[] = {
		"a",
		" ",
		"build.tar",
		"gr\xc3\xbc\xc3\x9f"
		"e",
		"\xe2\x82\xac",
		"\xf0\x9f\x90\x91",
		"\xc2\xa0",
		"\xed\x9f\xbf",
		"\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"",
		"a\tb",
		"\x1b[0m",
		"\x7f",
		"\x80",
		"\xff",
		"\xc3",
		"a\xc3",
		"\xc3(",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xe0\x80\xaf",
		"\xc2\x85",
		"\xed\xa0\x80",
		"\xf0\x80\x80\xaf",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xe2\x82",
		"\xf0\x9f\x90",
	};
	char longest[LR_OBJECT_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_true(lr_object_name_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(lr_object_name_valid(bad[i], strlen(bad[i])));
	assert_false(lr_object_name_valid("a\0b", 3));
	memset(longest, 'x', sizeof longest);
	assert_true(lr_object_name_valid(longest, sizeof longest - 1));
	assert_false(lr_object_name_valid(longest, sizeof longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(cuts),
		cmocka_unit_test(impossible), cmocka_unit_test(stamp),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
