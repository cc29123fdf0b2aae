/* SPDX-License-Identifier: Apache-2.0 */
#include "net/clock.h"

#include <time.h>

static uint64_t clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t lr_now_ms(void) { return clock_ms(CLOCK_BOOTTIME); }
uint64_t lr_unix_ms(void) { return clock_ms(CLOCK_REALTIME); }
