/* SPDX-License-Identifier: Apache-2.0 */
/* Links that have more to read than one turn's worth stand in line. The first
 * of a loop has its turn, once each time around, and goes to the end: so what
 * is short, on other links, waits for one turn and not for all of them. The
 * first is kept going by its kick, the others by who leaves before them. */
#include "net/link_i.h"

static _Thread_local struct lr_link *first, *last;

/* A thread may have several loops. */
static struct lr_link *first_of(const uv_loop_t *loop)
{
	struct lr_link *link = first;

	while (link && link->loop != loop)
		link = link->line.next;
	return link;
}

void lr_line_join(struct lr_link *link)
{
	if (link->line.stands)
		return;
	link->line.stands = true;
	link->line.next = NULL;
	link->line.before = last;
	*(last ? &last->line.next : &first) = link;
	last = link;
	if (first_of(link->loop) == link)
		lr_link_kick(link);
}

void lr_line_leave(struct lr_link *link)
{
	struct link_line *l = &link->line;
	struct lr_link *next;

	if (!l->stands)
		return;
	*(l->before ? &l->before->line.next : &first) = l->next;
	*(l->next ? &l->next->line.before : &last) = l->before;
	l->stands = false;
	next = first_of(link->loop);
	if (next)
		lr_link_kick(next);
}

bool lr_line_turn(struct lr_link *link)
{
	if (link->line.stands && first_of(link->loop) != link)
		return false;
	lr_line_leave(link);
	return true;
}
