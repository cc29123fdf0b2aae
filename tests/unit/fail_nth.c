/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fail_nth.h"

#include <stddef.h>

static unsigned countdown; /* 0: nothing fails */
static bool hit;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	if (!countdown || --countdown)
		return false;
	hit = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void fail_nth(unsigned n)
{
	countdown = n;
	hit = false;
}

bool fail_nth_did(void)
{
	countdown = 0;
	return hit;
}
