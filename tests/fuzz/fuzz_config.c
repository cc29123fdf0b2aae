/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as lanram.conf: it is taken, and then every text in it is whole, or
 * there is a word on what is wrong. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/config.h"

/* Its scanner forgets a text that was not closed. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig\n";
}

/* libconfig's own: it would open other files. */
static bool includes(const uint8_t *data, size_t size)
{
	return memmem(data, size, "@include", 8) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct lr_config c;
	char path[64], why[256] = "";

	if (fd < 0)
		fd = memfd_create("lanram.conf", 0);
	FUZZ_CHECK(fd >= 0);
	if (includes(data, size) || ftruncate(fd, 0) < 0 ||
	    pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (lr_config_read(&c, path, why, sizeof why)) {
#define CHECK_text(f) FUZZ_CHECK(memchr(c.f, '\0', sizeof c.f));
#define CHECK_flag(f)
#define CHECK_count(f)
#define CHECK(sec, field, key, type, def, doc) CHECK_##type(field)
		LR_CONFIG(CHECK)
	} else {
		FUZZ_CHECK(why[0]);
	}
	return 0;
}
