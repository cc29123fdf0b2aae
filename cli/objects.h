/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as JSON and as text, for list and stat. */
#ifndef LR_CLI_OBJECTS_H
#define LR_CLI_OBJECTS_H

#include "cli/output.h"

/* The fields of `list --json`. */
json_t *objects_json(const struct lr_rec_listed *o);
/* Its ID, or the beginning that we are told; `out` takes LR_ID_TEXT + 1. */
const char *objects_id(const struct lr_rec_listed *o, char *out);
/* "1000@elm": the user and the machine. */
char *objects_owner(const struct lr_rec_listed *o);

#endif
