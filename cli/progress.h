/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on stderr: only when that is a terminal in front of somebody,
 * and the work takes over a second. There is at most one. */
#ifndef LR_CLI_PROGRESS_H
#define LR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* `total` 0: not known. `name`: escaped, or "". */
void progress_start(const char *name, uint64_t total);
void progress_to(uint64_t done);
void progress_hide(void); /* before anything else is printed */
void progress_stop(void);
uint64_t progress_ms(void);	/* since the start */
uint64_t progress_now_us(void); /* a clock that runs evenly */

#endif
