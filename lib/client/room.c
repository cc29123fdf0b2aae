/* SPDX-License-Identifier: Apache-2.0 */
#include "client/room.h"

#include <sys/mman.h>
#include <time.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define HUGE ((uintptr_t)2 << 20)
/* malloc surely maps it, and free unmaps it: no other memory is advised. */
#define WORTH ((size_t)32 << 20)
/* Of the processor, for one page. It takes 0.2 ms; as small pages 0.9 ms; 4 ms
 * in a virtual machine whose host has to find the RAM first, which it mostly
 * has already for small ones. */
#define DEAR_NS 1000000

void lr_room_init(struct lr_room *r, void *p, size_t n)
{
	uintptr_t begin = ((uintptr_t)p + HUGE - 1) & ~(HUGE - 1);
	uintptr_t end = ((uintptr_t)p + n) & ~(HUGE - 1);

	r->at = r->end = p;
	if (n < WORTH)
		return;
	r->at += begin - (uintptr_t)p;
	r->end += end - (uintptr_t)p;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* False: dear, or this kernel cannot: what is left comes page by page. */
static bool make_page(void *p)
{
	int64_t begun = cpu_ns();

	return madvise(p, HUGE, MADV_HUGEPAGE) == 0 &&
	       madvise(p, HUGE, MADV_POPULATE_WRITE) == 0 &&
	       cpu_ns() - begun < DEAR_NS;
}

void lr_room_make(struct lr_room *r, const void *to)
{
	while (r->at < r->end && (uintptr_t)r->at < (uintptr_t)to) {
		if (!make_page(r->at))
			r->end = r->at + HUGE;
		r->at += HUGE;
	}
}
