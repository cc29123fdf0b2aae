/* SPDX-License-Identifier: Apache-2.0 */
/* Views in parts, from anyone: whole, deltas, in any order. No slot goes back
 * to a lower ce, rev never falls within a run, and what is held can be sent on:
 * somebody else who takes its parts has the same. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "wire/viewcodec.h"

#define SLOTS 8

static void check_kept(const struct lr_view *was, const struct lr_view *v)
{
	FUZZ_CHECK(v->nslots == SLOTS && v->n_members <= LR_VIEW_MEMBERS_MAX);
	FUZZ_CHECK(v->run != was->run || v->rev >= was->rev);
	FUZZ_CHECK(v->epoch >= was->epoch);
	for (unsigned s = 0; s < SLOTS; s++) {
		FUZZ_CHECK(v->cfg[s].ce >= was->cfg[s].ce);
		FUZZ_CHECK(!v->cfg[s].ce || lr_cfg_valid(&v->cfg[s]));
	}
}

static void one_part(struct lr_view_rx *rx, struct fuzz_in *in)
{
	struct lr_msg_view whole = {.run = 1 + fuzz_below(in, 2),
				    .rev = fuzz_below(in, 8),
				    .epoch = fuzz_int(in, 2),
				    .part = (uint16_t)fuzz_below(in, 4),
				    .parts = (uint16_t)fuzz_below(in, 4)};
	struct lr_msg_view_delta delta = {.run = whole.run,
					  .from = whole.rev,
					  .to = whole.rev + fuzz_below(in, 3),
					  .epoch = whole.epoch,
					  .part = whole.part,
					  .parts = whole.parts};
	bool is_whole = fuzz_below(in, 2);
	const uint8_t *bulk;
	size_t n;

	bulk = fuzz_piece(in, 1023, &n);
	if (is_whole)
		lr_view_rx_whole(rx, &whole, bulk, n);
	else
		lr_view_rx_delta(rx, &delta, bulk, n);
}

/* `small` parts make several of it. */
static void send_on(const struct lr_view *v, size_t small)
{
	static uint8_t buf[LR_VALUE_MAX];
	struct lr_view_enc it;
	struct lr_view_rx rx;
	struct lr_msg_view m = {.run = v->run ? v->run : 1,
				.rev = v->rev,
				.epoch = v->epoch};
	enum lr_view_took took = LR_VIEW_BAD;

	FUZZ_CHECK(lr_view_rx_init(&rx, SLOTS));
	lr_view_enc_whole(&it, v);
	m.parts = (uint16_t)lr_view_enc_parts(&it, small);
	for (; m.part < m.parts; m.part++) {
		struct lr_writer w = lr_writer(buf, small);

		FUZZ_CHECK(lr_view_enc_next(&it, &w));
		took = lr_view_rx_whole(&rx, &m, buf, w.len);
	}
	FUZZ_CHECK(took == LR_VIEW_APPLIED);
	FUZZ_CHECK(rx.view.n_members == v->n_members);
	for (unsigned s = 0; s < SLOTS; s++)
		FUZZ_CHECK(lr_cfg_eq(&rx.view.cfg[s], &v->cfg[s]));
	lr_view_rx_done(&rx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};
	struct lr_view_rx rx;
	struct lr_view was;

	FUZZ_CHECK(lr_view_rx_init(&rx, SLOTS));
	while (in.left) {
		FUZZ_CHECK(lr_view_copy(&was, &rx.view));
		one_part(&rx, &in);
		check_kept(&was, &rx.view);
		lr_view_done(&was);
	}
	send_on(&rx.view, 1024);
	lr_view_rx_done(&rx);
	return 0;
}
