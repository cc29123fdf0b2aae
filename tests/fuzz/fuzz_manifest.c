/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest's head and a chunk's: what is taken is sane, comes out as it came
 * in, and a stamp changes the owner only. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "wire/chunk.h"
#include "wire/manifest.h"

static void check_chunk(const uint8_t *p, size_t n)
{
	uint8_t head[LR_CHUNK_HEAD];
	struct lr_id id;
	uint64_t no;

	if (!lr_dec_chunk_head(p, n, &id, &no))
		return;
	lr_enc_chunk_head(head, &id, no);
	FUZZ_CHECK(memcmp(head, p, sizeof head) == 0);
}

static void check_again(const uint8_t *p, size_t used,
			const struct lr_manifest *m)
{
	uint8_t out[LR_HEAD_MAX];
	struct lr_writer w = lr_writer(out, sizeof out);

	lr_enc_manifest(&w, m);
	FUZZ_CHECK(!w.bad && w.len == used && memcmp(out, p, used) == 0);
}

static void check_stamp(const uint8_t *p, size_t used, struct lr_manifest m)
{
	const struct lr_dev me = {{7}};
	uint8_t copy[LR_HEAD_MAX];

	memcpy(copy, p, used);
	FUZZ_CHECK(lr_manifest_stamp(copy, used, &me, 1000));
	m.owner = me;
	m.uid = 1000;
	check_again(copy, used, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lr_reader r = lr_reader(data, size);
	struct lr_manifest m;

	check_chunk(data, size);
	if (!lr_dec_manifest(&r, &m))
		return 0;
	FUZZ_CHECK(m.chunk_bytes <= LR_VALUE_MAX);
	if (m.flags & LR_OBJECT_CLOSED && m.chunks)
		FUZZ_CHECK(m.size <= m.chunks * m.chunk_bytes);
	check_again(data, size - r.left, &m);
	check_stamp(data, size - r.left, m);
	return 0;
}
