/* SPDX-License-Identifier: Apache-2.0 */
/* Every message body and record: what is taken comes out again, byte for
 * byte. The first byte chooses which. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "wire/msg.h"

typedef void (*check_fn)(const uint8_t *p, size_t n);

/* What is behind the fields that we know is dropped; fields that are not
 * there are written as zeros. */
static void same(const struct lr_writer *w, const uint8_t *p, size_t n)
{
	FUZZ_CHECK(!w->bad);
	for (size_t i = n; i < w->len; i++)
		FUZZ_CHECK(w->p[i] == 0);
	FUZZ_CHECK(memcmp(w->p, p, n < w->len ? n : w->len) == 0);
}

/* A record's length aside. */
static void same_record(const struct lr_writer *w, const uint8_t *p, size_t n)
{
	const struct lr_writer body = { w->p + 2, w->len - 2, w->cap, w->bad };

	same(&body, p + 2, n - 2);
}

#define MSG_CHECK(num, NAME, name, bulk, doc)                \
	static void check_##name(const uint8_t *p, size_t n) \
	{                                                    \
		uint8_t out[LR_META_MAX];                    \
		struct lr_writer w = lr_writer(out, sizeof out); \
		struct lr_msg_##name m;                      \
                                                             \
		if (n > sizeof out / 2 || !lr_dec_##name(p, n, &m)) \
			return;                              \
		lr_enc_##name(&w, &m);                       \
		same(&w, p, n);                              \
	}
#define REC_CHECK(NAME, name, same)                                  \
	static void check_rec_##name(const uint8_t *p, size_t n)     \
	{                                                            \
		static uint8_t out[LR_VALUE_MAX];                    \
		struct lr_reader r = lr_reader(p, n);                \
		struct lr_rec_##name m;                              \
                                                                     \
		while (r.left && n <= sizeof out / 2) {              \
			const uint8_t *at = r.p;                     \
			struct lr_writer w = lr_writer(out, sizeof out); \
                                                                     \
			if (!lr_dec_rec_##name(&r, &m))              \
				return;                              \
			lr_enc_rec_##name(&w, &m);                   \
			same(&w, at, (size_t)(r.p - at));            \
		}                                                    \
	}
#define PLAIN_CHECK(NAME, name) REC_CHECK(NAME, name, same)
#define SIZED_CHECK(NAME, name) REC_CHECK(NAME, name, same_record)

LR_MESSAGES(MSG_CHECK)
LR_PLAIN_RECORDS(PLAIN_CHECK)
LR_SIZED_RECORDS(SIZED_CHECK)

static void check_cfg(const uint8_t *p, size_t n)
{
	uint8_t out[LR_CFG_BYTES_MAX];
	struct lr_reader r = lr_reader(p, n);
	struct lr_writer w = lr_writer(out, sizeof out);
	struct lr_cfg cfg;
	unsigned slot;

	if (!lr_dec_cfg(&r, &slot, &cfg))
		return;
	lr_enc_cfg(&w, slot, &cfg);
	same(&w, p, n - r.left);
}

static const check_fn checks[] = {
	check_cfg,
#define MSG_ROW(num, NAME, name, bulk, doc) check_##name,
	LR_MESSAGES(MSG_ROW)
#define REC_ROW(NAME, name) check_rec_##name,
	LR_RECORDS(REC_ROW)
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		checks[data[0] % (sizeof checks / sizeof *checks)](data + 1,
								   size - 1);
	return 0;
}
