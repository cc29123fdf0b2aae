/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that tests take away, one at a time: each must be missed. Compiled in
 * only for the simulation and unit tests of mutations, which define
 * lr_mutation; everywhere else LR_MUTANT() is 0 and costs nothing. */
#ifndef LR_CORE_MUTATE_H
#define LR_CORE_MUTATE_H

#ifdef LR_MUTATIONS
#include <string.h>

extern const char *lr_mutation; /* NULL: none */
#define LR_MUTANT(name) (lr_mutation && !strcmp(lr_mutation, name))
#else
#define LR_MUTANT(name) 0
#endif

#endif
