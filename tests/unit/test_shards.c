/* SPDX-License-Identifier: Apache-2.0 */
/* One donor of several shards: what the coordinator says goes to the shards
 * that have the slots, what they answer comes from all of them in one, and what
 * is lent is one for all. The mailboxes and the link are told of, not run. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/donor/donor.h"

#define SHARDS 3u
#define EPOCH 7u

/* --- what left ----------------------------------------------------------- */

struct gone {
	unsigned type, shard; /* shard: of what went to one */
	uint64_t req;
	size_t bulk;
	uint16_t slot[8]; /* the bulk, as slot numbers */
};

static struct {
	struct lr_donor d;
	struct lr_donor_shard shard[SHARDS];
	struct gone told[32], said[32]; /* to the shards, to the coordinator */
	unsigned n_told, n_said;
	uint64_t link; /* that mail is of */
	bool cut; /* no link */
} t;

static void note(struct gone *to, unsigned type, uint64_t req, const void *bulk,
		 size_t len)
{
	to->type = type;
	to->req = req;
	to->bulk = len;
	memcpy(to->slot, bulk ? bulk : "",
	       len < sizeof to->slot ? len : sizeof to->slot);
}

struct lr_link *__wrap_lr_attach_link(const struct lr_attach *a);
struct lr_link *__wrap_lr_attach_link(const struct lr_attach *a)
{
	(void)a;
	return t.cut ? NULL : (struct lr_link *)&t;
}

enum lr_err __wrap_lr_link_send(struct lr_link *link, unsigned type,
				uint64_t req, const void *meta, size_t meta_len,
				const struct lr_bulk *bulk);
enum lr_err __wrap_lr_link_send(struct lr_link *link, unsigned type,
				uint64_t req, const void *meta, size_t meta_len,
				const struct lr_bulk *bulk)
{
	(void)link, (void)meta, (void)meta_len;
	note(&t.said[t.n_said++], type, req, bulk ? bulk->p : NULL,
	     bulk ? bulk->len : 0);
	return LR_E_OK;
}

void __wrap_lr_mailbox_post(struct lr_mailbox *b, uint64_t link, unsigned type,
			    uint64_t req, const void *meta, size_t meta_len,
			    const void *bulk, size_t bulk_len);
void __wrap_lr_mailbox_post(struct lr_mailbox *b, uint64_t link, unsigned type,
			    uint64_t req, const void *meta, size_t meta_len,
			    const void *bulk, size_t bulk_len)
{
	struct gone *g = &t.told[t.n_told++];

	(void)link, (void)meta, (void)meta_len;
	g->shard = 0;
	note(g, type, req, bulk, bulk_len);
	while (b != &t.shard[g->shard].s.inbox)
		g->shard++;
	if (type != LR_MAIL_LIMIT)
		return;
	memcpy(&g->req, meta, sizeof g->req);
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	t.d.shards = t.shard;
	t.d.n_shards = SHARDS;
	t.d.link = t.link = 1;
	for (unsigned i = 0; i < SHARDS; i++) {
		t.shard[i].d = &t.d;
		t.shard[i].s.o.nth = i;
		t.shard[i].s.o.shards = SHARDS;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lr_gather_drop(&t.d);
	return 0;
}

/* --- the coordinator's and the shards' words ------------------------------ */

static void seal(uint64_t req, const uint16_t *slots, size_t n)
{
	struct lr_frame f = { .h = { .type = LR_M_SEAL,
				     .req = req,
				     .bulk = (uint32_t)(2 * n) },
			      .bulk = (const uint8_t *)slots };

	lr_gather_frame(&t.d, &f);
}

/* A shard's mail whose bulk is one slot's number. */
static void mail(unsigned shard, unsigned type, uint64_t req, uint16_t slot)
{
	struct lr_mail *m = malloc(sizeof *m + 2);

	assert_non_null(m);
	*m = (struct lr_mail){ .link = t.link,
			       .h = { .type = (uint16_t)type,
				      .req = req,
				      .bulk = 2 } };
	memcpy(m->bytes, &slot, 2);
	lr_gather_mail_cb(&t.shard[shard], m);
	free(m);
}

/* Each shard is asked of its own slots, one that has none of them not at all;
 * the parts become one answer, whichever comes first. */
static void split_and_gathered(void **state)
{
	static const uint16_t slots[] = { 3, 4, 9, 1 };

	(void)state;
	seal(50, slots, 4);
	assert_int_equal(t.n_told, 2);
	assert_int_equal(t.told[0].shard, 0);
	assert_int_equal(t.told[0].bulk, 4);
	assert_int_equal(t.told[0].slot[0], 3);
	assert_int_equal(t.told[0].slot[1], 9);
	assert_int_equal(t.told[1].shard, 1);
	assert_int_equal(t.told[1].slot[0], 4);
	assert_int_equal(t.told[1].slot[1], 1);
	mail(1, LR_M_SEAL_R, 50, 4);
	assert_int_equal(t.n_said, 0);
	mail(0, LR_M_SEAL_R, 50, 3);
	assert_int_equal(t.n_said, 1);
	assert_int_equal(t.said[0].type, LR_M_SEAL_R);
	assert_int_equal(t.said[0].req, 50);
	assert_int_equal(t.said[0].bulk, 4);
	assert_int_equal(t.said[0].slot[0], 4);
	assert_int_equal(t.said[0].slot[1], 3);
}

/* What a shard says behind its part waits for the answer; what it said before,
 * and what others say, does not. */
static void order_is_kept(void **state)
{
	static const uint16_t slots[] = { 0, 1 };

	(void)state;
	seal(60, slots, 2);
	mail(0, LR_M_SYNCED, 0, 100); /* before its part */
	assert_int_equal(t.n_said, 1);
	mail(0, LR_M_SEAL_R, 60, 0);
	mail(0, LR_M_SYNCED, 0, 101);
	mail(0, LR_M_SYNCED, 0, 102);
	assert_int_equal(t.n_said, 1);
	mail(2, LR_M_SYNCED, 0, 200);
	mail(1, LR_M_SYNCED, 0, 300);
	assert_int_equal(t.n_said, 3);
	mail(1, LR_M_SEAL_R, 60, 1);
	assert_int_equal(t.n_said, 6);
	assert_int_equal(t.said[3].type, LR_M_SEAL_R);
	assert_int_equal(t.said[4].slot[0], 101);
	assert_int_equal(t.said[5].slot[0], 102);
	assert_null(t.d.line);
}

/* Two questions at once: the second answer, and what stands between the two,
 * waits where a shard has a part in both. */
static void two_at_once(void **state)
{
	static const uint16_t both[] = { 0, 1 }, others[] = { 0, 2 };

	(void)state;
	seal(70, both, 2);
	seal(71, others, 2);
	mail(0, LR_M_SEAL_R, 70, 0);
	mail(0, LR_M_SYNCED, 0, 100);
	mail(0, LR_M_SEAL_R, 71, 0);
	mail(2, LR_M_SEAL_R, 71, 2);
	assert_int_equal(t.n_said, 0);
	mail(1, LR_M_SEAL_R, 70, 1);
	assert_int_equal(t.n_said, 3);
	assert_int_equal(t.said[0].req, 70);
	assert_int_equal(t.said[1].slot[0], 100);
	assert_int_equal(t.said[2].req, 71);
}

/* A part that never comes: no answer, and nothing waits for it for ever. */
static void part_missing(void **state)
{
	static const uint16_t slots[] = { 0, 1 };

	(void)state;
	seal(80, slots, 2);
	mail(0, LR_M_SEAL_R, 80, 0);
	mail(0, LR_M_SYNCED, 0, 100);
	lr_gather_tick(&t.d, lr_now_ms());
	assert_int_equal(t.n_said, 0);
	lr_gather_tick(&t.d, lr_now_ms() + 60000);
	assert_int_equal(t.n_said, 1);
	assert_int_equal(t.said[0].type, LR_M_SYNCED);
	assert_null(t.d.line);
}

/* Another link: what was asked over the old one is answered to nobody. */
static void link_lost(void **state)
{
	static const uint16_t slots[] = { 0, 1 };

	(void)state;
	seal(90, slots, 2);
	mail(0, LR_M_SEAL_R, 90, 0);
	lr_gather_drop(&t.d);
	assert_null(t.d.line);
	t.d.link = 2;
	mail(1, LR_M_SEAL_R, 90, 1);
	t.cut = true;
	t.link = 2;
	mail(1, LR_M_SYNCED, 0, 1);
	assert_int_equal(t.n_said, 0);
}

/* --- what is lent ---------------------------------------------------------- */

/* Nobody gets less than it holds while there is room, all together never more
 * than is lent, and beyond it all give back in proportion. */
static void lent_is_shared(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int run = 0; run < 20000; run++) {
		unsigned n = 1 + draw(&seed, LR_SHARDS_MAX);
		uint64_t lent = (uint64_t)draw(&seed, 1u << 20) << 20;
		uint64_t mapped[LR_SHARDS_MAX], got[LR_SHARDS_MAX];
		uint64_t sum = 0, all = 0;

		for (unsigned i = 0; i < n; i++) {
			mapped[i] = lent / n / 1000 * draw(&seed, 2000);
			sum += mapped[i];
		}
		lr_shares(lent, mapped, n, got);
		for (unsigned i = 0; i < n; i++) {
			all += got[i];
			assert_true(sum <= lent ? got[i] >= mapped[i] :
						  got[i] <= mapped[i]);
		}
		assert_true(all <= lent);
		assert_true(all + n * 8192 + lent / 128 >= lent);
	}
}

static void tick_shares(void)
{
	t.n_told = 0;
	lr_shares_set(&t.d);
}

/* What one shard has to give up is another's only once it keeps to that. */
static void lowered_first(void **state)
{
	(void)state;
	t.d.lent = 300 << 20;
	for (unsigned i = 0; i < SHARDS; i++) {
		t.shard[i].limit = 100 << 20;
		t.shard[i].s.stats.limit = 100 << 20;
	}
	t.shard[0].s.stats.mapped = 20 << 20;
	tick_shares();
	assert_int_equal(t.n_told, 0); /* room enough as it is */
	t.shard[0].s.stats.mapped = 90 << 20; /* 70 MiB for each are free */
	tick_shares();
	assert_int_equal(t.n_told, 2);
	assert_int_equal(t.told[0].req, 70 << 20);
	assert_int_equal(t.told[1].req, 70 << 20);
	tick_shares(); /* not heard yet */
	assert_int_equal(t.n_told, 0);
	t.shard[1].s.stats.limit = t.shard[1].limit;
	t.shard[2].s.stats.limit = t.shard[2].limit;
	tick_shares();
	assert_int_equal(t.n_told, 1);
	assert_int_equal(t.told[0].shard, 0);
	assert_int_equal(t.told[0].req, 160 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(split_and_gathered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(order_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(two_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(part_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(link_lost, setup, teardown),
		cmocka_unit_test(lent_is_shared),
		cmocka_unit_test_setup_teardown(lowered_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
