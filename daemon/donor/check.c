/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/donor/check.h"

#include <stdlib.h>

#include "core/list.h"

#define ANSWER_MS 5000

struct check {
	struct check *next, **prev;
	struct lr_link *asker; /* NULL: gone */
	uint64_t req;
};

static struct check *checks; /* of the one control thread */

static void answered_cb(struct lr_link *link, enum lr_err err,
			const struct lr_frame *f, void *arg)
{
	struct check *c = arg;

	(void)link;
	if (c->asker && f && !err)
		lr_link_send(c->asker, f->h.type, c->req, f->meta, f->h.meta,
			     NULL);
	else if (c->asker)
		lr_link_send_error(c->asker, c->req, err,
				   "the coordinator does not answer");
	LR_LIST_DEL(c);
	free(c);
}

void lr_check_pass(struct lr_link *asker, uint64_t req, struct lr_link *control,
		   const struct lr_dev *self)
{
	struct lr_msg_check m = { .uid = lr_link_uid(asker), .dev = *self };
	struct check *c = control ? malloc(sizeof *c) : NULL;

	if (!c) {
		lr_link_send_error(asker, req, LR_E_UNREACHABLE,
				   "the coordinator is away");
		return;
	}
	*c = (struct check){ .asker = asker, .req = req };
	LR_LIST_ADD(checks, c);
	LR_REQUEST(control, CHECK, check, &m, NULL, ANSWER_MS, answered_cb, c);
}

void lr_check_gone(const struct lr_link *asker)
{
	for (struct check *c = checks; c; c = c->next)
		if (c->asker == asker)
			c->asker = NULL;
}
