/* SPDX-License-Identifier: Apache-2.0 */
/* Placement: assign by deficit (protocol section 5). Deterministic and pure.
 * Given the table as it is and the donors that may hold copies, says who shall
 * hold each slot, with the least movement. */
#ifndef LR_CORE_PLACEMENT_H
#define LR_CORE_PLACEMENT_H

#include "core/view.h"

struct lr_place_donor {
	uint64_t inc;
	uint64_t weight; /* bytes offered; 0 takes no new copies */
	struct lr_dev machine;
	uint32_t site; /* number given to equal `site` texts */
};

/* want[slot]: who shall hold it, best first; n <= copies of its class. */
struct lr_want {
	uint64_t mem[LR_CLASSES];
	uint8_t n;
};

/* `cfg` and `want` have `nslots` rows; slots_per_class = nslots / 3. Donors
 * that are not listed are gone. False: no memory. */
bool lr_place(const struct lr_cfg *cfg, unsigned nslots,
	      const struct lr_place_donor *donors, size_t n,
	      struct lr_want *want);

/* Bytes that users can store at `copies` copies, on as many machines and sites
 * as placement puts them on; with fewer donors than copies, at one a donor. */
uint64_t lr_place_usable(const struct lr_place_donor *donors, size_t n,
			 unsigned copies);

#endif
