/* SPDX-License-Identifier: Apache-2.0 */
#include "net/invitation.h"

#include <unistd.h>

#include "net/identity.h"
#include "unit.h"

static struct lr_dev any(int b)
{
	struct lr_dev d;

	memset(d.b, b, sizeof d.b);
	return d;
}

/* One word that says the same when it is read, with white space around it. */
static void text(void **state)
{
	struct lr_dev pool = any(7);
	struct lr_invitation i, back;
	char out[LR_INVITATION_TEXT], more[LR_INVITATION_TEXT + 8];

	(void)state;
	lr_invitation_make(&pool, &i);
	lr_invitation_format(&i, out);
	assert_null(strpbrk(out, " \t\n"));
	snprintf(more, sizeof more, " %s\r\n", out);
	assert_true(lr_invitation_parse(more, &back));
	assert_memory_equal(&i, &back, sizeof i);
	i.last = (struct lr_pool_key){ any(9), 16 };
	lr_invitation_format(&i, out);
	assert_true(lr_invitation_parse(out, &back));
	assert_memory_equal(&i, &back, sizeof i);
}

/* Cut anywhere, changed in its form, or with more behind it, it is none. */
static void no_invitation(void **state)
{
	struct lr_dev pool = any(7);
	struct lr_invitation i, back;
	char out[LR_INVITATION_TEXT], bad[LR_INVITATION_TEXT + 8];

	(void)state;
	lr_invitation_make(&pool, &i);
	lr_invitation_format(&i, out);
	for (size_t n = 0; n < strlen(out); n++) {
		snprintf(bad, sizeof bad, "%.*s", (int)n, out);
		assert_false(lr_invitation_parse(bad, &back));
	}
	snprintf(bad, sizeof bad, "%s:x", out);
	assert_false(lr_invitation_parse(bad, &back));
	snprintf(bad, sizeof bad, "lanram2%s", out + 7);
	assert_false(lr_invitation_parse(bad, &back));
	i.last = (struct lr_pool_key){ any(9), 1 };
	lr_invitation_format(&i, out);
	for (size_t n = 0; n < strlen(out); n++) {
		snprintf(bad, sizeof bad, "%.*s", (int)n, out);
		assert_false(lr_invitation_parse(bad, &back));
	}
	snprintf(bad, sizeof bad, "lanram1%s", out + 7);
	assert_false(lr_invitation_parse(bad, &back));
}

/* The first line of a file; a file that is none, or not there, is refused. */
static void file(void **state)
{
	char path[] = "/tmp/test-invitation-XXXXXX", out[LR_INVITATION_TEXT];
	struct lr_dev pool = any(1);
	struct lr_invitation i, back;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	lr_invitation_make(&pool, &i);
	lr_invitation_format(&i, out);
	assert_false(lr_invitation_read(path, &back));
	assert_int_equal(dprintf(fd, "%s\nfor the fleet\n", out),
			 strlen(out) + 15);
	assert_true(lr_invitation_read(path, &back));
	assert_memory_equal(&i, &back, sizeof i);
	close(fd);
	unlink(path);
	assert_false(lr_invitation_read(path, &back));
}

/* A proof is good for its invitation, its pool and its device, and no other;
 * with any bit changed it is none. */
static void proof(void **state)
{
	struct lr_dev pool = any(1), device = any(2), other = any(3), key, key2;
	struct lr_invitation i, j;
	uint8_t p[LR_PROOF_BYTES];

	(void)state;
	lr_invitation_make(&pool, &i);
	lr_invitation_make(&pool, &j);
	assert_true(lr_invitation_key(&i, &key));
	assert_true(lr_invitation_key(&j, &key2));
	assert_true(lr_invitation_sign(&i, &device, p));
	assert_true(lr_invitation_verify(&key, &pool, &device, p, sizeof p));
	assert_false(lr_invitation_verify(&key2, &pool, &device, p, sizeof p));
	assert_false(lr_invitation_verify(&key, &other, &device, p, sizeof p));
	assert_false(lr_invitation_verify(&key, &pool, &other, p, sizeof p));
	assert_false(lr_invitation_verify(&key, &pool, &device, p, 63));
	assert_false(lr_invitation_verify(&key, &pool, &device, NULL, 0));
	for (size_t n = 0; n < sizeof p; n++) {
		p[n] ^= 1;
		assert_false(lr_invitation_verify(&key, &pool, &device, p,
						  sizeof p));
		p[n] ^= 1;
	}
	assert_memory_not_equal(&key, &i.secret, sizeof key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(no_invitation),
		cmocka_unit_test(file),
		cmocka_unit_test(proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
