/* SPDX-License-Identifier: Apache-2.0 */
/* The donors as the coordinator tells them. */
#ifndef LR_CLI_POOL_DONORS_H
#define LR_CLI_POOL_DONORS_H

#include "cli/cli.h"

struct donors {
	struct lr_rec_donor *rec; /* strings lie in `a` */
	size_t n;
	struct lr_answer a;
};

/* Exit code; not 0: said. */
int donors_ask(struct cli *c, struct donors *ret);
/* Says nothing; none if it cannot be told. */
void donors_try(struct cli *c, struct donors *ret);
void donors_done(struct donors *d);

const char *donors_state(unsigned state); /* "up" */

#endif
