/* SPDX-License-Identifier: Apache-2.0 */
#include "core/err.h"
#include "core/id.h"
#include "core/sum.h"

#include "unit.h"

static struct lr_id random_id(uint64_t *seed)
{
	struct lr_id id;

	for (size_t i = 0; i < sizeof id.b; i++)
		id.b[i] = (uint8_t)draw(seed, 256);
	lr_id_set_class(&id, (enum lr_class)draw(seed, LR_CLASSES));
	return id;
}

/* IDs have known texts: two zero bits in front, nothing behind. */
static void formats(void **state)
{
	struct lr_id id = {{0}};
	struct lr_dev dev = {{0}};
	char text[LR_DEV_TEXT + 1];

	(void)state;
	assert_string_equal(lr_id_format(&id, text),
			    "00000000000000000000000000");
	memset(id.b, 0xff, sizeof id.b);
	lr_id_set_class(&id, LR_SAFE);
	assert_string_equal(lr_id_format(&id, text),
			    "5zzzzzzzzzzzzzzzzzzzzzzzzz");
	id = (struct lr_id){{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}};
	assert_string_equal(lr_id_format(&id, text),
			    "014d2pf2dbsqqg000000000000");
	dev.b[0] = 0xf8;
	dev.b[31] = 0x01;
	assert_string_equal(lr_dev_format(&dev, text),
			    "z00000000000000000000000000000000000000000000000"
			    "000g");
}

/* What was printed reads back the same, in upper case too. */
static void round_trips(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct lr_id id = random_id(&seed), back;
		struct lr_dev dev, dev_back;
		char text[LR_DEV_TEXT + 1];

		lr_id_format(&id, text);
		for (char *c = text; i % 2 && *c; c++)
			*c = (char)(*c >= 'a' ? *c - 32 : *c);
		assert_true(lr_id_parse(text, &back));
		assert_true(lr_id_eq(&id, &back));
		for (size_t k = 0; k < sizeof dev.b; k++)
			dev.b[k] = (uint8_t)draw(&seed, 256);
		assert_true(lr_dev_parse(lr_dev_format(&dev, text), &dev_back));
		assert_true(lr_dev_eq(&dev, &dev_back));
		assert_true(lr_dev_matches(text, &dev));
		text[LR_PREFIX_MIN] = '\0';
		assert_true(lr_dev_matches(text, &dev));
	}
}

/* o, i and l are read as the digits they look like; u is nothing. */
static void look_alikes(void **state)
{
	struct lr_id a, b;
	struct lr_dev dev = {{0}};

	(void)state;
	assert_true(lr_id_parse("0oO1iIlL000000000000000000", &a));
	assert_true(lr_id_parse("00011111000000000000000000", &b));
	assert_true(lr_id_eq(&a, &b));
	assert_false(lr_id_parse("0u000000000000000000000000", &a));
	assert_true(lr_dev_matches("ooOO00", &dev));
}

/* What is no ID: length, characters, class 3, bits where zeros must be. */
static void junk(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"0000000000000000000000000",
		"000000000000000000000000000",
		"6zzzzzzzzzzzzzzzzzzzzzzzzz",
		"80000000000000000000000000",
		"0000000000000-000000000000",
		"0000000000000 000000000000",
		"000000000000000000000000\xc3\xa4",
	};
	struct lr_id id;
	struct lr_dev dev;
	struct lr_prefix p;
	char text[LR_DEV_TEXT + 2];

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(lr_id_parse(bad[i], &id));
	memset(text, '0', sizeof text);
	text[LR_DEV_TEXT + 1] = '\0';
	assert_false(lr_dev_parse(text, &dev));
	assert_false(lr_dev_matches(text, &dev));
	text[LR_DEV_TEXT] = '\0';
	assert_true(lr_dev_parse(text, &dev));
	assert_true(lr_dev_is_zero(&dev));
	text[LR_DEV_TEXT - 1] = '1'; /* one of the four zero bits at the end */
	assert_false(lr_dev_parse(text, &dev));
	assert_false(lr_dev_matches("00000", &dev));
	assert_false(lr_prefix_parse("00000", &p));
	assert_false(lr_prefix_parse("600000", &p));
	assert_false(lr_prefix_parse("00000!", &p));
}

/* A prefix of any length matches its ID, and none that differs inside it. */
static void prefixes(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (size_t n = LR_PREFIX_MIN; n <= LR_ID_TEXT; n++) {
		struct lr_id id = random_id(&seed), other;
		struct lr_prefix p;
		char text[LR_ID_TEXT + 1];

		lr_id_format(&id, text);
		text[n] = '\0';
		assert_true(lr_prefix_parse(text, &p));
		assert_int_equal(p.bits, 5 * n - 2);
		assert_true(lr_prefix_matches(&p, &id));
		assert_int_equal(lr_id_slot(&p.id), lr_id_slot(&id));
		for (unsigned bit = 0; bit < 128; bit++) {
			other = id;
			other.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(lr_prefix_matches(&p, &other),
					 bit >= p.bits);
		}
	}
}

/* The slot is the top 14 bits, numbered through the classes. */
static void slots(void **state)
{
	struct lr_id id = {{0x3f, 0xff}};

	(void)state;
	assert_int_equal(lr_id_slot(&id), 4095);
	lr_id_set_class(&id, LR_NORMAL);
	assert_int_equal(lr_id_slot(&id), 8191);
	assert_int_equal(lr_slot_class(lr_id_slot(&id)), LR_NORMAL);
	lr_id_set_class(&id, LR_SAFE);
	assert_int_equal(lr_id_slot(&id), LR_SLOTS - 1);
	assert_int_equal(lr_id_class(&id), LR_SAFE);
	assert_int_equal(lr_class_copies(LR_SAFE), 3);
}

/* Derived IDs keep the class, differ by each input, and never change: these
 * texts are part of the protocol. */
static void derived(void **state)
{
	struct lr_id object = {{0x41, 2, 3}}, a, b;
	char text[LR_ID_TEXT + 1];

	(void)state;
	lr_id_of_chunk(&a, &object, 0);
	lr_id_of_chunk(&b, &object, 1);
	assert_int_equal(lr_id_class(&a), LR_NORMAL);
	assert_false(lr_id_eq(&a, &b));
	assert_string_equal(lr_id_format(&a, text),
			    "2qksf07fe5d4wpx0ab0q0q5kza");
	assert_string_equal(lr_id_format(&b, text),
			    "3fg4dzrybsnrswfyacrzrpdz02");
	lr_id_of_register(&a, LR_SAFE, "abc", 3);
	lr_id_of_name(&b, LR_SAFE, "", 0, "abc", 3);
	assert_int_equal(lr_id_class(&a), LR_SAFE);
	assert_false(lr_id_eq(&a, &b));
	assert_string_equal(lr_id_format(&a, text),
			    "5gm5b624akfmsfhe3p62nykamn");
	assert_string_equal(lr_id_format(&b, text),
			    "5715gb1r19sh8403y5jec27mdg");
	lr_id_of_name(&a, LR_SAFE, "a", 1, "bc", 2);
	lr_id_of_name(&b, LR_SAFE, "ab", 2, "c", 1);
	assert_false(lr_id_eq(&a, &b));
	assert_string_equal(lr_id_format(&a, text),
			    "4vbse51sy8e1zfmqzyrv1zzdtn");
}

/* Every error has words and an exit code; a foreign number is FAILED. */
static void errors(void **state)
{
	(void)state;
	for (unsigned n = 0; n < LR_E_COUNT; n++) {
		assert_int_equal(lr_err_from_wire(n), n);
		assert_true(*lr_err_name((enum lr_err)n));
		assert_true(*lr_err_text((enum lr_err)n));
	}
	assert_int_equal(lr_err_from_wire(LR_E_COUNT), LR_E_FAILED);
	assert_int_equal(lr_err_from_wire(65535), LR_E_FAILED);
	assert_string_equal(lr_err_name(LR_E_UNREACHABLE), "UNREACHABLE");
	assert_int_equal(lr_err_exit(LR_E_OK), 0);
	assert_int_equal(lr_err_exit(LR_E_ABSENT), 3);
	assert_int_equal(lr_err_exit(LR_E_UNKNOWN), 8);
	assert_int_equal(lr_err_exit((enum lr_err)4711), 1);
}

/* Cut to so many letters, an ID still says these, and nothing after them. */
static void cut(void **state)
{
	struct lr_id id;
	char whole[LR_ID_TEXT + 1], text[LR_ID_TEXT + 1];

	(void)state;
	for (unsigned n = 6; n <= LR_ID_TEXT; n++) {
		memset(id.b, 0x9b, sizeof id.b);
		lr_id_format(&id, whole);
		lr_id_cut(&id, n);
		lr_id_format(&id, text);
		assert_memory_equal(text, whole, n);
		assert_int_equal(strspn(text + n, "0"), LR_ID_TEXT - n);
	}
}

/* Sums are those of plain XXH3, whatever instructions they were made with:
 * devices of all kinds compare them. */
static void sums(void **state)
{
	static const struct {
		size_t n;
		uint64_t sum;
	} known[] = {
		{ 0, 0x2d06800538d394c2 },
		{ 1, 0x4c5cca45d0f4811f },
		{ 16, 0x7e3c165f608b6e78 },
		{ 240, 0x8746dc6ad8be28b3 },
		{ 241, 0x371d99854f14b8e5 },
		{ 2048, 0xc5bf86ebc68d3380 },
		{ 262168, 0xea7236bc256272b3 },
	};
	static uint8_t b[262169];

	(void)state;
	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(i * 7 + (i >> 8));
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		assert_true(lr_sum(b + 1, known[i].n) == known[i].sum);
	assert_true(lr_sum(NULL, 0) == known[0].sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),	       cmocka_unit_test(cut),
		cmocka_unit_test(formats),     cmocka_unit_test(round_trips),
		cmocka_unit_test(look_alikes), cmocka_unit_test(junk),
		cmocka_unit_test(prefixes),    cmocka_unit_test(slots),
		cmocka_unit_test(derived),     cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
