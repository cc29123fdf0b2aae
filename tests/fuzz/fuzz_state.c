/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's state and a pool's export, with checksums that are right:
 * as a version with a fault, or somebody with an editor, would leave them. The
 * first byte says which. What is taken comes out again; a coordinator can be
 * made of it. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <xxhash.h>

#include "cli/pool_file.h"
#include "daemon/coordinator/state_codec.h"

/* --- state ---------------------------------------------------------------- */

static const struct lr_config cfg = {.pool = "test"};
static const uint8_t holds[LR_SLOTS / 8];

static struct lr_coordinator *coordinator(void)
{
	struct lr_coordinator *k = calloc(1, sizeof *k);

	FUZZ_CHECK(k);
	k->b.cfg = &cfg;
	return k;
}

static void free_coordinator(struct lr_coordinator *k)
{
	lr_coord_free(k->rules);
	free(k->devices);
	free(k->invites);
	free(k->drained);
	free(k->flapped);
	free(k);
}

static bool decode(struct lr_coordinator *k, const struct lr_bytes *b,
		   struct lr_bytes *ret_kept)
{
	struct lr_coord_params p = {.nslots = LR_SLOTS, .run = 7};
	struct lr_view v;
	bool good;

	FUZZ_CHECK(lr_view_init(&v, LR_SLOTS));
	good = lr_state_decode(k, lr_state_records, b, &v, ret_kept);
	if (good) {
		k->rules = lr_coord_new(&p, &v, v.epoch, 0);
		FUZZ_CHECK(k->rules);
	}
	lr_view_done(&v);
	return good;
}

static bool same_devices(const struct lr_coordinator *a,
			 const struct lr_coordinator *b)
{
	if (a->n_devices != b->n_devices)
		return false;
	for (size_t i = 0; i < a->n_devices; i++)
		if (!lr_dev_eq(&a->devices[i].dev, &b->devices[i].dev) ||
		    !lr_dev_eq(&a->devices[i].key, &b->devices[i].key) ||
		    a->devices[i].roles != b->devices[i].roles ||
		    strcmp(a->devices[i].name, b->devices[i].name) != 0)
			return false;
	return true;
}

static void check_state(const uint8_t *data, size_t size)
{
	struct lr_coordinator *k = coordinator(), *again = coordinator();
	const struct lr_bytes in = {(uint8_t *)data, size};
	struct lr_bytes kept = {0}, kept_again = {0}, out = {0};

	if (decode(k, &in, &kept) &&
	    lr_state_encode(k, lr_state_records, &kept, holds, &out)) {
		out.len -= 8; /* the checksum */
		FUZZ_CHECK(decode(again, &out, &kept_again));
		FUZZ_CHECK(same_devices(k, again));
		FUZZ_CHECK(kept.len == kept_again.len);
		free(out.p);
	}
	free(kept.p);
	free(kept_again.p);
	free_coordinator(k);
	free_coordinator(again);
}

/* --- export --------------------------------------------------------------- */

static void check_export(const uint8_t *data, size_t size)
{
	struct pool_part all = {malloc(size + 8), size + 8}, out;
	struct pool_part parts[POOL_FILES] = {0}, again[POOL_FILES] = {0};
	struct lr_writer w = lr_writer(all.p, all.len);

	FUZZ_CHECK(all.p);
	lr_w_bytes(&w, data, size);
	lr_w_u64(&w, XXH3_64bits(all.p, size));
	if (pool_file_parse(&all, parts)) {
		FUZZ_CHECK(pool_file_make(parts, &out));
		FUZZ_CHECK(pool_file_parse(&out, again));
		for (size_t i = 0; i < POOL_FILES; i++) {
			FUZZ_CHECK(parts[i].len == again[i].len);
			FUZZ_CHECK(!parts[i].len ||
				   !memcmp(parts[i].p, again[i].p,
					   parts[i].len));
		}
		out.p[size / 2 % out.len] ^= 1;
		FUZZ_CHECK(!pool_file_parse(&out, again));
		free(out.p);
	}
	free(all.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		check_export(data + 1, size - 1);
	else
		check_state(data + 1, size - 1);
	return 0;
}
