/* SPDX-License-Identifier: Apache-2.0 */
/* Which slots' losses are missed by objects that are still listed. */
#include "unit.h"

#include "core/losses.h"

#define CHUNK 1000u
#define LOST_MS 5000u /* when the slots were lost */

static struct lr_catalog *k;
static struct lr_losses l;

static int set_up(void **state)
{
	(void)state;
	k = lr_catalog_new(LR_SLOTS);
	lr_losses_begin(&l);
	return k ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	lr_catalog_free(k);
	return 0;
}

static struct lr_id put(uint64_t n, uint64_t size, uint64_t created_ms)
{
	struct lr_object o = {.size = size,
			      .created_ms = created_ms,
			      .flags = LR_OBJECT_CLOSED,
			      .state = LR_OBJECT_THERE,
			      .name = "o"};

	memcpy(o.id.b, &(uint64_t){n * 0x9e3779b97f4a7c15u >> 8}, 8);
	lr_id_set_class(&o.id, LR_NORMAL);
	assert_true(lr_catalog_put(k, &o));
	return o.id;
}

static unsigned chunk_slot(const struct lr_id *object, uint64_t n)
{
	struct lr_id id;

	lr_id_of_chunk(&id, object, n);
	return lr_id_slot(&id);
}

static void look(size_t most)
{
	unsigned turns = 1;

	while (!lr_losses_look(&l, k, CHUNK, most)) {
		turns++;
		assert_true(turns < 10000);
	}
	assert_true(most > 100 || turns > 1);
}

/* The slot of a lost object is missed until its row is removed. */
static void lost_object(void **state)
{
	struct lr_id id = put(1, 10, 1), other = put(2, 10, 1);
	unsigned slot = lr_id_slot(&id);

	(void)state;
	lr_catalog_begin(k, slot);
	lr_catalog_end(k, slot, true);
	l.before_ms[slot] = l.before_ms[lr_id_slot(&other)] = LOST_MS;
	look(1000);
	assert_true(l.missed[slot]);
	assert_false(l.missed[lr_id_slot(&other)]);
	lr_catalog_remove(k, &id);
	lr_losses_begin(&l);
	l.before_ms[slot] = LOST_MS;
	look(1000);
	assert_false(l.missed[slot]);
}

/* A slot of a chunk is missed by an object that was there before; not by one
 * that came later, by one without chunks, nor in a slot that lost nothing. */
static void lost_chunk(void **state)
{
	struct lr_id old = put(1, 3 * CHUNK, LOST_MS - 1);
	struct lr_id new = put(2, 2 * CHUNK + 1, LOST_MS);
	struct lr_id small = put(3, CHUNK, LOST_MS - 1);
	unsigned n = 0;

	(void)state;
	for (unsigned s = 0; s < LR_SLOTS; s++)
		l.before_ms[s] = LOST_MS;
	l.before_ms[chunk_slot(&old, 2)] = 0;
	look(1000);
	assert_true(l.missed[chunk_slot(&old, 0)]);
	assert_true(l.missed[chunk_slot(&old, 1)]);
	for (unsigned s = 0; s < LR_SLOTS; s++)
		n += l.missed[s];
	assert_int_equal(n, 2);
	assert_false(l.missed[chunk_slot(&new, 0)]);
	assert_false(l.missed[lr_id_slot(&small)]);
}

/* In pieces of any size a pass finds what it finds in one; also when an object
 * goes between two pieces. */
static void pieces(void **state)
{
	static bool all[LR_SLOTS];
	struct lr_id id[300];

	(void)state;
	for (unsigned i = 0; i < countof(id); i++)
		id[i] = put(i + 1, (i % 7) * CHUNK, 1);
	for (unsigned s = 0; s < LR_SLOTS; s++)
		l.before_ms[s] = LOST_MS;
	look(SIZE_MAX);
	memcpy(all, l.missed, sizeof all);
	for (size_t most = 1; most < 20; most += 3) {
		lr_losses_begin(&l);
		for (unsigned s = 0; s < LR_SLOTS; s++)
			l.before_ms[s] = LOST_MS;
		look(most);
		assert_memory_equal(all, l.missed, sizeof all);
	}
	lr_losses_begin(&l);
	for (unsigned i = 0; i < countof(id); i++) {
		lr_losses_look(&l, k, CHUNK, 1);
		lr_catalog_remove(k, &id[i]);
	}
	look(1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lost_object, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(lost_chunk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pieces, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
