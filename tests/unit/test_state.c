/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's state file: what is in it, and what other versions wrote.
 */
#include "daemon/coordinator/flaps.h"
#include "daemon/coordinator/state_codec.h"

#include "unit.h"

#include <xxhash.h>

enum { TAG_COLOUR = 200, TAG_SIZE };

static char colour[32], colour_read[32];

static size_t colour_room(const struct lr_coordinator *k)
{
	(void)k;
	return sizeof colour + 2;
}

static void colour_save(const struct lr_coordinator *k, struct lr_writer *w)
{
	(void)k;
	if (colour[0])
		lr_w_str(w, lr_str(colour));
}

static bool colour_load(struct lr_coordinator *k, struct lr_reader *r)
{
	(void)k;
	return lr_str_copy(lr_r_str(r), colour_read, sizeof colour_read);
}

static size_t size_room(const struct lr_coordinator *k)
{
	(void)k;
	return 4;
}

static void size_save(const struct lr_coordinator *k, struct lr_writer *w)
{
	(void)k;
	lr_w_u32(w, 0x01020304);
}

static bool size_load(struct lr_coordinator *k, struct lr_reader *r)
{
	(void)k;
	return lr_r_u32(r) == 0x01020304;
}

static const struct lr_state_record none[] = { { .tag = 0 } };
static const struct lr_state_record one[] = {
	{ TAG_COLOUR, colour_room, colour_save, colour_load }, { .tag = 0 }
};
static const struct lr_state_record both[] = {
	{ TAG_SIZE, size_room, size_save, size_load },
	{ TAG_COLOUR, colour_room, colour_save, colour_load },
	{ .tag = 0 },
};
static const struct lr_bytes nothing;
static uint8_t holds[LR_SLOTS / 8];
static const struct lr_config cfg = { .pool = "test" };

static struct lr_coordinator *coordinator(void)
{
	struct lr_coord_params p = { .nslots = LR_SLOTS, .run = 7 };
	struct lr_coordinator *k = calloc(1, sizeof *k);

	assert_non_null(k);
	k->b.cfg = &cfg;
	k->rules = lr_coord_new(&p, NULL, 0, 0);
	assert_non_null(k->rules);
	return k;
}

static void free_coordinator(struct lr_coordinator *k)
{
	lr_coord_free(k->rules);
	free(k->devices);
	free(k);
}

/* As state.c hands it on: without the checksum, which must be right. */
static struct lr_bytes written(const struct lr_state_record *records,
			       const struct lr_bytes *kept)
{
	struct lr_coordinator *k = coordinator();
	struct lr_bytes b;
	struct lr_reader r;

	k->devices = calloc(1, sizeof *k->devices);
	k->n_devices = 1;
	k->devices[0].roles = LR_ROLE_DONOR;
	snprintf(k->devices[0].name, sizeof k->devices[0].name, "anvil");
	assert_true(lr_state_encode(k, records, kept, holds, &b));
	b.len -= 8;
	r = lr_reader(b.p + b.len, 8);
	assert_int_equal(lr_r_u64(&r), XXH3_64bits(b.p, b.len));
	free_coordinator(k);
	return b;
}

static bool read_back(const struct lr_state_record *records,
		      const struct lr_bytes *b, struct lr_bytes *ret_kept)
{
	struct lr_coordinator *k = coordinator();
	struct lr_view v;
	bool good;

	assert_true(lr_view_init(&v, LR_SLOTS));
	good = lr_state_decode(k, records, b, &v, ret_kept);
	if (good) {
		assert_int_equal(k->n_devices, 1);
		assert_string_equal(k->devices[0].name, "anvil");
		assert_int_equal(k->used[9].entries, 1);
	}
	lr_view_done(&v);
	free_coordinator(k);
	return good;
}

/* A file without records, as older versions write it, is read. */
static void old_file(void **state)
{
	struct lr_bytes b = written(none, &nothing), kept;

	(void)state;
	colour_read[0] = '\0';
	assert_true(read_back(both, &b, &kept));
	assert_null(kept.p);
	assert_string_equal(colour_read, "");
	free(b.p);
}

/* Each part reads its own record, whatever the order; one that has nothing to
 * keep writes none. */
static void own_records(void **state)
{
	struct lr_bytes b, kept, less;

	(void)state;
	snprintf(colour, sizeof colour, "red");
	b = written(both, &nothing);
	assert_true(read_back(both, &b, &kept));
	assert_string_equal(colour_read, "red");
	colour[0] = '\0';
	less = written(both, &nothing);
	assert_int_equal(b.len - less.len, 5 + 2 + 3);
	free(b.p);
	free(less.p);
}

/* A record of a version that knows more goes through this one unchanged. */
static void unknown_kept(void **state)
{
	struct lr_bytes newer, kept, ours, kept_again;

	(void)state;
	snprintf(colour, sizeof colour, "blue");
	newer = written(both, &nothing);
	assert_true(read_back(none, &newer, &kept));
	assert_non_null(kept.p);
	ours = written(none, &kept);
	colour_read[0] = '\0';
	assert_true(read_back(both, &ours, &kept_again));
	assert_null(kept_again.p);
	assert_string_equal(colour_read, "blue");
	free(newer.p);
	free(kept.p);
	free(ours.p);
}

/* Cut anywhere in its records, a file is refused, or ends before one. */
static void cut(void **state)
{
	struct lr_bytes b, without, kept;
	size_t whole;

	(void)state;
	snprintf(colour, sizeof colour, "green");
	b = written(one, &nothing);
	without = written(none, &nothing);
	whole = b.len;
	for (b.len = without.len; b.len < whole; b.len++) {
		assert_int_equal(read_back(one, &b, &kept),
				 b.len == without.len);
		free(kept.p);
	}
	free(b.p);
	free(without.p);
}

/* A record with bytes left over is damaged. */
static void left_over(void **state)
{
	static const struct lr_state_record wrong[] = {
		{ TAG_COLOUR, colour_room, size_save, colour_load },
		{ .tag = 0 }
	};
	struct lr_bytes b = written(wrong, &nothing), kept;

	(void)state;
	assert_false(read_back(one, &b, &kept));
	free(b.p);
}

/* Who flapped, and when, is the same for the next run; what is ten minutes old
 * is not told any more. */
static void flaps_kept(void **state)
{
	static const struct lr_state_record flaps[] = {
		{ LR_STATE_FLAPS, lr_flaps_room, lr_flaps_save, lr_flaps_load },
		{ .tag = 0 }
	};
	static const uint64_t ago_ms[] = { 700000, 500000, 60000, 1000 };
	struct lr_coordinator *k = coordinator();
	struct lr_dev dev = { { 1, 2, 3 } }, got;
	struct lr_flaps f = { 0 };
	struct lr_bytes b, kept;
	struct lr_view v;
	uint64_t now = lr_now_ms();

	(void)state;
	for (unsigned i = 0; i < countof(ago_ms); i++)
		if (ago_ms[i] < now)
			lr_flaps_add(&f, now - ago_ms[i]);
	lr_coord_flapped(k->rules, &dev, &f);
	assert_true(lr_state_encode(k, flaps, &nothing, holds, &b));
	b.len -= 8;
	free_coordinator(k);
	k = coordinator();
	assert_true(lr_view_init(&v, LR_SLOTS));
	assert_true(lr_state_decode(k, flaps, &b, &v, &kept));
	lr_flaps_restore(k);
	assert_int_equal(lr_coord_flapping(k->rules, 0, &got, &f), 1);
	assert_true(lr_dev_eq(&got, &dev));
	assert_in_range(f.n, 1, 3);
	for (unsigned i = 0; i < f.n; i++)
		assert_in_range(now - f.at_ms[i], ago_ms[4 - f.n + i] - 500,
				ago_ms[4 - f.n + i] + 500);
	lr_view_done(&v);
	free_coordinator(k);
	free(b.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_file),	cmocka_unit_test(own_records),
		cmocka_unit_test(unknown_kept), cmocka_unit_test(cut),
		cmocka_unit_test(left_over),	cmocka_unit_test(flaps_kept),
	};

	holds[1] = 1u << 1; /* slot 9 */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
