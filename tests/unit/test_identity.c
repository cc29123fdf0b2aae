/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in files, pairing codes, what names a machine. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "net/identity.h"
#include "net/pairing_words.h"

#include <dirent.h>
#include <ctype.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], key[128], why[256];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/lanram-test-XXXXXX");
	why[0] = '\0';
	if (!mkdtemp(dir))
		return -1;
	snprintf(key, sizeof key, "%s/a/b/device.key", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static unsigned files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void write_file(const char *path, const char *text, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* The first opening makes the folders (0700) and the key (0600) and leaves
 * nothing else behind; the second finds the same device. */
static void test_made_then_found(void **state)
{
	struct lr_identity *a, *b;
	char parent[80];

	(void)state;
	assert_int_equal(lr_identity_open(key, &a, why, sizeof why), LR_E_OK);
	snprintf(parent, sizeof parent, "%s/a/b", dir);
	assert_int_equal(mode_of(key), 0600);
	assert_int_equal(mode_of(parent), 0700);
	assert_int_equal(files_in(parent), 1);
	assert_int_equal(lr_identity_open(key, &b, why, sizeof why), LR_E_OK);
	assert_true(lr_dev_eq(lr_identity_dev(a), lr_identity_dev(b)));
	assert_false(lr_dev_is_zero(lr_identity_dev(a)));
	lr_identity_free(a);
	lr_identity_free(b);
}

/* A key that group or others can read is refused, with a sentence that says
 * what to do. */
static void test_open_to_others(void **state)
{
	static const unsigned modes[] = {0640, 0604, 0660, 0644};
	struct lr_identity *id;

	(void)state;
	assert_int_equal(lr_identity_open(key, &id, why, sizeof why), LR_E_OK);
	lr_identity_free(id);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		assert_int_equal(chmod(key, modes[i]), 0);
		assert_int_equal(lr_identity_open(key, &id, why, sizeof why),
				 LR_E_PERMISSION);
		assert_non_null(strstr(why, "chmod 600"));
	}
}

/* What is no Ed25519 key is refused, not replaced, and never asks for a
 * passphrase. */
static void test_no_key(void **state)
{
	static const char *const bad[] = {
		"",
		"garbage",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE "
		"KEY-----\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgx\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n",
	};
	struct lr_identity *id;
	char path[96];

	(void)state;
	snprintf(path, sizeof path, "%s/key", dir);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		write_file(path, bad[i], 0600);
		assert_int_equal(lr_identity_open(path, &id, why, sizeof why),
				 LR_E_CORRUPT);
		assert_non_null(strstr(why, path));
	}
	assert_int_equal(lr_identity_open(dir, &id, why, sizeof why),
			 LR_E_PERMISSION);
	assert_int_equal(lr_identity_open("/proc/none/key", &id, why,
					  sizeof why),
			 LR_E_IO);
}

/* A link in the key's place is not followed. */
static void test_symlink(void **state)
{
	struct lr_identity *id;
	char path[96];

	(void)state;
	assert_int_equal(lr_identity_open(key, &id, why, sizeof why), LR_E_OK);
	lr_identity_free(id);
	snprintf(path, sizeof path, "%s/link", dir);
	assert_int_equal(symlink(key, path), 0);
	assert_int_not_equal(lr_identity_open(path, &id, why, sizeof why),
			     LR_E_OK);
}

/* Programs that start at the same time agree on one key. */
static void test_race(void **state)
{
	struct lr_identity *id;
	uint8_t first = 0, other;
	int fds[2], status;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (int i = 0; i < 8; i++) {
		if (fork() != 0)
			continue;
		status = lr_identity_open(key, &id, why, sizeof why) != LR_E_OK;
		if (!status)
			status = write(fds[1], lr_identity_dev(id)->b, 1) != 1;
		_exit(status);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_int_equal(read(fds[0], &other, 1), 1);
		first = i ? first : other;
		assert_int_equal(first, other);
	}
	close(fds[0]);
	close(fds[1]);
}

/* 1,024 words of 4 to 7 lower-case letters, all different. */
static void test_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LR_PAIRING_WORDS; i++) {
		const char *w = lr_pairing_words[i];
		size_t n = strnlen(w, sizeof lr_pairing_words[i]);

		assert_in_range(n, 4, 7);
		for (size_t j = 0; j < n; j++)
			assert_true(islower((unsigned char)w[j]));
		if (i) /* sorted, so equal ones would be neighbours */
			assert_true(strcmp(lr_pairing_words[i - 1], w) < 0);
	}
}

/* The code is four words, depends on each key and on which is which, and stays
 * the same from version to version: this one is a golden value. */
static void test_pairing_code(void **state)
{
	struct lr_dev pool, device;
	char code[64], other[64];
	unsigned dashes = 0;

	(void)state;
	memset(&pool, 1, sizeof pool);
	memset(&device, 2, sizeof device);
	lr_pairing_code(&pool, &device, code, sizeof code);
	for (const char *p = code; *p; p++)
		dashes += *p == '-';
	assert_int_equal(dashes, 3);
	assert_string_equal(code, "hidden-boulder-anthem-guard");
	lr_pairing_code(&device, &pool, other, sizeof other);
	assert_string_not_equal(code, other);
	device.b[31] ^= 1;
	lr_pairing_code(&pool, &device, other, sizeof other);
	assert_string_not_equal(code, other);
}

/* The machine's hash is the same at every call and not zero. */
static void test_machine(void **state)
{
	struct lr_dev a, b;

	(void)state;
	lr_machine_hash(&a);
	lr_machine_hash(&b);
	assert_false(lr_dev_is_zero(&a));
	assert_true(lr_dev_eq(&a, &b));
}

/* Private keys lie in memory that is locked and left out of dumps. */
static void test_locked(void **state)
{
	char line[512];
	size_t before, with;
	struct lr_identity *id;
	bool found = false;
	FILE *f;

	(void)state;
	if (!lr_identity_lock_memory())
		skip(); /* the limit of locked memory */
	before = CRYPTO_secure_used();
	assert_int_equal(lr_identity_make(&id), LR_E_OK);
	with = CRYPTO_secure_used();
	assert_true(with > before);
	f = fopen("/proc/self/smaps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		found = found || (!strncmp(line, "VmFlags:", 8) &&
				  strstr(line, " lo") && strstr(line, " dd"));
	fclose(f);
	assert_true(found);
	lr_identity_free(id);
	assert_true(CRYPTO_secure_used() < with);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locked),
		cmocka_unit_test_setup_teardown(test_made_then_found, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_open_to_others, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_no_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_symlink, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_race, set_up, tear_down),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_pairing_code),
		cmocka_unit_test(test_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
