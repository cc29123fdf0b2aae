/* SPDX-License-Identifier: Apache-2.0 */
/* Is anything of what slots lost still listed: objects that are lost, or that
 * were there before and have a chunk in such a slot. A pass over the catalog, a
 * bounded piece of work at a time. Pure. */
#ifndef LR_CORE_LOSSES_H
#define LR_CORE_LOSSES_H

#include "core/catalog.h"

struct lr_losses {
	uint64_t before_ms[LR_SLOTS]; /* Unix: when it was lost; 0: it was not */
	bool missed[LR_SLOTS];	      /* by an object, as far as was looked */
	struct lr_id at;	      /* looked at up to here, once begun */
	bool begun;
};

/* A pass begins: the slots are told by before_ms[] after that. */
void lr_losses_begin(struct lr_losses *l);
/* Looks at some `most` entries; values over chunk_bytes are in chunks. True: at
 * all of them by now. */
bool lr_losses_look(struct lr_losses *l, const struct lr_catalog *k,
		    uint64_t chunk_bytes, size_t most);

#endif
