/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, and what tells one machine from another. */
#include "net/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void lr_random(void *p, size_t n)
{
	uint8_t *at = p;
	ssize_t r;

	while (n) {
		r = getrandom(at, n, 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			abort();
		at += r;
		n -= (size_t)r;
	}
}

/* The first word of a small file; 0 when there is none. */
static size_t read_word(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, buf, cap - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	return strcspn(buf, " \t\r\n");
}

/* The salt keeps the machine's own ID, which systemd asks to keep private,
 * off the network. */
void lr_machine_hash(struct lr_dev *ret)
{
	char text[160] = "lanram machine 1 ", *word = text + strlen(text);
	size_t cap = sizeof text - strlen(text);
	size_t n = read_word("/etc/machine-id", word, cap);

	if (n < 32) /* absent, or "uninitialized" */
		n = read_word("/proc/sys/kernel/random/boot_id", word, cap);
	if (n < 32) {
		n = 32;
		lr_random(word, n);
	}
	SHA256((const uint8_t *)text, (size_t)(word - text) + n, ret->b);
}
