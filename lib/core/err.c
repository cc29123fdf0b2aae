/* SPDX-License-Identifier: Apache-2.0 */
#include "core/err.h"

struct row {
	const char *name;
	const char *text;
	int exit;
};

static const struct row rows[] = {
#define ROW(name, exit, text) {#name, text, exit},
	LR_ERRORS(ROW)
#undef ROW
};

/* What is no error of ours reads as the plainest one. */
static const struct row *row(enum lr_err err)
{
	return &rows[lr_err_from_wire((unsigned)err)];
}

enum lr_err lr_err_from_wire(unsigned n)
{
	return n < LR_E_COUNT ? (enum lr_err)n : LR_E_FAILED;
}

const char *lr_err_name(enum lr_err err)
{
	return row(err)->name;
}

const char *lr_err_text(enum lr_err err)
{
	return row(err)->text;
}

int lr_err_exit(enum lr_err err)
{
	return row(err)->exit;
}
