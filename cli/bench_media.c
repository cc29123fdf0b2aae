/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool is compared with: this machine's RAM and disks. Disks are read
 * past the page cache (O_DIRECT), or RAM would be measured twice. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#define MIB (1u << 20)
#define RAM_BYTES (128u * MIB)	/* more than the caches of a CPU */
#define FILE_BYTES (128u * MIB) /* of the temporary file */
#define ALIGN 4096u		/* what O_DIRECT takes everywhere */
#define BATCH 16		/* copies between two looks at the clock */
#define LIMIT_US 3e6		/* for one figure of a slow disk */

double bench_now_us(void)
{
	return (double)progress_now_us();
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void bench_times(double *us, size_t n, struct bench_row *ret)
{
	if (!n)
		return;
	qsort(us, n, sizeof *us, by_value);
	ret->p50_us = us[n / 2];
	ret->p99_us = us[n - 1 - n / 100];
}

static uint64_t next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 20;
}

static struct bench_row *add_row(struct bench *b, enum bench_kind kind)
{
	struct bench_row *r = &b->row[b->n++];

	memset(r, 0, sizeof *r);
	r->kind = kind;
	return r;
}

/* --- RAM ------------------------------------------------------------------ */

static volatile unsigned char sink; /* so that copies are made */

static void ram_batch(const char *ram, char *to, size_t size, uint64_t *seed)
{
	for (int i = 0; i < BATCH; i++) {
		memcpy(to, ram + next_random(seed) % (RAM_BYTES - size), size);
		sink = (unsigned char)(sink ^ (unsigned char)to[size / 2]);
	}
}

void bench_ram(struct bench *b)
{
	char *ram = out_must(malloc(RAM_BYTES)), *to = out_must(malloc(b->size));
	double *us = out_must(calloc(b->values, sizeof *us)), start;
	struct bench_row *r = add_row(b, BENCH_RAM);
	struct timespec at, then;
	uint64_t seed = 1;

	memset(ram, 1, RAM_BYTES);
	for (unsigned i = 0; i < b->values; i++) {
		clock_gettime(CLOCK_MONOTONIC, &at);
		ram_batch(ram, to, b->size, &seed);
		clock_gettime(CLOCK_MONOTONIC, &then);
		us[i] = ((double)(then.tv_sec - at.tv_sec) * 1e6 +
			 (double)(then.tv_nsec - at.tv_nsec) / 1e3) /
			BATCH;
	}
	bench_times(us, b->values, r);
	start = bench_now_us();
	memcpy(ram, ram + RAM_BYTES / 2, RAM_BYTES / 2);
	sink = (unsigned char)(sink ^ (unsigned char)ram[RAM_BYTES / 4]);
	r->read_mib_s = RAM_BYTES / 2 / (double)MIB /
			(bench_now_us() - start + 1) * 1e6;
	snprintf(r->name, sizeof r->name, "RAM of this machine");
	free(us);
	free(to);
	free(ram);
}

/* --- disks ---------------------------------------------------------------- */

struct disk {
	int fd;
	uint64_t bytes;
	char *buf; /* MIB, aligned */
};

/* "NVMe", "SSD", "HDD" or "virtual"; "" if the kernel does not tell. */
static const char *kind_of(const char *name)
{
	char path[512];
	FILE *f;
	int c;

	if (!strncmp(name, "nvme", 4))
		return "NVMe";
	if (!strncmp(name, "vd", 2) || !strncmp(name, "xvd", 3))
		return "virtual"; /* what is below, the host knows */
	snprintf(path, sizeof path, "/sys/class/block/%s/queue/rotational",
		 name);
	f = fopen(path, "re");
	if (!f) { /* a partition: its disk knows */
		snprintf(path, sizeof path,
			 "/sys/class/block/%s/../queue/rotational", name);
		f = fopen(path, "re");
	}
	if (!f)
		return "";
	c = fgetc(f);
	fclose(f);
	return c == '1' ? "HDD" : "SSD";
}

/* The device below `path`, as far as the kernel names one. */
static void name_disk(const char *path, const struct stat *st, char *out,
		      size_t cap)
{
	bool is_dev = S_ISBLK(st->st_mode);
	dev_t dev = is_dev ? st->st_rdev : st->st_dev;
	char link[64], to[PATH_MAX];
	const char *name, *kind;
	ssize_t n;

	snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(dev),
		 minor(dev));
	n = readlink(link, to, sizeof to - 1);
	if (n <= 0) {
		snprintf(out, cap, "%s", path);
		return;
	}
	to[n] = '\0';
	name = strrchr(to, '/');
	name = name ? name + 1 : to;
	kind = kind_of(name);
	snprintf(out, cap, "/dev/%s%s%s%s", name, *kind ? " (" : "", kind,
		 *kind ? ")" : "");
}

static double read_at(const struct disk *d, size_t n, uint64_t at)
{
	double start = bench_now_us();

	if (pread(d->fd, d->buf, n, (off_t)at) != (ssize_t)n)
		return -1;
	return bench_now_us() - start;
}

static bool random_reads(const struct bench *b, const struct disk *d,
			 struct bench_row *r)
{
	size_t want = (b->size + ALIGN - 1) / ALIGN * ALIGN, n = 0;
	double *us = out_must(calloc(b->values, sizeof *us)), sum = 0;
	uint64_t seed = (uint64_t)getpid();

	while (n < b->values && sum < LIMIT_US && !cli_interrupted()) {
		us[n] = read_at(d, want, next_random(&seed) %
					 ((d->bytes - want) / ALIGN + 1) *
					 ALIGN);
		if (us[n] < 0)
			break;
		sum += us[n++];
	}
	bench_times(us, n, r);
	free(us);
	return n > 0;
}

static void sequential_read(const struct disk *d, struct bench_row *r)
{
	uint64_t at = 0, most = d->bytes < FILE_BYTES ? d->bytes : FILE_BYTES;
	double sum = 0, us = 0;

	for (; at + MIB <= most && sum < LIMIT_US; at += MIB) {
		us = read_at(d, MIB, at);
		if (us < 0)
			return;
		sum += us;
	}
	if (sum > 0)
		r->read_mib_s = (double)at / MIB / sum * 1e6;
}

/* An unlinked file of FILE_BYTES in the folder, on the disk; -1: errno. */
static int make_file(const char *folder, struct bench_row *r, char *buf)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	uint64_t seed = 7;
	double start = bench_now_us();

	if (fd < 0)
		return -1;
	for (uint64_t at = 0; at < FILE_BYTES; at += MIB) {
		for (size_t i = 0; i < MIB; i += 8)
			memcpy(buf + i, &(uint64_t){next_random(&seed)}, 8);
		if (pwrite(fd, buf, MIB, (off_t)at) != (ssize_t)MIB)
			goto failed;
	}
	if (fsync(fd) != 0)
		goto failed;
	r->write_mib_s =
		FILE_BYTES / (double)MIB / (bench_now_us() - start) * 1e6;
	return fd;
failed:
	close(fd);
	return -1;
}

static int open_disk(const char *path, const struct stat *st, struct disk *d,
		     struct bench_row *r)
{
	if (S_ISDIR(st->st_mode)) {
		d->fd = make_file(path, r, d->buf);
		d->bytes = FILE_BYTES;
		return d->fd < 0 ? errno : 0;
	}
	d->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (d->fd < 0)
		return errno;
	d->bytes = (uint64_t)st->st_size;
	if (S_ISBLK(st->st_mode) && ioctl(d->fd, BLKGETSIZE64, &d->bytes) != 0)
		return errno;
	return d->bytes < 2 * MIB ? ENODATA : 0;
}

/* 0, or errno. */
static int try_disk(struct bench *b, const char *path)
{
	struct bench_row r = {.kind = BENCH_DISK};
	struct disk d = {.fd = -1};
	struct stat st;
	int err = 0;

	if (stat(path, &st) != 0)
		return errno;
	if (posix_memalign((void **)&d.buf, ALIGN, MIB) != 0)
		return ENOMEM;
	name_disk(path, &st, r.name, sizeof r.name);
	err = open_disk(path, &st, &d, &r);
	if (!err && !random_reads(b, &d, &r))
		err = errno ? errno : EIO;
	if (!err) {
		sequential_read(&d, &r);
		b->row[b->n++] = r;
	}
	if (d.fd >= 0)
		close(d.fd);
	free(d.buf);
	return err;
}

int bench_disk(struct bench *b, const char *path)
{
	int err = try_disk(b, path);

	if (!err)
		return 0;
	return out_say(1,
		       "%s cannot be measured: %s. --disk takes a folder on "
		       "a disk, a file of 2 MiB or more, or a block device%s",
		       path, strerror(err),
		       err == EINVAL || err == EOPNOTSUPP
			       ? " that can be read past the page cache"
			       : "");
}

/* Disks proper: no RAM disks, no loops, nothing that others make up. */
static int is_disk(const struct dirent *e)
{
	static const char *const not[] = {"loop", "ram", "zram", "dm-", "md",
					  "sr",	  "fd",	 "nbd"};

	if (e->d_name[0] == '.')
		return 0;
	for (size_t i = 0; i < sizeof not / sizeof *not; i++)
		if (!strncmp(e->d_name, not[i], strlen(not[i])))
			return 0;
	return 1;
}

int bench_disks(struct bench *b)
{
	struct dirent **list;
	size_t before = b->n;
	char path[300];
	int n = scandir("/sys/block", &list, is_disk, alphasort), err;

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/dev/%s", list[i]->d_name);
		if (b->n < BENCH_ROWS)
			try_disk(b, path);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (b->n > before)
		return 0;
	err = try_disk(b, "/var/tmp");
	if (err)
		out_say(0,
			"no disk of this machine can be read past the page "
			"cache (/var/tmp: %s): name one with --disk",
			strerror(err));
	return 0;
}
