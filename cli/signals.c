/* SPDX-License-Identifier: Apache-2.0 */
/* Being interrupted while there is something to clear up. */
#include <signal.h>

#include "cli/cli.h"

static struct lanram *ended; /* whose operations a signal ends */
static volatile sig_atomic_t interrupted;

static void signal_cb(int signum)
{
	(void)signum;
	interrupted = 1;
	lr_client_interrupt(ended);
}

/* No SA_RESTART: what blocks in read or write shall end, too. */
void cli_catch_signals(struct cli *c)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_handler = signal_cb,
				.sa_flags = (int)SA_RESETHAND},
			 old;

	ended = c->pool;
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < 3; i++) {
		sigaction(signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN) /* nohup */
			sigaction(signals[i], &act, NULL);
	}
}

bool cli_interrupted(void)
{
	return interrupted;
}
