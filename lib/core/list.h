/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of whatever has the fields `next` and `prev`, prev being the address
 * of what points to it: an element leaves without knowing its list. */
#ifndef LR_CORE_LIST_H
#define LR_CORE_LIST_H

#include <stddef.h>

/* In front of all; `head` is the list's first pointer itself. */
#define LR_LIST_ADD(head, o)                          \
	do {                                          \
		(o)->next = (head);                   \
		(o)->prev = &(head);                  \
		if ((o)->next)                        \
			(o)->next->prev = &(o)->next; \
		(head) = (o);                         \
	} while (0)

/* prev is NULL then: it is on no list. */
#define LR_LIST_DEL(o)                               \
	do {                                         \
		*(o)->prev = (o)->next;              \
		if ((o)->next)                       \
			(o)->next->prev = (o)->prev; \
		(o)->prev = NULL;                    \
	} while (0)

#endif
