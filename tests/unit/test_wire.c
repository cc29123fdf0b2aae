/* SPDX-License-Identifier: Apache-2.0 */
/* Every message and record of the table, filled with a pattern: its bytes are
 * those of tests/unit/golden/wire.txt, and come back as they were. With
 * --golden or --tables it prints what that file and the end of doc/protocol.md
 * must be. */
#include "wire_rows.h"

/* --- golden bytes ------------------------------------------------------- */

/* "GET 16 <hex>", records with a small letter and without a number. */
static void golden_line(size_t i, char *out, size_t cap)
{
	uint8_t buf[LR_META_MAX];
	size_t n = wire_make(i, buf), at;

	at = (size_t)snprintf(out, cap, "%s %u ", wire_row(i)->name,
			      wire_row(i)->num);
	for (size_t k = 0; k < n; k++, at += 2)
		snprintf(out + at, cap - at, "%02x", buf[k]);
}

static char *slurp(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096];
	char *text;
	long n;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", top ? top : ".", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s cannot be read", path);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)n + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)n, f), n);
	fclose(f);
	return text;
}

/* The bytes of every message and record are what they were: old and new
 * programs share a wire. A row without its line, and a line without its row,
 * fail. */
static void golden(void **state)
{
	char *text = slurp("tests/unit/golden/wire.txt"), *next = text;
	char line[2 * LR_META_MAX + 64];

	(void)state;
	for (size_t i = 0; i < wire_n_rows; i++) {
		char *got = strsep(&next, "\n");

		golden_line(i, line, sizeof line);
		assert_non_null(got);
		assert_string_equal(got, line);
	}
	assert_non_null(next);
	assert_string_equal(next, "");
	free(text);
}

/* A record's length counts what stands behind it. */
static void set_size(size_t i, uint8_t *buf, size_t n)
{
	struct lr_writer w = lr_writer(buf, 2);

	if (wire_row(i)->sized)
		lr_w_u16(&w, (uint16_t)(n - 2));
}

/* What was written is read back field by field, also where a newer version has
 * appended to it; a body cut anywhere is refused. */
static void round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < wire_n_rows; i++) {
		uint8_t buf[LR_META_MAX + 3];
		size_t n = wire_make(i, buf);

		assert_true(wire_row(i)->back(buf, n, (unsigned)i));
		memset(buf + n, 0xee, 3);
		set_size(i, buf, n + 3);
		assert_true(wire_row(i)->back(buf, n + 3, (unsigned)i));
		set_size(i, buf, n);
		for (size_t cut = 0; cut < n - wire_later(i, buf, n); cut++) {
			uint8_t *exact = malloc(cut ? cut : 1);

			assert_non_null(exact); /* ASan sees a read beyond */
			memcpy(exact, buf, cut);
			assert_false(
				wire_row(i)->back(exact, cut, (unsigned)i));
			free(exact);
		}
	}
}

/* Fields are appended, and only so: whoever sends none of the later ones is
 * understood, and they are zero. A record says its own length, and what
 * follows it is the next one's. */
static void appended(void **state)
{
	struct lr_rec_copy one = {.name = {"x", 1}, .synced = 7}, back;
	uint8_t buf[256];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_reader r, in;

	(void)state;
	lr_enc_rec_copy(&w, &one);
	buf[0] += 3;
	lr_w_bytes(&w, "new", 3);
	lr_enc_rec_copy(&w, &one);
	r = lr_reader(buf, w.len);
	for (int i = 0; i < 2; i++) {
		assert_true(lr_dec_rec_copy(&r, &back));
		assert_int_equal(back.synced, 7);
	}
	assert_true(lr_r_done(&r));
	buf[0] = 1; /* less than its fields */
	r = lr_reader(buf, w.len);
	assert_false(lr_dec_rec_copy(&r, &back));
	assert_true(r.bad);

	in = lr_reader("\x05", 1);
	assert_int_equal(lr_r_later_u8(&in), 5);
	assert_int_equal(lr_r_later_u8(&in), 0);
	assert_int_equal(lr_r_later_u64(&in), 0);
	assert_int_equal(lr_r_later_str(&in).n, 0);
	assert_non_null(lr_r_later_str(&in).p);
	assert_true(lr_r_done(&in));
	in = lr_reader("\x05", 1);
	assert_int_equal(lr_r_later_u16(&in), 0); /* cut, not left out */
	assert_true(in.bad);
	lr_r_later_u8(&in);
	assert_true(in.bad);
}

/* The later fields stand behind all others. */
static void later_is_last(void **state)
{
	(void)state;
	for (size_t i = 0; i < wire_n_rows; i++) {
		const char *first = strstr(wire_row(i)->fields, "later_");
		size_t all = 0, n = 0;

		for (const char *at = first; at && *at; at++)
			all += *at == ' ';
		for (const char *at = first; at; at = strstr(at + 1, "later_"))
			n++;
		assert_int_equal(all, 2 * n);
	}
}

/* Random bytes never make a decoder read outside of them. */
static void hostile(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int run = 0; run < 20000; run++) {
		size_t n = draw(&seed, 300);
		uint8_t *p = malloc(n + 1);

		assert_non_null(p);
		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)draw(&seed, draw(&seed, 2) ? 256 : 3);
		wire_row(draw(&seed, (uint32_t)wire_n_rows))->back(p, n, 0);
		free(p);
	}
}

/* Numbers are unique, below the limit, and have a name. */
static void numbers(void **state)
{
	bool seen[LR_MSG_NUMBERS] = {false};

	(void)state;
	for (size_t i = 0; i < wire_n_messages; i++) {
		unsigned num = wire_row(i)->num;

		assert_in_range(num, 1, LR_MSG_NUMBERS - 1);
		assert_false(seen[num]);
		seen[num] = true;
		assert_string_equal(lr_msg_name(num), wire_row(i)->name);
		assert_int_equal(lr_msg_bulk_max(num), wire_row(i)->bulk);
	}
	assert_string_equal(lr_msg_name(0), "?");
	assert_string_equal(lr_msg_name(LR_MSG_NUMBERS), "?");
	assert_string_equal(lr_msg_name(65535), "?");
	assert_int_equal(lr_msg_bulk_max(65535), 0);
}

static bool header_ok(uint32_t bulk, uint16_t meta, unsigned type)
{
	struct lr_header h = {bulk, meta, (uint16_t)type, 77}, back;
	uint8_t raw[LR_HEADER_BYTES];

	lr_enc_header(raw, &h);
	if (!lr_dec_header(raw, &back))
		return false;
	assert_int_equal(back.bulk, bulk);
	assert_int_equal(back.meta, meta);
	assert_int_equal(back.type, type);
	assert_int_equal(back.req, 77);
	return true;
}

/* Lengths are checked against the message's own limits, before the body. */
static void header_limits(void **state)
{
	static const uint8_t want[] = {4, 3, 2, 1, 6, 0, 17, 0,
				       8, 7, 6, 5, 4, 3, 2,  1};
	struct lr_header h = {0x01020304, 6, LR_M_GET_R, 0x0102030405060708};
	uint8_t raw[LR_HEADER_BYTES];

	(void)state;
	lr_enc_header(raw, &h);
	assert_memory_equal(raw, want, sizeof raw);
	for (size_t i = 0; i < wire_n_messages; i++) {
		uint32_t most = wire_row(i)->bulk;
		unsigned num = wire_row(i)->num;

		assert_true(header_ok(most, LR_META_MAX, num));
		assert_true(header_ok(0, 0, num));
		assert_false(header_ok(most + 1, 0, num));
		assert_false(header_ok(UINT32_MAX, 0, num));
		assert_false(header_ok(0, LR_META_MAX + 1, num));
		assert_false(header_ok(0, UINT16_MAX, num));
	}
	assert_false(header_ok(0, 0, 0));
	/* Of a newer version. */
	assert_true(header_ok(LR_BULK_MAX, LR_META_MAX, 15));
	assert_true(header_ok(LR_BULK_MAX, LR_META_MAX, LR_MSG_NUMBERS));
	assert_true(header_ok(0, 0, 65535));
	assert_false(header_ok(LR_BULK_MAX + 1, 0, 65535));
	assert_false(header_ok(0, LR_META_MAX + 1, 65535));
	assert_true(lr_msg_known(LR_M_HELLO));
	assert_false(lr_msg_known(0));
	assert_false(lr_msg_known(15));
	assert_false(lr_msg_known(65535));
}

/* A configuration in bulk: known bytes, all cuts refused, nothing impossible
 * accepted; ce 0 with nobody in it means none. */
/* What a SEAL may name, its answer has room for: the state of each slot and the
 * largest configuration there can be. Without that answer the slots stay
 * sealed. */
static void seal_answer(void **state)
{
	static uint8_t buf[LR_BULK_MAX];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_rec_slot_state rec = {.status = LR_SLOT_SYNCED};
	struct lr_cfg c = {.ce = 1, .n = LR_MEM_MAX, .src = 1};

	(void)state;
	for (unsigned i = 0; i < LR_MEM_MAX; i++)
		c.mem[i] = i + 1;
	for (unsigned i = 0; i < LR_SEAL_SLOTS_MAX; i++) {
		lr_enc_rec_slot_state(&w, &rec);
		lr_enc_cfg(&w, i, &c);
	}
	assert_false(w.bad);
	lr_enc_rec_slot_state(&w, &rec);
	lr_enc_cfg(&w, 0, &c);
	assert_true(w.bad);
}

static void configuration(void **state)
{
	static const uint8_t want[] = {
		0x34, 0x12, 9, 0, 0, 0, 0, 0,  0, 0, 2, 1, 2, 1, 11,
		0,    0,    0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0,
	};
	struct lr_cfg c = {.ce = 9,
			   .mem = {11, 22},
			   .n = 2,
			   .src = 1,
			   .synced = 2,
			   .lost = LR_LOST_MARK},
		      back;
	uint8_t buf[LR_CFG_BYTES_MAX];
	struct lr_writer w = lr_writer(buf, sizeof buf);
	struct lr_reader r;
	unsigned slot;

	(void)state;
	lr_enc_cfg(&w, 0x1234, &c);
	assert_int_equal(w.len, sizeof want);
	assert_memory_equal(buf, want, sizeof want);
	for (size_t cut = 0; cut <= w.len; cut++) {
		r = lr_reader(buf, cut);
		assert_int_equal(lr_dec_cfg(&r, &slot, &back), cut == w.len);
	}
	assert_int_equal(slot, 0x1234);
	assert_true(lr_cfg_eq(&c, &back));
	buf[10] = LR_MEM_MAX + 1;
	r = lr_reader(buf, w.len);
	assert_false(lr_dec_cfg(&r, &slot, &back));
	buf[10] = 2;
	buf[11] = 0; /* no src */
	r = lr_reader(buf, w.len);
	assert_false(lr_dec_cfg(&r, &slot, &back));
	memset(buf, 0, sizeof buf);
	r = lr_reader(buf, 14);
	assert_true(lr_dec_cfg(&r, &slot, &back));
	assert_int_equal(back.ce, 0);
}

/* A writer that runs over does nothing more and says so; a text is cut, with
 * notice, and never holds a NUL. */
static void cursor(void **state)
{
	uint8_t buf[4] = {0};
	struct lr_writer w = lr_writer(buf, sizeof buf);
	char text[4];

	(void)state;
	lr_w_u16(&w, 0x0201);
	lr_w_u32(&w, 0xffffffff);
	lr_w_u8(&w, 0xff);
	assert_true(w.bad);
	assert_int_equal(w.len, 2);
	assert_int_equal(buf[2], 0);
	assert_true(lr_str_copy(lr_str("abc"), text, sizeof text));
	assert_string_equal(text, "abc");
	assert_false(lr_str_copy(lr_str("abcd"), text, sizeof text));
	assert_string_equal(text, "abc");
	assert_false(
		lr_str_copy((struct lr_str){"a\0b", 3}, text, sizeof text));
	assert_true(lr_str_copy((struct lr_str){"", 0}, text, sizeof text));
	assert_string_equal(text, "");
}

/* --- byte tables -------------------------------------------------------- */

/* "| 0 | u16 | slot |": no offset once a text has gone before. */
static void print_fields(FILE *f, const char *fields)
{
	char type[16], name[32];
	size_t at = 0;
	bool known = true;
	int n;

	fprintf(f, "\n| byte | type | field |\n| --- | --- | --- |\n");
	for (; sscanf(fields, "%15s %31s %n", type, name, &n) == 2;
	     fields += n) {
		if (known)
			fprintf(f, "| %zu | %s | %s |\n", at, type, name);
		else
			fprintf(f, "| | %s | %s |\n", type, name);
		at += wire_width(type);
		known = known && wire_width(type);
	}
}

static void print_errors(FILE *f)
{
	fprintf(f, "\n## Errors\n\n| number | name | exit code | text |\n"
		   "| --- | --- | --- | --- |\n");
	for (unsigned n = 0; n < LR_E_COUNT; n++)
		fprintf(f, "| %u | %s | %d | %s |\n", n,
			lr_err_name((enum lr_err)n),
			lr_err_exit((enum lr_err)n),
			lr_err_text((enum lr_err)n));
}

static void print_tables(FILE *f)
{
	print_errors(f);
	fprintf(f, "\n## Records\n");
	for (size_t i = wire_n_messages; i < wire_n_rows; i++) {
		fprintf(f, "\n### %s\n", wire_row(i)->name);
		print_fields(f, wire_row(i)->fields);
	}
	fprintf(f, "\n## Messages\n");
	for (size_t i = 0; i < wire_n_messages; i++) {
		const struct wire_row *m = wire_row(i);

		fprintf(f, "\n### %u %s\n\n%s; ", m->num, m->name, m->doc);
		if (m->bulk)
			fprintf(f, "bulk up to %u bytes\n", m->bulk);
		else
			fprintf(f, "no bulk\n");
		print_fields(f, m->fields);
	}
}

#define MARK "<!-- From here on: tests/unit/test_wire --tables -->\n"

/* doc/protocol.md ends with the very tables that the code has. */
static void documented(void **state)
{
	char *doc = slurp("doc/protocol.md"), *at = strstr(doc, MARK);
	char *want = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&want, &n);

	(void)state;
	assert_non_null(f);
	print_tables(f);
	fclose(f);
	assert_non_null(at);
	assert_true(strcmp(at + strlen(MARK), want) == 0);
	free(want);
	free(doc);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(appended),
		cmocka_unit_test(later_is_last),
		cmocka_unit_test(hostile),
		cmocka_unit_test(numbers),
		cmocka_unit_test(header_limits),
		cmocka_unit_test(configuration),
		cmocka_unit_test(seal_answer),
		cmocka_unit_test(cursor),
		cmocka_unit_test(documented),
	};
	char line[2 * LR_META_MAX + 64];

	if (argc > 1 && !strcmp(argv[1], "--tables")) {
		print_tables(stdout);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--golden")) {
		for (size_t i = 0; i < wire_n_rows; i++) {
			golden_line(i, line, sizeof line);
			puts(line);
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
