/* SPDX-License-Identifier: Apache-2.0 */
/* A network on which a SEAL, its answer or an INSTALL takes seconds. */
#include "tests/unit/coord_kit.h"

#define SLOTS KIT_POOL_SLOTS

const char *lr_mutation;

static uint64_t epoch_of(const struct kit *k)
{
	return lr_coord_view(k->c)->epoch;
}

/* From a donor's death to the view without it, or 30 s; links move no more
 * after `moves_ms`. */
static uint64_t death_takes(struct kit *k, unsigned donor, unsigned moves_ms)
{
	uint64_t at = k->now, epoch = epoch_of(k);

	kit_kill(k, donor, false);
	while (epoch_of(k) == epoch && k->now < at + 30000) {
		k->moves = k->now < at + moves_ms;
		kit_step(k);
	}
	return k->now - at;
}

/* Answers that take longer than the 200 ms, and are on their way, are waited
 * for: all stay, a join and a death take no more changes than ever, and
 * nothing is asked or installed twice. */
static void answers_on_their_way(void **state)
{
	struct kit k;
	unsigned seals;
	uint64_t epoch;

	(void)state;
	kit_pool(&k, 3, 4);
	k.moves = true;
	for (unsigned i = 0; i < 4; i++)
		k.d[i].slow_ms = 1500;
	epoch = epoch_of(&k);
	kit_start(&k, 3);
	kit_run(&k, 4000);
	assert_true(kit_until(&k, kit_healed, 60000));
	assert_true(epoch_of(&k) - epoch <= 3);
	epoch = epoch_of(&k);
	seals = k.seals;
	assert_in_range(death_takes(&k, 1, 30000), 3000, 4000);
	kit_run(&k, 30000);
	assert_int_equal(kit_holding(&k, 1), 2); /* their only copies */
	assert_int_equal(k.events[LR_EVENT_DOWN], 1);
	assert_true(epoch_of(&k) - epoch <= 2);
	assert_true(k.seals - seals <= 6);
	kit_end(&k);
}

/* A link on which nothing moves is given the 200 ms, as ever; one that moved,
 * a second more; one that moves and moves, 15 s in all. */
static void waiting_ends(void **state)
{
	struct kit k;

	(void)state;
	kit_pool(&k, 4, 4);
	k.d[0].slow_ms = 60000;
	assert_in_range(death_takes(&k, 1, 0), 200, 400);
	kit_done(&k);

	kit_pool(&k, 4, 4);
	k.d[0].slow_ms = 60000;
	assert_in_range(death_takes(&k, 1, 3000), 3900, 4200);
	kit_done(&k);

	kit_pool(&k, 4, 4);
	k.d[0].slow_ms = 60000;
	assert_in_range(death_takes(&k, 1, 30000), 15000, 15300);
	kit_end(&k);
}

/* A donor that dies while it is waited for is waited for no more. */
static void dies_meanwhile(void **state)
{
	struct kit k;
	uint64_t epoch, at;

	(void)state;
	kit_pool(&k, 4, 4);
	k.moves = true;
	k.d[0].slow_ms = 60000;
	epoch = epoch_of(&k);
	kit_kill(&k, 1, false);
	kit_run(&k, 3000);
	assert_int_equal(epoch_of(&k), epoch);
	at = k.now;
	kit_kill(&k, 0, false);
	while (epoch_of(&k) == epoch && k.now < at + 30000)
		kit_step(&k);
	assert_true(k.now - at < 1500);
	kit_end(&k);
}

/* INSTALLs that are on their way are not sent again. */
static void installs_on_their_way(void **state)
{
	struct kit k;
	size_t most = 0;

	(void)state;
	kit_pool(&k, 4, 4);
	k.moves = true;
	k.d[0].slow_ms = 2000;
	kit_kill(&k, 1, false);
	for (uint64_t end = k.now + 20000; k.now < end; kit_step(&k)) {
		size_t n = 0;

		for (size_t i = 0; i < k.n_msg; i++)
			n += k.msg[i].kind == KIT_INSTALL && !k.msg[i].donor;
		most = n > most ? n : most;
	}
	assert_int_equal(most, 1);
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_on_their_way),
		cmocka_unit_test(waiting_ends),
		cmocka_unit_test(dies_meanwhile),
		cmocka_unit_test(installs_on_their_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
