/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LR_TUI_JSON_H
#define LR_TUI_JSON_H

#include <stdio.h>

#include "tui/model.h"

/* One line: pool, donors, pending, events; raw numbers, null for none. */
void tui_json_print(const struct tui_model *m, FILE *out);

#endif
