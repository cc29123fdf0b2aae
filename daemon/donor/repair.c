/* SPDX-License-Identifier: Apache-2.0 */
/* Copies here that are corrupt: asked of all other members every second, until
 * an intact one has come, for 10 s. */
#include <stdlib.h>

#include "daemon/donor/pull_i.h"
#include "daemon/log.h"

#define TICK_MS 100
#define TRIES 100u

struct repair {
	struct repair *next;
	unsigned slot;
	struct lr_id id;
	unsigned tries;
};

void lr_pull_repair(struct lr_pull *p, unsigned slot, const struct lr_id *id)
{
	struct repair *rp = calloc(1, sizeof *rp);

	lr_warn("a corrupt entry was found in slot %u", slot);
	if (!rp)
		return;
	rp->slot = slot;
	rp->id = *id;
	rp->next = p->repairs;
	p->repairs = rp;
}

void pull_repair_tick(struct lr_pull *p, uint64_t now_ms)
{
	struct repair **at = &p->repairs, *rp;
	struct lr_stored there;

	if (now_ms < p->repair_ms)
		return;
	p->repair_ms = now_ms + TICK_MS;
	while ((rp = *at) != NULL) {
		lr_shard_stored(p->s, rp->slot, &rp->id, &there);
		if (there.found != LR_FOUND_BAD || rp->tries++ > TRIES) {
			*at = rp->next;
			free(rp);
			continue;
		}
		if (rp->tries % 10 == 1)
			pull_ask_repair(p, rp->slot, &rp->id);
		at = &rp->next;
	}
}

void pull_repairs_free(struct lr_pull *p)
{
	struct repair *rp;

	while ((rp = p->repairs) != NULL) {
		p->repairs = rp->next;
		free(rp);
	}
}
