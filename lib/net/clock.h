/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks. Deadlines go by the first: an operation that was under way when
 * the machine was suspended is over when it wakes, whatever the loop's own clock
 * (uv_now, for timers alone) says. */
#ifndef LR_NET_CLOCK_H
#define LR_NET_CLOCK_H

#include <stdint.h>

uint64_t lr_now_ms(void);  /* CLOCK_BOOTTIME: it goes on while suspended */
uint64_t lr_unix_ms(void); /* CLOCK_REALTIME */

#endif
