/* SPDX-License-Identifier: Apache-2.0 */
/* A command's arguments: made of words, or of one line typed. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tui/ui.h"

void tui_args_done(struct tui_args *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->v[i]);
	memset(a, 0, sizeof *a);
}

static void add_arg(struct tui_args *a, const char *text)
{
	if (a->n < TUI_ARGS)
		a->v[a->n++] = tui_must(strdup(text));
}

struct tui_args tui_args_of(const char *first, ...)
{
	struct tui_args a = {0};
	const char *text;
	va_list ap;

	va_start(ap, first);
	for (text = first; text; text = va_arg(ap, const char *))
		add_arg(&a, text);
	va_end(ap);
	return a;
}

struct tui_args tui_args_split(const char *text)
{
	struct tui_args a = {0};
	char word[512];

	while (*text) {
		size_t n = 0;
		char quote = 0;

		text += strspn(text, " ");
		if (!*text)
			break;
		for (; *text && (quote || *text != ' '); text++) {
			if (quote ? *text == quote
				  : *text == '\'' || *text == '"')
				quote = quote ? 0 : *text;
			else if (n + 1 < sizeof word)
				word[n++] = *text;
		}
		word[n] = '\0';
		add_arg(&a, word);
	}
	return a;
}
