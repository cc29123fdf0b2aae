/* SPDX-License-Identifier: Apache-2.0 */
/* What a donor reads of its host's RAM, from files as kernels and container
 * engines write them (by their formats, shortened), in a folder instead of /. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/donor/host.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static char root[64];

/* Makes the folders on the way, too. */
static void put(const char *path, const char *text)
{
	char all[512];
	FILE *f;

	snprintf(all, sizeof all, "%s%s", root, path);
	for (char *p = all + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(all, 0700);
		*p = '/';
	}
	f = fopen(all, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A host with 16 GiB, 12 of them available. */
static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/lrhost-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put("/proc/meminfo", "MemTotal:       16777216 kB\n"
			     "MemFree:         1048576 kB\n"
			     "MemAvailable:   12582912 kB\n"
			     "Buffers:          204800 kB\n"
			     "SwapTotal:             0 kB\n");
	return 0;
}

static int drop_root(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -r %s", root);
	return system(command);
}

static struct lr_host look(void)
{
	struct lr_host h;

	lr_host_read(root, &h);
	return h;
}

/* A kernel without pressure files and control groups: MemAvailable alone. */
static void test_plain(void **state)
{
	struct lr_host h = look();

	(void)state;
	assert_int_equal(h.n, 1);
	assert_int_equal(h.total, 16 * GIB);
	assert_int_equal(h.available, 12 * GIB);
	assert_int_equal(h.psi_some + h.psi_full, 0);
}

/* Pressure: avg10 of both rows, in hundredths; an older kernel has no `full`,
 * one where it is switched off gives no row. */
static void test_pressure(void **state)
{
	struct lr_host h;

	(void)state;
	put("/proc/pressure/memory",
	    "some avg10=12.34 avg60=9.87 avg300=4.20 total=48124021\n"
	    "full avg10=5.01 avg60=3.99 avg300=1.00 total=30122456\n");
	h = look();
	assert_int_equal(h.psi_some, 1234);
	assert_int_equal(h.psi_full, 501);
	assert_int_equal(h.ram[0].some, 1234);
	put("/proc/pressure/memory",
	    "some avg10=0.07 avg60=0.00 avg300=0.00 total=193\n");
	h = look();
	assert_int_equal(h.psi_some, 7);
	assert_int_equal(h.psi_full, 0);
	put("/proc/pressure/memory", "");
	assert_int_equal(look().psi_some, 0);
}

#define V2 "/sys/fs/cgroup"
#define UNIT V2 "/system.slice/lanram-donor.service"

static void put_v2(void)
{
	put("/proc/self/cgroup", "0::/system.slice/lanram-donor.service\n");
	put("/proc/self/mounts",
	    "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n"
	    "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,"
	    "nsdelegate,memory_recursiveprot 0 0\n");
	put(UNIT "/memory.max", "max\n");
	put(UNIT "/memory.high", "max\n");
	put(UNIT "/memory.current", "734003200\n");
	put(UNIT "/memory.stat", "anon 629145600\nfile 104857600\n"
				 "inactive_anon 629145600\nactive_anon 0\n"
				 "inactive_file 52428800\nactive_file 0\n");
	put(UNIT "/memory.pressure",
	    "some avg10=3.00 avg60=0.00 avg300=0.00 total=1\n"
	    "full avg10=1.50 avg60=0.00 avg300=0.00 total=1\n");
}

/* Version 2, a unit of systemd without a limit: the host counts. With one, the
 * limit, what is used but for files nobody needs, and the unit's pressure. */
static void test_unit_v2(void **state)
{
	struct lr_host h;

	(void)state;
	put_v2();
	h = look();
	assert_int_equal(h.n, 1);
	assert_int_equal(h.psi_some, 0);
	put(UNIT "/memory.max", "2147483648\n");
	h = look();
	assert_int_equal(h.n, 2);
	assert_int_equal(h.ram[1].total, 2 * GIB);
	assert_int_equal(h.ram[1].available, (2048 - 700 + 50) * MIB);
	assert_int_equal(h.ram[1].some, 300);
	assert_int_equal(h.ram[1].full, 150);
	assert_int_equal(h.total, 2 * GIB);
	assert_int_equal(h.available, h.ram[1].available);
	assert_int_equal(h.ram[0].available, 12 * GIB);
	put(UNIT "/memory.high", "1073741824\n");
	assert_int_equal(look().ram[1].total, GIB);
}

/* A limit on a group above ours counts where less is left in it; our own does
 * where that is less. */
static void test_slice_v2(void **state)
{
	struct lr_host h;

	(void)state;
	put_v2();
	put(V2 "/system.slice/memory.max", "4294967296\n");
	put(V2 "/system.slice/memory.high", "max\n");
	put(V2 "/system.slice/memory.current", "4026531840\n");
	put(V2 "/system.slice/memory.stat", "anon 1\ninactive_file 0\n");
	put(V2 "/system.slice/memory.pressure",
	    "some avg10=40.00 avg60=0.00 avg300=0.00 total=1\n"
	    "full avg10=20.00 avg60=0.00 avg300=0.00 total=1\n");
	h = look();
	assert_int_equal(h.ram[1].total, 4 * GIB);
	assert_int_equal(h.ram[1].available, 256 * MIB);
	assert_int_equal(h.psi_some, 4000);
	put(UNIT "/memory.max", "838860800\n"); /* 800 MiB: 150 are left */
	h = look();
	assert_int_equal(h.ram[1].total, 800 * MIB);
	assert_int_equal(h.ram[1].available, 150 * MIB);
	assert_int_equal(h.psi_some, 300);
}

/* In a container with a name space of its own the mounted root is its group,
 * and it says "/"; without one the path of the host leads nowhere in it. */
static void test_container_v2(void **state)
{
	(void)state;
	put_v2();
	put(V2 "/memory.max", "1073741824\n");
	put(V2 "/memory.high", "max\n");
	put(V2 "/memory.current", "104857600\n");
	put(V2 "/memory.stat", "anon 104857600\ninactive_file 0\n");
	put("/proc/self/cgroup", "0::/\n");
	assert_int_equal(look().ram[1].available, 924 * MIB);
	put("/proc/self/cgroup", "0::/docker/4fa1c0ffee\n");
	assert_int_equal(look().ram[1].available, 924 * MIB);
	put("/proc/self/cgroup", "0::/../../user.slice\n");
	assert_int_equal(look().ram[1].available, 924 * MIB);
}

#define V1 "/sys/fs/cgroup/memory"

/* Version 1, and both side by side, as systemd's hybrid layout has them: the
 * memory is in version 1, whichever is told first. No limit is a number near
 * 2^63 there, and there is no pressure file. */
static void test_v1(void **state)
{
	struct lr_host h;

	(void)state;
	put("/proc/self/mounts",
	    "tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0\n"
	    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"
	    "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
	    "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n");
	put("/proc/self/cgroup",
	    "0::/system.slice\n9:memory:/lanram\n5:cpu,cpuacct:/\n");
	put(V1 "/memory.limit_in_bytes", "9223372036854771712\n");
	put(V1 "/memory.usage_in_bytes", "8589934592\n");
	put(V1 "/lanram/memory.limit_in_bytes", "9223372036854771712\n");
	put(V1 "/lanram/memory.usage_in_bytes", "1073741824\n");
	put(V1 "/lanram/memory.stat",
	    "cache 0\nrss 1073741824\ninactive_file 4096\n"
	    "total_cache 0\ntotal_inactive_file 104857600\n");
	assert_int_equal(look().n, 1);
	put(V1 "/lanram/memory.limit_in_bytes", "3221225472\n");
	h = look();
	assert_int_equal(h.n, 2);
	assert_int_equal(h.ram[1].total, 3 * GIB);
	assert_int_equal(h.ram[1].available, (2048 + 100) * MIB);
	put("/proc/self/cgroup",
	    "9:memory:/lanram\n5:cpu,cpuacct:/\n0::/system.slice\n");
	assert_int_equal(look().ram[1].total, 3 * GIB);
}

/* `lend` and `reserve` against the lesser of host and group. */
static void test_lend(void **state)
{
	struct lr_host h;
	uint64_t bytes;

	(void)state;
	put_v2();
	put(UNIT "/memory.max", "2147483648\n");
	h = look();
	assert_true(lr_lend_bytes("25%", "20%", &h, 0, &bytes));
	assert_int_equal(bytes, 512 * MIB);
	assert_true(lr_lend_bytes("300MiB", "20%", &h, 0, &bytes));
	assert_int_equal(bytes, 300 * MIB);
	assert_true(lr_lend_bytes("off", "20%", &h, 0, &bytes));
	assert_int_equal(bytes, 0);
	assert_true(lr_lend_bytes("auto", "1GiB", &h, 100 * MIB, &bytes));
	assert_int_equal(bytes, (2048 - 650 + 100 - 1024) * MIB);
	assert_true(lr_lend_bytes("auto", "2GiB", &h, 0, &bytes));
	assert_int_equal(bytes, 0);
	assert_false(lr_lend_bytes("much", "20%", &h, 0, &bytes));
	assert_false(lr_lend_bytes("auto", "some", &h, 0, &bytes));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, drop_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),	 TEST(test_pressure),
		TEST(test_unit_v2),	 TEST(test_slice_v2),
		TEST(test_container_v2), TEST(test_v1),
		TEST(test_lend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
