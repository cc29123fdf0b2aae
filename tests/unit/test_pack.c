/* SPDX-License-Identifier: Apache-2.0 */
/* Small objects are packed in a donor's RAM, and nobody can tell. */
#include "store_kit.h"

#include <string.h>

#include <openssl/sha.h>

#include "core/sum.h"
#include "store/internal.h"
#include "store/record.h"

#define MIB   (1ull << 20)
#define BYTES (LR_WHOLE_MAX + 64)

/* One object as it is put, and its copy to compare with. */
struct object {
	struct lr_manifest m;
	struct lr_entry e;
	uint32_t inline_bytes;
	uint8_t bytes[BYTES];
};

static struct object object(uint32_t bytes, size_t name)
{
	struct object o = {
		.m = {.flags = LR_OBJECT_CLOSED,
		      .uid = 1000,
		      .size = bytes,
		      .chunk_bytes = LR_VALUE_MAX,
		      .created_ms = 1790000000123},
		.e = {.id = kit_id(bytes * 1000 + name),
		      .tag = {LR_TS_CLOSED, UINT64_MAX, UINT32_MAX},
		      .kind = LR_KIND_MANIFEST,
		      .state = LR_FOUND_VALUE},
		.inline_bytes = bytes,
	};

	memset(o.m.owner.b, 7, sizeof(o.m.owner.b));
	memset(o.m.name, 'n', name);
	return o;
}

static const void *value_of(uint32_t bytes)
{
	static uint8_t value[512];

	for (unsigned i = 0; i < bytes; i++)
		value[i] = (uint8_t)(i * 31 + bytes);
	return value;
}

/* Encodes what the fields say now, with the SHA-256 that belongs to it. */
static void seal(struct object *o)
{
	struct lr_writer w = lr_writer(o->bytes, sizeof(o->bytes));

	SHA256(value_of(o->inline_bytes), o->inline_bytes, o->m.sha256);
	lr_enc_manifest(&w, &o->m);
	lr_w_bytes(&w, value_of(o->inline_bytes), o->inline_bytes);
	assert_false(w.bad);
	o->e.value = o->bytes;
	o->e.bytes = (uint32_t)w.len;
	o->e.expires_ms = o->m.expires_ms;
	o->e.sum = lr_sum(o->bytes, w.len);
}

static bool is_packed(struct lr_store *s, const struct lr_id *id)
{
	struct lr_entry e;

	assert_true(lr_store_get(s, 0, id, &e));
	return e.value == s->whole;
}

static void check(struct lr_store *s, const struct object *o)
{
	struct lr_entry e;

	assert_true(lr_store_get(s, 0, &o->e.id, &e));
	assert_int_equal(lr_tag_cmp(&e.tag, &o->e.tag), 0);
	assert_int_equal(e.kind, o->e.kind);
	assert_int_equal(e.state, LR_FOUND_VALUE);
	assert_int_equal(e.expires_ms, o->e.expires_ms);
	assert_int_equal(e.sum, o->e.sum);
	assert_int_equal(e.bytes, o->e.bytes);
	assert_memory_equal(e.value, o->bytes, e.bytes);
	assert_true(lr_store_verify(&e));
}

static void put(struct lr_store *s, const struct object *o, bool packed)
{
	assert_int_equal(lr_store_put(s, 0, &o->e, false, 1), LR_E_OK);
	check(s, o);
	assert_int_equal(is_packed(s, &o->e.id), packed);
}

/* Every field at its ends comes back as it was, whatever form it is kept in;
 * 64 bytes with no name take 128. */
static void test_extremes(void **state)
{
	static const uint32_t sizes[] = {0, 1, 64, 255, 256, 257, 400};
	static const uint64_t times[] = {0, 1, (1ull << 48) - 1, 1ull << 48,
					 UINT64_MAX};
	struct lr_store *s = lr_store_new(1, 32 * MIB);
	struct object o;

	(void)state;
	for (unsigned i = 0; i < 7 * 5 * 5 * 4; i++) {
		static const size_t names[] = {0, 1, 254, 255};
		uint64_t created = times[i / 7 % 5];
		uint32_t bytes = sizes[i % 7];

		if (bytes > 256 && names[i / 175] > 200)
			continue; /* longer than our buffer */
		o = object(bytes, names[i / 175]);
		o.m.created_ms = created;
		o.m.expires_ms = times[i / 35 % 5];
		o.m.flags |= i % 2 ? LR_OBJECT_PUBLIC : 0;
		o.m.uid = i % 3 ? UINT32_MAX : 0;
		memset(o.m.owner.b, i % 3 ? 0xff : 0, 32);
		seal(&o);
		put(s, &o, bytes <= 256 && !(created >> 48));
	}
	lr_store_drop_slot(s, 0);
	o = object(64, 0);
	seal(&o);
	put(s, &o, true);
	assert_int_equal(lr_store_usage(s).live, 128);
	lr_store_free(s);
}

/* What packing would not give back to the byte is kept as it came. */
static void test_odd_ones(void **state)
{
	struct lr_store *s = lr_store_new(1, 32 * MIB);
	struct object o;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		o = object(64, 3);
		o.m.chunk_bytes -= i == 0;
		if (i == 1)
			o.m.flags = 0; /* open, yet with a value */
		seal(&o);
		o.bytes[3 + 32 + 4 + 8 * 5] ^= i == 2; /* the SHA-256 */
		o.bytes[o.e.bytes - 1] ^= i == 3;      /* the value */
		o.e.expires_ms += i == 4;
		o.e.bytes -= i == 5; /* shorter than its size says */
		o.e.tag.ts -= i == 6;
		if (i == 7)
			o.e.kind = LR_KIND_CHUNK;
		o.e.sum = lr_sum(o.bytes, o.e.bytes);
		put(s, &o, false);
	}
	for (o.e.bytes = 0; o.e.bytes < 120; o.e.bytes++) {
		o.e.kind = LR_KIND_MANIFEST;
		o.e.sum = lr_sum(o.bytes, o.e.bytes);
		put(s, &o, false);
	}
	lr_store_free(s);
}

/* Packed ones are cleaned, shelved, listed, touched and replaced like others;
 * what was put together for one call cannot be pinned. */
static void test_life(void **state)
{
	struct lr_store *s = lr_store_new(1, 64 * MIB);
	struct object o = object(64, 9), last;
	struct lr_entry page[2], e;

	(void)state;
	for (uint64_t k = 0; k < 100000; k++) {
		o.e.id = kit_id(k);
		o.m.uid = (uint32_t)k % 5;
		seal(&o);
		assert_int_equal(lr_store_put(s, 0, &o.e, false, 1), LR_E_OK);
	}
	last = o;
	for (uint64_t k = 0; k < 99999; k++) {
		o.e.id = kit_id(k);
		lr_store_drop(s, 0, &o.e.id);
	}
	kit_clean(s, true);
	assert_true(lr_store_usage(s).mapped < 9 * MIB);
	last.e.value = last.bytes;
	check(s, &last);
	lr_store_touch(s, 0, &last.e.id, &last.e.tag, 6400);
	assert_int_equal(lr_store_scan(s, 0, NULL, page, 2), 1);
	assert_int_equal(page[0].bytes, last.e.bytes);
	assert_int_equal(page[0].stored_ms, 6400);
	assert_null(page[0].value);
	lr_store_shelve(s, 0);
	assert_true(lr_store_shelved(s, 0, &last.e.id, &e));
	assert_true(lr_store_verify(&e));
	assert_true(lr_store_unshelve(s, 0, &last.e.id, 1));
	check(s, &last);
	assert_true(lr_store_get(s, 0, &last.e.id, &e));
	assert_null(lr_store_pin(s, &e));
	e.state = LR_FOUND_TOMB;
	assert_int_equal(lr_store_put(s, 0, &e, true, 1), LR_E_OK);
	assert_int_equal(lr_store_usage(s).tombs, 1);
	lr_store_free(s);
}

/* More owners than the table takes: the others' are kept whole. Without memory
 * for the table, all are. */
static void test_owners(void **state)
{
	struct lr_store *s = lr_store_new(1, 64 * MIB);
	struct object o = object(10, 0);
	uint32_t n, round;

	(void)state;
	seal(&o);
	put(s, &o, true); /* segment and index are there */
	o.m.uid = 999999;
	for (n = 1; n < 16; n++) {
		o.m.uid++;
		seal(&o);
		put(s, &o, true);
	}
	o.m.uid++;
	seal(&o);
	kit_fail_at(1);
	put(s, &o, false);
	assert_true(kit_failed());
	kit_fail_at(0);
	for (round = 0; round < 2; round++) {
		for (n = 0; n < LR_OWNERS_MAX + 10; n++) {
			o.e.id = kit_id(n);
			o.m.uid = 2000 + n;
			seal(&o);
			put(s, &o, n < LR_OWNERS_MAX - 16);
		}
	}
	lr_store_free(s);
}

static struct lr_record *only_record(struct lr_store *s)
{
	const struct lr_index *ix = &s->slots[0];

	for (unsigned i = 0; i < 1u << ix->log2; i++)
		if (ix->refs[i])
			return lr_ref_record(s, ix->refs[i]);
	return NULL;
}

/* The value that is handed out has another SHA-256 than its manifest says. */
static bool sha_tells(const struct lr_entry *e)
{
	struct lr_reader r = lr_reader(e->value, e->bytes);
	struct lr_manifest m;
	uint8_t sum[32];

	if (!lr_dec_manifest(&r, &m))
		return true;
	SHA256(r.p, r.left, sum);
	return memcmp(sum, m.sha256, sizeof(sum)) != 0;
}

/* Any bit that flips in what is kept of a value is noticed by its sum, and one
 * of the value itself by its SHA-256, too. */
static void test_damage(void **state)
{
	struct lr_store *s = lr_store_new(1, 32 * MIB);
	struct object o = object(64, 20);
	struct lr_record *r;
	struct lr_entry e;
	uint8_t *p;

	(void)state;
	seal(&o);
	put(s, &o, true);
	r = only_record(s);
	p = lr_record_value(r);
	for (uint32_t bit = 0; bit < r->bytes * 8; bit++) {
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(lr_store_get(s, 0, &o.e.id, &e));
		assert_false(lr_store_verify(&e));
		if (bit / 8 + 64 >= r->bytes)
			assert_true(sha_tells(&e));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	check(s, &o);
	for (uint32_t no = 0; no <= UINT16_MAX; no++) {
		r->small = no & UINT16_MAX;
		assert_true(lr_store_get(s, 0, &o.e.id, &e));
		assert_int_equal(lr_store_verify(&e), no == 1);
	}
	r->small = 1;
	for (uint32_t n = 0; n < 2 * LR_PACK_MAX; n++) {
		r->bytes = n & ((1u << 20) - 1);
		assert_true(lr_store_get(s, 0, &o.e.id, &e));
		assert_int_equal(lr_store_verify(&e), n == 100);
	}
	lr_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_odd_ones),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
