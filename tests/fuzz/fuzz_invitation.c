/* SPDX-License-Identifier: Apache-2.0 */
/* An invitation as somebody types it, or as it lies in a file: what is taken is
 * written again as it was read, blanks aside, and can sign. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "net/invitation.h"

static bool same(const struct lr_invitation *a, const struct lr_invitation *b)
{
	return lr_dev_eq(&a->pool, &b->pool) &&
	       lr_dev_eq(&a->secret, &b->secret) && a->last.n == b->last.n &&
	       lr_dev_eq(&a->last.key, &b->last.key);
}

static void check_proof(const struct lr_invitation *i)
{
	const struct lr_dev device = {{7}};
	uint8_t proof[LR_PROOF_BYTES];
	struct lr_dev key;

	FUZZ_CHECK(lr_invitation_key(i, &key));
	FUZZ_CHECK(lr_invitation_sign(i, &device, proof));
	FUZZ_CHECK(lr_invitation_verify(&key, &i->pool, &device, proof,
					sizeof proof));
	proof[0] ^= 1;
	FUZZ_CHECK(!lr_invitation_verify(&key, &i->pool, &device, proof,
					 sizeof proof));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), again[LR_INVITATION_TEXT];
	struct lr_invitation i, back;

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (lr_invitation_parse(text, &i)) {
		lr_invitation_format(&i, again);
		FUZZ_CHECK(lr_invitation_parse(again, &back));
		FUZZ_CHECK(same(&i, &back));
		FUZZ_CHECK(strlen(again) <= size);
		check_proof(&i);
	}
	free(text);
	return 0;
}
