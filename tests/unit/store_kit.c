/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

static union {
	uint64_t word[LR_BULK_MAX / 8];
	uint8_t byte[LR_BULK_MAX];
} buffer;

static unsigned fail_in; /* allocations until one fails; 0: none will */
static bool failed;

uint64_t kit_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct lr_id kit_id(uint64_t key)
{
	uint64_t state = key, a = kit_random(&state), b = kit_random(&state);
	struct lr_id id;

	memcpy(id.b, &a, 8);
	memcpy(id.b + 8, &b, 8);
	return id;
}

static void fill(uint64_t key, uint64_t version, uint32_t bytes)
{
	uint64_t i, state = key * 1000003 + version;

	for (i = 0; i < bytes; i += 8)
		buffer.word[i / 8] = kit_random(&state);
}

struct lr_entry kit_entry(uint64_t key, uint64_t version, uint32_t bytes)
{
	assert_true(bytes <= LR_BULK_MAX);
	fill(key, version, bytes);
	return (struct lr_entry){
		.id = kit_id(key),
		.tag = {.ts = version << 16, .writer = key, .seq = 7},
		.kind = LR_KIND_CHUNK,
		.state = LR_FOUND_VALUE,
		.bytes = bytes,
		.expires_ms = key + version,
		.sum = XXH3_64bits(buffer.byte, bytes),
		.value = buffer.byte,
	};
}

void kit_assert(const struct lr_entry *e, uint64_t key, uint64_t version,
		uint32_t bytes)
{
	struct lr_id id = kit_id(key);

	assert_memory_equal(&e->id, &id, sizeof(id));
	assert_int_equal(e->tag.ts, version << 16);
	assert_int_equal(e->tag.writer, key);
	assert_int_equal(e->tag.seq, 7);
	assert_int_equal(e->kind, LR_KIND_CHUNK);
	assert_int_equal(e->expires_ms, key + version);
	assert_int_equal((uintptr_t)e->value % 8, 0);
	assert_int_equal(e->bytes, bytes);
	if (e->state != LR_FOUND_VALUE)
		return;
	fill(key, version, bytes);
	assert_memory_equal(e->value, buffer.byte, bytes);
	assert_true(lr_store_verify(e));
}

uint32_t kit_cost(uint32_t bytes)
{
	return (KIT_HEADER + bytes + 7) & ~7u;
}

uint64_t kit_cap(const struct lr_store *s)
{
	struct lr_store_usage u = lr_store_usage(s);
	uint64_t overhead = u.mapped % LR_SEGMENT_BYTES;
	uint64_t n = (u.limit - overhead) / LR_SEGMENT_BYTES;

	return (n - 1) * (LR_SEGMENT_BYTES - 64) / 100 * 95;
}

void kit_clean(struct lr_store *s, bool eager)
{
	double end = kit_seconds() + 60;

	while (lr_store_clean(s, 500, eager ? LR_CLEAN_ALL : LR_CLEAN_BUSY))
		assert_true(kit_seconds() < end);
}

uint64_t kit_rss(void)
{
	unsigned long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

double kit_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- failing allocations: the linker sends the store's calls here --------- */

void kit_fail_at(unsigned n)
{
	fail_in = n;
	failed = false;
}

bool kit_failed(void)
{
	return failed;
}

static bool fails_now(void)
{
	if (fail_in == 0 || --fail_in > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_mmap(void *p, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *p, size_t n, int prot, int flags, int fd, off_t off);

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails_now() ? NULL : __real_realloc(p, size);
}

void *__wrap_mmap(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	return fails_now() ? MAP_FAILED
			   : __real_mmap(p, n, prot, flags, fd, off);
}
