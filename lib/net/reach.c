/* SPDX-License-Identifier: Apache-2.0 */
/* Is a donor there, all of it?
 *
 *   1 each shard is dialled, all at once
 *   2 one that proves the donor's key is hung up on; one that does not says why
 *   3 the last dial has ended: cb. One shard that is reached tells that the
 *     process lives, so REFUSED is said only when all of them refuse */
#include <stdlib.h>

#include "core/view.h"
#include "net/link.h"

struct reach {
	void (*cb)(void *arg, enum lr_err why);
	void *arg;
	unsigned out; /* dials */
	bool any;
	enum lr_err why;
};

static void closed_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	(void)link, (void)why, (void)arg;
}

static void drop(struct reach *r)
{
	if (--r->out)
		return;
	if (r->why == LR_E_REFUSED && r->any)
		r->why = LR_E_UNREACHABLE;
	r->cb(r->arg, r->why);
	free(r);
}

static void dialled_cb(struct lr_link *link, enum lr_err why, void *arg)
{
	struct reach *r = arg;

	if (link) {
		r->any = true;
		lr_link_close(link, LR_E_OK);
	} else if (!r->why || r->why == LR_E_REFUSED) {
		r->why = why;
	}
	drop(r);
}

bool lr_reach_start(uv_loop_t *loop, const char *addrs, unsigned shards,
		    const struct lr_link_options *opt,
		    void (*cb)(void *arg, enum lr_err why), void *arg)
{
	static const struct lr_link_ops ops = { .close_cb = closed_cb };
	struct reach *r = malloc(sizeof *r);
	unsigned begun = 0;

	if (!r)
		return false;
	*r = (struct reach){ .cb = cb, .arg = arg };
	for (unsigned i = 0; i < (shards ? shards : 1); i++) {
		char at[LR_ADDRS_MAX];

		lr_addrs_of_shard(addrs, i, at, sizeof at);
		if (lr_dial_start(loop, at, opt, &ops, NULL, dialled_cb, r))
			begun++;
		else
			r->why = LR_E_NO_MEMORY;
	}
	r->out = begun;
	if (!begun)
		free(r);
	return begun > 0;
}
