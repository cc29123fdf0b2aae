/* SPDX-License-Identifier: Apache-2.0 */
/* `lanram top`: the pool at a glance. */
#ifndef LR_TUI_TOP_H
#define LR_TUI_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "client/config.h"

struct tui_options {
	bool once;     /* print the first screen, no terminal needed */
	bool json;     /* print all of it as JSON, a line each time */
	bool readonly; /* no actions */
	bool no_mouse;
	bool simulate;
	bool still;	  /* the simulated pool stands at `at_s` */
	unsigned count;	  /* so many times, then end; 0: once, or for ever */
	double delay_s;	  /* between them; 0: 2 s */
	uint64_t seed;
	unsigned donors, objects;
	double at_s; /* the simulated pool begins there; 0: 5 s */
	const char *program; /* to run commands with; NULL: none */
	const char *config;  /* its --config, or NULL */
	const char *const *commands; /* their names, for completion; NULL */
};

/* Returns the exit code. */
int tui_top(const struct lr_config *cfg, const struct tui_options *o);

#endif
