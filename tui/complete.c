/* SPDX-License-Identifier: Apache-2.0 */
/* Completion of a command: its name first, then names of donors, codes, and
 * names of objects that are known. */
#include <stdio.h>
#include <string.h>

#include "tui/ui.h"

struct found {
	char text[256]; /* what all that match have in common */
	unsigned n;
};

static void consider(struct found *f, const char *word, const char *name)
{
	size_t n = strlen(word), i = 0;

	if (strncmp(name, word, n) || !name[0])
		return;
	if (!f->n++) {
		snprintf(f->text, sizeof f->text, "%s", name);
		return;
	}
	while (f->text[i] && f->text[i] == name[i])
		i++;
	f->text[i] = '\0';
}

static void consider_names(struct tui_ui *u, struct found *f, const char *word)
{
	struct tui_model *m = u->m;

	for (size_t i = 0; i < m->n_donors; i++)
		consider(f, word, m->donors[i].name);
	for (size_t i = 0; i < m->n_pending; i++)
		consider(f, word, m->pending[i].code);
	for (size_t i = 0; i < m->list.n; i++)
		consider(f, word, m->list.row[i].name);
}

void tui_complete(struct tui_ui *u)
{
	char *word = strrchr(u->text, ' ');
	const char *const *names = u->o->commands;
	struct found f = { .n = 0 };
	size_t at;

	if (word) {
		word++;
		consider_names(u, &f, word);
	} else {
		word = u->text;
		for (; names && *names; names++)
			consider(&f, word, *names);
	}
	if (!f.n)
		return;
	at = (size_t)(word - u->text);
	snprintf(word, sizeof u->text - at, "%s%s", f.text,
		 f.n == 1 ? " " : "");
}
